import { type ScopeBody, asyncWith } from './async-with.ts';
import type { AwaitableCoroutine, Coroutine } from './coroutine.ts';
import { AssertionError, CancelledError, ExceptionGroup, RuntimeError } from './exceptions.ts';
import type { Handle } from './handle.ts';
import { currentTask } from './lifetime.ts';
import { TimeoutError } from './os-error.ts';
import { getRunningLoop } from './running-loop.ts';
import type { Task } from './task.ts';

/** Where a {@link Timeout} can stand. asyncio: `timeouts._State`. */
export const _TimeoutState = {
  CREATED: 'created',
  ENTERED: 'active',
  EXPIRING: 'expiring',
  EXPIRED: 'expired',
  EXITED: 'finished',
} as const;

/** Where a {@link Timeout} stands. */
export type TimeoutState = (typeof _TimeoutState)[keyof typeof _TimeoutState];

/**
 * A limit of time for a block: at the deadline the block is cancelled, and the cancellation that leaves it becomes a
 * TimeoutError. Can be used once. asyncio: `Timeout`.
 *
 * @example
 * ```ts
 * const answer = yield* timeout(2).run(ask('How are you?'));
 * ```
 */
export class Timeout {
  _state: TimeoutState = 'created';
  _when: number | null;
  _task: Task | null = null;
  _timeoutHandler: Handle | null = null;
  /** Cancel requests of the task when the block began. */
  _cancelling = 0;

  /** @param when the deadline in seconds of the loop's clock; null: none */
  constructor(when: number | null) {
    if (when !== null && (typeof when !== 'number' || Number.isNaN(when))) {
      throw new TypeError('when: must be a number of seconds or null');
    }
    this._when = when;
  }

  /** The deadline in seconds of the loop's clock, null without one. */
  when(): number | null {
    return this._when;
  }

  /** Whether the deadline passed while the block ran, even if the block took no notice. */
  expired(): boolean {
    return this._state === 'expiring' || this._state === 'expired';
  }

  /**
   * Moves the deadline.
   *
   * @param when seconds of the loop's clock; one that has passed ends the block in the next turn; null: no deadline
   * @throws RuntimeError before the block, after it, and once the deadline has passed
   */
  reschedule(when: number | null): void {
    if (this._state === 'created') throw new RuntimeError('Timeout has not been entered');
    if (this._state !== 'active') throw new RuntimeError(`Cannot change state of ${this._state} Timeout`);
    if (when !== null && (typeof when !== 'number' || Number.isNaN(when))) {
      throw new TypeError('when: must be a number of seconds or null');
    }
    this._when = when;
    this._timeoutHandler?.cancel();
    if (when === null) {
      this._timeoutHandler = null;
      return;
    }
    const loop = getRunningLoop();
    this._timeoutHandler =
      when <= loop.time() ? loop.callSoon(expire, [this]) : loop.callAt(when, expire, [this]);
  }

  // oxlint-disable-next-line require-yield -- entering waits for nothing
  *aenter(): Coroutine<this> {
    if (this._state !== 'created') throw new RuntimeError('Timeout has already been entered');
    const task = currentTask() as Task | null;
    if (task === null) throw new RuntimeError('Timeout should be used inside a task');
    this._state = 'active';
    this._task = task;
    this._cancelling = task.cancelling();
    this.reschedule(this._when);
    return this;
  }

  // oxlint-disable-next-line require-yield -- leaving waits for nothing
  *aexit(error?: unknown): Coroutine<void> {
    if (this._state !== 'active' && this._state !== 'expiring') {
      throw new AssertionError(`aexit of a Timeout that is ${this._state}`);
    }
    this._timeoutHandler?.cancel();
    this._timeoutHandler = null;
    if (this._state === 'active') {
      this._state = 'finished';
      return;
    }
    this._state = 'expired';
    // Somebody else may have asked for a cancellation as well: then it stays one.
    if (this._task!.uncancel() > this._cancelling || error === undefined) return;
    if (error instanceof CancelledError) {
      const timedOut = new TimeoutError('', { cause: error });
      timedOut.context = error;
      throw timedOut;
    }
    insertTimeoutError(error);
    if (error instanceof ExceptionGroup) for (const member of error.exceptions) insertTimeoutError(member);
  }

  /**
   * Runs `body` within the limit. Python: `async with`.
   *
   * @param body something to await, or a function of the timeout
   * @throws TimeoutError when the deadline passed; its `cause` is the CancelledError
   */
  run<T>(body: ScopeBody<this, T>): AwaitableCoroutine<T> {
    return asyncWith(this, body);
  }

  toString(): string {
    const when = this._state === 'active' && this._when !== null ? ` when=${this._when.toFixed(3)}` : '';
    return `<Timeout [${this._state}]${when}>`;
  }
}

function expire(scope: Timeout): void {
  scope._task!.cancel();
  scope._state = 'expiring';
  scope._timeoutHandler = null;
}

interface Chained {
  context?: unknown;
}

/** Puts a TimeoutError where the cancellation stands in the chain of what led to `error`. */
function insertTimeoutError(error: unknown): void {
  const seen = new Set<unknown>();
  let at = error as Chained;
  while (typeof at === 'object' && at !== null && at.context != null && !seen.has(at)) {
    seen.add(at);
    if (at.context instanceof CancelledError) {
      const timedOut = new TimeoutError('', { cause: at.context });
      timedOut.context = at.context;
      at.context = timedOut;
      return;
    }
    at = at.context as Chained;
  }
}

/**
 * A limit of `delay` seconds from now; null: none, until it is rescheduled. asyncio: `timeout`.
 *
 * @throws RuntimeError when no loop runs
 */
export function timeout(delay: number | null): Timeout {
  if (delay !== null && (typeof delay !== 'number' || Number.isNaN(delay))) {
    throw new TypeError('delay: must be a number of seconds or null');
  }
  const loop = getRunningLoop();
  return new Timeout(delay === null ? null : loop.time() + delay);
}

/** A limit at a time of the loop's clock; null: none, until it is rescheduled. asyncio: `timeout_at`. */
export function timeoutAt(when: number | null): Timeout {
  return new Timeout(when);
}
