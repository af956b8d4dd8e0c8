/**
 * Which tasks exist, and which one is stepping: the functions that keep tasks of any make visible.
 */
import { RuntimeError } from './exceptions.ts';
import type { FutureLike } from './future-like.ts';
import type { Loop } from './loop.ts';
import { getRunningLoop } from './running-loop.ts';

/** What the registry needs of a task of any make. */
export interface TaskLike extends FutureLike {
  getName?(): string;
}

/** Tasks of ours are in a list of their loop: held strongly, so that a waiting task never vanishes. */
export interface Linked {
  readonly _loop: Loop;
  _previous: Linked | null;
  _next: Linked | null;
}

/** Either end of a loop's list. */
interface Ends {
  _previous: Linked | Ends;
  _next: Linked | Ends;
}

/** What is known of a loop's tasks. It hangs on the loop, where another copy of this package finds it as well. */
interface LoopTasks {
  readonly ends: Ends;
  /** The task that is stepping. */
  current: TaskLike | null;
}

const TASKS = Symbol.for('miolo.tasks');

type HasTasks = { [TASKS]?: LoopTasks };

function tasksOf(loop: Loop): LoopTasks {
  return (loop as HasTasks)[TASKS] ?? newTasks(loop);
}

function newTasks(loop: Loop): LoopTasks {
  const ends = {} as Ends;
  ends._previous = ends;
  ends._next = ends;
  const tasks: LoopTasks = { ends, current: null };
  Object.defineProperty(loop, TASKS, { value: tasks });
  for (const ref of loops) if (ref.deref() === undefined) loops.delete(ref);
  loops.add(new WeakRef(loop));
  return tasks;
}

/** What belongs to no loop's list. All copies of this package in a thread share it. */
interface Others {
  /** Tasks of other makes, by weak reference: whoever made them decides how long they live. */
  readonly foreign: Set<WeakRef<TaskLike>>;
  readonly refs: WeakMap<TaskLike, WeakRef<TaskLike>>;
  /** Tasks in their eager step; they nest, so the last one in is the first one out. */
  readonly eager: TaskLike[];
  /** Every loop that has had a task. */
  readonly loops: Set<WeakRef<Loop>>;
}

const {
  foreign,
  refs: foreignRefs,
  eager,
  loops,
}: Others = ((globalThis as { [TASKS]?: Others })[TASKS] ??= {
  foreign: new Set(),
  refs: new WeakMap(),
  eager: [],
  loops: new Set(),
});

function isLinked(task: unknown): task is Linked {
  return typeof task === 'object' && task !== null && '_previous' in task && '_next' in task;
}

/** {@link _registerTask} for tasks of ours. */
export function linkTask(task: Linked): void {
  if (task._next !== null) return;
  const { ends } = tasksOf(task._loop);
  const last = ends._previous;
  task._previous = last as Linked;
  task._next = ends as Linked;
  last._next = task;
  ends._previous = task;
}

/** {@link _unregisterTask} for tasks of ours. */
export function unlinkTask(task: Linked): void {
  if (task._next === null) return;
  task._previous!._next = task._next;
  task._next._previous = task._previous;
  task._previous = null;
  task._next = null;
}

/** Makes a task visible in {@link allTasks}. Idempotent. asyncio: `_register_task`. */
export function _registerTask(task: TaskLike): void {
  if (isLinked(task)) linkTask(task);
  else registerWeakly(task);
}

function registerWeakly(task: TaskLike): void {
  if (foreignRefs.has(task)) return;
  const ref = new WeakRef(task);
  foreignRefs.set(task, ref);
  foreign.add(ref);
}

/** Takes a task out of {@link allTasks}. Idempotent. asyncio: `_unregister_task`. */
export function _unregisterTask(task: TaskLike): void {
  if (isLinked(task)) unlinkTask(task);
  else {
    const ref = foreignRefs.get(task);
    if (ref === undefined) return;
    foreignRefs.delete(task);
    foreign.delete(ref);
  }
}

