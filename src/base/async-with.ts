import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import { type Awaitable, checkAwaitable } from './ensure-future.ts';
import { GeneratorExit, RuntimeError } from './exceptions.ts';

/**
 * Something that is entered and left around a block. Python: an asynchronous context manager.
 *
 * `aexit` gets what the block threw (nothing after a normal end); returning true keeps it from going on.
 */
export interface AsyncContextManager<V = unknown, Suppressed extends boolean | void = void> {
  aenter(): Coroutine<V>;
  aexit(error?: unknown): Coroutine<Suppressed>;
}

/** What runs inside of a scope: something to await, or a function of what entering gave. */
export type ScopeBody<V, T> = Awaitable<T> | ((value: V) => Awaitable<T>);

/**
 * Runs `body` between entering and leaving `manager`. Python: `async with`.
 *
 * Whatever happens, `manager` is left: after the end, after an error, which it may replace or suppress, and when the
 * coroutine is closed.
 *
 * @param body something to await, or a function that is called with what `aenter` gave
 * @returns the body's result; undefined when the manager suppressed its error
 * @throws TypeError when the body is nothing to await, after leaving; an async function is none: see `fromPromise`
 *
 * @example
 * ```ts
 * const lock = new Lock();
 * yield* asyncWith(lock, function* () {
 *   yield* sleep(1);
 * });
 * ```
 */
export const asyncWith: {
  <V, T>(manager: AsyncContextManager<V, void>, body: ScopeBody<V, T>): AwaitableCoroutine<T>;
  <V, T>(
    manager: AsyncContextManager<V, boolean | void>,
    body: ScopeBody<V, T>,
  ): AwaitableCoroutine<T | undefined>;
} = coroutine(function* asyncWith<V, T>(
  manager: AsyncContextManager<V, boolean | void>,
  body: ScopeBody<V, T>,
): Coroutine<T | undefined> {
  const value = yield* manager.aenter();
  let left = false;
  let result: T;
  try {
    const awaitable = typeof body === 'function' ? (body as (value: V) => Awaitable<T>)(value) : body;
    checkAwaitable(awaitable);
    result = yield* awaitable as Iterable<never, T>;
    left = true;
  } catch (error) {
    // All errors, cancellation and exits as well: the manager decides what becomes of them.
    left = true;
    const thrown = error ?? new RuntimeError(`the body threw ${String(error)}`);
    if ((yield* manager.aexit(thrown)) === true) return undefined;
    throw error;
  } finally {
    // Only a coroutine that is closed gets here otherwise.
    if (!left) yield* manager.aexit(new GeneratorExit());
  }
  yield* manager.aexit();
  return result;
}) as never;
