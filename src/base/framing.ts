/**
 * Protocols that cut a stream into frames.
 *
 * Bytes are received into one buffer that grows to what a frame needs; frames are cut where they lie, and whatever is
 * left of a frame moves to the front when room is needed.
 */
import { copyBytes, findBytes } from './bytes.ts';
import { Exception, ValueError, brandError } from './exceptions.ts';
import { BufferedProtocol } from './protocols.ts';
import type { Transport } from './transports.ts';

/** The peer sent what is no frame. The connection is closed. */
export class FrameError extends Exception {}
/** The peer announced, or began, a frame above the limit. */
export class FrameTooLargeError extends FrameError {}
/** The stream ended within a frame. */
export class FrameTruncatedError extends FrameError {}
brandError(FrameError, 'FrameError', 'ERR_MIOLO_FRAME');
brandError(FrameTooLargeError, 'FrameTooLargeError', 'ERR_MIOLO_FRAME_TOO_LARGE');
brandError(FrameTruncatedError, 'FrameTruncatedError', 'ERR_MIOLO_FRAME_TRUNCATED');

const FIRST_BUFFER = 4096;
const DEFAULT_MAXIMUM = 1024 * 1024;

/**
 * The common part: a subclass says where the first frame ends.
 *
 * @example
 * ```ts
 * class Echo extends LengthPrefixedProtocol {
 *   override frameReceived(frame: Uint8Array) { this.transport!.write(this.encode(frame)); }
 * }
 * ```
 */
export abstract class FrameProtocol extends BufferedProtocol {
  /** Set to true to get views that are valid during the call only, in place of copies. */
  declare readonly borrowsFrames?: boolean;
  transport: Transport | null = null;
  /** Bytes that a frame has at most, without what delimits it. */
  readonly maxFrame: number;
  #buffer = new Uint8Array(FIRST_BUFFER);
  #start = 0;
  #end = 0;
  #stopped = false;
  #delivering = false;
  #ended = false;
  #dead = false;

  /** @param maxFrame bytes; default 1 MiB. @throws ValueError unless it is a whole number above 0 */
  constructor(maxFrame: number = DEFAULT_MAXIMUM) {
    super();
    if (!Number.isSafeInteger(maxFrame) || maxFrame < 1) {
      throw new ValueError(`maxFrame: must be a whole number above 0, got ${maxFrame}`);
    }
    this.maxFrame = maxFrame;
  }

  /**
   * A frame came, without what delimits it.
   *
   * @returns false to get no more until {@link resumeFrames}: reading pauses
   */
  frameReceived(_frame: Uint8Array): boolean | void {}

  /** The stream is broken: it is about to be aborted. */
  frameError(_error: FrameError): void {}

  /** The peer will send no more, and all of its frames were delivered. @returns true to go on writing */
  framesEnded(): boolean | void {}

  /**
   * The size of the frame that begins at `start`, with all that delimits it; 0 if that takes more bytes. Throws
   * FrameError for what is no frame.
   */
  abstract _measure(buffer: Uint8Array, start: number, end: number): number;

  /** Bytes in front of the content. */
  _head(): number {
    return 0;
  }

