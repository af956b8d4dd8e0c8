import { AF_INET, AF_INET6, SOCK_STREAM, osErrorFromErrno } from '../base/index.ts';
import type { Address, SocketLike } from '../base/index.ts';
import { addon } from './addon.ts';
import type { NativeAddress, NativeCore, NativeSocket } from './addon.ts';
import { checkNative, osErrorFromNative } from './errors.ts';

const EBADF = 9;
const ENOTCONN = 107;

function toAddress(family: number, native: NativeAddress | null): Address | null {
  if (native === null) return null;
  const [host, port, flowinfo, scopeid] = native;
  return family === AF_INET6 ? [host, port, flowinfo, scopeid] : [host, port];
}

function checkInteger(name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new TypeError(`${name}: must be an integer, not ${String(value)}`);
  }
}

/** Splits an IP address into what the native side takes, or throws naming the part that is wrong. */
export function splitAddress(
  address: Address,
): [host: string, port: number, flowinfo: number, scopeid: number] {
  if (!Array.isArray(address)) throw new TypeError('address: must be [host, port] for this family of socket');
  const [host, port, flowinfo = 0, scopeid = 0] = address as readonly [string, number, number?, number?];
  if (typeof host !== 'string') throw new TypeError('address: the host must be a string');
  checkInteger('address: the port', port);
  if (port < 0 || port > 65535) throw new RangeError(`address: the port must be 0 to 65535, not ${port}`);
  return [host, port, flowinfo, scopeid];
}

/** Where a socket's descriptor is when a core owns it. */
interface Place {
  readonly core: NativeCore;
  readonly token: number;
}

/**
 * A non-blocking socket.
 *
 * Owns its descriptor until a transport or a server takes it over; from then on it is a view of theirs, and
 * closing it does nothing. Closing twice is harmless.
 *
 * asyncio: `socket.socket`, and the `TransportSocket` that `getExtraInfo('socket')` gives.
 */
export class Socket implements SocketLike {
  readonly family: number;
  readonly type: number;
  readonly proto: number;
  /** Set while this object owns the descriptor. */
  #own: NativeSocket | null;
  /** Set while a core owns it. */
  #place: Place | null;
  #localName: Address | null = null;
  #remoteName: Address | null = null;

  /**
   * Opens a socket.
   *
   * @param family `AF_INET` or `AF_INET6`
   * @param type `SOCK_STREAM`
   * @param proto protocol number, 0 for the type's default
   * @param place for loops: where the descriptor is that this object is to be a view of
   * @throws TypeError for arguments that are no integers; OSError as the system reports
   */
  constructor(
    family: number = AF_INET,
    type: number = SOCK_STREAM,
    proto: number = 0,
    place: Place | null = null,
  ) {
    checkInteger('family', family);
    checkInteger('type', type);
    checkInteger('proto', proto);
    this.family = family;
    this.type = type;
    this.proto = proto;
    this.#place = place;
    this.#own = place === null ? open(family, type, proto) : null;
  }

