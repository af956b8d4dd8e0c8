import type { Host } from '../base/index.ts';

/** The longest delay that Node's timers take, in seconds. */
const LONGEST_DELAY = 2 ** 31 / 1000 - 1;

/**
 * Node's own event loop as the host of ours.
 *
 * `soon` is `setImmediate`, so that neither side starves the other: each turn lets Node poll. What keeps the
 * process alive between turns is one handle, referenced only while a loop holds.
 */
export class NodeHost implements Host {
  #holder: ReturnType<typeof setInterval> | null = null;

  soon(fn: () => void): void {
    setImmediate(fn);
  }

  later(seconds: number, fn: () => void): () => void {
    // Rounded up: Node counts whole milliseconds, and a timer must not come early.
    const timer = setTimeout(fn, Math.ceil(Math.min(seconds, LONGEST_DELAY) * 1000));
    return () => clearTimeout(timer);
  }

  hold(): void {
    if (this.#holder === null) this.#holder = setInterval(() => {}, 0x7fffffff);
    else this.#holder.ref();
  }

  release(): void {
    this.#holder?.unref();
  }

  stalled(callback: () => void): () => void {
    process.on('beforeExit', callback);
    return () => {
      process.off('beforeExit', callback);
      if (this.#holder !== null) {
        clearInterval(this.#holder);
        this.#holder = null;
      }
    };
  }
}
