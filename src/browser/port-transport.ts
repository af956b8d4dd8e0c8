import { BaseStreamTransport, BrokenPipeError, TransportSocket } from '../base/index.ts';
import type { BaseProtocol, ExtraInfo, Future, Loop, Server } from '../base/index.ts';
import type { PortEnd } from './port-end.ts';
import type { PortSocket } from './port-socket.ts';

const END_OF_STREAM = new Uint8Array(0);

/**
 * A connection over a `MessagePort`. Made by `BrowserEventLoop._makeSocketTransport`.
 *
 * Bytes count as waiting until the peer's protocol has been given them, so that a peer that does not read holds its
 * writer up.
 *
 * asyncio: the selector loop's socket transport. Differences: `close()` waits until the peer's protocol was given all
 * bytes, not only until the system has taken them; a peer that closes with bytes unread is a ConnectionResetError, told
 * after what it had sent; bytes written before `abort()` may still arrive.
 */
export class PortTransport extends BaseStreamTransport {
  readonly #socket: PortSocket;
  readonly #end: PortEnd;
  readonly #released: () => unknown;

  constructor(
    loop: Loop,
    sock: PortSocket,
    protocol: BaseProtocol,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
    server: Server | null,
    released: () => unknown,
  ) {
    const socket = new TransportSocket(sock);
    const known = { socket, sockname: sock.getsockname(), peername: sock.getpeername(), ...extra };
    super(loop, protocol, waiter, { extra: known, server });
    this.#socket = sock;
    this.#end = sock._end;
    this.#released = released;
  }

  override get _kind(): string {
    return 'port';
  }

  // --- reading -------------------------------------------------------------------------------------

  override _startReading(): void {
    this.#end.onChange = () => this._wake();
    this.#end.start();
  }

  override _stopReading(): void {
    this.#end.stopReading();
  }

  override _recv(): Uint8Array | null {
    const end = this.#end;
    const data = end.peek();
    if (data !== null) return data;
    if (end.eof && !this._sawEof) return END_OF_STREAM;
    if (end.gone && end.reset !== null) throw end.reset;
    return null;
  }

  override _isReadable(): boolean {
    const { available, eof, gone, reset } = this.#end;
    return available > 0 || (eof && !this._sawEof) || (gone && reset !== null);
  }

  override _consume(count: number): boolean {
    // The end drops what it has when reading stops.
    if (this.isClosing()) return false;
    this.#end.consume(count);
    return true;
  }

  /** What was not consumed has stayed with the end. */
  override _unread(): void {}

  // --- writing -------------------------------------------------------------------------------------

  override _send(bytes: Uint8Array): number {
    const end = this.#end;
    if (end.deaf) throw end.reset ?? new BrokenPipeError('the peer has closed the connection');
    end.send(bytes);
    return bytes.length;
  }

  override _sendEof(): void {
    this.#end.finish();
  }

  /** Bytes that were written, and that the peer's protocol has not been given. */
  override getWriteBufferSize(): number {
    return this.#end.unacked;
  }

  override _writeReady(): void {
    const end = this.#end;
    if (end.malformed !== null) {
      this._fatalError(end.malformed, 'Fatal read error on port transport');
      return;
    }
    this._maybeResumeProtocol();
    // resumeWriting may have written, closed or aborted.
    if (this._state === 'closing' && end.unacked === 0) this._lose(this._closeError());
  }

  // --- the end -------------------------------------------------------------------------------------

  /** Everything was taken, or nobody is left to take it. */
  override _closeError(): Error | null {
    return this.#end.reset;
  }

  override _forceClose(error: unknown): void {
    this.#end.stopWriting();
    super._forceClose(error);
  }

  override _closeChannel(): void {
    this.#socket.close();
    this.#released();
  }

  override toString(): string {
    return `<PortTransport ${String(this.#socket)} ${this._state}>`;
  }
}
