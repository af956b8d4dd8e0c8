/** Sending files from the kernel, and reading them where that cannot be done. */
import { fstatSync, read, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import {
  BlockingIOError,
  ConnectionError,
  InterruptedError,
  OSError,
  SendfileNotAvailableError,
} from '../base/index.ts';
import type { Coroutine, FileAccess, FileLike, Handle, Loop } from '../base/index.ts';
import { leaveFileAt, openFdOf } from '../base/sendfile.ts';
import { addon } from './addon.ts';
import { checkNative, osErrorFromNode } from './errors.ts';

/** What one system call is asked to send at most. */
const LARGEST = 2 ** 30;

function stat(fd: number): Stats {
  try {
    return fstatSync(fd);
  } catch (error) {
    throw osErrorFromNode(error);
  }
}

/** Files, for base: by Node's threads while a loop is hosted, in place while it blocks. */
export const fileAccess: FileAccess = {
  read(fd, buffer, position, mayWait) {
    if (!mayWait) {
      try {
        return readSync(fd, buffer, 0, buffer.length, position);
      } catch (error) {
        throw osErrorFromNode(error);
      }
    }
    return new Promise((resolve, reject) => {
      read(fd, buffer, 0, buffer.length, position, (error, count) => {
        if (error === null) resolve(count);
        else reject(osErrorFromNode(error));
      });
    });
  },
  isRegular: (fd) => stat(fd).isFile(),
  seek(fd, position) {
    checkNative(addon().descriptorSeek(fd, position), 'lseek');
  },
};

type WritingLoop = Loop & {
  _addWriter(fd: number, callback: () => void, args: readonly []): Handle;
  _removeWriter(fd: number): boolean;
};

/** Where a file is sent. */
export interface FileTarget {
  /** The descriptor by now; asked for before each call. @throws ConnectionError when nothing may be sent any more */
  fd(): number;
  /** Sets what is called, once, when nothing may be sent any more. A socket that is just closed wakes nobody. */
  onClosing?(callback: (() => void) | null): void;
}

function* writable(loop: WritingLoop, target: FileTarget): Coroutine<void> {
  const fd = target.fd();
  const future = loop.createFuture<void>();
  const wake = (): void => void (future.done() || future.setResult());
  const handle = loop._addWriter(fd, wake, []);
  target.onClosing?.(wake);
  try {
    yield* future;
  } finally {
    target.onClosing?.(null);
    // A newer call on the descriptor has replaced the watch by its own, which has to stay.
    if (!handle.cancelled()) loop._removeWriter(fd);
  }
}

/** What there is to send at first. @throws SendfileNotAvailableError unless the kernel can send it */
function sizeOf(file: FileLike): number {
  let stats: Stats;
  try {
    stats = stat(openFdOf(file, 'fstat'));
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    // Nothing that is open. The fallback meets the same, and reports it.
    throw new SendfileNotAvailableError('not a regular file', { cause: error });
  }
  if (!stats.isFile()) throw new SendfileNotAvailableError('not a regular file');
  return stats.size;
}

/** The error that a call ended with, as the caller is to see it. */
function failure(error: unknown, sent: number): unknown {
  if (!(error instanceof OSError)) return error;
  if (sent === 0) return new SendfileNotAvailableError('the sendfile call failed', { cause: error });
  // It was connected before. Linux says EPIPE then.
  if (error.code !== 'ENOTCONN') return error;
  const { message, errno, code, syscall } = error;
  return new ConnectionError(message, { errno, code, syscall, cause: error });
}

/**
 * Sends a regular file from the kernel to a socket that the loop may watch.
 *
 * @throws SendfileNotAvailableError when not even the first call did anything
 */
export function* sendFile(
  loop: WritingLoop,
  target: FileTarget,
  file: FileLike,
  offset: number,
  count: number | null,
): Coroutine<number> {
  const size = sizeOf(file);
  if (count === null && size === 0) return 0;
  let sent = 0;
  try {
    while (count === null || sent < count) {
      const length = Math.min(count === null ? LARGEST : count - sent, LARGEST);
      const out = target.fd();
      let some: number;
      try {
        const fd = openFdOf(file, 'sendfile');
        some = checkNative(addon().descriptorSendfile(out, fd, offset + sent, length), 'sendfile');
      } catch (error) {
        if (error instanceof InterruptedError) continue;
        if (!(error instanceof BlockingIOError)) throw failure(error, sent);
        yield* writable(loop, target);
        continue;
      }
      if (some === 0) break;
      sent += some;
      // A turn for the others: a socket that takes everything must not keep the loop.
      yield;
    }
    return sent;
  } finally {
    if (sent > 0) leaveFileAt(fileAccess, file, offset + sent);
  }
}
