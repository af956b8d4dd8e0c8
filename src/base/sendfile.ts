/** Sending files: the checks, and the way by reading and writing where the system has no better one. */
import { checkRawSocket } from './check-socket.ts';
import { type Coroutine, coroutine } from './coroutine.ts';
import { type FdLike, fdOf } from './descriptor-loop.ts';
import { NotImplementedError, RuntimeError, SendfileNotAvailableError, ValueError } from './exceptions.ts';
import { FlowControlTransport } from './flow-control.ts';
import type { Future } from './future.ts';
import { coroutineOf } from './hook-checks.ts';
import type { Loop } from './loop.ts';
import { ConnectionError, OSError, osErrorFromCode } from './os-error.ts';
import { fromPromise } from './promise.ts';
import { type BaseProtocol, Protocol } from './protocols.ts';
import type { SendfileLoop } from './sendfile-loop.ts';
import { SOCK_STREAM } from './socket-constants.ts';
import type { RawSocketLike, SocketLike } from './socket-like.ts';
import type { WriteTransport } from './transports.ts';

/** Bytes that are read at once for a bare socket. asyncio: `constants.SENDFILE_FALLBACK_READBUFFER_SIZE`. */
export const SENDFILE_FALLBACK_READBUFFER_SIZE: number = 256 * 1024;

/** Bytes that are read at once for a transport. */
const TRANSPORT_READ_BYTES = 16 * 1024;

/** What a transport says of sendfile, by its `_sendfileCompatible`. asyncio: `constants._SendfileMode`. */
export const _SendfileMode = { UNSUPPORTED: 1, TRY_NATIVE: 2, FALLBACK: 3 } as const;

/** One of {@link _SendfileMode}. */
export type _SendfileMode = (typeof _SendfileMode)[keyof typeof _SendfileMode];

/** A file to send: a descriptor, or what has one (a `FileHandle`). It stays the caller's. */
export type FileLike = FdLike;

/** What the fallback needs of files; a platform layer provides it. */
export interface FileAccess {
  /**
   * Reads into `buffer` and returns the number of bytes, 0 at the end. Throws, or rejects with, OSError.
   *
   * @param position bytes from the beginning of the file; null: where the file stands
   * @param mayWait whether a promise of the number will do
   */
  read(
    fd: number,
    buffer: Uint8Array,
    position: number | null,
    mayWait: boolean,
  ): number | PromiseLike<number>;
  /** Whether it is a regular file, which is read by position. @throws OSError as the system reports */
  isRegular(fd: number): boolean;
  /** Sets where a regular file stands. @throws OSError as the system reports */
  seek(fd: number, position: number): void;
}

let access: FileAccess | null = null;

/** Sets how files are read. */
export function setFileAccess(next: FileAccess | null): void {
  access = next;
}

function files(): FileAccess {
  if (access === null) throw new NotImplementedError('files cannot be read here: see setFileAccess()');
  return access;
}

/**
 * A file's descriptor by now. It is asked for anew before each use: the number of a file that was closed meanwhile may
 * be another's.
 *
 * @throws OSError (EBADF) when the file is closed
 */
export function openFdOf(file: FileLike, syscall: string): number {
  try {
    return fdOf(file);
  } catch (error) {
    // It had a descriptor when the call began.
    if (error instanceof ValueError) throw osErrorFromCode('EBADF', syscall);
    throw error;
  }
}

/** Sets where a regular file stands after `position` bytes of it were sent. */
export function leaveFileAt(reader: FileAccess, file: FileLike, position: number): void {
  try {
    reader.seek(openFdOf(file, 'lseek'), position);
  } catch (error) {
    // Closed meanwhile: it stands nowhere, and what ended the transfer (a cancellation, say) is not to be replaced.
    if (error instanceof OSError && error.code === 'EBADF') return;
    throw error;
  }
}

/** asyncio: `_check_sendfile_params`. See {@link SendfileLoop._checkSendfileParams}. */
export function checkSendfileParams(
  sock: SocketLike,
  file: FileLike,
  offset: number,
  count: number | null,
): void {
  fdOf(file);
  if (sock.type !== SOCK_STREAM) throw new ValueError('sock: only SOCK_STREAM type sockets are supported');
  checkRange(offset, count);
}