  /** Bytes behind the content. */
  _tail(): number {
    return 0;
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  override connectionLost(_error: Error | null): void {
    this.#dead = true;
    this.transport = null;
  }

  override getBuffer(_sizeHint: number): Uint8Array {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#end === this.#buffer.length) this.#makeRoom();
    return this.#buffer.subarray(this.#end);
  }

  #makeRoom(): void {
    const { length } = this.#buffer;
    if (this.#start >= length / 2) this.#buffer.copyWithin(0, this.#start, this.#end);
    else {
      const larger = new Uint8Array(2 * length);
      larger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = larger;
    }
    this.#end -= this.#start;
    this.#start = 0;
  }

  override bufferUpdated(count: number): void {
    this.#end += count;
    this.#deliver();
  }

  override eofReceived(): boolean {
    this.#ended = true;
    // While frames wait the connection must not close behind their handler.
    if (this.#stopped) return true;
    return this.#finish();
  }

  #finish(): boolean {
    if (this.#dead) return false;
    if (this.#start < this.#end) {
      this.#fail(new FrameTruncatedError(`the stream ended ${this.#end - this.#start} bytes into a frame`));
      return false;
    }
    return this.framesEnded() === true;
  }

  /** Goes on after {@link frameReceived} returned false: first with the frames that are here already. */
  resumeFrames(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    if (this.#delivering) return;
    this.#deliver();
    if (this.#stopped || this.#dead) return;
    if (!this.#ended) this.transport?.resumeReading();
    else if (!this.#finish()) this.transport?.close();
  }

  #deliver(): void {
    this.#delivering = true;
    try {
      while (
        !this.#stopped &&
        !this.#dead &&
        this.#start < this.#end &&
        this.transport?.isClosing() !== true
      ) {
        const size = this._measure(this.#buffer, this.#start, this.#end);
        if (size === 0 || size > this.#end - this.#start) break;
        const from = this.#start + this._head();
        const to = this.#start + size - this._tail();
        this.#start += size;
        const frame =
          this.borrowsFrames === true ? this.#buffer.subarray(from, to) : copyBytes(this.#buffer, from, to);
        if (this.frameReceived(frame) === false) {
          this.#stopped = true;
          this.transport?.pauseReading();
        }
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#fail(error);
    } finally {
      this.#delivering = false;
    }
  }

  #fail(error: FrameError): void {
    this.#dead = true;
    try {
      this.frameError(error);
    } finally {
      this.transport?.abort();
    }
  }

  /** Checks the content's size. */
  _checkSize(size: number): void {
    if (size > this.maxFrame)
      throw new FrameTooLargeError(`a frame of ${size} bytes, above ${this.maxFrame}`);
  }
}

/** Frames with their length in front of them, in 1, 2 or 4 bytes. */
export class LengthPrefixedProtocol extends FrameProtocol {
  readonly #prefix: 1 | 2 | 4;
  readonly #littleEndian: boolean;

  /** @param options.prefix bytes of the length; default 4. @throws ValueError for other sizes */
  constructor(
    options: {
      readonly prefix?: 1 | 2 | 4;
      readonly littleEndian?: boolean;
      readonly maxFrame?: number;
    } = {},
  ) {
    super(options.maxFrame);
    this.#prefix = options.prefix ?? 4;
    if (![1, 2, 4].includes(this.#prefix)) throw new ValueError('prefix: must be 1, 2 or 4 bytes');
    this.#littleEndian = options.littleEndian === true;
  }

  override _head(): number {
    return this.#prefix;
  }

  override _measure(buffer: Uint8Array, start: number, end: number): number {
    const prefix = this.#prefix;
    if (end - start < prefix) return 0;
    let size = 0;
    for (let i = 0; i < prefix; i++) {
      size = size * 256 + buffer[start + (this.#littleEndian ? prefix - 1 - i : i)]!;
    }
    this._checkSize(size);
    return prefix + size;
  }

  /** `content` as a frame. @throws FrameTooLargeError when it is above the limit, or the prefix cannot hold its size */
  encode(content: Uint8Array): Uint8Array {
    const prefix = this.#prefix;
    this._checkSize(content.length);
    if (content.length >= 256 ** prefix)
      throw new FrameTooLargeError(`${content.length} bytes in a prefix of ${prefix}`);
    const frame = new Uint8Array(prefix + content.length);
    for (let i = 0, left = content.length; i < prefix; i++, left = Math.floor(left / 256)) {
      frame[this.#littleEndian ? i : prefix - 1 - i] = left % 256;
    }
    frame.set(content, prefix);
    return frame;
  }
}

/** Frames that end with a delimiter. */
export class DelimitedProtocol extends FrameProtocol {
  readonly #delimiter: Uint8Array;
  /** Bytes of the first frame that hold no delimiter. */
  #searched = 0;

  /** @param delimiter bytes; default a line feed. @throws ValueError when it is empty */
  constructor(delimiter: Uint8Array = new Uint8Array([10]), options: { readonly maxFrame?: number } = {}) {
    super(options.maxFrame);
    if (delimiter.length === 0) throw new ValueError('delimiter: must not be empty');
    this.#delimiter = delimiter.slice();
  }

  override _tail(): number {
    return this.#delimiter.length;
  }

  override _measure(buffer: Uint8Array, start: number, end: number): number {
    const { length } = this.#delimiter;
    const at = findBytes(buffer, this.#delimiter, start + this.#searched, end);
    if (at < 0) {
      this.#searched = Math.max(0, end - start - length + 1);
      this._checkSize(this.#searched);
      return 0;
    }
    this.#searched = 0;
    this._checkSize(at - start);
    return at - start + length;
  }
}

/** Frames that all have the same size, which the constructor is given. */
export class FixedSizeProtocol extends FrameProtocol {
  override _measure(): number {
    return this.maxFrame;
  }
}

/** Frames that begin with a header of fixed size, which says how much follows. Frames include their header. */
export abstract class HeaderProtocol extends FrameProtocol {
  readonly headerSize: number;

  /** @param headerSize bytes. @throws ValueError unless it is a whole number above 0 */
  constructor(headerSize: number, options: { readonly maxFrame?: number } = {}) {
    super(options.maxFrame);
    if (!Number.isSafeInteger(headerSize) || headerSize < 1)
      throw new ValueError('headerSize: must be above 0');
    this.headerSize = headerSize;
  }

  /** Bytes that follow a header. A FrameError that it throws closes the connection. @param _header a view */
  abstract bodySize(_header: Uint8Array): number;

  override _measure(buffer: Uint8Array, start: number, end: number): number {
    if (end - start < this.headerSize) return 0;
    const body = this.bodySize(buffer.subarray(start, start + this.headerSize));
    if (!Number.isSafeInteger(body) || body < 0) throw new FrameError(`a body of ${body} bytes`);
    this._checkSize(this.headerSize + body);
    return this.headerSize + body;
  }
}
