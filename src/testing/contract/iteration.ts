/** The turn: what runs in which order. */
import { ContextVar, Context, type Handle, copyContext } from '../../base/index.ts';
import type { Bench, Spec } from './bench.ts';

/** Rounds after which a callback that queues itself gives up: the loop would never poll. */
const STARVED = 1000;

export const ITERATION: readonly Spec[] = [
  {
    name: 'ready handles run first in, first out, each once',
    rule: 'callSoon is strictly first in, first out, and runs each handle at most once',
    async body(bench) {
      const log: number[] = [];
      for (let at = 0; at < 50; at++) bench.loop.callSoon((value: number) => log.push(value), [at]);
      await bench.turn();
      await bench.turn();
      bench.same(
        log,
        Array.from({ length: 50 }, (_, at) => at),
        'the order of 50 handles',
      );
    },
  },
  {
    name: 'what a callback queues waits for the next turn, after another poll',
    rule: 'the number of ready handles is read once before they run; what they queue waits for the next turn',
    async body(bench) {
      const log: string[] = [];
      bench.onPoll = () => log.push('poll');
      bench.loop.callSoon(() => {
        log.push('first');
        bench.loop.callSoon(() => {
          log.push('queued by first');
          bench.loop.stop();
        });
      });
      bench.loop.callSoon(() => log.push('second'));
      await bench.forever();
      bench.same(
        log,
        ['poll', 'first', 'second', 'poll', 'queued by first'],
        'the order of polls and handles',
      );
    },
  },
  {
    name: 'callbacks that queue themselves do not starve I/O',
    rule: 'each turn polls, so callSoon from a callback can never starve I/O',
    async body(bench) {
      let rounds = 0;
      let served = 0;
      const again = (): void => {
        rounds++;
        if (rounds === 10) {
          bench.addIo(() => {
            served = rounds;
            bench.loop.stop();
          });
        }
        if (rounds === STARVED) bench.loop.stop();
        else bench.loop.callSoon(again);
      };
      bench.loop.callSoon(again);
      await bench.forever();
      bench.ok(
        served === 11,
        'I/O that is ready in round 10 to be served after round 11',
        served === 0 ? `it was not served in ${rounds} rounds` : `it was served after round ${served}`,
      );
    },
  },
  {
    name: 'a turn runs what was ready, then I/O, then due timers',
    rule: 'handles that were ready before the poll come first, then I/O, then due timers behind them',
    async body(bench) {
      const log: string[] = [];
      bench.loop.callLater(0, () => log.push('timer'));
      bench.addIo(() => log.push('I/O'));
      bench.loop.callSoon(() => log.push('ready'));
      // Clocks may stand still for a moment: the timer is due in this turn or in one soon.
      while (log.length < 3 && bench.polls < STARVED) await bench.turn();
      bench.same(log, ['ready', 'I/O', 'timer'], 'the order in a turn');
    },
  },
  {
    name: 'a cancelled handle does not run, and lets go of its callback and arguments at once',
    rule: 'a handle cancelled while queued is skipped silently and releases callback and arguments when cancelled',
    async body(bench) {
      let ran = 0;
      const handle = bench.loop.callSoon((_argument: object) => ran++, [{}]);
      bench.same(handle.cancelled(), false, 'cancelled() before the cancel');
      handle.cancel();
      handle.cancel();
      bench.same(handle.cancelled(), true, 'cancelled() after the cancel');
      bench.same([handle._callback, handle._args.length], [null, 0], 'callback and number of arguments kept');
      await bench.turn();
      await bench.turn();
      bench.same(ran, 0, 'how often a cancelled handle ran');
    },
  },
  {
    name: 'a handle cancelled by another one of the same turn does not run',
    rule: 'a handle is looked at when its turn comes, not when the turn begins',
    async body(bench) {
      let ran = 0;
      bench.loop.callSoon(() => second.cancel());
      const second: Handle = bench.loop.callSoon(() => ran++);
      await bench.turn();
      await bench.turn();
      bench.same(ran, 0, 'how often it ran');
    },
  },
  {
    name: 'a cancelled I/O handle is not queued, one cancelled after that is skipped',
    rule: 'a handle of I/O that is cancelled when its event is processed does not run, nor one cancelled later',
    async body(bench) {
      const log: string[] = [];
      bench.addIo(() => log.push('cancelled before the poll')).cancel();
      const queued = bench.addIo(() => log.push('cancelled after it was queued'));
      bench.loop.callSoon(() => queued.cancel());
      await bench.turn();
      await bench.turn();
      bench.same(log, [], 'what ran');
    },
  },
  {
    name: 'a stop is polled for without waiting, although the next timer is far',
    rule: 'the poll does not wait when anything is ready or a stop is pending',
    async body(bench) {
      let ran = 0;
      bench.loop.callLater(3600, () => ran++);
      const before = bench.loop.time();
      bench.loop.callSoon(() => {});
      await bench.turn();
      await bench.turn();
      bench.same(ran, 0, 'how often a timer in an hour ran');
      bench.ok(bench.loop.time() - before < 3600, 'less than an hour to pass', 'an hour passed');
    },
  },
  {
    name: 'a callback runs in a copy of the context it was registered in, and what it sets stays there',
    rule: 'each handle gets a context copied at registration, and the former context is current again afterwards',
    async body(bench) {
      const variable = new ContextVar<string>('contract', { default: 'none' });
      const seen: string[] = [];
      const note = (): void => {
        seen.push(variable.get());
        variable.set('set by a callback');
      };
      copyContext().run(() => {
        variable.set('registered');
        bench.loop.callSoon(note);
        bench.loop.callSoon(note);
        bench.loop.callLater(0, note);
        variable.set('changed later');
      });
      bench.loop.callSoon(note);
      while (seen.length < 4 && bench.polls < STARVED) await bench.turn();
      bench.same(
        [...seen].sort(),
        ['none', 'registered', 'registered', 'registered'],
        'what the callbacks saw, sorted',
      );
      bench.same(variable.get(), 'none', 'what whoever ran the loop sees');
    },
  },
  {
    name: 'a callback that throws leaves its context as one that returns does',
    rule: 'the context of a handle is left whatever the callback does',
    async body(bench) {
      const variable = new ContextVar<string>('contract', { default: 'none' });
      const seen: string[] = [];
      bench.loop.callSoon(() => {
        variable.set('set by the one that throws');
        throw new Error('expected');
      });
      bench.loop.callSoon(() => seen.push(variable.get()));
      await bench.turn();
      bench.same(bench.takeReports().length, 1, 'reports');
      bench.same([...seen, variable.get()], ['none', 'none'], 'what the next callback and the caller see');
    },
  },
  {
    name: 'a context that is given is used itself',
    rule: 'a context supplied by the caller is used itself, so that changes persist in it',
    async body(bench) {
      const variable = new ContextVar<number>('contract', { default: 0 });
      const context = new Context();
      const count = (): void => void variable.set(variable.get() + 1);
      bench.loop.callSoon(count, [], { context });
      bench.loop.callSoonThreadsafe(count, [], { context });
      bench.loop.callLater(0, count, [], { context });
      bench.loop.callAt(bench.loop.time(), count, [], { context });
      while (context.get(variable, 0) < 4 && bench.polls < STARVED) await bench.turn();
      bench.same(context.get(variable, 0), 4, 'what four callbacks counted in their common context');
    },
  },
  {
    name: 'callSoonThreadsafe wakes a loop that waits',
    rule: 'callSoonThreadsafe appends first and wakes second',
    only: 'hosted',
    body: (bench) => wokenBy(bench, (callback) => bench.loop.callSoonThreadsafe(callback)),
  },
  {
    name: 'what is queued outside of a turn is run without waiting for anything else',
    rule: 'a loop that others drive is asked for a turn by whatever is begun outside of one',
    only: 'hosted',
    body: (bench) => wokenBy(bench, (callback) => bench.loop.callSoon(callback)),
  },
];

/** A run that has nothing to do is given something from outside. */
async function wokenBy(bench: Bench, queue: (callback: () => void) => unknown): Promise<void> {
  const log: string[] = [];
  bench.loop._hold();
  try {
    const run = bench.forever();
    setTimeout(() => {
      queue(() => {
        log.push('ran');
        bench.loop.stop();
      });
      log.push('queued');
    }, 5);
    await run;
  } finally {
    bench.loop._release();
  }
  bench.same(log, ['queued', 'ran'], 'what happened');
}
