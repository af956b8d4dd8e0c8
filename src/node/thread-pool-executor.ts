import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { TransferListItem } from 'node:worker_threads';
import {
  ConcurrentFuture,
  RuntimeError,
  ValueError,
  brandError,
  isCoroutineFunction,
  logger,
} from '../base/index.ts';
import type { Executor } from '../base/index.ts';
import type { AnswerMessage, JobMessage } from './pool-worker.ts';
import { unpackThrown } from './rebuild-error.ts';
import { unwrapTransfers } from './transferring.ts';
import { isImporting, placeOf } from './worker-function.ts';

/** Keyword arguments of {@link ThreadPoolExecutor}. */
export interface ThreadPoolExecutorOptions {
  /** Threads at most; default: the processors and 4 more, but not more than 32. Each is made when it is needed. */
  readonly maxWorkers?: number | null;
  /** What the threads' names begin with. */
  readonly threadNamePrefix?: string;
}

/** The thread ended before its job did. Python: `concurrent.futures.BrokenExecutor`. */
export class BrokenExecutor extends RuntimeError {
  /** What the thread ended with. */
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

brandError(BrokenExecutor, 'BrokenExecutor', 'ERR_MIOLO_BROKEN_EXECUTOR');

interface Job {
  readonly message: JobMessage;
  readonly transfer: readonly TransferListItem[];
  readonly future: ConcurrentFuture;
}

interface Thread {
  readonly worker: Worker;
  job: Job | null;
  /** What the thread could not go on with. */
  error: unknown;
}

/** A program that stands on the command line: Node refuses to start workers with the options of one. */
const INLINE_PROGRAM = /^(--input-type(=.*)?|-e|--eval|-p|--print|-pe)$/;

/** Options that decide how modules are found and loaded. */
const LOADER_OPTION = /^(--import|--require|-r|--loader|--experimental-loader|--conditions|-C)(=.*)?$/;

/** What threads are started with: what the process was, as far as that is possible. */
function workerOptions(): { execArgv?: string[] } {
  const given = process.execArgv;
  if (!given.some((option) => INLINE_PROGRAM.test(option))) return {};
  const execArgv: string[] = [];
  for (let at = 0; at < given.length; at++) {
    const option = given[at]!;
    if (!LOADER_OPTION.test(option)) continue;
    execArgv.push(option);
    if (!option.includes('=') && at + 1 < given.length) execArgv.push(given[++at]!);
  }
  return { execArgv };
}

let poolCount = 0;

/**
 * Runs jobs on Node's worker threads. Python: `concurrent.futures.ThreadPoolExecutor`.
 *
 * Threads of JavaScript share no functions and no objects. A job is therefore one of two kinds of function:
 *
 * - one made by {@link workerFunction}, which names an export that the thread imports;
 * - any other, which is sent as source text. It may use its arguments and what every thread has (`globalThis`,
 *   `await import('node:fs')`), but no names from around it: those are a ReferenceError that says so. Bound and
 *   native functions and methods in short form have no usable source text: TypeError.
 *
 * Async functions are waited for. Arguments and results are structured clones; {@link transferring} hands memory
 * over. What a job throws comes back with class, message, stack and properties; classes other than JavaScript's and
 * miolo's become the nearest of those.
 *
 * A job that has begun cannot be cancelled. A thread that ends during a job (`process.exit()`, no memory) fails that
 * job with {@link BrokenExecutor} and is replaced. Idle threads do not keep the process alive. The outcome of jobs
 * comes through Node's event loop: none does while a loop blocks (`runSync`).
 *
 * @example
 * ```ts
 * const executor = new ThreadPoolExecutor({ maxWorkers: 4 });
 * const sum = yield* loop.runInExecutor(executor, (a: number, b: number) => a + b, [1, 2]);
 * yield* fromPromise(executor.shutdown());
 * ```
 */
export class ThreadPoolExecutor implements Executor {
  readonly worksWhileBlocking = false;
  /** Threads at most. */
  readonly maxWorkers: number;
  readonly #prefix: string;
  readonly #queue: Job[] = [];
  readonly #threads = new Set<Thread>();
  /** The one used last comes first: what is not needed stays idle. */
  readonly #idle: Thread[] = [];
  #threadCount = 0;
  #jobCount = 0;
  #isShutDown = false;
  #onEmpty: (() => void)[] = [];

  /** @throws ValueError when `maxWorkers` is not a whole number above 0 */
  constructor(options: ThreadPoolExecutorOptions = {}) {
    const maxWorkers = options.maxWorkers ?? Math.min(32, availableParallelism() + 4);
    if (!Number.isInteger(maxWorkers) || maxWorkers <= 0) {
      throw new ValueError('maxWorkers: must be a whole number greater than 0');
    }
    this.maxWorkers = maxWorkers;
    const prefix = options.threadNamePrefix ?? '';
    this.#prefix = prefix === '' ? `ThreadPoolExecutor-${poolCount++}` : prefix;
  }

