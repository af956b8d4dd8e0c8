import type { Coroutine } from './coroutine.ts';
import type { TaskLike } from './lifetime.ts';
import { type StackEntry, formatStackEntry, parseStack, stackHeader, stackOf } from './stack-entry.ts';
import { coroutineFrames, pendingFrames } from './suspension.ts';
import { type WritableLike, writeLine } from './writable.ts';

/** What these functions need of a task. */
interface StackedTask extends TaskLike {
  readonly _coro: Coroutine<unknown> | null;
  readonly _exception: unknown;
}

/**
 * The frames of a task, oldest first. asyncio: `Task.get_stack`.
 *
 * - Pending: where it waits, or runs. Outside of debug mode only the outermost coroutine is known of a task that
 *   waits, and its place only where the host finds it (Node does).
 * - Failed: where its error was made (Python: where it was thrown and passed through), as far as the engine has
 *   kept it: `Error.stackTraceLimit` frames.
 * - Else: none.
 *
 * @param limit how many frames are kept: the newest of a pending task, the oldest of a failed one, as in asyncio
 */
export function taskStack(task: StackedTask, limit?: number | null): StackEntry[] {
  if (!task.done()) {
    if (task._coro === null) return [];
    const frames = pendingFrames([{ task, coro: task._coro }])[0]!;
    return frames
      .slice(0, limit === null || limit === undefined ? undefined : Math.max(0, limit))
      .toReversed();
  }
  const error = task._exception;
  if (error === null) return [];
  const frames = coroutineFrames(parseStack(stackOf(error), stackHeader(error))).toReversed();
  return frames.slice(0, limit === null || limit === undefined ? undefined : Math.max(0, limit));
}

/**
 * Writes the frames of a task. asyncio: `Task.print_stack`.
 *
 * @param options.limit as in {@link taskStack}
 * @param options.file where to; default: the console's error stream
 */
export function printTaskStack(
  task: StackedTask,
  options: { readonly limit?: number | null; readonly file?: WritableLike | null } = {},
): void {
  const frames = taskStack(task, options.limit);
  const error = task.done() ? task._exception : null;
  const lines: string[] = [];
  if (frames.length === 0) lines.push(`No stack for ${String(task)}`);
  else {
    lines.push(`${error === null ? 'Stack' : 'Traceback'} for ${String(task)} (most recent call last):`);
  }
  for (const frame of frames) lines.push(`  ${formatStackEntry(frame)}`);
  if (error !== null) lines.push(String(error));
  writeLine(options.file, lines.join('\n'), (text) => console.error(text));
}
