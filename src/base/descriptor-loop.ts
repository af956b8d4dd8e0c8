import { AbstractEventLoop } from './abstract-event-loop.ts';
import type { AwaitableCoroutine } from './coroutine.ts';
import { ValueError } from './exceptions.ts';
import type { Callback, Handle } from './handle.ts';
import { missingHook } from './hook-checks.ts';
import {
  sockAccept,
  sockConnect,
  sockRecv,
  sockRecvInto,
  sockRecvfrom,
  sockRecvfromInto,
  sockSendall,
  sockSendto,
} from './sock-calls.ts';
import type { Address, RawSocketLike, SocketLike } from './socket-like.ts';

/** A descriptor, or what has one: a socket, a `FileHandle`. */
export type FdLike = number | { fileno(): number } | { readonly fd: number };

/** The descriptor of `fd`. @throws ValueError for what has none */
export function fdOf(fd: FdLike): number {
  let number: unknown = fd;
  if (typeof fd === 'object' && fd !== null) {
    number =
      typeof (fd as { fileno?: unknown }).fileno === 'function' ? (fd as Fileno).fileno() : (fd as Fd).fd;
  }
  if (typeof number !== 'number' || !Number.isInteger(number)) {
    throw new ValueError(`fd: invalid file object: ${String(fd)}`);
  }
  if (number < 0) throw new ValueError(`fd: invalid file descriptor: ${number}`);
  return number;
}

type Fileno = { fileno(): number };
type Fd = { readonly fd: number };

/**
 * The calls on descriptors: watches, and bare sockets over them. A concrete loop provides the four hooks
 * `_addReader`, `_removeReader`, `_addWriter` and `_removeWriter`.
 */
export abstract class DescriptorLoop extends AbstractEventLoop {
  // --- watches -------------------------------------------------------------------------------------------

  /**
   * Calls `callback` in every turn in which the descriptor can be read: there are bytes, the end, or an error. Whoever
   * closes the descriptor removes the reader first. A second call replaces the callback.
   *
   * @param fd any descriptor that can be waited for: a socket, a pipe, a terminal
   * @param args what the callback is called with
   * @throws ValueError for what is no descriptor; RuntimeError when the loop is closed, or a transport has the
   * descriptor; OSError as the system reports (EPERM: regular files cannot be waited for)
   *
   * asyncio: `loop.add_reader`.
   *
   * @example
   * ```ts
   * loop.addReader(sock, () => console.log(sock.recv(1024)));
   * ```
   */
  addReader(fd: FdLike, callback: Callback, args: readonly unknown[] = []): void {
    this._addReader(fdOf(fd), callback, args);
  }

  /**
   * Takes an {@link addReader} back, also a callback that is ready already.
   *
   * @returns whether there was one; false on a closed loop
   * @throws ValueError for what is no descriptor; RuntimeError when a transport has the descriptor
   *
   * asyncio: `loop.remove_reader`.
   */
  removeReader(fd: FdLike): boolean {
    const number = fdOf(fd);
    this._ensureFdNoTransport(number);
    return this._removeReader(number);
  }

  /** As {@link addReader}, for turns in which the descriptor can be written. asyncio: `loop.add_writer`. */
  addWriter(fd: FdLike, callback: Callback, args: readonly unknown[] = []): void {
    this._addWriter(fdOf(fd), callback, args);
  }

  /**
   * As {@link removeReader}, for an {@link addWriter}.
   *
   * asyncio: `loop.remove_writer`.
   */
  removeWriter(fd: FdLike): boolean {
    const number = fdOf(fd);
    this._ensureFdNoTransport(number);
    return this._removeWriter(number);
  }

  // --- bare sockets ----------------------------------------------------------------------------------------

  /**
   * Receives up to `nbytes` bytes from a connected socket; none at the end of a stream.
   *
   * Cancelling loses nothing. @throws OSError as the system reports; ValueError in debug mode for a blocking socket
   *
   * asyncio: `loop.sock_recv`.
   */
  sockRecv(sock: RawSocketLike, nbytes: number): AwaitableCoroutine<Uint8Array> {
    return sockRecv(this as never, sock, nbytes) as never;
  }

