import type { AbstractEventLoop } from './abstract-event-loop.ts';
import type { Context } from './contextvars.ts';
import type { Coroutine } from './coroutine.ts';
import type { Future } from './future.ts';
import type { Handle, TimerHandle } from './handle.ts';
import type { FutureLike } from './future-like.ts';
import type { TaskOptions } from './task.ts';

/** What is reported to an exception handler. Only `message` is always there. */
export interface ExceptionContext {
  message?: string;
  exception?: unknown;
  future?: unknown;
  task?: unknown;
  handle?: Handle;
  protocol?: unknown;
  transport?: unknown;
  socket?: unknown;
  sourceTraceback?: readonly string[];
  handleTraceback?: readonly string[];
  [key: string]: unknown;
}

/** A handler of reports. Set by `loop.setExceptionHandler`. */
export type ExceptionHandler = (loop: Loop, context: ExceptionContext) => unknown;

/** What makes the tasks of a loop. Set by `loop.setTaskFactory`. */
export type TaskFactory = (loop: Loop, coro: Coroutine<unknown>, options: TaskOptions) => FutureLike;

/** Keyword arguments of the scheduling calls. */
export interface CallOptions {
  /** What the callback runs in; a copy of the current context if null or absent. */
  readonly context?: Context | null;
}

/**
 * What Future, Task, Handle and the primitives need of a loop: public members only, so that loops of another copy
 * of this package and loops that are not ours fit.
 */
export interface Loop {
  readonly _debug: boolean;
  callSoon<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): Handle;
  callSoonThreadsafe<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): Handle;
  callLater<A extends readonly unknown[]>(
    delay: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle;
  callAt<A extends readonly unknown[]>(
    when: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle;
  time(): number;
  stop(): void;
  isRunning(): boolean;
  isClosed(): boolean;
  getDebug(): boolean;
  createFuture<T>(): Future<T>;
  createTask<T>(coro: Coroutine<T>, options?: TaskOptions): FutureLike<T>;
  callExceptionHandler(context: ExceptionContext): void;
  _timerHandleCancelled(handle: TimerHandle): void;
}

/**
 * What {@link getRunningLoop} and its like return: all that a loop of asyncio has. One that somebody else made may have
 * less, and then says so by NotImplementedError, or by lacking the method.
 */
export type CurrentLoop = AbstractEventLoop & Loop;
