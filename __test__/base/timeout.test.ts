import test from 'ava';
import {
  AssertionError,
  CancelledError,
  ExceptionGroup,
  RuntimeError,
  Timeout,
  TimeoutError,
  ValueError,
  asyncWith,
  fromPromise,
  sleep,
  timeout,
  timeoutAt,
} from 'miolo/base';
import type { Coroutine, Task } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { ForeignFuture } from './foreign-future.js';
import { TestLoop, errorOf, fails, gives, me, runHosted, runOn, turns } from './harness.js';

test.serial('a block that ends in time gives its result and leaves no timer', (t) => {
  runOn(function* (loop) {
    const scope = timeout(2);
    t.is(yield* scope.run(sleep(1, 'x')), 'x');
    t.false(scope.expired());
    yield* turns(2);
    t.is(loop._scheduled.length, 0);
  });
});

test.serial('a block that is overdue is cancelled and ends with a TimeoutError', (t) => {
  runOn(function* (loop) {
    const scope = timeout(2);
    const error = (yield* errorOf(scope.run(sleep(9)))) as TimeoutError;
    t.true(error instanceof TimeoutError);
    t.true(error.cause instanceof CancelledError);
    t.is(loop.time(), 2);
    t.true(scope.expired());
    t.is(me().cancelling(), 0);
  });
});

test.serial('the deadline is set when timeout() is called, not when the block is entered', (t) => {
  runOn(function* (loop) {
    const scope = timeout(3);
    t.is(scope.when(), 3);
    yield* sleep(2);
    t.true((yield* errorOf(scope.run(sleep(9)))) instanceof TimeoutError);
    t.is(loop.time(), 3);
  });
});

test.serial('timeout(0) ends a block that waits, even for a turn, and not one that never waits', (t) => {
  runOn(function* () {
    t.true((yield* errorOf(timeout(0).run(sleep(0)))) instanceof TimeoutError);
    const scope = timeout(0);
    t.is(yield* scope.run(gives('x')), 'x');
    t.false(scope.expired());
    yield* turns(3);
    t.is(me().cancelling(), 0);
  });
});

test.serial('a deadline in the past behaves as timeout(0)', (t) => {
  runOn(function* (loop) {
    yield* sleep(5);
    t.true((yield* errorOf(timeoutAt(1).run(sleep(9)))) instanceof TimeoutError);
    t.true((yield* errorOf(timeout(-3).run(sleep(9)))) instanceof TimeoutError);
    t.is(loop.time(), 5);
  });
});

test.serial('without a deadline nothing happens, until one is set', (t) => {
  runOn(function* (loop) {
    const scope = timeout(null);
    t.is(scope.when(), null);
    yield* scope.run(sleep(1000));
    const error = yield* errorOf(
      timeout(null).run(function* (later) {
        later.reschedule(loop.time() + 5);
        t.is(later.when(), 1005);
        yield* sleep(9);
      }),
    );
    t.true(error instanceof TimeoutError);
    t.is(loop.time(), 1005);
  });
});

test.serial('a deadline can be moved and taken away inside of the block', (t) => {
  runOn(function* (loop) {
    yield* timeout(1).run(function* (scope) {
      scope.reschedule(5);
      yield* sleep(4);
      scope.reschedule(null);
      yield* sleep(90);
    });
    t.is(loop.time(), 94);
    const error = yield* errorOf(
      timeout(50).run(function* (scope) {
        scope.reschedule(loop.time());
        yield* sleep(1);
      }),
    );
    t.true(error instanceof TimeoutError);
    t.is(loop.time(), 94);
  });
});

test.serial('entering needs a task', (t) => {
  const loop = new TestLoop();
  let error: unknown;
  loop.callSoon(() => {
    try {
      timeout(1).aenter().next();
    } catch (thrown) {
      error = thrown;
    }
    loop.stop();
  });
  loop.runForeverSync();
  loop.closeSilently();
  t.true(error instanceof RuntimeError);
  t.regex((error as Error).message, /inside a task/);
});

