import { currentThread } from './thread.ts';

/** What all copies of this package in a thread share. */
interface Registry {
  readonly numbers: WeakMap<object, number>;
  last: number;
}

const KEY = Symbol.for('miolo.identity');

type Shared = { [KEY]?: Registry };

const registry: Registry = ((globalThis as Shared)[KEY] ??= { numbers: new WeakMap(), last: 0 });

/** Objects that a thread may number before it gets into those of the next. */
const PER_THREAD = 2 ** 32;

/**
 * A number that tells objects apart, those of other threads of the process as well; the same for the life of each.
 * It stands for Python's `id`.
 */
export function identityOf(object: object): number {
  let number = registry.numbers.get(object);
  if (number === undefined) {
    number = (currentThread()?.id ?? 0) * PER_THREAD + ++registry.last;
    registry.numbers.set(object, number);
  }
  return number;
}
