import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  RuntimeError,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_STREAM,
  ValueError,
  osErrorFromCode,
} from '../base/index.ts';
import type { Address, SocketLike } from '../base/index.ts';
import { isIPv4, isIPv6 } from '../base/ip-address.ts';
import { addon } from './addon.ts';
import type { NativeCore, NativeSocket } from './addon.ts';
import { checkBytes, checkSize, receivePart } from './byte-arguments.ts';
import { checkNative, osErrorFromNative } from './errors.ts';
import { RECYCLED_BYTES, keepRecycled, recycledMemory } from './recycled.ts';
import { checkInt, checkInteger, checkRange, fromNativeAddress, toNativeAddress } from './socket-address.ts';
import { SocketOptions } from './socket-options.ts';

/** What one receive of a stream takes at most, however much is asked for. */
const LONGEST_STREAM_READ = 1024 * 1024;

/** Where a socket's descriptor is when a core owns it. */
interface Place {
  readonly core: NativeCore;
  readonly token: number;
}

/** Keyword arguments of {@link Socket.sendmsg}. */
export interface SendmsgOptions {
  /** Descriptors of which the peer gets duplicates (SCM_RIGHTS; Unix sockets only). They stay the caller's. */
  readonly fds?: readonly number[];
  readonly flags?: number;
  /** Where to, if the socket is not connected. */
  readonly address?: Address | null;
}

/** What {@link Socket.recvmsg} returns. */
export interface ReceivedMessage {
  readonly data: Buffer;
  /** Descriptors that came along. They are the caller's, to be closed. */
  readonly fds: number[];
  /** MSG_TRUNC, MSG_CTRUNC and the like. */
  readonly flags: number;
  /** The sender's, null if the socket is connected. */
  readonly address: Address | null;
}

/**
 * A non-blocking socket: what would have to wait throws BlockingIOError.
 *
 * It owns its descriptor until a transport or a server takes it over; from then on it is a view of theirs, on which
 * sending, receiving and binding are RuntimeErrors and closing has no effect. Closing twice is harmless; methods of
 * a closed socket throw OSError (EBADF). What nobody closed is closed when it is collected.
 *
 * asyncio: `socket.socket`, and the `TransportSocket` that `getExtraInfo('socket')` gives.
 *
 * @example
 * ```ts
 * const sock = new Socket(AF_INET, SOCK_STREAM);
 * yield* loop.sockConnect(sock, ['127.0.0.1', 6379]);
 * yield* loop.sockSendall(sock, Buffer.from('PING\r\n'));
 * const answer = yield* loop.sockRecv(sock, 1024);
 * sock.close();
 * ```
 */
export class Socket extends SocketOptions implements SocketLike {
  readonly family: number;
  readonly type: number;
  readonly proto: number;
  /** Set while this object owns the descriptor. */
  #own: NativeSocket | null;
  /** Set while a core owns it. */
  #place: Place | null;
  /** What asks the core, made when it is needed first. */
  #view: NativeSocket | null = null;
  #localName: Address | null = null;
  #remoteName: Address | null = null;

  /**
   * Opens a socket, or takes one over.
   *
   * @param family `AF_INET` (default), `AF_INET6` or `AF_UNIX`
   * @param type `SOCK_STREAM` (default), `SOCK_DGRAM`, ...
   * @param proto protocol number, 0 for the type's default
   * @param fileno an open socket's descriptor, which is the new object's from now on and becomes non-blocking;
   * family, type and proto of -1 are the system's answers then
   * @param place for loops: where the descriptor is that this object is to be a view of
   * @throws TypeError for arguments that are no integers; OSError as the system reports (ENOTSOCK: `fileno` is no
   * socket, and stays the caller's)
   */
  constructor(
    family: number = -1,
    type: number = -1,
    proto: number = -1,
    fileno: number | null = null,
    place: Place | null = null,
  ) {
    super();
    checkInt('family', family);
    checkInt('type', type);
    checkInt('proto', proto);
    this.#place = place;
    this.#own = null;
    if (place === null) {
      if (fileno === null) {
        if (family === -1) family = AF_INET;
        if (type === -1) type = SOCK_STREAM;
        if (proto === -1) proto = 0;
        this.#own = openNative(family, type, proto);
      } else {
        this.#own = takeOver(fileno);
        const [itsFamily = -1, itsType = -1, itsProto = -1] = this.#own.kind();
        if (family === -1) family = itsFamily;
        if (type === -1) type = itsType;
        if (proto === -1) proto = itsProto;
      }
    }
    this.family = family;
    this.type = type;
    this.proto = proto;
  }

