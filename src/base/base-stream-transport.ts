/**
 * What stands between a protocol and a channel of bytes that is TypeScript: a port, a queue in memory, another transport.
 *
 * 1. Queued at once, in this order: `connectionMade`, the start of reading, the waiter.
 * 2. From then on whatever happens to the channel queues one handle, in the context of whoever made the transport. It
 *    looks after writing, then delivers one piece: other handles have their turn between any two.
 * 3. What the channel does not take waits in `#backlog`, in order, and nothing overtakes it.
 * 4. `#connLost` counts from the moment the protocol's `connectionLost` is on its way: from then on nothing is
 *    delivered and writes are dropped.
 */
import { copyBytes } from './bytes.ts';
import { LOG_THRESHOLD_FOR_CONNLOST_WRITES } from './constants.ts';
import { type Context, copyContext } from './contextvars.ts';
import { RuntimeError, isExit } from './exceptions.ts';
import { reportFatalError } from './fatal-error.ts';
import { FlowControlTransport } from './flow-control.ts';
import type { Future } from './future.ts';
import { contractError } from './hook-checks.ts';
import { logger } from './logger.ts';
import type { Loop } from './loop.ts';
import { type BaseProtocol, type BufferedProtocol, type Protocol, isBufferedProtocol } from './protocols.ts';
import type { Server } from './server.ts';
import type { ExtraInfo } from './transports.ts';

/** Keyword arguments of a stream transport. */
export interface StreamTransportOptions {
  /** What `getExtraInfo` knows. */
  readonly extra?: ExtraInfo | null;
  /** The server that has accepted the connection, and counts the transport. */
  readonly server?: Server | null;
  /** Whether it keeps a hosted run alive; default true. False where only the loop's handles and timers move bytes. */
  readonly hold?: boolean;
}

/** What a loop that counts has. */
type Holding = { _hold?(): void; _release?(): void };

/**
 * The base of stream transports whose channel is TypeScript: a subclass says how bytes come and go, and calls
 * {@link _wake} when the channel has changed; the order of callbacks, pauses, flow control, the end and what is
 * reported are asyncio's, and done here. What `_recv` and `_send` throw ends the connection.
 *
 * asyncio: what `_SelectorTransport` and `_SelectorSocketTransport` do with a socket.
 */
export abstract class BaseStreamTransport extends FlowControlTransport {
  /** Whether the protocol has been told the end of the stream. */
  _sawEof = false;
  readonly #server: Server | null;
  readonly #holding: Holding | null;
  readonly #context: Context = copyContext();
  #protocol: BaseProtocol | null;
  /** The method of the protocol that an error comes from. */
  #calling = '';
  #started = false;
  #queued = false;
  #paused = false;
  #closing = false;
  #eof = false;
  #eofWaits = false;
  #connLost = 0;
  #rest: Uint8Array | null = null;
  #backlog: Uint8Array[] = [];
  #backlogBytes = 0;

