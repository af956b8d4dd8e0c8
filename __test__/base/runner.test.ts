import test from 'ava';
import {
  CancelledError,
  ContextVar,
  RuntimeError,
  Runner,
  SystemExit,
  Task,
  ValueError,
  copyContext,
  currentTask,
  getEventLoop,
  getRunningLoop,
  newEventLoop,
  run,
  runSync,
  setDefaultLoopFactory,
  setEventLoop,
  sleep,
} from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { ForeignFuture } from './foreign-future.js';
import { TestLoop, errorOf, fails, gives } from './harness.js';

/** A loop that notes what a runner does with it. */
class LoggingLoop extends TestLoop {
  readonly log: string[] = [];

  override *shutdownAsyncgens(): Coroutine<void> {
    this.log.push('shutdownAsyncgens');
  }

  override *shutdownDefaultExecutor(timeout?: number | null): Coroutine<void> {
    this.log.push(`shutdownDefaultExecutor ${timeout}`);
  }

  override close(): void {
    if (!this.isClosed()) this.log.push('close');
    super.close();
  }
}

/** Options that make one such loop, and the loop. */
function logging(): [options: { loopFactory: () => never }, loop: LoggingLoop] {
  const loop = new LoggingLoop();
  return [{ loopFactory: () => loop as never }, loop];
}

test.beforeEach(() => {
  setDefaultLoopFactory(() => new TestLoop() as never);
  setEventLoop(null);
});

test.serial('one loop and one context serve every call', (t) => {
  const runner = new Runner();
  const variable = new ContextVar<string>('v');
  const loops: unknown[] = [];
  runner.runSync(
    (function* () {
      loops.push(getRunningLoop());
      variable.set('kept');
    })(),
  );
  const value = runner.runSync(
    (function* () {
      loops.push(getRunningLoop());
      return variable.get();
    })(),
  );
  t.is(value, 'kept');
  t.is(loops[0], loops[1]);
  t.is<unknown, unknown>(loops[0], runner.getLoop());
  t.is(variable.get('unset'), 'unset');
  runner.closeSync();
});

test.serial('a context that is given takes the place of its own', (t) => {
  const runner = new Runner();
  const variable = new ContextVar<string>('v');
  const context = copyContext();
  const set = function* (): Coroutine<void> {
    variable.set('inside');
  };
  runner.runSync(set(), { context });
  t.is(context.get(variable), 'inside');
  t.is(
    runner.runSync(
      (function* () {
        return variable.get('unset');
      })(),
    ),
    'unset',
  );
  runner.closeSync();
});

test.serial('the loop is made when it is first needed', (t) => {
  let made = 0;
  const factory = (): never => {
    made++;
    return new TestLoop() as never;
  };
  const unused = new Runner({ loopFactory: factory });
  unused.closeSync();
  t.is(made, 0);
  const runner = new Runner({ loopFactory: factory });
  runner.getLoop();
  runner.getLoop();
  t.is(made, 1);
  runner.closeSync();
});

test.serial('the debug mode is set if it is given, and left alone if not', (t) => {
  for (const debug of [true, false, null]) {
    const loop = new TestLoop();
    loop.setDebug(true);
    const runner = new Runner({ debug, loopFactory: () => loop as never });
    t.is(runner.getLoop().getDebug(), debug ?? true);
    runner.closeSync();
  }
});

test.serial('its own loop becomes the current one, until it is closed', (t) => {
  const former = new TestLoop();
  setEventLoop(former as never);
  const runner = new Runner();
  t.is<unknown, unknown>(getEventLoop(), former);
  const loop = runner.getLoop();
  t.is<unknown, unknown>(getEventLoop(), loop);
  runner.closeSync();
  t.throws(() => getEventLoop(), { instanceOf: RuntimeError });
});

test.serial('with a loopFactory the current loop is left alone', (t) => {
  const former = new TestLoop();
  setEventLoop(former as never);
  const [options, loop] = logging();
  const runner = new Runner(options);
  runner.runSync(gives(1));
  t.is<unknown, unknown>(getEventLoop(), former);
  runner.closeSync();
  t.is<unknown, unknown>(getEventLoop(), former);
  t.true(loop.isClosed());
});