/** Lets go of the tasks of a loop that is closed: they can never finish, and stay visible while somebody has them. */
export function _loosenTasks(loop: Loop): void {
  for (const task of allTasks(loop)) {
    if (!isLinked(task)) continue;
    _unregisterTask(task);
    registerWeakly(task);
  }
}

/** Makes a task visible while it takes its eager step. asyncio: `_register_eager_task`. */
export function _registerEagerTask(task: TaskLike): void {
  eager.push(task);
}

/** asyncio: `_unregister_eager_task`. */
export function _unregisterEagerTask(task: TaskLike): void {
  if (eager.at(-1) === task) {
    // Registered twice is registered once.
    do eager.pop();
    while (eager.at(-1) === task);
  } else {
    const at = eager.indexOf(task);
    if (at >= 0) eager.splice(at, 1);
  }
}

/**
 * Makes `task` the current one of `loop`. asyncio: `_enter_task`.
 *
 * @throws RuntimeError when there is one already; it stays
 */
export function _enterTask(loop: Loop, task: TaskLike): void {
  const tasks = tasksOf(loop);
  const { current } = tasks;
  if (current !== null) {
    throw new RuntimeError(`Cannot enter into task ${task} while another task ${current} is being executed.`);
  }
  tasks.current = task;
}

/**
 * Ends what {@link _enterTask} began. asyncio: `_leave_task`.
 *
 * @throws RuntimeError when `task` is not the current one, which stays
 */
export function _leaveTask(loop: Loop, task: TaskLike): void {
  const tasks = tasksOf(loop);
  const { current } = tasks;
  if (current !== task) {
    throw new RuntimeError(`Leaving task ${task} does not match the current task ${current}.`);
  }
  tasks.current = null;
}

/** Makes `task` (null: none) the current one of `loop` and returns what it was. asyncio: `_swap_current_task`. */
export function _swapCurrentTask(loop: Loop, task: TaskLike | null): TaskLike | null {
  const tasks = tasksOf(loop);
  const former = tasks.current;
  tasks.current = task;
  return former;
}

/**
 * The task that is stepping, null outside of tasks. asyncio: `current_task`.
 *
 * @param loop default: the running one
 * @throws RuntimeError when no loop is given and none runs
 */
export function currentTask(loop?: Loop | null): TaskLike | null {
  return tasksOf(loop ?? getRunningLoop()).current;
}

/**
 * The tasks of a loop that are not done, in the order they were made. asyncio: `all_tasks`.
 *
 * @param loop default: the running one
 * @throws RuntimeError when no loop is given and none runs
 */
export function allTasks(loop?: Loop | null): Set<TaskLike> {
  const wanted = loop ?? getRunningLoop();
  const found = new Set<TaskLike>();
  collectOwn(wanted, found);
  collectOthers((task) => loopOf(task) === wanted, found);
  return found;
}

/** The tasks of all loops of this thread that are not done. */
export function everyTask(): Set<TaskLike> {
  const found = new Set<TaskLike>();
  for (const ref of loops) {
    const loop = ref.deref();
    if (loop === undefined) loops.delete(ref);
    else collectOwn(loop, found);
  }
  collectOthers(() => true, found);
  return found;
}

function collectOwn(loop: Loop, found: Set<TaskLike>): void {
  const { ends } = tasksOf(loop);
  for (let at = ends._next; at !== ends; at = at._next!) {
    const task = at as unknown as TaskLike;
    if (!task.done()) found.add(task);
  }
}

function collectOthers(wanted: (task: TaskLike) => boolean, found: Set<TaskLike>): void {
  for (const ref of foreign) {
    const task = ref.deref();
    if (task === undefined) foreign.delete(ref);
    else if (wanted(task) && !task.done()) found.add(task);
  }
  for (const task of eager) if (wanted(task) && !task.done()) found.add(task);
}

function loopOf(task: TaskLike): Loop | undefined {
  return typeof task.getLoop === 'function' ? task.getLoop() : task._loop;
}
