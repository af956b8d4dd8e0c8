import { awaitersOf } from './awaited-by.ts';
import type { Coroutine } from './coroutine.ts';
import type { FutureLike } from './future-like.ts';
import { identityOf } from './identity.ts';
import { type TaskLike, everyTask } from './lifetime.ts';
import { pendingFrames } from './suspension.ts';
import { currentThread } from './thread.ts';
import type { CoroInfo, RemoteFrame, TaskInfo, ThreadTasks } from './tools.ts';

/**
 * The pending tasks of all loops of this thread, where they stand, and who awaits whom.
 *
 * Through futures that are no tasks (what `gather` returns) it looks at the tasks behind them. What the stacks can
 * tell is said at `captureCallGraph`.
 */
export function snapshotTasks(): ThreadTasks {
  const tasks = everyTask();
  const waiting: { task: TaskLike; coro: Coroutine<unknown> }[] = [];
  for (const task of tasks) {
    const coro = (task as { getCoro?: () => Coroutine<unknown> | null }).getCoro?.() ?? null;
    if (coro !== null) waiting.push({ task, coro });
  }
  const stacks = new Map<TaskLike, RemoteFrame[]>();
  for (const [at, frames] of pendingFrames(waiting).entries()) {
    stacks.set(
      waiting[at]!.task,
      frames.map(({ name, filename, lineno }) => ({
        funcname: name === '' ? '<anonymous>' : name,
        filename,
        lineno,
      })),
    );
  }
  const infoOf = (task: TaskLike): CoroInfo => ({
    callStack: stacks.get(task) ?? [],
    taskName: identityOf(task),
  });
  const awaitedBy = [...tasks].map((task): TaskInfo => ({
    taskId: identityOf(task),
    taskName: task.getName?.() ?? String(task),
    coroutineStack: [infoOf(task)],
    awaitedBy: [...awaitingTasks(task, tasks)].map(infoOf),
  }));
  return { threadId: currentThread()?.id ?? 0, awaitedBy };
}

/** The tasks that await `awaited`, directly or through futures that are no tasks. */
function awaitingTasks(awaited: FutureLike, tasks: ReadonlySet<TaskLike>): Set<TaskLike> {
  const found = new Set<TaskLike>();
  const seen = new Set<FutureLike>();
  const left = [...awaitersOf(awaited)];
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (tasks.has(next)) found.add(next);
    else left.push(...awaitersOf(next));
  }
  return found;
}

/** What a debugger finds in a process: from each copy of this package a function that takes a snapshot. */
const KEY = Symbol.for('miolo.snapshots');

type Shared = { [KEY]?: (() => ThreadTasks)[] };

((globalThis as Shared)[KEY] ??= []).push(snapshotTasks);
