import test from 'ava';
import {
  CancelledError,
  ContextVar,
  Future,
  TimeoutError,
  ValueError,
  currentTask,
  gather,
  sleep,
  waitFor,
} from 'miolo/base';
import type { Coroutine, Task } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { ForeignFuture } from './foreign-future.js';
import { errorOf, fails, gives, runHosted, runOn, turns, turnsOf } from './harness.js';

test.serial('gives the result that comes in time, and leaves no timer', (t) => {
  runOn(function* (loop) {
    t.is(yield* waitFor(sleep(1, 'x'), 2), 'x');
    t.is(loop.time(), 1);
    yield* turns(2);
    t.is(loop._scheduled.length, 0);
  });
});

test.serial('without a timeout it just waits', (t) => {
  runOn(function* (loop) {
    t.is(yield* waitFor(sleep(1000, 'x'), null), 'x');
    t.is(yield* waitFor(loop.createTask(sleep(1, 'y')), null), 'y');
  });
});

test.serial(
  'at the end of time the awaitable is cancelled, and the error names the cancellation as its cause',
  (t) => {
    runOn(function* (loop) {
      const task = loop.createTask(sleep(9));
      const error = (yield* errorOf(waitFor(task, 2))) as TimeoutError;
      t.true(error instanceof TimeoutError);
      t.true(error.cause instanceof CancelledError);
      t.is(loop.time(), 2);
      t.true(task.cancelled());
    });
  },
);

test.serial('with 0 or less, what is done already gives its result at once', (t) => {
  runOn(function* (loop) {
    const done = loop.createFuture<string>();
    done.setResult('x');
    const failed = loop.createFuture<string>();
    failed.setException(new ValueError('no'));
    const before = loop.turns;
    t.is(yield* waitFor(done, 0), 'x');
    t.is(yield* waitFor(done, -1), 'x');
    t.true((yield* errorOf(waitFor(failed, 0))) instanceof ValueError);
    t.is(loop.turns, before);
  });
});

test.serial('with 0 or less a coroutine never starts', (t) => {
  runOn(function* () {
    let started = false;
    const coro = (function* (): Coroutine<void> {
      started = true;
    })();
    const error = (yield* errorOf(waitFor(coro, 0))) as TimeoutError;
    t.true(error instanceof TimeoutError);
    t.true(error.cause instanceof CancelledError);
    t.false(started);
  });
});

test.serial('with 0 or less, the end of what is cancelled is awaited', (t) => {
  runOn(function* (loop) {
    const slow = loop.createTask(
      (function* () {
        yield* errorOf(sleep(9));
        yield* sleep(3);
        return 'late';
      })(),
    );
    yield;
    t.is(yield* waitFor(slow, 0), 'late');
    t.is(loop.time(), 3);
    const failing = loop.createTask(
      (function* () {
        yield* errorOf(sleep(9));
        throw new ValueError('late');
      })(),
    );
    yield;
    t.true((yield* errorOf(waitFor(failing, -1))) instanceof ValueError);
  });
});

test.serial('with 0 or less the wait for the end can be cancelled itself', (t) => {
  runOn(function* (loop) {
    const stubborn = loop.createTask(
      (function* () {
        yield* errorOf(sleep(9));
        yield* sleep(5);
      })(),
    );
    yield;
    const waiting = loop.createTask(waitFor(stubborn, 0));
    yield* sleep(1);
    waiting.cancel();
    t.true((yield* errorOf(waiting)) instanceof CancelledError);
    t.false(stubborn.done());
    yield* stubborn;
  });
});

test.serial('a coroutine runs in the task that waits, with its context variables', (t) => {
  runOn(function* () {
    const variable = new ContextVar<string>('v');
    const outer = currentTask();
    yield* waitFor(
      (function* () {
        t.is(currentTask(), outer);
        variable.set('inner');
        yield;
      })(),
      1,
    );
    t.is(variable.get(), 'inner');
  });
});

test.serial('waiting for a coroutine that never waits takes no turn', (t) => {
  runOn(function* (loop) {
    t.is(yield* turnsOf(loop, waitFor(gives(1), 1)), 0);
  });
});

test.serial('a body that swallows the cancellation has its value returned', (t) => {
  runOn(function* (loop) {
    const result = yield* waitFor(
      (function* () {
        yield* errorOf(sleep(9));
        yield* sleep(1);
        return 'anyway';
      })(),
      2,
    );
    t.is(result, 'anyway');
    t.is(loop.time(), 3);
    t.is((currentTask() as Task).cancelling(), 0);
  });
});

