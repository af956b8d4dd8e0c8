/** Links between futures of loops and futures of threads. */
import {
  ConcurrentCancelledError,
  ConcurrentFuture,
  ConcurrentInvalidStateError,
} from './concurrent-future.ts';
import { AssertionError, CancelledError, InvalidStateError } from './exceptions.ts';
import { type Future, failFuture } from './future.ts';
import { type FutureLike, _getLoop, isFuture } from './future-like.ts';
import type { Loop } from './loop.ts';
import { getEventLoop } from './running-loop.ts';

/** A future of a loop or of a thread. */
export type AnyFuture<T = unknown> = FutureLike<T> | ConcurrentFuture<T>;

/** The error as loops know it: exactly the threads' two classes are replaced. asyncio: `_convert_future_exc`. */
export function _convertFutureExc(error: unknown): unknown {
  const itsClass = (error as { readonly constructor?: unknown } | null)?.constructor;
  if (itsClass === ConcurrentCancelledError) {
    return Object.assign(new CancelledError((error as Error).message), { cause: error });
  }
  if (itsClass === ConcurrentInvalidStateError) {
    return new InvalidStateError((error as Error).message, { cause: error });
  }
  return error;
}

/**
 * Completes the loop's future `destination` as `source` was; nothing happens if it is cancelled.
 * asyncio: `_copy_future_state`.
 *
 * @throws AssertionError when `source` is not done, or `destination` is done but not cancelled
 */
export function _copyFutureState(source: AnyFuture, destination: FutureLike): void {
  if (!source.done()) throw new AssertionError('source: must be done');
  if (destination.cancelled()) return;
  if (destination.done()) throw new AssertionError('destination: must not be done');
  if (source.cancelled()) {
    destination.cancel();
    return;
  }
  const settable = destination as Future;
  const error = source.exception();
  if (error !== null) failFuture(settable, _convertFutureExc(error));
  else settable.setResult(source.result());
}

/** Completes a thread's future as `source` was. asyncio: `_set_concurrent_future_state`. */
export function _setConcurrentFutureState(concurrent: ConcurrentFuture, source: AnyFuture): void {
  if (!source.done()) throw new AssertionError('source: must be done');
  if (source.cancelled()) concurrent.cancel();
  if (!concurrent.setRunningOrNotifyCancel()) return;
  const error = source.exception();
  if (error !== null) concurrent.setException(_convertFutureExc(error));
  else concurrent.setResult(source.result());
}

function setState(destination: AnyFuture, source: AnyFuture): void {
  if (isFuture(destination)) _copyFutureState(source, destination);
  else _setConcurrentFutureState(destination as ConcurrentFuture, source);
}

function checkFuture(value: unknown, name: string): Loop | null {
  if (isFuture(value)) return _getLoop(value);
  if (value instanceof ConcurrentFuture) return null;
  throw new TypeError(`${name}: a future is required`);
}

/**
 * Links two futures: the outcome of `source` goes to `destination`, the cancellation of `destination` to `source`.
 *
 * Each may be of any loop, or of a thread; another loop is told by its `callSoonThreadsafe`, and is told nothing
 * once it is closed. asyncio: `_chain_future`.
 *
 * @throws TypeError when one of them is no future
 */
export function _chainFuture(source: AnyFuture, destination: AnyFuture): void {
  const sourceLoop = checkFuture(source, 'source');
  const destinationLoop = checkFuture(destination, 'destination');
  destination.addDoneCallback(() => {
    if (!destination.cancelled()) return;
    if (sourceLoop === null || sourceLoop === destinationLoop) source.cancel();
    else if (!sourceLoop.isClosed()) sourceLoop.callSoonThreadsafe(() => source.cancel());
  });
  source.addDoneCallback(() => {
    if (destinationLoop === null || destinationLoop === sourceLoop) {
      if (!(destination.cancelled() && destinationLoop?.isClosed() === true)) setState(destination, source);
    } else if (!destinationLoop.isClosed()) {
      destinationLoop.callSoonThreadsafe(setState, [destination, source]);
    }
  });
}

/**
 * Makes a loop's future of a thread's; futures of loops are returned as they are. asyncio: `wrap_future`.
 *
 * Cancelling it cancels a job that has not begun, and only detaches from one that runs.
 *
 * @param options.loop default: the running or the current loop
 * @throws TypeError when it is no future
 */
export function wrapFuture<T>(
  future: ConcurrentFuture<T> | FutureLike<T>,
  options: { readonly loop?: Loop | null } = {},
): Future<T> {
  if (isFuture(future)) return future as unknown as Future<T>;
  if (!(future instanceof ConcurrentFuture)) throw new TypeError('future: a ConcurrentFuture is expected');
  const loop = options.loop ?? getEventLoop();
  const wrapper = loop.createFuture<T>();
  _chainFuture(future as ConcurrentFuture, wrapper as unknown as FutureLike);
  return wrapper;
}
