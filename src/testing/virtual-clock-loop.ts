import { BaseEventLoop, RuntimeError, allTasks, describePending } from '../base/index.ts';
import type { Loop, Selector } from '../base/index.ts';

/** A few steps of the double that holds the time, as a share of it. */
const TICK = 2 ** -50;

/** Finds nothing, ever; waiting moves the clock. */
class VirtualSelector implements Selector<readonly never[]> {
  readonly #loop: VirtualClockLoop;

  constructor(loop: VirtualClockLoop) {
    this.#loop = loop;
  }

  select(timeout: number | null): readonly never[] {
    if (timeout !== null) this.#loop.advance(timeout);
    // A promise of the host's may still bring a hosted run further.
    else if (this.#loop._drive === null || !this.#loop._isAlive()) this.#loop.onIdle();
    return [];
  }
}

/**
 * A loop whose time moves only when nothing is ready: tests of hours take milliseconds and always go the same way.
 *
 * It is an ordinary subclass of BaseEventLoop, under both drives. It has no network.
 *
 * @example
 * ```ts
 * runSync(main(), { loopFactory: () => new VirtualClockLoop() });
 * ```
 */
export class VirtualClockLoop extends BaseEventLoop<readonly never[]> {
  override readonly _selector: Selector<readonly never[]> = new VirtualSelector(this);
  #now = 0;

  /** Seconds since the loop was made, by the virtual clock. */
  override time(): number {
    return this.#now;
  }

  /** Moves the clock. @param seconds not negative */
  advance(seconds: number): void {
    if (!(seconds >= 0)) throw new RangeError(`seconds: must not be negative, got ${seconds}`);
    this.#now += seconds;
    // A clock that is years ahead has coarser ticks: a deadline must not fall between two of them.
    this._clockResolution = Math.max(this._clockResolution, this.#now * TICK);
  }

  /**
   * Called when nothing is ready, no timer runs and no promise is waited for: the program can never go on.
   *
   * @throws RuntimeError naming each task and what it waits for; a subclass may do otherwise
   */
  onIdle(): void {
    const count = allTasks(this as unknown as Loop).size;
    throw new RuntimeError(
      `deadlock: ${count} tasks wait for each other\n${describePending(this as unknown as Loop)}`,
    );
  }

  override _processEvents(): void {}

  override _writeToSelf(): void {
    this._wakeHosted();
  }
}
