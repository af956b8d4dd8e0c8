import type { HostedDrive, Selector } from '../base/index.ts';
import type { HostedDriver } from './driver.ts';
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
  /** What calls the turns of hosted runs. */
  readonly driver: HostedDriver;
  readonly #ring: Ring;
  readonly #completions: Completions;
  #drive: HostedDrive | null = null;
  /** Whether libuv's callback has polled already, so that this turn need not. */
  #polled = false;
  /** Whether libuv's callback flushes when JavaScript returns. */
  #flushes = false;
  #closed = false;
  /** Called when submissions are about to be taken: the last chance to make some. */
  beforeCrossing: (() => void) | null = null;
  /**
   * Has the thread wait for what the next turn is due for. Only before the loop rests: as long as turns follow each
   * other they poll by themselves. Libuv needs no such thing, it watches all the time.
   */
  readonly arm?: (timeout: number | null) => void;
  /** Seconds of busy polling a wait. */
  readonly busyPoll: number;

  constructor(ring: Ring, driver: HostedDriver, busyPoll: number) {
    this.#ring = ring;
    this.driver = driver;
    this.busyPoll = busyPoll;
    this.#completions = new Completions(ring);
    if (driver === 'guest') this.arm = (timeout) => this.#ring.core.guestArm(timeout ?? -1);
  }

  /**
   * Submits, waits and receives.
   *
   * @param timeout seconds; null waits without limit
   */
  select(timeout: number | null): Completions {
    if (this.#polled) this.#polled = false;
    else {
      this.beforeCrossing?.();
      this.#ring.core.enter(timeout ?? -1);
    }
    return this.#completions;
  }

  /** Tells whose turns the driver is to call; null ends it. */
  notify(drive: HostedDrive | null): void {
    this.#drive = drive;
    if (drive === null) {
      if (!this.#closed) this.#ring.core.hostStop();
    } else if (this.driver === 'uv') this.#ring.core.hostStart(this.#onReady);
    else this.#ring.core.guestStart(this.#onRing);
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

  /** The thread found something, which the turn takes when it polls. */
  readonly #onRing = (): void => {
    this.#drive?.turn();
  };

  /** After the turns of one of the host's ticks: what they wrote leaves, and the next deadline is set. */
  flush(): void {
    const ring = this.#ring;
    if (this.#closed || ring.poisoned) return;
    this.beforeCrossing?.();
    if (this.#flushes) return;
    // Libuv is to know of deadlines even when there is nothing to submit.
    if (this.driver === 'uv' || ring.waiting) ring.core.flush();
  }

  /**
   * Whether a turn has to follow. Libuv calls again by itself when there is more; the thread waits only when there is
   * nothing, and after a panic nobody does.
   *
   * Busy polling is such turns: the thread, which would have to be woken, does not poll busily, and the host's loop,
   * which is only kept from blocking, gets to everything else in between.
   */
  pending(): boolean {
    const ring = this.#ring;
    if (this.driver === 'uv') return ring.poisoned;
    return (
      ring.more || ring.completed > 0 || ring.poisoned || (this.busyPoll > 0 && ring.core.shouldBusyPoll())
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ring.close();
  }
}
