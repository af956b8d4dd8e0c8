import { NotImplementedError, ValueError } from './exceptions.ts';
import { OSError } from './os-error.ts';
import type { Address, SocketLike } from './socket-like.ts';

/** What some sockets have besides what a loop needs of them. */
interface MoreOfSocket {
  dup?(): SocketLike;
  getInheritable?(): boolean;
}

/**
 * A view of a socket that a transport or a server owns: its addresses, its options, and nothing that would disturb the
 * owner (it neither sends, receives nor closes).
 *
 * What `transport.getExtraInfo('socket')` and `server.sockets` give. asyncio: `trsock.TransportSocket`.
 *
 * @example
 * ```ts
 * const socket = transport.getExtraInfo('socket') as TransportSocket;
 * socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1);
 * ```
 */
export class TransportSocket {
  readonly #sock: SocketLike;

  constructor(sock: SocketLike) {
    this.#sock = sock;
  }

  get family(): number {
    return this.#sock.family;
  }

  get type(): number {
    return this.#sock.type;
  }

  get proto(): number {
    return this.#sock.proto;
  }

  /** The descriptor, -1 when the connection is lost or the server closed. */
  fileno(): number {
    return this.#sock.fileno();
  }

  /**
   * A socket of its own for the same connection, which the caller closes.
   *
   * @throws OSError as the system reports; NotImplementedError for sockets that cannot
   */
  dup(): SocketLike {
    const sock: SocketLike & MoreOfSocket = this.#sock;
    if (sock.dup === undefined) throw new NotImplementedError('dup: this kind of socket has no dup()');
    return sock.dup();
  }

  /** Whether child processes get the descriptor. Sockets that do not say are not inherited. */
  getInheritable(): boolean {
    const sock: SocketLike & MoreOfSocket = this.#sock;
    return sock.getInheritable?.() ?? false;
  }

  /** Shuts down reading (0), writing (1) or both (2), past the transport. @throws OSError as the system reports */
  shutdown(how: number): void {
    this.#sock.shutdown(how);
  }

  /** Reads an option by its numbers. @throws OSError as the system reports */
  getsockopt(...args: Parameters<SocketLike['getsockopt']>): number {
    return this.#sock.getsockopt(...args);
  }

  /** Sets an option by its numbers. @throws OSError as the system reports */
  setsockopt(...args: Parameters<SocketLike['setsockopt']>): void {
    this.#sock.setsockopt(...args);
  }

  /** The peer's address. @throws OSError (ENOTCONN) when there is none */
  getpeername(): Address {
    return this.#sock.getpeername();
  }

  /** The local address. @throws OSError (EBADF) when the socket is closed */
  getsockname(): Address {
    return this.#sock.getsockname();
  }

  /** @throws ValueError unless `value` is 0: a transport's socket never waits */
  settimeout(value: number): void {
    if (value !== 0) throw new ValueError('settimeout(): only 0 timeout is allowed on transport sockets');
  }

  /** Always 0. */
  gettimeout(): number {
    return 0;
  }

  /** @throws ValueError when `flag` is true */
  setblocking(flag: boolean): void {
    if (flag) throw new ValueError('setblocking(): transport sockets cannot be blocking');
  }

  toString(): string {
    const parts = [
      `fd=${this.fileno()}`,
      `family=${this.family}`,
      `type=${this.type}`,
      `proto=${this.proto}`,
      ...describeAddress('laddr', () => this.getsockname()),
      ...describeAddress('raddr', () => this.getpeername()),
    ];
    return `<TransportSocket ${parts.join(' ')}>`;
  }
}

function describeAddress(name: string, ask: () => Address): string[] {
  try {
    return [`${name}=${String(ask())}`];
  } catch (error) {
    // It has none, or is closed.
    if (error instanceof OSError) return [];
    throw error;
  }
}
