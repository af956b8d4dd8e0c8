/**
 * The stream transport over the native core: asyncio's selector socket transport, with the system calls
 * made in Rust.
 *
 * # States
 *
 * 1. Reading is on between `startReading` and any of: `pauseReading`, `close`, the end of the stream, loss.
 * 2. `_connLost` counts from the moment the protocol's `connectionLost` is on its way: from then on nothing
 *    is delivered and writes are dropped.
 * 3. Received bytes stay in the ring's arena until the transport's handle runs, in the same turn. If they can
 *    not be delivered then (reading was paused in between, the turn was left early), they are copied out and
 *    held, and delivered before anything that comes later.
 * 4. `_backlog` is what the kernel refused; `_pending` what waits in the outgoing arena for the end of the turn.
 *    Their sum never exceeds the high mark: a write that would cross it is sent at once, so only bytes
 *    that the kernel refused pause the protocol.
 * 5. The descriptor closes when `connectionLost` has been called, and its token is stale from then on.
 */
import {
  ConnectionError,
  FlowControlTransport,
  Handle,
  LOG_THRESHOLD_FOR_CONNLOST_WRITES,
  RuntimeError,
  StreamReaderProtocol,
  TransportSocket,
  _SendfileMode,
  copyContext,
  isBufferedProtocol,
  logger,
} from '../base/index.ts';
import type { BaseProtocol, BufferedProtocol, ExtraInfo, Future, Protocol, Server } from '../base/index.ts';
import { reportFatalError } from '../base/fatal-error.ts';
import { toBytes, unshared } from './byte-arguments.ts';
import { isExit, osErrorFromNative } from './errors.ts';
import type { MioEventLoop } from './mio-event-loop.ts';
import type { BacklogSubject, Ring } from './ring.ts';
import type { Socket } from './socket.ts';

/** A write above this goes out at once: copying it would cost more than a call. */
const DIRECT_BYTES = 32 * 1024;

/** The peer is gone: only a write meets that. */
const EPIPE = 32;

/** Runs what the turn's completions left with a transport. Reused: a connection queues no new object an event. */
class TransportHandle extends Handle {
  constructor(transport: StreamTransport, loop: MioEventLoop) {
    super(runTransport, [transport], loop, copyContext());
  }
}

function runTransport(transport: StreamTransport): void {
  transport._run();
}

function connectionMade(protocol: BaseProtocol, transport: StreamTransport): void {
  protocol.connectionMade(transport);
}

function startReading(transport: StreamTransport): void {
  transport._startReading();
}

function resolveWaiter(waiter: Future<void>): void {
  if (!waiter.done()) waiter.setResult();
}

function callConnectionLost(transport: StreamTransport, error: unknown): void {
  transport._callConnectionLost(error);
}

function deliverHeld(transport: StreamTransport): void {
  transport._deliverHeld();
}

/**
 * A connected stream socket on the native core. Made by `MioEventLoop._makeSocketTransport`.
 *
 * asyncio: the selector loop's socket transport. Differences: bytes that the kernel has not been given yet leave
 * at the end of the turn, in one gathered write a connection; an error of such a write arrives in the next turn.
 */
export class StreamTransport extends FlowControlTransport implements BacklogSubject {
  readonly _token: number;
  /** Bytes that the kernel refused. Kept up to date by completions. */
  _backlog = 0;

  readonly #ring: Ring;
  readonly #native: MioEventLoop;
  readonly #socket: Socket;
  /** Made when it is asked for. */
  #view: TransportSocket | null = null;
  readonly #handle: TransportHandle;
  readonly #server: Server | null;
  #protocol: BaseProtocol | null;
  #buffered = false;
  #borrows = false;
  #copies = false;

  #queued = false;
  #offset = 0;
  #length = 0;
  #sawEof = false;
  #error: Error | null = null;
  #wrote = false;
  #held: Uint8Array[] | null = null;

  #pending = 0;
  #epoch = 0;

