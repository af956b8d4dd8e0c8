import { BaseStreamTransport, SOCK_STREAM, osErrorFromCode } from '../base/index.ts';
import type { BaseProtocol, ExtraInfo, Future, Loop, Server } from '../base/index.ts';
import type { SimulatedLoop } from './simulated-loop.ts';
import type { SimulatedSocket } from './simulated-socket.ts';
import type { StreamEnd } from './simulated-stream.ts';

/** Bytes that one callback is given at most. */
const READ_BYTES = 256 * 1024;

const END_OF_STREAM = new Uint8Array(0);

/**
 * The stream transport of the simulated network. What happens to its end is told by handles in the context of whoever
 * made it, so that a host that is paused or down runs nothing.
 */
export class SimulatedStreamTransport extends BaseStreamTransport {
  readonly #socket: SimulatedSocket;
  readonly #end: StreamEnd;

  constructor(
    loop: SimulatedLoop,
    sock: SimulatedSocket,
    protocol: BaseProtocol,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
    server: Server | null,
  ) {
    if (sock.type !== SOCK_STREAM || sock._end === null) throw osErrorFromCode('ENOTCONN', 'getpeername');
    const known = { socket: sock, sockname: sock.getsockname(), peername: sock.getpeername(), ...extra };
    // The network's timers move it, and where there is none left, that is a deadlock.
    super(loop as unknown as Loop, protocol, waiter, { extra: known, server, hold: false });
    this.#socket = sock;
    this.#end = sock._end;
  }

  override get _kind(): string {
    return 'simulated';
  }

  // --- reading -------------------------------------------------------------------------------------

  override _startReading(): void {
    this.#end.onChange = () => this._wake();
  }

  override _stopReading(): void {
    // The next turn makes an attempt for what waits.
    if (this.getWriteBufferSize() > 0) this._wake();
  }

  override _recv(): Uint8Array | null {
    const end = this.#end;
    if (end.available > 0) return end.read(READ_BYTES);
    if (end.error !== null) throw end.error;
    return end.eof ? END_OF_STREAM : null;
  }

  override _isReadable(): boolean {
    const { available, eof, error } = this.#end;
    return available > 0 || error !== null || (eof && !this._sawEof);
  }

  override _unread(rest: Uint8Array): void {
    this.#end.unread(rest);
  }

  // --- writing -------------------------------------------------------------------------------------

  /** Even where bytes wait before these, an error is told now. */
  override _put(bytes: Uint8Array): void {
    const { error } = this.#end;
    if (error === null) super._put(bytes);
    else this._fatalError(error, 'Fatal write error on simulated transport');
  }

  override _send(bytes: Uint8Array): number {
    return this.#end.send(bytes);
  }

  override _sendEof(): void {
    this.#end.finish();
  }

  override _writeReady(): void {
    const end = this.#end;
    if (end.error === null) super._writeReady();
    // What has come before an error is delivered before it.
    const isFirst = this.getWriteBufferSize() > 0 && !(this.isReading() && end.available > 0);
    if (end.error !== null && isFirst) {
      this._fatalError(end.error, 'Fatal write error on simulated transport');
    }
  }

  // --- the end -------------------------------------------------------------------------------------

  override _closeChannel(): void {
    this.#socket.close();
  }

  override toString(): string {
    const [host, port] = this.#end.remote;
    return `<SimulatedStreamTransport ${this.#end.life.host.name} to ${host}:${port} ${this._state}>`;
  }
}
