import { AbstractServer } from './abstract-server.ts';
import { type Coroutine, coroutineMethods } from './coroutine.ts';
import { AssertionError, CancelledError, RuntimeError } from './exceptions.ts';
import type { Future } from './future.ts';
import { _setResultUnlessCancelled } from './future.ts';
import { runHook } from './hook-checks.ts';
import type { Loop } from './loop.ts';
import type { NetworkLoop } from './network-loop.ts';
import type { ProtocolFactory } from './protocols.ts';
import { sleep } from './sleep.ts';
import type { SocketLike } from './socket-like.ts';
import { TransportSocket } from './transport-socket.ts';
import type { BaseTransport } from './transports.ts';

/** What a server keeps of its clients. */
interface Client extends BaseTransport {
  abort?(): void;
}

/**
 * What `createServer` returns: listening sockets and the connections accepted on them. asyncio: `Server`.
 *
 * In an async function `await using server = ...` closes it and waits, where the runtime has that.
 */
export class Server extends AbstractServer {
  readonly #loop: Loop & NetworkLoop;
  #sockets: readonly SocketLike[] | null;
  readonly #factory: ProtocolFactory;
  readonly #sslcontext: unknown;
  readonly #backlog: number;
  readonly #clients = new Set<Client>();
  /** Null once the server is closed and its last connection gone. */
  #waiters: Future<void>[] | null = [];
  #serving = false;
  #forever: Future<void> | null = null;

  constructor(
    loop: Loop & NetworkLoop,
    sockets: readonly SocketLike[],
    protocolFactory: ProtocolFactory,
    sslcontext: unknown,
    backlog: number,
  ) {
    super();
    this.#loop = loop;
    this.#sockets = sockets;
    this.#factory = protocolFactory;
    this.#sslcontext = sslcontext;
    this.#backlog = backlog;
  }

  override getLoop(): Loop {
    return this.#loop;
  }

  override isServing(): boolean {
    return this.#serving;
  }

  /** The listening sockets; none after {@link close}. */
  get sockets(): readonly TransportSocket[] {
    return (this.#sockets ?? []).map((sock) => new TransportSocket(sock));
  }

  /** A connection was made. Called by transports. @throws AssertionError when the server is closed */
  _attach(transport: BaseTransport): void {
    if (this.#sockets === null) throw new AssertionError('the server is closed');
    this.#clients.add(transport);
  }

  /** A connection is gone. Called by transports. */
  _detach(transport: BaseTransport): void {
    this.#clients.delete(transport);
    if (this.#clients.size === 0 && this.#sockets === null) this._wakeup();
  }

  /** Ends every {@link waitClosed}. */
  _wakeup(): void {
    const waiters = this.#waiters;
    if (waiters === null) return;
    this.#waiters = null;
    for (const waiter of waiters) if (!waiter.done()) _setResultUnlessCancelled(waiter, undefined);
  }

  /** Begins to accept, in the turn under way. @throws RuntimeError when the server is closed */
  _startServing(): void {
    if (this.#serving) return;
    if (this.#sockets === null) throw new RuntimeError(`server ${this.toString()} is closed`);
    this.#serving = true;
    for (const sock of this.#sockets) {
      sock.listen(this.#backlog);
      runHook(this.#loop, '_startServing', 'servers', () =>
        this.#loop._startServing(this.#factory, sock, this.#sslcontext, this, this.#backlog),
      );
    }
  }

  /** Stops listening. Connections live on. Harmless twice. */
  override close(): void {
    const sockets = this.#sockets;
    if (sockets === null) return;
    this.#sockets = null;
    let failure: { readonly error: unknown } | null = null;
    for (const sock of sockets) {
      try {
        runHook(this.#loop, '_stopServing', 'servers', () => this.#loop._stopServing(sock));
      } catch (error) {
        // Of the other sockets, and of who waits for the end, it is not the concern.
        sock.close();
        failure ??= { error };
      }
    }
    this.#serving = false;
    if (this.#forever !== null && !this.#forever.done()) {
      this.#forever.cancel();
      this.#forever = null;
    }
    if (this.#clients.size === 0) this._wakeup();
    if (failure !== null) throw failure.error;
  }

  /** Closes every connection, after what was written has been sent. */
  override closeClients(): void {
    for (const client of [...this.#clients]) client.close();
  }

  /** Closes every connection at once. */
  override abortClients(): void {
    for (const client of [...this.#clients]) client.abort?.();
  }

  /** Begins to accept, if the server does not yet. @throws RuntimeError when the server is closed */
  override *startServing(): Coroutine<void> {
    this._startServing();
    yield* sleep(0);
  }

  /**
   * Accepts until cancelled, which closes the server.
   *
   * @throws RuntimeError when it is called twice, or the server is closed
   */
  override *serveForever(): Coroutine<void> {
    if (this.#forever !== null)
      throw new RuntimeError(`server ${this.toString()} is already being awaited on serveForever()`);
    if (this.#sockets === null) throw new RuntimeError(`server ${this.toString()} is closed`);
    this._startServing();
    this.#forever = this.#loop.createFuture<void>();
    try {
      yield* this.#forever;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      this.close();
      this.closeClients();
      yield* this.waitClosed();
      throw error;
    } finally {
      this.#forever = null;
    }
  }

  /** Waits until the server is closed and its last connection gone. */
  override *waitClosed(): Coroutine<void> {
    if (this.#waiters === null) return;
    const waiter = this.#loop.createFuture<void>();
    this.#waiters.push(waiter);
    yield* waiter;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await (this.waitClosed() as unknown as PromiseLike<void>);
  }

  override toString(): string {
    return `<Server sockets=[${this.sockets.map(String).join(', ')}]>`;
  }
}

coroutineMethods(Server.prototype, 'startServing', 'serveForever', 'waitClosed');

/** Begins to accept, for who makes a server of `sockets`: if it cannot, or is cancelled, none is left open. */
export function* beginServing(server: Server, sockets: readonly SocketLike[]): Coroutine<void> {
  try {
    server._startServing();
    // A turn, so that listening has begun when the caller goes on.
    yield* sleep(0);
  } catch (error) {
    try {
      server.close();
    } catch {
      // That the loop cannot stop what it could not begin says nothing new.
    }
    for (const sock of sockets) sock.close();
    throw error;
  }
}
