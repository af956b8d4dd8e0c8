import {
  type AwaitableCoroutine,
  type Coroutine,
  type Future,
  Runner,
  type Task,
  coroutine,
  createTask,
  ensureFuture,
  fromPromise,
  run,
  runSync,
  sleep,
} from 'miolo';
import { type Equal, expectType } from './expect.ts';

declare const future: Future<number>;

export function* waitingInACoroutine(): Coroutine<string> {
  const ofFuture = yield* future;
  expectType<Equal<typeof ofFuture, number>>();
  const ofNothing = yield* sleep(1);
  expectType<Equal<typeof ofNothing, void>>();
  const ofSleep = yield* sleep(1, 'done');
  expectType<Equal<typeof ofSleep, string>>();
  const ofCoroutine = yield* answer(1);
  expectType<Equal<typeof ofCoroutine, boolean>>();
  const ofPromise = yield* fromPromise(Promise.resolve(new Map<string, number>()));
  expectType<Equal<typeof ofPromise, Map<string, number>>>();
  yield;

  // @ts-expect-error -- a promise is brought in by fromPromise()
  yield* Promise.resolve(1);
  // @ts-expect-error -- nor does yielding it wait
  yield Promise.resolve(1);
  // @ts-expect-error -- yield* is what waits for a coroutine
  yield sleep(1);
  // @ts-expect-error -- the coroutine's declared result is a string
  return ofFuture;
}

function* answer(n: number): Coroutine<boolean> {
  yield* sleep(n);
  return n === 42;
}

// @ts-expect-error -- the declared result is missing
export function* withoutResult(): Coroutine<number> {
  yield* sleep(1);
}

export async function waitingInAnAsyncFunction(): Promise<void> {
  const ofFuture = await future;
  expectType<Equal<typeof ofFuture, number>>();
  const ofNothing = await sleep(1);
  expectType<Equal<typeof ofNothing, void>>();
  const ofSleep = await sleep(1, 'done' as const);
  expectType<Equal<typeof ofSleep, 'done'>>();
  const ofTask = await createTask(answer(1));
  expectType<Equal<typeof ofTask, boolean>>();
  // A plain generator is none that `await` understands, and its type says so.
  const ofGenerator = await answer(1);
  expectType<Equal<typeof ofGenerator, Coroutine<boolean>>>();
  const ofWrapped = await coroutine(answer)(1);
  expectType<Equal<typeof ofWrapped, boolean>>();
}

export function makingCoroutines(): void {
  const greet = coroutine(function* (name: string, times: number = 1): Coroutine<string> {
    yield* sleep(times);
    return name;
  });
  expectType<Equal<ReturnType<typeof greet>, AwaitableCoroutine<string>>>();
  greet('Ada');
  // @ts-expect-error -- the name is missing
  greet();
  // @ts-expect-error -- a name is a string
  greet(1);
  // @ts-expect-error -- not a generator function
  coroutine(async () => 1);
}

export function makingTasks(): void {
  const task = createTask(answer(1), { name: 'answer' });
  expectType<Equal<typeof task, Task<boolean>>>();
  const wrapped = ensureFuture(answer(1));
  expectType<Equal<typeof wrapped, Future<boolean>>>();
  const same = ensureFuture(future);
  expectType<Equal<typeof same, Future<number>>>();
  const made = ensureFuture(sleep(1, 'a'));
  expectType<Equal<typeof made, Future<string>>>();

  // @ts-expect-error -- the function is to be called
  createTask(answer);
  // @ts-expect-error -- a future is no coroutine
  createTask(future);
  // @ts-expect-error -- nor is a promise
  createTask(Promise.resolve(1));
  // @ts-expect-error -- a name is a string
  createTask(answer(1), { name: 1 });
  // @ts-expect-error -- a promise is brought in by fromPromise()
  ensureFuture(Promise.resolve(1));
  // @ts-expect-error -- the function is to be called
  ensureFuture(answer);
  // @ts-expect-error -- a task has the result that its coroutine returns
  task.setResult(true);
}

export async function running(): Promise<void> {
  const result = run(answer(1), { debug: true });
  expectType<Equal<typeof result, Promise<boolean>>>();
  const blocking = runSync(answer(1));
  expectType<Equal<typeof blocking, boolean>>();
  const runner = new Runner();
  const ofRunner = runner.run(answer(1));
  expectType<Equal<typeof ofRunner, Promise<boolean>>>();

  // @ts-expect-error -- the function is to be called
  void run(answer);
  // @ts-expect-error -- an async function's promise needs no loop
  void run((async () => 1)());
  // @ts-expect-error -- the function is to be called
  void runner.run(answer);
  // @ts-expect-error -- there is no such option
  void run(answer(1), { dbug: true });
}
