import { BaseEventLoop, NotImplementedError, RuntimeError, isExit } from '../base/index.ts';
import type {
  BaseProtocol,
  ExtraInfo,
  Future,
  Host,
  Loop,
  ProtocolFactory,
  Selector,
  Server,
  SocketLike,
  Transport,
} from '../base/index.ts';
import { PageHost } from './page-host.ts';
import { PortListener } from './port-listener.ts';
import { PortSocket } from './port-socket.ts';
import { PortTransport } from './port-transport.ts';

/** What a loop closes when it is closed. */
interface Closable {
  close(): void;
}

/**
 * The loop of a page or a Web Worker: turned by its tasks and timers, one turn a task, so that rendering, input and
 * promises go on between any two turns. Its connections are `MessagePort`s (`PortSocket`, `PortListener`).
 *
 * Nothing may block a page: the `Sync` runs throw RuntimeError. The clock is `performance.now()`, which browsers round
 * (0.1 ms in Chromium) and may stop while the machine sleeps. In a page in the background timers come once a second at
 * most, later once a minute; turns that are ready, and what comes through ports, are not held up.
 *
 * asyncio has no such loop.
 *
 * @example
 * ```ts
 * setDefaultLoopFactory(() => new BrowserEventLoop());
 * await run(main());
 * ```
 */
export class BrowserEventLoop extends BaseEventLoop<readonly never[]> {
  /** Nothing is ever waited for here: the page calls. */
  override readonly _selector: Selector<readonly never[]> = { select: () => [], notify() {} };
  readonly #page = new PageHost();
  override _host: Host | null = this.#page;
  readonly #open = new Set<Closable>();

  override _processEvents(): void {}

  override _writeToSelf(): void {
    this._wakeHosted();
  }

  /** A task of the page takes one turn: the time for more is always over. */
  override _hostTime(): number {
    return Infinity;
  }

  /** @throws RuntimeError always */
  override runForeverSync(): never {
    this._checkClosed();
    throw new RuntimeError('a page cannot be blocked: use runForever() instead of runForeverSync()');
  }

  /** @throws RuntimeError always */
  override runUntilCompleteSync(): never {
    this._checkClosed();
    throw new RuntimeError('a page cannot be blocked: use run() or runUntilComplete() without Sync');
  }

  /** Closes the loop; peers of connections that are open find the end of the stream. */
  override close(): void {
    super.close();
    for (const each of this.#open) each.close();
    this.#open.clear();
    this.#page.close();
  }

  // --- connections -----------------------------------------------------------------------------------

  override _startServing(
    protocolFactory: ProtocolFactory,
    sock: SocketLike,
    sslcontext?: unknown,
    server?: Server | null,
  ): void {
    if (sslcontext != null) throw new NotImplementedError('ports have no TLS');
    if (!(sock instanceof PortListener))
      throw new TypeError(`sock: must be a PortListener, not ${String(sock)}`);
    this.#open.add(sock);
    this._hold();
    sock._serve((accepted) => {
      this.#open.add(accepted);
      this.callSoon(() => this.#accept(accepted, protocolFactory, server ?? null));
    });
  }

  #accept(accepted: PortSocket, protocolFactory: ProtocolFactory, server: Server | null): void {
    this.#open.delete(accepted);
    let protocol: BaseProtocol | null = null;
    try {
      protocol = protocolFactory();
      this._makeSocketTransport(accepted, protocol, null, { server });
    } catch (error) {
      // Whatever went wrong, the peer must not wait for good.
      accepted.close();
      if (isExit(error)) throw error;
      if (!this.getDebug()) return;
      const message = 'Error on transport creation for incoming connection';
      this.callExceptionHandler({ message, exception: error, ...(protocol === null ? {} : { protocol }) });
    }
  }

  override _stopServing(sock: SocketLike): void {
    sock.close();
    if (this.#open.delete(sock)) this._release();
  }

  override _makeSocketTransport(
    sock: SocketLike,
    protocol: BaseProtocol,
    waiter?: Future<void> | null,
    options?: { readonly extra?: ExtraInfo | null; readonly server?: Server | null },
  ): Transport {
    if (!(sock instanceof PortSocket)) throw new TypeError(`sock: must be a PortSocket, not ${String(sock)}`);
    const { extra = null, server = null } = options ?? {};
    const transport = new PortTransport(
      this as unknown as Loop,
      sock,
      protocol,
      waiter ?? null,
      extra,
      server,
      () => this.#open.delete(sock),
    );
    this.#open.add(sock);
    return transport;
  }
}
