/** Timers: when they are due, and in which order. */
import type { TimerHandle } from '../../base/index.ts';
import type { Bench, Spec } from './bench.ts';

/** Turns after which a timer that is due must have run. */
const SOON = 1000;

export const TIMERS: readonly Spec[] = [
  {
    name: 'a due timer comes behind everything ready',
    rule: 'a due timer is appended after everything that is ready already, although it was made before',
    async body(bench) {
      const log: string[] = [];
      const past = bench.loop.time() - 1;
      bench.loop.callAt(past, () => log.push('timer'));
      bench.loop.callSoon(() => log.push('ready 1'));
      bench.loop.callSoon(() => log.push('ready 2'));
      await bench.turn();
      bench.same(log, ['ready 1', 'ready 2', 'timer'], 'the order in one turn');
    },
  },
  {
    name: 'due timers go by their deadlines, negative delays as well',
    rule: 'negative delays and deadlines in the past are due at once, ordered by deadline',
    async body(bench) {
      const log: string[] = [];
      const now = bench.loop.time();
      bench.loop.callLater(-1, () => log.push('a second ago'));
      bench.loop.callAt(now - 3, () => log.push('three seconds ago'));
      bench.loop.callAt(now - 2, () => log.push('two seconds ago'));
      await bench.turn();
      bench.same(log, ['three seconds ago', 'two seconds ago', 'a second ago'], 'the order in one turn');
    },
  },
  {
    name: 'timers run in the order of their deadlines, whatever the order they were made in',
    rule: 'the earliest deadline is due first',
    async body(bench) {
      const log: number[] = [];
      const start = bench.loop.time();
      for (let at = 0; at < 40; at++) {
        const step = ((at * 17) % 40) + 1;
        bench.loop.callAt(start + step / 4000, () => log.push(step));
      }
      bench.loop.callAt(start + 0.02, () => bench.loop.stop());
      await bench.forever();
      bench.same(
        log,
        Array.from({ length: 40 }, (_, at) => at + 1),
        'the order of 40 timers',
      );
    },
  },
  {
    name: 'no timer runs early',
    rule: 'a timer is due when its deadline is below the time after the poll plus one tick of the clock',
    async body(bench) {
      const early: string[] = [];
      const { loop } = bench;
      let left = 0;
      for (const delay of [0.0001, 0.0005, 0.001, 0.0015, 0.002, 0.0049, 0.005, 0.0101, 0.02]) {
        left++;
        const when = loop.time() + delay;
        loop.callLater(delay, () => {
          const now = loop.time();
          if (now + loop._clockResolution <= when) early.push(`one of ${delay} s ran ${when - now} s early`);
          if (--left === 0) loop.stop();
        });
      }
      await bench.forever();
      bench.ok(early.length === 0, 'every timer to run at its deadline or later', early.join('; '));
    },
  },
  {
    name: 'timers with one deadline run in one turn',
    rule: 'all timers within one tick of the clock fire together, without another poll',
    async body(bench) {
      const turns: number[] = [];
      const when = bench.loop.time() + 0.002;
      for (let at = 0; at < 12; at++) bench.loop.callAt(when, () => turns.push(bench.polls));
      bench.loop.callAt(when + 0.002, () => bench.loop.stop());
      await bench.forever();
      bench.same(turns.length, 12, 'timers that ran');
      bench.ok(new Set(turns).size === 1, 'all 12 in one turn', `they ran in the turns ${turns.join(' ')}`);
    },
  },
  {
    name: 'a due timer that a callback makes waits for the next turn',
    rule: 'due timers are looked for once a turn, after the poll',
    async body(bench) {
      const log: string[] = [];
      bench.loop.callSoon(() => {
        bench.loop.callLater(-1, () => {
          log.push('timer');
          bench.loop.stop();
        });
        bench.loop.callSoon(() => log.push('queued'));
      });
      bench.loop.callSoon(() => log.push('same turn'));
      bench.onPoll = () => log.push('poll');
      await bench.forever();
      bench.same(log, ['poll', 'same turn', 'poll', 'queued', 'timer'], 'the order of polls and handles');
    },
  },
  {
    name: 'a cancelled timer does not run, nor does the loop wait for it',
    rule: 'cancelled timers in front are dropped before the poll timeout is computed',
    async body(bench) {
      const log: string[] = [];
      const { loop } = bench;
      loop.callLater(0.001, () => log.push('cancelled')).cancel();
      const late = loop.callLater(3600, () => log.push('an hour later'));
      const due = loop.callAt(loop.time() - 1, () => log.push('cancelled in the turn it is due'));
      loop.callSoon(() => {
        due.cancel();
        late.cancel();
      });
      loop.callLater(0.002, () => loop.stop());
      await bench.forever();
      bench.same(log, [], 'what ran');
      bench.same(due.cancelled(), true, 'cancelled()');
    },
  },
  {
    name: 'many cancelled timers leave the others and their order alone',
    rule: 'with more than 100 timers, more than half of them cancelled, the heap is rebuilt without those',
    async body(bench) {
      const log: number[] = [];
      const start = bench.loop.time();
      for (let at = 0; at < 300; at++) {
        const step = ((at * 37) % 300) + 1;
        const timer = bench.loop.callAt(start + step / 50_000, () => log.push(step));
        if (step % 10 !== 0) timer.cancel();
      }
      bench.loop.callAt(start + 0.01, () => bench.loop.stop());
      await bench.forever();
      bench.same(
        log,
        Array.from({ length: 30 }, (_, at) => (at + 1) * 10),
        'the 30 timers of 300 that were not cancelled',
      );
    },
  },
  {
    name: 'the loop hears of the first cancel of a timer only',
    rule: '_timerHandleCancelled is called by the first cancel of a timer and by no other',
    async body(bench) {
      const { loop } = bench;
      const heard: TimerHandle[] = [];
      const hook = loop._timerHandleCancelled.bind(loop);
      loop._timerHandleCancelled = (handle) => {
        heard.push(handle);
        hook(handle);
      };
      const timer = loop.callLater(3600, () => {});
      timer.cancel();
      timer.cancel();
      await bench.turn();
      bench.same(heard, [timer], 'the handles of which the loop heard');
    },
  },
  {
    name: 'a timer without a number of seconds is a TypeError',
    rule: 'callLater and callAt refuse a missing time',
    async body(bench) {
      const { loop } = bench;
      await bench.throws(() => loop.callLater(null as never, () => {}), TypeError, 'callLater(null)');
      await bench.throws(() => loop.callAt(null as never, () => {}), TypeError, 'callAt(null)');
    },
  },
  {
    name: 'the clock is monotonic, and a timer knows its deadline',
    rule: 'time() never goes back; callLater is callAt with the time added',
    async body(bench) {
      const { loop } = bench;
      let last = loop.time();
      let back = 0;
      const look = (): void => {
        const now = loop.time();
        if (now < last) back++;
        last = now;
      };
      for (let at = 0; at < 20; at++) loop.callLater(at / 10_000, look);
      const before = loop.time();
      const timer = loop.callLater(5, () => {});
      const after = loop.time();
      bench.ok(
        timer.when() >= before + 5 && timer.when() <= after + 5,
        'the deadline to be 5 s after the call',
        `it is ${timer.when() - before} s after it`,
      );
      bench.same(loop.callAt(before + 7, () => {}).when(), before + 7, 'when() of callAt');
      loop.callLater(0.003, () => loop.stop());
      await bench.forever();
      bench.same(back, 0, 'how often the clock went back');
    },
  },
  {
    name: 'overriding time() moves every timer to the new clock',
    rule: "callLater uses the loop's own time(), and so does the due test: overriding it is enough for another clock",
    async body(bench) {
      const { loop } = bench;
      const start = loop.time() + 1000;
      let now = start;
      loop.time = () => now;
      const log: number[] = [];
      const timer = loop.callLater(5, () => log.push(now - start));
      bench.same(timer.when(), start + 5, 'the deadline by the new clock');
      await bench.turn();
      now = start + 4;
      await bench.turn();
      bench.same(log, [], 'what ran before its time');
      now = start + 5;
      await bench.turn();
      bench.same(log, [5], 'when the timer ran');
    },
  },
  {
    name: 'the loop wakes for its only timer',
    rule: 'the poll waits until the earliest deadline at most',
    body: onlyTimer,
  },
];

async function onlyTimer(bench: Bench): Promise<void> {
  for (let round = 0; round < 3; round++) {
    bench.loop.callLater(0.003, () => bench.loop.stop());
    const before = bench.polls;
    await bench.forever();
    const turns = bench.polls - before;
    bench.ok(turns < SOON, `fewer than ${SOON} turns for one timer of 3 ms`, `${turns} turns`);
  }
}
