import test from 'ava';
import {
  CancelledError,
  Handle,
  ValueError,
  gather,
  shield,
  sleep,
  wait,
  waitFor,
  TaskGroup,
} from 'miolo/base';
import type { Coroutine, TimerHandle, Yieldable } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';
import { RecordingLoop, thrownBy } from './support.js';

test('a turn runs what was ready, then I/O, then due timers', (t) => {
  const loop = new RecordingLoop();
  const log: string[] = [];
  const note = (what: string): number => log.push(what);
  loop.callLater(0, note, ['timer']);
  loop.io.push(new Handle(note, ['io'], loop));
  loop.callSoon(note, ['ready']);
  loop.turn();
  t.deepEqual(log, ['ready', 'io', 'timer']);
});

test('cancelled timers are dropped before the poll timeout is computed', (t) => {
  const loop = new RecordingLoop();
  loop.callLater(2, () => t.fail()).cancel();
  loop.callLater(9, () => loop.stop());
  loop.runForeverSync();
  t.deepEqual(loop.polls, [9]);
});

test('what a callback queues waits for the next turn, after another poll', (t) => {
  const loop = new RecordingLoop();
  const log: string[] = [];
  loop.onPoll = () => log.push('poll');
  loop.callSoon(() => {
    log.push('a');
    loop.callSoon(() => {
      log.push('c');
      loop.stop();
    });
  });
  loop.callSoon(() => log.push('b'));
  loop.runForeverSync();
  t.deepEqual(log, ['poll', 'a', 'b', 'poll', 'c']);
});

test('callbacks that queue themselves for ever do not starve I/O', (t) => {
  const loop = new RecordingLoop();
  let rounds = 0;
  const again = (): void => {
    if (++rounds === 10) loop.io.push(new Handle(() => loop.stop(), [], loop));
    loop.callSoon(again);
  };
  loop.callSoon(again);
  loop.runForeverSync();
  t.is(rounds, 11);
});

