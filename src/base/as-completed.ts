import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine, isCoroutine } from './coroutine.ts';
import { type Awaitable, ensureFuture } from './ensure-future.ts';
import { CancelledError, StopAsyncIteration } from './exceptions.ts';
import type { Future } from './future.ts';
import { type FutureLike, isFuture } from './future-like.ts';
import type { TimerHandle } from './handle.ts';
import { currentTask } from './lifetime.ts';
import { TimeoutError } from './os-error.ts';
import { Queue } from './queue.ts';
import { getEventLoop } from './running-loop.ts';

/**
 * What {@link asCompleted} returns.
 *
 * Iterated plainly it gives coroutines, each of which waits for the next result. With {@link anext}, or `for await` in
 * an async function, it gives the futures themselves, done.
 */
export class AsCompletedIterator<T>
  implements IterableIterator<AwaitableCoroutine<T>>, AsyncIterable<Future<T>>
{
  /** What is done, in order; null for each that was not when time ran out. */
  readonly _done: Queue<Future<T> | null> = new Queue();
  readonly #todo = new Set<Future<T>>();
  /** Results that nobody has asked for. */
  _left: number;
  #timer: TimerHandle | null = null;
  readonly #task: FutureLike | null;
  readonly #onDone = (future: Future<T>): void => {
    futureDiscard(future, this.#task);
    if (!this.#todo.delete(future)) return;
    this._done.putNowait(future);
    if (this.#todo.size === 0) this.#timer?.cancel();
  };

  constructor(awaitables: Iterable<Awaitable<T>>, timeout: number | null) {
    const loop = getEventLoop();
    this.#task = currentTask(loop);
    for (const awaitable of new Set(awaitables)) this.#todo.add(ensureFuture(awaitable, { loop }));
    this._left = this.#todo.size;
    for (const future of this.#todo) {
      future.addDoneCallback(this.#onDone);
      if (this.#task !== null) futureAddToAwaitedBy(future, this.#task);
    }
    if (this._left > 0 && timeout !== null) {
      this.#timer = loop.callLater(timeout, () => this.#onTimeout());
    }
  }

  #onTimeout(): void {
    for (const future of this.#todo) {
      future.removeDoneCallback(this.#onDone);
      futureDiscard(future, this.#task);
      this._done.putNowait(null);
    }
    this.#todo.clear();
  }

  [Symbol.iterator](): this {
    return this;
  }

  /** A coroutine that waits for the next result. */
  next(): IteratorResult<AwaitableCoroutine<T>> {
    if (this._left === 0) return { value: undefined, done: true };
    this._left--;
    return { value: nextResult(this._done), done: false };
  }

  aiter(): this {
    return this;
  }

  /**
   * Waits for the next future to be done, and returns it. Cancelled, it takes none.
   *
   * @throws StopAsyncIteration at the end; TimeoutError when time ran out
   */
  anext(): AwaitableCoroutine<Future<T>> {
    return nextDone(this);
  }

  /**
   * The futures themselves, for `for await` in async functions. A generator would wait for each once more.
   *
   * TypeScript thinks that `for await` waits for what has a `then`, and gives the variable the type of the result:
   * write `await future`, which is right for both.
   */
  [Symbol.asyncIterator](): AsyncIterator<Future<T>> {
    return {
      next: async (): Promise<IteratorResult<Future<T>>> => {
        if (this._left === 0) return { value: undefined, done: true };
        return await nextStep(this);
      },
    };
  }
}

function futureDiscard(future: FutureLike, task: FutureLike | null): void {
  if (task !== null) futureDiscardFromAwaitedBy(future, task);
}

const nextDone = coroutine(function* nextDone(
  iterator: AsCompletedIterator<unknown>,
): Coroutine<Future<unknown>> {
  if (iterator._left === 0) throw new StopAsyncIteration();
  iterator._left--;
  let future: Future<unknown> | null;
  try {
    future = yield* iterator._done.get();
  } catch (error) {
    if (error instanceof CancelledError) iterator._left++;
    throw error;
  }
  if (future === null) throw new TimeoutError();
  return future;
}) as <T>(iterator: AsCompletedIterator<T>) => AwaitableCoroutine<Future<T>>;

const nextStep = coroutine(function* nextStep(
  iterator: AsCompletedIterator<unknown>,
): Coroutine<IteratorResult<Future<unknown>>> {
  return { value: yield* nextDone(iterator), done: false };
}) as <T>(iterator: AsCompletedIterator<T>) => AwaitableCoroutine<IteratorResult<Future<T>>>;

const nextResult = coroutine(function* nextResult(done: Queue<Future<unknown> | null>): Coroutine<unknown> {
  const future = yield* done.get();
  if (future === null) throw new TimeoutError();
  return future.result();
}) as <T>(done: Queue<Future<T> | null>) => AwaitableCoroutine<T>;

/**
 * Gives results in the order in which they come. asyncio: `as_completed`.
 *
 * @param awaitables all are started at once; the same one given twice counts once
 * @param options.timeout seconds for the whole iteration; nothing is cancelled when it ends
 * @throws TypeError for one awaitable in place of several
 *
 * @example
 * ```ts
 * for (const next of asCompleted([fetchA(), fetchB()])) console.log(yield* next);
 * ```
 */
export function asCompleted<T>(
  awaitables: Iterable<Awaitable<T>>,
  options: { readonly timeout?: number | null } = {},
): AsCompletedIterator<T> {
  if (isFuture(awaitables) || isCoroutine(awaitables)) {
    throw new TypeError('awaitables: an iterable of awaitables is expected, not a single one');
  }
  if (typeof (awaitables as Iterable<unknown> | null)?.[Symbol.iterator] !== 'function') {
    throw new TypeError('awaitables: an iterable of awaitables is expected');
  }
  return new AsCompletedIterator(awaitables, options.timeout ?? null);
}
