import {
  type AwaitableCoroutine,
  type Coroutine,
  Barrier,
  Condition,
  LifoQueue,
  Lock,
  PriorityQueue,
  Queue,
  Semaphore,
  TaskGroup,
  type Task,
  Timeout,
  asyncWith,
  sleep,
  timeout,
} from 'miolo';
import { type Equal, expectType } from './expect.ts';

declare function ask(): Coroutine<number>;

export function* limits(): Coroutine<void> {
  const ofFunction = yield* timeout(1).run(function* (scope) {
    expectType<Equal<typeof scope, Timeout>>();
    scope.reschedule(null);
    return yield* ask();
  });
  expectType<Equal<typeof ofFunction, number>>();
  const ofCoroutine = yield* timeout(null).run(ask());
  expectType<Equal<typeof ofCoroutine, number>>();
  const ofArrow = yield* timeout(1).run(() => ask());
  expectType<Equal<typeof ofArrow, number>>();
  // @ts-expect-error -- seconds
  timeout('1');
  // @ts-expect-error -- an async function is none of the loop's
  yield* timeout(1).run(async () => 1);
}

export function* groups(): Coroutine<void> {
  const results = yield* new TaskGroup().run(function* (group) {
    expectType<Equal<typeof group, TaskGroup>>();
    const number = group.createTask(ask());
    expectType<Equal<typeof number, Task<number>>>();
    const text = group.createTask(sleep(1, 'a'));
    return [yield* number, yield* text] as const;
  });
  expectType<Equal<typeof results, readonly [number, string]>>();
  // @ts-expect-error -- the function is to be called
  new TaskGroup().createTask(ask);
}

export function* locks(): Coroutine<void> {
  const lock = new Lock();
  const ofLock = yield* lock.run(function* () {
    return yield* ask();
  });
  expectType<Equal<typeof ofLock, number>>();
  const acquired = lock.acquire();
  expectType<Equal<typeof acquired, AwaitableCoroutine<true>>>();
  const ofSemaphore = yield* new Semaphore(2).run(ask());
  expectType<Equal<typeof ofSemaphore, number>>();
  const condition = new Condition();
  const found = yield* condition.waitFor(() => [1, 2].at(-1));
  expectType<Equal<typeof found, number | undefined>>();
  const position = yield* new Barrier(2).wait();
  expectType<Equal<typeof position, number>>();
  // @ts-expect-error -- a number of parties
  void new Barrier();
}

export function* managers(): Coroutine<void> {
  const manager = {
    *aenter(): Coroutine<Map<string, number>> {
      return new Map();
    },
    *aexit(): Coroutine<void> {},
  };
  const size = yield* asyncWith(manager, function* (map) {
    expectType<Equal<typeof map, Map<string, number>>>();
    return map.size;
  });
  expectType<Equal<typeof size, number>>();
  const suppressing = {
    ...manager,
    *aexit(error?: unknown): Coroutine<boolean> {
      return error === null;
    },
  };
  const perhaps = yield* asyncWith(suppressing, ask());
  expectType<Equal<typeof perhaps, number | undefined>>();
  // @ts-expect-error -- it cannot be left
  yield* asyncWith({ aenter: manager.aenter }, ask());
}

export function* queues(): Coroutine<void> {
  const queue = new Queue<number>(10);
  yield* queue.put(1);
  const item = yield* queue.get();
  expectType<Equal<typeof item, number>>();
  const now = queue.getNowait();
  expectType<Equal<typeof now, number>>();
  const last = yield* new LifoQueue<string>().get();
  expectType<Equal<typeof last, string>>();
  // @ts-expect-error -- a queue of numbers
  yield* queue.put('1');
  // @ts-expect-error -- a queue of numbers
  queue.putNowait(null);
  // @ts-expect-error -- how many fit is a number
  void new Queue<number>('10');

  interface Job {
    readonly priority: number;
  }
  const jobs = new PriorityQueue<Job>(0, {
    compare(a, b) {
      expectType<Equal<typeof a, Job>>();
      return a.priority - b.priority;
    },
  });
  const job = yield* jobs.get();
  expectType<Equal<typeof job, Job>>();
  // @ts-expect-error -- an order is a number
  void new PriorityQueue<Job>(0, { compare: (a, b) => a.priority < b.priority });
  // @ts-expect-error -- compares something else
  void new PriorityQueue<Job>(0, { compare: (a: string, b: string) => a.localeCompare(b) });
}
