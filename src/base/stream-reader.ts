import { ByteBuffer } from './byte-buffer.ts';
import { type Bytes, allocateBytes, joinBytes } from './bytes.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import {
  AssertionError,
  IncompleteReadError,
  LimitOverrunError,
  NotImplementedError,
  RuntimeError,
  StopAsyncIteration,
  ValueError,
} from './exceptions.ts';
import { type Future, failFuture } from './future.ts';
import type { Loop } from './loop.ts';
import { getEventLoop } from './running-loop.ts';
import type { ReadTransport } from './transports.ts';

/** Bytes that a reader buffers unless told otherwise. asyncio: `streams._DEFAULT_LIMIT`. */
export const _DEFAULT_LIMIT: number = 2 ** 16;

/** Checks the limit of readers to come. @throws TypeError; ValueError when it is not above 0 */
export function checkLimit(limit: number): void {
  if (typeof limit !== 'number') throw new TypeError('limit: must be a number of bytes');
  if (!(limit > 0)) throw new ValueError('limit: must be above 0');
}

const NEWLINE: Uint8Array = Uint8Array.of(10);

/**
 * The reading side of a stream. asyncio: `StreamReader`.
 *
 * What arrives is buffered; above twice the limit the transport is paused. Results are the caller's to keep. Only one
 * coroutine may wait at a time.
 *
 * @example
 * ```ts
 * for (;;) {
 *   const line = yield* reader.readline();
 *   if (line.length === 0) break; // the end
 * }
 * ```
 */
export class StreamReader implements AsyncIterable<Bytes> {
  readonly _limit: number;
  readonly _loop: Loop;
  readonly _buffer: ByteBuffer = new ByteBuffer();
  _eof = false;
  /** Of the coroutine that waits for bytes. */
  _waiter: Future<void> | null = null;
  _exception: Error | null = null;
  _transport: ReadTransport | null = null;
  _paused = false;

  /**
   * @param limit bytes; the most that {@link readuntil} and {@link readline} accept
   * @param loop default: the current one
   * @throws ValueError when `limit` is not above 0
   */
  constructor(limit: number = _DEFAULT_LIMIT, loop?: Loop | null) {
    checkLimit(limit);
    this._limit = limit;
    this._loop = loop ?? getEventLoop();
  }

  /** The error that ended the stream, null if there is none. */
  exception(): Error | null {
    return this._exception;
  }

  /** Ends the stream with an error: whoever waits gets it, and every later read. */
  setException(error: Error): void {
    this._exception = error;
    const waiter = this._waiter;
    if (waiter === null) return;
    this._waiter = null;
    if (!waiter.cancelled()) failFuture(waiter, error);
  }

  /** @throws AssertionError when there is one already */
  setTransport(transport: ReadTransport): void {
    if (this._transport !== null) throw new AssertionError('Transport already set');
    this._transport = transport;
  }

  /** For `startTls`. */
  _replaceTransport(transport: ReadTransport): void {
    this._transport = transport;
  }

  /** Says that no more will come. */
  feedEof(): void {
    this._eof = true;
    this._wakeupWaiter();
  }

  /** Whether everything was read and no more will come. */
  atEof(): boolean {
    return this._eof && this._buffer.length === 0;
  }

  /**
   * Adds bytes, which are copied.
   *
   * @throws AssertionError after {@link feedEof}; TypeError for anything but bytes
   */
  feedData(data: Uint8Array): void {
    if (this._eof) throw new AssertionError('feedData after feedEof');
    if (data.length === 0) return;
    if (!(data instanceof Uint8Array)) throw new TypeError('data: must be bytes');
    this._feed(data, 0, data.length);
  }

  /** {@link feedData} of what stands in `memory` from `start` to `end`: some bytes, before the end of the stream. */
  _feed(memory: Uint8Array, start: number, end: number): void {
    this._buffer.append(memory, start, end);
    this._wakeupWaiter();
    if (this._transport === null || this._paused || this._buffer.length <= 2 * this._limit) return;
    try {
      this._transport.pauseReading();
      this._paused = true;
    } catch (error) {
      if (!(error instanceof NotImplementedError)) throw error;
      // It cannot: everything has to be buffered, and nobody asks again.
      this._transport = null;
    }
  }

  _wakeupWaiter(): void {
    const waiter = this._waiter;
    if (waiter === null) return;
    this._waiter = null;
    if (!waiter.cancelled()) waiter.setResult();
  }

  _maybeResumeTransport(): void {
    if (!this._paused || this._buffer.length > this._limit) return;
    this._paused = false;
    this._transport!.resumeReading();
  }

  /** Waits for more bytes, the end or an error. @throws RuntimeError when somebody else waits */
  *_waitForData(caller: string): Coroutine<void> {
    if (this._waiter !== null) {
      throw new RuntimeError(
        `${caller}() called while another coroutine is already waiting for incoming data`,
      );
    }
    if (this._eof) throw new AssertionError('_waitForData after EOF');
    // Somebody who asks for more than the limit must get it.
    if (this._paused) {
      this._paused = false;
      this._transport!.resumeReading();
    }
    this._waiter = this._loop.createFuture<void>();
    try {
      yield* this._waiter;
    } finally {
      this._waiter = null;
    }
  }

  /**
   * Reads some bytes: what is there, at least one.
   *
   * Cancelling it loses no bytes, unless `n` is negative.
   *
   * @param n the most to read; negative (default): everything to the end
   * @returns nothing at the end
   * @throws the error that ended the stream; RuntimeError when another coroutine waits
   */
  read(n: number = -1): AwaitableCoroutine<Bytes> {
    return read(this, n);
  }

