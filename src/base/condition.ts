import { Acquirable } from './acquirable.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import { CancelledError, RuntimeError } from './exceptions.ts';
import type { Future } from './future.ts';
import { Lock } from './lock.ts';

/** A lock, and a signal to whoever waits for a change of what it guards. asyncio: `Condition`. */
export class Condition extends Acquirable {
  readonly _lock: Lock;
  readonly _waiters: Set<Future<boolean>> = new Set();

  /**
   * @param lock a lock to share; default: a new one
   * @throws TypeError when it is no lock
   */
  constructor(lock?: Lock | null) {
    super();
    const its = lock ?? new Lock();
    for (const method of ['locked', 'acquire', 'release'] as const) {
      if (typeof its[method] !== 'function')
        throw new TypeError(`lock: must be a Lock, it has no ${method}()`);
    }
    this._lock = its;
  }

  acquire(): AwaitableCoroutine<true> {
    return this._lock.acquire();
  }

  release(): void {
    this._lock.release();
  }

  locked(): boolean {
    return this._lock.locked();
  }

  /**
   * Releases the lock, waits to be notified, takes the lock again.
   *
   * It may also return without a notification of its own: check what you wait for, or use {@link waitFor}. Cancelled,
   * it takes the lock first; a notification it had got goes to another waiter.
   *
   * @throws RuntimeError when nobody has the lock
   */
  wait(): AwaitableCoroutine<true> {
    return wait(this);
  }

  /** Waits until `predicate` gives something true, and returns that. */
  waitFor<T>(predicate: () => T): AwaitableCoroutine<T> {
    return waitForPredicate(this, predicate);
  }

  /** Wakes up to `n` waiters. @throws RuntimeError when nobody has the lock */
  notify(n: number = 1): void {
    if (!this.locked()) throw new RuntimeError('cannot notify on un-acquired lock');
    this._notify(n);
  }

  /** Wakes all waiters. @throws RuntimeError when nobody has the lock */
  notifyAll(): void {
    this.notify(this._waiters.size);
  }

  _notify(n: number): void {
    let left = n;
    for (const waiter of this._waiters) {
      if (left <= 0) return;
      if (waiter.done()) continue;
      left--;
      waiter.setResult(false);
    }
  }

  override toString(): string {
    const waiters = this._waiters.size === 0 ? '' : `, waiters:${this._waiters.size}`;
    return `<Condition [${this.locked() ? 'locked' : 'unlocked'}${waiters}]>`;
  }
}

const wait = coroutine(function* wait(condition: Condition): Coroutine<true> {
  if (!condition.locked()) throw new RuntimeError('cannot wait on un-acquired lock');
  const waiter = condition._getLoop().createFuture<boolean>();
  condition.release();
  try {
    try {
      condition._waiters.add(waiter);
      try {
        yield* waiter;
        return true;
      } finally {
        condition._waiters.delete(waiter);
      }
    } finally {
      yield* reacquire(condition);
    }
  } catch (error) {
    // It may have been notified before it failed: somebody else is to have that.
    condition._notify(1);
    throw error;
  }
});

/** Takes the lock, however often the wait for it is cancelled; then throws the last cancellation. */
function* reacquire(condition: Condition): Coroutine<void> {
  let cancelled: CancelledError | null = null;
  for (;;) {
    try {
      yield* condition.acquire();
      break;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      cancelled = error;
    }
  }
  if (cancelled !== null) throw cancelled;
}

const waitForPredicate = coroutine(function* waitForPredicate<T>(
  condition: Condition,
  predicate: () => T,
): Coroutine<T> {
  let result = predicate();
  while (!result) {
    yield* condition.wait();
    result = predicate();
  }
  return result;
}) as <T>(condition: Condition, predicate: () => T) => AwaitableCoroutine<T>;