test.serial('entering is allowed once', (t) => {
  runOn(function* () {
    const scope = timeout(1);
    yield* scope.run(gives(1));
    const again = yield* errorOf(scope.run(gives(1)));
    t.true(again instanceof RuntimeError);
    const nested = timeout(1);
    const inside = yield* errorOf(nested.run(() => nested.run(gives(1))));
    t.true(inside instanceof RuntimeError);
  });
});

test.serial('leaving what was not entered is an AssertionError', (t) => {
  runOn(function* () {
    t.true((yield* errorOf(timeout(1).aexit())) instanceof AssertionError);
    const scope = timeout(1);
    yield* scope.run(gives(1));
    t.true((yield* errorOf(scope.aexit())) instanceof AssertionError);
  });
});

test.serial('rescheduling is refused in every state but active, and the error names the state', (t) => {
  runOn(function* () {
    const scope = timeout(1);
    t.throws(() => scope.reschedule(5), { instanceOf: RuntimeError, message: /not been entered/ });
    yield* scope.run(gives(1));
    t.throws(() => scope.reschedule(5), { instanceOf: RuntimeError, message: /finished/ });
    const overdue = timeout(1);
    yield* errorOf(
      overdue.run(function* () {
        yield* errorOf(sleep(9));
        t.throws(() => overdue.reschedule(5), { instanceOf: RuntimeError, message: /expiring/ });
      }),
    );
    t.throws(() => overdue.reschedule(null), { instanceOf: RuntimeError, message: /expired/ });
    // The state is looked at before the argument.
    t.throws(() => overdue.reschedule('x' as never), { instanceOf: RuntimeError });
  });
});

test.serial('toString names the state, and the deadline while it counts', (t) => {
  runOn(function* () {
    const scope = timeout(1.5);
    t.is(String(scope), '<Timeout [created]>');
    yield* scope.run(function* () {
      t.is(String(scope), '<Timeout [active] when=1.500>');
    });
    t.is(String(scope), '<Timeout [finished]>');
  });
});

test.serial('an outside cancellation that is pending too stays a cancellation', (t) => {
  runOn(function* (loop) {
    const scope = timeout(1);
    const task: Task = loop.createTask(scope.run(sleep(9)));
    // Made before the timeout's own timer, so it runs before it in the same turn.
    loop.callAt(1, () => loop.callSoon(() => task.cancel('outside')));
    const error = yield* errorOf(task);
    t.true(error instanceof CancelledError);
    t.true(scope.expired());
    t.is(task.cancelling(), 1);
  });
});

test.serial('a cancel count from before the block does not disturb the conversion', (t) => {
  runOn(function* (loop) {
    const task: Task = loop.createTask(
      (function* () {
        yield* errorOf(sleep(9));
        t.is(me().cancelling(), 1);
        yield* timeout(1).run(sleep(9));
      })(),
    );
    yield;
    task.cancel();
    t.true((yield* errorOf(task)) instanceof TimeoutError);
    t.is(task.cancelling(), 1);
  });
});

test.serial('a block that swallows the cancellation throws nothing, and the count is what it was', (t) => {
  runOn(function* () {
    const scope = timeout(1);
    const result = yield* scope.run(function* () {
      yield* errorOf(sleep(9));
      return 'swallowed';
    });
    t.is(result, 'swallowed');
    t.true(scope.expired());
    t.is(me().cancelling(), 0);
    yield* sleep(1);
  });
});

test.serial('an error in place of the cancellation passes, with a TimeoutError put into its context', (t) => {
  runOn(function* () {
    const error = (yield* errorOf(
      timeout(1).run(function* () {
        const cancellation = yield* errorOf(sleep(9));
        const middle = new ValueError('middle');
        middle.context = cancellation;
        const other = new ValueError('other');
        other.context = middle;
        throw other;
      }),
    )) as ValueError;
    t.is(error.message, 'other');
    const timedOut = (error.context as ValueError).context as TimeoutError;
    t.true(timedOut instanceof TimeoutError);
    t.true(timedOut.cause instanceof CancelledError);
    t.is(timedOut.context, timedOut.cause);
  });
});

