import type { Coroutine } from './coroutine.ts';

/**
 * Names of coroutine functions by the prototype of their coroutines: a generator does not know its function, but
 * every generator function has a prototype of its own.
 */
const names = new WeakMap<object, string>();

/** Notes what the coroutines with this prototype are called. */
export function nameCoroutines(prototype: object, name: string): void {
  if (name !== '') names.set(prototype, name);
}

/** What a coroutine is called, as far as anybody has told; `<coroutine>` otherwise. */
export function coroutineName(coro: Coroutine<unknown>): string {
  const prototype = Object.getPrototypeOf(coro) as object | null;
  const known = prototype === null ? undefined : names.get(prototype);
  if (known !== undefined) return known;
  // A coroutine that is an object of a class, not a generator.
  const constructor = (coro as { readonly constructor?: unknown }).constructor;
  if (typeof constructor === 'function' && constructor !== Object) return constructor.name;
  return '<coroutine>';
}
