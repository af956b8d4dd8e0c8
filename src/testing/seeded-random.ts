/** One step of splitmix32, which spreads the bits of a seed. */
function splitmix32(state: number): number {
  let z = (state + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/**
 * A generator of random numbers that always gives the same ones for the same seed: xoshiro128**, seeded by
 * splitmix32. Not for secrets.
 */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /**
   * @param seed a whole number, at most 2 ** 53 either way
   * @param stream tells apart generators of the same seed
   * @throws RangeError for other numbers
   */
  constructor(seed: number, stream: string = '') {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed: must be a whole number, got ${seed}`);
    let state = splitmix32(seed | 0) ^ splitmix32(Math.floor(seed / 2 ** 32) | 0);
    for (let i = 0; i < stream.length; i++) state = splitmix32(state ^ stream.charCodeAt(i));
    this.#a = state = splitmix32(state);
    this.#b = state = splitmix32(state);
    this.#c = state = splitmix32(state);
    this.#d = splitmix32(state);
    // The one state that xoshiro never leaves.
    if ((this.#a | this.#b | this.#c | this.#d) === 0) this.#a = 1;
  }

  /** A whole number from 0 to 2 ** 32 - 1. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** A number from 0 up to, and without, 1. */
  float(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A number from `low` up to, and without, `high`. */
  between(low: number, high: number): number {
    return low + this.float() * (high - low);
  }

  /** A whole number from 0 up to, and without, `bound`. */
  below(bound: number): number {
    return Math.floor(this.float() * bound);
  }

  /** True with the probability `share`, 0 to 1. A share of 0 takes no number. */
  chance(share: number): boolean {
    return share > 0 && this.float() < share;
  }

  /** One of `items`. @throws RangeError when there is none */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('items: must not be empty');
    return items[this.below(items.length)]!;
  }
}
