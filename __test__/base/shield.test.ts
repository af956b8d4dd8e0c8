import test from 'ava';
import { CancelledError, Future, TimeoutError, ValueError, shield, sleep, waitFor } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { ForeignFuture } from './foreign-future.js';
import { TestLoop, errorOf, fails, gives, runHosted, runOn, turnsOf } from './harness.js';

test.serial('gives the outcome of what it shields', (t) => {
  runOn(function* () {
    t.is(yield* shield(sleep(1, 'x')), 'x');
    t.true((yield* errorOf(shield(fails(new ValueError('y'))))) instanceof ValueError);
  });
});

test.serial('what is done already is returned as it is', (t) => {
  runOn(function* (loop) {
    const done = loop.createFuture<number>();
    done.setResult(1);
    t.is(shield(done), done);
    const cancelled = loop.createFuture<number>();
    cancelled.cancel();
    t.is(shield(cancelled), cancelled);
  });
});

test.serial('shielding a task that never waits takes three turns', (t) => {
  runOn(function* (loop) {
    t.is(yield* turnsOf(loop, shield(gives(1))), 3);
  });
});

test.serial('cancelling the task that waits leaves the shielded one alone', (t) => {
  runOn(function* (loop) {
    const inner = loop.createTask(sleep(5, 'x'));
    const waiting = loop.createTask(
      (function* () {
        yield* shield(inner);
      })(),
    );
    yield* sleep(1);
    waiting.cancel();
    t.true((yield* errorOf(waiting)) instanceof CancelledError);
    t.is(inner.cancelling(), 0);
    t.is(yield* inner, 'x');
  });
});

test.serial('a cancelled shield leaves no callback on what goes on', (t) => {
  runOn(function* (loop) {
    const inner = new ForeignFuture<string>(loop);
    const outer = shield(inner);
    t.is(inner.callbackCount, 1);
    outer.cancel();
    yield;
    t.is(inner.callbackCount, 0);
    inner.setResult('x');
  });
});

test.serial('after the shield was cancelled, a later error is reported by nobody but its own future', (t) => {
  const loop = new TestLoop();
  loop.runUntilCompleteSync(
    (function* () {
      const inner = loop.createFuture<void>();
      const outer = shield(inner);
      outer.cancel();
      yield;
      inner.setException(new ValueError('x'));
      yield;
      t.deepEqual(loop.takeReports(), []);
    })(),
  );
  loop.close();
  t.deepEqual(loop.takeReports(), ['Future exception was never retrieved']);
});

test.serial('cancelled in the turn in which the shielded one ends, it takes no notice of that', (t) => {
  runOn(function* (loop) {
    const inner = loop.createFuture<string>();
    const outer = shield(inner);
    inner.setResult('x');
    outer.cancel();
    t.true((yield* errorOf(outer)) instanceof CancelledError);
    t.is(inner.result(), 'x');
  });
});

test.serial('cancelling the shielded one cancels the shield', (t) => {
  runOn(function* (loop) {
    const inner = loop.createTask(sleep(5));
    const outer = shield(inner);
    yield;
    inner.cancel('why');
    const error = yield* errorOf(outer);
    t.true(error instanceof CancelledError);
    t.true(outer.cancelled());
    // The message stays with the task that was cancelled.
    t.deepEqual((error as CancelledError).args, []);
    t.deepEqual(((yield* errorOf(inner)) as CancelledError).args, ['why']);
  });
});

test.serial('a shielded coroutine goes on in a task of its own, which the loop keeps', (t) => {
  runOn(function* () {
    let ended = false;
    const work = (function* () {
      yield* sleep(5);
      ended = true;
    })();
    t.true((yield* errorOf(waitFor(shield(work), 1))) instanceof TimeoutError);
    t.false(ended);
    yield* sleep(5);
    t.true(ended);
  });
});

test.serial('futures and tasks of any make are shielded', (t) => {
  runOn(function* (loop) {
    const foreign = new ForeignFuture<string>(loop);
    loop.callLater(1, () => foreign.setResult('x'));
    t.is(yield* shield(foreign), 'x');
    t.is<unknown, unknown>(shield(foreign), foreign);

    const cancelled = new ForeignFuture<string>(loop);
    const outer = shield(cancelled);
    cancelled.cancel();
    t.true((yield* errorOf(outer)) instanceof CancelledError);

    const task = new MiniTask(sleep(5, 'y'), { loop, name: 'mini' });
    t.true((yield* errorOf(waitFor(shield(task as Future), 1))) instanceof TimeoutError);
    t.is(yield* task, 'y');
  });
});

test.serial('what cannot be awaited is a TypeError at the call', (t) => {
  runOn(function* () {
    for (const bad of [1, 'ab', null, {}, () => {}, [], Promise.resolve()]) {
      t.throws(() => shield(bad as never), { instanceOf: TypeError });
    }
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async (loop) => {
    t.is(await shield(sleep(1, 'x')), 'x');
    const inner = loop.createTask(sleep(3, 'y'));
    await t.throwsAsync(async () => await waitFor(shield(inner), 1), { instanceOf: TimeoutError });
    t.is(await inner, 'y');
  });
});
