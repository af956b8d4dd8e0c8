import { type Context, copyContext } from './contextvars.ts';
import { type Coroutine, isCoroutine, isCoroutineFunction } from './coroutine.ts';
import type { BaseEventLoop } from './base-event-loop.ts';
import { CancelledError, KeyboardInterrupt, RuntimeError } from './exceptions.ts';
import { gather } from './gather.ts';
import { allTasks } from './lifetime.ts';
import { _anyRunning, _currentLoop, _loopInTurn, newEventLoop, setEventLoop } from './running-loop.ts';
import type { Task } from './task.ts';

/** A loop that a runner can run. */
type RunnableLoop = BaseEventLoop<never>;

/** Keyword arguments of {@link Runner} and {@link run}. */
export interface RunnerOptions {
  /** Debug mode of the loop; unchanged if null or absent. */
  readonly debug?: boolean | null;
  /** Makes the loop; default: `newEventLoop`. */
  readonly loopFactory?: (() => RunnableLoop) | null;
}

/** Where the host tells of Ctrl-C: installs a handler and returns what removes it, or null if another one is set. */
export type InterruptSource = (onInterrupt: () => void) => (() => void) | null;

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
   * Runs `coro` to its end, driven by the host, and resolves with its result.
   *
   * @param options.context what the task runs in; default: the runner's own context, the same for every call
   */
  async run<T>(coro: Coroutine<T>, options: { readonly context?: Context | null } = {}): Promise<T> {
    const [task, loop, restore] = this.#begin(coro, options.context);
    try {
      return await loop.runUntilComplete(task);
    } catch (error) {
      throw this.#outcome(error, task);
    } finally {
      restore();
    }
  }

  /** {@link run}, blocking the thread. */
  runSync<T>(coro: Coroutine<T>, options: { readonly context?: Context | null } = {}): T {
    const [task, loop, restore] = this.#begin(coro, options.context);
    try {
      return loop.runUntilCompleteSync(task);
    } catch (error) {
      throw this.#outcome(error, task);
    } finally {
      restore();
    }
  }

  #begin<T>(coro: Coroutine<T>, context?: Context | null): [Task<T>, RunnableLoop, restore: () => void] {
    if (isCoroutineFunction(coro)) {
      throw new TypeError(
        'coro: a coroutine was expected, got a coroutine function: call it, as in run(main())',
      );
    }
    if (!isCoroutine(coro)) throw new TypeError(`coro: a coroutine was expected, got ${String(coro)}`);
    if (_loopInTurn() !== null)
      throw new RuntimeError('Runner.run() cannot be called from a running event loop');
    this.#init();
    const loop = this.#loop!;
    const task = loop.createTask(coro, { context: context ?? this.#context! });
    this.#interruptCount = 0;
    const remove = interrupts?.(() => this.#onInterrupt(task)) ?? null;
    return [task, loop, () => remove?.()];
  }

  #onInterrupt(task: Task<unknown>): void {
    this.#interruptCount++;
    if (this.#interruptCount === 1 && !task.done()) {
      task.cancel();
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
    if (error instanceof CancelledError && this.#interruptCount > 0 && task.uncancel() === 0) {
      return new KeyboardInterrupt();
    }
    return error;
  }

  #init(): void {
    if (this.#state === 'closed') throw new RuntimeError('Runner is closed');
    if (this.#state === 'initialized') return;
    const loop = this.#factory === null ? (newEventLoop() as unknown as RunnableLoop) : this.#factory();
    if (this.#factory === null && _currentLoop() === null) {
      setEventLoop(loop as never);
      this.#setCurrent = true;
    }
    if (this.#debug !== null) loop.setDebug(this.#debug);
    this.#loop = loop;
    this.#context = copyContext();
    this.#state = 'initialized';
  }

  /** Cancels the tasks that are left, waits for them, and closes the loop. Harmless twice. */
  async close(): Promise<void> {
    const loop = this.#closing();
    if (loop === null) return;
    try {
      const cancelling = cancelAllTasks(loop);
      if (cancelling !== null) {
        await loop.runUntilComplete(cancelling.all());
        cancelling.report();
      }
      await loop.runUntilComplete(loop.shutdownAsyncgens());
      await loop.runUntilComplete(loop.shutdownDefaultExecutor(300));
    } finally {
      this.#closed(loop);
    }
  }

  /** {@link close}, blocking the thread. */
  closeSync(): void {
    const loop = this.#closing();
    if (loop === null) return;
    try {
      const cancelling = cancelAllTasks(loop);
      if (cancelling !== null) {
        loop.runUntilCompleteSync(cancelling.all());
        cancelling.report();
      }
      loop.runUntilCompleteSync(loop.shutdownAsyncgens());
      loop.runUntilCompleteSync(loop.shutdownDefaultExecutor(300));
    } finally {
      this.#closed(loop);
    }
  }

  #closing(): RunnableLoop | null {
    if (this.#state !== 'initialized') {
      return null;
    }
    return this.#loop;
  }

  #closed(loop: RunnableLoop): void {
    if (this.#setCurrent) setEventLoop(null);
    loop.close();
    this.#loop = null;
    this.#state = 'closed';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Cancels every task of a loop; null if there is none. */
function cancelAllTasks(loop: RunnableLoop): { all(): ReturnType<typeof gather>; report(): void } | null {
  const tasks = [...allTasks(loop as never)];
  if (tasks.length === 0) return null;
  for (const task of tasks) task.cancel();
  return {
    all: () => gather(tasks as never, { returnExceptions: true, loop: loop as never } as never) as never,
    report() {
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
    },
  };
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
export async function run<T>(main: Coroutine<T>, options: RunnerOptions = {}): Promise<T> {
  refuseNested();
  const runner = new Runner(options);
  try {
    return await runner.run(main);
  } finally {
    await runner.close();
  }
}

/** {@link run}, blocking the thread. */
export function runSync<T>(main: Coroutine<T>, options: RunnerOptions = {}): T {
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
