import test from 'ava';
import {
  Future,
  TaskGroup,
  ValueError,
  asCompleted,
  awaitersOf,
  currentTask,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  gather,
  shield,
  sleep,
  staggeredRace,
  timeout,
  wait,
  waitFor,
} from 'miolo/base';
import type { Coroutine, Task } from 'miolo/base';
import type { TestLoop } from './harness.js';
import { ForeignFuture } from './foreign-future.js';
import { errorOf, fails, runOn, turns } from './harness.js';

interface Way {
  readonly name: string;
  /** Awaits the futures in some way. */
  readonly awaits: (futures: readonly Future<void>[]) => Coroutine<unknown>;
  /** Whether the first error ends the wait, so that the others are not awaited any more but still tied. */
  readonly cancels: boolean;
}

const ways: readonly Way[] = [
  {
    name: 'a task',
    *awaits(futures) {
      yield* futures[0]!;
    },
    cancels: true,
  },
  {
    name: 'gather',
    *awaits(futures) {
      yield* gather(futures);
    },
    cancels: true,
  },
  {
    name: 'wait',
    *awaits(futures) {
      yield* wait(futures);
    },
    cancels: false,
  },
  {
    name: 'waitFor',
    *awaits(futures) {
      yield* waitFor(futures[0]!, 50);
    },
    cancels: true,
  },
  {
    name: 'shield',
    *awaits(futures) {
      yield* shield(futures[0]!);
    },
    cancels: false,
  },
];

/** Starts a way, until it waits. */
function* start(loop: TestLoop, way: Way): Coroutine<[Task<unknown>, Future<void>[]]> {
  const futures = [loop.createFuture<void>(), loop.createFuture<void>()];
  const task = loop.createTask(way.awaits(futures));
  yield* turns(2);
  t0(awaitersOf(futures[0]), task, way.name);
  return [task, futures];
}

function t0(awaiters: readonly unknown[], task: unknown, name: string): void {
  if (awaiters.length !== 1 || awaiters[0] !== task) throw new Error(`${name}: the edge is missing`);
}

const edges = (futures: readonly Future<void>[]): number =>
  futures.reduce((count, future) => count + awaitersOf(future).length, 0);

for (const way of ways) {
  test(`${way.name}: the edge is there while it waits, and gone with the result`, (t) => {
    runOn(function* (loop) {
      const [task, futures] = yield* start(loop, way);
      for (const future of futures) future.setResult();
      yield* task;
      yield;
      t.is(edges(futures), 0);
    });
  });

  test(`${way.name}: the edge is gone after an error`, (t) => {
    runOn(function* (loop) {
      const [task, futures] = yield* start(loop, way);
      for (const future of futures) future.setException(new ValueError('x'));
      yield* errorOf(task);
      yield;
      t.is(edges(futures), 0);
      for (const future of futures) future.exception();
    });
  });

  test(`${way.name}: the edge is gone after the task was cancelled`, (t) => {
    runOn(function* (loop) {
      const [task, futures] = yield* start(loop, way);
      task.cancel();
      yield* errorOf(task);
      yield;
      t.is(futures[0]!.cancelled(), way.cancels);
      t.is(edges(futures), 0);
    });
  });

  test(`${way.name}: the edge is gone after time ran out`, (t) => {
    runOn(function* (loop) {
      const futures = [loop.createFuture<void>(), loop.createFuture<void>()];
      yield* errorOf(timeout(1).run(way.awaits(futures)));
      yield;
      t.is(edges(futures), 0);
    });
  });
}

test('wait: the edges are gone after its own timeout', (t) => {
  runOn(function* (loop) {
    const futures = [loop.createFuture<void>(), loop.createFuture<void>()];
    yield* wait(futures, { timeout: 1 });
    t.is(edges(futures), 0);
  });
});

test('waitFor: the edge is gone after its own timeout', (t) => {
  runOn(function* (loop) {
    const future = loop.createFuture<void>();
    yield* errorOf(waitFor(future, 1));
    t.is(edges([future]), 0);
    const other = loop.createFuture<void>();
    yield* errorOf(waitFor(other, 0));
    t.is(edges([other]), 0);
  });
});

