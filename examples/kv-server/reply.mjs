// @ts-check
/**
 * Replies of RESP2, gathered so that a chunk of pipelined requests is answered with one write.
 */

const FIRST_BYTES = 16 * 1024;

/** A buffer that replies are written into. */
export class ReplyWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  /** The replies so far; the memory is used again after {@link clear}. */
  get bytes() {
    return this.#buffer.subarray(0, this.#length);
  }

  get length() {
    return this.#length;
  }

  clear() {
    this.#length = 0;
    // One huge reply must not cost its memory for ever.
    if (this.#buffer.length > 64 * FIRST_BYTES) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  /** @param {string} text without line breaks */
  simple(text) {
    this.#text(`+${text}\r\n`);
  }

  /** @param {string} text code and message */
  error(text) {
    this.#text(`-${text.replace(/[\r\n]/g, ' ')}\r\n`);
  }

  /** @param {number | bigint} value */
  integer(value) {
    this.#text(`:${value}\r\n`);
  }

  /** @param {Uint8Array | string | null} value null is RESP's nil */
  bulk(value) {
    if (value === null) {
      this.#text('$-1\r\n');
      return;
    }
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#text(`$${bytes.length}\r\n`);
    this.#room(bytes.length + 2);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    this.#buffer[this.#length++] = 13;
    this.#buffer[this.#length++] = 10;
  }

  /** Begins an array; its elements follow. @param {number} count */
  array(count) {
    this.#text(`*${count}\r\n`);
  }

  /** @param {string} text Latin-1 */
  #text(text) {
    this.#room(text.length);
    this.#length += this.#buffer.latin1Write(text, this.#length);
  }

  /** @param {number} bytes */
  #room(bytes) {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.bytes);
    this.#buffer = larger;
  }
}
