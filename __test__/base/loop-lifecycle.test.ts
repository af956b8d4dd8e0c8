import test from 'ava';
import {
  KeyboardInterrupt,
  NotImplementedError,
  RuntimeError,
  SystemExit,
  ValueError,
  _getRunningLoop,
  allTasks,
  fromPromise,
  getRunningLoop,
  sleep,
} from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { RecordingLoop, logOf, thrownBy } from './support.js';

const CLOSED = { instanceOf: RuntimeError, message: 'Event loop is closed' };

function* nothing(): Coroutine<void> {}

test('a stop before a run makes that run do one turn that does not wait', (t) => {
  const loop = new RecordingLoop();
  loop.callLater(60, () => t.fail());
  loop.stop();
  loop.runForeverSync();
  t.deepEqual(loop.polls, [0]);
  t.is(loop.time(), 0);
  t.false(loop.isRunning());
});

test('a stop in a callback lets the rest of the turn run, and leaves later handles to the next run', (t) => {
  const loop = new RecordingLoop();
  const log: string[] = [];
  loop.callSoon(() => {
    loop.stop();
    loop.callSoon(() => log.push('later'));
  });
  loop.callSoon(() => log.push('same turn'));
  loop.runForeverSync();
  t.deepEqual(log, ['same turn']);
  loop.turn();
  t.deepEqual(log, ['same turn', 'later']);
});

test('a run that is stopped early says so, and leaves the task pending and usable', (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(sleep(10, 'slept'));
  loop.callLater(1, () => loop.stop());
  t.throws(() => loop.runUntilCompleteSync(task), {
    instanceOf: RuntimeError,
    message: 'Event loop stopped before Future completed.',
  });
  t.false(task.done());
  t.is(task._callbacks, null);
  t.is(loop.runUntilCompleteSync(task), 'slept');
  t.is(loop.time(), 10);
});

test('a run takes its callback back when it ends with an error', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<void>();
  loop.callSoon(() => {
    throw new SystemExit(3);
  });
  t.throws(() => loop.runUntilCompleteSync(future), { instanceOf: SystemExit });
  t.is(future._callbacks, null);
});

for (const exit of [SystemExit, KeyboardInterrupt]) {
  test(`${exit.name} in a callback ends the run at once; the rest of the turn comes first in the next`, (t) => {
    const loop = new RecordingLoop();
    const log: string[] = [];
    loop.callSoon(() => {
      log.push('a');
      loop.callSoon(() => log.push('d'));
      throw new exit();
    });
    loop.callSoon(() => log.push('b'));
    loop.callSoon(() => log.push('c'));
    t.throws(() => loop.runForeverSync(), { instanceOf: exit });
    t.deepEqual(log, ['a']);
    t.false(loop.isRunning());
    t.is(_getRunningLoop(), null);
    loop.turn();
    t.deepEqual(log, ['a', 'b', 'c', 'd']);
    t.deepEqual(loop.reports, []);
  });

  test(`${exit.name} in a task step ends the run and is the outcome of the task`, (t) => {
    const loop = new RecordingLoop();
    const error = new exit();
    const task = loop.createTask(
      (function* (): Coroutine<void> {
        throw error;
      })(),
    );
    loop.callSoon(() => loop.stop());
    t.is(
      thrownBy(() => loop.runForeverSync()),
      error,
    );
    t.is(task.exception(), error);
    loop.runForeverSync();
  });

  test(`a future that ends with ${exit.name} does not end the next run`, (t) => {
    const loop = new RecordingLoop();
    t.throws(
      () =>
        loop.complete(function* () {
          yield* sleep(1);
          throw new exit();
        }),
      { instanceOf: exit },
    );
    const log: string[] = [];
    loop.callSoon(() => loop.callSoon(() => log.push('second turn') && loop.stop()));
    loop.runForeverSync();
    t.deepEqual(log, ['second turn']);
    // The run has told of the error.
    loop.close();
    t.deepEqual(loop.reports, []);
  });
}