test.serial('closing ends what is left, shuts down, and closes the loop, in this order', (t) => {
  const [options, loop] = logging();
  const runner = new Runner(options);
  runner.runSync(
    (function* () {
      loop.createTask(
        (function* () {
          try {
            yield* sleep(99);
          } finally {
            yield* sleep(2);
            loop.log.push(`cleaned up at ${loop.time()}`);
          }
        })(),
      );
      yield;
    })(),
  );
  runner.closeSync();
  runner.closeSync();
  t.deepEqual(loop.log, ['cleaned up at 2', 'shutdownAsyncgens', 'shutdownDefaultExecutor 300', 'close']);
  t.deepEqual(loop.takeReports(), []);
});

test.serial('errors of tasks that are ended by closing are reported', (t) => {
  const [options, loop] = logging();
  const runner = new Runner(options);
  const bad = new ValueError('while ending');
  const task = loop.createTask(
    (function* () {
      yield* errorOf(sleep(99));
      throw bad;
    })(),
  );
  runner.runSync(gives(1));
  runner.closeSync();
  t.is(loop.reports.length, 1);
  const [report] = loop.reports;
  t.is(report!.message, 'unhandled exception during asyncio.run() shutdown');
  t.is(report!.exception, bad);
  t.is(report!.task, task);
});

test.serial('the loop is closed and the current one unset even if shutting down fails', (t) => {
  class Failing extends LoggingLoop {
    override *shutdownAsyncgens(): Coroutine<void> {
      throw new ValueError('shutdown');
    }
  }
  const loop = new Failing();
  setDefaultLoopFactory(() => loop as never);
  const runner = new Runner();
  runner.getLoop();
  t.throws(() => runner.closeSync(), { instanceOf: ValueError });
  t.true(loop.isClosed());
  t.throws(() => getEventLoop(), { instanceOf: RuntimeError });
  t.throws(() => runner.getLoop(), { instanceOf: RuntimeError, message: /closed/ });
});

test.serial('a main task that fails does not keep the runner from closing', (t) => {
  const [options, loop] = logging();
  const error = new ValueError('main');
  t.is(
    t.throws(() => runSync(fails(error), options)),
    error,
  );
  t.deepEqual(loop.log, ['shutdownAsyncgens', 'shutdownDefaultExecutor 300', 'close']);
  t.deepEqual(loop.takeReports(), []);
});

test.serial('an exit of the main task comes out, after cleaning up', (t) => {
  const [options, loop] = logging();
  const exit = new SystemExit(3);
  t.is<unknown, unknown>(
    t.throws(() => runSync(fails(exit), options)),
    exit,
  );
  t.true(loop.isClosed());
  t.deepEqual(loop.takeReports(), []);
});

test.serial('a main task that cancels itself ends as cancelled', (t) => {
  const [options] = logging();
  t.throws(
    () =>
      runSync(
        (function* () {
          currentTask()!.cancel('me');
          yield;
        })(),
        options,
      ),
    { instanceOf: CancelledError, message: 'me' },
  );
});

test.serial('it refuses to run inside of a running loop, and after closing', (t) => {
  const runner = new Runner();
  const outer = new TestLoop();
  outer.runUntilCompleteSync(
    (function* () {
      const coro = gives(1);
      t.throws(() => runner.runSync(coro), { instanceOf: RuntimeError, message: /running event loop/ });
      t.throws(() => runSync(coro), { instanceOf: RuntimeError, message: /running event loop/ });
      // Running is looked at before what is to run.
      t.throws(() => runner.runSync(5 as never), { instanceOf: RuntimeError });
      t.is(yield* coro, 1);
    })(),
  );
  outer.closeSilently();
  t.is(runner.runSync(gives(2)), 2);
  runner.closeSync();
  t.throws(() => runner.runSync(gives(1)), { instanceOf: RuntimeError, message: /closed/ });
});

