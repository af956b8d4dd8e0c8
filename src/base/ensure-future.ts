import { type Coroutine, closeCoroutine, coroutine, isCoroutine, setCoroutineSpawner } from './coroutine.ts';
import { RuntimeError, ValueError } from './exceptions.ts';
import { type Future, promiseOf } from './future.ts';
import { type FutureLike, _getLoop, isFuture } from './future-like.ts';
import type { Loop } from './loop.ts';
import { getEventLoop, getRunningLoop } from './running-loop.ts';
import { Task, type TaskOptions } from './task.ts';

/** What can be awaited: a coroutine, a future of any make, or an iterable that behaves like one. */
// oxlint-disable-next-line typescript/no-explicit-any -- see Coroutine
export type Awaitable<T = unknown> = Coroutine<T> | FutureLike<T> | Iterable<any, T, any>;

const wrap = coroutine(function* wrap<T>(awaitable: Iterable<never, T>): Coroutine<T> {
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
  if (isFuture(awaitable)) {
    if (options.loop !== undefined && options.loop !== null && options.loop !== _getLoop(awaitable)) {
      throw new ValueError(
        'The future belongs to a different loop than the one specified as the loop argument',
      );
    }
    return awaitable as unknown as Future<T>;
  }
  const isOurs = !isCoroutine(awaitable);
  const coro = isOurs ? wrapAwaitable(awaitable) : (awaitable as Coroutine<T>);
  const loop = options.loop ?? getEventLoop();
  try {
    return loop.createTask(coro) as Future<T>;
  } catch (error) {
    // A closed loop, mostly. The coroutine will not run.
    if (error instanceof RuntimeError && !isOurs) closeCoroutine(coro);
    throw error;
  }
}

/** A coroutine of anything that can be awaited. @throws TypeError when it cannot */
export function toCoroutine<T>(awaitable: Awaitable<T>): Coroutine<T> {
  return isCoroutine(awaitable) ? (awaitable as Coroutine<T>) : wrapAwaitable(awaitable);
}

function wrapAwaitable<T>(awaitable: Awaitable<T>): Coroutine<T> {
  checkAwaitable(awaitable);
  return wrap(awaitable as Iterable<never, T>);
}

/**
 * Refuses what cannot be awaited. An array is no awaitable, though it can be iterated.
 *
 * @throws TypeError that says what may have been meant
 */
export function checkAwaitable(value: unknown): asserts value is Awaitable {
  const isObject = typeof value === 'object' && value !== null;
  if (isObject && Symbol.iterator in value && !Array.isArray(value)) return;
  if (isFuture(value)) return;
  throw new TypeError(`awaitable: a future, a coroutine or an awaitable is required${hintFor(value)}`);
}

function hintFor(value: unknown): string {
  if (Array.isArray(value)) return ': wait for several with gather()';
  if (typeof value === 'function') return ': call the function';
  const then = (value as { then?: unknown } | null)?.then;
  return typeof then === 'function' ? ': bring a promise in with fromPromise()' : '';
}

/**
 * Makes a task of a coroutine on the running loop. asyncio: `create_task`.
 *
 * @throws RuntimeError when no loop runs; TypeError when it is no coroutine
 */
export function createTask<T>(coro: Coroutine<T>, options?: TaskOptions): Task<T> {
  return getRunningLoop().createTask(coro, options) as Task<T>;
}

// Whatever makes the loop's tasks need not make promises of them.
setCoroutineSpawner((coro) => promiseOf(createTask(coro)));
