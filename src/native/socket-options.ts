import {
  AF_INET6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_LOOP,
  IPV6_V6ONLY,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  SOL_SOCKET,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_KEEPALIVE,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
  ValueError,
} from '../base/index.ts';
import { checkInteger } from './socket-address.ts';

/** Bytes that the name of a network interface has at most, with its NUL. */
const IFNAMSIZ = 16;

/** How a connection that is silent is probed. */
export interface KeepaliveOptions {
  /** Seconds of silence before the first probe. */
  readonly idle?: number;
  /** Seconds between probes. */
  readonly interval?: number;
  /** Probes without an answer after which the connection is lost. */
  readonly count?: number;
}

/**
 * Socket options by name, over `setsockopt` and `getsockopt`.
 *
 * Every property throws OSError as the system reports: ENOPROTOOPT for an option that is not of this kind of socket,
 * EPERM for one that needs rights, EBADF when the socket is closed.
 */
export abstract class SocketOptions {
  abstract readonly family: number;
  abstract setsockopt(level: number, name: number, value: number | Uint8Array): void;
  abstract getsockopt(level: number, name: number): number;
  abstract getsockopt(level: number, name: number, buflen: number): Uint8Array;

  #flag(level: number, name: number): boolean {
    return this.getsockopt(level, name) !== 0;
  }

  #setFlag(what: string, level: number, name: number, on: unknown): void {
    if (typeof on !== 'boolean') throw new TypeError(`${what}: must be true or false, not ${String(on)}`);
    this.setsockopt(level, name, on ? 1 : 0);
  }

  /** Whether small writes leave at once (TCP_NODELAY). */
  get nodelay(): boolean {
    return this.#flag(IPPROTO_TCP, TCP_NODELAY);
  }

  set nodelay(on: boolean) {
    this.#setFlag('nodelay', IPPROTO_TCP, TCP_NODELAY, on);
  }

  /** Whether a silent connection is probed (SO_KEEPALIVE). {@link setKeepalive} says how. */
  get keepalive(): boolean {
    return this.#flag(SOL_SOCKET, SO_KEEPALIVE);
  }

  set keepalive(on: boolean) {
    this.#setFlag('keepalive', SOL_SOCKET, SO_KEEPALIVE, on);
  }

  /**
   * Switches the probing of silent connections on or off.
   *
   * @throws RangeError for values that are no whole seconds or counts from 1 on; OSError as the system reports
   *
   * @example
   * ```ts
   * sock.setKeepalive(true, { idle: 60, interval: 10, count: 5 });
   * ```
   */
  setKeepalive(on: boolean, options: KeepaliveOptions = {}): void {
    const { idle, interval, count } = options;
    for (const [name, value] of Object.entries({ idle, interval, count })) {
      if (value === undefined) continue;
      checkInteger(name, value);
      if (value < 1 || value > 0x7fff) throw new RangeError(`${name}: must be 1 to 32767, not ${value}`);
    }
    this.keepalive = on;
    if (idle !== undefined) this.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, idle);
    if (interval !== undefined) this.setsockopt(IPPROTO_TCP, TCP_KEEPINTVL, interval);
    if (count !== undefined) this.setsockopt(IPPROTO_TCP, TCP_KEEPCNT, count);
  }

  /** Seconds that sent data may stay unacknowledged before the connection is lost; 0: the system's own (Linux). */
  get userTimeout(): number {
    return this.getsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT) / 1000;
  }

  set userTimeout(seconds: number) {
    const milliseconds = Math.ceil(seconds * 1000);
    if (!(milliseconds >= 0 && milliseconds <= 0x7fffffff)) {
      throw new RangeError(`userTimeout: must be 0 to 2147483 seconds, not ${String(seconds)}`);
    }
    this.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds);
  }

  /** Whether the address may be bound although an earlier connection lingers on it (SO_REUSEADDR). */
  get reuseAddress(): boolean {
    return this.#flag(SOL_SOCKET, SO_REUSEADDR);
  }

  set reuseAddress(on: boolean) {
    this.#setFlag('reuseAddress', SOL_SOCKET, SO_REUSEADDR, on);
  }

  /** Whether several sockets share one port (SO_REUSEPORT). */
  get reusePort(): boolean {
    return this.#flag(SOL_SOCKET, SO_REUSEPORT);
  }

  set reusePort(on: boolean) {
    this.#setFlag('reusePort', SOL_SOCKET, SO_REUSEPORT, on);
  }

  /** Whether datagrams may go to broadcast addresses (SO_BROADCAST). */
  get broadcast(): boolean {
    return this.#flag(SOL_SOCKET, SO_BROADCAST);
  }

  set broadcast(on: boolean) {
    this.#setFlag('broadcast', SOL_SOCKET, SO_BROADCAST, on);
  }

  /** Whether an IPv6 socket leaves IPv4 alone (IPV6_V6ONLY). */
  get v6only(): boolean {
    return this.#flag(IPPROTO_IPV6, IPV6_V6ONLY);
  }

  set v6only(on: boolean) {
    this.#setFlag('v6only', IPPROTO_IPV6, IPV6_V6ONLY, on);
  }

  /** Bytes that the system buffers for sending. Linux answers with twice what was set. */
  get sendBufferSize(): number {
    return this.getsockopt(SOL_SOCKET, SO_SNDBUF);
  }

  set sendBufferSize(bytes: number) {
    this.setsockopt(SOL_SOCKET, SO_SNDBUF, checkBufferSize('sendBufferSize', bytes));
  }

  /** Bytes that the system buffers of what comes. Linux answers with twice what was set. */
  get receiveBufferSize(): number {
    return this.getsockopt(SOL_SOCKET, SO_RCVBUF);
  }

  set receiveBufferSize(bytes: number) {
    this.setsockopt(SOL_SOCKET, SO_RCVBUF, checkBufferSize('receiveBufferSize', bytes));
  }

  /**
   * Ties the socket to one network interface (SO_BINDTODEVICE, Linux); '' unties it.
   *
   * @throws TypeError, ValueError for what is no interface's name; OSError as the system reports (ENODEV, EPERM)
   */
  bindToDevice(name: string): void {
    if (typeof name !== 'string') throw new TypeError(`name: must be a string, not ${String(name)}`);
    if (name.includes('\0') || Buffer.byteLength(name) >= IFNAMSIZ) {
      throw new ValueError(`name: '${name}' is no name of a network interface`);
    }
    this.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${name}\0`));
  }

  /** The interface that {@link bindToDevice} tied the socket to, '' if none. */
  boundDevice(): string {
    const name = Buffer.from(this.getsockopt(SOL_SOCKET, SO_BINDTODEVICE, IFNAMSIZ)).toString();
    return name.split('\0', 1)[0]!;
  }

  /** Networks that multicasts may cross. */
  get multicastHops(): number {
    return this.family === AF_INET6
      ? this.getsockopt(IPPROTO_IPV6, IPV6_MULTICAST_HOPS)
      : this.getsockopt(IPPROTO_IP, IP_MULTICAST_TTL);
  }

  set multicastHops(hops: number) {
    checkInteger('multicastHops', hops);
    if (hops < 0 || hops > 255) throw new RangeError(`multicastHops: must be 0 to 255, not ${hops}`);
    if (this.family === AF_INET6) this.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops);
    else this.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, hops);
  }

  /** Whether this machine gets the multicasts that the socket sends. */
  get multicastLoop(): boolean {
    return this.family === AF_INET6
      ? this.#flag(IPPROTO_IPV6, IPV6_MULTICAST_LOOP)
      : this.#flag(IPPROTO_IP, IP_MULTICAST_LOOP);
  }

  set multicastLoop(on: boolean) {
    if (this.family === AF_INET6) this.#setFlag('multicastLoop', IPPROTO_IPV6, IPV6_MULTICAST_LOOP, on);
    else this.#setFlag('multicastLoop', IPPROTO_IP, IP_MULTICAST_LOOP, on);
  }
}

function checkBufferSize(what: string, bytes: number): number {
  checkInteger(what, bytes);
  if (bytes < 0 || bytes > 0x7fffffff) throw new RangeError(`${what}: must be 0 to 2147483647, not ${bytes}`);
  return bytes;
}