  /**
   * Receives into `buf` and returns the number of bytes. Cancelling loses nothing.
   *
   * @throws as {@link sockRecv}
   *
   * asyncio: `loop.sock_recv_into`.
   */
  sockRecvInto(sock: RawSocketLike, buf: Uint8Array): AwaitableCoroutine<number> {
    return sockRecvInto(this as never, sock, buf) as never;
  }

  /**
   * Receives one datagram, and its sender's address. Cancelling loses nothing.
   *
   * @throws as {@link sockRecv}
   *
   * asyncio: `loop.sock_recvfrom`.
   */
  sockRecvfrom(sock: RawSocketLike, bufsize: number): AwaitableCoroutine<[Uint8Array, Address | null]> {
    return sockRecvfrom(this as never, sock, bufsize) as never;
  }

  /**
   * Receives one datagram into `buf`. Cancelling loses nothing.
   *
   * @param nbytes bytes at most; 0 for the buffer's length
   * @throws as {@link sockRecv}; ValueError when `nbytes` is more than the buffer has
   *
   * asyncio: `loop.sock_recvfrom_into`.
   */
  sockRecvfromInto(
    sock: RawSocketLike,
    buf: Uint8Array,
    nbytes: number = 0,
  ): AwaitableCoroutine<[number, Address | null]> {
    return sockRecvfromInto(this as never, sock, buf, nbytes) as never;
  }

  /**
   * Sends all of `data` over a connected socket. After an error, or when cancelled, nobody can say how much was sent.
   * The memory must not change before it is done.
   *
   * @throws TypeError for other than bytes; as {@link sockRecv}
   *
   * asyncio: `loop.sock_sendall`.
   */
  sockSendall(sock: RawSocketLike, data: Uint8Array): AwaitableCoroutine<void> {
    return sockSendall(this as never, sock, data) as never;
  }

  /**
   * Sends one datagram to `address` and returns the number of bytes.
   *
   * @throws as {@link sockRecv}
   *
   * asyncio: `loop.sock_sendto`.
   */
  sockSendto(sock: RawSocketLike, data: Uint8Array, address: Address): AwaitableCoroutine<number> {
    return sockSendto(this as never, sock, data, address) as never;
  }

  /**
   * Connects a socket, which stays the caller's, also when it fails. The name of a host is looked up for the
   * socket's family, type and protocol.
   *
   * Cancelling ends the wait; the socket is then to be closed.
   *
   * @throws OSError with the address, as the system reports; TypeError, RangeError, ValueError for a malformed address
   *
   * asyncio: `loop.sock_connect`.
   */
  sockConnect(sock: SocketLike, address: Address): AwaitableCoroutine<void> {
    return sockConnect(this as never, sock as RawSocketLike, address) as never;
  }

  /**
   * Accepts a connection on a listening socket. A cancelled call has accepted none.
   *
   * @returns the connection's socket, and the peer's address
   * @throws as {@link sockRecv}
   *
   * asyncio: `loop.sock_accept`.
   */
  sockAccept<S extends RawSocketLike>(sock: S): AwaitableCoroutine<ReturnType<S['accept']>> {
    return sockAccept(this as never, sock) as never;
  }

  // --- hooks -------------------------------------------------------------------------------------------

  /** Watches a descriptor for reading, and returns the handle that runs each time. */
  _addReader(_fd: number, _callback: Callback, _args: readonly unknown[]): Handle {
    return missingHook('_addReader', 'descriptors');
  }

  /** Ends a watch for reading; false if there was none. Never throws. */
  _removeReader(_fd: number): boolean {
    return missingHook('_removeReader', 'descriptors');
  }

  _addWriter(_fd: number, _callback: Callback, _args: readonly unknown[]): Handle {
    return missingHook('_addWriter', 'descriptors');
  }

  _removeWriter(_fd: number): boolean {
    return missingHook('_removeWriter', 'descriptors');
  }

  /** Throws RuntimeError if a transport has the descriptor. */
  _ensureFdNoTransport(_fd: number): void {}
}
