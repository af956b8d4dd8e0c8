import { type Context, copyContext } from './contextvars.ts';
import { isCoroutineFunction } from './coroutine.ts';
import type { BaseEventLoop } from './base-event-loop.ts';
import { type Awaitable, toCoroutine } from './ensure-future.ts';
import { CancelledError, KeyboardInterrupt, RuntimeError } from './exceptions.ts';
import { THREAD_JOIN_TIMEOUT } from './executor.ts';
import type { Future } from './future.ts';
import { gather } from './gather.ts';
import { type TaskLike, allTasks } from './lifetime.ts';
import { _anyRunning, _loopInTurn, newEventLoop, setEventLoop } from './running-loop.ts';
import type { Task } from './task.ts';

/** Ctrl-C, on every platform. */
const SIGINT = 2;

/** A loop that a runner can run, whatever it polls. */
// oxlint-disable-next-line typescript/no-explicit-any -- a loop of any events has to fit
type RunnableLoop = BaseEventLoop<any>;

/** Keyword arguments of {@link Runner} and {@link run}. */
export interface RunnerOptions {
  /** Debug mode of the loop; unchanged if null or absent. */
  readonly debug?: boolean | null;
  /** Makes the loop; default: `newEventLoop`. */
  readonly loopFactory?: (() => RunnableLoop) | null;
}

/**
 * Where the host tells of Ctrl-C: installs a handler and returns what removes it, or null if another one is set.
 *
 * @param blocking whether the run will block the thread, so that the host's own events do not come
 */
export type InterruptSource = (
  onInterrupt: () => void,
  loop: RunnableLoop,
  blocking: boolean,
) => (() => void) | null;

let interrupts: InterruptSource | null = null;

/** Sets where Ctrl-C comes from. */
export function setInterruptSource(source: InterruptSource | null): void {
  interrupts = source;
}

/**
 * Runs coroutines on one loop, in one context, and cleans up after them. asyncio: `Runner`.
 *
 * @example
 * ```ts
 * const runner = new Runner();
 * await runner.run(main());
 * await runner.close();
 * ```
 */
export class Runner {
  #state: 'created' | 'initialized' | 'closed' = 'created';
  readonly #debug: boolean | null;
  readonly #factory: (() => RunnableLoop) | null;
  #loop: RunnableLoop | null = null;
  #context: Context | null = null;
  #interruptCount = 0;
  #setCurrent = false;

  constructor(options: RunnerOptions = {}) {
    this.#debug = options.debug ?? null;
    this.#factory = options.loopFactory ?? null;
  }

  /** The loop, made at the first call. @throws RuntimeError when the runner is closed */
  getLoop(): RunnableLoop {
    this.#init();
    return this.#loop!;
  }

  /**
   * Runs `coro` to its end in a task, driven by the host, and resolves with its result.
   *
   * @param coro a coroutine, or anything else that can be awaited
   * @param options.context what the task runs in; default: the runner's own context, the same for every call
   * @throws (rejects) RuntimeError inside of a running loop, while the runner runs, and when it is closed; TypeError
   * for what cannot be awaited
   */
  async run<T>(coro: Awaitable<T>, options: { readonly context?: Context | null } = {}): Promise<T> {
    const [task, loop, restore] = this.#begin(coro, options.context, false);
    try {
      return await loop.runUntilComplete(task);
    } catch (error) {
      throw this.#outcome(error, task);
    } finally {
      restore();
    }
  }

  /** {@link run}, blocking the thread. */
  runSync<T>(coro: Awaitable<T>, options: { readonly context?: Context | null } = {}): T {
    const [task, loop, restore] = this.#begin(coro, options.context, true);
    try {
      return loop.runUntilCompleteSync(task);
    } catch (error) {
      throw this.#outcome(error, task);
    } finally {
      restore();
    }
  }

