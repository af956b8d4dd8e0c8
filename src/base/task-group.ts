import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type ScopeBody, asyncWith } from './async-with.ts';
import { type AwaitableCoroutine, type Coroutine, closeCoroutine } from './coroutine.ts';
import { BaseExceptionGroup, CancelledError, RuntimeError, isExit } from './exceptions.ts';
import type { Future } from './future.ts';
import { currentTask } from './lifetime.ts';
import type { Loop } from './loop.ts';
import { getRunningLoop } from './running-loop.ts';
import type { Task, TaskOptions } from './task.ts';

/**
 * Tasks that belong together: the block ends when all of them have ended, and the first that fails ends the others.
 * asyncio: `TaskGroup`.
 *
 * @example
 * ```ts
 * const [user, orders] = yield* new TaskGroup().run(function* (group) {
 *   const user = group.createTask(fetchUser(id));
 *   const orders = group.createTask(fetchOrders(id));
 *   return [yield* user, yield* orders] as const;
 * });
 * ```
 */
export class TaskGroup {
  _entered = false;
  _exiting = false;
  _aborting = false;
  _loop: Loop | null = null;
  _parentTask: Task | null = null;
  _parentCancelRequested = false;
  readonly _tasks: Set<Task> = new Set();
  _errors: unknown[] = [];
  /** An exit, which is thrown bare. */
  _baseError: unknown = null;
  _onCompletedFut: Future<boolean> | null = null;
  readonly #onTaskDone = (task: Task): void => this._onTaskDone(task);

  // oxlint-disable-next-line require-yield -- entering waits for nothing
  *aenter(): Coroutine<this> {
    if (this._entered) throw new RuntimeError(`TaskGroup ${this} has already been entered`);
    this._loop ??= getRunningLoop();
    this._parentTask = currentTask(this._loop) as Task | null;
    if (this._parentTask === null)
      throw new RuntimeError(`TaskGroup ${this} cannot determine the parent task`);
    this._entered = true;
    return this;
  }

  *aexit(error?: unknown): Coroutine<void> {
    try {
      yield* this.#leave(error);
    } finally {
      // Errors are heavy.
      this._parentTask = null;
      this._errors = [];
      this._baseError = null;
    }
  }

  *#leave(error: unknown): Coroutine<void> {
    this._exiting = true;
    if (isExit(error) && this._baseError === null) this._baseError = error;
    let cancellation = error instanceof CancelledError ? error : null;
    if (error !== undefined && !this._aborting) this._abort();

    // Its own abort, and others, may cancel the wait any number of times.
    while (this._tasks.size > 0) {
      this._onCompletedFut ??= this._loop!.createFuture<boolean>();
      try {
        yield* this._onCompletedFut;
      } catch (thrown) {
        if (!(thrown instanceof CancelledError)) throw thrown;
        if (!this._aborting) {
          cancellation = thrown;
          this._abort();
        }
      }
      this._onCompletedFut = null;
    }

    if (this._baseError !== null) throw this._baseError;
    // What the group asked for it takes back; if nobody else asked, there is no cancellation to pass on.
    if (this._parentCancelRequested && this._parentTask!.uncancel() === 0) cancellation = null;
    if (cancellation !== null && this._errors.length === 0) throw cancellation;
    if (error !== undefined && !(error instanceof CancelledError)) this._errors.push(error);
    if (this._errors.length === 0) return;
    if (this._parentTask!.cancelling() > 0) {
      // Cancelled from outside as well: the errors go first, the cancellation comes at the next wait.
      this._parentTask!.uncancel();
      this._parentTask!.cancel();
    }
    throw new BaseExceptionGroup('unhandled errors in a TaskGroup', this._errors);
  }

  /**
   * Makes a task of the group.
   *
   * @throws RuntimeError before the block, after it, and once the group is ending; the coroutine is then closed
   */
  createTask<T>(coro: Coroutine<T>, options?: TaskOptions): Task<T> {
    const refusal = this.#refusal();
    if (refusal !== null) {
      closeCoroutine(coro);
      throw new RuntimeError(`TaskGroup ${this} ${refusal}`);
    }
    const task = this._loop!.createTask(coro, options) as Task<T>;
    futureAddToAwaitedBy(task, this._parentTask!);
    this._tasks.add(task as Task);
    // Also for a task that is done already: its error must not cancel the line that makes it.
    task.addDoneCallback(this.#onTaskDone);
    return task;
  }

  #refusal(): string | null {
    if (!this._entered) return 'has not been entered';
    if (this._exiting && this._tasks.size === 0) return 'is finished';
    if (this._aborting) return 'is shutting down';
    return null;
  }

  /** Cancels every task that is not done. */
  _abort(): void {
    this._aborting = true;
    for (const task of this._tasks) if (!task.done()) task.cancel();
  }

  /** Collects what a task ended with. */
  _onTaskDone(task: Task): void {
    this._tasks.delete(task);
    const parent = this._parentTask;
    if (parent !== null) futureDiscardFromAwaitedBy(task, parent);
    const waiter = this._onCompletedFut;
    if (waiter !== null && this._tasks.size === 0 && !waiter.done()) waiter.setResult(true);
    if (task.cancelled()) return;
    const error = task.exception();
    if (error === null) return;
    this._errors.push(error);
    if (isExit(error) && this._baseError === null) this._baseError = error;
    if (parent === null || parent.done()) {
      this._loop!.callExceptionHandler({
        message: `Task ${task} has errored out but its parent task ${parent} is already completed`,
        exception: error,
        task,
      });
      return;
    }
    if (this._aborting || this._parentCancelRequested) return;
    // Whatever the block is waiting for ends; leaving it takes the request back.
    this._abort();
    this._parentCancelRequested = true;
    parent.cancel();
  }

  /**
   * Runs `body` as the group's block. Python: `async with`.
   *
   * @param body a function of the group, or something to await
   * @throws ExceptionGroup with what failed (a BaseExceptionGroup, if that are no exceptions); exits bare
   */
  run<T>(body: ScopeBody<this, T>): AwaitableCoroutine<T> {
    return asyncWith(this, body);
  }

  toString(): string {
    const parts: string[] = [];
    if (this._tasks.size > 0) parts.push(`tasks=${this._tasks.size}`);
    if (this._errors.length > 0) parts.push(`errors=${this._errors.length}`);
    if (this._aborting) parts.push('cancelling');
    else if (this._entered) parts.push('entered');
    return `<${['TaskGroup', ...parts].join(' ')}>`;
  }
}
