// @ts-check
/**
 * Keys, values and their expiry, on the timers of a loop.
 */

/** @typedef {import('./deque.mjs').Deque<Buffer>} List */
/** @typedef {Buffer | List} Value a string, or a list */
/** @typedef {{ value: Value, timer: { cancel(): void, when(): number } | null }} Entry */
/** @typedef {{ time(): number, callAt(when: number, callback: (...args: any[]) => void, args?: readonly unknown[]): { cancel(): void, when(): number } }} Clock */

/** The data of a server. Keys are Latin-1 strings of their bytes. */
export class Store {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  #clock;

  /** @param {Clock} clock the loop */
  constructor(clock) {
    this.#clock = clock;
  }

  get size() {
    return this.#entries.size;
  }

  /** @param {string} key @returns {Value | null} */
  get(key) {
    return this.#entries.get(key)?.value ?? null;
  }

  /** @param {string} key @returns {boolean} */
  has(key) {
    return this.#entries.has(key);
  }

  keys() {
    return this.#entries.keys();
  }

  /**
   * Sets a value. Its expiry ends, unless it is to be kept.
   *
   * @param {string} key @param {Value} value @param {boolean} [keepExpiry]
   */
  set(key, value, keepExpiry = false) {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { value, timer: null });
      return;
    }
    entry.value = value;
    if (!keepExpiry && entry.timer !== null) {
      entry.timer.cancel();
      entry.timer = null;
    }
  }

  /** @param {string} key @returns {boolean} whether it was there */
  delete(key) {
    this.#entries.get(key)?.timer?.cancel();
    return this.#entries.delete(key);
  }

  clear() {
    for (const entry of this.#entries.values()) entry.timer?.cancel();
    this.#entries.clear();
  }

  /**
   * Lets a key expire.
   *
   * @param {string} key @param {number} seconds 0 or less: now
   * @returns {boolean} whether it was there
   */
  expire(key, seconds) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    if (seconds <= 0) return this.delete(key);
    entry.timer?.cancel();
    entry.timer = this.#clock.callAt(this.#clock.time() + seconds, () => this.delete(key));
    return true;
  }

  /** @param {string} key @returns {boolean} whether an expiry was ended */
  persist(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.timer === null) return false;
    entry.timer.cancel();
    entry.timer = null;
    return true;
  }

  /** @param {string} key @returns {number} seconds left; -1 without expiry, -2 without the key */
  ttl(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return -2;
    return entry.timer === null ? -1 : Math.max(0, entry.timer.when() - this.#clock.time());
  }
}