test('asCompleted: the edges go one by one, and all of them when time runs out', (t) => {
  runOn(function* (loop) {
    const futures = [1, 2, 3].map(() => loop.createFuture<void>());
    const iterator = asCompleted(futures, { timeout: 5 });
    t.is(edges(futures), 3);
    t.is<unknown, unknown>(awaitersOf(futures[0])[0], currentTask());
    futures[0]!.setResult();
    yield* iterator.anext();
    t.is(edges(futures), 2);
    yield* errorOf(iterator.anext());
    t.is(edges(futures), 0);
  });
});

test('TaskGroup: its tasks are tied to the parent until they end', (t) => {
  runOn(function* () {
    const seen: Task<unknown>[] = [];
    const error = yield* errorOf(
      new TaskGroup().run(function* (group) {
        const [good, bad, slow] = [sleep(1), fails(new ValueError('x')), sleep(9)].map((coro) =>
          group.createTask<unknown>(coro),
        );
        seen.push(good!, bad!, slow!);
        for (const task of seen) t.is<unknown, unknown>(awaitersOf(task)[0], currentTask());
      }),
    );
    t.true(error instanceof Error);
    for (const task of seen) t.deepEqual(awaitersOf(task), []);
  });
});

test('staggeredRace: its attempts are tied to the parent until they end', (t) => {
  runOn(function* (loop) {
    const tasks: Task<unknown>[] = [];
    const attempt = (seconds: number) => (): Coroutine<number> => {
      return (function* () {
        tasks.push(currentTask() as Task);
        yield* sleep(seconds);
        return seconds;
      })();
    };
    const parent = currentTask();
    loop.callAt(1.5, () => {
      t.is(tasks.length, 2);
      for (const task of tasks) t.is<unknown, unknown>(awaitersOf(task)[0], parent);
    });
    t.deepEqual((yield* staggeredRace([attempt(9), attempt(1)], 1, { loop })).slice(0, 2), [1, 1]);
    for (const task of tasks) t.deepEqual(awaitersOf(task), []);

    const racing = loop.createTask(staggeredRace([attempt(9)], null, { loop }));
    yield* turns(3);
    racing.cancel();
    yield* errorOf(racing);
    t.deepEqual(awaitersOf(tasks.at(-1)), []);
  });
});

test('a chain of tasks can be followed to its end', (t) => {
  runOn(function* (loop) {
    const future = loop.createFuture<void>();
    const inner = loop.createTask(
      (function* () {
        yield* future;
      })(),
    );
    const outer = loop.createTask(
      (function* () {
        yield* inner;
      })(),
    );
    yield* turns(2);
    t.deepEqual([awaitersOf(future)[0] === inner, awaitersOf(inner)[0] === outer], [true, true]);
    future.setResult();
    yield* outer;
    t.deepEqual([awaitersOf(future), awaitersOf(inner)], [[], []]);
  });
});

test('several may await the same future, each once', (t) => {
  runOn(function* (loop) {
    const future = loop.createFuture<void>();
    const [a, b] = [loop.createFuture(), loop.createFuture()];
    futureAddToAwaitedBy(future, a!);
    futureAddToAwaitedBy(future, a!);
    t.is(awaitersOf(future).length, 1);
    futureAddToAwaitedBy(future, b!);
    t.is(awaitersOf(future).length, 2);
    futureDiscardFromAwaitedBy(future, a!);
    t.true(awaitersOf(future)[0] === b);
    futureDiscardFromAwaitedBy(future, a!);
    futureDiscardFromAwaitedBy(future, b!);
    t.deepEqual(awaitersOf(future), []);
  });
});

test("somebody else's futures take part, and what is no future does not", (t) => {
  runOn(function* (loop) {
    const foreign = new ForeignFuture<string>(loop);
    futureDiscardFromAwaitedBy(foreign, currentTask()!);
    for (const each of [foreign, {}]) futureAddToAwaitedBy(each, currentTask()!);
    t.deepEqual(awaitersOf(foreign), [currentTask()!]);
    t.deepEqual(awaitersOf({}), []);
    futureDiscardFromAwaitedBy(foreign, currentTask()!);
    t.deepEqual(awaitersOf(foreign), []);
    loop.callLater(1, () => foreign.setResult('x'));
    t.deepEqual(yield* gather([foreign, shield(foreign)]), ['x', 'x']);
  });
});
