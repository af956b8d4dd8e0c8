/**
 * The loop's watches of descriptors that others own.
 *
 * # Invariants
 *
 * 1. A watch has a token of the core's as long as it has a reader or a writer, and is found under its descriptor.
 * 2. Its handles are made when the callbacks are given and run as often as the descriptor is ready: nothing is
 *    allocated an event. Taking a callback back cancels its handle, which then does not run even if it is queued.
 * 3. Changes are made at once, not by way of the ring: the caller may close the descriptor next.
 */
import { Handle, RuntimeError } from '../base/index.ts';
import { osErrorFromNative } from './errors.ts';
import type { MioEventLoop } from './mio-event-loop.ts';
import { type Ring, type RingSubject, TOKEN_INDEX_MASK } from './ring.ts';

/** What a descriptor is watched for. */
export const READ = 1;
export const WRITE = 2;

/** What the core says of a descriptor that one of its sockets has. */
const OWNED = -17;

/** One watched descriptor. */
export class Watch implements RingSubject {
  _token = -1;
  readonly fd: number;
  reader: Handle | null = null;
  writer: Handle | null = null;
  holding = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  get interest(): number {
    return (this.reader === null ? 0 : READ) | (this.writer === null ? 0 : WRITE);
  }
}

export class Watchers {
  readonly #loop: MioEventLoop;
  readonly #ring: Ring;
  readonly #byFd = new Map<number, Watch>();

  constructor(loop: MioEventLoop, ring: Ring) {
    this.#loop = loop;
    this.#ring = ring;
  }

  /**
   * Runs `handle` whenever the descriptor is ready, in place of the handle before.
   *
   * @throws RuntimeError when a transport has the descriptor; OSError as the system reports
   */
  add(fd: number, what: number, handle: Handle): void {
    const watch = this.#byFd.get(fd) ?? new Watch(fd);
    let token = this.#ring.core.watch(fd, watch.interest | what);
    if (token === OWNED) {
      // Perhaps only until the submissions are taken, which close it.
      this.#ring.core.flush();
      token = this.#ring.core.watch(fd, watch.interest | what);
    }
    if (token < 0) {
      this.#drop(watch);
      if (token === OWNED) this.ensureNoTransport(fd, true);
      throw osErrorFromNative(token, what === READ ? 'addReader' : 'addWriter');
    }
    if (token !== watch._token) {
      this.#unregister(watch);
      watch._token = token;
      this.#ring.register(watch);
      this.#byFd.set(fd, watch);
    }
    if (what === READ) {
      watch.reader?.cancel();
      watch.reader = handle;
    } else {
      watch.writer?.cancel();
      watch.writer = handle;
    }
    this.#updateHold(watch);
  }

  /** Ends a watch; false if there was none. */
  remove(fd: number, what: number): boolean {
    const watch = this.#byFd.get(fd);
    const handle = what === READ ? watch?.reader : watch?.writer;
    if (watch === undefined || handle == null) return false;
    handle.cancel();
    if (what === READ) watch.reader = null;
    else watch.writer = null;
    const token = this.#ring.poisoned ? -1 : this.#ring.core.watch(fd, watch.interest);
    // A descriptor that was closed, or is somebody else's by now: nothing of the watch is left.
    if (token < 0 || watch.interest === 0) this.#drop(watch);
    else this.#updateHold(watch);
    return true;
  }

  /** Ends the watches of a descriptor, which a transport takes over. */
  forget(fd: number): void {
    const watch = this.#byFd.get(fd);
    if (watch === undefined) return;
    this.#ring.core.watch(fd, 0);
    this.#drop(watch);
  }

  /** Queues what a completion made ready: the reader, then the writer. */
  ready(watch: Watch, bits: number): void {
    if ((bits & READ) !== 0 && watch.reader !== null) this.#loop._addCallback(watch.reader);
    if ((bits & WRITE) !== 0 && watch.writer !== null) this.#loop._addCallback(watch.writer);
  }

  /**
   * Throws RuntimeError if a live transport, or a listener, has the descriptor.
   *
   * @param closing whether one that is closing counts
   */
  ensureNoTransport(fd: number, closing = false): void {
    const token = this.#ring.core.owner(fd);
    if (token < 0) return;
    const owner = this.#ring.subject(token) as (RingSubject & { isClosing?(): boolean }) | null;
    if (owner instanceof Watch) return;
    const stale = this.#byFd.get(fd);
    if (stale !== undefined) this.#drop(stale);
    if (!closing && (owner === null || owner.isClosing?.() === true)) return;
    throw new RuntimeError(`fd: file descriptor ${fd} is used by ${String(owner)}`);
  }

  #drop(watch: Watch): void {
    watch.reader?.cancel();
    watch.writer?.cancel();
    watch.reader = null;
    watch.writer = null;
    this.#unregister(watch);
    if (this.#byFd.get(watch.fd) === watch) this.#byFd.delete(watch.fd);
    this.#updateHold(watch);
  }

  #unregister(watch: Watch): void {
    if (watch._token < 0) return;
    const index = watch._token & TOKEN_INDEX_MASK;
    // The place may be somebody else's already.
    if (this.#ring.subjects[index] === watch) this.#ring.subjects[index] = null;
    watch._token = -1;
  }

  #updateHold(watch: Watch): void {
    const hold = watch.interest !== 0;
    if (hold === watch.holding) return;
    watch.holding = hold;
    if (hold) this.#loop._hold();
    else this.#loop._release();
  }
}
