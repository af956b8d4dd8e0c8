import type { Coroutine } from './coroutine.ts';
import type { Awaitable } from './ensure-future.ts';
import { NotImplementedError } from './exceptions.ts';
import type { Future } from './future.ts';
import type { FutureLike } from './future-like.ts';
import type { Callback, Handle, TimerHandle } from './handle.ts';
import type { CallOptions, ExceptionContext, ExceptionHandler, TaskFactory } from './loop.ts';
import type { TaskOptions } from './task.ts';

/** A job for another thread, and its result. */
export interface Executor {
  /** Begins the job and returns a promise of its result. */
  submit<A extends readonly unknown[], R>(fn: (...args: A) => R, args: A): PromiseLike<R>;
  /** Ends the threads, after the jobs that were begun. */
  shutdown?(options?: { readonly wait?: boolean }): PromiseLike<void> | void;
}

/** The whole surface of a loop, every method of which a concrete loop has to provide. asyncio: `AbstractEventLoop`. */
export abstract class AbstractEventLoop {
  runForever(): Promise<void> {
    return missing('runForever');
  }

  runForeverSync(): void {
    missing('runForeverSync');
  }

  runUntilComplete<T>(_awaitable: Awaitable<T>): Promise<T> {
    return missing('runUntilComplete');
  }

  runUntilCompleteSync<T>(_awaitable: Awaitable<T>): T {
    return missing('runUntilCompleteSync');
  }

  stop(): void {
    missing('stop');
  }

  isRunning(): boolean {
    return missing('isRunning');
  }

  isClosed(): boolean {
    return missing('isClosed');
  }

  close(): void {
    missing('close');
  }

  shutdownAsyncgens(): Coroutine<void> {
    return missing('shutdownAsyncgens');
  }

  shutdownDefaultExecutor(_timeout?: number | null): Coroutine<void> {
    return missing('shutdownDefaultExecutor');
  }

  callSoon(callback: Callback, args?: readonly unknown[], options?: CallOptions): Handle {
    return this.callLater(0, callback, args, options);
  }

  callSoonThreadsafe(_callback: Callback, _args?: readonly unknown[], _options?: CallOptions): Handle {
    return missing('callSoonThreadsafe');
  }

  callLater(
    _delay: number,
    _callback: Callback,
    _args?: readonly unknown[],
    _options?: CallOptions,
  ): TimerHandle {
    return missing('callLater');
  }

  callAt(
    _when: number,
    _callback: Callback,
    _args?: readonly unknown[],
    _options?: CallOptions,
  ): TimerHandle {
    return missing('callAt');
  }

  time(): number {
    return missing('time');
  }

  createFuture<T>(): Future<T> {
    return missing('createFuture');
  }

  createTask<T>(_coro: Coroutine<T>, _options?: TaskOptions): FutureLike<T> {
    return missing('createTask');
  }

  setTaskFactory(_factory: TaskFactory | null): void {
    missing('setTaskFactory');
  }

  getTaskFactory(): TaskFactory | null {
    return missing('getTaskFactory');
  }

  getDebug(): boolean {
    return missing('getDebug');
  }

  setDebug(_enabled: boolean): void {
    missing('setDebug');
  }

  getExceptionHandler(): ExceptionHandler | null {
    return missing('getExceptionHandler');
  }

  setExceptionHandler(_handler: ExceptionHandler | null): void {
    missing('setExceptionHandler');
  }

  defaultExceptionHandler(_context: ExceptionContext): void {
    missing('defaultExceptionHandler');
  }

  callExceptionHandler(_context: ExceptionContext): void {
    missing('callExceptionHandler');
  }
}

function missing(method: string): never {
  throw new NotImplementedError(`this event loop has no ${method}()`);
}
