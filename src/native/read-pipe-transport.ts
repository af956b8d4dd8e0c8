/**
 * The transport of a pipe's reading end, over a watch.
 *
 * # States
 *
 * 1. Reading is on between the turn after `connectionMade` and any of: `pauseReading`, `close`, the end, an error.
 *    The descriptor is watched exactly then, so that nothing is read that could not be delivered.
 * 2. At the end `eofReceived` and `connectionLost` come in the next turn, whatever `eofReceived` returns.
 * 3. `connectionLost` is on its way once (`#losing`); the pipe closes when it has been called.
 */
import { BlockingIOError, InterruptedError, OSError, ReadTransport } from '../base/index.ts';
import type { BaseProtocol, ExtraInfo, Future, PipeLike, Protocol } from '../base/index.ts';
import type { MioEventLoop } from './mio-event-loop.ts';
import { Pipe } from './pipe.ts';
import { keepRecycled, recycledMemory } from './recycled.ts';

export class ReadPipeTransport extends ReadTransport {
  readonly #loop: MioEventLoop;
  readonly #pipe: Pipe;
  #protocol: Protocol | null;
  #paused = false;
  #closing = false;
  #losing = false;

  constructor(
    loop: MioEventLoop,
    pipe: PipeLike,
    protocol: Protocol,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
  ) {
    super({ ...extra, pipe });
    this.#loop = loop;
    this.#pipe = new Pipe(loop, pipe);
    this.#protocol = protocol;
    loop.callSoon(() => protocol.connectionMade(this as never));
    // Reading starts after connectionMade, which may pause or close.
    loop.callSoon(() => this.#watch());
    if (waiter !== null) loop.callSoon(() => waiter.done() || waiter.setResult());
  }

  override isReading(): boolean {
    return !this.#paused && !this.#closing;
  }

  override pauseReading(): void {
    if (!this.isReading()) return;
    this.#paused = true;
    this.#loop._removeReader(this.#pipe.fd);
  }

  override resumeReading(): void {
    if (this.#closing || !this.#paused) return;
    this.#paused = false;
    this.#watch();
  }

  override setProtocol(protocol: BaseProtocol): void {
    this.#protocol = protocol as Protocol;
  }

  override getProtocol(): BaseProtocol | null {
    return this.#protocol;
  }

  override isClosing(): boolean {
    return this.#closing;
  }

  override close(): void {
    if (!this.#closing) this.#close(null);
  }

  #watch(): void {
    if (!this.isReading()) return;
    try {
      this.#loop._addReader(this.#pipe.fd, () => this.#readReady(), []);
    } catch (error) {
      // A device that cannot be waited for.
      if (!(error instanceof OSError)) throw error;
      this.#fatalError(error);
    }
  }

  #readReady(): void {
    let count: number;
    try {
      count = this.#pipe.read(recycledMemory());
    } catch (error) {
      if (error instanceof BlockingIOError || error instanceof InterruptedError) return;
      if (!(error instanceof OSError)) throw error;
      this.#fatalError(error);
      return;
    }
    if (count > 0) {
      this.#protocol?.dataReceived(keepRecycled(count));
      return;
    }
    const protocol = this.#protocol;
    this.#closing = true;
    this.#loop._removeReader(this.#pipe.fd);
    this.#loop.callSoon(() => protocol?.eofReceived());
    this.#lose(null);
  }

  #fatalError(error: OSError): void {
    // EIO is how the end of a terminal's other side shows.
    if (error.code !== 'EIO') {
      this.#loop.callExceptionHandler({
        message: 'Fatal read error on pipe transport',
        exception: error,
        transport: this,
        protocol: this.#protocol,
      });
    }
    this.#close(error);
  }

  #close(error: Error | null): void {
    this.#closing = true;
    this.#loop._removeReader(this.#pipe.fd);
    this.#lose(error);
  }

  #lose(error: Error | null): void {
    if (this.#losing) return;
    this.#losing = true;
    this.#loop.callSoon(() => this.#callConnectionLost(error));
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
    const state = this.#pipe.closed ? 'closed' : this.#closing ? 'closing' : this.#paused ? 'paused' : 'open';
    return `<ReadPipeTransport fd=${this.#pipe.fd} ${state}>`;
  }
}