  /** The descriptor, -1 when it is closed. */
  fileno(): number {
    if (this.#own !== null) return this.#own.fileno();
    return this.#place === null ? -1 : this.#place.core.fileno(this.#place.token);
  }

  /**
   * Binds to a local address.
   *
   * @throws TypeError, RangeError for a malformed address; OSError as the system reports
   */
  bind(address: Address): void {
    const [host, port, flowinfo, scopeid] = splitAddress(address);
    checkNative(this.#owned('bind').bind(host, port, flowinfo, scopeid), 'bind', address);
  }

  /**
   * Begins to listen.
   *
   * @param backlog connections that the system may hold before they are accepted
   * @throws OSError as the system reports
   */
  listen(backlog: number = 128): void {
    checkInteger('backlog', backlog);
    checkNative(this.#owned('listen').listen(Math.min(Math.max(backlog, 0), 0x7fffffff)), 'listen');
  }

  /** The local address. @throws OSError (EBADF) when the socket is closed */
  getsockname(): Address {
    const name = this.localName();
    if (name === null) throw osErrorFromErrno(EBADF, 'getsockname');
    return name;
  }

  /** The peer's address. @throws OSError (ENOTCONN) when there is none */
  getpeername(): Address {
    const name = this.remoteName();
    if (name === null) throw osErrorFromErrno(this.fileno() < 0 ? EBADF : ENOTCONN, 'getpeername');
    return name;
  }

  /** Sets an integer option by its numbers. @throws OSError as the system reports */
  setsockopt(level: number, name: number, value: number | Uint8Array): void {
    checkInteger('level', level);
    checkInteger('name', name);
    if (typeof value !== 'number') throw new TypeError('value: must be an integer');
    checkInteger('value', value);
    const place = this.#place;
    checkNative(
      place === null
        ? this.#owned('setsockopt').setOption(level, name, value)
        : place.core.setOption(place.token, level, name, value),
      'setsockopt',
    );
  }

  /** Reads an integer option by its numbers. @throws OSError as the system reports */
  getsockopt(level: number, name: number): number {
    checkInteger('level', level);
    checkInteger('name', name);
    const place = this.#place;
    const [status = -EBADF, value = 0] =
      place === null
        ? this.#owned('getsockopt').getOption(level, name)
        : place.core.getOption(place.token, level, name);
    checkNative(status, 'getsockopt');
    return value;
  }

  /** Shuts down reading (0), writing (1) or both (2). @throws OSError as the system reports */
  shutdown(how: number): void {
    checkInteger('how', how);
    checkNative(this.#owned('shutdown').shutdown(how), 'shutdown');
  }

  /** Closes the descriptor, unless a transport or a server owns it. */
  close(): void {
    this.#own?.close();
    this.#own = null;
  }

  /** For loops: gives the descriptor to `take`, which returns the token that it has from now on. */
  _give(core: NativeCore, take: (native: NativeSocket) => number): number {
    const native = this.#owned('detach');
    this.#own = null;
    const token = take(native);
    if (token >= 0) this.#place = { core, token };
    return token;
  }

  /** For loops: the token under which `core` has the descriptor, -1 if it has not. */
  _tokenIn(core: NativeCore): number {
    return this.#place?.core === core ? this.#place.token : -1;
  }

  /** For loops: the descriptor is closed. Addresses stay known. */
  _forget(): void {
    this.rememberNames();
    this.#place = null;
  }

  /** Asks for both addresses while the descriptor is open, so that they stay known. */
  rememberNames(): void {
    this.localName();
    this.remoteName();
  }

  /** The local address, null if there is none. */
  localName(): Address | null {
    const native = this.#own?.sockname() ?? this.#place?.core.sockname(this.#place.token) ?? null;
    return (this.#localName = toAddress(this.family, native) ?? this.#localName);
  }

  /** The peer's address, null if there is none. */
  remoteName(): Address | null {
    if (this.#remoteName === null) {
      const native = this.#own?.peername() ?? this.#place?.core.peername(this.#place.token) ?? null;
      this.#remoteName = toAddress(this.family, native);
    }
    return this.#remoteName;
  }

  #owned(syscall: string): NativeSocket {
    if (this.#own === null) throw osErrorFromErrno(EBADF, syscall);
    return this.#own;
  }

  toString(): string {
    return `<Socket fd=${this.fileno()} family=${this.family} type=${this.type} proto=${this.proto}>`;
  }
}

function open(family: number, type: number, proto: number): NativeSocket {
  const { NativeSocket } = addon();
  try {
    return new NativeSocket(family, type, proto);
  } catch (error) {
    // The native constructor can only say a number.
    const errno = Number((error as Error).message);
    if (!(errno < 0)) throw error;
    throw osErrorFromNative(errno, 'socket');
  }
}