test.serial('anything that can be awaited is run', (t) => {
  const [options, loop] = logging();
  const future = loop.createFuture<string>();
  loop.callLater(1, () => future.setResult('future'));
  const runner = new Runner(options);
  t.is(runner.runSync(future), 'future');
  const foreign = new ForeignFuture<string>(loop);
  loop.callLater(1, () => foreign.setResult('foreign'));
  t.is(runner.runSync(foreign), 'foreign');
  t.is(runner.runSync({ [Symbol.iterator]: () => gives('iterable') }), 'iterable');
  runner.closeSync();
});

test.serial('what cannot be awaited is a TypeError; a function is told to be called', (t) => {
  const main = function* (): Coroutine<void> {};
  const plain = (): Coroutine<void> => main();
  for (const bad of [5, 'x', null, undefined, {}, [], Promise.resolve()]) {
    const [options, loop] = logging();
    t.throws(() => runSync(bad as never, options), { instanceOf: TypeError });
    t.true(loop.isClosed());
  }
  for (const fn of [main, plain]) {
    const [options] = logging();
    t.throws(() => runSync(fn as never, options), { instanceOf: TypeError, message: /call/ });
  }
});

test.serial('the main task, and those that shut down, go through the task factory of the loop', (t) => {
  const [options, loop] = logging();
  const made: string[] = [];
  const runner = new Runner(options);
  loop.setTaskFactory((its, coro, given) => {
    made.push(given.context === undefined ? 'plain' : 'with context');
    return new Task(coro, { ...given, loop: its });
  });
  runner.runSync(gives(1));
  runner.closeSync();
  t.deepEqual(made, ['with context', 'plain', 'plain']);
});

test.serial('newEventLoop makes what the installation has', (t) => {
  const loop = newEventLoop();
  t.true((loop as unknown) instanceof TestLoop);
});

test.serial('hosted: one loop, one context, and cleaning up at the end', async (t) => {
  const [options, loop] = logging();
  const variable = new ContextVar<string>('v');
  const runner = new Runner(options);
  await runner.run(
    (function* () {
      yield* sleep(1);
      variable.set('kept');
      loop.createTask(sleep(99));
    })(),
  );
  const value = await runner.run(
    (function* () {
      return variable.get();
    })(),
  );
  t.is(value, 'kept');
  await runner.close();
  await runner.close();
  t.deepEqual(loop.log, ['shutdownAsyncgens', 'shutdownDefaultExecutor 300', 'close']);
  t.deepEqual(loop.takeReports(), []);
});

test.serial('hosted: a second run, and closing, are refused while it runs, and harm nothing', async (t) => {
  const [options, loop] = logging();
  const runner = new Runner(options);
  const running = runner.run(sleep(3, 'x'));
  const coro = gives(1);
  await t.throwsAsync(runner.run(coro), { instanceOf: RuntimeError });
  await t.throwsAsync(runner.close(), { instanceOf: RuntimeError });
  t.throws(() => runner.closeSync(), { instanceOf: RuntimeError });
  t.is(await running, 'x');
  t.is(await runner.run(coro), 1);
  await runner.close();
  t.true(loop.isClosed());
});

test.serial('hosted: what is wrong rejects, and does not throw', async (t) => {
  const [options, loop] = logging();
  await t.throwsAsync(run(5 as never, options), { instanceOf: TypeError });
  t.true(loop.isClosed());
  const [others] = logging();
  await t.throwsAsync(run(fails(new ValueError('x')), others), { instanceOf: ValueError });
  const closed = new Runner();
  closed.getLoop();
  await closed.close();
  await t.throwsAsync(closed.run(gives(1)), { instanceOf: RuntimeError });
});

test.serial('hosted: a runner can be disposed of', async (t) => {
  const [options, loop] = logging();
  const runner = new Runner(options);
  t.is(await runner.run(gives(1)), 1);
  await runner[Symbol.asyncDispose]();
  t.true(loop.isClosed());
});
