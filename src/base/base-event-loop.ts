import type { Context } from './contextvars.ts';
import { type Coroutine, isCoroutine, isCoroutineFunction } from './coroutine.ts';
import { setTracking } from './coroutine-tracking.ts';
import { _isDebugMode } from './debug.ts';
import { ensureFuture, type Awaitable } from './ensure-future.ts';
import { RuntimeError, isExit } from './exceptions.ts';
import {
  type Executor,
  type ExecutorLoop,
  type RunInExecutorOptions,
  abandonDefaultExecutor,
  checkExecutor,
  doShutdown,
  runInExecutor,
  shutdownDefaultExecutor,
} from './executor.ts';
import { Fifo } from './fifo.ts';
import { Future } from './future.ts';
import { type FutureLike, _getLoop, isFuture } from './future-like.ts';
import { type Callback, Handle, TimerHandle } from './handle.ts';
import {
  beginRun,
  broken,
  contractError,
  endRun,
  pollWatched,
  timeWatched,
  writeWatched,
} from './hook-checks.ts';
import { type Host, defaultHost } from './host.ts';
import { HostedDrive } from './hosted-drive.ts';
import { _loosenTasks, allTasks } from './lifetime.ts';
import { logger } from './logger.ts';
import type { CallOptions, ExceptionContext, ExceptionHandler, TaskFactory } from './loop.ts';
import { NetworkLoop } from './network-loop.ts';
import { _anyRunning, _loopInTurn, _setRunningLoop } from './running-loop.ts';
import type { Selector } from './selector.ts';
import { Task, type TaskOptions, taskOfStep } from './task.ts';
import { heapPop, heapPush, heapify } from './timer-heap.ts';
import { reportUnretrieved } from './unretrieved.ts';

/** Timers below which cancelled ones are not worth a rebuild. asyncio: `_MIN_SCHEDULED_TIMER_HANDLES`. */
export const _MIN_SCHEDULED_TIMER_HANDLES = 100;

/** Share of cancelled timers above which the heap is rebuilt. asyncio: `_MIN_CANCELLED_TIMER_HANDLES_FRACTION`. */
export const _MIN_CANCELLED_TIMER_HANDLES_FRACTION = 0.5;

/** Seconds that one poll waits at most. asyncio: `MAXIMUM_SELECT_TIMEOUT`. */
export const MAXIMUM_SELECT_TIMEOUT: number = 24 * 3600;

/** Ends the run that waits for the future. One function, so that it can be removed again. */
export function _runUntilCompleteCb(future: FutureLike): void {
  if (!future.cancelled()) {
    const error = future.exception();
    // The run is over already: stopping now would end the next one.
    if (isExit(error)) return;
  }
  _getLoop(future).stop();
}

/**
 * What every event loop has: the ready queue, timers, tasks, error reports, both drives, and the network calls'
 * checks. asyncio: `BaseEventLoop`.
 *
 * A concrete loop provides {@link _selector}, {@link _processEvents} and {@link _writeToSelf}, and those of the
 * `_make...Transport` hooks that it can.
 */
export abstract class BaseEventLoop<Events = readonly unknown[]> extends NetworkLoop {
  /** What the loop polls. */
  abstract readonly _selector: Selector<Events>;

  /** Handles that the next turn runs. */
  readonly _ready: Fifo<Handle> = new Fifo();
  _scheduled: TimerHandle[] = [];
  _timerCancelledCount = 0;
  _stopping = false;
  _closed = false;
  _running = false;
  _debug: boolean = _isDebugMode();
  /** Seconds; timers within one tick of the clock are due together. */
  _clockResolution = 1e-9;
  _currentHandle: Handle | null = null;
  /** Made at the first use. */
  _defaultExecutor: Executor | null = null;
  _executorShutdownCalled = false;
  /** What drives a hosted run, null outside of one. */
  _drive: HostedDrive | null = null;
  _host: Host | null = null;
  /** Promises that wait for futures of this loop. */
  _promiseWaiters = 0;
  /** What keeps a hosted run alive besides handles and timers. */
  #holds = 0;
  #tracksCoroutines = false;
  #exceptionHandler: ExceptionHandler | null = null;
  #taskFactory: TaskFactory | null = null;
  /** Seconds from which on debug mode calls a callback slow. */
  slowCallbackDuration = 0.1;

