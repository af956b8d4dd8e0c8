import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.ts';
import { type Context, copyContext } from './contextvars.ts';
import { type Coroutine, claimCoroutine, isCoroutine, isCoroutineFunction } from './coroutine.ts';
import { CancelledError, InvalidStateError, RuntimeError, isExit } from './exceptions.ts';
import { DoneCallback, Future } from './future.ts';
import { type FutureLike, _getLoop, isFuture } from './future-like.ts';
import {
  type Linked,
  _enterTask,
  _leaveTask,
  _registerEagerTask,
  _swapCurrentTask,
  _unregisterEagerTask,
  linkTask,
  unlinkTask,
} from './lifetime.ts';
import type { Handle } from './handle.ts';
import type { Loop } from './loop.ts';
import type { StackEntry } from './stack-entry.ts';
import { printTaskStack, taskStack } from './task-stack.ts';
import type { WritableLike } from './writable.ts';

/** Keyword arguments of whatever makes tasks; factories get them unchanged. */
export interface TaskOptions {
  readonly name?: string | null | undefined;
  /** What the task runs in, itself; a copy of the current context if null or absent. */
  readonly context?: Context | null | undefined;
  /** Whether the first step is taken at once. */
  readonly eagerStart?: boolean | undefined;
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
  declare _previous: Linked | null;
  declare _next: Linked | null;
  declare _coro: Coroutine<T> | null;
  /** Null until a name is given or asked for. */
  declare _name: string | null;
  declare readonly _context: Context;
  declare _mustCancel: boolean;
  declare _futWaiter: FutureLike | null;
  declare _cancelsRequested: number;
  /** Whether a loop that closes reports the task if it is pending. asyncio: `_log_destroy_pending`. */
  declare _logDestroyPending: boolean;
  /** Made once, for every step and every wait: the arguments, and the context with what a wait calls. */
  declare _stepArgs: readonly [Task<T>] | null;
  declare _wakeup: DoneCallback | null;
  declare readonly _number: number;

  /**
   * @param coro what to drive
   * @param options.loop default: the current loop
   * @param options.name default: `Task-` and a number
   * @param options.context what the task runs in, itself; default: a copy of the current context
   * @param options.eagerStart whether the first step is taken at once, if the loop runs
   * @throws TypeError when `coro` is no coroutine; RuntimeError when it was awaited before, or no loop is current
   */
  constructor(coro: Coroutine<T>, options: TaskOptions & { readonly loop?: Loop | null } = {}) {
    if (!isCoroutine(coro)) throw new TypeError(describeMistake(coro));
    super(options);
    claimCoroutine(coro);
    this._previous = null;
    this._next = null;
    this._coro = coro;
    const name = options.name ?? null;
    this._name = name === null ? null : String(name);
    // Numbered when made; the text is only made when somebody asks.
    this._number = name === null ? ++lastNumber : 0;
    this._context = options.context ?? copyContext();
    this._mustCancel = false;
    this._futWaiter = null;
    this._cancelsRequested = 0;
    this._logDestroyPending = true;
    this._stepArgs = null;
    this._wakeup = null;
    if (options.eagerStart === true && this._loop.isRunning()) this.#eagerStart();
    else {
      this._scheduleStep();
      linkTask(this);
    }
  }

