import { type Coroutine, coroutineMethods } from './coroutine.ts';
import { CancelledError, RuntimeError } from './exceptions.ts';
import type { Future } from './future.ts';
import { setResultUnlessCancelled } from './future.ts';
import type { Loop } from './loop.ts';
import type { NetworkLoop } from './network-loop.ts';
import type { ProtocolFactory } from './protocols.ts';
import { sleep } from './sleep.ts';
import type { SocketLike } from './socket-like.ts';
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
export class Server {
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
    this.#loop = loop;
    this.#sockets = sockets;
    this.#factory = protocolFactory;
    this.#sslcontext = sslcontext;
    this.#backlog = backlog;
  }

  getLoop(): Loop {
    return this.#loop;
  }

  isServing(): boolean {
    return this.#serving;
  }

  /** The listening sockets; none after {@link close}. */
  get sockets(): readonly SocketLike[] {
    return this.#sockets === null ? [] : [...this.#sockets];
  }

  /** A connection was made. Called by transports. */
  _attach(transport: BaseTransport): void {
    this.#clients.add(transport);
  }

  /** A connection is gone. Called by transports. */
  _detach(transport: BaseTransport): void {
    this.#clients.delete(transport);
    if (this.#clients.size === 0 && this.#sockets === null) this.#wakeup();
  }

  #wakeup(): void {
    const waiters = this.#waiters;
    if (waiters === null) return;
    this.#waiters = null;
    for (const waiter of waiters) if (!waiter.done()) setResultUnlessCancelled(waiter, undefined);
  }

  /** Begins to accept, in the turn under way. */
  _startServing(): void {
    if (this.#serving) return;
    this.#serving = true;
    for (const sock of this.#sockets ?? []) {
      sock.listen(this.#backlog);
      this.#loop._startServing(this.#factory, sock, this.#sslcontext, this, this.#backlog);
    }
  }

  /** Stops listening. Connections live on. Harmless twice. */
  close(): void {
    const sockets = this.#sockets;
    if (sockets === null) return;
    this.#sockets = null;
    for (const sock of sockets) this.#loop._stopServing(sock);
    this.#serving = false;
    if (this.#forever !== null && !this.#forever.done()) {
      this.#forever.cancel();
      this.#forever = null;
    }
    if (this.#clients.size === 0) this.#wakeup();
  }

  /** Closes every connection, after what was written has been sent. */
  closeClients(): void {
    for (const client of [...this.#clients]) client.close();
  }

  /** Closes every connection at once. */
  abortClients(): void {
    for (const client of [...this.#clients]) client.abort?.();
  }

  /** Begins to accept, if the server does not yet. */
  *startServing(): Coroutine<void> {
    this._startServing();
    yield* sleep(0);
  }

  /**
   * Accepts until cancelled, which closes the server.
   *
   * @throws RuntimeError when it is called twice, or the server is closed
   */
  *serveForever(): Coroutine<void> {
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
  *waitClosed(): Coroutine<void> {
    if (this.#waiters === null) return;
    const waiter = this.#loop.createFuture<void>();
    this.#waiters.push(waiter);
    yield* waiter;
  }

  *aenter(): Coroutine<this> {
    return this;
  }

  *aexit(): Coroutine<void> {
    this.close();
    yield* this.waitClosed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await (this.waitClosed() as unknown as PromiseLike<void>);
  }

  toString(): string {
    return `<Server sockets=[${this.sockets.map(String).join(', ')}]>`;
  }
}

coroutineMethods(Server.prototype, 'startServing', 'serveForever', 'waitClosed', 'aenter', 'aexit');