  /**
   * Queues a job: `fn` called with `args` in a thread.
   *
   * @returns its outcome, which belongs to no loop: await it, or use `loop.runInExecutor`
   * @throws RuntimeError after {@link shutdown}; TypeError for functions that cannot be sent
   */
  submit<A extends readonly unknown[], R>(
    fn: (...args: A) => R,
    args: A = [] as never,
  ): ConcurrentFuture<Awaited<R>> {
    if (this.#isShutDown) throw new RuntimeError('cannot schedule new futures after shutdown');
    const transfer: TransferListItem[] = [];
    const message: JobMessage = {
      id: this.#jobCount++,
      job: jobOf(fn),
      args: unwrapTransfers(args, transfer),
    };
    const future = new ConcurrentFuture<Awaited<R>>();
    this.#queue.push({ message, transfer, future: future as ConcurrentFuture });
    this.#dispatch();
    return future;
  }

  /**
   * Takes no more jobs, and ends the threads after the last of those it has. Harmless twice.
   *
   * @param options.wait whether to resolve only then; default: true
   * @param options.cancelFutures whether to cancel the jobs that have not begun; default: false
   */
  shutdown(options: { readonly wait?: boolean; readonly cancelFutures?: boolean } = {}): Promise<void> {
    this.#isShutDown = true;
    if (options.cancelFutures === true) {
      for (const { future } of this.#queue.splice(0)) if (future.cancel()) future.setRunningOrNotifyCancel();
    }
    this.#dispatch();
    if (options.wait === false || this.#threads.size === 0) return Promise.resolve();
    for (const { worker } of this.#threads) worker.ref();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  /** Gives jobs to idle threads, and to new ones; after `shutdown` ends threads without a job. */
  #dispatch(): void {
    for (;;) {
      const job = this.#next();
      if (job === null) break;
      let thread: Thread;
      try {
        thread = this.#idle.pop() ?? this.#start();
      } catch (error) {
        // No thread can be made: no memory, or options that workers do not take.
        job.future.setException(error);
        continue;
      }
      this.#begin(thread, job);
    }
    if (!this.#isShutDown || this.#queue.length > 0) return;
    for (const { worker } of this.#idle.splice(0)) void worker.terminate();
  }

  /** The next job that was not cancelled, if a thread is free for it. */
  #next(): Job | null {
    while (this.#queue.length > 0) {
      if (this.#idle.length === 0 && this.#threads.size >= this.maxWorkers) return null;
      const job = this.#queue.shift()!;
      if (job.future.setRunningOrNotifyCancel()) return job;
    }
    return null;
  }

  #start(): Thread {
    const worker = new Worker(new URL('./pool-worker.js', import.meta.url), {
      name: `${this.#prefix}_${this.#threadCount++}`,
      ...workerOptions(),
    });
    const thread: Thread = { worker, job: null, error: null };
    this.#threads.add(thread);
    worker.on('message', (message: AnswerMessage) => this.#onAnswer(thread, message));
    worker.on('messageerror', (error) => this.#onFailure(thread, error));
    worker.on('error', (error) => (thread.error = error));
    worker.on('exit', (code) => this.#onExit(thread, code));
    return thread;
  }

  #begin(thread: Thread, job: Job): void {
    thread.job = job;
    thread.worker.ref();
    try {
      thread.worker.postMessage(job.message, job.transfer);
    } catch (error) {
      // An argument that cannot be cloned or transferred.
      this.#rest(thread);
      job.future.setException(error);
    }
  }

  #onAnswer(thread: Thread, message: AnswerMessage): void {
    // Anything else was posted by the program's own code in the thread.
    if (thread.job === null || message?.id !== thread.job.message.id) return;
    const { future } = thread.job;
    this.#rest(thread);
    // First, since callbacks of the future may throw exits.
    this.#dispatch();
    if ('thrown' in message) future.setException(unpackThrown(message.thrown));
    else future.setResult(message.result);
  }

  #onFailure(thread: Thread, error: unknown): void {
    if (thread.job === null) return;
    const { future } = thread.job;
    this.#rest(thread);
    this.#dispatch();
    future.setException(error);
  }

  #rest(thread: Thread): void {
    thread.job = null;
    thread.worker.unref();
    this.#idle.push(thread);
  }

  #onExit(thread: Thread, code: number): void {
    this.#threads.delete(thread);
    const at = this.#idle.indexOf(thread);
    if (at >= 0) this.#idle.splice(at, 1);
    const cause = thread.error === null ? undefined : { cause: thread.error };
    this.#dispatch();
    if (thread.job !== null) {
      const text = `the worker thread ended during the job (exit code ${code})`;
      thread.job.future.setException(new BrokenExecutor(text, code, cause));
    } else if (thread.error !== null) logger.error('a worker thread failed between jobs', thread.error);
    if (this.#isShutDown && this.#threads.size === 0)
      for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** How a thread gets `fn`. @throws TypeError when it cannot; RuntimeError when it would start the program again */
function jobOf(fn: unknown): JobMessage['job'] {
  if (typeof fn !== 'function') throw new TypeError(`fn: a function was expected, got ${String(fn)}`);
  const place = placeOf(fn);
  if (place !== null) {
    if (!isImporting(place)) return place;
    // The next worker would import it as well, and so on without end.
    throw new RuntimeError(
      `fn: the worker thread that imports ${place.url} for ${place.name}() starts the program that stands in it, too: ` +
        'start it only if isMainThread of node:worker_threads is true, or move the function to a module of its own',
    );
  }
  if (isCoroutineFunction(fn)) {
    throw new TypeError('fn: coroutines cannot be used with an executor: no loop runs in its threads');
  }
  const source = Function.prototype.toString.call(fn);
  if (/^(async\s+)?function\b|^(async\b\s*)?(\(|[\p{ID_Start}$_][\p{ID_Continue}$]*\s*=>)/u.test(source)) {
    if (!source.endsWith('{ [native code] }')) return source;
  }
  throw new TypeError(
    'fn: bound and native functions, classes and methods cannot be sent to a worker thread: ' +
      'use an arrow function, or name an exported function with workerFunction()',
  );
}