  // --- hooks of concrete loops -----------------------------------------------------------------------

  /** Turns what the poll found into ready handles ({@link _addCallback}). Runs no user code. */
  abstract _processEvents(events: Events): void;

  /** Ends the poll under way, from another thread or from outside of a turn. */
  abstract _writeToSelf(): void;

  override time(): number {
    return performance.now() / 1000;
  }

  // --- the turn ----------------------------------------------------------------------------------------

  /** One turn: purge, poll, process, expire, run. asyncio: `_run_once`. */
  _runOnce(): void {
    this.#purge();

    // poll
    let timeout = this._nextTimeout();
    if (this._ready.length > 0 || this._stopping) timeout = 0;
    if (this._drive !== null && this._selector.notify !== undefined) timeout = 0;

    // process
    if (this._debug) pollWatched(this as BaseEventLoop<unknown>, timeout);
    else this._processEvents(this._selector.select(timeout));

    // expire
    const scheduled = this._scheduled;
    if (scheduled.length > 0) {
      const due = this.time() + this._clockResolution;
      while (scheduled.length > 0 && scheduled[0]!._when < due) {
        const timer = heapPop(scheduled);
        timer._scheduled = false;
        if (timer._cancelled) this._timerCancelledCount--;
        this._ready.push(timer);
      }
    }

    // run: exactly the handles that are ready now; what they queue waits for the next poll
    const ready = this._ready;
    for (let left = ready.length; left > 0; left--) {
      const handle = ready.shift()!;
      if (handle._cancelled) continue;
      if (this._debug) this.#runTimed(handle);
      else handle._run();
    }
  }

