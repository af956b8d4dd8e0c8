import { type Awaiter, awaitersOf } from './awaited-by.ts';
import type { Context } from './contextvars.ts';
import { copyContext } from './contextvars.ts';
import { CreationStack } from './creation-stack.ts';
import { CancelledError, InvalidStateError, RuntimeError, StopIteration, ValueError } from './exceptions.ts';
import { type FutureLike, type Yieldable, _getLoop } from './future-like.ts';
import { type Callback, formatCallback } from './handle.ts';
import type { Loop } from './loop.ts';
import { getEventLoop } from './running-loop.ts';
import { noteSuspension } from './suspension.ts';
import { noteUnretrieved, forgetUnretrieved } from './unretrieved.ts';

/** Where a future stands. */
export type FutureState = 'PENDING' | 'CANCELLED' | 'FINISHED';

const PENDING = 'PENDING';
const CANCELLED = 'CANCELLED';
const FINISHED = 'FINISHED';

/** A done callback with its context; it is also what `callSoon` gets as options. */
export class DoneCallback {
  callback: (future: never) => unknown;
  readonly context: Context;

  constructor(callback: (future: never) => unknown, context: Context) {
    this.callback = callback;
    this.context = context;
  }
}

/** Loops count the promises that wait for their futures: a tick must not hold them up. */
interface PromiseCounter {
  _promiseWaiters?: number;
}

/** One wait for a future: yields it once while it is pending, then gives its outcome. */
class FutureIterator<T> implements Iterator<Yieldable, T> {
  readonly _future: Future<T>;
  _yielded: boolean;

  constructor(future: Future<T>) {
    this._future = future;
    this._yielded = false;
  }