test.serial('so do the members of a group, one level deep', (t) => {
  runOn(function* () {
    const group = (yield* errorOf(
      timeout(1).run(function* () {
        const cancellation = yield* errorOf(sleep(9));
        const member = new ValueError('member');
        member.context = cancellation;
        throw new ExceptionGroup('several', [member, new ValueError('plain')]);
      }),
    )) as ExceptionGroup;
    const [member, plain] = group.exceptions as [ValueError, ValueError];
    t.true(member.context instanceof TimeoutError);
    t.is(plain.context, undefined);
  });
});

test.serial('an error before the deadline passes untouched', (t) => {
  runOn(function* () {
    const error = (yield* errorOf(timeout(1).run(fails(new ValueError('x'))))) as ValueError;
    t.is(error.message, 'x');
    t.is(error.context, undefined);
    yield* sleep(5);
  });
});

test.serial('of two nested limits that are overdue at once the inner passes the cancellation on', (t) => {
  runOn(function* () {
    const [outer, inner] = [timeout(1), timeout(1)];
    let between: unknown;
    const error = yield* errorOf(
      outer.run(function* () {
        between = yield* errorOf(inner.run(sleep(9)));
        throw between;
      }),
    );
    t.true(between instanceof CancelledError);
    t.true(error instanceof TimeoutError);
    t.true(inner.expired());
    t.true(outer.expired());
    t.is(me().cancelling(), 0);
  });
});

test.serial('nested limits end by their own deadlines', (t) => {
  runOn(function* (loop) {
    yield* timeout(5).run(function* () {
      t.true((yield* errorOf(timeout(1).run(sleep(9)))) instanceof TimeoutError);
      yield* sleep(1);
    });
    t.is(loop.time(), 2);
    const [outer, inner] = [timeout(1), timeout(5)];
    t.true((yield* errorOf(outer.run(inner.run(sleep(9))))) instanceof TimeoutError);
    t.false(inner.expired());
  });
});

test.serial('a coroutine that is closed inside of the block takes the timer along', (t) => {
  runOn(function* (loop) {
    yield* timeout(5).run(function* (scope) {
      const inner = timeout(1);
      const body = asyncWith(inner, sleep(9))[Symbol.iterator]() as Coroutine<void>;
      body.next();
      body.return();
      t.is(String(inner), '<Timeout [finished]>');
      t.false(scope.expired());
    });
    yield* sleep(2);
    t.is(me().cancelling(), 0);
    t.is(loop._scheduled.length, 0);
  });
});

test.serial('futures of any make and tasks of any make work with limits', (t) => {
  runOn(function* (loop) {
    const foreign = new ForeignFuture(loop);
    t.true((yield* errorOf(timeout(1).run(foreign))) instanceof TimeoutError);
    t.true(foreign.cancelled());
    const task = new MiniTask(timeout(1).run(sleep(9)), { loop, name: 'mini' });
    t.true((yield* errorOf(task)) instanceof TimeoutError);
    t.is(task.cancelling(), 0);
  });
});

test.serial('deadlines that are no numbers are TypeErrors', (t) => {
  runOn(function* () {
    for (const bad of ['1', undefined, {}, NaN]) {
      t.throws(() => timeout(bad as never), { instanceOf: TypeError });
      t.throws(() => timeoutAt(bad as never), { instanceOf: TypeError });
      t.throws(() => new Timeout(bad as never), { instanceOf: TypeError });
    }
    yield* timeout(1).run(function* (scope) {
      t.throws(() => scope.reschedule('x' as never), { instanceOf: TypeError });
      t.is(scope.when(), 1);
    });
  });
});

test.serial('timeout() needs a running loop, timeoutAt() does not', (t) => {
  t.throws(() => timeout(1), { instanceOf: RuntimeError });
  t.is(timeoutAt(1).when(), 1);
});

test.serial('async functions limit coroutines, and promises that are brought in', async (t) => {
  await runHosted(async () => {
    t.is(await timeout(2).run(sleep(1, 'x')), 'x');
    await t.throwsAsync(async () => await timeout(2).run(sleep(9)), { instanceOf: TimeoutError });
    t.is(await timeout(2).run(() => fromPromise(Promise.resolve('y'))), 'y');
    const mistake = async (): Promise<void> => {};
    await t.throwsAsync(async () => await timeout(2).run(mistake as never), {
      instanceOf: TypeError,
      message: /fromPromise/,
    });
  });
});