  /**
   * Reads a line, with its newline; at the end, what is left.
   *
   * Cancelling it loses no bytes.
   *
   * @throws ValueError when the line is above the limit; what was buffered of it is dropped
   */
  readline(): AwaitableCoroutine<Bytes> {
    return readline(this);
  }

  /**
   * Reads exactly `n` bytes, which may be more than the limit.
   *
   * Cancelling it loses no bytes.
   *
   * @throws IncompleteReadError when the stream ends before; ValueError for a negative `n`
   */
  readexactly(n: number): AwaitableCoroutine<Bytes> {
    return readexactly(this, n);
  }

  /**
   * Reads up to and with a separator; of several, the one whose match ends first.
   *
   * Cancelling it loses no bytes.
   *
   * @param separator bytes, or several alternatives; default: newline
   * @throws LimitOverrunError when there is none within the limit: the bytes stay; IncompleteReadError at the end;
   * ValueError for an empty separator
   */
  readuntil(separator: Uint8Array | readonly Uint8Array[] = NEWLINE): AwaitableCoroutine<Bytes> {
    return readuntil(this, separator);
  }

  aiter(): this {
    return this;
  }

  /** The next line. @throws StopAsyncIteration at the end */
  anext(): AwaitableCoroutine<Bytes> {
    return nextLine(this);
  }

  /** Lines, for `for await` in async functions. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Bytes, void> {
    for (;;) {
      const line = await this.readline();
      if (line.length === 0) return;
      yield line;
    }
  }

  toString(): string {
    return `<StreamReader ${this._buffer.length} bytes${this._eof ? ' eof' : ''} limit=${this._limit}>`;
  }
}

const read = coroutine(function* read(reader: StreamReader, n: number): Coroutine<Bytes> {
  if (!Number.isInteger(n)) throw new TypeError('n: must be a whole number of bytes');
  if (reader._exception !== null) throw reader._exception;
  if (n === 0) return allocateBytes(0);
  if (n < 0) return yield* readAll(reader);
  if (reader._buffer.length === 0 && !reader._eof) yield* reader._waitForData('read');
  const data = reader._buffer.take(n);
  reader._maybeResumeTransport();
  return data;
});

/** By pieces: the transport may be paused in between. */
function* readAll(reader: StreamReader): Coroutine<Bytes> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = yield* reader.read(reader._limit);
    if (piece.length === 0) break;
    pieces.push(piece);
  }
  return joinBytes(pieces);
}

const readexactly = coroutine(function* readexactly(reader: StreamReader, n: number): Coroutine<Bytes> {
  if (!Number.isInteger(n)) throw new TypeError('n: must be a whole number of bytes');
  if (n < 0) throw new ValueError('n: readexactly size can not be less than zero');
  if (reader._exception !== null) throw reader._exception;
  const buffer = reader._buffer;
  while (buffer.length < n) {
    if (reader._eof) throw new IncompleteReadError(buffer.take(buffer.length), n);
    yield* reader._waitForData('readexactly');
  }
  const data = buffer.take(n);
  reader._maybeResumeTransport();
  return data;
});

const readuntil = coroutine(function* readuntil(
  reader: StreamReader,
  separator: Uint8Array | readonly Uint8Array[],
): Coroutine<Bytes> {
  const separators = checkSeparators(separator);
  const shortest = separators[0]!.length;
  const longest = separators.at(-1)!.length;
  if (reader._exception !== null) throw reader._exception;
  const buffer = reader._buffer;
  // No separator begins before here.
  let offset = 0;
  let start = -1;
  let end = -1;
  for (;;) {
    const length = buffer.length;
    if (length - offset >= shortest) {
      for (const each of separators) {
        const found = buffer.find(each, offset);
        if (found >= 0 && (end < 0 || found + each.length < end)) {
          start = found;
          end = found + each.length;
        }
      }
      if (end >= 0) break;
      // One may have begun in the last bytes.
      offset = Math.max(0, length + 1 - longest);
      if (offset > reader._limit) {
        throw new LimitOverrunError('Separator is not found, and chunk exceed the limit', offset);
      }
    }
    // The last bytes may have brought one: that is looked at first.
    if (reader._eof) throw new IncompleteReadError(buffer.take(length), null);
    yield* reader._waitForData('readuntil');
  }
  if (start > reader._limit) {
    throw new LimitOverrunError('Separator is found, but chunk is longer than limit', start);
  }
  const data = buffer.take(end);
  reader._maybeResumeTransport();
  return data;
});

function checkSeparators(separator: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  const separators = separator instanceof Uint8Array ? [separator] : [...separator];
  for (const each of separators) {
    if (!(each instanceof Uint8Array)) throw new TypeError('separator: must be bytes');
  }
  if (separators.length === 0) throw new ValueError('separator: should contain at least one element');
  // By length: the shortest match is to win.
  separators.sort((a, b) => a.length - b.length);
  if (separators[0]!.length === 0) throw new ValueError('separator: should be at least one byte long');
  return separators;
}

const readline = coroutine(function* readline(reader: StreamReader): Coroutine<Bytes> {
  try {
    return yield* reader.readuntil(NEWLINE);
  } catch (error) {
    if (error instanceof IncompleteReadError) return error.partial;
    if (!(error instanceof LimitOverrunError)) throw error;
    const buffer = reader._buffer;
    if (buffer.startsWith(NEWLINE, error.consumed)) buffer.drop(error.consumed + NEWLINE.length);
    else buffer.clear();
    reader._maybeResumeTransport();
    throw new ValueError(error.message, { cause: error });
  }
});

const nextLine = coroutine(function* nextLine(reader: StreamReader): Coroutine<Bytes> {
  const line = yield* reader.readline();
  if (line.length === 0) throw new StopAsyncIteration();
  return line;
});
