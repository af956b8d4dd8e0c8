import type { Context } from './contextvars.ts';
import type { Loop } from './loop.ts';

/** What coroutines may yield to their task: a future that is being awaited, or nothing. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- a bare `yield` has the type void
export type Yieldable = FutureLike | null | undefined | void;

/**
 * A future of any make: recognised by {@link _asyncioFutureBlocking} being there, not by its class.
 *
 * Whoever awaits sets the mark and yields the future; the task that steps the coroutine clears it.
 */
export interface FutureLike<T = unknown> extends Iterable<Yieldable, T> {
  _asyncioFutureBlocking: boolean;
  done(): boolean;
  cancelled(): boolean;
  result(): T;
  exception(): unknown;
  cancel(msg?: unknown): boolean;
  addDoneCallback(
    callback: (future: never) => unknown,
    options?: { readonly context?: Context | null },
  ): void;
  removeDoneCallback(callback: (future: never) => unknown): number;
  getLoop?(): Loop;
  readonly _loop?: Loop;
}

/** Whether `value` is a future of any make. asyncio: `isfuture`. */
export function isFuture(value: unknown): value is FutureLike {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const mark = (value as { _asyncioFutureBlocking?: unknown })._asyncioFutureBlocking;
  return mark !== undefined && mark !== null;
}

/** The loop of a future of any make. asyncio: `futures._get_loop`. */
export function _getLoop(future: FutureLike): Loop {
  return typeof future.getLoop === 'function' ? future.getLoop() : future._loop!;
}