test.serial('an error that the body raises instead of the cancellation is raised', (t) => {
  runOn(function* () {
    const error = (yield* errorOf(
      waitFor(
        (function* () {
          try {
            yield* sleep(9);
          } catch (cancellation) {
            const other = new ValueError('other');
            other.context = cancellation;
            throw other;
          }
        })(),
        1,
      ),
    )) as ValueError;
    t.is(error.message, 'other');
    const context = error.context as TimeoutError;
    t.true(context instanceof TimeoutError);
    t.true(context.cause instanceof CancelledError);
  });
});

test.serial('a result of the turn in which time runs out is lost to the caller, not to the future', (t) => {
  runOn(function* (loop) {
    const future = loop.createFuture<string>();
    // Both are due at the same time: the timeout, made later, comes behind the result.
    loop.callAt(1, () => future.setResult('x'));
    const error = yield* errorOf(waitFor(future, 1));
    t.true(error instanceof TimeoutError);
    t.is(future.result(), 'x');
  });
});

test.serial(
  'a result of the turn in which the caller is cancelled is lost to the caller, not to the future',
  (t) => {
    runOn(function* (loop) {
      const future = loop.createFuture<string>();
      const waiting = loop.createTask(waitFor(future, 9));
      yield;
      future.setResult('x');
      waiting.cancel();
      t.true((yield* errorOf(waiting)) instanceof CancelledError);
      t.is(future.result(), 'x');
    });
  },
);

test.serial('cancelling the caller cancels what it waits for, and stays a cancellation', (t) => {
  runOn(function* (loop) {
    const inner = loop.createTask(sleep(9));
    const waiting = loop.createTask(waitFor(inner, 5));
    yield;
    yield;
    waiting.cancel('why');
    const error = yield* errorOf(waiting);
    t.deepEqual((error as CancelledError).args, ['why']);
    t.true(inner.cancelled());
  });
});

test.serial('the errors of the awaitable pass', (t) => {
  runOn(function* () {
    t.true((yield* errorOf(waitFor(fails(new ValueError('x')), 1))) instanceof ValueError);
    t.true((yield* errorOf(waitFor(fails(new CancelledError('own')), 1))) instanceof CancelledError);
  });
});

test.serial('what cannot be awaited is a TypeError, and functions are not called', (t) => {
  runOn(function* () {
    let called = false;
    const fn = function* (): Coroutine<void> {
      called = true;
    };
    for (const timeout of [null, 1, 0]) {
      for (const bad of [5, 'ab', null, {}, fn, [], [sleep(1)], Promise.resolve()]) {
        t.true((yield* errorOf(waitFor(bad as never, timeout))) instanceof TypeError);
      }
    }
    t.false(called);
  });
});

test.serial('a timeout that is no number is a TypeError', (t) => {
  runOn(function* (loop) {
    const future = loop.createFuture<void>();
    t.true((yield* errorOf(waitFor(future, 'x' as never))) instanceof TypeError);
    t.true((yield* errorOf(waitFor(future, undefined as never))) instanceof TypeError);
    t.false(future.done());
  });
});

test.serial('futures and tasks of any make are waited for, and cancelled', (t) => {
  runOn(function* (loop) {
    const foreign = new ForeignFuture<string>(loop);
    loop.callLater(1, () => foreign.setResult('x'));
    t.is(yield* waitFor(foreign, 2), 'x');
    const never = new ForeignFuture(loop);
    t.true((yield* errorOf(waitFor(never, 1))) instanceof TimeoutError);
    t.true(never.cancelled());
    const other = new ForeignFuture(loop);
    t.true((yield* errorOf(waitFor(other, 0))) instanceof TimeoutError);
    t.true(other.cancelled());
    const task = new MiniTask(sleep(9), { loop, name: 'mini' });
    t.true((yield* errorOf(waitFor(task as Future, 1))) instanceof TimeoutError);
    t.true(task.cancelled());
  });
});

test.serial("a task of somebody else's make can wait for it", (t) => {
  runOn(function* (loop) {
    const task = new MiniTask(waitFor(sleep(9), 2), { loop, name: 'mini' });
    const error = yield* errorOf(task);
    t.true(error instanceof TimeoutError);
    t.is(loop.time(), 2);
    t.is(task.cancelling(), 0);
  });
});

test.serial('waits nest', (t) => {
  runOn(function* (loop) {
    const error = yield* errorOf(waitFor(waitFor(sleep(9), 5), 2));
    t.true(error instanceof TimeoutError);
    t.is(loop.time(), 2);
    const [, inner] = yield* gather([sleep(1), errorOf(waitFor(waitFor(sleep(9), 1), 3))]);
    t.true(inner instanceof TimeoutError);
    t.is(loop.time(), 3);
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async () => {
    t.is(await waitFor(sleep(1, 'x'), 2), 'x');
    const error = await t.throwsAsync(async () => await waitFor(sleep(9), 2), { instanceOf: TimeoutError });
    t.true(error!.cause instanceof CancelledError);
  });
});
