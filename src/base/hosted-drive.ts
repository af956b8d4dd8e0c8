import { RuntimeError } from './exceptions.ts';
import type { BaseEventLoop } from './base-event-loop.ts';
import { beginRun, endRun } from './hook-checks.ts';
import type { Host } from './host.ts';
import { describePending } from './stalled.ts';
import { _addHosted, _removeHosted, _setRunningLoop, _loopInTurn } from './running-loop.ts';

/** Seconds that one of the host's ticks may go on with turns that are ready. */
const TICK_BUDGET = 0.001;

/**
 * Drives a loop by a host's callbacks, a few turns a tick, until the loop stops.
 *
 * Between ticks it is asked for by {@link wake}, by the host's timer, or by the selector.
 */
export class HostedDrive {
  readonly #loop: BaseEventLoop<unknown>;
  readonly #host: Host;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  readonly #tick = (): void => this.#onTick();
  /** Whether the host has been asked for a tick. */
  #asked = false;
  #inTick = false;
  #held = false;
  #cancelTimer: (() => void) | null = null;
  #timerAt = Infinity;
  #unwatch: (() => void) | null = null;
  #ended = false;

  private constructor(
    loop: BaseEventLoop<unknown>,
    host: Host,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    this.#loop = loop;
    this.#host = host;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Runs `loop` until it stops; rejects with what ended it otherwise. */
  static run(loop: BaseEventLoop<unknown>, host: Host): Promise<void> {
    return new Promise((resolve, reject) => {
      const drive = new HostedDrive(loop, host, resolve, reject);
      drive.#start();
    });
  }

  #start(): void {
    const loop = this.#loop;
    beginRun(loop);
    loop._drive = this;
    _addHosted(loop);
    try {
      this.#unwatch = this.#host.stalled?.(() => this.#onStalled()) ?? null;
      loop._selector.notify?.(this);
      this.#ask();
      this.#updateHold();
    } catch (error) {
      // The host or the selector cannot: nothing has run yet.
      this.#end();
      throw error;
    }
  }

  /** Asks the host for a tick, once. For work that was begun outside of a turn. */
  wake(): void {
    if (!this.#asked && !this.#inTick && !this.#ended) this.#ask();
  }

  /** Runs turns now. Only from the bottom of the host's stack. */
  turn(): void {
    if (this.#ended || this.#inTick) return;
    this.#runTurns();
  }

  #ask(): void {
    this.#asked = true;
    this.#host.soon(this.#tick);
  }

  #onTick(): void {
    this.#asked = false;
    if (!this.#ended) this.#runTurns();
  }

  #runTurns(): void {
    if (_loopInTurn() !== null) {
      // Another loop of this thread is in its turn (a host that calls from inside of one): after it.
      this.wake();
      return;
    }
    const loop = this.#loop;
    this.#inTick = true;
    _setRunningLoop(loop);
    let failure: { readonly error: unknown } | null = null;
    try {
      const end = loop._hostTime() + TICK_BUDGET;
      do loop._runOnce();
      while (!loop._stopping && loop._isReady() && !loop._promiseWaiters && loop._hostTime() < end);
    } catch (error) {
      // An exit, or a loop that cannot go on: the run ends with it.
      failure = { error };
    } finally {
      _setRunningLoop(null);
      this.#inTick = false;
    }
    if (failure !== null || loop._stopping) {
      this.#finish(failure);
      return;
    }
    try {
      this.#settle();
    } catch (error) {
      // A hook that cannot say when the next turn is due: there would be none.
      this.#finish({ error });
    }
  }

  /** Ends the run, and says how. */
  #finish(failure: { readonly error: unknown } | null): void {
    try {
      this.#end();
    } catch (error) {
      // A hook that fails at the end must not keep it from being told; what came before tells more.
      this.#reject(failure === null ? error : failure.error);
      return;
    }
    if (failure === null) this.#resolve();
    else this.#reject(failure.error);
  }

  /** After the turns: sees to it that the next one comes when it is due. */
  #settle(): void {
    const loop = this.#loop;
    const selector = loop._selector;
    selector.flush?.();
    if (selector.notify === undefined || loop._isReady() || selector.pending?.() === true) {
      // A selector that cannot call us is asked again and again: it must not block, and decides what waiting means.
      if (!this.#asked) this.#ask();
    } else {
      const timeout = loop._nextTimeout();
      if (selector.arm !== undefined) selector.arm(timeout);
      else this.#setTimer(timeout);
    }
    this.#updateHold();
  }

  #setTimer(timeout: number | null): void {
    const at = timeout === null ? Infinity : this.#loop.time() + timeout;
    if (at === this.#timerAt) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerAt = at;
    if (timeout === null) return;
    this.#cancelTimer = this.#host.later(timeout, () => {
      this.#cancelTimer = null;
      this.#timerAt = Infinity;
      this.turn();
    });
  }

  /** Tells the host whether there is anything to wait for. */
  #updateHold(): void {
    const hold = !this.#ended && this.#loop._isAlive();
    if (hold === this.#held) return;
    this.#held = hold;
    if (hold) this.#host.hold();
    else this.#host.release();
  }

  /** The loop's count of what keeps it alive has changed outside of a turn. */
  _holdChanged(): void {
    if (!this.#inTick) this.#updateHold();
  }

  #onStalled(): void {
    if (this.#ended) return;
    const pending = describePending(this.#loop);
    const error = new RuntimeError(`the run can never finish: nothing is left to wait for.\n${pending}`);
    this.#finish({ error });
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const loop = this.#loop;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#unwatch?.();
    if (this.#held) {
      this.#held = false;
      this.#host.release();
    }
    loop._drive = null;
    _removeHosted(loop);
    try {
      if (!loop.isClosed()) {
        loop._selector.flush?.();
        loop._selector.notify?.(null);
      }
    } finally {
      endRun(loop);
    }
  }
}
