import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type Awaitable, ensureFuture } from './ensure-future.ts';
import { CancelledError } from './exceptions.ts';
import { Future } from './future.ts';
import { _getLoop } from './future-like.ts';
import { currentTask } from './lifetime.ts';
import type { Loop } from './loop.ts';
import { _getRunningLoop, getEventLoop } from './running-loop.ts';

/** What the members of a tuple of awaitables give. */
export type Results<T extends readonly unknown[]> = {
  -readonly [K in keyof T]: T[K] extends Awaitable<infer R> ? R : never;
};

/** The future that {@link gather} returns: cancelling it cancels the children. */
class GatheringFuture<T> extends Future<T> {
  readonly #children: readonly Future<unknown>[];
  _cancelRequested = false;

  constructor(children: readonly Future<unknown>[], loop: Loop) {
    super({ loop });
    this.#children = children;
  }

  override cancel(msg?: unknown): boolean {
    if (this.done()) return false;
    let accepted = false;
    for (const child of this.#children) if (child.cancel(msg)) accepted = true;
    // A child may refuse; the outcome is decided when all are done.
    if (accepted) this._cancelRequested = true;
    return accepted;
  }
}

/** Keyword arguments of {@link gather}. */
export interface GatherOptions {
  /** Whether errors take their place among the results, in place of ending the wait. */
  readonly returnExceptions?: boolean;
}

/**
 * Waits for several awaitables at once; the results come in the order of the arguments. asyncio: `gather`.
 *
 * The first error is the outcome; the others go on. Cancelling the future cancels every child that is not done.
 *
 * @throws ValueError when the futures are of different loops
 *
 * @example
 * ```ts
 * const [user, orders] = yield* gather([fetchUser(id), fetchOrders(id)]);
 * ```
 */
export function gather<const T extends readonly Awaitable[]>(
  awaitables: T,
  options: GatherOptions & { readonly loop?: Loop } = {},
): Future<Results<T>> {
  const returnExceptions = options.returnExceptions === true;
  if (awaitables.length === 0) {
    const empty = (options.loop ?? getEventLoop()).createFuture<unknown[]>();
    empty._finish([]);
    return empty as unknown as Future<Results<T>>;
  }

  const seen = new Map<unknown, Future<unknown>>();
  const children: Future<unknown>[] = [];
  let loop: Loop | undefined = options.loop;
  let outer: GatheringFuture<unknown[]> | null = null;
  let finished = 0;
  const early: Future<unknown>[] = [];
  const running = _getRunningLoop();
  const waiter = running === null ? null : currentTask(running);

  const onDone = (future: Future<unknown>): void => {
    finished++;
    if (waiter !== null) futureDiscardFromAwaitedBy(future, waiter);
    if (outer === null || outer.done()) {
      // Nobody will ask for this one.
      if (!future.cancelled()) future.exception();
      return;
    }
    if (!returnExceptions) {
      if (future.cancelled()) {
        outer._fail(future._makeCancelledError());
        return;
      }
      const error = future.exception();
      if (error !== null) {
        outer._fail(error);
        return;
      }
    }
    if (finished < seen.size) return;
    const results = children.map((child) => {
      // As a plain value: it is no error that ends anything.
      if (child.cancelled())
        return new CancelledError(child._cancelMessage === null ? '' : child._cancelMessage);
      return child.exception() ?? child.result();
    });
    if (outer._cancelRequested) outer._fail(children.at(-1)!._makeCancelledError());
    else outer._finish(results);
  };

  for (const awaitable of awaitables) {
    const known = seen.get(awaitable);
    if (known !== undefined) {
      children.push(known);
      continue;
    }
    const future = ensureFuture(awaitable, { ...(loop === undefined ? {} : { loop }) });
    loop ??= _getLoop(future);
    // A task that gather made has nobody else to report it.
    if ((future as unknown) !== awaitable)
      (future as { _logDestroyPending?: boolean })._logDestroyPending = false;
    seen.set(awaitable, future);
    children.push(future);
    if (future.done()) early.push(future);
    else {
      if (waiter !== null) futureAddToAwaitedBy(future, waiter);
      future.addDoneCallback(onDone);
    }
  }
  outer = new GatheringFuture<unknown[]>(children, loop!);
  // Eager tasks and finished futures count at once.
  for (const future of early) onDone(future);
  return outer as unknown as Future<Results<T>>;
}
