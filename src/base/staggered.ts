import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import { CancelledError, ExceptionGroup, isExit } from './exceptions.ts';
import { Event } from './event.ts';
import type { Future } from './future.ts';
import { type TaskLike, currentTask } from './lifetime.ts';
import type { Loop } from './loop.ts';
import { TimeoutError } from './os-error.ts';
import { getRunningLoop } from './running-loop.ts';
import type { Task } from './task.ts';
import { waitFor } from './wait-for.ts';

/** How a race went: the winner's result and number, null without one, and what the others that began failed with. */
export type RaceOutcome<T> = [winner: T | null, index: number | null, exceptions: (unknown | null)[]];

class StaggeredRace<T> {
  readonly #attempts: Iterator<() => Coroutine<T>>;
  readonly #delay: number | null;
  readonly #loop: Loop;
  /** The task that holds the race. */
  readonly #holder: TaskLike | null;
  readonly #running = new Set<Task<void>>();
  readonly #unhandled: unknown[] = [];
  #ended: Future<void> | null = null;
  readonly outcome: RaceOutcome<T> = [null, null, []];

  constructor(attempts: Iterable<() => Coroutine<T>>, delay: number | null, loop: Loop) {
    this.#attempts = attempts[Symbol.iterator]();
    this.#delay = delay;
    this.#loop = loop;
    this.#holder = currentTask(loop);
  }

  /** Runs the attempts until none is left; cancelled, it cancels them, and waits for them first. */
  *run(): Coroutine<void> {
    let cancelled: CancelledError | null = null;
    this.#begin(null);
    while (this.#running.size > 0) {
      this.#ended ??= this.#loop.createFuture<void>();
      try {
        yield* this.#ended;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        cancelled = error;
        for (const task of this.#running) task.cancel(error.args[0]);
      }
      this.#ended = null;
    }
    if (this.#unhandled.length > 0) throw new ExceptionGroup('staggered race failed', this.#unhandled);
    if (cancelled !== null) throw cancelled;
  }

  /** Begins to wait for the turn of the next attempt. `before` is set when the attempt before it has failed. */
  #begin(before: Event | null): void {
    // An eager task must not run before it is counted.
    const counted = new Event();
    const task = this.#loop.createTask(this.#takeTurn(counted, before)) as Task<void>;
    this.#running.add(task);
    if (this.#holder !== null) futureAddToAwaitedBy(task, this.#holder);
    task.addDoneCallback(this.#onTaskDone);
    counted.set();
  }

  readonly #onTaskDone = (task: Task<void>): void => {
    this.#running.delete(task);
    if (this.#holder !== null) futureDiscardFromAwaitedBy(task, this.#holder);
    if (this.#running.size === 0 && this.#ended !== null && !this.#ended.done()) this.#ended.setResult();
    if (task.cancelled()) return;
    const error = task.exception();
    if (error !== null) this.#unhandled.push(error);
  };

  *#takeTurn(counted: Event, before: Event | null): Coroutine<void> {
    yield* counted.wait();
    if (before !== null) {
      try {
        yield* waitFor(before.wait(), this.#delay);
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
      }
    }
    const next = this.#attempts.next();
    if (next.done === true) return;
    const failed = new Event();
    this.#begin(failed);
    const exceptions = this.outcome[2];
    const index = exceptions.push(null) - 1;
    try {
      const result = yield* next.value();
      if (this.outcome[1] === null) {
        this.outcome[0] = result;
        this.outcome[1] = index;
      }
    } catch (error) {
      if (isExit(error)) throw error;
      // Whatever else it is, the caller gets it in the list.
      exceptions[index] = error;
      failed.set();
      return;
    }
    const self = currentTask(this.#loop);
    for (const task of this.#running) if (task !== self) task.cancel();
  }
}

/**
 * Makes attempts one after the other, the next one when the one before has failed or `delay` seconds have passed. The
 * first result wins; the others are cancelled and awaited. asyncio: `staggered_race`.
 *
 * Cancelling it cancels every attempt and waits for its end.
 *
 * @param attempts functions that make the coroutine of an attempt
 * @param delay seconds; null: only when the one before has failed
 * @param options.loop default: the running loop
 */
export const staggeredRace: <T>(
  attempts: Iterable<() => Coroutine<T>>,
  delay: number | null,
  options?: { readonly loop?: Loop | null },
) => AwaitableCoroutine<RaceOutcome<T>> = coroutine(function* staggeredRace<T>(
  attempts: Iterable<() => Coroutine<T>>,
  delay: number | null,
  options: { readonly loop?: Loop | null } = {},
): Coroutine<RaceOutcome<T>> {
  const race = new StaggeredRace<T>(attempts, delay, options.loop ?? getRunningLoop());
  yield* race.run();
  return race.outcome;
}) as never;
