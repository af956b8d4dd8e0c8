import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, get } from 'node:http';
import type { Socket } from 'node:net';
import { ConnectionAbortedError, ConnectionError } from '../base/index.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/**
 * The client's side of RFC 6455, as much of it as an inspector needs: text messages, no extensions. Node 20 has no
 * WebSocket of its own.
 */
export class WebSocketClient {
  readonly #socket: Socket;
  #received: Buffer;
  /** Pieces of a message that is not complete yet. */
  #pieces: Buffer[] = [];
  /** Called with each message. */
  onMessage: (text: string) => void = () => {};
  /** Called once, when the connection has ended, by whomever. */
  onClose: (error: Error | null) => void = () => {};

  private constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.#received = head;
    socket.on('data', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#parse();
    });
    let failure: Error | null = null;
    socket.on('error', (error) => (failure = error));
    socket.on('close', () => this.onClose(failure));
    if (head.length > 0) queueMicrotask(() => this.#parse());
  }

  /**
   * Connects.
   *
   * Rejects with ConnectionError when the server cannot be reached or does not switch to the protocol, and with the
   * signal's reason.
   *
   * @param url `ws://host:port/path`
   */
  static async connect(url: string, signal: AbortSignal): Promise<WebSocketClient> {
    const key = randomBytes(16).toString('base64');
    const request = get(url.replace(/^ws:/, 'http:'), {
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': key,
        'Sec-WebSocket-Version': '13',
      },
      signal,
    });
    request.once('response', (response) => {
      response.resume();
      request.destroy(new ConnectionError(`${url} does not upgrade: status ${response.statusCode}`));
    });
    const upgraded = once(request, 'upgrade').catch((error: Error) => {
      if (signal.aborted || error instanceof ConnectionError) throw error;
      throw new ConnectionError(`${url} cannot be reached: ${error.message}`, { cause: error });
    });
    const [response, socket, head] = (await upgraded) as [IncomingMessage, Socket, Buffer];
    const accept = createHash('sha1')
      .update(key + GUID)
      .digest('base64');
    if (response.headers['sec-websocket-accept'] !== accept) {
      socket.destroy();
      throw new ConnectionError(`${url} is no web socket: its answer does not fit the key`);
    }
    return new WebSocketClient(socket, head);
  }

  /** Sends a text message. @throws ConnectionAbortedError when the connection has ended */
  send(text: string): void {
    if (!this.#socket.writable) throw connectionEnded(null);
    this.#write(TEXT, Buffer.from(text));
  }

  /** Ends the connection. */
  close(): void {
    if (!this.#socket.writable) return;
    this.#write(CLOSE, Buffer.alloc(0));
    this.#socket.end();
  }

  /** Ends the connection without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  #write(opcode: number, payload: Buffer): void {
    const { length } = payload;
    let head: Buffer;
    if (length < 126) head = Buffer.from([0x80 | opcode, 0x80 | length]);
    else if (length < 0x10000) {
      head = Buffer.from([0x80 | opcode, 0x80 | 126, 0, 0]);
      head.writeUInt16BE(length, 2);
    } else {
      head = Buffer.from([0x80 | opcode, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
      head.writeBigUInt64BE(BigInt(length), 2);
    }
    const mask = randomBytes(4);
    const masked = Buffer.from(payload);
    for (let at = 0; at < length; at++) masked[at]! ^= mask[at & 3]!;
    this.#socket.write(Buffer.concat([head, mask, masked]));
  }

  #parse(): void {
    for (;;) {
      const data = this.#received;
      if (data.length < 2) return;
      let length = data[1]! & 0x7f;
      let start = 2;
      if (length === 126) {
        if (data.length < 4) return;
        length = data.readUInt16BE(2);
        start = 4;
      } else if (length === 127) {
        if (data.length < 10) return;
        length = Number(data.readBigUInt64BE(2));
        start = 10;
      }
      if (data.length < start + length) return;
      const payload = data.subarray(start, start + length);
      this.#received = data.subarray(start + length);
      this.#frame(data[0]! & 0x0f, (data[0]! & 0x80) !== 0, payload);
    }
  }

  #frame(opcode: number, isLast: boolean, payload: Buffer): void {
    if (opcode === PING) this.#write(PONG, payload);
    else if (opcode === CLOSE) {
      if (this.#socket.writable) this.#socket.end();
    } else if (opcode < CLOSE) {
      this.#pieces.push(payload);
      if (!isLast) return;
      const text = Buffer.concat(this.#pieces).toString('utf8');
      this.#pieces = [];
      this.onMessage(text);
    }
  }
}

/** What a connection that ended while an answer was due fails with. */
export function connectionEnded(error: Error | null): ConnectionAbortedError {
  const details = error === null ? {} : { cause: error };
  return new ConnectionAbortedError('the other side has closed the connection', details);
}
