import {
  type AsCompletedIterator,
  type AwaitableCoroutine,
  type Coroutine,
  Future,
  asCompleted,
  createTask,
  gather,
  shield,
  wait,
  waitFor,
} from 'miolo';
import { type Equal, expectType } from './expect.ts';

declare function one(): Coroutine<number>;
declare function two(): AwaitableCoroutine<string>;
declare const three: Future<Date>;
declare const many: readonly Coroutine<number>[];
declare const flag: boolean;

export function settingResults(): void {
  new Future<void>().setResult();
  new Future<undefined>().setResult();
  new Future<number>().setResult(1);
  new Future<boolean>().setResult(flag);
  new Future<number | undefined>().setResult();
  new Future<string | null>().setResult(null);
  // @ts-expect-error -- a number is expected
  new Future<number>().setResult();
  // @ts-expect-error -- null is to be said
  new Future<string | null>().setResult();
  // @ts-expect-error -- not a number
  new Future<number>().setResult('1');
  // @ts-expect-error -- there is no result
  new Future<void>().setResult(1);

  const result = new Future<number>().result();
  expectType<Equal<typeof result, number>>();
  // JavaScript throws anything.
  const error = new Future<number>().exception();
  expectType<Equal<typeof error, unknown>>();
}

export function* gathering(): Coroutine<void> {
  const all = yield* gather([one(), two(), three]);
  expectType<Equal<typeof all, [number, string, Date]>>();
  const list = yield* gather(many);
  expectType<Equal<typeof list, number[]>>();
  const none = yield* gather([]);
  expectType<Equal<typeof none, []>>();
  const never = yield* gather([one(), two()], { returnExceptions: false });
  expectType<Equal<typeof never, [number, string]>>();
  const settled = yield* gather([one(), two(), three], { returnExceptions: true });
  expectType<Equal<typeof settled, [number | Error, string | Error, Date | Error]>>();
  const settledList = yield* gather(many, { returnExceptions: true });
  expectType<Equal<typeof settledList, (number | Error)[]>>();
  // Not known before it runs: either.
  const perhaps = yield* gather([one()], { returnExceptions: flag });
  expectType<Equal<typeof perhaps, [number | Error]>>();
  if (!(settled[0] instanceof Error)) expectType<Equal<(typeof settled)[0], number | Error>>();

  // @ts-expect-error -- the awaitables are one array
  gather(one(), two());
  // @ts-expect-error -- a promise is brought in by fromPromise()
  gather([Promise.resolve(1)]);
  // @ts-expect-error -- functions are to be called
  gather([one]);
  // @ts-expect-error -- there is no such option
  gather([one()], { returnException: true });
}

export async function gatheringInAnAsyncFunction(): Promise<void> {
  const all = await gather([one(), two()]);
  expectType<Equal<typeof all, [number, string]>>();
}

export function* waiting(): Coroutine<void> {
  const task = createTask(one());
  const [done, pending] = yield* wait([task], { timeout: 1, returnWhen: 'FIRST_COMPLETED' });
  expectType<Equal<typeof done, Set<typeof task>>>();
  expectType<Equal<typeof pending, Set<typeof task>>>();
  // @ts-expect-error -- tasks are to be made of coroutines
  yield* wait([one()]);
  // @ts-expect-error -- several are expected
  yield* wait(task);
  // @ts-expect-error -- there is no such value
  yield* wait([task], { returnWhen: 'FIRST' });

  const inTime = yield* waitFor(one(), 1);
  expectType<Equal<typeof inTime, number>>();
  const ofFuture = yield* waitFor(three, null);
  expectType<Equal<typeof ofFuture, Date>>();
  // @ts-expect-error -- no limit is null
  yield* waitFor(one());
  // @ts-expect-error -- the function is to be called
  yield* waitFor(one, 1);

  const shielded = shield(two());
  expectType<Equal<typeof shielded, Future<string>>>();
  const ofShield = yield* shielded;
  expectType<Equal<typeof ofShield, string>>();
}

export function* inOrderOfCompletion(): Coroutine<void> {
  const iterator = asCompleted([one(), createTask(one())], { timeout: 1 });
  expectType<Equal<typeof iterator, AsCompletedIterator<number>>>();
  for (const next of iterator) {
    const value = yield* next;
    expectType<Equal<typeof value, number>>();
  }
  const future = yield* iterator.anext();
  expectType<Equal<typeof future, Future<number>>>();
  // @ts-expect-error -- several are expected
  asCompleted(three);
}

export async function inOrderOfCompletionInAnAsyncFunction(): Promise<void> {
  for await (const future of asCompleted(many)) {
    // TypeScript takes it for the result, as of anything that has a `then`; it is the future, done. Both can be awaited.
    const value = await future;
    expectType<Equal<typeof value, number>>();
  }
}
