/** Where futures and tasks of other makes are used: by our tasks, by a loop that makes none of ours, and natively. */
import { MioEventLoop } from 'miolo';
import type { BaseEventLoop, Coroutine, ExceptionContext, Future, Task, TaskOptions } from 'miolo/base';
import { ForeignFuture } from './foreign-future.js';
import { ForeignTask } from './foreign-task.js';
import { TestLoop } from './harness.js';

/** A loop whose futures and tasks are all of another make. */
export class ForeignLoop extends TestLoop {
  override createFuture<T>(): Future<T> {
    return new ForeignFuture<T>(this) as never;
  }

  override createTask<T>(coro: Coroutine<T>, options?: TaskOptions): Task<T> {
    if (this.getTaskFactory() !== null) return super.createTask(coro, options);
    return new ForeignTask<T>(coro, this, options) as never;
  }
}

/** The native loop with a clock that moves on when there is nothing else to do: real time would decide what is first. */
class NativeLoop extends MioEventLoop {
  readonly reports: ExceptionContext[] = [];
  now = 0;

  override time(): number {
    return this.now;
  }

  override _nextTimeout(): number | null {
    const timeout = super._nextTimeout();
    if (timeout === null || this._isReady()) return timeout;
    this.now += timeout;
    return 0;
  }

  override defaultExceptionHandler(context: ExceptionContext): void {
    this.reports.push(context);
  }
}

/** A loop of the tests: it keeps what is reported to it. */
export type AnyLoop = BaseEventLoop<never> & { readonly reports: ExceptionContext[] };

/** The loops; all have virtual clocks. */
export const LOOPS: readonly [name: string, make: () => AnyLoop][] = [
  ['a loop of the virtual clock', () => new TestLoop() as never],
  ['a loop that makes no future and no task of ours', () => new ForeignLoop() as never],
  ['MioEventLoop', () => new NativeLoop() as never],
];

/** Runs a coroutine on a loop of its own. @throws Error when anything was reported */
export function runOnLoop<T>(make: () => AnyLoop, main: (loop: AnyLoop) => Coroutine<T>): T {
  const loop = make();
  let result: T;
  try {
    result = loop.runUntilCompleteSync(main(loop));
  } finally {
    loop.close();
  }
  const [first] = loop.reports;
  if (first !== undefined) throw new Error(`reported: ${first.message}`, { cause: first.exception });
  return result;
}
