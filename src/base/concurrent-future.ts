import { Exception, InvalidStateError, RuntimeError, brandError, isExit } from './exceptions.ts';
import { logger } from './logger.ts';

/** A future of another thread was cancelled. Python: `concurrent.futures.CancelledError`, an ordinary error. */
export class ConcurrentCancelledError extends Exception {}

/** An operation does not fit the state. Python: `concurrent.futures.InvalidStateError`. */
export class ConcurrentInvalidStateError extends InvalidStateError {}

brandError(ConcurrentCancelledError, 'ConcurrentCancelledError', 'ERR_MIOLO_CONCURRENT_CANCELLED');
brandError(ConcurrentInvalidStateError, 'ConcurrentInvalidStateError', 'ERR_MIOLO_CONCURRENT_INVALID_STATE');

/** Where a {@link ConcurrentFuture} stands. */
export type ConcurrentFutureState =
  | 'PENDING'
  | 'RUNNING'
  | 'CANCELLED'
  | 'CANCELLED_AND_NOTIFIED'
  | 'FINISHED';

/**
 * The outcome of a job that no loop runs: of a thread's, or of another loop's task.
 *
 * It belongs to no loop: its callbacks are called at once, by whoever completes it. Nothing blocks on it, since a
 * thread of JavaScript that blocks hears nothing from others: `result()` throws while it is pending, and
 * `await future` waits for it in async functions. In coroutines, {@link wrapFuture} makes a loop's future of it.
 *
 * Python: `concurrent.futures.Future`.
 */
export class ConcurrentFuture<T = unknown> implements PromiseLike<T> {
  _state: ConcurrentFutureState = 'PENDING';
  _result: T | undefined = undefined;
  _exception: unknown = null;
  #callbacks: ((future: this) => unknown)[] = [];

  /**
   * Cancels the job, unless it has begun.
   *
   * @returns false when it runs or has finished; true also when it was cancelled before
   */
  cancel(): boolean {
    if (this._state === 'RUNNING' || this._state === 'FINISHED') return false;
    if (this._state !== 'PENDING') return true;
    this._state = 'CANCELLED';
    this.#runCallbacks();
    return true;
  }

  cancelled(): boolean {
    return this._state === 'CANCELLED' || this._state === 'CANCELLED_AND_NOTIFIED';
  }

  /** Whether the job has begun and not ended: it cannot be cancelled. */
  running(): boolean {
    return this._state === 'RUNNING';
  }

  /** Whether there is a result or an error, or the job was cancelled. */
  done(): boolean {
    return this._state === 'FINISHED' || this.cancelled();
  }

  /**
   * The result. Differs from Python's in that it never waits.
   *
   * @throws the job's error; ConcurrentCancelledError; ConcurrentInvalidStateError while the job is not done
   */
  result(): T {
    this.#checkDone();
    if (this._exception !== null) throw this._exception;
    return this._result as T;
  }

  /**
   * The job's error, null if it has a result. Differs from Python's in that it never waits.
   *
   * @throws ConcurrentCancelledError; ConcurrentInvalidStateError while the job is not done
   */
  exception(): unknown {
    this.#checkDone();
    return this._exception;
  }

  #checkDone(): void {
    if (this.cancelled()) throw new ConcurrentCancelledError('the job was cancelled');
    if (this._state !== 'FINISHED') throw new ConcurrentInvalidStateError('Result is not ready.');
  }

  /**
   * Calls `callback` with the future when it is done: at once if it is, otherwise from inside of the call that
   * completes it. What it throws is logged.
   */
  addDoneCallback(callback: (future: this) => unknown): void {
    if (this.done()) this.#call(callback);
    else this.#callbacks.push(callback);
  }

  /**
   * For executors: the job is about to begin. From now on it cannot be cancelled.
   *
   * @returns false when it was cancelled: it must not begin
   * @throws RuntimeError when it has begun before
   */
  setRunningOrNotifyCancel(): boolean {
    if (this._state === 'CANCELLED') {
      this._state = 'CANCELLED_AND_NOTIFIED';
      return false;
    }
    if (this._state !== 'PENDING') throw new RuntimeError(`Future in unexpected state: ${this._state}`);
    this._state = 'RUNNING';
    return true;
  }

  /** For executors. @throws ConcurrentInvalidStateError when the future is done */
  setResult(...[result]: T extends undefined | void ? [result?: T] : [result: T]): void {
    this.#finish();
    this._result = result as T;
    this.#runCallbacks();
  }

  /** For executors. @param error what the job threw @throws ConcurrentInvalidStateError when the future is done */
  setException(error: unknown): void {
    this.#finish();
    // Undefined and null can be thrown as well; a stored error is told from none by not being null.
    this._exception = error ?? new RuntimeError(`the job threw ${String(error)}`);
    this.#runCallbacks();
  }

  #finish(): void {
    if (this.done()) throw new ConcurrentInvalidStateError(`${this._state}: ${this.toString()}`);
    this._state = 'FINISHED';
  }

  #runCallbacks(): void {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) this.#call(callback);
  }

  #call(callback: (future: this) => unknown): void {
    try {
      callback(this);
    } catch (error) {
      // Nobody called us who could be told, except of an exit.
      if (isExit(error)) throw error;
      logger.error(`exception calling callback for ${this.toString()}`, error);
    }
  }

  /** Makes `await future` work in async functions. */
  // oxlint-disable-next-line unicorn/no-thenable -- what Python waits for by blocking is awaited here
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const promise = new Promise<T>((resolve, reject) => {
      this.addDoneCallback(() => {
        try {
          resolve(this.result());
        } catch (error) {
          // Whatever the job failed with is what the promise rejects with.
          reject(error);
        }
      });
    });
    return promise.then(onFulfilled, onRejected);
  }

  toString(): string {
    const state = this._state.toLowerCase();
    if (this._state !== 'FINISHED') return `<${this.constructor.name} state=${state}>`;
    const outcome = this._exception === null ? 'returned' : 'raised';
    const what = this._exception ?? this._result;
    return `<${this.constructor.name} state=${state} ${outcome} ${(what as object | null)?.constructor?.name ?? typeof what}>`;
  }
}
