/** Jobs for other threads: what loops do with executors. */
import { ConcurrentFuture } from './concurrent-future.ts';
import type { Context } from './contextvars.ts';
import type { Coroutine } from './coroutine.ts';
import { RuntimeError, isException } from './exceptions.ts';
import { type Future, _setResultUnlessCancelled, failFuture } from './future.ts';
import { contractError } from './hook-checks.ts';
import { logger } from './logger.ts';
import type { Loop } from './loop.ts';
import { TimeoutError } from './os-error.ts';
import { fromPromise } from './promise.ts';
import { _loopInTurn } from './running-loop.ts';
import { timeout as timeoutScope } from './timeout.ts';
import { wrapFuture } from './wrap-future.ts';

/** Seconds that `Runner.close` gives the default executor's jobs. asyncio: `constants.THREAD_JOIN_TIMEOUT`. */
export const THREAD_JOIN_TIMEOUT = 300;

/** Keyword arguments of `loop.runInExecutor`. */
export interface RunInExecutorOptions {
  /**
   * Context variables for the job, where the executor can bring them along: a thread of JavaScript shares no
   * objects. None if null or absent.
   */
  readonly context?: Context | null;
}

/** Who runs jobs. Python: `concurrent.futures.Executor`. */
export interface Executor {
  /**
   * Queues a job: `fn` called with `args`.
   *
   * @returns its outcome; a {@link ConcurrentFuture} can be cancelled, a promise cannot
   * @throws RuntimeError after `shutdown`
   */
  submit<A extends readonly unknown[], R>(
    fn: (...args: A) => R,
    args?: A,
    options?: RunInExecutorOptions,
  ): ConcurrentFuture<Awaited<R>> | PromiseLike<Awaited<R>>;
  /**
   * Takes no more jobs, and ends the threads after the last of those it has.
   *
   * @param options.wait whether the promise waits for that; default: true
   * @param options.cancelFutures whether jobs that have not begun are cancelled; default: false
   */
  shutdown(options?: { readonly wait?: boolean; readonly cancelFutures?: boolean }): PromiseLike<void> | void;
  /** Whether jobs get done while a loop blocks the thread. Those of Node's worker threads do not. */
  readonly worksWhileBlocking?: boolean;
}

let factory: (() => Executor) | null = null;

/** Sets what makes the executor of loops that were given none. */
export function setDefaultExecutorFactory(next: (() => Executor) | null): void {
  factory = next;
}

/** The part of a loop that this file keeps up. */
export interface ExecutorLoop extends Loop {
  _defaultExecutor: Executor | null;
  _executorShutdownCalled: boolean;
  _checkDefaultExecutor(): void;
  _checkPromises(): void;
  _doShutdown(future: Future<void>): void;
  _hold(): void;
  _release(): void;
  readonly _drive: unknown;
}

/** asyncio: `run_in_executor`. See `BaseEventLoop.runInExecutor`. */
export function runInExecutor<A extends readonly unknown[], R>(
  loop: ExecutorLoop,
  executor: Executor | null,
  fn: (...args: A) => R,
  args: A,
  options: RunInExecutorOptions,
): Future<Awaited<R>> {
  const chosen = executor ?? defaultExecutor(loop);
  // Before the job begins: nobody would ever see its end.
  if (chosen.worksWhileBlocking !== true) checkHosted(loop);
  const outcome = chosen.submit(fn, args, options);
  if (!(outcome instanceof ConcurrentFuture)) {
    if (typeof (outcome as Partial<PromiseLike<unknown>> | undefined)?.then !== 'function') {
      const rule = `it must return a ConcurrentFuture or a promise, not ${String(outcome)}`;
      throw contractError('executor.submit', rule, 'protocols-executors-resolvers');
    }
    return fromPromise(outcome, { loop });
  }
  const future = wrapFuture(outcome, { loop });
  if (!outcome.done()) {
    loop._hold();
    // After the link's own callback, so that the loop has something ready when it is let go.
    outcome.addDoneCallback(() => loop._release());
  }
  return future;
}

function checkHosted(loop: ExecutorLoop): void {
  if (!blocks(loop)) return;
  throw new RuntimeError(
    'jobs of this executor do not end while a loop blocks: use run() instead of runSync(), ' +
      'runUntilComplete() instead of runUntilCompleteSync()',
  );
}

function blocks(loop: ExecutorLoop): boolean {
  return _loopInTurn() === (loop as Loop) && loop._drive === null;
}

function defaultExecutor(loop: ExecutorLoop): Executor {
  loop._checkDefaultExecutor();
  if (loop._defaultExecutor !== null) return loop._defaultExecutor;
  if (factory === null) {
    throw new RuntimeError(
      "'miolo/base' has no executor of its own: import 'miolo', pass an executor, or call setDefaultExecutor()",
    );
  }
  return (loop._defaultExecutor = factory());
}

/** asyncio: `set_default_executor`. */
export function checkExecutor(executor: Executor): Executor {
  if (typeof executor?.submit !== 'function' || typeof executor.shutdown !== 'function') {
    throw new TypeError('executor: must be a ThreadPoolExecutor, or have its methods');
  }
  return executor;
}

/** asyncio: `shutdown_default_executor`. See `BaseEventLoop.shutdownDefaultExecutor`. */
export function* shutdownDefaultExecutor(loop: ExecutorLoop, seconds: number | null): Coroutine<void> {
  loop._executorShutdownCalled = true;
  const executor = loop._defaultExecutor;
  if (executor === null) return;
  if (blocks(loop) && executor.worksWhileBlocking !== true) {
    // Its end cannot be seen from here. What it has begun, it finishes.
    void executor.shutdown({ wait: false });
    return;
  }
  const future = loop.createFuture<void>();
  loop._doShutdown(future);
  try {
    yield* timeoutScope(seconds).run(future);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    logger.warning(
      `RuntimeWarning: The executor did not finish joining its threads within ${seconds} seconds.`,
    );
    void executor.shutdown({ wait: false });
  }
}

/** asyncio: `_do_shutdown`. See `BaseEventLoop._doShutdown`. */
export function doShutdown(loop: ExecutorLoop, future: Future<void>): void {
  const done = (): void => {
    loop._release();
    if (!loop.isClosed()) loop.callSoonThreadsafe(_setResultUnlessCancelled, [future, undefined]);
  };
  const failed = (error: unknown): void => {
    loop._release();
    if (!isException(error)) throw error;
    if (!loop.isClosed() && !future.cancelled()) loop.callSoonThreadsafe(() => failUnlessDone(future, error));
  };
  loop._hold();
  let ending: PromiseLike<void> | void;
  try {
    ending = loop._defaultExecutor!.shutdown({ wait: true });
  } catch (error) {
    failed(error);
    return;
  }
  if (typeof (ending as PromiseLike<void> | undefined)?.then !== 'function') done();
  else (ending as PromiseLike<void>).then(done, failed);
}

function failUnlessDone(future: Future<void>, error: unknown): void {
  if (!future.done()) failFuture(future, error);
}

/** What `close` of a loop does: the jobs go on by themselves, and nothing is waited for. */
export function abandonDefaultExecutor(loop: ExecutorLoop): void {
  loop._executorShutdownCalled = true;
  const executor = loop._defaultExecutor;
  loop._defaultExecutor = null;
  if (executor !== null) void executor.shutdown({ wait: false });
}
