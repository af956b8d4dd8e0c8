import { SOCK_STREAM } from '../base/index.ts';
import type { SocketLike } from '../base/index.ts';
import type { EventListenerLike, PortLike } from './port-end.ts';
import { PortSocket, unsupported } from './port-socket.ts';

/** What asks for a connection; the port comes with the message. */
export interface Invitation {
  readonly miolo: 'connect';
  readonly name: string;
}

/** What an invitation comes as. */
interface InvitationEvent {
  readonly data: unknown;
  readonly origin?: string;
  readonly ports?: readonly PortLike[];
}

/** Where invitations come from: a worker's `self`, a `Worker`, a window, a port. */
export interface PortSource {
  addEventListener(type: string, listener: EventListenerLike): void;
  removeEventListener(type: string, listener: EventListenerLike): void;
  /** Ports: begins to receive. */
  start?(): void;
}

/** Keyword arguments of {@link PortListener}. */
export interface PortListenerOptions {
  /** Which invitations are meant: those of `connectPort` with the same name. Default: ''. */
  readonly name?: string;
  /** Origins of other windows that may connect, besides one's own. */
  readonly origins?: readonly string[];
}

/**
 * A listening socket of ports: what `createServer` and `startServer` take as `sock`.
 *
 * It takes the invitations of {@link connectPort} that reach its source, beside other messages, which it leaves alone.
 * Windows of other origins are refused unless they are named. Connections that come before the server listens wait.
 *
 * Make it at the top of the worker's module, before the first `await`: a message that comes before anybody listens is
 * lost, as the platform has it.
 *
 * @example
 * ```ts
 * const listener = new PortListener(self);
 * const server = yield* startServer(serve, null, null, { sock: listener });
 * ```
 */
export class PortListener implements SocketLike {
  readonly family = 0;
  readonly type: number = SOCK_STREAM;
  readonly proto = 0;
  readonly #source: PortSource | null;
  readonly #name: string;
  readonly #origins: readonly string[];
  readonly #onMessage = (event: InvitationEvent): void => this.#receive(event);
  #waiting: PortSocket[] = [];
  #serve: ((accepted: PortSocket) => void) | null = null;
  #closed = false;

  /**
   * @param source where invitations arrive: a worker's `self`, a `Worker`, a window, a port; null if all connections
   * come by {@link offer}, such as those of a `SharedWorker`
   */
  constructor(source: PortSource | null, options: PortListenerOptions = {}) {
    this.#source = source;
    this.#name = options.name ?? '';
    this.#origins = options.origins ?? [];
    source?.addEventListener('message', this.#onMessage);
    source?.start?.();
  }

  #receive({ data, origin = '', ports }: InvitationEvent): void {
    const { miolo, name } = (data ?? {}) as Partial<Invitation>;
    const port = ports?.[0];
    if (miolo !== 'connect' || name !== this.#name || port === undefined) return;
    if (this.#admits(origin)) this.offer(port);
    else new PortSocket(port).close();
  }

  /** Messages of workers and ports have no origin. */
  #admits(origin: string): boolean {
    if (origin === '' || this.#origins.includes(origin)) return true;
    // Every sandboxed frame says 'null'.
    const own = (globalThis as { location?: { origin: string } }).location?.origin;
    return origin === own && origin !== 'null';
  }

  /** Takes a port as a new connection, which is closed if the listener is. */
  offer(port: PortLike): void {
    const accepted = new PortSocket(port, this.#name);
    if (this.#closed) accepted.close();
    else if (this.#serve === null) this.#waiting.push(accepted);
    else this.#serve(accepted);
  }

  /** Has `serve` called with each connection, those that wait first. */
  _serve(serve: (accepted: PortSocket) => void): void {
    this.#serve = serve;
    for (const accepted of this.#waiting.splice(0)) serve(accepted);
  }

  fileno(): number {
    return -1;
  }

  getsockname(): string {
    return this.#name;
  }

  getpeername(): string {
    throw unsupported('getpeername');
  }

  bind(): void {
    throw unsupported('bind');
  }

  listen(): void {}

  setsockopt(): void {
    throw unsupported('setsockopt');
  }

  getsockopt(): number {
    throw unsupported('getsockopt');
  }

  shutdown(): void {
    throw unsupported('shutdown');
  }

  /** Takes no more connections; those that wait are closed. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source?.removeEventListener('message', this.#onMessage);
    for (const accepted of this.#waiting.splice(0)) accepted.close();
  }

  toString(): string {
    return `<PortListener ${JSON.stringify(this.#name)}>`;
  }
}
