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

/** Tasks of ours are in a list: held strongly, so that a waiting task never vanishes. */
export interface Linked {
  _previous: Linked | null;
  _next: Linked | null;
}

/** Both ends of the list. */
const ends: Linked = { _previous: null, _next: null };
ends._previous = ends;
ends._next = ends;

/** Others by weak reference: whoever made them decides how long they live. */
const foreign = new Set<WeakRef<TaskLike>>();
const foreignRefs = new WeakMap<TaskLike, WeakRef<TaskLike>>();

const eager = new Set<TaskLike>();

/** The task that is stepping, by loop. */
const currentTasks = new Map<Loop, TaskLike>();

function isLinked(task: unknown): task is Linked {
  return typeof task === 'object' && task !== null && '_previous' in task && '_next' in task;
}

/** Makes a task visible in {@link allTasks}. Idempotent. asyncio: `_register_task`. */
export function _registerTask(task: TaskLike): void {
  if (isLinked(task)) {
    if (task._next !== null) return;
    const last = ends._previous!;
    task._previous = last;
    task._next = ends;
    last._next = task;
    ends._previous = task;
  } else if (!foreignRefs.has(task)) {
    const ref = new WeakRef(task);
    foreignRefs.set(task, ref);
    foreign.add(ref);
  }
}

/** Takes a task out of {@link allTasks}. Idempotent. asyncio: `_unregister_task`. */
export function _unregisterTask(task: TaskLike): void {
  if (isLinked(task)) {
    if (task._next === null) return;
    task._previous!._next = task._next;
    task._next._previous = task._previous;
    task._previous = null;
    task._next = null;
  } else {
    const ref = foreignRefs.get(task);
    if (ref === undefined) return;
    foreignRefs.delete(task);
    foreign.delete(ref);
  }
}

/** Makes a task visible while it takes its eager step. asyncio: `_register_eager_task`. */
export function _registerEagerTask(task: TaskLike): void {
  eager.add(task);
}

/** asyncio: `_unregister_eager_task`. */
export function _unregisterEagerTask(task: TaskLike): void {
  eager.delete(task);
}

/**
 * Makes `task` the current one of `loop`. asyncio: `_enter_task`.
 *
 * @throws RuntimeError when there is one already; it stays
 */
export function _enterTask(loop: Loop, task: TaskLike): void {
  const current = currentTasks.get(loop);
  if (current !== undefined) {
    throw new RuntimeError(`Cannot enter into task ${task} while another task ${current} is being executed.`);
  }
  currentTasks.set(loop, task);
}

/**
 * Ends what {@link _enterTask} began. asyncio: `_leave_task`.
 *
 * @throws RuntimeError when `task` is not the current one, which stays
 */
export function _leaveTask(loop: Loop, task: TaskLike): void {
  const current = currentTasks.get(loop);
  if (current !== task) {
    throw new RuntimeError(`Leaving task ${task} does not match the current task ${current ?? null}.`);
  }
  currentTasks.delete(loop);
}

/** Makes `task` (null: none) the current one of `loop` and returns what it was. asyncio: `_swap_current_task`. */
export function _swapCurrentTask(loop: Loop, task: TaskLike | null): TaskLike | null {
  const former = currentTasks.get(loop) ?? null;
  if (task === null) currentTasks.delete(loop);
  else currentTasks.set(loop, task);
  return former;
}

/**
 * The task that is stepping, null outside of tasks. asyncio: `current_task`.
 *
 * @param loop default: the running one
 * @throws RuntimeError when no loop is given and none runs
 */
export function currentTask(loop?: Loop | null): TaskLike | null {
  return currentTasks.get(loop ?? getRunningLoop()) ?? null;
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
  for (let at = ends._next!; at !== ends; at = at._next!) consider(at as unknown as TaskLike, wanted, found);
  for (const ref of foreign) {
    const task = ref.deref();
    if (task === undefined) foreign.delete(ref);
    else consider(task, wanted, found);
  }
  for (const task of eager) consider(task, wanted, found);
  return found;
}

function consider(task: TaskLike, loop: Loop, found: Set<TaskLike>): void {
  const its = typeof task.getLoop === 'function' ? task.getLoop() : task._loop;
  if (its === loop && !task.done()) found.add(task);
}
