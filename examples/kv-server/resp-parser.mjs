// @ts-check
/**
 * Requests of RESP2, the protocol of Redis, from whatever pieces the network makes of them.
 */

/** Thrown for input that is no RESP; the connection ends with its message. */
export class ProtocolError extends Error {}

const MOST_ARGUMENTS = 1024 * 1024;
const MOST_INLINE_BYTES = 64 * 1024;
const MOST_BULK_BYTES = 512 * 1024 * 1024;

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const STAR = 42;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;

/**
 * Takes bytes, gives requests.
 *
 * A request that is not complete stays; what has been read of it is remembered, so that feeding a large one in
 * small pieces costs time in proportion to its size.
 */
export class RespParser {
  /** @type {Buffer[]} */
  #pieces = [];
  #pending = 0;
  /** Bytes without which another attempt is useless. */
  #needed = 0;
  /** @type {Buffer[] | null} Arguments of the request under way. */
  #arguments = null;
  #expected = 0;
  #limit;

  /** @param {number} [limit] bytes of one request at most */
  constructor(limit = 64 * 1024 * 1024) {
    this.#limit = limit;
  }

  /**
   * Calls `onRequest` with the arguments of each request that `data` completes.
   *
   * @param {Uint8Array} data safe to keep
   * @param {(request: Buffer[]) => void} onRequest
   * @throws {ProtocolError}
   */
  feed(data, onRequest) {
    let buffer = Buffer.from(data.buffer, data.byteOffset, data.length);
    if (this.#pending > 0) {
      this.#pieces.push(buffer);
      this.#pending += buffer.length;
      if (this.#pending < this.#needed) return;
      buffer = Buffer.concat(this.#pieces, this.#pending);
      this.#pieces.length = 0;
    }
    this.#needed = 0;
    const rest = this.#parse(buffer, onRequest);
    this.#pending = buffer.length - rest;
    if (this.#pending === 0) return;
    if (this.#pending > this.#limit) throw new ProtocolError('too big request');
    this.#pieces.push(rest === 0 ? buffer : buffer.subarray(rest));
  }

  /**
   * @param {Buffer} buffer
   * @param {(request: Buffer[]) => void} onRequest
   * @returns {number} where the part that is not complete begins
   */
  #parse(buffer, onRequest) {
    let at = 0;
    while (at < buffer.length) {
      if (this.#arguments === null) {
        if (buffer[at] !== STAR) {
          const end = buffer.indexOf(LF, at);
          if (end < 0) {
            if (buffer.length - at > MOST_INLINE_BYTES) throw new ProtocolError('too big inline request');
            return at;
          }
          const line = buffer.subarray(at, end > at && buffer[end - 1] === CR ? end - 1 : end);
          if (line.length > MOST_INLINE_BYTES) throw new ProtocolError('too big inline request');
          at = end + 1;
          const request = splitInline(line);
          if (request.length > 0) onRequest(request);
          continue;
        }
        const end = endOfLine(buffer, at, 'too big mbulk count string');
        if (end < 0) return at;
        const count = toInteger(buffer, at + 1, end, 'invalid multibulk length');
        if (count > MOST_ARGUMENTS) throw new ProtocolError('invalid multibulk length');
        at = end + 2;
        if (count <= 0) continue;
        this.#arguments = [];
        this.#expected = count;
      }
      const end = endOfLine(buffer, at, 'too big bulk count string');
      if (end < 0) return at;
      if (buffer[at] !== DOLLAR) {
        throw new ProtocolError(
          `expected '$', got '${String.fromCharCode(/** @type {number} */ (buffer[at]))}'`,
        );
      }
      const length = toInteger(buffer, at + 1, end, 'invalid bulk length');
      if (length < 0 || length > MOST_BULK_BYTES || length > this.#limit) {
        throw new ProtocolError('invalid bulk length');
      }
      const start = end + 2;
      if (buffer.length < start + length + 2) {
        this.#needed = start + length + 2 - at;
        return at;
      }
      if (buffer[start + length] !== CR || buffer[start + length + 1] !== LF) {
        throw new ProtocolError('expected CRLF after a bulk string');
      }
      this.#arguments.push(buffer.subarray(start, start + length));
      at = start + length + 2;
      if (this.#arguments.length === this.#expected) {
        const request = this.#arguments;
        this.#arguments = null;
        onRequest(request);
      }
    }
    return at;
  }
}

/**
 * Where the line that begins at `at` ends (its CR), or -1.
 *
 * @param {Buffer} buffer
 * @param {number} at
 * @param {string} whenTooLong
 */
function endOfLine(buffer, at, whenTooLong) {
  for (let end = at + 1; end < buffer.length; end++) {
    if (buffer[end] !== CR) {
      if (end - at > 32) throw new ProtocolError(whenTooLong);
      continue;
    }
    if (end + 1 === buffer.length) return -1;
    if (buffer[end + 1] !== LF) throw new ProtocolError(whenTooLong);
    return end;
  }
  return -1;
}

/**
 * @param {Buffer} buffer
 * @param {number} start
 * @param {number} end
 * @param {string} message
 */
function toInteger(buffer, start, end, message) {
  let at = start;
  const negative = buffer[at] === MINUS;
  if (negative) at++;
  if (at === end || end - at > 15) throw new ProtocolError(message);
  let value = 0;
  for (; at < end; at++) {
    const digit = /** @type {number} */ (buffer[at]);
    if (digit < ZERO || digit > NINE) throw new ProtocolError(message);
    value = value * 10 + digit - ZERO;
  }
  return negative ? -value : value;
}

/**
 * Words of a line, as typed into a telnet session; quotes hold spaces together.
 *
 * @param {Buffer} line
 * @returns {Buffer[]}
 */
function splitInline(line) {
  const words = [];
  const pattern = /"((?:[^"\\]|\\.)*)"(?=\s|$)|'((?:[^'\\]|\\.)*)'(?=\s|$)|([^\s"']+)|(\S)/g;
  for (const [, double, single, plain, wrong] of line.toString('latin1').matchAll(pattern)) {
    if (wrong !== undefined) throw new ProtocolError('unbalanced quotes in request');
    const text = double ?? single ?? plain ?? '';
    words.push(Buffer.from(plain === undefined ? text.replace(/\\(.)/g, '$1') : text, 'latin1'));
  }
  return words;
}
