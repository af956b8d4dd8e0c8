import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine, isCoroutine } from './coroutine.ts';
import { ValueError } from './exceptions.ts';
import { type FutureLike, isFuture } from './future-like.ts';
import { currentTask } from './lifetime.ts';
import { _releaseWaiter } from './release-waiter.ts';
import { getRunningLoop } from './running-loop.ts';

export const FIRST_COMPLETED = 'FIRST_COMPLETED';
export const FIRST_EXCEPTION = 'FIRST_EXCEPTION';
export const ALL_COMPLETED = 'ALL_COMPLETED';

/** What {@link wait} waits for. */
export type ReturnWhen = typeof FIRST_COMPLETED | typeof FIRST_EXCEPTION | typeof ALL_COMPLETED;

/** Keyword arguments of {@link wait}. */
export interface WaitOptions {
  /** Seconds; null: any time. */
  readonly timeout?: number | null;
  /** Default: ALL_COMPLETED. */
  readonly returnWhen?: ReturnWhen;
}

/**
 * Waits for futures or tasks without touching them: neither the timeout nor a cancellation of the wait cancels any.
 * asyncio: `wait`.
 *
 * @returns those that are done, and the others
 * @throws TypeError for one future in place of several, and for coroutines; ValueError for none
 */
export const wait: <F extends FutureLike<unknown>>(
  futures: Iterable<F>,
  options?: WaitOptions,
) => AwaitableCoroutine<[done: Set<F>, pending: Set<F>]> = coroutine(function* wait<
  F extends FutureLike<unknown>,
>(futures: Iterable<F>, options: WaitOptions = {}): Coroutine<[done: Set<F>, pending: Set<F>]> {
  if (isFuture(futures) || isCoroutine(futures)) {
    throw new TypeError('futures: an iterable of futures is expected, not a single one');
  }
  if (typeof (futures as Iterable<F> | null)?.[Symbol.iterator] !== 'function') {
    throw new TypeError('futures: an iterable of futures is expected');
  }
  const all = new Set(futures);
  if (all.size === 0) throw new ValueError('futures: the set of futures is empty');
  const { timeout = null, returnWhen = ALL_COMPLETED } = options;
  if (returnWhen !== ALL_COMPLETED && returnWhen !== FIRST_COMPLETED && returnWhen !== FIRST_EXCEPTION) {
    throw new ValueError(`returnWhen: invalid value ${String(returnWhen)}`);
  }
  for (const future of all) {
    if (isFuture(future)) continue;
    if (isCoroutine(future)) throw new TypeError('futures: coroutines are not accepted, make tasks of them');
    throw new TypeError(`futures: ${String(future)} is no future`);
  }
  yield* waitForAny(all, timeout, returnWhen);
  const done = new Set<F>();
  const pending = new Set<F>();
  for (const future of all) (future.done() ? done : pending).add(future);
  return [done, pending];
}) as never;

function* waitForAny(
  futures: ReadonlySet<FutureLike>,
  timeout: number | null,
  returnWhen: ReturnWhen,
): Coroutine<void> {
  const loop = getRunningLoop();
  const waiter = loop.createFuture<void>();
  const timer = timeout === null ? null : loop.callLater(timeout, _releaseWaiter, [waiter]);
  const task = currentTask(loop);
  let left = futures.size;
  const onDone = (future: FutureLike): void => {
    left--;
    if (
      left <= 0 ||
      returnWhen === FIRST_COMPLETED ||
      (returnWhen === FIRST_EXCEPTION && !future.cancelled() && future.exception() !== null)
    ) {
      timer?.cancel();
      _releaseWaiter(waiter);
    }
    if (task !== null) futureDiscardFromAwaitedBy(future, task);
  };
  for (const future of futures) {
    future.addDoneCallback(onDone as never);
    if (task !== null) futureAddToAwaitedBy(future, task);
  }
  try {
    yield* waiter;
  } finally {
    timer?.cancel();
    for (const future of futures) {
      future.removeDoneCallback(onDone as never);
      if (task !== null) futureDiscardFromAwaitedBy(future, task);
    }
  }
}