  getName(): string {
    return this._name ?? `Task-${this._number}`;
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

  /** The same, for `callSoon`, to which a task passes itself as options. */
  get context(): Context {
    return this._context;
  }

  /** Its frames, oldest first; see {@link taskStack}. asyncio: `Task.get_stack`. */
  getStack(options: { readonly limit?: number | null } = {}): StackEntry[] {
    return taskStack(this as Task, options.limit);
  }

  /** Writes its frames; see {@link printTaskStack}. asyncio: `Task.print_stack`. */
  printStack(options: { readonly limit?: number | null; readonly file?: WritableLike | null } = {}): void {
    printTaskStack(this as Task, options);
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
   * @throws RuntimeError when it waits, by way of other tasks, for itself: that has no end that could be cancelled
   */
  override cancel(msg?: unknown): boolean {
    if (this._unretrieved) this._retrieved();
    if (this._state !== 'PENDING') return false;
    this._cancelsRequested++;
    const waiter = this._futWaiter;
    if (waiter !== null) {
      const isPlain = waiter.cancel === Future.prototype.cancel;
      if (isPlain ? waiter.cancel(msg) : cancelThrough(this as Task, waiter, msg)) return true;
    }
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
    if (error === undefined) this._loop.callSoon(stepTask, (this._stepArgs ??= [this]) as [Task], this);
    else this._loop.callSoon(stepTask, [this as Task, error], this);
  }

  /** Waits for `future`, which has been yielded. */
  _waitFor(future: FutureLike): void {
    futureAddToAwaitedBy(future, this);
    future._asyncioFutureBlocking = false;
    if (this._wakeup === null) {
      const wakeup = (done: FutureLike): void => wakeTask(this as Task, done);
      this._wakeup = new DoneCallback(wakeup, this._context);
      if (this._loop._debug) wakeups.set(this._wakeup.callback, this as Task);
    }
    future.addDoneCallback(this._wakeup.callback, this._wakeup);
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
        const previous = this._context._enterInside();
        try {
          runStep(this as Task, null);
        } finally {
          this._context._leave(previous);
        }
      } finally {
        _unregisterEagerTask(this);
      }
    } finally {
      _swapCurrentTask(this._loop, former);
      if (this._state !== 'PENDING') this._coro = null;
    }
    // Not reached when the context is entered already: nothing would ever step this task.
    if (this._state === 'PENDING') linkTask(this);
  }

  override _reprInfo(): string[] {
    const info = super._reprInfo();
    if (this._state === 'PENDING' && this._cancelsRequested > 0) info[0] = 'cancelling';
    info.splice(1, 0, `name='${this.getName()}'`);
    if (this._futWaiter !== null) info.splice(2, 0, `waitFor=${String(this._futWaiter)}`);
    return info;
  }
}

/** Tasks whose `cancel` is under way, each waiting for the next. */
const cancelPath: Task[] = [];

/** Length of that path from which on it is looked at for a cycle; far from where the stack would end. */
const LONG_PATH = 500;

/** Cancels what `task` waits for, where that may lead to further tasks. */
function cancelThrough(task: Task, waiter: FutureLike, msg: unknown): boolean {
  cancelPath.push(task);
  try {
    if (cancelPath.length > LONG_PATH) {
      const start = cancelPath.lastIndexOf(task, -2);
      if (start >= 0) {
        const names = cancelPath.slice(start).map((each) => each.getName());
        // Nothing came of the requests.
        for (const each of cancelPath) each._cancelsRequested--;
        throw new RuntimeError(`tasks wait for each other in a cycle: ${names.join(' -> ')}`);
      }
    }
    return waiter.cancel(msg);
  } finally {
    cancelPath.pop();
  }
}

/** In debug mode: whose wake-up a callback is. */
const wakeups = new WeakMap<object, Task>();

/** The task whose step `handle` is, null if it is none. For reports of debug mode. */
export function taskOfStep(handle: Handle): Task | null {
  if (handle._callback === stepTask) return handle._args[0] as Task;
  return wakeups.get(handle._callback!) ?? null;
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
    if ((task._state as string) !== 'PENDING') unlinkTask(task);
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
  if (!isFuture(yielded)) {
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
  return `Task got bad yield: ${describe(value)}`;
}

/** `String(value)`, also of objects that have no way to become a string. */
function describe(value: unknown): string {
  try {
    return String(value);
  } catch (error) {
    // A toString() that is not there, or throws: the task must hear of its mistake all the same.
    return `${typeof value} (${error instanceof Error ? error.message : 'toString() throws'})`;
  }
}

function describeMistake(value: unknown): string {
  if (isCoroutineFunction(value)) return 'a coroutine was expected, got a coroutine function: call it';
  if (typeof value === 'function') return 'a coroutine was expected, got a function';
  if (isFuture(value)) return 'a coroutine was expected, got a future';
  if (value !== null && typeof (value as PromiseLike<unknown>)?.then === 'function') {
    return 'a coroutine was expected, got a promise: use fromPromise()';
  }
  return `a coroutine was expected, got ${value === null ? 'null' : typeof value}`;
}