test.serial('an exit of a task counts as retrieved only if the run made the task', async (t) => {
  const fail = function* (): Coroutine<void> {
    throw new SystemExit(1);
  };
  for (const isOurs of [false, true]) {
    const blocking = new RecordingLoop();
    const hosted = new RecordingLoop();
    t.throws(() => blocking.runUntilCompleteSync(isOurs ? blocking.createTask(fail()) : fail()), {
      instanceOf: SystemExit,
    });
    await t.throwsAsync(hosted.runUntilComplete(isOurs ? hosted.createTask(fail()) : fail()), {
      instanceOf: SystemExit,
    });
    for (const loop of [blocking, hosted]) {
      loop.close();
      t.deepEqual(
        loop.reports.map((report) => report.message),
        isOurs ? ['Task exception was never retrieved'] : [],
      );
    }
  }
});

test('a running loop can neither be started nor closed', (t) => {
  const loop = new RecordingLoop();
  const ran = { instanceOf: RuntimeError, message: 'This event loop is already running' };
  loop.complete(function* () {
    t.true(loop.isRunning());
    t.throws(() => loop.runForeverSync(), ran);
    t.throws(() => loop.runUntilCompleteSync(nothing()), ran);
    t.throws(() => loop.close(), {
      instanceOf: RuntimeError,
      message: 'Cannot close a running event loop',
    });
  });
  t.false(loop.isClosed());
});

test('another loop cannot block inside of a run, and has no task left of the attempt', (t) => {
  const loop = new RecordingLoop();
  const other = new RecordingLoop();
  const refused = {
    instanceOf: RuntimeError,
    message: 'Cannot run the event loop while another loop is running',
  };
  loop.complete(function* () {
    t.throws(() => other.runForeverSync(), refused);
    t.throws(() => other.runUntilCompleteSync(nothing()), refused);
    t.is(getRunningLoop(), loop);
  });
  t.is(allTasks(other).size, 0);
  t.false(other._isReady());
});

test('closing twice is harmless', (t) => {
  const loop = new RecordingLoop();
  loop.close();
  loop.close();
  t.true(loop.isClosed());
});

test.serial('a closed loop refuses to schedule and to run', async (t) => {
  const loop = new RecordingLoop();
  loop.close();
  t.throws(() => loop.callSoon(() => {}), CLOSED);
  t.throws(() => loop.callSoonThreadsafe(() => {}), CLOSED);
  t.throws(() => loop.callLater(1, () => {}), CLOSED);
  t.throws(() => loop.callAt(1, () => {}), CLOSED);
  t.throws(() => loop.createTask(nothing()), CLOSED);
  t.throws(() => loop.runForeverSync(), CLOSED);
  t.throws(() => loop.runUntilCompleteSync(nothing()), CLOSED);
  await t.throwsAsync(loop.runForever(), CLOSED);
  await t.throwsAsync(loop.runUntilComplete(nothing()), CLOSED);
});

test('a closed loop still makes futures, tells the time and can be stopped', (t) => {
  const loop = new RecordingLoop();
  loop.advance(5);
  loop.close();
  t.false(loop.createFuture().done());
  t.is(loop.time(), 5);
  loop.stop();
  t.false(loop.isRunning());
});

test('finishing a future of a closed loop throws when it has callbacks, and yet finishes it', (t) => {
  const loop = new RecordingLoop();
  const plain = loop.createFuture<number>();
  const watched = loop.createFuture<number>();
  watched.addDoneCallback(() => t.fail());
  loop.close();
  plain.setResult(1);
  t.throws(() => watched.setResult(2), CLOSED);
  t.is(watched.result(), 2);
});

test('what is queued when the loop closes does not run', (t) => {
  const loop = new RecordingLoop();
  loop.callSoon(() => t.fail());
  loop.callLater(0, () => t.fail());
  loop.close();
  t.false(loop._isAlive());
});

test('callSoonThreadsafe queues first and wakes then, also before the loop runs', (t) => {
  const seen: number[] = [];
  class WokenLoop extends RecordingLoop {
    override _writeToSelf(): void {
      seen.push(this._ready.length);
    }
  }
  const loop = new WokenLoop();
  const log: unknown[] = [];
  const handle = loop.callSoonThreadsafe((what: string) => log.push(what), ['called']);
  t.deepEqual(seen, [1]);
  loop.turn();
  t.deepEqual(log, ['called']);
  handle.cancel();
  loop.callSoonThreadsafe(() => t.fail()).cancel();
  loop.turn();
});

