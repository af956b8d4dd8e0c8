import { RuntimeError } from '../base/index.ts';
import type { HostedDrive, Selector } from '../base/index.ts';
import type { Ring } from './ring.ts';

/** One completion, for a subclass that wants to look at what a turn brought. */
export interface Completion {
  readonly kind: number;
  readonly token: number;
  readonly first: number;
  readonly second: number;
}

/**
 * What one poll of the native core found. Its items are made only when it is iterated; the loop itself reads the
 * ring.
 */
export class Completions implements Iterable<Completion> {
  readonly #ring: Ring;

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  get length(): number {
    return this.#ring.completed;
  }

  *[Symbol.iterator](): Iterator<Completion> {
    const entries = this.#ring.completions;
    for (let at = 0, end = this.length * 4; at < end; at += 4) {
      yield {
        kind: entries[at]!,
        token: entries[at + 1]!,
        first: entries[at + 2]!,
        second: entries[at + 3]!,
      };
    }
  }
}

/** The native core as what a loop polls. */
export class MioSelector implements Selector<Completions> {
  readonly #ring: Ring;
  readonly #completions: Completions;
  #drive: HostedDrive | null = null;
  /** Whether libuv's callback has polled already, so that this turn need not. */
  #polled = false;
  /** Whether libuv's callback flushes when JavaScript returns. */
  #flushes = false;
  #closed = false;

  constructor(ring: Ring) {
    this.#ring = ring;
    this.#completions = new Completions(ring);
  }

  /**
   * Submits, waits and receives.
   *
   * @param timeout seconds; null waits without limit
   */
  select(timeout: number | null): Completions {
    if (this.#polled) this.#polled = false;
    else this.#ring.core.enter(timeout ?? -1);
    return this.#completions;
  }

  /** Tells whose turns libuv is to call; null ends it. */
  notify(drive: HostedDrive | null): void {
    this.#drive = drive;
    if (drive === null) {
      if (!this.#closed) this.#ring.core.hostStop();
      return;
    }
    if (process.versions['bun'] !== undefined || process.versions['deno'] !== undefined) {
      throw new RuntimeError(
        'this runtime has no libuv to host the loop: use runSync(), loop.runUntilCompleteSync() or loop.runForeverSync()',
      );
    }
    this.#ring.core.hostStart(this.#onReady);
  }

  /** Libuv found something: the batch is in the ring. */
  readonly #onReady = (): void => {
    const drive = this.#drive;
    if (drive === null) return;
    this.#polled = true;
    this.#flushes = true;
    try {
      drive.turn();
    } finally {
      this.#polled = false;
      this.#flushes = false;
    }
  };

  /** After the turns of one of the host's ticks: what they wrote leaves, and the next deadline is set. */
  flush(): void {
    if (this.#closed || this.#flushes || this.#ring.poisoned) return;
    this.#ring.core.flush();
  }

  /** Whether a turn has to follow. Natively hosted loops are called again by libuv by themselves. */
  pending(): boolean {
    return false;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ring.close();
  }
}
