import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import { ValueError } from './exceptions.ts';
import { _setResultUnlessCancelled } from './future.ts';
import { getRunningLoop } from './running-loop.ts';

/**
 * Waits. asyncio: `sleep`.
 *
 * 0 or less gives the loop one turn, without a timer. A cancelled sleep cancels its timer.
 *
 * @param delay seconds
 * @param result what to return
 * @throws ValueError when `delay` is NaN; TypeError when it is no number
 */
export const sleep: {
  (delay: number): AwaitableCoroutine<void>;
  <T>(delay: number, result: T): AwaitableCoroutine<T>;
} = coroutine(function* sleep(delay: number, result?: unknown): Coroutine<unknown> {
  if (typeof delay !== 'number') throw new TypeError('delay: must be a number of seconds');
  if (delay <= 0) {
    yield;
    return result;
  }
  if (Number.isNaN(delay)) throw new ValueError('delay: must not be NaN');
  const loop = getRunningLoop();
  const future = loop.createFuture<unknown>();
  const timer = loop.callLater(delay, _setResultUnlessCancelled, [future, result]);
  try {
    return yield* future;
  } finally {
    timer.cancel();
  }
}) as never;
