import test from 'ava';
import { CancelledError, Future, ValueError, gather, run, sleep } from 'miolo/base';
import type { Task } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { ForeignFuture } from './foreign-future.js';
import { TestLoop, errorOf, fails, gives, runHosted, runOn, turnsOf } from './harness.js';

test.serial('results come in the order of the arguments, not of completion', (t) => {
  const results = runOn(function* () {
    return yield* gather([sleep(3, 'a'), sleep(1, 'b'), sleep(2, 'c')]);
  });
  t.deepEqual(results, ['a', 'b', 'c']);
});

test.serial('the same awaitable given twice runs once and counts twice', (t) => {
  let runs = 0;
  const results = runOn(function* () {
    const coro = (function* () {
      runs++;
      yield* sleep(1);
      return 'x';
    })();
    return yield* gather([coro, gives('y'), coro]);
  });
  t.deepEqual(results, ['x', 'y', 'x']);
  t.is(runs, 1);
});

test.serial('no arguments give a finished future with an empty array', (t) => {
  runOn(function* () {
    const future = gather([]);
    t.true(future.done());
    t.deepEqual(future.result(), []);
  });
});

test.serial('without arguments and without a loop there is nothing to make a future of', (t) => {
  t.throws(() => gather([]), { message: /no current event loop/ });
});

test.serial('children that are all done finish the gathering at once', (t) => {
  runOn(function* (loop) {
    const done = loop.createFuture<number>();
    done.setResult(1);
    const failed = loop.createFuture<number>();
    failed.setException(new ValueError('no'));
    const all = gather([done, done]);
    t.true(all.done());
    t.deepEqual(all.result(), [1, 1]);
    const error = gather([done, failed]).exception();
    t.true(error instanceof ValueError);
  });
});

test.serial('gathering tasks that never wait takes three turns', (t) => {
  const count = runOn(function* (loop) {
    return yield* turnsOf(loop, gather([gives(1), gives(2)]));
  });
  t.is(count, 3);
});

test.serial('the first failure is the outcome while the others go on', (t) => {
  runOn(function* (loop) {
    const slow = loop.createTask(sleep(5, 'slow'));
    const all = gather([slow, fails(new ValueError('first')), sleep(2)]);
    const error = yield* errorOf(all);
    t.is((error as Error).message, 'first');
    t.is(loop.time(), 0);
    t.false(slow.done());
    t.is(yield* slow, 'slow');
  });
});

test.serial('errors after the first one are retrieved and never reported', (t) => {
  const loop = new TestLoop();
  loop.runUntilCompleteSync(
    (function* () {
      const later = (function* () {
        yield* sleep(1);
        throw new ValueError('second');
      })();
      const error = yield* errorOf(gather([later, fails(new ValueError('first'))]));
      t.is((error as Error).message, 'first');
      yield* sleep(2);
    })(),
  );
  loop.close();
  t.deepEqual(loop.takeReports(), []);
});

test.serial('cancelling a gathering that has failed does nothing and returns false', (t) => {
  runOn(function* (loop) {
    const slow = loop.createTask(sleep(5, 'slow'));
    const all = gather([slow, fails(new ValueError('first'))]);
    yield* errorOf(all);
    t.false(all.cancel());
    t.is(slow.cancelling(), 0);
    t.is(yield* slow, 'slow');
  });
});

test.serial("a child's cancellation is an error of the gathering, which is not cancelled itself", (t) => {
  runOn(function* (loop) {
    const child = loop.createTask(sleep(5));
    const all = gather([child, sleep(1)]);
    yield;
    child.cancel('why');
    const error = yield* errorOf(all);
    t.true(error instanceof CancelledError);
    t.deepEqual((error as CancelledError).args, ['why']);
    t.false(all.cancelled());
    t.true(all.exception() instanceof CancelledError);
  });
});

test.serial('with returnExceptions errors stand among the results', (t) => {
  const [value, error] = runOn(function* () {
    return yield* gather([gives(1), fails(new ValueError('x'))], { returnExceptions: true });
  }) as unknown[];
  t.is(value, 1);
  t.true(error instanceof ValueError);
});

test.serial(
  'with returnExceptions a cancelled child gives an error with its message, or an empty one',
  (t) => {
    runOn(function* (loop) {
      const told = loop.createTask(sleep(5));
      const untold = loop.createFuture<void>();
      const all = gather([told, untold], { returnExceptions: true });
      yield;
      told.cancel();
      yield* errorOf(told);
      untold.cancel('why');
      const [first, second] = (yield* all) as unknown as CancelledError[];
      t.true(first instanceof CancelledError);
      t.deepEqual(first!.args, ['']);
      t.deepEqual(second!.args, ['why']);
    });
  },
);

