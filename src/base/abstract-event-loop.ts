import type { Coroutine } from './coroutine.ts';
import type { Awaitable } from './ensure-future.ts';
import { NotImplementedError } from './exceptions.ts';
import type { Executor, RunInExecutorOptions } from './executor.ts';
import type { Future } from './future.ts';
import type { FutureLike } from './future-like.ts';
import type { Callback, Handle, TimerHandle } from './handle.ts';
import type { CallOptions, ExceptionContext, ExceptionHandler, TaskFactory } from './loop.ts';
import type { TaskOptions } from './task.ts';

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

  callSoon<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): Handle {
    return this.callLater(0, callback, args, options);
  }

  callSoonThreadsafe<A extends readonly unknown[]>(
    _callback: (...args: A) => unknown,
    _args?: Readonly<A>,
    _options?: CallOptions,
  ): Handle {
    return missing('callSoonThreadsafe');
  }

  callLater<A extends readonly unknown[]>(
    _delay: number,
    _callback: (...args: A) => unknown,
    _args?: Readonly<A>,
    _options?: CallOptions,
  ): TimerHandle {
    return missing('callLater');
  }

  callAt<A extends readonly unknown[]>(
    _when: number,
    _callback: (...args: A) => unknown,
    _args?: Readonly<A>,
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

  runInExecutor<A extends readonly unknown[], R>(
    _executor: Executor | null,
    _fn: (...args: A) => R,
    _args?: A,
    _options?: RunInExecutorOptions,
  ): Future<Awaited<R>> {
    return missing('runInExecutor');
  }

  setDefaultExecutor(_executor: Executor): void {
    missing('setDefaultExecutor');
  }

  addSignalHandler(_sig: number | string, _callback: Callback, _args?: readonly unknown[]): void {
    missing('addSignalHandler');
  }

  removeSignalHandler(_sig: number | string): boolean {
    return missing('removeSignalHandler');
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
