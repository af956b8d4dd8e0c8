import { Acquirable } from './acquirable.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import { CancelledError, RuntimeError } from './exceptions.ts';
import type { Future } from './future.ts';

/** Mutual exclusion; whoever waits gets it in the order of asking. Not reentrant. asyncio: `Lock`. */
export class Lock extends Acquirable {
  /** In order of asking; a waiter that was woken stays until it runs. */
  readonly _waiters: Set<Future<boolean>> = new Set();
  _locked = false;

  /** Whether somebody has the lock. False between a release and the next holder's turn. */
  locked(): boolean {
    return this._locked;
  }

  /**
   * Takes the lock, after everybody who asked before.
   *
   * Cancelling it loses nothing: the turn goes to the next in line.
   *
   * @throws RuntimeError when it has to wait and the lock is bound to another loop
   */
  acquire(): AwaitableCoroutine<true> {
    return acquire(this);
  }

  /** Gives the lock back and wakes the first in line. @throws RuntimeError when nobody has the lock */
  release(): void {
    if (!this._locked) throw new RuntimeError('Lock is not acquired.');
    this._locked = false;
    this._wakeUpFirst();
  }

  _wakeUpFirst(): void {
    for (const first of this._waiters) {
      if (!first.done()) first.setResult(true);
      return;
    }
  }

  override toString(): string {
    const waiters = this._waiters.size === 0 ? '' : `, waiters:${this._waiters.size}`;
    return `<Lock [${this._locked ? 'locked' : 'unlocked'}${waiters}]>`;
  }
}

const acquire = coroutine(function* acquire(lock: Lock): Coroutine<true> {
  const waiters = lock._waiters;
  if (!lock._locked && allCancelled(waiters)) {
    lock._locked = true;
    return true;
  }
  const waiter = lock._getLoop().createFuture<boolean>();
  waiters.add(waiter);
  try {
    try {
      yield* waiter;
    } finally {
      waiters.delete(waiter);
    }
  } catch (error) {
    // Woken and cancelled at once: if the lock is still free, the next in line must not sleep on.
    if (error instanceof CancelledError && !lock._locked) lock._wakeUpFirst();
    throw error;
  }
  lock._locked = true;
  return true;
});

function allCancelled(waiters: Iterable<Future<boolean>>): boolean {
  for (const waiter of waiters) if (!waiter.cancelled()) return false;
  return true;
}