  /** Drops cancelled timers: all of them when there are many, else those in front. */
  #purge(): void {
    const scheduled = this._scheduled;
    if (
      scheduled.length > _MIN_SCHEDULED_TIMER_HANDLES &&
      this._timerCancelledCount / scheduled.length > _MIN_CANCELLED_TIMER_HANDLES_FRACTION
    ) {
      let kept = 0;
      for (const timer of scheduled) {
        if (timer._cancelled) timer._scheduled = false;
        else scheduled[kept++] = timer;
      }
      scheduled.length = kept;
      heapify(scheduled);
      this._timerCancelledCount = 0;
      return;
    }
    while (scheduled.length > 0 && scheduled[0]!._cancelled) {
      heapPop(scheduled)._scheduled = false;
      this._timerCancelledCount--;
    }
  }

  #runTimed(handle: Handle): void {
    this._currentHandle = handle;
    const task = taskOfStep(handle);
    try {
      const start = performance.now();
      handle._run();
      const seconds = (performance.now() - start) / 1000;
      if (seconds >= this.slowCallbackDuration) {
        logger.warning(`Executing ${(task ?? handle).toString()} took ${seconds.toFixed(3)} seconds`);
      }
    } finally {
      this._currentHandle = null;
    }
  }

  /** Seconds to the next deadline, not below 0; null without one. */
  _nextTimeout(): number | null {
    const first = this._scheduled[0];
    if (first === undefined) return null;
    return Math.min(Math.max(0, first._when - this.time()), MAXIMUM_SELECT_TIMEOUT);
  }

  /** Whether handles are ready. */
  _isReady(): boolean {
    return this._ready.length > 0;
  }

  /** Whether there is anything that a hosted process should be kept alive for. */
  _isAlive(): boolean {
    return this.#holds > 0 || this._ready.length > 0 || this._scheduled.length > this._timerCancelledCount;
  }

  /** The clock by which ticks of the host are kept short; never virtual. */
  _hostTime(): number {
    return performance.now() / 1000;
  }

  /** Counts something that can bring a hosted run further: a listener, a transport, a job. */
  _hold(): void {
    if (++this.#holds === 1) this._drive?._holdChanged();
  }

  /** Takes one {@link _hold} back. */
  _release(): void {
    if (--this.#holds === 0) this._drive?._holdChanged();
    else if (this.#holds < 0) {
      this.#holds = 0;
      const message = broken('_release', 'it must follow a _hold(), once', 'the-turn-hooks');
      this.callExceptionHandler({ message });
    }
  }

  /** Asks a hosted run for a turn: something was begun outside of one. */
  _wakeHosted(): void {
    this._drive?.wake();
  }

  // --- scheduling --------------------------------------------------------------------------------------

  override callSoon<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): Handle {
    if (this._closed) this._checkClosed();
    if (this._debug) {
      this._checkThread();
      this._checkCallback(callback, 'callSoon');
    }
    return this._callSoon(callback, args, options?.context);
  }

  _callSoon(callback: Callback, args?: readonly unknown[], context?: Context | null): Handle {
    const handle = new Handle(callback, args, this, context);
    this._ready.push(handle);
    if (this._drive !== null) this._drive.wake();
    return handle;
  }

  override callSoonThreadsafe<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): Handle {
    this._checkClosed();
    if (this._debug) this._checkCallback(callback, 'callSoonThreadsafe');
    const handle = this._callSoon(callback, args, options?.context);
    this.#wakePoll();
    return handle;
  }

  #wakePoll(): void {
    if (this._debug) writeWatched(this);
    else this._writeToSelf();
  }

  override callLater<A extends readonly unknown[]>(
    delay: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle {
    if (typeof delay !== 'number') throw new TypeError('delay: must be a number of seconds');
    const now = this._debug ? timeWatched(this) : this.time();
    return this.callAt(now + delay, callback, args, options);
  }

  override callAt<A extends readonly unknown[]>(
    when: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle {
    this._checkTimer(when, callback, 'callAt');
    const timer = new TimerHandle(when, callback, args, this, options?.context);
    heapPush(this._scheduled, timer);
    timer._scheduled = true;
    if (this._drive !== null) this._drive.wake();
    return timer;
  }

  /** What every way to make a timer checks. */
  _checkTimer(when: number, callback: unknown, method: string): void {
    if (typeof when !== 'number') throw new TypeError('when: must be a number of seconds');
    this._checkClosed();
    if (this._debug) {
      this._checkThread();
      this._checkCallback(callback, method);
    }
  }

  /** A timer handle was cancelled for the first time. Called by the handle. */
  _timerHandleCancelled(handle: TimerHandle): void {
    if (handle._scheduled) this._timerCancelledCount++;
  }

  /** Queues a handle that I/O made ready. asyncio: `_add_callback`. */
  _addCallback(handle: Handle): void {
    if (!handle._cancelled) this._ready.push(handle);
  }

  /** {@link _addCallback} from another thread or a signal handler. */
  _addCallbackSignalsafe(handle: Handle): void {
    this._addCallback(handle);
    this.#wakePoll();
  }

  _checkClosed(): void {
    if (this._closed) throw new RuntimeError('Event loop is closed');
  }

  _checkRunning(): void {
    if (this.isRunning()) throw new RuntimeError('This event loop is already running');
  }

  /** In debug mode: whether the caller may use the loop. Threads of JavaScript share no loops. */
  _checkThread(): void {}

  _checkCallback(callback: unknown, method: string): void {
    if (isCoroutine(callback) || isCoroutineFunction(callback)) {
      throw new TypeError(`callback: coroutines cannot be used with ${method}()`);
    }
    if (typeof callback !== 'function') {
      throw new TypeError(`callback: a callable was expected by ${method}(), got ${String(callback)}`);
    }
  }

  // --- futures and tasks ----------------------------------------------------------------------------------

  override createFuture<T>(): Future<T> {
    return new Future<T>({ loop: this });
  }

  override createTask<T>(coro: Coroutine<T>, options?: TaskOptions): Task<T> {
    this._checkClosed();
    if (this.#taskFactory !== null) {
      const task = this.#taskFactory(this, coro as Coroutine<unknown>, options ?? {});
      if (isFuture(task)) return task as Task<T>;
      throw contractError('setTaskFactory', 'the factory must return a task', 'tasks-and-futures');
    }
    if (options === undefined) return new Task<T>(coro, { loop: this });
    // Spelled out: spreading the options costs V8 ten times the task.
    const { name, context, eagerStart } = options;
    return new Task<T>(coro, { name, context, eagerStart, loop: this });
  }

  override setTaskFactory(factory: TaskFactory | null): void {
    if (factory !== null && typeof factory !== 'function') {
      throw new TypeError('factory: task factory must be a function or null');
    }
    this.#taskFactory = factory;
  }

  override getTaskFactory(): TaskFactory | null {
    return this.#taskFactory;
  }

  // --- runs ---------------------------------------------------------------------------------------------

  override async runForever(): Promise<void> {
    this._checkClosed();
    this._checkRunning();
    await HostedDrive.run(this as BaseEventLoop<unknown>, (this._host ??= defaultHost()));
  }

  override runForeverSync(): void {
    this.#checkBlocking();
    beginRun(this);
    _setRunningLoop(this);
    try {
      do this._runOnce();
      while (!this._stopping);
    } finally {
      _setRunningLoop(null);
      try {
        this._selector.flush?.();
      } finally {
        endRun(this);
      }
    }
  }

  #checkBlocking(): void {
    this._checkClosed();
    this._checkRunning();
    if (_anyRunning()) throw new RuntimeError('Cannot run the event loop while another loop is running');
  }

  /** Before a run. asyncio: `_run_forever_setup`. */
  _runForeverSetup(): void {
    this._checkClosed();
    this._checkRunning();
    this._running = true;
    this._setCoroutineOriginTracking(this._debug);
  }

  /** After a run. asyncio: `_run_forever_cleanup`. */
  _runForeverCleanup(): void {
    this._stopping = false;
    this._running = false;
    this._setCoroutineOriginTracking(false);
  }

  /** Whether coroutines that nobody awaits are reported. asyncio: `_set_coroutine_origin_tracking`. */
  _setCoroutineOriginTracking(enabled: boolean): void {
    if (enabled === this.#tracksCoroutines) return;
    this.#tracksCoroutines = enabled;
    setTracking(enabled);
  }

  override async runUntilComplete<T>(awaitable: Awaitable<T>): Promise<T> {
    this._checkClosed();
    this._checkRunning();
    const [future, isNew] = this.#mainFuture(awaitable);
    try {
      await this.runForever();
    } catch (error) {
      if (isNew && future.done() && !future.cancelled()) future.exception();
      throw error;
    } finally {
      future.removeDoneCallback(_runUntilCompleteCb);
    }
    return finished(future);
  }

  override runUntilCompleteSync<T>(awaitable: Awaitable<T>): T {
    // Before there is a task that a refused run would leave behind.
    this.#checkBlocking();
    const [future, isNew] = this.#mainFuture(awaitable);
    try {
      this.runForeverSync();
    } catch (error) {
      if (isNew && future.done() && !future.cancelled()) future.exception();
      throw error;
    } finally {
      future.removeDoneCallback(_runUntilCompleteCb);
    }
    return finished(future);
  }

  #mainFuture<T>(awaitable: Awaitable<T>): [Future<T>, isNew: boolean] {
    const isNew = !isFuture(awaitable);
    const future = ensureFuture<T>(awaitable, { loop: this });
    // The run itself says when it cannot finish.
    if (isNew) (future as Task<T>)._logDestroyPending = false;
    future.addDoneCallback(_runUntilCompleteCb);
    return [future, isNew];
  }

  override stop(): void {
    this._stopping = true;
    if (this._drive !== null) this._drive.wake();
  }

  override isRunning(): boolean {
    return this._running;
  }

  override isClosed(): boolean {
    return this._closed;
  }

  override close(): void {
    if (this.isRunning()) throw new RuntimeError('Cannot close a running event loop');
    if (this._closed) return;
    this.#reportPending();
    reportUnretrieved(this);
    _loosenTasks(this);
    this._closed = true;
    this._ready.clear();
    this._scheduled.length = 0;
    this._timerCancelledCount = 0;
    abandonDefaultExecutor(this as ExecutorLoop);
  }

  /** Tasks that can never finish now are reported, as their collection would be in Python. */
  #reportPending(): void {
    for (const task of allTasks(this)) {
      if ((task as { _logDestroyPending?: boolean })._logDestroyPending !== true) continue;
      const { _sourceTraceback } = task as { _sourceTraceback?: readonly string[] | null };
      this.callExceptionHandler({
        message: 'Task was destroyed but it is pending!',
        task,
        ...(_sourceTraceback ? { sourceTraceback: _sourceTraceback } : {}),
      });
    }
  }

  /** Refuses what only settles while the host runs. */
  _checkPromises(): void {
    if (_loopInTurn() === (this as unknown) && this._drive === null) {
      throw new RuntimeError('promises do not settle while a loop blocks: use run() instead of runSync()');
    }
  }

  override *shutdownAsyncgens(): Coroutine<void> {}

  // --- executors ----------------------------------------------------------------------------------------

  override runInExecutor<A extends readonly unknown[], R>(
    executor: Executor | null,
    fn: (...args: A) => R,
    args?: A,
    options: RunInExecutorOptions = {},
  ): Future<Awaited<R>> {
    this._checkClosed();
    if (this._debug) this._checkCallback(fn, 'runInExecutor');
    return runInExecutor(this as ExecutorLoop, executor, fn, args ?? ([] as never), options);
  }

  override setDefaultExecutor(executor: Executor): void {
    this._defaultExecutor = checkExecutor(executor);
  }

  override *shutdownDefaultExecutor(timeout?: number | null): Coroutine<void> {
    yield* shutdownDefaultExecutor(this as ExecutorLoop, timeout ?? null);
  }

  /** Whether the default executor may be used. asyncio: `_check_default_executor`. */
  _checkDefaultExecutor(): void {
    if (this._executorShutdownCalled) throw new RuntimeError('Executor shutdown has been called');
  }

  /** Shuts the default executor down and completes `future` when it has ended. asyncio: `_do_shutdown`. */
  _doShutdown(future: Future<void>): void {
    doShutdown(this as ExecutorLoop, future);
  }

  // --- reports ------------------------------------------------------------------------------------------

  override getDebug(): boolean {
    return this._debug;
  }

  override setDebug(enabled: boolean): void {
    this._debug = enabled;
    if (this._running) this._setCoroutineOriginTracking(enabled);
  }

  override getExceptionHandler(): ExceptionHandler | null {
    return this.#exceptionHandler;
  }

  override setExceptionHandler(handler: ExceptionHandler | null): void {
    if (handler !== null && typeof handler !== 'function') {
      throw new TypeError('handler: a function or null is expected');
    }
    this.#exceptionHandler = handler;
  }

  override defaultExceptionHandler(context: ExceptionContext): void {
    const lines = [context.message || 'Unhandled exception in event loop'];
    const shown: ExceptionContext = { ...context };
    const made = this._currentHandle?._sourceTraceback;
    // Whatever it is, it came about in this handle.
    if (context.sourceTraceback === undefined && made != null) shown.handleTraceback = made;
    for (const key of Object.keys(shown).sort()) {
      if (key === 'message' || key === 'exception') continue;
      const value = shown[key];
      if (Array.isArray(value))
        lines.push(`${key} (most recent call first):`, ...value.map((line) => `  ${line}`));
      else lines.push(`${key}: ${named(value)}`);
    }
    if (context.exception === undefined || context.exception === null) logger.error(lines.join('\n'));
    else logger.error(lines.join('\n'), context.exception);
  }

  override callExceptionHandler(context: ExceptionContext): void {
    const handler = this.#exceptionHandler;
    if (handler === null) {
      this.#report(() => this.defaultExceptionHandler(context), 'Exception in default exception handler');
      return;
    }
    try {
      const its = contextOf(context);
      if (its !== null) its.run(handler, this as never, context);
      else handler(this as never, context);
    } catch (error) {
      if (isExit(error)) throw error;
      this.#report(
        () =>
          this.defaultExceptionHandler({
            message: 'Unhandled error in exception handler',
            exception: error,
            context,
          }),
        'Exception in default exception handler while handling an unexpected error in custom exception handler',
      );
    }
  }

  #report(report: () => void, whenItFails: string): void {
    try {
      report();
    } catch (error) {
      if (isExit(error)) throw error;
      logger.error(whenItFails, error);
    }
  }

  override toString(): string {
    return `<${this.constructor.name} running=${this.isRunning()} closed=${this._closed} debug=${this._debug}>`;
  }
}

function finished<T>(future: Future<T>): T {
  if (!future.done()) throw new RuntimeError('Event loop stopped before Future completed.');
  return future.result();
}

/** A value as text; one that does not say what it is, as protocols do not, by the name of its class. */
function named(value: unknown): string {
  const text = String(value);
  if (text !== '[object Object]') return text;
  return `<${(value as object).constructor?.name ?? 'Object'} object>`;
}

/** The context in which a report is made: of the task, else the future, else the handle. */
function contextOf(context: ExceptionContext): Context | null {
  const thing = context.task ?? context.future ?? context.handle;
  const getContext = (thing as { getContext?: () => Context } | null | undefined)?.getContext;
  return typeof getContext === 'function' ? (getContext.call(thing) ?? null) : null;
}