test.serial(
  'cancelling the gathering cancels every child that is not done and waits for all of them',
  (t) => {
    runOn(function* (loop) {
      const done = loop.createFuture<number>();
      done.setResult(1);
      const stubborn = loop.createTask(
        (function* () {
          yield* errorOf(sleep(5));
          yield* sleep(3);
          return 'survived';
        })(),
      );
      const weak = loop.createTask(sleep(5));
      const all = gather([done, stubborn, weak], { returnExceptions: true });
      yield;
      t.true(all.cancel('stop'));
      t.false(all.done());
      const error = yield* errorOf(all);
      t.is(loop.time(), 3);
      t.true(error instanceof CancelledError);
      t.true(weak.cancelled());
      t.is(stubborn.result(), 'survived');
      t.false(all.cancelled());
    });
  },
);

test.serial('a cancelled gathering fails even if every child survived', (t) => {
  runOn(function* (loop) {
    const survivor = (): Task<void> =>
      loop.createTask(
        (function* () {
          yield* errorOf(sleep(5));
        })(),
      );
    const all = gather([survivor(), survivor()]);
    yield;
    t.true(all.cancel());
    t.true((yield* errorOf(all)) instanceof CancelledError);
  });
});

test.serial('cancelling is refused when no child accepts', (t) => {
  runOn(function* (loop) {
    const done = loop.createFuture<void>();
    const all = gather([done]);
    done.setResult();
    t.false(all.done());
    t.false(all.cancel());
    yield* all;
  });
});

test.serial('cancelling the task that gathers cancels the children', (t) => {
  runOn(function* (loop) {
    const child = loop.createTask(sleep(5));
    const parent = loop.createTask(
      (function* () {
        yield* gather([child]);
      })(),
    );
    yield;
    yield;
    parent.cancel('stop');
    const error = yield* errorOf(parent);
    t.deepEqual((error as CancelledError).args, ['stop']);
    t.true(child.cancelled());
  });
});

test.serial('a child that gather made is not reported when the loop closes over it', (t) => {
  const loop = new TestLoop();
  loop.runUntilCompleteSync(
    (function* () {
      yield* errorOf(gather([sleep(5), fails(new ValueError('x'))]));
    })(),
  );
  loop.close();
  t.deepEqual(loop.takeReports(), []);
});

test.serial('futures of different loops are a ValueError', (t) => {
  const [one, two] = [new TestLoop(), new TestLoop()];
  t.throws(() => gather([one.createFuture(), two.createFuture()]), { instanceOf: ValueError });
  t.is(gather([one.createFuture()]).getLoop(), one as never);
  one.close();
  two.close();
});

test.serial('what cannot be awaited is a TypeError at the call', (t) => {
  runOn(function* () {
    for (const bad of [1, 'ab', null, undefined, {}, () => {}, [sleep(1)], Promise.resolve()]) {
      t.throws(() => gather([bad as never]), { instanceOf: TypeError }, String(bad));
    }
    t.throws(() => gather([Promise.resolve() as never]), { message: /fromPromise/ });
  });
});

test.serial('one awaitable in place of an array is a TypeError, and is not touched', (t) => {
  runOn(function* (loop) {
    const coro = gives(1);
    t.throws(() => gather(coro as never), { instanceOf: TypeError });
    t.is(yield* coro, 1);
    t.throws(() => gather(loop.createFuture() as never), { instanceOf: TypeError });
    t.throws(() => gather(undefined as never), { instanceOf: TypeError });
  });
});

test.serial('futures and tasks of any make are gathered', (t) => {
  runOn(function* (loop) {
    const future = new ForeignFuture<string>(loop);
    const task = new MiniTask(sleep(1, 'task'), { loop, name: 'mini' });
    loop.callLater(2, () => future.setResult('future'));
    t.deepEqual(yield* gather([future, task as Future<string>]), ['future', 'task']);
  });
});

test.serial("the cancellation of somebody else's future reaches the gathering with its message", (t) => {
  runOn(function* (loop) {
    const future = new ForeignFuture(loop);
    const all = gather([future]);
    future.cancel('why');
    const error = yield* errorOf(all);
    t.deepEqual((error as CancelledError).args, ['why']);

    const other = new ForeignFuture(loop);
    const listed = gather([other], { returnExceptions: true });
    other.cancel('because');
    const [result] = (yield* listed) as CancelledError[];
    t.deepEqual(result!.args, ['because']);

    const third = new ForeignFuture(loop);
    const cancelled = gather([third]);
    t.true(cancelled.cancel('now'));
    t.deepEqual(((yield* errorOf(cancelled)) as CancelledError).args, ['now']);
  });
});

test.serial('async functions await a gathering', async (t) => {
  await runHosted(async () => {
    t.deepEqual(await gather([sleep(2, 'a'), gives('b')]), ['a', 'b']);
    await t.throwsAsync(async () => await gather([fails(new ValueError('x')), sleep(1)]), {
      instanceOf: ValueError,
    });
  });
  t.deepEqual(
    await run(
      (function* () {
        return yield* gather([gives(1)]);
      })(),
      { loopFactory: () => new TestLoop() },
    ),
    [1],
  );
});
