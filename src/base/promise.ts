import { type Future, failFuture } from './future.ts';
import type { Loop } from './loop.ts';
import { getRunningLoop } from './running-loop.ts';

/**
 * Brings a promise in: a future with the promise's outcome.
 *
 * Cancelling the future ends the wait; the promise goes on by itself. One that settles after the loop was closed tells
 * nobody. Needs a hosted run: while a loop blocks,
 * promises do not settle.
 *
 * @param options.loop default: the running loop
 * @throws TypeError when it is no promise; RuntimeError in a blocking run
 */
export function fromPromise<T>(
  promise: PromiseLike<T>,
  options: { readonly loop?: Loop | null } = {},
): Future<T> {
  if (typeof (promise as PromiseLike<T> | null)?.then !== 'function') {
    throw new TypeError('promise: must be a promise');
  }
  const loop = options.loop ?? getRunningLoop();
  (loop as { _checkPromises?: () => void })._checkPromises?.();
  const future = loop.createFuture<T>();
  const hold = loop as { _hold?: () => void; _release?: () => void };
  hold._hold?.();
  // A loop that is closed calls nobody any more, and who waited there was told of when it closed.
  const canSettle = (): boolean => !future.done() && !loop.isClosed();
  promise.then(
    (value) => {
      hold._release?.();
      if (canSettle()) (future as Future).setResult(value);
    },
    (reason: unknown) => {
      hold._release?.();
      if (canSettle()) failFuture(future as Future, reason);
    },
  );
  return future;
}
