import { type Coroutine, closeCoroutine, coroutine, isCoroutine, setCoroutineSpawner } from './coroutine.ts';
import { RuntimeError, ValueError } from './exceptions.ts';
import type { Future } from './future.ts';
import { type FutureLike, _getLoop, isfuture } from './future-like.ts';
import type { Loop } from './loop.ts';
import { getEventLoop, getRunningLoop } from './running-loop.ts';
import { Task, type TaskOptions } from './task.ts';

/** What can be awaited: a coroutine, a future of any make, or an iterable that behaves like one. */
// oxlint-disable-next-line typescript/no-explicit-any -- see Coroutine
export type Awaitable<T = unknown> = Coroutine<T> | FutureLike<T> | Iterable<any, T, any>;

const wrap = coroutine(function* <T>(awaitable: Iterable<never, T>): Coroutine<T> {
  return yield* awaitable;
});

/**
 * Makes a future of anything that can be awaited: futures are returned as they are, coroutines become tasks.
 * asyncio: `ensure_future`.
 *
 * @param options.loop default: the future's own, the running or the current loop
 * @throws TypeError when it cannot be awaited; ValueError when a future is of another loop
 */
export function ensureFuture<T>(
  awaitable: Awaitable<T>,
  options: { readonly loop?: Loop | null } = {},
): Future<T> {
  if (isfuture(awaitable)) {
    if (options.loop !== undefined && options.loop !== null && options.loop !== _getLoop(awaitable)) {
      throw new ValueError(
        'The future belongs to a different loop than the one specified as the loop argument',
      );
    }
    return awaitable as unknown as Future<T>;
  }
  let coro: Coroutine<T>;
  let isOurs = false;
  if (isCoroutine(awaitable)) coro = awaitable as Coroutine<T>;
  else if (
    typeof (awaitable as Iterable<unknown> | null)?.[Symbol.iterator] === 'function' &&
    typeof awaitable === 'object'
  ) {
    coro = wrap(awaitable as Iterable<never, T>);
    isOurs = true;
  } else {
    const hint =
      typeof (awaitable as { then?: unknown } | null)?.then === 'function'
        ? ': bring a promise in with fromPromise()'
        : '';
    throw new TypeError(`awaitable: a future, a coroutine or an awaitable is required${hint}`);
  }
  const loop = options.loop ?? getEventLoop();
  try {
    return loop.createTask(coro) as Future<T>;
  } catch (error) {
    // A closed loop, mostly. The coroutine will not run.
    if (error instanceof RuntimeError && !isOurs) closeCoroutine(coro);
    throw error;
  }
}

/**
 * Makes a task of a coroutine on the running loop. asyncio: `create_task`.
 *
 * @throws RuntimeError when no loop runs; TypeError when it is no coroutine
 */
export function createTask<T>(coro: Coroutine<T>, options?: TaskOptions): Task<T> {
  return getRunningLoop().createTask(coro, options) as Task<T>;
}

setCoroutineSpawner((coro) => createTask(coro));
