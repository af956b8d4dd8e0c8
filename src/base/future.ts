import type { Awaiter } from './awaited-by.ts';
import type { Context } from './contextvars.ts';
import { copyContext } from './contextvars.ts';
import { CancelledError, InvalidStateError, RuntimeError, StopIteration } from './exceptions.ts';
import type { FutureLike, Yieldable } from './future-like.ts';
import { creationStack } from './handle.ts';
import type { Loop } from './loop.ts';
import { getEventLoop } from './running-loop.ts';
import { noteUnretrieved, forgetUnretrieved } from './unretrieved.ts';

/** Where a future stands. */
export type FutureState = 'PENDING' | 'CANCELLED' | 'FINISHED';

const PENDING = 'PENDING';
const CANCELLED = 'CANCELLED';
const FINISHED = 'FINISHED';

/** A done callback with its context; it is also what `callSoon` gets as options. */
interface DoneCallback {
  readonly callback: (future: never) => unknown;
  readonly context: Context;
}

/** Loops count the promises that wait for their futures: a tick must not hold them up. */
interface PromiseCounter {
  _promiseWaiters?: number;
}

/**
 * One wait for a pending future: yields the future once, then gives its outcome.
 */
class FutureIterator<T> implements Iterator<Yieldable, T> {
  readonly #future: Future<T>;
  #yielded = false;

  constructor(future: Future<T>) {
    this.#future = future;
  }

  next(): IteratorResult<Yieldable, T> {
    const future = this.#future;
    if (future._state === PENDING) {
      if (this.#yielded) throw new RuntimeError("await wasn't used with future");
      this.#yielded = true;
      future._asyncioFutureBlocking = true;
      return { value: future as FutureLike, done: false };
    }
    return { value: future.result(), done: true };
  }

  throw(error: unknown): never {
    throw error;
  }

  return(value: T): IteratorResult<Yieldable, T> {
    return { value, done: true };
  }
}

/**
 * A result that will be there later. asyncio: `Future`.
 *
 * In coroutines `yield* future` waits for it; in async functions `await future` does. Done callbacks never run
 * inside of the call that completes the future: each goes through the loop's `callSoon`, in its own context.
 *
 * @example
 * ```ts
 * const future = new Future<number>({ loop });
 * loop.callSoon(() => future.setResult(42));
 * const answer = yield* future;
 * ```
 */
export class Future<T = unknown> implements FutureLike<T>, PromiseLike<T> {
  /** Set while a coroutine yields the future to its task; its presence marks futures of any make. */
  _asyncioFutureBlocking = false;
  _state: FutureState = PENDING;
  readonly _loop: Loop;
  _result: T | undefined = undefined;
  _exception: unknown = null;
  /** Null, one callback, or several. */
  _callbacks: DoneCallback[] | null = null;
  _cancelMessage: unknown = null;
  /** The error with which a task ended as cancelled; handed out once. */
  _cancelledExc: CancelledError | null = null;
  /** Whether an error is to be reported if nobody retrieves it. */
  _logTraceback = false;
  _awaitedBy: Awaiter = null;
  _sourceTraceback: string[] | null = null;

  /**
   * @param options.loop the loop that runs the callbacks; default: the current one
   * @throws RuntimeError when no loop is given and none is current
   */
  constructor(options: { readonly loop?: Loop | null } = {}) {
    const loop = options.loop ?? getEventLoop();
    this._loop = loop;
    if (loop._debug) this._sourceTraceback = creationStack(2);
  }

  /** The loop of the future. */
  getLoop(): Loop {
    return this._loop;
  }

  /** Whether there is a result or an error, or the future was cancelled. */
  done(): boolean {
    return this._state !== PENDING;
  }

  cancelled(): boolean {
    return this._state === CANCELLED;
  }

  /**
   * The result.
   *
   * @throws the error that was set; CancelledError; InvalidStateError while pending
   */
  result(): T {
    if (this._state === FINISHED) {
      if (this._logTraceback) this._retrieved();
      if (this._exception !== null) throw this._exception;
      return this._result as T;
    }
    if (this._state === CANCELLED) throw this._makeCancelledError();
    throw new InvalidStateError('Result is not ready.');
  }

  /**
   * The error that was set, null if there is a result.
   *
   * @throws CancelledError; InvalidStateError while pending
   */
  exception(): unknown {
    if (this._state === CANCELLED) throw this._makeCancelledError();
    if (this._state === PENDING) throw new InvalidStateError('Exception is not set.');
    if (this._logTraceback) this._retrieved();
    return this._exception;
  }

  /**
   * Cancels the future.
   *
   * @param msg what the CancelledError is to carry
   * @returns false when the future is done already (its error then counts as retrieved)
   */
  cancel(msg?: unknown): boolean {
    if (this._logTraceback) this._retrieved();
    if (this._state !== PENDING) return false;
    this._state = CANCELLED;
    this._cancelMessage = msg ?? null;
    this.#scheduleCallbacks();
    return true;
  }

