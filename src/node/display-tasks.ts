import {
  CycleFoundException,
  OSError,
  RuntimeError,
  SystemExit,
  buildAsyncTree,
  buildTaskTable,
  coroutine,
} from '../base/index.ts';
import type { AwaitableCoroutine, Coroutine, ThreadTasks } from '../base/index.ts';
import { getAllAwaitedBy } from './remote-tasks.ts';

const COLUMNS: readonly (readonly [title: string, width: number])[] = [
  ['tid', 10],
  ['task id', 20],
  ['task name', 20],
  ['coroutine stack', 50],
  ['awaiter chain', 50],
  ['awaiter name', 15],
  ['awaiter id', 15],
];

/**
 * Prints a table of the pending tasks of another process. asyncio: `tools.display_awaited_by_tasks_table`.
 *
 * @throws SystemExit with status 1 when the process cannot be attached to, which it has printed then
 */
export const displayAwaitedByTasksTable: (pid: number) => AwaitableCoroutine<void> = coroutine(
  function* displayAwaitedByTasksTable(pid: number): Coroutine<void> {
    const table = buildTaskTable(yield* tasksOf(pid));
    console.log(line(COLUMNS.map(([title]) => title)));
    console.log('-'.repeat(180));
    for (const row of table) console.log(line(row));
  },
);

function line(cells: readonly string[]): string {
  return cells.map((cell, at) => cell.padEnd(COLUMNS[at]![1])).join(' ');
}

/**
 * Prints the pending tasks of another process as trees. asyncio: `tools.display_awaited_by_tasks_tree`.
 *
 * @throws SystemExit with status 1 when the process cannot be attached to, or its tasks await each other in a circle,
 * which it has printed then
 */
export const displayAwaitedByTasksTree: (pid: number) => AwaitableCoroutine<void> = coroutine(
  function* displayAwaitedByTasksTree(pid: number): Coroutine<void> {
    const tasks = yield* tasksOf(pid);
    let trees: string[][];
    try {
      trees = buildAsyncTree(tasks);
    } catch (error) {
      if (!(error instanceof CycleFoundException)) throw error;
      console.error('ERROR: await-graph contains cycles - cannot print a tree!\n');
      for (const cycle of error.cycles) {
        const names = cycle.map((id) => error.id2name.get(id) ?? `0x${id.toString(16)}`);
        console.error(`cycle: ${names.join(' → ')}`);
      }
      throw new SystemExit(1);
    }
    for (const tree of trees) console.log(tree.join('\n'));
  },
);

function* tasksOf(pid: number): Coroutine<ThreadTasks[]> {
  try {
    return yield* getAllAwaitedBy(pid);
  } catch (error) {
    // A process that is not there, is somebody else's, does not answer, or has no tasks of ours.
    if (!(error instanceof OSError || error instanceof RuntimeError)) throw error;
    console.error(`Error retrieving tasks: ${error.message}`);
    throw new SystemExit(1);
  }
}
