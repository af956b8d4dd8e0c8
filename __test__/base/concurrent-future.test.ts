import test from 'ava';
import {
  AssertionError,
  CancelledError,
  ConcurrentCancelledError,
  ConcurrentFuture,
  ConcurrentInvalidStateError,
  InvalidStateError,
  _chainFuture,
  _convertFutureExc,
  _copyFutureState,
  _setConcurrentFutureState,
  isFuture,
  logger,
  runCoroutineThreadsafe,
  sleep,
  wrapFuture,
} from 'miolo/base';
import type { Coroutine, Future } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

const inLoop = async <T>(body: (loop: VirtualClockLoop) => Coroutine<T>): Promise<T> => {
  const loop = new VirtualClockLoop();
  try {
    return await loop.runUntilComplete(body(loop));
  } finally {
    loop.close();
  }
};

/** Runs what is ready, and what that makes ready. */
const turns = (loop: VirtualClockLoop, count = 3): void => {
  function* wait(): Coroutine<void> {
    for (let turn = 0; turn < count; turn++) yield;
  }
  loop.runUntilCompleteSync(wait());
};

test.serial('a job is pending, running, finished; it can be cancelled only before it runs', (t) => {
  const future = new ConcurrentFuture<number>();
  t.deepEqual([future.running(), future.done(), future.cancelled()], [false, false, false]);
  t.true(future.setRunningOrNotifyCancel());
  t.deepEqual([future.running(), future.done(), future.cancelled()], [true, false, false]);
  t.false(future.cancel());
  future.setResult(7);
  t.deepEqual([future.running(), future.done(), future.cancelled()], [false, true, false]);
  t.is(future.result(), 7);
  t.is(future.exception(), null);
  t.false(future.cancel());
});

test.serial('a job cancelled before it began must not begin', (t) => {
  const future = new ConcurrentFuture();
  t.true(future.cancel());
  t.true(future.cancel());
  t.false(future.setRunningOrNotifyCancel());
  t.true(future.cancelled());
  t.true(future.cancel());
  t.throws(() => future.setRunningOrNotifyCancel(), { name: 'RuntimeError' });
  t.throws(() => future.result(), { instanceOf: ConcurrentCancelledError });
  t.throws(() => future.exception(), { instanceOf: ConcurrentCancelledError });
});

test.serial('a job begins once, and is completed once', (t) => {
  const future = new ConcurrentFuture<number>();
  future.setRunningOrNotifyCancel();
  t.throws(() => future.setRunningOrNotifyCancel(), { message: /unexpected state: RUNNING/ });
  future.setResult(1);
  t.throws(() => future.setResult(2), { instanceOf: ConcurrentInvalidStateError });
  t.throws(() => future.setException(new Error('x')), { instanceOf: InvalidStateError });
  t.is(future.result(), 1);
});

test.serial(
  'nothing blocks: the outcome of a pending job is an InvalidStateError, and its error is thrown as it is',
  (t) => {
    const future = new ConcurrentFuture<number>();
    t.throws(() => future.result(), { instanceOf: InvalidStateError });
    t.throws(() => future.exception(), { instanceOf: InvalidStateError });
    const error = new RangeError('mine');
    future.setException(error);
    t.is(future.exception(), error);
    t.is(
      t.throws(() => future.result()),
      error,
    );
  },
);

test.serial('a job that throws undefined has failed nevertheless', (t) => {
  const future = new ConcurrentFuture();
  future.setException(undefined);
  t.throws(() => future.result(), { message: 'the job threw undefined' });
});

test.serial(
  'callbacks are called at once, in order, also after the end; one that throws is logged and stops nobody',
  (t) => {
    const logged: string[] = [];
    const former = logger.setSink((_level, message, details) =>
      logged.push(`${message} ${String(details[0])}`),
    );
    try {
      const future = new ConcurrentFuture<number>();
      const calls: string[] = [];
      future.addDoneCallback((it) => calls.push(`first ${it.result()}`));
      future.addDoneCallback(() => {
        throw new Error('of the callback');
      });
      future.addDoneCallback(() => calls.push('third'));
      future.setResult(5);
      t.deepEqual(calls, ['first 5', 'third']);
      future.addDoneCallback(() => calls.push('late'));
      t.deepEqual(calls, ['first 5', 'third', 'late']);
      t.is(logged.length, 1);
      t.regex(
        logged[0]!,
        /exception calling callback for <ConcurrentFuture state=finished returned Number>.*of the callback/,
      );
    } finally {
      logger.setSink(former);
    }
  },
);

