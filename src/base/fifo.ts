const SMALLEST = 16;

/** Places that an empty queue keeps; a larger room is given back by halves. */
const KEPT = 8192;

/** First in, first out, in constant time: a ring in an array whose length is a power of two. */
export class Fifo<T> {
  #items: (T | undefined)[] = Array.from<undefined>({ length: SMALLEST });
  #first = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#items.length) this.#resize(this.#length * 2);
    this.#items[(this.#first + this.#length++) & (this.#items.length - 1)] = item;
  }

  /** The oldest item, undefined if there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const items = this.#items;
    const item = items[this.#first];
    // Whoever took it decides how long it lives.
    items[this.#first] = undefined;
    this.#first = (this.#first + 1) & (items.length - 1);
    if (--this.#length === 0 && items.length > KEPT) this.#resize(items.length / 2);
    return item;
  }

  clear(): void {
    this.#items = Array.from<undefined>({ length: SMALLEST });
    this.#first = 0;
    this.#length = 0;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.#length; i++) yield this.#items[(this.#first + i) & (this.#items.length - 1)]!;
  }

  #resize(size: number): void {
    const items = Array.from<T | undefined>({ length: size });
    let at = 0;
    for (const item of this) items[at++] = item;
    this.#items = items;
    this.#first = 0;
  }
}
