import type { Coroutine } from './coroutine.ts';
import type { FutureLike } from './future-like.ts';
import type { Loop, TaskFactory } from './loop.ts';
import { Task, type TaskOptions } from './task.ts';

/**
 * A task factory whose tasks take their first step at once. asyncio: `create_eager_task_factory`.
 *
 * @param makeTask makes a task of a loop, a coroutine and the options given, of which `eagerStart` is true unless
 * the caller of `createTask` said otherwise
 */
export function createEagerTaskFactory(
  makeTask: (coro: Coroutine<unknown>, options: TaskOptions & { readonly loop: Loop }) => FutureLike,
): TaskFactory {
  return (loop, coro, options) =>
    makeTask(coro, { ...options, eagerStart: options.eagerStart ?? true, loop });
}

/** Tasks of this factory take their first step at once. asyncio: `eager_task_factory`. */
export const eagerTaskFactory: TaskFactory = (loop, coro, { name, context, eagerStart = true }) =>
  // Not made by createEagerTaskFactory: spreading the options costs V8 ten times the task.
  new Task(coro, { name, context, eagerStart, loop });
