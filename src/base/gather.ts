import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type Awaitable, ensureFuture } from './ensure-future.ts';
import { CancelledError } from './exceptions.ts';
import { Future } from './future.ts';
import { type FutureLike, _getLoop } from './future-like.ts';
import { currentTask } from './lifetime.ts';
import type { Loop } from './loop.ts';
import { _getRunningLoop, getEventLoop } from './running-loop.ts';

/** What the members of a tuple of awaitables give. */
export type Results<T extends readonly unknown[]> = {
  -readonly [K in keyof T]: T[K] extends Awaitable<infer R> ? R : never;
};

/**
 * What they give with `returnExceptions`: the result, or the error in its place.
 *
 * JavaScript can throw what is no Error. That would stand there too; the type leaves it out, or it would tell nothing.
 */
export type ResultsOrErrors<T extends readonly unknown[]> = {
  -readonly [K in keyof T]: T[K] extends Awaitable<infer R> ? R | Error : never;
};

/** The future that {@link gather} returns: cancelling it cancels the children. asyncio: `_GatheringFuture`. */
export class _GatheringFuture<T> extends Future<T> {
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

/** What futures of ours know about their cancellation, and others need not. */
interface Cancelled extends FutureLike {
  _makeCancelledError?(): CancelledError;
  readonly _cancelMessage?: unknown;
}

/** The error of a child that was cancelled, or survived it. */
function cancellationOf(child: Cancelled): CancelledError {
  if (typeof child._makeCancelledError === 'function') return child._makeCancelledError();
  if (child.cancelled()) {
    try {
      child.result();
    } catch (error) {
      if (error instanceof CancelledError) return error;
      throw error;
    }
  }
  return new CancelledError();
}

/** What a cancelled child was cancelled with. The error of a task, which is handed out once, stays there. */
function messageOf(child: Cancelled): unknown {
  return child._cancelMessage === undefined ? cancellationOf(child).args[0] : child._cancelMessage;
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
 * @throws TypeError for one awaitable in place of an array; ValueError when the futures are of different loops
 *
 * @example
 * ```ts
 * const [user, orders] = yield* gather([fetchUser(id), fetchOrders(id)]);
 * ```
 */
export function gather<const T extends readonly Awaitable[]>(
  awaitables: T,
  options?: GatherOptions & { readonly returnExceptions?: false; readonly loop?: Loop },
): Future<Results<T>>;
export function gather<const T extends readonly Awaitable[]>(
  awaitables: T,
  options: GatherOptions & { readonly loop?: Loop },
): Future<ResultsOrErrors<T>>;
export function gather(
  awaitables: readonly Awaitable[],
  options: GatherOptions & { readonly loop?: Loop } = {},
): Future<unknown> {
  if (!Array.isArray(awaitables)) throw new TypeError('awaitables: an array of awaitables is expected');
  const returnExceptions = options.returnExceptions === true;
  if (awaitables.length === 0) {
    const empty = (options.loop ?? getEventLoop()).createFuture<unknown[]>();
    empty.setResult([]);
    return empty;
  }

  const seen = new Map<unknown, Future<unknown>>();
  const children: Future<unknown>[] = [];
  let loop: Loop | undefined = options.loop;
  let outer: _GatheringFuture<unknown[]> | null = null;
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
        outer._fail(cancellationOf(future));
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
      if (child.cancelled()) return new CancelledError(messageOf(child) ?? '');
      return child.exception() ?? child.result();
    });
    if (outer._cancelRequested) outer._fail(cancellationOf(children.at(-1)!));
    else outer._finish(results);
  };

  for (const awaitable of awaitables) {
    const known = seen.get(awaitable);
    if (known !== undefined) {
      children.push(known);
      continue;
    }
    const future = ensureFuture(awaitable, loop === undefined ? undefined : { loop });
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
  outer = new _GatheringFuture<unknown[]>(children, loop!);
  // Eager tasks and finished futures count at once.
  for (const future of early) onDone(future);
  return outer;
}