  #paused = false;
  #closing = false;
  #eof = false;
  #connLost = 0;
  #holding = false;
  #emptyWaiter: Future<void> | null = null;
  #closingCallback: (() => void) | null = null;

  constructor(
    loop: MioEventLoop,
    ring: Ring,
    token: number,
    socket: Socket,
    protocol: BaseProtocol,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
    server: Server | null,
  ) {
    super(extra, loop);
    this._token = token;
    this.#native = loop;
    this.#ring = ring;
    this.#socket = socket;
    this.#server = server;
    this.#protocol = protocol;
    this.#handle = new TransportHandle(this, loop);
    this.#classify(protocol);
    ring.register(this);
    server?._attach(this);
    this.#updateHold();
    loop.callSoon(connectionMade, [protocol, this]);
    // Reading starts after connectionMade, which may pause or close.
    loop.callSoon(startReading, [this]);
    if (waiter !== null) loop.callSoon(resolveWaiter, [waiter]);
  }

  override getExtraInfo(name: string, defaultValue?: unknown): unknown {
    if (name === 'socket') return (this.#view ??= new TransportSocket(this.#socket));
    if (name === 'sockname' || name === 'peername') {
      const known = super.getExtraInfo(name);
      if (known !== undefined && known !== null) return known;
      return (
        (name === 'sockname' ? this.#socket.localName() : this.#socket.remoteName()) ?? defaultValue ?? null
      );
    }
    return super.getExtraInfo(name, defaultValue);
  }

  override setProtocol(protocol: BaseProtocol): void {
    this.#protocol = protocol;
    this.#classify(protocol);
  }

  override getProtocol(): BaseProtocol | null {
    return this.#protocol;
  }

  #classify(protocol: BaseProtocol): void {
    this.#buffered = isBufferedProtocol(protocol);
    this.#borrows = (protocol as { borrowsData?: boolean }).borrowsData === true;
    this.#copies = protocol instanceof StreamReaderProtocol;
  }

  // --- reading -------------------------------------------------------------------------------------

  override isReading(): boolean {
    return !this.#closing && !this.#paused;
  }

  override pauseReading(): void {
    if (!this.isReading()) return;
    this.#paused = true;
    this.#ring.pause(this._token);
    this.#updateHold();
  }

  override resumeReading(): void {
    if (this.#closing || !this.#paused) return;
    this.#paused = false;
    if (this.#held !== null || this.#sawEof) this.#native.callSoon(deliverHeld, [this]);
    this.#ring.resume(this._token);
    this.#updateHold();
  }

  _startReading(): void {
    if (this.isReading()) this.#ring.resume(this._token);
  }

  /** Notes a completion: `length` bytes at `offset` of the arena. */
  _received(offset: number, length: number): void {
    this.#offset = offset;
    this.#length = length;
    this.#queue();
  }

  /** Notes a completion: the peer has sent everything. */
  _ended(): void {
    this.#sawEof = true;
    this.#queue();
  }

  /** Notes a completion: the connection is gone. */
  _lost(errno: number): void {
    this.#error = osErrorFromNative(errno, errno === EPIPE ? 'write' : 'read');
    this.#queue();
  }

  /** Notes a completion: the kernel has taken bytes, or refused some. */
  _wrote(backlog: number): void {
    this._backlog = backlog;
    this.#wrote = true;
    this.#queue();
  }

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#native._addCallback(this.#handle);
  }

  /** Runs in the turn's last phase, once for all completions that the turn brought. */
  _run(): void {
    this.#queued = false;
    if (this.#length > 0) this.#takeReceived();
    if (this.#held !== null || this.#sawEof) this._deliverHeld();
    if (this.#error !== null) {
      const error = this.#error;
      this.#error = null;
      this._fatalError(error, 'Fatal read error on socket transport');
    }
    if (this.#wrote) {
      this.#wrote = false;
      this.#takeBacklog();
    }
  }

  /** Copies out what the turn received but did not deliver, since the arena is about to be used again. */
  _rescue(): void {
    if (this.#length === 0) return;
    // The transport's handle is still queued; it will find the bytes held.
    this.#hold(this.#offset, this.#length);
    this.#length = 0;
  }

  _deliverHeld(): void {
    const held = this.#held;
    if (held !== null && this.isReading()) {
      this.#held = null;
      while (held.length > 0 && this.isReading()) {
        const part = held.shift()!;
        this.#deliver(part, 0, part.length, true);
      }
      // What a pause in between left comes before anything that arrived meanwhile.
      if (held.length > 0 && !this.#closing) this.#held = [...(this.#held ?? []), ...held];
    }
    if (this.#sawEof && this.#held === null && this.isReading()) this.#takeEof();
  }

  #takeReceived(): void {
    const offset = this.#offset;
    const length = this.#length;
    this.#length = 0;
    if (this.#closing) return;
    if (this.#paused || this.#held !== null) this.#hold(offset, length);
    else this.#deliver(this.#ring.arena, offset, length, false);
  }

  #hold(offset: number, length: number): void {
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(this.#ring.arena.subarray(offset, offset + length));
    (this.#held ??= []).push(copy);
  }

  /** Gives bytes to the protocol; `owned` says that nobody else will use their memory. */
  #deliver(memory: Uint8Array, offset: number, length: number, owned: boolean): void {
    if (this.#buffered) {
      this.#deliverBuffered(memory, offset, length);
      return;
    }
    const protocol = this.#protocol as Protocol;
    try {
      if (this.#copies) (protocol as StreamReaderProtocol)._copyReceived(memory, offset, offset + length);
      else if (owned) protocol.dataReceived(memory.subarray(offset, offset + length));
      else if (this.#borrows) protocol.dataReceived(this.#ring.lend(offset, length));
      else protocol.dataReceived(this.#ring.keep(offset, length));
    } catch (error) {
      // Any error of the protocol's costs it the connection; only exits pass.
      if (isExit(error)) throw error;
      this._fatalError(error, 'Fatal error: protocol.dataReceived() call failed.');
    }
  }

  #deliverBuffered(memory: Uint8Array, offset: number, length: number): void {
    const end = offset + length;
    let at = offset;
    while (at < end) {
      const protocol = this.#protocol as BufferedProtocol;
      let count: number;
      try {
        const buffer = protocol.getBuffer(end - at);
        if (buffer.length === 0) throw new RuntimeError('getBuffer() returned an empty buffer');
        count = Math.min(buffer.length, end - at);
        buffer.set(memory.subarray(at, at + count));
      } catch (error) {
        if (isExit(error)) throw error;
        this._fatalError(error, 'Fatal error: protocol.getBuffer() call failed.');
        return;
      }
      at += count;
      try {
        protocol.bufferUpdated(count);
      } catch (error) {
        if (isExit(error)) throw error;
        this._fatalError(error, 'Fatal error: protocol.bufferUpdated() call failed.');
        return;
      }
      if (this.#closing || at === end) return;
      if (this.#paused) {
        const rest = Buffer.allocUnsafeSlow(end - at);
        rest.set(memory.subarray(at, end));
        (this.#held ??= []).unshift(rest);
        return;
      }
      if (!this.#buffered) {
        // The protocol was replaced in between.
        this.#deliver(memory, at, end - at, memory !== this.#ring.arena);
        return;
      }
    }
  }

  #takeEof(): void {
    this.#sawEof = false;
    let keepOpen: unknown;
    try {
      keepOpen = (this.#protocol as Protocol).eofReceived();
    } catch (error) {
      if (isExit(error)) throw error;
      this._fatalError(error, 'Fatal error: protocol.eofReceived() call failed.');
      return;
    }
    if (keepOpen) this.#ring.pause(this._token);
    else this.close();
  }

  // --- writing -------------------------------------------------------------------------------------

  override write(data: Uint8Array | string): void {
    const bytes = toBytes(data);
    if (this.#eof || this.#emptyWaiter !== null) this.#refuse('write');
    if (bytes.length === 0) return;
    if (this.#connLost > 0) this.#drop();
    else if (this.#put(bytes)) this.#overflowed();
  }

  override writelines(listOfData: Iterable<Uint8Array | string>): void {
    // All are looked at before any is sent.
    const pieces = Array.from(listOfData, toBytes);
    if (this.#eof || this.#emptyWaiter !== null) this.#refuse('writelines');
    if (pieces.length === 0) return;
    if (this.#connLost > 0) {
      this.#drop();
      return;
    }
    let direct = false;
    for (const piece of pieces) if (piece.length > 0) direct = this.#put(piece) || direct;
    // One write of several pieces: the protocol hears of it when all are in.
    if (direct) this.#overflowed();
  }

  #refuse(method: string): never {
    if (this.#eof) throw new RuntimeError(`Cannot call ${method}() after writeEof()`);
    throw new RuntimeError(`unable to ${method}; sendfile is in progress`);
  }

  /** A write that comes too late. */
  #drop(): void {
    if (this.#connLost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES)
      logger.warning('socket.send() raised exception.');
    this.#connLost++;
  }

  /** Writes bytes; says whether they went to the kernel at once, which may have refused some. */
  #put(bytes: Uint8Array): boolean {
    const ring = this.#ring;
    if (this.#epoch !== ring.epoch) this.#settle();
    const total = this._backlog + this.#pending + bytes.length;
    if (bytes.length <= DIRECT_BYTES && total <= this._highWater) {
      ring.send(this._token, bytes);
      // After the bytes are in: a full arena begins a new epoch.
      if (this.#epoch !== ring.epoch) this.#settle();
      this.#pending += bytes.length;
      return false;
    }
    this._backlog = ring.core.send(this._token, unshared(bytes));
    this.#settle();
    return true;
  }

  #overflowed(): void {
    this._maybePauseProtocol();
    this.#updateHold();
  }

  override writeEof(): void {
    if (this.#closing || this.#eof) return;
    this.#eof = true;
    this.#ring.shutdown(this._token);
  }

  get _sendfileCompatible(): _SendfileMode {
    return _SendfileMode.TRY_NATIVE;
  }

  override canWriteEof(): boolean {
    return true;
  }

  override getWriteBufferSize(): number {
    if (this.#connLost > 0) return 0;
    this.#measure();
    return this._backlog;
  }

  override setWriteBufferLimits(high?: number | null, low?: number | null): void {
    super.setWriteBufferLimits(high, low);
    if (this.#connLost === 0) this.#ring.lowMark(this._token, this._lowWater);
  }

  /** What was pending has left the arena; takes note of what the kernel refused. */
  #settle(): void {
    this.#epoch = this.#ring.epoch;
    this.#pending = 0;
    this.#ring.absorbBacklogs();
  }

  /** One attempt to send everything written so far. */
  #flush(): void {
    if (this.#epoch !== this.#ring.epoch) this.#settle();
    if (this.#pending > 0) this.#askBacklog();
  }

  /** Brings `_backlog` up to date: completions tell of it only at the low mark and when it is gone. */
  #measure(): void {
    if (this.#epoch !== this.#ring.epoch) this.#settle();
    if (this.#pending > 0 || this._backlog > 0) this.#askBacklog();
  }

  #askBacklog(): void {
    const backlog = this.#ring.core.backlog(this._token);
    this.#settle();
    this._backlog = backlog;
  }

  #takeBacklog(): void {
    if (this.#connLost > 0) return;
    if (this._backlog > this._highWater) this._maybePauseProtocol();
    else this._maybeResumeProtocol();
    // resumeWriting may have written, closed or aborted.
    if (this.#connLost > 0) return;
    // What it wrote must not wait for the end of the turn: if all of it leaves then, nothing is told.
    if (this.#closing || this.#emptyWaiter !== null) this.#flush();
    this.#updateHold();
    if (this._backlog > 0 || (this.#epoch === this.#ring.epoch && this.#pending > 0)) return;
    if (this.#emptyWaiter !== null && !this.#emptyWaiter.done()) this.#emptyWaiter.setResult();
    if (this.#closing) {
      this.#connLost++;
      this._callConnectionLost(null);
    }
  }

  /** A future that is done when everything written has left. For `sendfile`. */
  _makeEmptyWaiter(): Future<void> {
    if (this.#emptyWaiter !== null) throw new RuntimeError('Empty waiter is already set');
    const waiter = this.#native.createFuture<void>();
    this.#emptyWaiter = waiter;
    if (this.getWriteBufferSize() === 0) waiter.setResult();
    return waiter;
  }

  _resetEmptyWaiter(): void {
    this.#emptyWaiter = null;
  }

  /** Sets what is called, once, when the transport begins to close. For `sendfile`. */
  _onClosing(callback: (() => void) | null): void {
    this.#closingCallback = callback;
  }

  #beginClosing(): void {
    this.#closing = true;
    const callback = this.#closingCallback;
    this.#closingCallback = null;
    callback?.();
  }

  // --- the end -------------------------------------------------------------------------------------

  override isClosing(): boolean {
    return this.#closing;
  }

  override close(): void {
    if (this.#closing) return;
    this.#beginClosing();
    this.#dropReceived();
    this.#ring.pause(this._token);
    this.#flush();
    if (this._backlog === 0) {
      this.#connLost++;
      this.#native.callSoon(callConnectionLost, [this, null]);
    }
    this.#updateHold();
  }

  override abort(): void {
    // One attempt for what was written, so that `write(); abort()` delivers what fits.
    if (this.#connLost === 0) this.#flush();
    this._forceClose(null);
  }

  /** Reports an error that is not the network's own, and closes with it. */
  _fatalError(error: unknown, message = 'Fatal error on transport'): void {
    reportFatalError(this._loop, this, error, message);
    this._forceClose(error);
  }

  _forceClose(error: unknown): void {
    if (this.#connLost > 0) return;
    this._backlog = 0;
    this.#dropReceived();
    if (!this.#closing) {
      this.#beginClosing();
      this.#ring.pause(this._token);
    }
    this.#connLost++;
    this.#native.callSoon(callConnectionLost, [this, error]);
    this.#updateHold();
  }

  /** The native core is gone: no turn will come to tell the protocol. */
  _abandon(error: Error): void {
    if (this.#connLost > 0 && this.#protocol === null) return;
    if (!this.#closing) this.#beginClosing();
    this.#connLost++;
    this._callConnectionLost(error);
  }

  #dropReceived(): void {
    this.#length = 0;
    this.#held = null;
    this.#sawEof = false;
  }

  _callConnectionLost(error: unknown): void {
    const protocol = this.#protocol;
    try {
      protocol?.connectionLost((error ?? null) as Error | null);
    } finally {
      this.#socket._forget();
      this.#ring.release(this._token);
      this.#protocol = null;
      this.#setHold(false);
      this.#server?._detach(this);
      const waiter = this.#emptyWaiter;
      if (waiter !== null && !waiter.done())
        waiter.setException(new ConnectionError('Connection is closed by peer'));
    }
  }

  /** Keeps a hosted process alive while there is something to wait for. */
  #updateHold(): void {
    this.#setHold(this.isReading() || this._backlog > 0);
  }

  #setHold(hold: boolean): void {
    if (this.#holding === hold) return;
    this.#holding = hold;
    if (hold) this.#native._hold();
    else this.#native._release();
  }

  override toString(): string {
    const state =
      this.#connLost > 0 ? 'closed' : this.#closing ? 'closing' : this.#paused ? 'paused' : 'open';
    return `<StreamTransport fd=${this.#socket.fileno()} ${state}>`;
  }
}