test.serial('async functions await it', async (t) => {
  const future = new ConcurrentFuture<string>();
  const waiting = (async () => await future)();
  future.setResult('done');
  t.is(await waiting, 'done');
  const cancelled = new ConcurrentFuture();
  cancelled.cancel();
  await t.throwsAsync(async () => await cancelled, { instanceOf: ConcurrentCancelledError });
});

test.serial('it is no future of a loop, and says what it is', (t) => {
  const future = new ConcurrentFuture();
  t.false(isFuture(future));
  t.is(String(future), '<ConcurrentFuture state=pending>');
  future.setException(new TypeError('x'));
  t.is(String(future), '<ConcurrentFuture state=finished raised TypeError>');
});

test.serial('wrapFuture carries results, errors and cancellations of a thread into the loop', async (t) => {
  await inLoop(function* (loop) {
    const good = new ConcurrentFuture<number>();
    const wrapped = wrapFuture(good);
    t.is(wrapped.getLoop(), loop as never);
    loop.callLater(1, () => good.setResult(3));
    t.is(yield* wrapped, 3);

    const bad = new ConcurrentFuture<number>();
    const error = new Error('of the job');
    loop.callLater(1, () => bad.setException(error));
    try {
      yield* wrapFuture(bad);
      t.fail();
    } catch (thrown) {
      t.is(thrown, error);
    }

    const gone = new ConcurrentFuture<number>();
    const waiting = wrapFuture(gone);
    gone.cancel();
    yield;
    t.true(waiting.cancelled());
  });
});

test.serial('wrapFuture returns futures of loops as they are, and refuses everything else', async (t) => {
  await inLoop(function* (loop) {
    const future = loop.createFuture<void>();
    t.is(wrapFuture(future), future as never);
    t.throws(() => wrapFuture(Promise.resolve() as never), { instanceOf: TypeError });
    future.setResult();
    yield;
  });
});

test.serial('cancelling the wrapper cancels a queued job and only detaches from a running one', async (t) => {
  await inLoop(function* () {
    const queued = new ConcurrentFuture<number>();
    wrapFuture(queued).cancel();
    yield;
    t.true(queued.cancelled());

    const running = new ConcurrentFuture<number>();
    running.setRunningOrNotifyCancel();
    const wrapper = wrapFuture(running);
    wrapper.cancel();
    yield;
    t.true(running.running());
    running.setResult(1);
    yield;
    t.true(wrapper.cancelled());
  });
});

test.serial('a chain crosses loops: the outcome goes forward, the cancellation backward', (t) => {
  const one = new VirtualClockLoop();
  const two = new VirtualClockLoop();
  const source = one.createFuture<string>();
  const destination = two.createFuture<string>();
  _chainFuture(source, destination);
  source.setResult('across');
  turns(one);
  t.false(destination.done(), 'the other loop does it in its own turn');
  turns(two);
  t.is(destination.result(), 'across');

  const source2 = one.createFuture<string>();
  const destination2 = two.createFuture<string>();
  _chainFuture(source2, destination2);
  destination2.cancel();
  turns(two);
  t.false(source2.done());
  turns(one);
  t.true(source2.cancelled());
  one.close();
  two.close();
});

test.serial('a chain to or from a closed loop is silent', (t) => {
  const open = new VirtualClockLoop();
  const closed = new VirtualClockLoop();
  const source = open.createFuture<string>();
  _chainFuture(source, closed.createFuture<string>());
  const job = new ConcurrentFuture<string>();
  const wrapper = wrapFuture(job, { loop: closed });
  const back = open.createFuture<string>();
  _chainFuture(closed.createFuture<string>(), back);
  closed.close();
  source.setResult('x');
  back.cancel();
  const logged: string[] = [];
  const former = logger.setSink((_level, message) => logged.push(message));
  try {
    job.setResult('y');
    turns(open);
  } finally {
    logger.setSink(former);
  }
  t.deepEqual(logged, []);
  t.false(wrapper.done());
  open.close();
});

