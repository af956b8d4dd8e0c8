import { Queue } from './queue.ts';

/** Tells which of two comes first: negative when `a` does. */
export type Compare<T> = (a: T, b: T) => number;

/**
 * A queue that gives the smallest item first. asyncio: `PriorityQueue`.
 *
 * Items are numbers, bigints, strings, dates, or arrays of them, which are compared element by element; for anything
 * else give `compare`. Of equal items any may come first.
 */
export class PriorityQueue<T = unknown> extends Queue<T> {
  readonly #compare: Compare<T>;
  #heap: T[] = [];

  /**
   * @param maxsize items that fit; 0 or less: any number
   * @param options.compare the order; default: Python's of the types above
   */
  constructor(maxsize: number = 0, options: { readonly compare?: Compare<T> } = {}) {
    super(maxsize);
    this.#compare = options.compare ?? compareValues;
    this._queue = this.#heap;
  }

  protected override _init(_maxsize: number): void {
    this._queue = [];
  }

  // Both look for the place first and move then: a comparison that throws leaves the queue as it was.

  protected override _put(item: T): void {
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0 && this.#compare(item, heap[(place - 1) >> 1]!) < 0) place = (place - 1) >> 1;
    let at = heap.length;
    heap.push(item);
    for (; at > place; at = (at - 1) >> 1) heap[at] = heap[(at - 1) >> 1]!;
    heap[place] = item;
  }

  protected override _get(): T {
    const heap = this.#heap;
    const compare = this.#compare;
    const first = heap[0]!;
    const last = heap.at(-1)!;
    const size = heap.length - 1;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (child + 1 < size && compare(heap[child + 1]!, heap[child]!) < 0) child++;
      if (compare(last, heap[child]!) <= 0) break;
      place = child;
    }
    heap.pop();
    if (size === 0) return first;
    // Everything on the way to its place moves up by one.
    let moved = last;
    for (let at = place; ; at = (at - 1) >> 1) {
      const displaced = heap[at]!;
      heap[at] = moved;
      if (at === 0) return first;
      moved = displaced;
    }
  }
}

/** Python's order of numbers, strings and tuples. @throws TypeError for what has no order */
function compareValues(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < a.length && i < b.length; i++) {
      if (a[i] === b[i]) continue;
      const order = compareValues(a[i], b[i]);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  const left = a instanceof Date ? a.getTime() : a;
  const right = b instanceof Date ? b.getTime() : b;
  if (isOrdered(left) && (typeof left === typeof right || (isNumeric(left) && isNumeric(right)))) {
    return left < (right as number) ? -1 : left > (right as number) ? 1 : 0;
  }
  throw new TypeError(
    `item: ${describe(a)} and ${describe(b)} have no order: give the queue a compare function`,
  );
}

function isNumeric(value: unknown): value is number {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isOrdered(value: unknown): value is number {
  return isNumeric(value) || typeof value === 'string' || typeof value === 'boolean';
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
