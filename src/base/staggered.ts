import type { Coroutine } from './coroutine.ts';
import { CancelledError } from './exceptions.ts';
import type { Future } from './future.ts';
import type { Loop } from './loop.ts';
import type { Task } from './task.ts';

/** Attempts under way, and whoever waits for one of them to end. */
class Race<T> {
  readonly running = new Set<Task<void>>();
  winner: { readonly value: T } | null = null;
  #loop: Loop;
  #changed: Future<void> | null = null;

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  start(make: () => Coroutine<T>): void {
    const task = this.#loop.createTask(this.#attempt(make)) as Task<void>;
    this.running.add(task);
    task.addDoneCallback((done: Task<void>) => {
      this.running.delete(done);
      // What was wrong is known to whoever made the attempt.
      if (!done.cancelled()) done.exception();
      this.signal();
    });
  }

  *#attempt(make: () => Coroutine<T>): Coroutine<void> {
    const value = yield* make();
    this.winner ??= { value };
  }

  readonly signal = (): void => {
    if (this.#changed !== null && !this.#changed.done()) this.#changed.setResult();
  };

  /** Waits until an attempt has ended, or `seconds` have passed. */
  *change(seconds: number | null): Coroutine<void> {
    this.#changed = this.#loop.createFuture<void>();
    const timer = seconds === null ? null : this.#loop.callLater(seconds, this.signal);
    try {
      yield* this.#changed;
    } finally {
      timer?.cancel();
    }
  }

  /** Cancels what is left and waits for it, whatever happens meanwhile. Returns what happened. */
  *end(): Coroutine<CancelledError | null> {
    let cancelled: CancelledError | null = null;
    for (const task of this.running) task.cancel();
    while (this.running.size > 0) {
      try {
        yield* this.change(null);
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        cancelled = error;
      }
    }
    return cancelled;
  }
}

/**
 * Makes attempts one after the other, the next one when the one before has failed or `delay` seconds have passed. The
 * first result wins; the others are cancelled and awaited. asyncio: `staggered_race`.
 *
 * @returns the winner's result, null if every attempt failed
 */
export function* staggeredRace<T>(
  attempts: readonly (() => Coroutine<T>)[],
  delay: number | null,
  loop: Loop,
): Coroutine<T | null> {
  const race = new Race<T>(loop);
  let next = 0;
  try {
    while (race.winner === null && (next < attempts.length || race.running.size > 0)) {
      const more = next < attempts.length;
      if (more) race.start(attempts[next++]!);
      const size = race.running.size;
      yield* race.change(next < attempts.length ? delay : null);
      // Without a delay, or at the last attempt, only an end is worth a look.
      if (delay === null) while (race.winner === null && race.running.size === size) yield* race.change(null);
    }
  } catch (error) {
    // The race itself is cancelled: no attempt may go on behind its back.
    yield* race.end();
    throw error;
  }
  const cancelled = yield* race.end();
  if (cancelled !== null) throw cancelled;
  return (race.winner as { readonly value: T } | null)?.value ?? null;
}
