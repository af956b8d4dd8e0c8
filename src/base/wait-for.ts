import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import { type Awaitable, ensureFuture } from './ensure-future.ts';
import { CancelledError } from './exceptions.ts';
import type { FutureLike } from './future-like.ts';
import { TimeoutError } from './os-error.ts';
import { _releaseWaiter } from './release-waiter.ts';
import { getRunningLoop } from './running-loop.ts';
import { timeout as timeoutIn } from './timeout.ts';

/** Cancels a future and waits until it is done. Can be cancelled itself. asyncio: `_cancel_and_wait`. */
export function* _cancelAndWait(future: FutureLike): Coroutine<void> {
  const waiter = getRunningLoop().createFuture<void>();
  const release = (): void => _releaseWaiter(waiter);
  future.addDoneCallback(release);
  try {
    future.cancel();
    yield* waiter;
  } finally {
    future.removeDoneCallback(release);
  }
}

/**
 * Waits for `awaitable`, at most `timeout` seconds. asyncio: `wait_for`.
 *
 * When time runs out, `awaitable` is cancelled and its end awaited; so it is when the wait itself is cancelled. What
 * it gave in the same turn is then lost to the caller. A coroutine runs in the current task; with 0 or less it does
 * not start.
 *
 * @param timeout seconds; null: any time
 * @throws TimeoutError, with the CancelledError as its `cause`
 */
export const waitFor: <T>(awaitable: Awaitable<T>, timeout: number | null) => AwaitableCoroutine<T> =
  coroutine(function* waitFor<T>(awaitable: Awaitable<T>, timeout: number | null): Coroutine<T> {
    if (timeout !== null && timeout <= 0) {
      const future = ensureFuture(awaitable);
      if (future.done()) return future.result();
      yield* _cancelAndWait(future);
      try {
        return future.result();
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        throw new TimeoutError('', { cause: error });
      }
    }
    // As a function, so that one which was passed by mistake is refused and not called.
    return yield* timeoutIn(timeout).run(() => awaitable);
  }) as never;
