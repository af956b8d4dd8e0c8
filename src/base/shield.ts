import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type Awaitable, ensureFuture } from './ensure-future.ts';
import { type Future, failFuture } from './future.ts';
import { _getLoop } from './future-like.ts';
import { currentTask } from './lifetime.ts';

/**
 * A future with the outcome of `awaitable` that can be cancelled without cancelling `awaitable`. asyncio: `shield`.
 *
 * If `awaitable` is itself cancelled, so is the shield. One that is done already is returned as it is.
 *
 * @example
 * ```ts
 * yield* shield(save(order)); // goes on, even if this task is cancelled
 * ```
 */
export function shield<T>(awaitable: Awaitable<T>): Future<T> {
  const inner = ensureFuture(awaitable);
  if (inner.done()) return inner;
  const loop = _getLoop(inner);
  const outer = loop.createFuture<T>();
  const task = currentTask(loop);
  if (task !== null) futureAddToAwaitedBy(inner, task);
  const onInnerDone = (): void => {
    if (task !== null) futureDiscardFromAwaitedBy(inner, task);
    if (outer.cancelled()) return;
    if (inner.cancelled()) {
      outer.cancel();
      return;
    }
    const error = inner.exception();
    if (error === null) (outer as Future).setResult(inner.result());
    else failFuture(outer, error);
  };
  inner.addDoneCallback(onInnerDone);
  // Cancelled, the shield leaves no trace on what goes on.
  outer.addDoneCallback(() => {
    if (inner.done()) return;
    inner.removeDoneCallback(onInnerDone);
    if (task !== null) futureDiscardFromAwaitedBy(inner, task);
  });
  return outer;
}
