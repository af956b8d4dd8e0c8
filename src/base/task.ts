import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type Context, copyContext } from './contextvars.ts';
import { type Coroutine, claimCoroutine, isCoroutine, isCoroutineFunction } from './coroutine.ts';
import { CancelledError, InvalidStateError, RuntimeError, isExit } from './exceptions.ts';
import { Future } from './future.ts';
import { type FutureLike, _getLoop, isfuture } from './future-like.ts';
import {
  type Linked,
  _enterTask,
  _leaveTask,
  _registerEagerTask,
  _registerTask,
  _swapCurrentTask,
  _unregisterEagerTask,
  _unregisterTask,
} from './lifetime.ts';
import type { CallOptions, Loop } from './loop.ts';

/** Keyword arguments of whatever makes tasks; factories get them unchanged. */
export interface TaskOptions {
  readonly name?: string | null;
  /** What the task runs in, itself; a copy of the current context if null or absent. */
  readonly context?: Context | null;
  /** Whether the first step is taken at once. */
  readonly eagerStart?: boolean;
  readonly [other: string]: unknown;
}

let lastNumber = 0;

/**
 * A coroutine that the loop drives. asyncio: `Task`.
 *
 * Each step goes through the loop's `callSoon` in the task's context, so that a loop which overrides `callSoon` sees
 * every step.
 *
 * What cancelling loses: the CancelledError is thrown at the `yield*` where the task waits; a result that arrived
 * there in the same turn is lost to the task.
 */
export class Task<T = unknown> extends Future<T> implements Linked {
  _previous: Linked | null = null;
  _next: Linked | null = null;
  _coro: Coroutine<T> | null;
  _name: string | null;
  readonly _context: Context;
  _mustCancel = false;
  _futWaiter: FutureLike | null = null;
  _cancelsRequested = 0;
  /** Whether a loop that closes reports the task if it is pending. asyncio: `_log_destroy_pending`. */
  _logDestroyPending = true;
  /** Made once, for every step: what `callSoon` gets. */
  readonly #stepArgs: readonly [Task<T>];
  readonly #stepOptions: CallOptions;
  #wakeup: ((future: FutureLike) => void) | null = null;

  /**
   * @param coro what to drive
   * @param options.loop default: the current loop
   * @throws TypeError when `coro` is no coroutine
   */
  constructor(coro: Coroutine<T>, options: TaskOptions & { readonly loop?: Loop | null } = {}) {
    if (!isCoroutine(coro)) throw new TypeError(describeMistake(coro));
    super(options);
    claimCoroutine(coro);
    this._coro = coro;
    // Numbered when made; the text is only made when somebody asks.
    this._name = options.name === null || options.name === undefined ? null : String(options.name);
    this.#number = this._name === null ? ++lastNumber : 0;
    this._context = options.context ?? copyContext();
    this.#stepArgs = [this];
    this.#stepOptions = { context: this._context };
    if (options.eagerStart === true && this._loop.isRunning()) this.#eagerStart();
    else {
      this._scheduleStep();
      _registerTask(this);
    }
  }

  readonly #number: number;

  getName(): string {
    return this._name ?? `Task-${this.#number}`;
  }

  setName(name: unknown): void {
    this._name = String(name);
  }

  /** The coroutine, null once a task that started eagerly is done. */
  getCoro(): Coroutine<T> | null {
    return this._coro;
  }

  /** What the task runs in. */
  getContext(): Context {
    return this._context;
  }

  override setResult(): never {
    throw new RuntimeError('Task does not support setResult operation');
  }

  override setException(): never {
    throw new RuntimeError('Task does not support setException operation');
  }

  /**
   * Asks the task to end: a CancelledError is thrown where it waits.
   *
   * @param msg what the error is to carry
   * @returns false when the task is done already
   */
  override cancel(msg?: unknown): boolean {
    if (this._logTraceback) this._retrieved();
    if (this._state !== 'PENDING') return false;
    this._cancelsRequested++;
    if (this._futWaiter !== null && this._futWaiter.cancel(msg)) return true;
    // It is about to run, or waits for something that does not give in: the next step throws.
    this._mustCancel = true;
    this._cancelMessage = msg ?? null;
    return true;
  }

  /** Number of `cancel()` calls that `uncancel()` has not taken back. */
  cancelling(): number {
    return this._cancelsRequested;
  }

  /** Takes one `cancel()` back and returns how many are left; at none, one that was not delivered is dropped. */
  uncancel(): number {
    if (this._cancelsRequested > 0) {
      this._cancelsRequested--;
      if (this._cancelsRequested === 0) this._mustCancel = false;
    }
    return this._cancelsRequested;
  }