  /**
   * Takes over an open socket's descriptor, inherited from another process for example.
   *
   * @throws TypeError, ValueError for what is no descriptor; OSError (EBADF, ENOTSOCK)
   */
  static fromFd(fd: number): Socket {
    return new Socket(-1, -1, -1, fd);
  }

  static #of(family: number, type: number, proto: number, native: NativeSocket): Socket {
    const socket = new Socket(family, type, proto, null, NOWHERE);
    socket.#place = null;
    socket.#own = native;
    return socket;
  }

  /** Two sockets that are connected with each other; see {@link socketpair}. */
  static pair(family: number, type: number, proto: number): [Socket, Socket] {
    const pair = addon().openSocketPair(family, type, proto);
    if (typeof pair === 'number') throw osErrorFromNative(pair, 'socketpair');
    return [Socket.#of(family, type, proto, pair[0]!), Socket.#of(family, type, proto, pair[1]!)];
  }

  // --- the descriptor ------------------------------------------------------------------------------------

  /** The descriptor, -1 when it is closed. */
  fileno(): number {
    return this.#native()?.fileno() ?? -1;
  }

  /** Another socket object with a descriptor of its own for the same socket. @throws OSError as the system reports */
  dup(): Socket {
    return Socket.#of(this.family, this.type, this.proto, opened(this.#any('dup').duplicate()));
  }

  /** Whether programs that are started get the descriptor. At first they do not. @throws OSError (EBADF) */
  getInheritable(): boolean {
    return checkNative(this.#any('fcntl').inheritable(), 'fcntl') !== 0;
  }

  /** Says whether programs that are started get the descriptor. @throws TypeError; OSError (EBADF) */
  setInheritable(inheritable: boolean): void {
    if (typeof inheritable !== 'boolean') throw new TypeError('inheritable: must be true or false');
    checkNative(this.#any('fcntl').setInheritable(inheritable), 'fcntl');
  }

  /**
   * Gives the descriptor away: whoever gets the number closes it. This object is closed from then on.
   *
   * @returns the descriptor, -1 if the socket is closed
   * @throws RuntimeError when a transport or a server owns it
   */
  detach(): number {
    if (this.#own === null && this.#place === null) return -1;
    const fd = this.#owned('detach').detach();
    this.#own = null;
    return fd;
  }

  /** Closes the descriptor, unless a transport or a server owns it. */
  close(): void {
    const own = this.#own;
    if (own === null) return;
    this.#own = null;
    own.close();
    recycle(own);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Always false. */
  getblocking(): boolean {
    return false;
  }

  /** Always 0: no call waits. */
  gettimeout(): number {
    return 0;
  }

  /** @throws ValueError unless `flag` is false */
  setblocking(flag: boolean): void {
    if (flag) throw new ValueError('flag: sockets of miolo are always non-blocking');
  }

  // --- addresses -----------------------------------------------------------------------------------------

  /**
   * Binds to a local address.
   *
   * @param address `[host, port]` with an IP literal ('' for every address), with flow information and scope for
   * IPv6; for Unix sockets a path, or an abstract name that begins with NUL
   * @throws TypeError, RangeError, ValueError for a malformed address; OSError as the system reports
   */
  bind(address: Address): void {
    const native = this.#owned('bind');
    checkNative(native.bind(...toNativeAddress(this.family, address)), 'bind', address);
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

  /**
   * Accepts a connection.
   *
   * @returns the connection's socket, and the peer's address
   * @throws BlockingIOError when there is none; OSError as the system reports
   */
  accept(): [Socket, Address] {
    const native = opened(this.#owned('accept').accept(), 'accept');
    const address = fromNativeAddress(this.family, native.peername()) ?? '';
    return [Socket.#of(this.family, this.type, this.proto, native), address];
  }

  /**
   * Connects. Most connections take time: `loop.sockConnect` waits for them.
   *
   * @throws BlockingIOError (EINPROGRESS) while the attempt goes on; TypeError, RangeError, ValueError for a
   * malformed address; OSError as the system reports
   */
  connect(address: Address): void {
    const native = this.#owned('connect');
    checkNative(native.connect(...toNativeAddress(this.family, address)), 'connect', address);
  }

  /** The local address. @throws OSError (EBADF) when the socket is closed */
  getsockname(): Address {
    const name = this.localName();
    if (name === null) throw osErrorFromCode('EBADF', 'getsockname');
    return name;
  }

  /** The peer's address. @throws OSError (ENOTCONN) when there is none */
  getpeername(): Address {
    const name = this.remoteName();
    if (name === null) throw osErrorFromCode(this.fileno() < 0 ? 'EBADF' : 'ENOTCONN', 'getpeername');
    return name;
  }

  // --- receiving -----------------------------------------------------------------------------------------

  /**
   * Receives bytes, or one datagram; what a datagram has beyond `bufsize` is lost.
   *
   * @param bufsize bytes at most; a stream gives at most 1 MiB at a time
   * @returns bytes of its own; none at the end of a stream
   * @throws BlockingIOError when there is nothing yet; TypeError, ValueError for a bad size; OSError as the system
   * reports
   */
  recv(bufsize: number, flags: number = 0): Buffer {
    const native = this.#owned('recv');
    const memory = this.#memory(bufsize);
    checkInt('flags', flags);
    return kept(memory, checkNative(native.receive(memory, flags), 'recv'));
  }

  /**
   * Receives into the caller's memory.
   *
   * @param nbytes bytes at most; 0 for the buffer's length
   * @returns the number of bytes
   * @throws as {@link recv}
   */
  recvInto(buffer: Uint8Array, nbytes: number = 0, flags: number = 0): number {
    const native = this.#owned('recv');
    const part = receivePart(buffer, nbytes);
    checkInt('flags', flags);
    return checkNative(native.receive(part, flags), 'recv');
  }

  /** Receives one datagram, and its sender's address (null on a connected stream). @throws as {@link recv} */
  recvfrom(bufsize: number, flags: number = 0): [data: Buffer, address: Address | null] {
    const native = this.#owned('recvfrom');
    const memory = this.#memory(bufsize);
    checkInt('flags', flags);
    const count = checkNative(native.receiveFrom(memory, flags), 'recvfrom');
    return [kept(memory, count), fromNativeAddress(this.family, native.sender())];
  }

  /** Receives one datagram into the caller's memory. @throws as {@link recv} */
  recvfromInto(
    buffer: Uint8Array,
    nbytes: number = 0,
    flags: number = 0,
  ): [count: number, address: Address | null] {
    const native = this.#owned('recvfrom');
    const part = receivePart(buffer, nbytes);
    checkInt('flags', flags);
    const count = checkNative(native.receiveFrom(part, flags), 'recvfrom');
    return [count, fromNativeAddress(this.family, native.sender())];
  }

  /**
   * Receives bytes, and descriptors that came along (SCM_RIGHTS).
   *
   * @param options.maxFds descriptors at most; the system closes what is beyond and says MSG_CTRUNC
   * @throws as {@link recv}
   */
  recvmsg(
    bufsize: number,
    options: { readonly maxFds?: number; readonly flags?: number } = {},
  ): ReceivedMessage {
    const { maxFds = 0, flags = 0 } = options;
    const native = this.#owned('recvmsg');
    const memory = this.#memory(bufsize);
    checkRange('maxFds:', maxFds, 253);
    checkInt('flags', flags);
    const message = native.receiveMessage(memory, maxFds, flags);
    const count = checkNative(message.count, 'recvmsg');
    return {
      data: kept(memory, count),
      fds: message.descriptors,
      flags: message.flags,
      address: fromNativeAddress(this.family, message.address ?? null),
    };
  }

  /** Where a receive of `bufsize` bytes goes. */
  #memory(bufsize: number): Buffer {
    checkSize('bufsize', bufsize);
    const size = this.type === SOCK_STREAM ? Math.min(bufsize, LONGEST_STREAM_READ) : bufsize;
    if (size > RECYCLED_BYTES) return Buffer.allocUnsafeSlow(size);
    return recycledMemory().subarray(0, size);
  }

  // --- sending -------------------------------------------------------------------------------------------

  /**
   * Sends what the system takes.
   *
   * @returns the number of bytes taken
   * @throws BlockingIOError when it takes none now; TypeError for other than bytes; OSError as the system reports
   */
  send(data: Uint8Array, flags: number = 0): number {
    checkBytes('data', data);
    checkInt('flags', flags);
    return checkNative(this.#owned('send').send(data, flags), 'send');
  }

  /**
   * Sends one datagram to an address.
   *
   * @throws as {@link send}; TypeError, RangeError, ValueError for a malformed address
   */
  sendto(data: Uint8Array, address: Address, flags: number = 0): number {
    checkBytes('data', data);
    checkInt('flags', flags);
    const native = this.#owned('sendto');
    return checkNative(native.sendTo(data, flags, toNativeAddress(this.family, address)), 'sendto', address);
  }

  /**
   * Sends several pieces as one, and descriptors along with them. A stream takes descriptors only with a byte.
   *
   * @throws as {@link sendto}
   *
   * @example
   * ```ts
   * const [ours, theirs] = socketpair();
   * ours.sendmsg([Buffer.from('x')], { fds: [1] });
   * const { fds } = theirs.recvmsg(1, { maxFds: 1 });
   * ```
   */
  sendmsg(buffers: readonly Uint8Array[], options: SendmsgOptions = {}): number {
    const { fds = [], flags = 0, address = null } = options;
    for (const buffer of buffers) checkBytes('buffers', buffer);
    for (const fd of fds) checkRange('fds: each', fd, 0x7fffffff);
    checkInt('flags', flags);
    const native = this.#owned('sendmsg');
    const data = buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers);
    const to = address === null ? null : toNativeAddress(this.family, address);
    return checkNative(native.sendMessage(data, [...fds], flags, to), 'sendmsg', address);
  }

  /** Shuts down reading (`SHUT_RD`), writing (`SHUT_WR`) or both (`SHUT_RDWR`). @throws OSError as the system reports */
  shutdown(how: number): void {
    if (how !== SHUT_RD && how !== SHUT_WR && how !== SHUT_RDWR) {
      throw new ValueError(`how: must be SHUT_RD, SHUT_WR or SHUT_RDWR, not ${String(how)}`);
    }
    checkNative(this.#any('shutdown').shutdown(how), 'shutdown');
  }

  // --- options -------------------------------------------------------------------------------------------

  /** Sets an option by its numbers, to an integer or to bytes. @throws OSError as the system reports */
  setsockopt(level: number, name: number, value: number | Uint8Array): void {
    checkInt('level', level);
    checkInt('name', name);
    const native = this.#any('setsockopt');
    if (typeof value === 'number') {
      checkInt('value', value);
      checkNative(native.setOption(level, name, value), 'setsockopt');
    } else {
      checkBytes('value', value);
      checkNative(native.setOptionBytes(level, name, value), 'setsockopt');
    }
  }

  /**
   * Reads an option by its numbers: an integer, or bytes if `buflen` says how many there are at most.
   *
   * @throws OSError as the system reports
   */
  getsockopt(level: number, name: number): number;
  getsockopt(level: number, name: number, buflen: number): Buffer;
  getsockopt(level: number, name: number, buflen: number = 0): number | Buffer {
    checkInt('level', level);
    checkInt('name', name);
    const native = this.#any('getsockopt');
    if (buflen > 0) {
      const bytes = native.getOptionBytes(level, name, checkRange('buflen:', buflen, 1024));
      if (typeof bytes === 'number') throw osErrorFromNative(bytes, 'getsockopt');
      return Buffer.from(bytes);
    }
    const [status = 0, value = 0] = native.getOption(level, name);
    checkNative(status, 'getsockopt');
    return value;
  }

  /**
   * Joins a multicast group.
   *
   * @param group an address of the socket's family
   * @param networkInterface number, name, or for IPv4 an address of an interface; '' for the system's choice
   * @throws ValueError for what is no address of the family; OSError as the system reports
   */
  joinMulticast(group: string, networkInterface: string | number = ''): void {
    this.#multicast(group, networkInterface, true);
  }

  /** Leaves a multicast group that was joined with the same arguments. @throws as {@link joinMulticast} */
  leaveMulticast(group: string, networkInterface: string | number = ''): void {
    this.#multicast(group, networkInterface, false);
  }

  #multicast(group: string, networkInterface: string | number, join: boolean): void {
    const fits = this.family === AF_INET6 ? isIPv6 : isIPv4;
    if (typeof group !== 'string' || !fits(group)) {
      throw new ValueError(`group: must be an address of the socket's family, not ${String(group)}`);
    }
    const native = this.#any('setsockopt');
    checkNative(native.multicast(group, String(networkInterface), join), 'setsockopt', [group, 0]);
  }

  // --- for loops -----------------------------------------------------------------------------------------

  /** For loops: gives the descriptor to `take`, which returns the token that it has from now on. */
  _give(core: NativeCore, take: (native: NativeSocket) => number): number {
    const native = this.#owned('detach');
    this.#own = null;
    const token = take(native);
    if (token >= 0) {
      this.#place = { core, token };
      recycle(native);
    }
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
    this.#view = null;
  }

  /** Asks for both addresses while the descriptor is open, so that they stay known. */
  rememberNames(): void {
    this.localName();
    this.remoteName();
  }

  /** The local address, null if there is none. */
  localName(): Address | null {
    const native = this.#own?.sockname() ?? this.#place?.core.sockname(this.#place.token) ?? null;
    return (this.#localName = fromNativeAddress(this.family, native) ?? this.#localName);
  }

  /** The peer's address, null if there is none. */
  remoteName(): Address | null {
    if (this.#remoteName === null) {
      const native = this.#own?.peername() ?? this.#place?.core.peername(this.#place.token) ?? null;
      this.#remoteName = fromNativeAddress(this.family, native);
    }
    return this.#remoteName;
  }

  /** The socket, whoever owns it; null when it is closed. */
  #native(): NativeSocket | null {
    if (this.#own !== null || this.#place === null) return this.#own;
    return (this.#view ??= this.#place.core.view(this.#place.token));
  }

  #any(syscall: string): NativeSocket {
    const native = this.#native();
    if (native === null) throw osErrorFromCode('EBADF', syscall);
    return native;
  }

  #owned(syscall: string): NativeSocket {
    if (this.#own !== null) return this.#own;
    if (this.#place === null) throw osErrorFromCode('EBADF', syscall);
    throw new RuntimeError(`${syscall}: the socket belongs to a transport or a server`);
  }

  override toString(): string {
    return `<Socket fd=${this.fileno()} family=${this.family} type=${this.type} proto=${this.proto}>`;
  }
}

/** Keeps the constructor from opening a socket. */
const NOWHERE: Place = { core: null as never, token: -1 };

/**
 * Two sockets that are connected with each other. Python: `socket.socketpair`.
 *
 * @param family default `AF_UNIX`
 * @param type default `SOCK_STREAM`
 * @throws TypeError for arguments that are no integers; OSError as the system reports
 */
export function socketpair(
  family: number = AF_UNIX,
  type: number = SOCK_STREAM,
  proto: number = 0,
): [Socket, Socket] {
  checkInt('family', family);
  checkInt('type', type);
  checkInt('proto', proto);
  return Socket.pair(family, type, proto);
}

function takeOver(fd: unknown): NativeSocket {
  checkInt('fileno', fd);
  if (fd < 0) throw new ValueError(`fileno: must not be negative, not ${fd}`);
  return opened(addon().takeDescriptor(fd), 'fileno');
}

/**
 * Native objects without a socket, to be used again. The collector frees native objects only when Node's event loop
 * turns: a loop that blocks for long, connecting and connecting, would pile them up.
 */
const spare: NativeSocket[] = [];

const MOST_SPARE = 64;

function recycle(native: NativeSocket): void {
  if (spare.length < MOST_SPARE) spare.push(native);
}

function openNative(family: number, type: number, proto: number): NativeSocket {
  const again = spare.pop();
  if (again === undefined) return opened(addon().openSocket(family, type, proto));
  const status = again.reopen(family, type, proto);
  if (status < 0) {
    spare.push(again);
    throw osErrorFromNative(status, 'socket');
  }
  return again;
}

function opened(native: NativeSocket | number, syscall = 'socket'): NativeSocket {
  if (typeof native === 'number') throw osErrorFromNative(native, syscall);
  return native;
}

/** What a receive of `count` bytes into `memory` brought, as bytes of the caller's own. */
function kept(memory: Buffer, count: number): Buffer {
  // With MSG_TRUNC a datagram's whole length is counted, also what did not fit.
  const length = Math.min(count, memory.length);
  if (memory.buffer === recycledMemory().buffer) return keepRecycled(length);
  // Longer than the recycled memory: its own already.
  return memory.subarray(0, length);
}
