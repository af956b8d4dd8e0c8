// @ts-check
/**
 * A list with constant-time work at both ends: a ring that doubles.
 *
 * @template T
 */
export class Deque {
  /** @type {(T | undefined)[]} */
  #slots = Array.from({ length: 8 });
  #head = 0;
  length = 0;

  /** @param {T} value */
  push(value) {
    this.#grow();
    this.#slots[(this.#head + this.length++) & (this.#slots.length - 1)] = value;
  }

  /** @param {T} value */
  unshift(value) {
    this.#grow();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = value;
    this.length++;
  }

  /** @returns {T | undefined} */
  shift() {
    if (this.length === 0) return undefined;
    const value = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.length--;
    return value;
  }

  /** @returns {T | undefined} */
  pop() {
    if (this.length === 0) return undefined;
    const at = (this.#head + --this.length) & (this.#slots.length - 1);
    const value = this.#slots[at];
    this.#slots[at] = undefined;
    return value;
  }

  /** @param {number} index @returns {T | undefined} */
  at(index) {
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)];
  }

  #grow() {
    const size = this.#slots.length;
    if (this.length < size) return;
    const larger = Array.from({ length: size * 2 });
    for (let index = 0; index < size; index++) larger[index] = this.at(index);
    this.#slots = /** @type {(T | undefined)[]} */ (larger);
    this.#head = 0;
  }
}