  next(): IteratorResult<Yieldable, T> {
    const future = this._future;
    if (future._state === PENDING) {
      if (this._yielded) throw new RuntimeError("await wasn't used with future");
      this._yielded = true;
      future._asyncioFutureBlocking = true;
      if (future._loop._debug) noteSuspension(future._loop, future as FutureLike);
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
  // Declared here and set in the constructor: a million futures have one shape, and cost what they hold.

  /** Set while a coroutine yields the future to its task; its presence marks futures of any make. */
  declare _asyncioFutureBlocking: boolean;
  declare _state: FutureState;
  declare readonly _loop: Loop;
  declare _result: T | undefined;
  declare _exception: unknown;
  /** What is to be called when the future is done: nothing, one, or several. */
  declare _waiting: DoneCallback | DoneCallback[] | null;
  declare _cancelMessage: unknown;
  /** The error with which a task ended as cancelled; handed out once. */
  declare _cancelledExc: CancelledError | null;
  /** Whether an error is to be reported if nobody retrieves it. */
  declare _unretrieved: boolean;
  declare _awaitedBy: Awaiter;
  /** In debug mode: where the future was made. */
  declare readonly _creation: CreationStack | null;

  /**
   * @param options.loop the loop that runs the callbacks; default: the current one
   * @throws RuntimeError when no loop is given and none is current
   */
  constructor(options?: { readonly loop?: Loop | null }) {
    const loop = options?.loop ?? getEventLoop();
    this._asyncioFutureBlocking = false;
    this._state = PENDING;
    this._loop = loop;
    this._result = undefined;
    this._exception = null;
    this._waiting = null;
    this._cancelMessage = null;
    this._cancelledExc = null;
    this._unretrieved = false;
    this._awaitedBy = null;
    this._creation = loop._debug ? new CreationStack() : null;
  }

  /** In debug mode: the stack of whoever made the future, innermost frame first. */
  get _sourceTraceback(): string[] | null {
    return this._creation?.lines ?? null;
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
      if (this._unretrieved) this._retrieved();
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
    if (this._unretrieved) this._retrieved();
    return this._exception;
  }

  /**
   * Cancels the future.
   *
   * @param msg what the CancelledError is to carry
   * @returns false when the future is done already (its error then counts as retrieved)
   */
  cancel(msg?: unknown): boolean {
    if (this._unretrieved) this._retrieved();
    if (this._state !== PENDING) return false;
    this._state = CANCELLED;
    this._cancelMessage = msg ?? null;
    if (this._waiting !== null) this._scheduleCallbacks();
    return true;
  }

  /** @throws InvalidStateError when the future is done */
  setResult(...args: T extends undefined | void ? [result?: T] : [result: T]): void;
  // Without the rest parameter of its type: that would make an array.
  setResult(result?: unknown): void {
    this._finish(result as T);
  }

  /** Completes the future. For tasks, whose `setResult` refuses. */
  _finish(result: T): void {
    if (this._state !== PENDING) throw new InvalidStateError(`invalid state: ${this.toString()}`);
    this._result = result;
    this._state = FINISHED;
    if (this._waiting !== null) this._scheduleCallbacks();
  }

  /**
   * @param error an error, or a class of errors, of which one is made
   * @throws InvalidStateError when the future is done; TypeError when it is no error
   */
  setException(error: unknown): void {
    if (this._state !== PENDING) throw new InvalidStateError(`invalid state: ${this.toString()}`);
    let value = error;
    if (typeof value === 'function') value = new (value as new () => unknown)();
    if (!isError(value)) throw new TypeError('error: must be an Error or a class of errors');
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
    if (this._waiting !== null) this._scheduleCallbacks();
    this._unretrieved = true;
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
    // A task passes the same entry at each of its waits.
    const entry =
      options instanceof DoneCallback && options.callback === callback
        ? options
        : new DoneCallback(callback, options?.context ?? copyContext());
    if (this._state !== PENDING) this._loop.callSoon(callback as Callback, [this], entry);
    else if (this._waiting === null) this._waiting = entry;
    else if (this._waiting instanceof DoneCallback) this._waiting = [this._waiting, entry];
    else this._waiting.push(entry);
  }

  /** Removes all callbacks equal to `callback` and returns their number. Those queued already still run. */
  removeDoneCallback(callback: (future: never) => unknown): number {
    const waiting = this._waiting;
    if (waiting === null) return 0;
    if (waiting instanceof DoneCallback) {
      if (waiting.callback !== callback) return 0;
      this._waiting = null;
      return 1;
    }
    const left = waiting.filter((entry) => entry.callback !== callback);
    this._waiting = left.length === 0 ? null : left;
    return waiting.length - left.length;
  }

  /** The callbacks that are to be called, with their contexts; null if there are none. For inspection. */
  get _callbacks(): [callback: (future: never) => unknown, context: Context][] | null {
    const waiting = this._waiting;
    if (waiting === null) return null;
    const entries = waiting instanceof DoneCallback ? [waiting] : waiting;
    return entries.map(({ callback, context }) => [callback, context]);
  }

  /** Who awaits the future; null if nobody does. For inspection. */
  get _asyncioAwaitedBy(): ReadonlySet<FutureLike> | null {
    const awaiters = awaitersOf(this);
    return awaiters.length === 0 ? null : new Set(awaiters);
  }

  /** Whether an error is to be reported if nobody retrieves it. Can be switched off, not on. */
  get _logTraceback(): boolean {
    return this._unretrieved;
  }

  /** @throws ValueError for true */
  set _logTraceback(value: boolean) {
    if (value) throw new ValueError('_logTraceback can only be set to false');
    if (this._unretrieved) this._retrieved();
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
    return promiseOf<T>(this).then(onFulfilled, onRejected);
  }

  /** The error of a cancelled future: a task's own once, later ones without message, as asyncio has it. */
  _makeCancelledError(): CancelledError {
    const own = this._cancelledExc;
    if (own !== null) {
      this._cancelledExc = null;
      return own;
    }
    return this._loop._debug
      ? new CancelledError(this._cancelMessage)
      : stacklessCancelledError(this._cancelMessage);
  }

  _retrieved(): void {
    this._unretrieved = false;
    forgetUnretrieved(this);
  }

  _scheduleCallbacks(): void {
    const waiting = this._waiting!;
    this._waiting = null;
    if (waiting instanceof DoneCallback) this._loop.callSoon(waiting.callback as Callback, [this], waiting);
    else for (const entry of waiting) this._loop.callSoon(entry.callback as Callback, [this], entry);
  }

  /** The parts of {@link toString}, for subclasses. asyncio: `_repr_info`. */
  _reprInfo(): string[] {
    const info = [this._state.toLowerCase()];
    if (this._state === FINISHED) {
      info.push(
        this._exception === null
          ? `result=${describeValue(this._result)}`
          : `exception=${String(this._exception)}`,
      );
    }
    const callbacks = this._callbacks;
    if (callbacks !== null) {
      const names = callbacks.map(([callback]) => formatCallback(callback));
      const shown = names.length <= 2 ? names : [names[0], `<${names.length - 2} more>`, names.at(-1)];
      info.push(`cb=[${shown.join(', ')}]`);
    }
    if (this._creation !== null) info.push(`created ${this._creation.lines[0] ?? ''}`);
    return info;
  }

  toString(): string {
    return `<${[this.constructor.name, ...this._reprInfo()].join(' ')}>`;
  }
}

/** A promise with the outcome of a future of any make. */
export function promiseOf<T>(future: FutureLike<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      try {
        resolve(future.result());
      } catch (error) {
        // Whatever it failed with is what the promise rejects with.
        reject(error);
      }
    };
    if (future.done()) {
      settle();
      return;
    }
    const counter = _getLoop(future) as PromiseCounter;
    counter._promiseWaiters = (counter._promiseWaiters ?? 0) + 1;
    future.addDoneCallback(() => {
      counter._promiseWaiters = (counter._promiseWaiters ?? 1) - 1;
      settle();
    });
  });
}

/** One without a stack, which would cost ten times the rest, and would only say how the loop came to cancel. */
function stacklessCancelledError(message: unknown): CancelledError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new CancelledError(message);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Whether `value` is an error, of whatever realm. */
function isError(value: unknown): boolean {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}

/** A result as text: its content only if it is a plain value, so that no cycle can be followed. */
function describeValue(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (typeof value === 'function') return formatCallback(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return `[${value.constructor?.name ?? 'object'}]`;
}

/** Completes `future` with `result` unless it is done. asyncio: `_set_result_unless_cancelled`. */
export function _setResultUnlessCancelled<T>(future: Future<T>, result: T): void {
  if (!future.cancelled()) (future as Future).setResult(result);
}

/** Completes what a loop's `createFuture` made with whatever was thrown; futures of other makes take errors only. */
export function failFuture(future: Future<never> | Future, error: unknown): void {
  if (typeof (future as Partial<Future>)._fail === 'function') future._fail(error);
  else future.setException(error);
}