  /** Queues the next step, which throws `error` into the coroutine if there is one. */
  _scheduleStep(error?: unknown): void {
    if (error === undefined) this._loop.callSoon(stepTask, this.#stepArgs, this.#stepOptions);
    else this._loop.callSoon(stepTask, [this, error], this.#stepOptions);
  }

  /** Waits for `future`, which has been yielded. */
  _waitFor(future: FutureLike): void {
    futureAddToAwaitedBy(future, this);
    future._asyncioFutureBlocking = false;
    this.#wakeup ??= (done: FutureLike): void => wakeTask(this, done);
    future.addDoneCallback(this.#wakeup as (future: never) => void, this.#stepOptions);
    this._futWaiter = future;
    if (this._mustCancel && future.cancel(this._cancelMessage)) this._mustCancel = false;
  }

  /** Ends as cancelled, whatever {@link cancel} means for a task. */
  _cancelled(message: unknown): void {
    Future.prototype.cancel.call(this, message);
  }

  #eagerStart(): void {
    const former = _swapCurrentTask(this._loop, this);
    try {
      _registerEagerTask(this);
      try {
        this._context.run(runStep, this as Task, null);
      } finally {
        _unregisterEagerTask(this);
      }
    } finally {
      _swapCurrentTask(this._loop, former);
      if (this._state === 'PENDING') _registerTask(this);
      else this._coro = null;
    }
  }

  override toString(): string {
    const waiting = this._futWaiter === null ? '' : ` waitFor=${String(this._futWaiter)}`;
    return `<Task ${this._stateText()} name='${this.getName()}'${waiting}>`;
  }
}

/** One step, queued by `callSoon`. */
function stepTask(task: Task, error?: unknown): void {
  if (task._state !== 'PENDING') throw new InvalidStateError(`step(): already done: ${task.toString()}`);
  let thrown: unknown = error ?? null;
  if (task._mustCancel) {
    if (!(thrown instanceof CancelledError)) thrown = task._makeCancelledError();
    task._mustCancel = false;
  }
  task._futWaiter = null;
  const loop = task._loop;
  _enterTask(loop, task);
  try {
    runStep(task, thrown);
  } finally {
    _leaveTask(loop, task);
    if ((task._state as string) !== 'PENDING') _unregisterTask(task);
  }
}

/** Drives the coroutine to its next `yield`, and does what that asks for. */
function runStep(task: Task, thrown: unknown): void {
  const coro = task._coro!;
  let step: IteratorResult<unknown, unknown>;
  try {
    step = thrown === null ? coro.next() : coro.throw(thrown);
  } catch (error) {
    if (error instanceof CancelledError) {
      // The very error is what the first retrieval gets.
      task._cancelledExc = error;
      task._cancelled(null);
    } else {
      task._fail(error);
      if (isExit(error)) throw error;
    }
    return;
  }
  if (step.done === true) {
    if (task._mustCancel) {
      task._mustCancel = false;
      task._cancelled(task._cancelMessage);
    } else task._finish(step.value);
    return;
  }
  const yielded = step.value;
  if (yielded === undefined || yielded === null) {
    task._scheduleStep();
    return;
  }
  if (!isfuture(yielded)) {
    task._scheduleStep(new RuntimeError(describeBadYield(yielded)));
  } else if (_getLoop(yielded) !== task._loop) {
    task._scheduleStep(
      new RuntimeError(`Task ${task.toString()} got Future ${String(yielded)} attached to a different loop`),
    );
  } else if (!yielded._asyncioFutureBlocking) {
    task._scheduleStep(
      new RuntimeError(`yield was used instead of yield* in task ${task.toString()} with ${String(yielded)}`),
    );
  } else if ((yielded as unknown) === task) {
    task._scheduleStep(new RuntimeError(`Task cannot await on itself: ${task.toString()}`));
  } else task._waitFor(yielded);
}

/** What the task waited for is done. */
function wakeTask(task: Task, future: FutureLike): void {
  futureDiscardFromAwaitedBy(future, task);
  let error: unknown;
  try {
    future.result();
  } catch (failure) {
    // Whatever it is, it belongs to the coroutine.
    error = failure;
  }
  // The coroutine fetches a result by itself.
  stepTask(task, error);
}

function describeBadYield(value: unknown): string {
  if (isCoroutine(value))
    return 'yield was used instead of yield* for generator in task: write `yield* coro()`';
  if (typeof (value as PromiseLike<unknown>).then === 'function') {
    return 'Task got bad yield: a promise. Write `yield* fromPromise(promise)`';
  }
  return `Task got bad yield: ${String(value)}`;
}

function describeMistake(value: unknown): string {
  if (isCoroutineFunction(value)) return 'a coroutine was expected, got a coroutine function: call it';
  if (typeof value === 'function') return 'a coroutine was expected, got a function';
  if (isfuture(value)) return 'a coroutine was expected, got a future';
  if (value !== null && typeof (value as PromiseLike<unknown>)?.then === 'function') {
    return 'a coroutine was expected, got a promise: use fromPromise()';
  }
  return `a coroutine was expected, got ${value === null ? 'null' : typeof value}`;
}