  #begin<T>(
    coro: Awaitable<T>,
    context: Context | null | undefined,
    blocking: boolean,
  ): [Task<T>, RunnableLoop, restore: () => void] {
    if (_loopInTurn() !== null)
      throw new RuntimeError('Runner.run() cannot be called from a running event loop');
    this.#init();
    const loop = this.#loop!;
    if (loop.isRunning()) throw new RuntimeError('Runner.run() cannot be called while the runner runs');
    if (isCoroutineFunction(coro)) {
      throw new TypeError(
        'coro: a coroutine was expected, got a coroutine function: call it, as in run(main())',
      );
    }
    const task = loop.createTask(toCoroutine(coro), { context: context ?? this.#context! });
    this.#interruptCount = 0;
    const remove = interrupts?.(() => this._onSigint(SIGINT, task as Task), loop, blocking) ?? null;
    return [task, loop, () => remove?.()];
  }

  /**
   * Ctrl-C was pressed: the first time the main task is cancelled, then the run ends at once. asyncio: `_on_sigint`.
   *
   * @param _signum the signal's number
   */
  _onSigint(_signum: number, mainTask: Task<unknown>): void {
    this.#interruptCount++;
    if (this.#interruptCount === 1 && !mainTask.done()) {
      mainTask.cancel();
      this.#loop!.callSoonThreadsafe(() => {});
      return;
    }
    // Again: at once.
    this.#loop!.callSoonThreadsafe(() => {
      throw new KeyboardInterrupt();
    });
  }

  /** Ctrl-C shows as KeyboardInterrupt, unless something else cancelled the task as well. */
  #outcome(error: unknown, task: Task<unknown>): unknown {
    if (!(error instanceof CancelledError) || this.#interruptCount === 0) return error;
    // Tasks of other makes need not count their cancellations.
    return (task as Partial<Task>).uncancel?.() === 0 ? new KeyboardInterrupt() : error;
  }

  #init(): void {
    if (this.#state === 'closed') throw new RuntimeError('Runner is closed');
    if (this.#state === 'initialized') return;
    const loop = this.#factory === null ? (newEventLoop() as unknown as RunnableLoop) : this.#factory();
    if (this.#factory === null) {
      setEventLoop(loop as never);
      this.#setCurrent = true;
    }
    if (this.#debug !== null) loop.setDebug(this.#debug);
    this.#loop = loop;
    this.#context = copyContext();
    this.#state = 'initialized';
  }

  /**
   * Cancels the tasks that are left, waits for them, and closes the loop. Harmless twice.
   *
   * @throws (rejects) RuntimeError while the runner runs
   */
  async close(): Promise<void> {
    const loop = this.#closing();
    if (loop === null) return;
    try {
      await _cancelAllTasks(loop);
      await loop.runUntilComplete(loop.shutdownAsyncgens());
      await loop.runUntilComplete(loop.shutdownDefaultExecutor(THREAD_JOIN_TIMEOUT));
    } finally {
      this.#closed(loop);
    }
  }

  /** {@link close}, blocking the thread. */
  closeSync(): void {
    const loop = this.#closing();
    if (loop === null) return;
    try {
      _cancelAllTasksSync(loop);
      loop.runUntilCompleteSync(loop.shutdownAsyncgens());
      loop.runUntilCompleteSync(loop.shutdownDefaultExecutor(THREAD_JOIN_TIMEOUT));
    } finally {
      this.#closed(loop);
    }
  }

  #closing(): RunnableLoop | null {
    if (this.#state !== 'initialized') return null;
    // Before anything is cancelled: what runs goes on.
    if (this.#loop!.isRunning()) throw new RuntimeError('Cannot close a running event loop');
    return this.#loop;
  }

  #closed(loop: RunnableLoop): void {
    if (this.#setCurrent) setEventLoop(null);
    loop.close();
    this.#loop = null;
    this.#state = 'closed';
  }

  /** Makes the loop now. Python: `with Runner() as runner`. @throws RuntimeError when the runner is closed */
  enter(): this {
    this.#init();
    return this;
  }

  /** {@link closeSync}, for `using runner = new Runner()`. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** {@link close}, for `await using runner = new Runner()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Cancels the tasks of a loop; null if there are none. */
function cancelTasks(loop: RunnableLoop): TaskLike[] | null {
  const tasks = [...allTasks(loop as never)];
  if (tasks.length === 0) return null;
  for (const task of tasks) task.cancel();
  return tasks;
}

/** The end of tasks that were cancelled; no error of theirs ends it. */
function endOf(tasks: readonly TaskLike[], loop: RunnableLoop): Future<unknown> {
  return gather(tasks, { returnExceptions: true, loop: loop as never });
}

/** Reports what tasks failed with in place of giving in. */
function reportFailures(tasks: readonly TaskLike[], loop: RunnableLoop): void {
  for (const task of tasks) {
    if (task.cancelled()) continue;
    const exception = task.exception();
    if (exception === null) continue;
    loop.callExceptionHandler({
      message: 'unhandled exception during asyncio.run() shutdown',
      exception,
      task,
    });
  }
}

/** Cancels every task of a loop that does not run, and drives the loop until they have ended. */
export async function _cancelAllTasks(loop: RunnableLoop): Promise<void> {
  const tasks = cancelTasks(loop);
  if (tasks === null) return;
  await loop.runUntilComplete(endOf(tasks, loop));
  reportFailures(tasks, loop);
}

/** {@link _cancelAllTasks}, blocking the thread. asyncio: `_cancel_all_tasks`. */
export function _cancelAllTasksSync(loop: RunnableLoop): void {
  const tasks = cancelTasks(loop);
  if (tasks === null) return;
  loop.runUntilCompleteSync(endOf(tasks, loop));
  reportFailures(tasks, loop);
}

/**
 * Runs a program: makes a loop, runs `main` to its end, cleans up, and resolves with the result. asyncio: `run`.
 *
 * @throws (rejects) TypeError for a function in place of a coroutine; RuntimeError inside of a running loop
 *
 * @example
 * ```ts
 * function* main(): Coroutine<void> {
 *   yield* sleep(1);
 *   console.log('hello');
 * }
 * await run(main());
 * ```
 */
export async function run<T>(main: Awaitable<T>, options: RunnerOptions = {}): Promise<T> {
  refuseNested();
  const runner = new Runner(options);
  try {
    return await runner.run(main);
  } finally {
    await runner.close();
  }
}

/** {@link run}, blocking the thread. */
export function runSync<T>(main: Awaitable<T>, options: RunnerOptions = {}): T {
  refuseNested();
  if (_anyRunning()) throw new RuntimeError('runSync() cannot be called while another event loop runs');
  const runner = new Runner(options);
  try {
    return runner.runSync(main);
  } finally {
    runner.closeSync();
  }
}

function refuseNested(): void {
  if (_loopInTurn() !== null) throw new RuntimeError('run() cannot be called from a running event loop');
}
