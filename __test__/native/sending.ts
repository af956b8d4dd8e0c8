/** What the tests of sendfile share: a file with known bytes, and ends that keep or refuse them. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { MioEventLoop, SendfileNotAvailableError } from 'miolo';
import type { Coroutine, Transport } from 'miolo';
import { Recorder } from '../helpers.js';

/** More than the kernel takes for a peer that does not read. */
export const SIZE = 5_000_003;

/** No two pieces of it are alike at the places where they could be mistaken for each other. */
export const content: Buffer = Buffer.allocUnsafe(SIZE);
for (let at = 0; at < SIZE; at++) content[at] = (at * 31 + (at >> 11)) & 0xff;

export const folder: string = mkdtempSync(join(tmpdir(), 'miolo-sendfile-'));

/** A file with {@link content}. */
export const big: string = join(folder, 'big');
writeFileSync(big, content);

/** Removes the files when a test file is through. */
export function cleanUp(test: TestFn): void {
  test.after.always(() => rmSync(folder, { recursive: true }));
}

/** Opens a file for a block. */
export function* opened<T>(path: string, body: (fd: number) => Coroutine<T>): Coroutine<T> {
  const fd = openSync(path, 'r');
  try {
    return yield* body(fd);
  } finally {
    closeSync(fd);
  }
}

/** The byte that the next plain read of a file begins with. */
export function nextByte(fd: number): number {
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, null);
  return byte[0]!;
}

/** Keeps everything. */
export class Keeper extends Recorder {
  readonly pieces: Buffer[] = [];
  override dataReceived(data: Uint8Array): void {
    super.dataReceived(data);
    this.pieces.push(Buffer.from(data));
  }
  get all(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

/** Keeps everything, once it is told to read. */
export class DeafKeeper extends Keeper {
  override connectionMade(transport: Transport): void {
    super.connectionMade(transport);
    transport.pauseReading();
  }
}

/** A loop whose kernel cannot send files. */
export class WithoutSendfile extends MioEventLoop {
  override *_sendfileNative(): Coroutine<number> {
    throw new SendfileNotAvailableError('not here');
  }
  override *_sockSendfileNative(): Coroutine<number> {
    throw new SendfileNotAvailableError('not here');
  }
}

/** What an awaitable throws; null if nothing. */
export function* failureOf(awaitable: Iterable<unknown, unknown>): Coroutine<unknown> {
  try {
    yield* awaitable as Coroutine<unknown>;
  } catch (error) {
    // The caller tells what it should be.
    return error;
  }
  return null;
}