  /** @throws InvalidStateError when the future is done */
  setResult(...[result]: T extends undefined | void ? [result?: T] : [result: T]): void {
    this._finish(result as T);
  }

  /** Completes the future. For tasks, whose `setResult` refuses. */
  _finish(result: T): void {
    if (this._state !== PENDING) throw new InvalidStateError(`invalid state: ${this.toString()}`);
    this._result = result;
    this._state = FINISHED;
    this.#scheduleCallbacks();
  }

  /**
   * @param error an error, or a class of errors, of which one is made
   * @throws InvalidStateError when the future is done; TypeError when it is no error
   */
  setException(error: unknown): void {
    if (this._state !== PENDING) throw new InvalidStateError(`invalid state: ${this.toString()}`);
    let value = error;
    if (typeof value === 'function') value = new (value as new () => unknown)();
    if (!(value instanceof Error)) throw new TypeError('error: must be an Error or a class of errors');
    this._fail(value);
  }

  /** Completes the future with whatever was thrown. */
  _fail(thrown: unknown): void {
    if (this._state !== PENDING) throw new InvalidStateError(`invalid state: ${this.toString()}`);
    let error = thrown;
    if (error instanceof StopIteration) {
      error = new RuntimeError(
        'StopIteration interacts badly with generators and cannot be raised into a Future',
        {
          cause: error,
        },
      );
    }
    // Undefined and null can be thrown as well; a stored error is told from none by not being null.
    this._exception = error ?? new RuntimeError(`the coroutine threw ${String(error)}`);
    this._state = FINISHED;
    this.#scheduleCallbacks();
    this._logTraceback = true;
    noteUnretrieved(this);
  }

  /**
   * Adds a callback, to be called with the future when it is done; at once (through `callSoon`) if it is already.
   *
   * @param options.context what the callback runs in; a copy of the current context if absent
   */
  addDoneCallback(
    callback: (future: never) => unknown,
    options?: { readonly context?: Context | null },
  ): void {
    const context = options?.context ?? copyContext();
    if (this._state !== PENDING) {
      this._loop.callSoon(callback, [this], { context });
      return;
    }
    const entry: DoneCallback = { callback, context };
    if (this._callbacks === null) this._callbacks = [entry];
    else this._callbacks.push(entry);
  }

  /** Removes all callbacks equal to `callback` and returns their number. Those queued already still run. */
  removeDoneCallback(callback: (future: never) => unknown): number {
    const callbacks = this._callbacks;
    if (callbacks === null) return 0;
    const left = callbacks.filter((entry) => entry.callback !== callback);
    this._callbacks = left.length === 0 ? null : left;
    return callbacks.length - left.length;
  }

  [Symbol.iterator](): Iterator<Yieldable, T> {
    return new FutureIterator<T>(this);
  }

  /** Makes `await future` work in async functions; of a finished future also after its loop was closed. */
  // oxlint-disable-next-line unicorn/no-thenable -- a future is awaitable in both worlds
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const promise = new Promise<T>((resolve, reject) => {
      const settle = (): void => {
        try {
          resolve(this.result());
        } catch (error) {
          // Whatever it failed with is what the promise rejects with.
          reject(error);
        }
      };
      if (this._state !== PENDING) {
        settle();
        return;
      }
      const counter = this._loop as PromiseCounter;
      counter._promiseWaiters = (counter._promiseWaiters ?? 0) + 1;
      this.addDoneCallback(() => {
        counter._promiseWaiters = (counter._promiseWaiters ?? 1) - 1;
        settle();
      });
    });
    return promise.then(onFulfilled, onRejected);
  }

  /** The error of a cancelled future: a task's own once, later ones without message, as asyncio has it. */
  _makeCancelledError(): CancelledError {
    const own = this._cancelledExc;
    if (own !== null) {
      this._cancelledExc = null;
      return own;
    }
    return new CancelledError(this._cancelMessage);
  }

  _retrieved(): void {
    this._logTraceback = false;
    forgetUnretrieved(this);
  }

  #scheduleCallbacks(): void {
    const callbacks = this._callbacks;
    if (callbacks === null) return;
    this._callbacks = null;
    for (const entry of callbacks) this._loop.callSoon(entry.callback, [this], entry);
  }

  _stateText(): string {
    if (this._state === PENDING) return 'pending';
    if (this._state === CANCELLED) return 'cancelled';
    if (this._exception !== null) return `finished exception=${String(this._exception)}`;
    return 'finished';
  }

  toString(): string {
    return `<${this.constructor.name} ${this._stateText()}>`;
  }
}

/** Completes `future` with `result` unless it is done. asyncio: `_set_result_unless_cancelled`. */
export function setResultUnlessCancelled<T>(future: Future<T>, result: T): void {
  if (!future.cancelled()) future._finish(result);
}