test('a handle that cancels itself while it runs finishes', (t) => {
  const loop = new RecordingLoop();
  const log: string[] = [];
  const handle = loop.callSoonThreadsafe(() => {
    handle.cancel();
    log.push('finished');
  });
  loop.turn();
  t.deepEqual(log, ['finished']);
  t.true(handle.cancelled());
});

test('a run refuses a future of another loop', (t) => {
  const loop = new RecordingLoop();
  const other = new RecordingLoop();
  t.throws(() => loop.runUntilCompleteSync(other.createFuture<void>()), { instanceOf: ValueError });
});

test('a hook that a loop does not provide names itself', (t) => {
  const loop = new RecordingLoop();
  t.throws(() => loop._makeSocket(2, 1, 0), { instanceOf: NotImplementedError, message: /_makeSocket/ });
});

test.serial('a hosted run resolves with the result, or rejects with the error', async (t) => {
  const loop = new RecordingLoop();
  t.is(await loop.runUntilComplete(sleep(100, 'slept')), 'slept');
  t.is(loop.time(), 100);
  const error = new ValueError('wrong');
  const failing = function* (): Coroutine<void> {
    throw error;
  };
  t.is(await t.throwsAsync(loop.runUntilComplete(failing())), error);
  t.false(loop.isRunning());
});

test.serial('a hosted run that is stopped early rejects and leaves the task to the next run', async (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(sleep(10, 'slept'));
  loop.callLater(1, () => loop.stop());
  await t.throwsAsync(loop.runUntilComplete(task), {
    instanceOf: RuntimeError,
    message: 'Event loop stopped before Future completed.',
  });
  t.is(task._callbacks, null);
  t.is(await loop.runUntilComplete(task), 'slept');
});

test.serial('an exit rejects a hosted run, and the rest of the turn is left to the next', async (t) => {
  const loop = new RecordingLoop();
  const log: string[] = [];
  loop.callSoon(() => {
    throw new KeyboardInterrupt();
  });
  loop.callSoon(() => log.push('rest'));
  await t.throwsAsync(loop.runForever(), { instanceOf: KeyboardInterrupt });
  t.false(loop.isRunning());
  t.deepEqual(log, []);
  loop.callSoon(() => loop.stop());
  await loop.runForever();
  t.deepEqual(log, ['rest']);
});

test.serial('a hosted loop refuses a second run, a blocking one, and to be closed', async (t) => {
  const loop = new RecordingLoop();
  const other = new RecordingLoop();
  const run = loop.runUntilComplete(sleep(1));
  await t.throwsAsync(loop.runForever(), { message: 'This event loop is already running' });
  t.throws(() => loop.runForeverSync(), { message: 'This event loop is already running' });
  t.throws(() => other.runUntilCompleteSync(nothing()), {
    message: 'Cannot run the event loop while another loop is running',
  });
  t.throws(() => loop.close(), { message: 'Cannot close a running event loop' });
  await run;
  loop.close();
});

test.serial('a hosted virtual clock waits for promises, and tells of a deadlock without one', async (t) => {
  const loop = new RecordingLoop();
  const value = await loop.runUntilComplete(
    (function* (): Coroutine<string> {
      const soon = new Promise<string>((resolve) => setImmediate(() => setImmediate(resolve, 'settled')));
      return yield* fromPromise(soon);
    })(),
  );
  t.is(value, 'settled');
  t.is(loop.time(), 0);
  await t.throwsAsync(loop.runUntilComplete(loop.createFuture()), {
    instanceOf: RuntimeError,
    message: /^deadlock/,
  });
});

test.serial('a promise that settles after its loop was closed tells nobody', async (t) => {
  const loop = new RecordingLoop();
  const settled = new Promise((resolve) => setImmediate(resolve));
  const promises = [settled, settled.then(() => Promise.reject(new Error('late')))];
  const futures = promises.map((promise) => fromPromise(promise, { loop }));
  for (const future of futures) future.addDoneCallback(() => t.fail());
  loop.close();
  await settled;
  // A rejection that nobody handles fails the test.
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(
    futures.map((future) => future.done()),
    [false, false],
  );
  t.deepEqual(loop.reports, []);
});

test('nothing is logged by an ordinary run', (t) => {
  const lines = logOf(() => {
    const loop = new RecordingLoop();
    loop.complete(nothing);
    loop.close();
  });
  t.deepEqual(lines, []);
});