test('callSoon keeps the order and runs each handle once', (t) => {
  const loop = new RecordingLoop();
  const log: number[] = [];
  for (let index = 0; index < 50; index++) loop.callSoon((at: number) => log.push(at), [index]);
  loop.turn();
  loop.turn();
  t.deepEqual(
    log,
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test('a handle cancelled while queued is skipped, and lets go of callback and arguments at once', (t) => {
  const loop = new RecordingLoop();
  const handle = loop.callSoon((_argument: object) => t.fail(), [{}]);
  t.false(handle.cancelled());
  handle.cancel();
  handle.cancel();
  t.true(handle.cancelled());
  t.is(handle._callback, null);
  t.deepEqual(handle._args, []);
  loop.turn();
  t.deepEqual(loop.reports, []);
});

test('a handle cancelled by another one of the same turn does not run', (t) => {
  const loop = new RecordingLoop();
  loop.callSoon(() => second.cancel());
  const second = loop.callSoon(() => t.fail());
  loop.turn();
  t.true(second.cancelled());
});

test('a due timer comes behind everything ready, and due timers go by deadline', (t) => {
  const loop = new RecordingLoop();
  const log: string[] = [];
  const note = (what: string): number => log.push(what);
  loop.advance(10);
  loop.callLater(0, note, ['now']);
  loop.callLater(-1, note, ['minus one']);
  loop.callAt(3, note, ['three']);
  loop.callSoon(note, ['ready']);
  loop.turn();
  t.deepEqual(log, ['ready', 'three', 'minus one', 'now']);
});

test('the poll does not wait when something is ready or a stop is pending', (t) => {
  const loop = new RecordingLoop();
  loop.callLater(5, () => {});
  loop.callSoon(() => {});
  loop.turn();
  loop.turn();
  t.deepEqual(loop.polls, [0, 0]);
  t.is(loop.time(), 0);
});

test('the poll waits for the earliest timer, a day at most', (t) => {
  const loop = new RecordingLoop();
  loop.callLater(100_000, () => loop.stop());
  loop.callLater(3, () => {});
  loop.runForeverSync();
  t.deepEqual(loop.polls, [3, 86_400, 100_000 - 3 - 86_400]);
});

test('the poll has no limit when there is no timer', (t) => {
  class IdleLoop extends RecordingLoop {
    override onIdle(): void {
      this.stop();
    }
  }
  const loop = new IdleLoop();
  loop.runForeverSync();
  t.deepEqual(loop.polls, [null]);
});

test('a past deadline polls with zero, not less', (t) => {
  const loop = new RecordingLoop();
  loop.advance(10);
  loop.callAt(4, () => loop.stop());
  loop.runForeverSync();
  t.deepEqual(loop.polls, [0]);
});

test('timers strictly within one tick of the clock fire in one turn', (t) => {
  const loop = new RecordingLoop();
  loop._clockResolution = 0.5;
  const log: [number, number][] = [];
  for (const when of [1, 1.25, 1.5]) loop.callAt(when, () => log.push([when, loop.turns]));
  loop.callAt(2, () => loop.stop());
  loop.runForeverSync();
  t.deepEqual(log, [
    [1, 1],
    [1.25, 1],
    [1.5, 2],
  ]);
});

test('of equal deadlines the first made runs first, in one turn', (t) => {
  const loop = new RecordingLoop();
  const log: [number, number][] = [];
  for (let index = 0; index < 12; index++) loop.callAt(1, () => log.push([index, loop.turns]));
  loop.callAt(2, () => loop.stop());
  loop.runForeverSync();
  t.deepEqual(
    log,
    Array.from({ length: 12 }, (_, index) => [index, 1]),
  );
});

for (const [total, cancelled, left] of [
  [101, 51, 50],
  [100, 80, 100],
  [102, 51, 102],
] as const) {
  test(`of ${total} timers with ${cancelled} cancelled behind the head ${left} stay`, (t) => {
    const loop = new RecordingLoop();
    const timers: TimerHandle[] = [];
    for (let index = 0; index < total; index++) timers.push(loop.callLater(index + 1, () => {}));
    for (const timer of timers.slice(-cancelled)) timer.cancel();
    t.is(loop._timerCancelledCount, cancelled);
    loop.turn();
    t.is(loop._scheduled.length, left);
    t.is(loop._timerCancelledCount, left === 50 ? 0 : cancelled);
  });
}

test('thousands of timers, of which some are added and cancelled by others, fire by deadline, then by age', (t) => {
  const loop = new VirtualClockLoop();
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48271) % 0x7fffffff;
    return seed % below;
  };
  const expected: [when: number, age: number][] = [];
  const fired: [when: number, age: number][] = [];
  const pending = new Map<number, TimerHandle>();
  let age = 0;
  const add = (): void => {
    // Few deadlines, so that many are equal.
    const entry: [number, number] = [loop.time() + 1 + random(40), age++];
    const timer = loop.callAt(entry[0], () => {
      fired.push(entry);
      pending.delete(entry[1]);
      if (age < 5000 && random(3) > 0) add();
      const victim = [...pending.values()][random(20)];
      if (victim !== undefined && random(4) === 0) {
        victim.cancel();
        for (const [key, value] of pending) if (value === victim) pending.delete(key);
        expected.splice(expected.indexOf(entries.get(victim)!), 1);
      }
    });
    pending.set(entry[1], timer);
    entries.set(timer, entry);
    expected.push(entry);
  };
  const entries = new Map<TimerHandle, [number, number]>();
  for (let i = 0; i < 2000; i++) add();
  loop.callAt(10_000, () => loop.stop());
  loop.runForeverSync();
  expected.sort(([when, itsAge], [other, otherAge]) => when - other || itsAge - otherAge);
  t.true(fired.length > 1500);
  t.deepEqual(fired, expected);
  loop.close();
});

test('a rebuilt heap still fires in the order of the deadlines', (t) => {
  const loop = new RecordingLoop();
  const log: number[] = [];
  for (let index = 0; index < 150; index++) {
    const when = ((index * 37) % 150) + 1;
    const timer = loop.callAt(when, () => log.push(when));
    if (when > 20) timer.cancel();
  }
  loop.callAt(200, () => loop.stop());
  loop.runForeverSync();
  t.deepEqual(
    log,
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
});

test('the loop hears of the first cancel of a timer only, and counts those among its timers only', (t) => {
  const heard: TimerHandle[] = [];
  class HearingLoop extends RecordingLoop {
    override _timerHandleCancelled(handle: TimerHandle): void {
      heard.push(handle);
      super._timerHandleCancelled(handle);
    }
  }
  const loop = new HearingLoop();
  const fired = loop.callLater(0, () => {});
  loop.turn();
  fired.cancel();
  fired.cancel();
  t.deepEqual(heard, [fired]);
  t.is(loop._timerCancelledCount, 0);
  const first = loop.callLater(1, () => {});
  const second = loop.callLater(2, () => {});
  first.cancel();
  t.is(loop._timerCancelledCount, 1);
  loop.turn();
  t.is(loop._timerCancelledCount, 0);
  t.deepEqual(loop._scheduled, [second]);
});

test('overriding time() moves deadlines and the due test to the new clock', (t) => {
  let now = 1000;
  class OtherClock extends VirtualClockLoop {
    override time(): number {
      return now;
    }
  }
  const loop = new OtherClock();
  const log: number[] = [];
  const timer = loop.callLater(5, () => log.push(now));
  t.is(timer.when(), 1005);
  const turn = (): void => {
    loop.stop();
    loop.runForeverSync();
  };
  turn();
  now = 1004;
  turn();
  t.deepEqual(log, []);
  now = 1005;
  turn();
  t.deepEqual(log, [1005]);
});

test('a virtual clock that is years ahead still reaches its timers', (t) => {
  const loop = new RecordingLoop();
  loop.advance(3e9);
  const start = loop.time();
  loop.onPoll = () => {
    if (loop.turns > 20) throw new RangeError('the timer is never due');
  };
  loop.complete(function* () {
    yield* sleep(0.3);
  });
  t.true(loop.time() >= start + 0.3);
});

test('callLater and callAt refuse a missing time', (t) => {
  const loop = new RecordingLoop();
  t.throws(() => loop.callLater(null as never, () => {}), { instanceOf: TypeError });
  t.throws(() => loop.callAt(null as never, () => {}), { instanceOf: TypeError });
  t.deepEqual(loop._scheduled, []);
});

test('a sleep of zero or less takes exactly one turn and no timer', (t) => {
  const loop = new RecordingLoop();
  loop.complete(function* () {
    for (const delay of [0, -1, -Infinity]) {
      const before = loop.turns;
      t.is(yield* sleep(delay, 'result'), 'result');
      t.is(loop.turns - before, 1);
      t.deepEqual(loop._scheduled, []);
    }
  });
});

test('a sleep of NaN is refused, an endless one waits, and a cancelled one cancels its timer', (t) => {
  const loop = new RecordingLoop();
  loop.complete(function* () {
    t.true(thrownBy(() => sleep(Number.NaN).next()) instanceof ValueError);
    t.true(thrownBy(() => sleep('1' as never).next()) instanceof TypeError);
    const task = loop.createTask(sleep(Infinity));
    yield* sleep(1_000_000);
    t.false(task.done());
    const [timer] = loop._scheduled;
    task.cancel();
    yield* sleep(0);
    yield* sleep(0);
    t.true(task.cancelled());
    t.true(timer!.cancelled());
  });
});

function* nothing(): Coroutine<number> {
  return 1;
}

const COSTS: [what: string, turns: number, awaitIt: (loop: RecordingLoop) => Coroutine<unknown>][] = [
  [
    'a finished future',
    0,
    function* (loop) {
      const future = loop.createFuture<number>();
      future.setResult(1);
      return yield* future;
    },
  ],
  ['sleep(0)', 1, () => sleep(0)],
  [
    'a future that a queued callback resolves',
    2,
    function* (loop) {
      const future = loop.createFuture<number>();
      loop.callSoon(() => future.setResult(1));
      return yield* future;
    },
  ],
  ['a task that never suspends', 2, (loop) => wrap(loop.createTask(nothing()))],
  ['gather of such tasks', 3, () => wrap(gather([nothing(), nothing()]))],
  ['wait for such tasks', 3, (loop) => wait([loop.createTask(nothing()), loop.createTask(nothing())])],
  ['shield of such a task', 3, () => wrap(shield(nothing()))],
  [
    'a task group of such tasks',
    3,
    () =>
      new TaskGroup().run(function* (group: TaskGroup) {
        group.createTask(nothing());
        group.createTask(nothing());
      }),
  ],
  ['waitFor of a coroutine that never suspends', 0, () => waitFor(nothing(), 1)],
];

function* wrap(future: Iterable<Yieldable, unknown>): Coroutine<unknown> {
  return yield* future;
}

for (const [what, turns, awaitIt] of COSTS) {
  test(`awaiting ${what} costs ${turns} turns`, (t) => {
    const loop = new RecordingLoop();
    loop.complete(function* () {
      const before = loop.turns;
      yield* awaitIt(loop);
      t.is(loop.turns - before, turns);
    });
  });
}

test('an I/O handle that is cancelled already is not queued, one cancelled after that is skipped', (t) => {
  const loop = new RecordingLoop();
  const cancelled = new Handle(() => t.fail(), [], loop);
  cancelled.cancel();
  loop._addCallback(cancelled);
  t.false(loop._isReady());
  const queued = new Handle(() => t.fail(), [], loop);
  loop.callSoon(() => queued.cancel());
  loop.io.push(cancelled, queued);
  loop.turn();
  t.true(queued.cancelled());
  t.false(loop._isReady());
});

test.serial('a hosted run goes by the same virtual clock, in the same order', async (t) => {
  const loop = new RecordingLoop();
  const log: [string, number][] = [];
  await loop.runUntilComplete(
    (function* (): Coroutine<void> {
      loop.callLater(3600, () => log.push(['timer', loop.time()]));
      loop.callSoon(() => log.push(['ready', loop.time()]));
      yield* sleep(7200);
      log.push(['main', loop.time()]);
      const task = loop.createTask(sleep(1));
      task.cancel('enough');
      const error = yield* gather([task], { returnExceptions: true });
      t.true((error[0] as unknown) instanceof CancelledError);
    })(),
  );
  t.deepEqual(log, [
    ['ready', 0],
    ['timer', 3600],
    ['main', 7200],
  ]);
});
