import { markAsUntransferable } from 'node:worker_threads';

/**
 * Memory for bytes that are to be kept: several pieces share an allocation, which the collector frees when none of them
 * is held any more. So a piece that is held pins the whole of it.
 */
export class KeptChunk {
  readonly #size: number;
  #buffer: Buffer | null = null;
  #used = 0;

  /** @param size bytes of an allocation, and at most of one piece */
  constructor(size: number) {
    this.#size = size;
  }

  /** Room for `length` bytes. */
  take(length: number): Buffer {
    let buffer = this.#buffer;
    let at = this.#used;
    if (buffer === null || at + length > this.#size) {
      buffer = this.#buffer = Buffer.allocUnsafeSlow(this.#size);
      // Whoever transferred one piece would take the others' memory along.
      markAsUntransferable(buffer.buffer);
      at = 0;
    }
    // The next piece begins aligned, so that typed views can be laid over it.
    this.#used = (at + length + 7) & ~7;
    return Buffer.from(buffer.buffer, at, length);
  }
}
