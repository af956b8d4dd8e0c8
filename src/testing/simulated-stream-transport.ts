/**
 * The stream transport of the simulated network: asyncio's contract over a {@link StreamEnd}.
 *
 * Queued at once, in this order: `connectionMade`, the start of reading, the waiter. From then on whatever happens to
 * the end queues one handle, in the context of whoever made the transport, so that a host that is paused or down runs
 * nothing. `connectionLost` is called once, always from a handle.
 */
import {
  FlowControlTransport,
  OSError,
  RuntimeError,
  SOCK_STREAM,
  copyContext,
  isBufferedProtocol,
  isExit,
  logger,
  osErrorFromCode,
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
import type { SimulatedLoop } from './simulated-loop.ts';
import type { SimulatedSocket } from './simulated-socket.ts';
import type { StreamEnd } from './simulated-stream.ts';

/** Bytes that one callback is given at most. */
const READ_BYTES = 256 * 1024;

const LOG_THRESHOLD_FOR_CONNLOST_WRITES = 5;

export class SimulatedStreamTransport extends FlowControlTransport {
  readonly #loop: SimulatedLoop;
  readonly #socket: SimulatedSocket;
  readonly #end: StreamEnd;
  readonly #server: Server | null;
  readonly #context: Context = copyContext();
  #protocol: BaseProtocol | null;
  /** The method of the protocol that an error comes from. */
  #calling = '';
  #started = false;
  #queued = false;
  #paused = false;
  #sawEof = false;
  #closing = false;
  #eof = false;
  #connLost = 0;
  #backlog: Uint8Array[] = [];
  #backlogBytes = 0;

  constructor(
    loop: SimulatedLoop,
    sock: SimulatedSocket,
    protocol: BaseProtocol,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
    server: Server | null,
  ) {
    if (sock.type !== SOCK_STREAM || sock._end === null) throw osErrorFromCode('ENOTCONN', 'getpeername');
    super(
      { socket: sock, sockname: sock.getsockname(), peername: sock.getpeername(), ...extra },
      loop as unknown as Loop,
    );
    this.#loop = loop;
    this.#socket = sock;
    this.#end = sock._end;
    this.#protocol = protocol;
    this.#server = server;
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
    if (this.#started) this.#wake();
  }

  #start(): void {
    this.#started = true;
    if (this.#connLost > 0) return;
    this.#end.onChange = () => this.#wake();
    this.#wake();
  }

  #wake(): void {
    if (this.#queued || this.#connLost > 0) return;
    this.#queued = true;
    this.#loop.callSoon(() => this.#run(), [], { context: this.#context });
  }

  #run(): void {
    this.#queued = false;
    if (this.#connLost > 0) return;
    this.#flush();
    if (this.#connLost > 0) return;
    const end = this.#end;
    if (this.isReading() && end.available > 0) {
      this.#deliver(end.read(READ_BYTES));
      // The rest, the end of the stream or an error come after other handles had their turn.
      if (end.available > 0 || end.eof || end.error !== null) this.#wake();
    } else if (end.error !== null && (this.isReading() || this.#backlogBytes > 0)) {
      const what = this.#backlogBytes > 0 ? 'write' : 'read';
      this._fatalError(end.error, `Fatal ${what} error on simulated transport`);
    } else if (end.eof && !this.#sawEof && this.isReading()) this.#takeEof();
  }

  #deliver(data: Uint8Array): void {
    const protocol = this.#protocol;
    this.#calling = 'dataReceived';
    try {
      if (isBufferedProtocol(protocol)) this.#deliverBuffered(protocol, data);
      else (protocol as Protocol).dataReceived(data);
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
      buffer.set(data.subarray(at, at + count));
      at += count;
      this.#calling = 'bufferUpdated';
      protocol.bufferUpdated(count);
      if (at === data.length || this.#closing) return;
      if (this.#paused || (this.#protocol as unknown) !== protocol) {
        this.#end.unread(data.subarray(at));
        if (!this.#paused) this.#wake();
        return;
      }
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
    if (this.#end.error !== null) {
      this._fatalError(this.#end.error, 'Fatal write error on simulated transport');
      return;
    }
    const sent = this.#backlogBytes > 0 ? 0 : this.#end.send(bytes);
    if (sent === bytes.length) return;
    this.#backlog.push(bytes.slice(sent));
    this.#backlogBytes += bytes.length - sent;
    this._maybePauseProtocol();
  }

  override writeEof(): void {
    if (this.#closing || this.#eof) return;
    this.#eof = true;
    if (this.#backlogBytes === 0) this.#end.finish();
  }

  override canWriteEof(): boolean {
    return true;
  }

  override getWriteBufferSize(): number {
    return this.#backlogBytes;
  }

  /** Gives the end what its window has room for. */
  #flush(): void {
    if (this.#backlogBytes === 0 || this.#end.error !== null) return;
    while (this.#backlog.length > 0) {
      const first = this.#backlog[0]!;
      const sent = this.#end.send(first);
      this.#backlogBytes -= sent;
      if (sent < first.length) {
        this.#backlog[0] = first.subarray(sent);
        break;
      }
      this.#backlog.shift();
    }
    this._maybeResumeProtocol();
    // resumeWriting may have written, closed or aborted.
    if (this.#connLost > 0 || this.#backlogBytes > 0) return;
    if (this.#closing) {
      this.#connLost++;
      this.#lost(null);
    } else if (this.#eof) this.#end.finish();
  }

  // --- the end -------------------------------------------------------------------------------------

  override isClosing(): boolean {
    return this.#closing;
  }

  override close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#backlogBytes > 0) {
      this.#wake();
      return;
    }
    this.#connLost++;
    this.#loop.callSoon(() => this.#lost(null), [], { context: this.#context });
  }

  override abort(): void {
    this._forceClose(null);
  }

  /** Reports an error that is not the network's own, and closes with it. */
  _fatalError(error: unknown, message: string): void {
    if (error instanceof OSError) {
      if (this.#loop.getDebug()) logger.debug(`${this.toString()}: ${message}`, error);
    } else {
      this.#loop.callExceptionHandler({
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
    this.#backlog = [];
    this.#backlogBytes = 0;
    this.#closing = true;
    this.#connLost++;
    this.#loop.callSoon(() => this.#lost(error), [], { context: this.#context });
  }

  #lost(error: unknown): void {
    const protocol = this.#protocol;
    try {
      protocol?.connectionLost((error ?? null) as Error | null);
    } finally {
      this.#socket.close();
      this.#protocol = null;
      this.#server?._detach(this);
    }
  }

  override toString(): string {
    const state = this.#connLost > 0 ? 'closed' : this.#closing ? 'closing' : 'open';
    const [host, port] = this.#end.remote;
    return `<SimulatedStreamTransport ${this.#end.life.host.name} to ${host}:${port} ${state}>`;
  }
}
