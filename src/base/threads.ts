import { ConcurrentFuture } from './concurrent-future.ts';
import { copyContext } from './contextvars.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine, isCoroutine } from './coroutine.ts';
import { ensureFuture } from './ensure-future.ts';
import { isExit } from './exceptions.ts';
import type { Loop } from './loop.ts';
import { getRunningLoop } from './running-loop.ts';
import { _chainFuture } from './wrap-future.ts';

/**
 * Gives a coroutine to another loop, and returns a future that belongs to none. asyncio:
 * `run_coroutine_threadsafe`.
 *
 * Cancelling the future cancels the task. If the loop's task factory fails, the error goes into the future and to
 * the loop's exception handler. Threads of JavaScript share no loops: the other loop is one of this thread.
 *
 * @throws TypeError when it is no coroutine; RuntimeError when the loop is closed
 *
 * @example
 * ```ts
 * const answer = await runCoroutineThreadsafe(ask(), loop);
 * ```
 */
export function runCoroutineThreadsafe<T>(coro: Coroutine<T>, loop: Loop): ConcurrentFuture<T> {
  if (!isCoroutine(coro)) throw new TypeError('coro: a coroutine object is required');
  const future = new ConcurrentFuture<T>();
  loop.callSoonThreadsafe(() => {
    try {
      _chainFuture(ensureFuture(coro, { loop }), future as ConcurrentFuture);
    } catch (error) {
      // Of the task factory: whoever waits is told, and the loop.
      if (!isExit(error) && future.setRunningOrNotifyCancel()) future.setException(error);
      throw error;
    }
  });
  return future;
}

/**
 * Runs a function on the loop's default executor. asyncio: `to_thread`.
 *
 * Nothing begins before it is awaited. What the function may be is for the executor to say: see ThreadPoolExecutor.
 * The caller's context variables go along with executors that share this thread's memory. Cancelling takes back a
 * job that has not begun, and loses the result of one that runs.
 *
 * @param fn what to call
 * @param args what to call it with
 * @throws what `fn` throws; RuntimeError when the default executor was shut down, and in a blocking run
 *
 * @example
 * ```ts
 * const hash = yield* toThread(workerFunction<typeof scrypt>(import.meta.url, 'scrypt'), [password]);
 * ```
 */
export const toThread: <A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  args?: A,
) => AwaitableCoroutine<Awaited<R>> = coroutine(function* (
  fn: (...args: never) => unknown,
  args?: readonly unknown[],
): Coroutine<unknown> {
  const loop = getRunningLoop();
  return yield* loop.runInExecutor(null, fn as () => unknown, args as [], { context: copyContext() });
}) as never;