  /**
   * Owns the channel from its return on.
   *
   * @param waiter is done when the protocol knows of the connection and reading has started
   * @throws AssertionError when the server is closed
   */
  constructor(
    loop: Loop,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    { extra, server = null, hold = true }: StreamTransportOptions = {},
  ) {
    super(extra, loop);
    this.#protocol = protocol;
    this.#server = server;
    this.#holding = hold ? (loop as Holding) : null;
    server?._attach(this);
    loop.callSoon(() => protocol.connectionMade(this));
    // Reading starts after connectionMade, which may pause or close.
    loop.callSoon(() => this.#start());
    if (waiter !== null) loop.callSoon(() => waiter.done() || waiter.setResult());
    this.#holding?._hold?.();
  }

  // --- hooks ---------------------------------------------------------------------------------------

  /**
   * Takes the next piece from the channel. The protocol may keep its memory.
   *
   * @returns no bytes (an empty array) for the end of the stream, null while there is nothing
   * @throws what has become of the connection: an OSError, which the protocol is told; anything else is reported, too
   */
  abstract _recv(): Uint8Array | null;

  /** Whether {@link _recv} would return something, or throw. Asked after each piece: the next has its own handle. */
  abstract _isReadable(): boolean;

  /**
   * Gives the channel bytes, which are the caller's again afterwards.
   *
   * @returns how many the channel took: the rest waits, and is tried again after {@link _wake}
   * @throws what keeps the channel from ever taking any; as for {@link _recv}
   */
  abstract _send(bytes: Uint8Array): number;

  /** Tells the peer that nothing more will be sent. Called once, when everything written has been taken. */
  abstract _sendEof(): void;

  /** Gives the channel up. Called once, after `connectionLost`. */
  abstract _closeChannel(): void;

  /** The protocol knows of the connection: the channel may be watched. Called once, unless it was aborted before. */
  _startReading(): void {}

  /** Nothing more will be delivered. Called once, when the transport begins to close. */
  _stopReading(): void {}

  /**
   * The protocol is about to be given the next `count` bytes of what {@link _recv} returned: the peer may be told.
   *
   * @returns false if they are gone: a channel may drop what it has when the protocol closes in `getBuffer`
   */
  _consume(_count: number): boolean {
    return true;
  }

  /** Keeps what a protocol that paused or was replaced has left of a piece, for the next delivery. */
  _unread(rest: Uint8Array): void {
    this.#rest = rest;
  }

  /** What `connectionLost` is told after `close()`, when everything written has been taken. */
  _closeError(): Error | null {
    return null;
  }

  /** How reports name it: 'Fatal read error on ... transport'. */
  get _kind(): string {
    return 'stream';
  }

  override setProtocol(protocol: BaseProtocol): void {
    this.#protocol = protocol;
  }

  override getProtocol(): BaseProtocol | null {
    return this.#protocol;
  }

  // --- reading -------------------------------------------------------------------------------------

  override isReading(): boolean {
    return !this.#closing && !this.#paused;
  }

  override pauseReading(): void {
    if (this.isReading()) this.#paused = true;
  }

  override resumeReading(): void {
    if (this.#closing || !this.#paused) return;
    this.#paused = false;
    if (this.#started) this._wake();
  }

  #start(): void {
    this.#started = true;
    if (this.#connLost > 0) return;
    this._startReading();
    // What happened meanwhile is to be looked at.
    this._wake();
  }

  /** The channel has changed: there is something to read, or room for what waits. Harmless at any time. */
  _wake(): void {
    if (this.#queued || this.#connLost > 0) return;
    this.#queued = true;
    this._loop.callSoon(() => this.#run(), [], { context: this.#context });
  }

  #run(): void {
    this.#queued = false;
    if (this.#connLost > 0) return;
    this._writeReady();
    // resumeWriting may have paused, closed or aborted.
    if (this.isReading()) this.#readReady();
  }

  #readReady(): void {
    let data = this.#rest;
    this.#rest = null;
    try {
      data ??= this._recv();
    } catch (error) {
      if (isExit(error)) throw error;
      this._fatalError(error, `Fatal read error on ${this._kind} transport`);
      return;
    }
    // The channel may have closed or aborted.
    if (data === null || this.#closing || (data.length === 0 && this._sawEof)) return;
    if (data.length > 0) this.#deliver(data);
    else this.#takeEof();
    // The rest, the end of the stream or an error come after other handles had their turn.
    if (this.#rest !== null || this._isReadable()) this._wake();
  }

  #deliver(data: Uint8Array): void {
    const protocol = this.#protocol;
    this.#calling = 'dataReceived';
    try {
      if (isBufferedProtocol(protocol)) this.#deliverBuffered(protocol, data);
      else if (this._consume(data.length)) (protocol as Protocol).dataReceived(data);
    } catch (error) {
      // Any error of the protocol's costs it the connection; only exits pass.
      if (isExit(error)) throw error;
      this._fatalError(error, `Fatal error: protocol.${this.#calling}() call failed.`);
    }
  }

  #deliverBuffered(protocol: BufferedProtocol, data: Uint8Array): void {
    for (let at = 0; at < data.length;) {
      this.#calling = 'getBuffer';
      const buffer = protocol.getBuffer(data.length - at);
      if (buffer.length === 0) throw new RuntimeError('getBuffer() returned an empty buffer');
      const count = Math.min(buffer.length, data.length - at);
      if (!this._consume(count)) return;
      buffer.set(data.subarray(at, at + count));
      at += count;
      this.#calling = 'bufferUpdated';
      protocol.bufferUpdated(count);
      if (at === data.length || this.#closing) return;
      if (this.#paused || (this.#protocol as unknown) !== protocol) {
        this._unread(data.subarray(at));
        return;
      }
    }
  }

  #takeEof(): void {
    this._sawEof = true;
    let keepOpen: unknown;
    try {
      keepOpen = (this.#protocol as Protocol).eofReceived();
    } catch (error) {
      if (isExit(error)) throw error;
      this._fatalError(error, 'Fatal error: protocol.eofReceived() call failed.');
      return;
    }
    if (!keepOpen) this.close();
  }

  // --- writing -------------------------------------------------------------------------------------

  override write(data: Uint8Array | string): void {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    if (!(bytes instanceof Uint8Array)) throw new TypeError('data: must be a Uint8Array or a string');
    if (this.#eof) throw new RuntimeError('Cannot call write() after writeEof()');
    if (bytes.length === 0) return;
    if (this.#connLost > 0) {
      if (this.#connLost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES)
        logger.warning('socket.send() raised exception.');
      this.#connLost++;
      return;
    }
    this._put(bytes);
  }

  /** Sends bytes; what the channel does not take is copied, and waits. Called by {@link write}, after its checks. */
  _put(bytes: Uint8Array): void {
    const sent = this.#backlogBytes > 0 ? 0 : this.#trySend(bytes);
    if (sent < 0) return;
    if (sent < bytes.length) {
      this.#backlog.push(copyBytes(bytes, sent, bytes.length));
      this.#backlogBytes += bytes.length - sent;
    }
    this._maybePauseProtocol();
  }

  /** One attempt. Returns the bytes taken; -1 if that has ended the connection. */
  #trySend(bytes: Uint8Array): number {
    try {
      const sent = this._send(bytes);
      if (sent >= 0 && sent <= bytes.length) return this.#connLost > 0 ? -1 : sent;
      throw contractError('_send', `it returns the bytes it took, not ${sent}`, 'a-stream-transport');
    } catch (error) {
      if (isExit(error)) throw error;
      this._fatalError(error, `Fatal write error on ${this._kind} transport`);
      return -1;
    }
  }

  override writeEof(): void {
    if (this.#closing || this.#eof) return;
    this.#eof = true;
    if (this.#backlogBytes === 0) this._sendEof();
    else this.#eofWaits = true;
  }

  override canWriteEof(): boolean {
    return true;
  }

  override getWriteBufferSize(): number {
    return this.#backlogBytes;
  }

  /** Gives the channel what waits, and does what was waiting for that. asyncio: `_write_ready`. */
  _writeReady(): void {
    while (this.#backlog.length > 0) {
      const first = this.#backlog[0]!;
      const sent = this.#trySend(first);
      if (sent < 0) return;
      this.#backlogBytes -= sent;
      if (sent < first.length) {
        this.#backlog[0] = first.subarray(sent);
        break;
      }
      this.#backlog.shift();
    }
    this._maybeResumeProtocol();
    // resumeWriting may have written, closed or aborted.
    if (this.#connLost > 0 || this.getWriteBufferSize() > 0) return;
    if (this.#closing) {
      this.#connLost++;
      this.#callConnectionLost(this._closeError());
    } else if (this.#eofWaits) {
      this.#eofWaits = false;
      this._sendEof();
    }
  }

  // --- the end -------------------------------------------------------------------------------------

  override isClosing(): boolean {
    return this.#closing;
  }

  override close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this._stopReading();
    if (this.getWriteBufferSize() === 0) this._lose(this._closeError());
  }

  override abort(): void {
    this._forceClose(null);
  }

  /**
   * Reports an error that is not the network's own, and closes with it. asyncio: `_fatal_error`.
   *
   * @param message what failed
   */
  _fatalError(error: unknown, message = 'Fatal error on transport'): void {
    reportFatalError(this._loop, this, error, message);
    this._forceClose(error);
  }

  /** Closes at once: what waits is lost, and the protocol is told `error`. Harmless twice. asyncio: `_force_close`. */
  _forceClose(error: unknown): void {
    if (this.#connLost > 0) return;
    this.#backlog = [];
    this.#backlogBytes = 0;
    const wasClosing = this.#closing;
    this.#closing = true;
    if (!wasClosing) this._stopReading();
    this._lose(error);
  }

  /** Queues `connectionLost`. Once, by whoever has made the transport close. @param error null after a regular end */
  _lose(error: unknown): void {
    this.#connLost++;
    this._loop.callSoon(() => this.#callConnectionLost(error), [], { context: this.#context });
  }

  #callConnectionLost(error: unknown): void {
    try {
      this.#protocol?.connectionLost((error ?? null) as Error | null);
    } finally {
      this._closeChannel();
      this.#protocol = null;
      this.#server?._detach(this);
      this.#holding?._release?.();
    }
  }

  /** For descriptions: 'open', 'closing' or 'closed'. */
  get _state(): string {
    return this.#connLost > 0 ? 'closed' : this.#closing ? 'closing' : 'open';
  }

  override toString(): string {
    return `<${this.constructor.name} ${this._state}>`;
  }
}
