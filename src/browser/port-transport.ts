/**
 * The stream transport of the browser's loop: asyncio's contract over a {@link PortEnd}.
 *
 * Queued at once, in this order: `connectionMade`, the start of reading, the waiter. From then on whatever happens to
 * the end queues one handle, in the context of whoever made the transport. Bytes count as waiting until the peer's
 * protocol has been given them, so that a peer that does not read holds its writer up.
 */
import {
  BrokenPipeError,
  FlowControlTransport,
  LOG_THRESHOLD_FOR_CONNLOST_WRITES,
  OSError,
  RuntimeError,
  TransportSocket,
  copyContext,
  isBufferedProtocol,
  isExit,
  logger,
} from '../base/index.ts';
import type {
  BaseProtocol,
  BufferedProtocol,
  Context,
  ExtraInfo,
  Future,
  Loop,
  Protocol,
  Server,
} from '../base/index.ts';
import type { PortEnd } from './port-end.ts';
import type { PortSocket } from './port-socket.ts';

/**
 * A connection over a `MessagePort`. Made by `BrowserEventLoop._makeSocketTransport`.
 *
 * asyncio: the selector loop's socket transport. Differences: `close()` waits until the peer's protocol was given all
 * bytes, not only until the system has taken them; a peer that closes with bytes unread is a ConnectionResetError, told
 * after what it had sent; bytes written before `abort()` may still arrive.
 */
export class PortTransport extends FlowControlTransport {
  readonly #socket: PortSocket;
  readonly #end: PortEnd;
  readonly #server: Server | null;
  readonly #released: () => void;
  readonly #context: Context = copyContext();
  #protocol: BaseProtocol | null;
  /** The method of the protocol that an error comes from. */
  #calling = '';
  #queued = false;
  #paused = false;
  #sawEof = false;
  #closing = false;
  #eof = false;
  #connLost = 0;

  constructor(
    loop: Loop,
    sock: PortSocket,
    protocol: BaseProtocol,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
    server: Server | null,
    released: () => void,
  ) {
    const socket = new TransportSocket(sock);
    super({ socket, sockname: sock.getsockname(), peername: sock.getpeername(), ...extra }, loop);
    this.#socket = sock;
    this.#end = sock._end;
    this.#protocol = protocol;
    this.#server = server;
    this.#released = released;
    server?._attach(this);
    loop.callSoon(() => protocol.connectionMade(this));
    // Reading starts after connectionMade, which may pause or close.
    loop.callSoon(() => this.#start());
    if (waiter !== null) {
      loop.callSoon(() => {
        if (!waiter.done()) waiter.setResult();
      });
    }
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
    this.#wake();
  }

  #start(): void {
    if (this.#connLost > 0) return;
    this.#end.onChange = () => this.#wake();
    this.#end.start();
  }

  #wake(): void {
    if (this.#queued || this.#connLost > 0) return;
    this.#queued = true;
    this._loop.callSoon(() => this.#run(), [], { context: this.#context });
  }

  #run(): void {
    this.#queued = false;
    if (this.#connLost > 0) return;
    const end = this.#end;
    if (end.malformed !== null) {
      this._fatalError(end.malformed, 'Fatal read error on port transport');
      return;
    }
    this._maybeResumeProtocol();
    // resumeWriting may have written, closed or aborted.
    if (this.#connLost > 0) return;
    if (this.#closing) {
      if (end.unacked === 0) this.#finish();
      return;
    }
    if (this.#paused) return;
    const data = end.peek();
    if (data !== null) {
      this.#deliver(data);
      // The rest, the end of the stream or an error come after other handles had their turn.
      if (end.available > 0 || end.eof || end.gone) this.#wake();
    } else if (end.eof && !this.#sawEof) {
      this.#takeEof();
      if (end.gone) this.#wake();
    } else if (end.gone && end.reset !== null) {
      this._fatalError(end.reset, 'Fatal read error on port transport');
    }
  }

  #deliver(data: Uint8Array): void {
    const protocol = this.#protocol;
    try {
      if (isBufferedProtocol(protocol)) this.#deliverBuffered(protocol, data);
      else {
        this.#calling = 'dataReceived';
        this.#end.consume(data.length);
        (protocol as Protocol).dataReceived(data);
      }
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
      // It may have closed.
      if (this.#closing) return;
      const count = Math.min(buffer.length, data.length - at);
      buffer.set(data.subarray(at, at + count));
      at += count;
      this.#end.consume(count);
      this.#calling = 'bufferUpdated';
      protocol.bufferUpdated(count);
      // The rest stays with the end.
      if (!this.isReading() || (this.#protocol as unknown) !== protocol) return;
    }
  }

  #takeEof(): void {
    this.#sawEof = true;
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
    if (this.#end.deaf) {
      const error = this.#end.reset ?? new BrokenPipeError('the peer has closed the connection');
      this._fatalError(error, 'Fatal write error on port transport');
      return;
    }
    this.#end.send(bytes);
    this._maybePauseProtocol();
  }

  override writeEof(): void {
    if (this.#closing || this.#eof) return;
    this.#eof = true;
    this.#end.finish();
  }

  override canWriteEof(): boolean {
    return true;
  }

  /** Bytes that were written, and that the peer's protocol has not been given. */
  override getWriteBufferSize(): number {
    return this.#end.unacked;
  }

  // --- the end -------------------------------------------------------------------------------------

  override isClosing(): boolean {
    return this.#closing;
  }

  override close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#end.stopReading();
    if (this.#end.unacked === 0) this.#finish();
  }

  /** Everything was taken, or nobody is left to take it. */
  #finish(): void {
    this.#connLost++;
    const { reset } = this.#end;
    this._loop.callSoon(() => this.#lost(reset), [], { context: this.#context });
  }

  override abort(): void {
    this._forceClose(null);
  }

  /** Reports an error that is not the connection's own, and closes with it. */
  _fatalError(error: unknown, message: string): void {
    if (error instanceof OSError) {
      if (this._loop.getDebug()) logger.debug(`${this.toString()}: ${message}`, error);
    } else {
      this._loop.callExceptionHandler({
        message,
        exception: error,
        transport: this,
        protocol: this.#protocol,
      });
    }
    this._forceClose(error);
  }

  _forceClose(error: unknown): void {
    if (this.#connLost > 0) return;
    this.#end.stopWriting();
    this.#end.stopReading();
    this.#closing = true;
    this.#connLost++;
    this._loop.callSoon(() => this.#lost(error), [], { context: this.#context });
  }

  #lost(error: unknown): void {
    const protocol = this.#protocol;
    try {
      protocol?.connectionLost((error ?? null) as Error | null);
    } finally {
      this.#socket.close();
      this.#protocol = null;
      this.#server?._detach(this);
      this.#released();
    }
  }

  override toString(): string {
    const state = this.#connLost > 0 ? 'closed' : this.#closing ? 'closing' : 'open';
    return `<PortTransport ${String(this.#socket)} ${state}>`;
  }
}
