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
  // Greater ones would wrap around to the descriptor of somebody else.
  if (number < 0 || number > 0x7fffffff) throw new ValueError(`fd: invalid file descriptor: ${number}`);
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

  override addReader(fd: FdLike, callback: Callback, args: readonly unknown[] = []): void {
    this._addReader(fdOf(fd), callback, args);
  }

  override removeReader(fd: FdLike): boolean {
    const number = fdOf(fd);
    this._ensureFdNoTransport(number);
    return this._removeReader(number);
  }

  override addWriter(fd: FdLike, callback: Callback, args: readonly unknown[] = []): void {
    this._addWriter(fdOf(fd), callback, args);
  }

  override removeWriter(fd: FdLike): boolean {
    const number = fdOf(fd);
    this._ensureFdNoTransport(number);
    return this._removeWriter(number);
  }

  // --- bare sockets ----------------------------------------------------------------------------------------

  override sockRecv(sock: RawSocketLike, nbytes: number): AwaitableCoroutine<Uint8Array> {
    return sockRecv(this as never, sock, nbytes) as never;
  }

  override sockRecvInto(sock: RawSocketLike, buf: Uint8Array): AwaitableCoroutine<number> {
    return sockRecvInto(this as never, sock, buf) as never;
  }

  override sockRecvfrom(
    sock: RawSocketLike,
    bufsize: number,
  ): AwaitableCoroutine<[Uint8Array, Address | null]> {
    return sockRecvfrom(this as never, sock, bufsize) as never;
  }

  override sockRecvfromInto(
    sock: RawSocketLike,
    buf: Uint8Array,
    nbytes: number = 0,
  ): AwaitableCoroutine<[number, Address | null]> {
    return sockRecvfromInto(this as never, sock, buf, nbytes) as never;
  }

  override sockSendall(sock: RawSocketLike, data: Uint8Array): AwaitableCoroutine<void> {
    return sockSendall(this as never, sock, data) as never;
  }

  override sockSendto(sock: RawSocketLike, data: Uint8Array, address: Address): AwaitableCoroutine<number> {
    return sockSendto(this as never, sock, data, address) as never;
  }

  override sockConnect(sock: SocketLike, address: Address): AwaitableCoroutine<void> {
    return sockConnect(this as never, sock as RawSocketLike, address) as never;
  }

  override sockAccept<S extends RawSocketLike>(sock: S): AwaitableCoroutine<ReturnType<S['accept']>> {
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