function checkRange(offset: number, count: number | null): void {
  if (count !== null) {
    if (!Number.isSafeInteger(count)) {
      throw new TypeError(`count: must be a positive integer, got ${String(count)}`);
    }
    if (count <= 0) throw new ValueError(`count: must be a positive integer, got ${count}`);
  }
  if (!Number.isSafeInteger(offset)) {
    throw new TypeError(`offset: must be a non-negative integer, got ${String(offset)}`);
  }
  if (offset < 0) throw new ValueError(`offset: must be a non-negative integer, got ${offset}`);
}

type SendingLoop = SendfileLoop & Loop & { readonly _drive?: unknown };

/** The pieces of a file, read one after the other; `take` gets each, which is valid until it returns. */
function* readPieces(
  loop: SendingLoop,
  file: FileLike,
  offset: number,
  count: number | null,
  size: number,
  take: (piece: Uint8Array) => Coroutine<void>,
): Coroutine<number> {
  const reader = files();
  const isRegular = reader.isRegular(fdOf(file));
  if (!isRegular && offset > 0) throw new ValueError('offset: only regular files have one');
  const buffer = new Uint8Array(Math.min(count ?? size, size));
  let sent = 0;
  try {
    while (count === null || sent < count) {
      const room = count === null ? buffer : buffer.subarray(0, Math.min(count - sent, buffer.length));
      const fd = openFdOf(file, 'read');
      const outcome = reader.read(fd, room, isRegular ? offset + sent : null, loop._drive != null);
      const length = typeof outcome === 'number' ? outcome : yield* fromPromise(outcome, { loop });
      if (length === 0) break;
      yield* take(room.subarray(0, length));
      sent += length;
    }
    return sent;
  } finally {
    if (sent > 0 && isRegular) leaveFileAt(reader, file, offset + sent);
  }
}

/** `loop.sockSendfile`. */
function* sockSendfile(
  loop: SendingLoop,
  sock: RawSocketLike,
  file: FileLike,
  offset: number,
  count: number | null,
  fallback: boolean,
): Coroutine<number> {
  checkRawSocket(loop, sock);
  loop._checkSendfileParams(sock, file, offset, count);
  try {
    return yield* coroutineOf(loop, '_sockSendfileNative', 'transports', () =>
      loop._sockSendfileNative(sock, file, offset, count),
    );
  } catch (error) {
    if (!(error instanceof SendfileNotAvailableError) || !fallback) throw error;
  }
  return yield* coroutineOf(loop, '_sockSendfileFallback', 'transports', () =>
    loop._sockSendfileFallback(sock, file, offset, count),
  );
}

/** `loop._sockSendfileFallback`. */
function* sockSendfileFallback(
  loop: SendingLoop,
  sock: RawSocketLike,
  file: FileLike,
  offset: number,
  count: number | null,
): Coroutine<number> {
  return yield* readPieces(loop, file, offset, count, SENDFILE_FALLBACK_READBUFFER_SIZE, (piece) =>
    loop.sockSendall(sock, piece),
  );
}

/** `loop.sendfile`. */
function* sendfile(
  loop: SendingLoop,
  transport: WriteTransport,
  file: FileLike,
  offset: number,
  count: number | null,
  fallback: boolean,
): Coroutine<number> {
  fdOf(file);
  checkRange(offset, count);
  if (transport.isClosing()) throw new RuntimeError('Transport is closing');
  const mode = (transport as { _sendfileCompatible?: _SendfileMode })._sendfileCompatible;
  if (mode !== _SendfileMode.TRY_NATIVE && mode !== _SendfileMode.FALLBACK) {
    throw new RuntimeError(`sendfile is not supported for transport ${String(transport)}`);
  }
  if (mode === _SendfileMode.TRY_NATIVE) {
    try {
      return yield* coroutineOf(loop, '_sendfileNative', 'transports', () =>
        loop._sendfileNative(transport, file, offset, count),
      );
    } catch (error) {
      if (!(error instanceof SendfileNotAvailableError) || !fallback) throw error;
    }
  }
  if (!fallback) {
    throw new RuntimeError(
      `fallback is disabled and native sendfile is not supported for transport ${String(transport)}`,
    );
  }
  return yield* coroutineOf(loop, '_sendfileFallback', 'transports', () =>
    loop._sendfileFallback(transport, file, offset, count),
  );
}

