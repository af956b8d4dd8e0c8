import { Acquirable } from './acquirable.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import { CancelledError, ValueError } from './exceptions.ts';
import type { Future } from './future.ts';

/** A number of permits, given in the order of asking. asyncio: `Semaphore`. */
export class Semaphore extends Acquirable {
  readonly _waiters: Set<Future<boolean>> = new Set();
  _value: number;

  /**
   * @param value permits at the start
   * @throws TypeError when `value` is no integer; ValueError when it is negative
   */
  constructor(value: number = 1) {
    super();
    if (!Number.isInteger(value)) throw new TypeError('value: must be an integer');
    if (value < 0) throw new ValueError('Semaphore initial value must be >= 0');
    this._value = value;
  }

  /** Whether a permit would have to be waited for. */
  locked(): boolean {
    if (this._value === 0) return true;
    for (const waiter of this._waiters) if (!waiter.cancelled()) return true;
    return false;
  }

  /** Takes a permit. Cancelled after it was given one, it hands it on. */
  acquire(): AwaitableCoroutine<true> {
    return acquire(this);
  }

  /** Gives a permit back, straight to the first who waits. */
  release(): void {
    this._value++;
    this._wakeUpNext();
  }

  /** Gives a permit to the first who has none; returns whether there was one. */
  _wakeUpNext(): boolean {
    for (const waiter of this._waiters) {
      if (waiter.done()) continue;
      this._value--;
      waiter.setResult(true);
      return true;
    }
    return false;
  }

  override toString(): string {
    const waiters = this._waiters.size === 0 ? '' : `, waiters:${this._waiters.size}`;
    const state = this.locked() ? 'locked' : `unlocked, value:${this._value}`;
    return `<${this.constructor.name} [${state}${waiters}]>`;
  }
}

/** A semaphore that refuses more releases than acquisitions. asyncio: `BoundedSemaphore`. */
export class BoundedSemaphore extends Semaphore {
  readonly _boundValue: number;

  constructor(value: number = 1) {
    super(value);
    this._boundValue = value;
  }

  /** @throws ValueError when it was not acquired */
  override release(): void {
    if (this._value >= this._boundValue) throw new ValueError('BoundedSemaphore released too many times');
    super.release();
  }
}

const acquire = coroutine(function* acquire(semaphore: Semaphore): Coroutine<true> {
  if (!semaphore.locked()) {
    semaphore._value--;
    return true;
  }
  const waiter = semaphore._getLoop().createFuture<boolean>();
  semaphore._waiters.add(waiter);
  try {
    try {
      yield* waiter;
    } finally {
      semaphore._waiters.delete(waiter);
    }
  } catch (error) {
    if (error instanceof CancelledError && waiter.done() && !waiter.cancelled()) semaphore._value++;
    throw error;
  } finally {
    // Whoever came meanwhile had to queue, though permits were left.
    while (semaphore._value > 0 && semaphore._wakeUpNext());
  }
  return true;
});
