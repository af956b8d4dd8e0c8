import { fstatSync } from 'node:fs';
import { ValueError } from '../base/index.ts';
import type { PipeLike } from '../base/index.ts';
import { fdOf } from '../base/descriptor-loop.ts';
import { addon } from './addon.ts';
import { checkNative, osErrorFromNode } from './errors.ts';
import type { MioEventLoop } from './mio-event-loop.ts';

/** What a pipe transport's descriptor may be. */
export type PipeKind = 'fifo' | 'socket' | 'character';

function kindOf(fd: number): PipeKind {
  let stats;
  try {
    stats = fstatSync(fd);
  } catch (error) {
    throw osErrorFromNode(error);
  }
  if (stats.isFIFO()) return 'fifo';
  if (stats.isSocket()) return 'socket';
  if (stats.isCharacterDevice()) return 'character';
  throw new ValueError('pipe: pipe transports are only for pipes, sockets and character devices');
}

/** The descriptor of a pipe that a transport owns from now on. */
export class Pipe {
  readonly fd: number;
  readonly kind: PipeKind;
  readonly #object: PipeLike;
  readonly #loop: MioEventLoop;
  #closed = false;

  /**
   * Makes the descriptor non-blocking.
   *
   * @throws ValueError for what is no descriptor or a regular file; OSError as the system reports. The pipe is its
   * caller's then.
   */
  constructor(loop: MioEventLoop, pipe: PipeLike) {
    const fd = fdOf(pipe);
    this.kind = kindOf(fd);
    loop._ensureFdNoTransport(fd);
    checkNative(addon().descriptorSetNonblocking(fd), 'fcntl');
    this.fd = fd;
    this.#object = pipe;
    this.#loop = loop;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Reads into `memory`. @throws OSError as the system reports */
  read(memory: Uint8Array): number {
    return checkNative(addon().descriptorRead(this.fd, memory), 'read');
  }

  /** Writes what the system takes. @throws OSError as the system reports */
  write(data: Uint8Array): number {
    return checkNative(addon().descriptorWrite(this.fd, data), 'write');
  }

  /** Closes the pipe object, or the descriptor. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const pipe = this.#object;
    if (typeof pipe === 'number') {
      // Fails only for a descriptor that somebody else has closed.
      addon().descriptorClose(pipe);
      return;
    }
    const outcome = pipe.close();
    // A FileHandle closes on a thread; nobody waits for it.
    if (outcome instanceof Promise) outcome.catch((error: unknown) => this.#report(error));
  }

  #report(error: unknown): void {
    this.#loop.callExceptionHandler({ message: 'closing a pipe failed', exception: error });
  }
}
