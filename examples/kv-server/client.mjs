// @ts-check
/**
 * A client of the key-value server, on miolo's own client side: pipelined requests, replies in order.
 */
import { Protocol, getRunningLoop } from 'miolo';

/** @typedef {string | number | null | Buffer | KvError | Reply[]} Reply */

/** A reply that is an error. */
export class KvError extends Error {}

/** One connection to a server. */
export class KvClient extends Protocol {
  /** @type {any[]} Futures of the replies that are due, in order. */
  #waiting = [];
  #first = 0;
  #buffer = Buffer.alloc(0);
  /** @type {any} */
  #transport = null;
  #loop = /** @type {any} */ (getRunningLoop());

  /**
   * Connects.
   *
   * @param {string} host @param {number} port
   * @returns {Generator<any, KvClient, any>}
   */
  static *connect(host, port) {
    const loop = /** @type {any} */ (getRunningLoop());
    const [, client] = yield* loop.createConnection(() => new KvClient(), host, port);
    return client;
  }

  /** @override @param {any} transport */
  connectionMade(transport) {
    this.#transport = transport;
  }

  /**
   * Sends a request; the future it returns is done when the reply has come.
   *
   * @param {...(string | number | Buffer)} request
   */
  send(...request) {
    let text = `*${request.length}\r\n`;
    for (const word of request) {
      const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
      text += `$${bytes.length}\r\n${bytes.latin1Slice()}\r\n`;
    }
    const future = this.#loop.createFuture();
    this.#waiting.push(future);
    this.#transport.write(Buffer.from(text, 'latin1'));
    return future;
  }

  /** @override @param {Uint8Array} data */
  dataReceived(data) {
    const fresh = Buffer.from(data.buffer, data.byteOffset, data.length);
    this.#buffer = this.#buffer.length === 0 ? fresh : Buffer.concat([this.#buffer, fresh]);
    let at = 0;
    for (;;) {
      const parsed = parse(this.#buffer, at);
      if (parsed === null) break;
      at = parsed.end;
      const future = this.#waiting[this.#first];
      this.#waiting[this.#first++] = undefined;
      if (!future.done()) future.setResult(parsed.value);
    }
    this.#buffer = this.#buffer.subarray(at);
    if (this.#first > 1024) {
      this.#waiting.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** @override @param {Error | null} error */
  connectionLost(error) {
    for (const future of this.#waiting.slice(this.#first)) {
      if (!future.done()) future.setException(error ?? new KvError('the connection was closed'));
    }
  }

  close() {
    this.#transport.close();
  }
}

/**
 * The reply that begins at `start`, null if it is not complete.
 *
 * @param {Buffer} buffer @param {number} start
 * @returns {{ value: Reply, end: number } | null}
 */
function parse(buffer, start) {
  const lineEnd = buffer.indexOf('\r\n', start, 'latin1');
  if (lineEnd < 0) return null;
  const line = buffer.latin1Slice(start + 1, lineEnd);
  let end = lineEnd + 2;
  switch (buffer[start]) {
    case 0x2b: // +
      return { value: line, end };
    case 0x2d: // -
      return { value: new KvError(line), end };
    case 0x3a: // :
      return { value: Number(line), end };
    case 0x24: {
      // $
      const length = Number(line);
      if (length < 0) return { value: null, end };
      if (buffer.length < end + length + 2) return null;
      return { value: Buffer.from(buffer.subarray(end, end + length)), end: end + length + 2 };
    }
    default: {
      // *
      const count = Number(line);
      if (count < 0) return { value: null, end };
      /** @type {Reply[]} */
      const elements = [];
      for (let index = 0; index < count; index++) {
        const element = parse(buffer, end);
        if (element === null) return null;
        elements.push(element.value);
        end = element.end;
      }
      return { value: elements, end };
    }
  }
}
