import type { Coroutine } from './coroutine.ts';
import { CancelledError } from './exceptions.ts';
import type { Future } from './future.ts';
import type { Loop } from './loop.ts';
import type { Task } from './task.ts';

/**
 * Runs attempts one after the other, the next one beginning when the one before fails or `delay` seconds have
 * passed. The first result wins; the others are cancelled and awaited. asyncio: `staggered_race`.
 *
 * @returns the winner's result, null if every attempt failed
 */
export function* staggeredRace<T>(
  attempts: readonly (() => Coroutine<T>)[],
  delay: number | null,
  loop: Loop,
): Coroutine<T | null> {
  const running = new Set<Task<void>>();
  const unhandled: unknown[] = [];
  let winner: { readonly value: T } | null = null;
  let changed: Future<void> | null = null;
  const signal = (): void => {
    if (changed !== null && !changed.done()) changed.setResult();
  };

  function* attempt(make: () => Coroutine<T>, failed: Future<void>): Coroutine<void> {
    try {
      const value = yield* make();
      if (winner === null) {
        winner = { value };
        for (const task of running) if (task !== self.get(make)) task.cancel();
      }
    } catch (error) {
      // A failure begins the next attempt; the makers keep the errors themselves.
      if (error instanceof CancelledError) throw error;
      if (!(error instanceof Error)) unhandled.push(error);
    } finally {
      if (!failed.done()) failed.setResult();
    }
  }

  const self = new Map<() => Coroutine<T>, Task<void>>();
  let next = 0;
  let failed: Future<void> | null = null;
  try {
    while (winner === null) {
      if (next < attempts.length && (failed === null || failed.done() || delay !== null)) {
        const make = attempts[next++]!;
        failed = loop.createFuture<void>();
        const task = loop.createTask(attempt(make, failed)) as Task<void>;
        self.set(make, task);
        running.add(task);
        task.addDoneCallback((done: Task<void>) => {
          running.delete(done);
          signal();
        });
        failed.addDoneCallback(signal);
      } else if (running.size === 0) break;
      changed = loop.createFuture<void>();
      const timer =
        delay !== null && next < attempts.length ? loop.callLater(delay, signal) : null;
      if (!failed!.done() || next >= attempts.length) yield* changed;
      timer?.cancel();
    }
  } finally {
    // Also when the race itself is cancelled: no attempt may go on behind its back.
    for (const task of running) task.cancel();
    while (running.size > 0) {
      changed = loop.createFuture<void>();
      try {
        yield* changed;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
      }
    }
  }
  if (unhandled.length > 0) throw unhandled[0];
  return (winner as { readonly value: T } | null)?.value ?? null;
}
