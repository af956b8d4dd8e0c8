import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import type { Future } from './future.ts';
import { LoopBound } from './loop-bound.ts';

/** A flag that coroutines wait for. asyncio: `Event`. */
export class Event extends LoopBound {
  readonly _waiters: Set<Future<boolean>> = new Set();
  _value = false;

  isSet(): boolean {
    return this._value;
  }

  /** Sets the flag. Whoever waits now goes on, even if {@link clear} follows at once. */
  set(): void {
    if (this._value) return;
    this._value = true;
    for (const waiter of this._waiters) if (!waiter.done()) waiter.setResult(true);
  }

  clear(): void {
    this._value = false;
  }

  /** Waits until the flag is set; returns at once if it is. */
  wait(): AwaitableCoroutine<true> {
    return wait(this);
  }

  override toString(): string {
    const waiters = this._waiters.size === 0 ? '' : `, waiters:${this._waiters.size}`;
    return `<Event [${this._value ? 'set' : 'unset'}${waiters}]>`;
  }
}

const wait = coroutine(function* wait(event: Event): Coroutine<true> {
  if (event._value) return true;
  const waiter = event._getLoop().createFuture<boolean>();
  event._waiters.add(waiter);
  try {
    yield* waiter;
    return true;
  } finally {
    event._waiters.delete(waiter);
  }
});