/** `loop._sendfileFallback`. */
function* sendfileFallback(
  loop: SendingLoop,
  transport: WriteTransport,
  file: FileLike,
  offset: number,
  count: number | null,
): Coroutine<number> {
  const protocol = new _SendfileFallbackProtocol(transport);
  try {
    return yield* readPieces(loop, file, offset, count, TRANSPORT_READ_BYTES, function* (piece) {
      transport.write(piece);
      yield* protocol.drain();
    });
  } finally {
    protocol.restore();
  }
}

/**
 * Stands in for a transport's protocol while a file is read and written to it: nothing else may be received, and
 * whoever sends waits for the marks. asyncio: `_SendfileFallbackProtocol`.
 *
 * @throws TypeError for a transport without flow control
 */
export class _SendfileFallbackProtocol extends Protocol {
  readonly #transport: FlowControlTransport;
  readonly #protocol: BaseProtocol;
  readonly #wasReading: boolean;
  readonly #wasPaused: boolean;
  /** While the transport is above its mark. */
  #writable: Future<void> | null;

  constructor(transport: WriteTransport) {
    super();
    if (!(transport instanceof FlowControlTransport)) {
      throw new TypeError('transport: must be a transport with flow control');
    }
    this.#transport = transport;
    this.#protocol = transport.getProtocol()!;
    this.#wasReading = transport.isReading();
    this.#wasPaused = transport._protocolPaused;
    transport.pauseReading();
    transport.setProtocol(this);
    this.#writable = this.#wasPaused ? transport._loop.createFuture<void>() : null;
  }

  /** Waits until the transport is below its mark. @throws ConnectionError when the connection is closed */
  *drain(): Coroutine<void> {
    if (this.#transport.isClosing()) throw new ConnectionError('Connection closed by peer');
    if (this.#writable !== null) yield* this.#writable;
  }

  override connectionMade(): never {
    throw new RuntimeError('Invalid state: connection should have been established already.');
  }

  override connectionLost(error: Error | null): void {
    const writable = this.#writable;
    if (writable !== null && !writable.done()) {
      // The file was not sent: for the sender that is an error in any case.
      writable.setException(error ?? new ConnectionError('Connection is closed by peer'));
    }
    this.#protocol.connectionLost(error);
  }

  override pauseWriting(): void {
    this.#writable ??= this.#transport._loop.createFuture<void>();
  }

  override resumeWriting(): void {
    const writable = this.#writable;
    this.#writable = null;
    if (writable !== null && !writable.done()) writable.setResult();
  }

  override dataReceived(): never {
    throw new RuntimeError('Invalid state: reading should be paused');
  }

  override eofReceived(): never {
    throw new RuntimeError('Invalid state: reading should be paused');
  }

  /** Gives the transport back to its protocol. */
  restore(): void {
    const transport = this.#transport;
    // Lost meanwhile: its protocol has been told already, and is not to be put back.
    if (transport.getProtocol() !== this) return;
    transport.setProtocol(this.#protocol);
    if (this.#wasReading) transport.resumeReading();
    this.#writable?.cancel();
    if (this.#wasPaused && !transport._protocolPaused) this.#protocol.resumeWriting();
    else if (!this.#wasPaused && transport._protocolPaused) this.#protocol.pauseWriting();
  }
}

const sockSendfileCall: typeof sockSendfile = coroutine(sockSendfile) as never;
const sockSendfileFallbackCall: typeof sockSendfileFallback = coroutine(sockSendfileFallback) as never;
const sendfileCall: typeof sendfile = coroutine(sendfile) as never;
const sendfileFallbackCall: typeof sendfileFallback = coroutine(sendfileFallback) as never;

export {
  sendfileCall as sendfile,
  sendfileFallbackCall as sendfileFallback,
  sockSendfileCall as sockSendfile,
  sockSendfileFallbackCall as sockSendfileFallback,
};
