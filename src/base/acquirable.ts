import { type ScopeBody, asyncWith } from './async-with.ts';
import type { AwaitableCoroutine, Coroutine } from './coroutine.ts';
import { LoopBound } from './loop-bound.ts';

/** What is acquired, and released again: locks, conditions, semaphores. asyncio: `_ContextManagerMixin`. */
export abstract class Acquirable extends LoopBound {
  abstract acquire(): AwaitableCoroutine<true>;
  abstract release(): void;
  abstract locked(): boolean;

  *aenter(): Coroutine<void> {
    yield* this.acquire();
  }

  // oxlint-disable-next-line require-yield -- leaving waits for nothing
  *aexit(_error?: unknown): Coroutine<void> {
    this.release();
  }

  /**
   * Acquires, runs `body`, releases whatever happened. Python: `async with`.
   *
   * @param body something to await, or a function
   * @returns the body's result
   *
   * @example
   * ```ts
   * yield* lock.run(function* () {
   *   yield* sleep(1); // nobody else is in here
   * });
   * ```
   */
  run<T>(body: ScopeBody<void, T>): AwaitableCoroutine<T> {
    return asyncWith(this, body);
  }
}
