/** What the tests of the primitives share: loops with a virtual clock that insist on silence, and futures of others. */
import { currentTask, fromPromise, sleep } from 'miolo/base';
import type { Awaitable, BaseExceptionGroup, Coroutine, ExceptionContext, Task } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

/** Counts its turns and keeps what is reported to it. */
export class TestLoop extends VirtualClockLoop {
  readonly reports: ExceptionContext[] = [];
  turns = 0;

  override _runOnce(): void {
    this.turns++;
    super._runOnce();
  }

  override defaultExceptionHandler(context: ExceptionContext): void {
    this.reports.push(context);
  }

  /** The messages reported so far, which are then forgotten. */
  takeReports(): (string | undefined)[] {
    return this.reports.splice(0).map((context) => context.message);
  }

  /** Closes the loop. @throws Error when anything was reported that no test has taken */
  closeSilently(): void {
    this.close();
    const [first] = this.reports;
    if (first === undefined) return;
    throw new Error(`reported: ${first.message ?? ''}`, { cause: first.exception });
  }
}

/** Runs a coroutine on a loop of its own, blocking. Whatever is reported and not taken fails the test. */
export function runOn<T>(main: (loop: TestLoop) => Coroutine<T>): T {
  const loop = new TestLoop();
  let result: T;
  try {
    result = loop.runUntilCompleteSync(main(loop));
  } catch (error) {
    // The test has failed already; what else was reported would only hide why.
    loop.close();
    throw error;
  }
  loop.closeSilently();
  return result;
}

/** Runs an async function on a hosted loop of its own. */
export async function runHosted<T>(main: (loop: TestLoop) => Promise<T>): Promise<T> {
  const loop = new TestLoop();
  let result: T;
  try {
    result = await loop.runUntilComplete(
      (function* (): Coroutine<T> {
        return yield* fromPromise(main(loop));
      })(),
    );
  } catch (error) {
    // As in runOn.
    loop.close();
    throw error;
  }
  loop.closeSilently();
  return result;
}

/** What awaiting something throws; undefined if it throws nothing. */
export function* errorOf(awaitable: Awaitable): Coroutine<unknown> {
  try {
    yield* awaitable;
    return undefined;
  } catch (error) {
    // Whatever it is: the test looks at it.
    return error;
  }
}

/** Gives the loop some turns. */
export function* turns(count: number): Coroutine<void> {
  for (let i = 0; i < count; i++) yield;
}

/** A coroutine that throws. */
export function* fails(error: unknown): Coroutine<never> {
  throw error;
}

/** A coroutine that returns. */
export function* gives<T>(value: T): Coroutine<T> {
  return value;
}

/** A coroutine that throws after some seconds. */
export function* failsAfter(seconds: number, error: unknown): Coroutine<never> {
  yield* sleep(seconds);
  throw error;
}

/** Sleeps, and notes in `log` how that ended. */
export function* noted(log: string[], name: string, seconds: number): Coroutine<void> {
  try {
    yield* sleep(seconds);
    log.push(`${name} ended`);
  } catch (error) {
    log.push(`${name} cancelled`);
    throw error;
  }
}

/** The messages of a group's members. */
export function messagesOf(group: unknown): string[] {
  return (group as BaseExceptionGroup).exceptions.map((each) => (each as Error).message);
}

/** The task that runs. */
export function me(): Task {
  return currentTask() as Task;
}

/** How many turns of the loop waiting for something takes. */
export function* turnsOf(loop: TestLoop, awaitable: Awaitable): Coroutine<number> {
  const before = loop.turns;
  yield* awaitable;
  return loop.turns - before;
}
