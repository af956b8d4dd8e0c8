import type { AwaitableCoroutine, Coroutine } from './coroutine.ts';
import { DescriptorLoop } from './descriptor-loop.ts';
import { SendfileNotAvailableError } from './exceptions.ts';
import {
  type FileLike,
  checkSendfileParams,
  sendfile,
  sendfileFallback,
  sockSendfile,
  sockSendfileFallback,
} from './sendfile.ts';
import type { RawSocketLike, SocketLike } from './socket-like.ts';
import type { WriteTransport } from './transports.ts';

/** Keyword arguments of `loop.sendfile` and `loop.sockSendfile`. */
export interface SendfileOptions {
  /** Whether the file is read and written where the system cannot send it; default: true. */
  readonly fallback?: boolean;
}

/** The calls that send files. A concrete loop may provide the two native hooks. */
export abstract class SendfileLoop extends DescriptorLoop {
  override sendfile(
    transport: WriteTransport,
    file: FileLike,
    offset: number = 0,
    count: number | null = null,
    options: SendfileOptions = {},
  ): AwaitableCoroutine<number> {
    return sendfile(
      this as never,
      transport,
      file,
      offset,
      count,
      options.fallback !== false,
    ) as AwaitableCoroutine<number>;
  }

  override sockSendfile(
    sock: RawSocketLike,
    file: FileLike,
    offset: number = 0,
    count: number | null = null,
    options: SendfileOptions = {},
  ): AwaitableCoroutine<number> {
    return sockSendfile(
      this as never,
      sock,
      file,
      offset,
      count,
      options.fallback !== false,
    ) as AwaitableCoroutine<number>;
  }

  /** @throws TypeError and ValueError for what cannot be sent. asyncio: `_check_sendfile_params`. */
  _checkSendfileParams(sock: SocketLike, file: FileLike, offset: number, count: number | null): void {
    checkSendfileParams(sock, file, offset, count);
  }

  /** The kernel's way for a socket; a loop that has none leaves it. asyncio: `_sock_sendfile_native`. */
  // oxlint-disable-next-line require-yield -- a loop that can waits
  *_sockSendfileNative(
    _sock: RawSocketLike,
    _file: FileLike,
    _offset: number,
    _count: number | null,
  ): Coroutine<number> {
    throw new SendfileNotAvailableError('syscall sendfile is not available on this loop');
  }

  /** Reads, and sends over a socket. asyncio: `_sock_sendfile_fallback`. */
  _sockSendfileFallback(
    sock: RawSocketLike,
    file: FileLike,
    offset: number,
    count: number | null,
  ): Coroutine<number> {
    return sockSendfileFallback(this as never, sock, file, offset, count);
  }

  /** The kernel's way for a transport; a loop that has none leaves it. asyncio: `_sendfile_native`. */
  // oxlint-disable-next-line require-yield -- a loop that can waits
  *_sendfileNative(
    _transport: WriteTransport,
    _file: FileLike,
    _offset: number,
    _count: number | null,
  ): Coroutine<number> {
    throw new SendfileNotAvailableError('syscall sendfile is not available on this loop');
  }

  /** Reads, and writes to a transport. asyncio: `_sendfile_fallback`. */
  _sendfileFallback(
    transport: WriteTransport,
    file: FileLike,
    offset: number,
    count: number | null,
  ): Coroutine<number> {
    return sendfileFallback(this as never, transport, file, offset, count);
  }
}
