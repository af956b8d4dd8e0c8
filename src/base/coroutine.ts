import { nameCoroutines } from './coroutine-name.ts';
import { isTracking, trackCoroutine, untrackCoroutine } from './coroutine-tracking.ts';
import { RuntimeError } from './exceptions.ts';
import type { Yieldable } from './future-like.ts';

/**
 * A coroutine: a generator whose `yield*` is Python's `await`.
 *
 * The declared return type of coroutine functions: `function* read(): Coroutine<string> { ... }`.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- what a bare `yield` gives back is of no use to anybody
export interface Coroutine<T = unknown> extends Generator<Yieldable, T, any> {}

/** A coroutine that `await` understands too: what functions made by {@link coroutine} return. */
export interface AwaitableCoroutine<T = unknown> extends Coroutine<T>, PromiseLike<T> {}

/** What has the methods of a coroutine is one, whoever made it. */
export function isCoroutine(value: unknown): value is Coroutine {
  if (typeof value !== 'object' || value === null) return false;
  const object = value as Partial<Coroutine>;
  // Generators are told by one look.
  if ((value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'Generator') return true;
  return (
    typeof object.next === 'function' &&
    typeof object.throw === 'function' &&
    typeof object.return === 'function' &&
    typeof object[Symbol.iterator] === 'function'
  );
}

const GeneratorFunction = Object.getPrototypeOf(function* () {}) as { readonly prototype: object };
const generatorPrototype = GeneratorFunction.prototype as Coroutine;

/**
 * The mark of a function that makes coroutines although it is no generator function: `fn[_isCoroutine] = true`.
 * asyncio: `coroutines._is_coroutine`.
 */
export const _isCoroutine: unique symbol = Symbol.for('miolo.isCoroutine') as never;

/** Whether calling `value` makes a coroutine. asyncio: `iscoroutinefunction`. */
export function isCoroutineFunction(value: unknown): value is (...args: never[]) => Coroutine {
  if (typeof value !== 'function') return false;
  return (
    value instanceof (GeneratorFunction.constructor as never) ||
    (value as { [_isCoroutine]?: unknown })[_isCoroutine] === true
  );
}

/** Where a coroutine that `await` understands notes that somebody drives it. */
const DRIVEN = Symbol('miolo.driven');

interface Driven {
  [DRIVEN]?: boolean;
}

let spawn: ((coro: Coroutine<unknown>) => PromiseLike<unknown>) | null = null;

/** Sets what makes a task of a coroutine that an async function awaits. */
export function setCoroutineSpawner(spawner: (coro: Coroutine<unknown>) => PromiseLike<unknown>): void {
  spawn = spawner;
}

/** Notes that `coro` is driven from now on; a second time is the error that Python has for it. */
export function claimCoroutine(coro: Coroutine<unknown>): void {
  const marked = coro as Driven;
  if (marked[DRIVEN] === true) throw new RuntimeError('cannot reuse already awaited coroutine');
  if (marked[DRIVEN] !== false) return;
  marked[DRIVEN] = true;
  // Before it is resumed, so that no frame of ours shows in its stack.
  untrackCoroutine(coro);
}

const coroutinePrototype = Object.create(generatorPrototype, {
  [DRIVEN]: { value: false, writable: true },
  [Symbol.iterator]: {
    value(this: Coroutine): Coroutine {
      claimCoroutine(this);
      return this;
    },
  },
  then: {
    value(
      this: Coroutine,
      onFulfilled?: ((value: unknown) => unknown) | null,
      onRejected?: ((reason: unknown) => unknown) | null,
    ): PromiseLike<unknown> {
      return spawn!(this).then(onFulfilled, onRejected);
    },
  },
}) as object;

/**
 * Makes the coroutines of a generator function awaitable in async functions as well: there, `await f()` makes a
 * task of it on the running loop. `yield* f()` stays what it is, and costs the same.
 *
 * @throws TypeError when `fn` is no generator function
 *
 * @example
 * ```ts
 * const greet = coroutine(function* greet(name: string): Coroutine<string> {
 *   yield* sleep(1);
 *   return `hello ${name}`;
 * });
 * yield* greet('Ada'); // in a coroutine
 * await greet('Ada'); // in an async function
 * ```
 */
export function coroutine<This, A extends readonly unknown[], T>(
  fn: (this: This, ...args: A) => Coroutine<T>,
): (this: This, ...args: A) => AwaitableCoroutine<T> {
  if (!isCoroutineFunction(fn as unknown)) throw new TypeError('fn: must be a generator function');
  const prototype = (fn as unknown as { readonly prototype?: object }).prototype;
  if (prototype !== undefined && !Object.prototype.isPrototypeOf.call(coroutinePrototype, prototype)) {
    Object.setPrototypeOf(prototype, coroutinePrototype);
    nameCoroutines(prototype, fn.name);
  }
  const made = function (this: This, ...args: A): Coroutine<T> {
    const coro = fn.apply(this, args as never);
    return isTracking() ? trackCoroutine(coro, fn.name) : coro;
  };
  Object.defineProperties(made, {
    name: { value: fn.name, configurable: true },
    length: { value: fn.length, configurable: true },
    prototype: { value: prototype },
    [_isCoroutine]: { value: true },
  });
  return made as (this: This, ...args: A) => AwaitableCoroutine<T>;
}

/**
 * Makes generator methods of a class awaitable, as {@link coroutine} does for a function.
 *
 * @example
 * ```ts
 * class Client {
 *   *ask(question: string): Coroutine<string> { ... }
 * }
 * coroutineMethods(Client.prototype, 'ask');
 * ```
 */
export function coroutineMethods(prototype: object, ...names: readonly string[]): void {
  for (const name of names) {
    const method = (prototype as Record<string, () => Coroutine>)[name]!;
    Object.defineProperty(prototype, name, { value: coroutine(method), writable: true, configurable: true });
  }
}

/**
 * Ends a coroutine early: its `finally` blocks run. Python: `coroutine.close`.
 *
 * @throws RuntimeError when it goes on waiting
 */
export function closeCoroutine(coro: Coroutine<unknown>): void {
  const outcome = coro.return(undefined);
  if (outcome.done !== true) throw new RuntimeError('coroutine ignored GeneratorExit');
}
