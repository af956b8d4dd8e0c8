/** A loop's life: runs, stops, exits, and what works when. */
import {
  KeyboardInterrupt,
  RuntimeError,
  SystemExit,
  _getRunningLoop,
  getRunningLoop,
  sleep,
} from '../../base/index.ts';
import type { Coroutine } from '../../base/index.ts';
import type { Spec } from './bench.ts';

function* gives<T>(value: T): Coroutine<T> {
  yield;
  return value;
}

function* fails(error: unknown): Coroutine<never> {
  yield;
  throw error;
}

const EXITS = [SystemExit, KeyboardInterrupt];

export const LIFECYCLE: readonly Spec[] = [
  {
    name: 'a stop before a run makes that run do exactly one turn',
    rule: 'stop() only sets a flag: the next run does exactly one iteration, and its poll does not wait',
    async body(bench) {
      const log: string[] = [];
      bench.loop.callSoon(() => {
        log.push('first turn');
        bench.loop.callSoon(() => log.push('second turn'));
      });
      bench.loop.stop();
      await bench.forever();
      bench.same([bench.polls, ...log], [1, 'first turn'], 'polls of the run, and what ran');
      await bench.turn();
      bench.same(log, ['first turn', 'second turn'], 'what the next run adds');
    },
  },
  {
    name: 'a stop in a callback lets the rest of the turn run, and leaves later handles to the next run',
    rule: 'after a stop inside of a callback the rest of the snapshot still runs; later handles stay queued',
    async body(bench) {
      const log: string[] = [];
      bench.loop.callSoon(() => {
        bench.loop.stop();
        bench.loop.callSoon(() => log.push('queued after the stop'));
      });
      bench.loop.callSoon(() => log.push('rest of the turn'));
      await bench.forever();
      bench.same(log, ['rest of the turn'], 'what ran');
      await bench.turn();
      bench.same(log, ['rest of the turn', 'queued after the stop'], 'what the next run adds');
    },
  },
  {
    name: 'runUntilComplete gives the result, or throws the error',
    rule: 'run_until_complete returns the result of what it ran, or raises its exception',
    async body(bench) {
      bench.same(await bench.complete(gives('result')), 'result', 'the result');
      const error = new Error('expected');
      const thrown = await bench.throws(() => bench.complete(fails(error)), Error, 'the error');
      bench.same(thrown, error, 'the very error');
      const future = bench.loop.createFuture<number>();
      bench.loop.callSoon(() => future.setResult(3));
      bench.same(await bench.complete(future), 3, 'the result of a future');
    },
  },
  {
    name: 'a run that is stopped early says so, and leaves the task pending and usable',
    rule: 'run_until_complete on a loop stopped early is a RuntimeError; its stop callback is removed on every way out',
    async body(bench) {
      const { loop } = bench;
      const future = loop.createFuture<string>();
      loop.callSoon(() => loop.stop());
      const error = await bench.throws(() => bench.complete(future), RuntimeError, 'the outcome');
      bench.same(error.message, 'Event loop stopped before Future completed.', 'the message');
      bench.same(future.done(), false, 'done() of the future');
      // Was its callback left, the run would end with the turn after the next.
      const log: string[] = [];
      loop.callSoon(() => future.setResult('late'));
      loop.callLater(0.002, () => {
        log.push('the run went on');
        loop.stop();
      });
      await bench.forever();
      bench.same(log, ['the run went on'], 'what happened after the future was done');
      bench.same(await bench.complete(future), 'late', 'the result in a later run');
    },
  },
  ...EXITS.flatMap((exit): Spec[] => [
    {
      name: `${exit.name} in a callback ends the run at once; the rest of the turn comes first in the next`,
      rule: 'SystemExit and KeyboardInterrupt leave run_forever at once; the loop is not running, the rest stays queued',
      async body(bench) {
        const log: string[] = [];
        const error = new exit();
        bench.loop.callSoon(() => {
          log.push('a');
          bench.loop.callSoon(() => log.push('d'));
          throw error;
        });
        bench.loop.callSoon(() => log.push('b'));
        bench.loop.callSoon(() => log.push('c'));
        // Were the exit swallowed, the run would have no other end.
        bench.loop.callLater(1, () => bench.loop.stop());
        const thrown = await bench.throws(() => bench.forever(), exit, 'what the run ends with');
        bench.same(thrown, error, 'the very error');
        bench.same(log, ['a'], 'what ran');
        bench.same(
          [bench.loop.isRunning(), _getRunningLoop()],
          [false, null],
          'isRunning() and the running loop',
        );
        await bench.turn();
        bench.same(log, ['a', 'b', 'c', 'd'], 'what ran with the next run');
      },
    },
    {
      name: `${exit.name} in a task step ends the run, and is the outcome of the task`,
      rule: 'an exit in a task step is stored in the task and leaves the run as well',
      async body(bench) {
        const error = new exit();
        const task = bench.loop.createTask(fails(error));
        bench.loop.callLater(1, () => bench.loop.stop());
        const thrown = await bench.throws(() => bench.forever(), exit, 'what the run ends with');
        bench.same(thrown, error, 'the very error');
        bench.same([task.done(), task.exception()], [true, error], 'done() and exception() of the task');
        await bench.turn();
      },
    },
    {
      name: `${exit.name} as the outcome of a run does not end the next run early`,
      rule: 'when the awaited future ends with an exit its stop callback stops nothing: the run is over already',
      async body(bench) {
        await bench.throws(() => bench.complete(fails(new exit())), exit, 'what the run ends with');
        const log: string[] = [];
        bench.loop.callLater(0.002, () => {
          log.push('the run went on');
          bench.loop.stop();
        });
        await bench.forever();
        bench.same(log, ['the run went on'], 'what the next run does');
      },
    },
  ]),
  {
    name: 'a loop that runs can neither be run nor closed',
    rule: 'starting a running loop is a RuntimeError, and so is closing it',
    async body(bench) {
      const { loop } = bench;
      const errors: unknown[] = [];
      const attempt = (action: () => unknown): void => {
        try {
          action();
          errors.push(null);
        } catch (error) {
          // The check looks at it.
          errors.push(error);
        }
      };
      loop.callSoon(() => {
        attempt(() => loop.runForeverSync());
        attempt(() => loop.close());
        errors.push(loop.isRunning(), loop.isClosed());
        loop.stop();
      });
      await bench.forever();
      bench.isA(errors[0], RuntimeError, 'a run inside of a run');
      bench.isA(errors[1], RuntimeError, 'a close inside of a run');
      bench.same(errors.slice(2), [true, false], 'isRunning() and isClosed() in the callback');
      bench.same(loop.isRunning(), false, 'isRunning() after the run');
    },
  },
  {
    name: 'closing twice is fine, and an open loop says that it is',
    rule: 'closing a loop that is closed does nothing',
    body(bench) {
      const { loop } = bench;
      bench.same(
        [loop.isClosed(), loop.isRunning()],
        [false, false],
        'isClosed() and isRunning() of a new loop',
      );
      loop.close();
      loop.close();
      bench.same(loop.isClosed(), true, 'isClosed() after close()');
    },
  },
  {
    name: 'a closed loop schedules nothing and does not run',
    rule: 'after close() scheduling, create_task and runs raise "Event loop is closed"',
    async body(bench) {
      const { loop } = bench;
      loop.close();
      const coro = gives(1);
      const attempts: [what: string, action: () => unknown][] = [
        ['callSoon', () => loop.callSoon(() => {})],
        ['callSoonThreadsafe', () => loop.callSoonThreadsafe(() => {})],
        ['callLater', () => loop.callLater(1, () => {})],
        ['callAt', () => loop.callAt(1, () => {})],
        ['createTask', () => loop.createTask(coro)],
        ['runInExecutor', () => loop.runInExecutor(null, () => {})],
        ['runForeverSync', () => loop.runForeverSync()],
        ['runForever', () => loop.runForever()],
      ];
      for (const [what, action] of attempts) {
        const error = await bench.throws(action, RuntimeError, `${what}() of a closed loop`);
        bench.same(error.message, 'Event loop is closed', `the message of ${what}()`);
      }
    },
  },
  {
    name: 'a closed loop still makes futures, and tells the time',
    rule: 'after close() create_future, time and stop still work; finishing a future with callbacks raises, yet it is done',
    async body(bench) {
      const { loop } = bench;
      loop.close();
      const future = loop.createFuture<number>();
      bench.ok(Number.isFinite(loop.time()), 'time() to be a number', String(loop.time()));
      loop.stop();
      const waited = loop.createFuture<number>();
      waited.addDoneCallback(() => {});
      await bench.throws(() => waited.setResult(1), RuntimeError, 'finishing a future that has callbacks');
      future.setResult(2);
      bench.same(
        [waited.done(), future.result()],
        [true, 2],
        'done() of that one, and the result of another',
      );
    },
  },
  {
    name: 'what is queued when a loop closes does not run, and timers are forgotten',
    rule: 'close() clears the ready queue and the timers',
    body(bench) {
      let ran = 0;
      bench.loop.callSoon(() => ran++);
      const timer = bench.loop.callLater(0, () => ran++);
      bench.loop.close();
      timer.cancel();
      bench.same(ran, 0, 'how many callbacks ran');
    },
  },
  {
    name: 'the running loop is this one in callbacks and tasks, and none after the run',
    rule: 'get_running_loop() is the loop whose turn it is',
    async body(bench) {
      const { asLoop } = bench;
      const seen: unknown[] = [];
      bench.loop.callSoon(() => seen.push(getRunningLoop()));
      bench.loop.callLater(0, () => seen.push(getRunningLoop()));
      function* main(): Coroutine<void> {
        seen.push(getRunningLoop());
        yield* sleep(0.001);
        seen.push(getRunningLoop());
      }
      bench.same(_getRunningLoop(), null, 'the running loop before the run');
      await bench.complete(main());
      bench.same(seen.length, 4, 'callbacks and steps');
      for (const loop of seen) bench.same(loop, asLoop, 'the running loop');
      bench.same(_getRunningLoop(), null, 'the running loop after the run');
    },
  },
  {
    name: 'callSoonThreadsafe works before the loop runs',
    rule: 'callSoonThreadsafe is legal before the loop runs; only "closed" raises',
    async body(bench) {
      const log: string[] = [];
      bench.loop.callSoon(() => log.push('first'));
      bench.loop.callSoonThreadsafe(() => log.push('second'));
      await bench.turn();
      bench.same(log, ['first', 'second'], 'what ran');
    },
  },
  {
    name: 'a loop can be run again and again',
    rule: 'runs share the loop: what one leaves the next one finds',
    async body(bench) {
      const task = bench.loop.createTask(sleep(0.005, 'slept'));
      bench.same(await bench.complete(gives(1)), 1, 'the first run');
      bench.same(task.done(), false, 'done() of a task that sleeps longer');
      bench.same(await bench.complete(task), 'slept', 'its result in the second run');
    },
  },
];
