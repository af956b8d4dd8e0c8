import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Future, Handle, Task, TimerHandle, logger } from 'miolo/base';
import type {
  CallOptions,
  Callback,
  Coroutine,
  ExceptionContext,
  FutureLike,
  LogLevel,
  Loop,
  Selector,
  TaskOptions,
} from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

/** A virtual clock loop that notes its turns, its polls and its reports, and takes I/O from an array. */
export class RecordingLoop extends VirtualClockLoop {
  /** Turns begun. */
  turns = 0;
  /** The timeout of each poll. */
  readonly polls: (number | null)[] = [];
  /** What the default exception handler was given. */
  readonly reports: ExceptionContext[] = [];
  /** Handles that the next poll makes ready. */
  readonly io: Handle[] = [];
  /** Called in each poll. */
  onPoll: (timeout: number | null) => void = () => {};

  constructor() {
    super();
    const selector = this._selector;
    (this as { _selector: Selector<readonly never[]> })._selector = {
      select: (timeout) => {
        this.polls.push(timeout);
        this.onPoll(timeout);
        return selector.select(timeout);
      },
    };
  }

  override _runOnce(): void {
    this.turns++;
    super._runOnce();
  }

  override _processEvents(): void {
    for (const handle of this.io.splice(0)) this._addCallback(handle);
  }

  override defaultExceptionHandler(context: ExceptionContext): void {
    this.reports.push(context);
  }

  /** One turn that does not wait. */
  turn(): void {
    this.stop();
    this.runForeverSync();
  }

  /** Runs a coroutine to its end, blocking. */
  complete<T>(main: () => Coroutine<T>): T {
    return this.runUntilCompleteSync(main());
  }
}

/** The smallest loop that futures and tasks need: `Loop`'s members and a way to run what was queued. */
export class MinimalLoop implements Loop {
  readonly _debug = false;
  readonly queue: Handle[] = [];
  readonly reports: ExceptionContext[] = [];
  running = false;

  callSoon(callback: Callback, args?: readonly unknown[], options?: CallOptions): Handle {
    const handle = new Handle(callback, args, this, options?.context);
    this.queue.push(handle);
    return handle;
  }

  callSoonThreadsafe(callback: Callback, args?: readonly unknown[], options?: CallOptions): Handle {
    return this.callSoon(callback, args, options);
  }

  callLater(
    delay: number,
    callback: Callback,
    args?: readonly unknown[],
    options?: CallOptions,
  ): TimerHandle {
    return this.callAt(delay, callback, args, options);
  }

  callAt(when: number, callback: Callback, args?: readonly unknown[], options?: CallOptions): TimerHandle {
    return new TimerHandle(when, callback, args, this, options?.context);
  }

  time(): number {
    return 0;
  }

  stop(): void {
    this.running = false;
  }

  isRunning(): boolean {
    return this.running;
  }

  isClosed(): boolean {
    return false;
  }

  getDebug(): boolean {
    return this._debug;
  }

  createFuture<T>(): Future<T> {
    return new Future<T>({ loop: this });
  }

  createTask<T>(coro: Coroutine<T>, options?: TaskOptions): FutureLike<T> {
    return new Task<T>(coro, { ...options, loop: this });
  }

  callExceptionHandler(context: ExceptionContext): void {
    this.reports.push(context);
  }

  _timerHandleCancelled(): void {}

  /** Runs handles until none is left. */
  drain(): void {
    this.running = true;
    for (let handle = this.queue.shift(); handle !== undefined; handle = this.queue.shift()) {
      if (!handle.cancelled()) handle._run();
    }
    this.running = false;
  }
}

/** What `action` throws, and null if it does not. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    // The caller tells what it should be.
    return error;
  }
  return null;
}

/** What awaiting `awaitable` throws, null if nothing. */
export function* outcome(awaitable: Iterable<unknown, unknown> | Coroutine<unknown>): Coroutine<unknown> {
  try {
    yield* awaitable as Coroutine<unknown>;
  } catch (error) {
    // The caller tells what it should be.
    return error;
  }
  return null;
}

/** Runs `action` and returns what was logged meanwhile. */
export function logOf(action: () => void): [level: LogLevel, message: string, ...details: unknown[]][] {
  const lines: [LogLevel, string, ...unknown[]][] = [];
  const former = logger.setSink((level, message, details) => lines.push([level, message, ...details]));
  try {
    action();
  } finally {
    logger.setSink(former);
  }
  return lines;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects garbage until `condition` holds; false if it does not come to that. */
export async function collectUntil(condition: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 50; attempt++) {
    if (condition()) return true;
    // What a WeakRef has shown lives on until the end of this job.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return condition();
}
