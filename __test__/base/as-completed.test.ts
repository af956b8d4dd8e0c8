import test from 'ava';
import {
  CancelledError,
  Future,
  StopAsyncIteration,
  TimeoutError,
  ValueError,
  asCompleted,
  sleep,
} from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { ForeignFuture } from './foreign-future.js';
import { errorOf, fails, gives, runHosted, runOn, turns } from './harness.js';

test.serial(
  'a plain iteration gives fresh coroutines, the results of which come in order of completion',
  (t) => {
    runOn(function* (loop) {
      const task = loop.createTask(sleep(1, 'b'));
      const results: string[] = [];
      for (const next of asCompleted([sleep(3, 'c'), task, gives('a')])) {
        t.not<unknown, unknown>(next, task);
        results.push(yield* next);
      }
      t.deepEqual(results, ['a', 'b', 'c']);
      t.is(loop.time(), 3);
    });
  },
);

test.serial('the coroutine of a failed awaitable throws its error, and the iteration goes on', (t) => {
  runOn(function* () {
    const outcomes: unknown[] = [];
    for (const next of asCompleted([sleep(1, 'x'), fails(new ValueError('bad'))])) {
      const error = yield* errorOf(
        (function* () {
          outcomes.push(yield* next);
        })(),
      );
      if (error !== undefined) outcomes.push((error as Error).message);
    }
    t.deepEqual(outcomes, ['bad', 'x']);
  });
});

test.serial("anext gives the caller's own futures, done", (t) => {
  runOn(function* (loop) {
    const slow = loop.createTask(sleep(2));
    const quick = loop.createTask(sleep(1));
    const iterator = asCompleted([slow, quick]);
    t.is(iterator.aiter(), iterator);
    t.is(yield* iterator.anext(), quick);
    t.true(quick.done());
    t.is(yield* iterator.anext(), slow);
    t.true((yield* errorOf(iterator.anext())) instanceof StopAsyncIteration);
  });
});

test.serial('the same awaitable given twice counts once', (t) => {
  runOn(function* () {
    const coro = sleep(1, 'x');
    const results: string[] = [];
    for (const next of asCompleted([coro, coro])) results.push(yield* next);
    t.deepEqual(results, ['x']);
  });
});

test.serial('nothing gives nothing', (t) => {
  runOn(function* () {
    t.deepEqual([...asCompleted([])], []);
    t.true((yield* errorOf(asCompleted([], { timeout: 5 }).anext())) instanceof StopAsyncIteration);
  });
});

test.serial('everything is started at once, before the first step', (t) => {
  runOn(function* () {
    const started: string[] = [];
    const work = function* (name: string): Coroutine<void> {
      started.push(name);
    };
    asCompleted([work('a'), work('b')]);
    yield* turns(1);
    t.deepEqual(started, ['a', 'b']);
  });
});

test.serial('when time runs out every remaining step throws, and nothing is cancelled', (t) => {
  runOn(function* (loop) {
    const tasks = [1, 5, 6].map((seconds) => loop.createTask(sleep(seconds)));
    const outcomes: unknown[] = [];
    for (const next of asCompleted(tasks, { timeout: 2 })) outcomes.push(yield* errorOf(next));
    t.is(loop.time(), 2);
    t.deepEqual(
      outcomes.map((error) => error instanceof TimeoutError),
      [false, true, true],
    );
    t.false(tasks[1]!.done());
    yield* sleep(9);
    t.true(tasks.every((task) => !task.cancelled() && task.done()));
  });
});

test.serial('anext throws at the end of time as well, for each that is left', (t) => {
  runOn(function* (loop) {
    const tasks = [loop.createTask(sleep(8)), loop.createTask(sleep(9))];
    const iterator = asCompleted(tasks, { timeout: 2 });
    t.true((yield* errorOf(iterator.anext())) instanceof TimeoutError);
    t.true((yield* errorOf(iterator.anext())) instanceof TimeoutError);
    t.true((yield* errorOf(iterator.anext())) instanceof StopAsyncIteration);
    yield* sleep(9);
  });
});