test.serial('chains link futures only', (t) => {
  t.throws(() => _chainFuture({} as never, new ConcurrentFuture()), { message: /source: a future/ });
  t.throws(() => _chainFuture(new ConcurrentFuture(), 5 as never), { message: /destination: a future/ });
});

test.serial('exactly the classes of threads are converted', (t) => {
  const cancelled = _convertFutureExc(new ConcurrentCancelledError('why')) as CancelledError;
  t.true(cancelled instanceof CancelledError);
  t.deepEqual(cancelled.args, ['why']);
  const invalid = _convertFutureExc(new ConcurrentInvalidStateError('how')) as InvalidStateError;
  t.is(invalid.constructor, InvalidStateError);
  t.is(invalid.message, 'how');
  class Derived extends ConcurrentCancelledError {}
  for (const other of [new Derived('x'), new InvalidStateError('x'), new Error('x'), 'text', null]) {
    t.is(_convertFutureExc(other), other);
  }
});

test.serial('states are copied from futures that are done to futures that are not', (t) => {
  const loop = new VirtualClockLoop();
  const pending = loop.createFuture<number>();
  t.throws(() => _copyFutureState(new ConcurrentFuture(), pending), { instanceOf: AssertionError });
  const done = new ConcurrentFuture<number>();
  done.setResult(4);
  _copyFutureState(done, pending);
  t.is(pending.result(), 4);
  t.throws(() => _copyFutureState(done, pending), { instanceOf: AssertionError });
  const cancelled = loop.createFuture<number>();
  cancelled.cancel();
  t.notThrows(() => _copyFutureState(done, cancelled));

  const concurrent = new ConcurrentFuture<number>();
  _setConcurrentFutureState(concurrent as never, pending);
  t.is(concurrent.result(), 4);
  const alsoCancelled = new ConcurrentFuture<number>();
  _setConcurrentFutureState(alsoCancelled as never, cancelled);
  t.is(alsoCancelled._state, 'CANCELLED_AND_NOTIFIED');
  loop.close();
});

test.serial('runCoroutineThreadsafe gives the result, or the error, to a future of no loop', async (t) => {
  const loop = new VirtualClockLoop();
  function* body(fail: boolean): Coroutine<string> {
    yield* sleep(1);
    if (fail) throw new RangeError('inside');
    return 'result';
  }
  const running = loop.runForever();
  const good = runCoroutineThreadsafe(body(false), loop);
  t.true(good instanceof ConcurrentFuture);
  t.is(await good, 'result');
  await t.throwsAsync(async () => await runCoroutineThreadsafe(body(true), loop), { instanceOf: RangeError });
  loop.stop();
  await running;
  loop.close();
  t.throws(() => runCoroutineThreadsafe((() => 5) as never, loop), { instanceOf: TypeError });
  t.throws(() => runCoroutineThreadsafe(body(false), loop), { message: 'Event loop is closed' });
});

test.serial(
  'cancelling the future of runCoroutineThreadsafe cancels the task, and the other way round',
  (t) => {
    const loop = new VirtualClockLoop();
    let seen = '';
    function* body(): Coroutine<void> {
      try {
        yield* loop.createFuture();
      } catch (error) {
        seen = (error as Error).name;
        throw error;
      }
    }
    const future = runCoroutineThreadsafe(body(), loop);
    turns(loop);
    t.true(future.cancel());
    turns(loop);
    t.is(seen, 'CancelledError');

    function* givesUp(): Coroutine<void> {
      throw new CancelledError();
    }
    const other = runCoroutineThreadsafe(givesUp(), loop);
    turns(loop, 5);
    t.true(other.cancelled());
    loop.close();
  },
);

test.serial('a failing task factory is told to whoever waits and to the loop', (t) => {
  const loop = new VirtualClockLoop();
  const reported: unknown[] = [];
  loop.setExceptionHandler((_loop, context) => reported.push(context.exception));
  const error = new TypeError('of the factory');
  function* body(): Coroutine<void> {}
  const future = runCoroutineThreadsafe(body(), loop);
  loop.setTaskFactory(() => {
    throw error;
  });
  const ready: Future<void> = loop.createFuture<void>();
  loop.callLater(1, () => ready.setResult());
  loop.runUntilCompleteSync(ready);
  t.is(future.exception(), error);
  t.deepEqual(reported, [error]);
  loop.close();
});
