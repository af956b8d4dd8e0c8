import { type ScopeBody, asyncWith } from './async-with.ts';
import { Condition } from './condition.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine, coroutineMethods } from './coroutine.ts';
import { BrokenBarrierError, ValueError } from './exceptions.ts';

type BarrierState = 'filling' | 'draining' | 'resetting' | 'broken';

/** Holds tasks until a given number of them has come. Can be used again and again. asyncio: `Barrier`. */
export class Barrier {
  readonly _cond: Condition = new Condition();
  readonly _parties: number;
  _state: BarrierState = 'filling';
  /** Tasks inside. */
  _count = 0;

  /**
   * @param parties number of tasks
   * @throws TypeError when it is no integer; ValueError when it is below 1
   */
  constructor(parties: number) {
    if (!Number.isInteger(parties)) throw new TypeError('parties: must be an integer');
    if (parties < 1) throw new ValueError('parties must be >= 1');
    this._parties = parties;
  }

  /**
   * Waits until all parties have come.
   *
   * Cancelled, it only leaves: the number that waits goes down by one.
   *
   * @returns 0 for the first that came, and so on
   * @throws BrokenBarrierError when the barrier is aborted or reset
   */
  wait(): AwaitableCoroutine<number> {
    return wait(this);
  }

  /** Sends those who wait away with BrokenBarrierError, and makes a broken barrier usable again. */
  *reset(): Coroutine<void> {
    yield* this._cond.acquire();
    try {
      this._state = this._count > 0 ? 'resetting' : 'filling';
      this._cond.notifyAll();
    } finally {
      this._cond.release();
    }
  }

  /** Breaks the barrier, for those who wait and those who come, until {@link reset}. */
  *abort(): Coroutine<void> {
    yield* this._cond.acquire();
    try {
      this._state = 'broken';
      this._cond.notifyAll();
    } finally {
      this._cond.release();
    }
  }

  get parties(): number {
    return this._parties;
  }

  /** How many wait; 0 while those of a full round leave. */
  get nWaiting(): number {
    return this._state === 'filling' ? this._count : 0;
  }

  get broken(): boolean {
    return this._state === 'broken';
  }

  *aenter(): Coroutine<number> {
    return yield* this.wait();
  }

  // oxlint-disable-next-line require-yield -- leaving a barrier does nothing
  *aexit(_error?: unknown): Coroutine<void> {}

  /** Waits for the others, then runs `body`, which gets the index. */
  run<T>(body: ScopeBody<number, T>): AwaitableCoroutine<T> {
    return asyncWith(this, body);
  }

  toString(): string {
    const waiting = this._state === 'broken' ? '' : `, waiters:${this.nWaiting}/${this._parties}`;
    return `<Barrier [${this._state}${waiting}]>`;
  }
}

const wait = coroutine(function* wait(barrier: Barrier): Coroutine<number> {
  const condition = barrier._cond;
  yield* condition.acquire();
  try {
    // Whoever comes while a round leaves belongs to the next one.
    yield* condition.waitFor(() => barrier._state !== 'draining' && barrier._state !== 'resetting');
    if (barrier.broken) throw new BrokenBarrierError('Barrier aborted');
    const index = barrier._count++;
    try {
      if (index + 1 === barrier._parties) {
        barrier._state = 'draining';
        condition.notifyAll();
      } else {
        yield* condition.waitFor(() => barrier._state !== 'filling');
        if (barrier.broken || barrier._state === 'resetting') {
          throw new BrokenBarrierError('Abort or reset of barrier');
        }
      }
      return index;
    } finally {
      barrier._count--;
      if (barrier._count === 0) {
        if (barrier._state === 'resetting' || barrier._state === 'draining') barrier._state = 'filling';
        condition.notifyAll();
      }
    }
  } finally {
    condition.release();
  }
});

coroutineMethods(Barrier.prototype, 'reset', 'abort');