test.serial('what is done before time runs out can be fetched after it', (t) => {
  runOn(function* () {
    const iterator = asCompleted([sleep(1, 'x')], { timeout: 2 });
    yield* sleep(5);
    t.is((yield* iterator.anext()).result(), 'x');
  });
});

test.serial('a timer that is not needed any more is cancelled', (t) => {
  runOn(function* (loop) {
    for (const next of asCompleted([gives(1)], { timeout: 100 })) yield* next;
    yield* turns(2);
    t.is(loop._scheduled.length, 0);
  });
});

test.serial('a cancelled step takes no result', (t) => {
  runOn(function* (loop) {
    const iterator = asCompleted([sleep(3, 'x')]);
    const step = loop.createTask(iterator.anext());
    yield* sleep(1);
    step.cancel();
    t.true((yield* errorOf(step)) instanceof CancelledError);
    t.is((yield* iterator.anext()).result(), 'x');
  });
});

test.serial('a step that is cancelled when a result has just come leaves it to the next', (t) => {
  runOn(function* (loop) {
    const future = loop.createFuture<string>();
    const iterator = asCompleted([future]);
    const step = loop.createTask(iterator.anext());
    yield* turns(2);
    future.setResult('x');
    yield;
    step.cancel();
    t.true((yield* errorOf(step)) instanceof CancelledError);
    t.is(yield* iterator.anext(), future);
  });
});

test.serial('futures and tasks of any make take part', (t) => {
  runOn(function* (loop) {
    const foreign = new ForeignFuture<string>(loop);
    const task = new MiniTask(sleep(1, 'task'), { loop, name: 'mini' }) as Future<string>;
    loop.callLater(2, () => foreign.setResult('future'));
    const results: string[] = [];
    for (const next of asCompleted([foreign, task])) results.push(yield* next);
    t.deepEqual(results, ['task', 'future']);
    const pending = new ForeignFuture<string>(loop);
    const iterator = asCompleted([pending], { timeout: 1 });
    t.true((yield* errorOf(iterator.anext())) instanceof TimeoutError);
    t.is(pending.callbackCount, 0);
  });
});

test.serial('one awaitable in place of an iterable, and what is no iterable, are TypeErrors', (t) => {
  runOn(function* (loop) {
    const coro = gives(1);
    const bads = [loop.createFuture(), new ForeignFuture(loop), coro, 5, null, undefined, {}];
    for (const bad of bads) {
      t.true(
        (yield* errorOf(
          (function* () {
            asCompleted(bad as never);
          })(),
        )) instanceof TypeError,
      );
    }
    t.is(yield* coro, 1);
  });
});

test.serial('what cannot be awaited among the awaitables is a TypeError at the call', (t) => {
  runOn(function* () {
    for (const bad of [1, {}, null, Promise.resolve()]) {
      t.throws(() => asCompleted([bad as never]), { instanceOf: TypeError });
    }
  });
});

test.serial('for await gives the futures in order of completion', async (t) => {
  await runHosted(async (loop) => {
    const slow = loop.createTask(sleep(2, 'slow'));
    const quick = loop.createTask(sleep(1, 'quick'));
    const seen: unknown[] = [];
    // The compiler takes what an async iterator gives for awaited, which it is not.
    for await (const future of asCompleted([slow, quick]) as AsyncIterable<unknown>) {
      t.true((future as Future).done());
      seen.push(future);
    }
    t.deepEqual(seen.length, 2);
    t.is(seen[0], quick);
    t.is(seen[1], slow);
  });
});

test.serial('for await throws when time runs out', async (t) => {
  await runHosted(async (loop) => {
    const task = loop.createTask(sleep(5));
    await t.throwsAsync(
      async () => {
        for await (const future of asCompleted([task], { timeout: 1 })) t.fail(String(future));
      },
      { instanceOf: TimeoutError },
    );
    await task;
  });
});

test.serial('async functions await the coroutines of a plain iteration', async (t) => {
  await runHosted(async () => {
    const results: string[] = [];
    for (const next of asCompleted([sleep(2, 'b'), sleep(1, 'a')])) results.push(await next);
    t.deepEqual(results, ['a', 'b']);
  });
});
