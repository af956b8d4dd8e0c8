/**
 * The transport of a pipe's writing end, over watches.
 *
 * # States
 *
 * 1. A write is tried at once unless something waits; what the system refuses is copied. The descriptor is watched
 *    for writing exactly while something waits.
 * 2. Pipes and sockets are watched for reading too: that shows the reader's end without a write.
 * 3. `connectionLost` is on its way once (`#losing`); the pipe closes when it has been called.
 */
import {
  BlockingIOError,
  BrokenPipeError,
  FlowControlTransport,
  InterruptedError,
  OSError,
  logger,
} from '../base/index.ts';
import type { BaseProtocol, ExtraInfo, Future, PipeLike } from '../base/index.ts';
import { ByteBuffer } from '../base/byte-buffer.ts';
import { toBytes, unshared } from './byte-arguments.ts';
import type { MioEventLoop } from './mio-event-loop.ts';
import { Pipe } from './pipe.ts';

const LOG_THRESHOLD_FOR_CONNLOST_WRITES = 5;

export class WritePipeTransport extends FlowControlTransport {
  readonly #native: MioEventLoop;
  readonly #pipe: Pipe;
  readonly #buffer = new ByteBuffer();
  #protocol: BaseProtocol | null;
  #closing = false;
  #losing = false;
  #dropped = 0;

  constructor(
    loop: MioEventLoop,
    pipe: PipeLike,
    protocol: BaseProtocol,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
  ) {
    super({ ...extra, pipe }, loop);
    this.#native = loop;
    this.#pipe = new Pipe(loop, pipe);
    this.#protocol = protocol;
    loop.callSoon(() => protocol.connectionMade(this));
    // After connectionMade, which may close.
    if (this.#pipe.kind !== 'character') loop.callSoon(() => this.#watchPeer());
    if (waiter !== null) loop.callSoon(() => waiter.done() || waiter.setResult());
  }

  override setProtocol(protocol: BaseProtocol): void {
    this.#protocol = protocol;
  }

  override getProtocol(): BaseProtocol | null {
    return this.#protocol;
  }

  override isClosing(): boolean {
    return this.#closing;
  }

  override getWriteBufferSize(): number {
    return this.#buffer.length;
  }

  override write(data: Uint8Array | string): void {
    let bytes = toBytes(data);
    if (bytes.length === 0) return;
    if (this.#dropped > 0 || this.#closing) {
      if (this.#dropped >= LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning('pipe closed by peer or os.write(pipe, data) raised exception.');
      }
      this.#dropped++;
      return;
    }
    if (this.#buffer.length === 0) {
      const count = this.#send(bytes);
      if (count < 0 || count === bytes.length) return;
      bytes = bytes.subarray(count);
      if (!this.#watchRoom()) return;
    }
    this.#buffer.append(bytes, 0, bytes.length);
    this._maybePauseProtocol();
  }

  override canWriteEof(): boolean {
    return true;
  }

  /** The same as {@link close}: a pipe has one direction. */
  override writeEof(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#buffer.length > 0) return;
    this.#native._removeReader(this.#pipe.fd);
    this.#lose(null);
  }

  override close(): void {
    this.writeEof();
  }

  override abort(): void {
    // Once it is closed the number may be somebody else's.
    if (!this.#pipe.closed) this.#close(null);
  }

  /** One attempt. Returns the bytes taken; -1 after an error, which closes the transport. */
  #send(bytes: Uint8Array): number {
    try {
      return this.#pipe.write(unshared(bytes));
    } catch (error) {
      if (error instanceof BlockingIOError || error instanceof InterruptedError) return 0;
      if (!(error instanceof OSError)) throw error;
      this.#fail(error);
      return -1;
    }
  }

  #watchRoom(): boolean {
    try {
      this.#native._addWriter(this.#pipe.fd, () => this.#writeReady(), []);
      return true;
    } catch (error) {
      // A device that cannot be waited for.
      if (!(error instanceof OSError)) throw error;
      this.#fail(error);
      return false;
    }
  }

  #watchPeer(): void {
    if (this.#closing) return;
    this.#native._addReader(this.#pipe.fd, () => this.#peerClosed(), []);
  }

  #peerClosed(): void {
    this.#close(this.#buffer.length > 0 ? new BrokenPipeError('the reader has closed the pipe') : null);
  }

  #writeReady(): void {
    const count = this.#send(this.#buffer.front());
    if (count < 0) return;
    this.#buffer.drop(count);
    if (this.#buffer.length === 0) {
      this.#native._removeWriter(this.#pipe.fd);
      // May write again.
      this._maybeResumeProtocol();
      if (this.#closing && !this.#losing && this.#buffer.length === 0) {
        this.#native._removeReader(this.#pipe.fd);
        this.#losing = true;
        this.#callConnectionLost(null);
      }
    } else this._maybeResumeProtocol();
  }

  /** The system refuses to write: the reader is gone, mostly, which is nobody's mistake. */
  #fail(error: OSError): void {
    this.#dropped++;
    if (this.#native.getDebug()) {
      logger.debug(`${this.toString()}: Fatal write error on pipe transport`, error);
    }
    this.#close(error);
  }

  #close(error: Error | null): void {
    this.#closing = true;
    this.#native._removeWriter(this.#pipe.fd);
    this.#native._removeReader(this.#pipe.fd);
    this.#buffer.clear();
    this.#lose(error);
  }

  #lose(error: Error | null): void {
    if (this.#losing) return;
    this.#losing = true;
    this.#native.callSoon(() => this.#callConnectionLost(error));
  }

  #callConnectionLost(error: Error | null): void {
    try {
      this.#protocol?.connectionLost(error);
    } finally {
      this.#pipe.close();
      this.#protocol = null;
    }
  }

  override toString(): string {
    const state = this.#pipe.closed ? 'closed' : this.#closing ? 'closing' : 'open';
    return `<WritePipeTransport fd=${this.#pipe.fd} ${state} bufsize=${this.#buffer.length}>`;
  }
}
