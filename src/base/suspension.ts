/**
 * Where coroutines stand: what is known of the frames of one that waits.
 *
 * JavaScript shows no frames of a suspended generator. There are three sources, the best one first:
 *
 * - in debug mode the stack at the moment the coroutine began to wait: every level, with its line;
 * - what the host can find out (in Node its inspector): the outermost level, with its line;
 * - the name of the function that made the coroutine, if it was made by `coroutine()`.
 */
import { coroutineName } from './coroutine-name.ts';
import type { Coroutine } from './coroutine.ts';
import type { FutureLike } from './future-like.ts';
import { type TaskLike, currentTask } from './lifetime.ts';
import type { Loop } from './loop.ts';
import { type StackEntry, captureError, captureStack, parseStack, stackOf } from './stack-entry.ts';

/** A frame of a call graph. */
export interface FrameInfo extends StackEntry {
  /** Whether the frame is a coroutine's, not that of a function which runs to its end. */
  readonly isCoroutine: boolean;
}

/** Finds where suspended coroutines stand, in the order given; null for those of which it knows nothing. */
export interface CoroutineLocator {
  (coros: readonly Coroutine<unknown>[]): readonly (StackEntry | null)[];
}

/** Frames of which a note of debug mode is made; deeper coroutines lose their outermost ones. */
const NOTE_DEPTH = 200;

interface Note {
  readonly future: FutureLike;
  readonly error: Error;
}

const notes = new WeakMap<TaskLike, Note>();

let locator: CoroutineLocator | null = null;

/** Sets who finds suspended coroutines; null: nobody. */
export function setCoroutineLocator(next: CoroutineLocator | null): void {
  locator = next;
}

/**
 * Notes, in debug mode, the stack of the task that is about to wait for `future`. To be called by what yields the
 * future, itself called by the coroutine.
 */
export function noteSuspension(loop: Loop, future: FutureLike): void {
  const task = currentTask(loop);
  if (task !== null) notes.set(task, { future, error: captureError(NOTE_DEPTH) });
}

/** The frames that {@link noteSuspension} noted, innermost first, if the task still waits there; else null. */
function notedFrames(task: TaskLike): FrameInfo[] | null {
  const note = notes.get(task);
  if (note === undefined) return null;
  // Tasks of other makes may not say what they wait for.
  const { _futWaiter: waiter } = task as { readonly _futWaiter?: unknown };
  if (waiter === undefined ? note.future.done() : waiter !== note.future) return null;
  // Without captureError, noteSuspension, and its caller.
  const frames = coroutineFrames(parseStack(stackOf(note.error)).slice(3));
  return frames.length === 0 ? null : frames;
}

/**
 * The coroutines of the task that is running, innermost first, without the functions that they have called; null
 * where the engine does not tell them apart.
 */
function runningFrames(): FrameInfo[] | null {
  const frames = coroutineFrames(captureStack(1, Infinity));
  const innermost = frames.findIndex(({ isCoroutine }) => isCoroutine);
  return innermost < 0 ? null : frames.slice(innermost);
}

/** What is known of a task without asking anybody; null if nothing is. */
function knownFrames(task: TaskLike): FrameInfo[] | null {
  const loop = typeof task.getLoop === 'function' ? task.getLoop() : task._loop;
  return currentTask(loop) === task ? runningFrames() : notedFrames(task);
}

/**
 * The coroutines of pending tasks, innermost first.
 *
 * @param pending tasks with their outermost coroutines
 */
export function pendingFrames(
  pending: readonly { readonly task: TaskLike; readonly coro: Coroutine<unknown> }[],
): FrameInfo[][] {
  const found = pending.map(({ task }) => knownFrames(task));
  const left = pending.filter((_, at) => found[at] === null);
  const located = left.length === 0 ? [] : (locator?.(left.map(({ coro }) => coro)) ?? []);
  let next = 0;
  return found.map((frames, at) => {
    if (frames !== null) return frames;
    const place = located[next++];
    const unknown = { filename: '', lineno: 0, colno: 0, name: coroutineName(pending[at]!.coro) };
    return [{ ...(place ?? unknown), isCoroutine: true }];
  });
}

/** What V8 shows between two generators: the built-in method by which the outer one resumes the inner one. */
function isResumption(entry: StackEntry | undefined): boolean {
  return entry !== undefined && entry.filename === '<anonymous>' && /\.(next|throw|return)$/.test(entry.name);
}

/**
 * Those of the frames of a stack, innermost first, that belong to the innermost task: up to the coroutine which
 * its step resumes.
 */
export function coroutineFrames(stack: readonly StackEntry[]): FrameInfo[] {
  const frames: FrameInfo[] = [];
  for (let at = 0; at < stack.length; at++) {
    const isCoroutine = isResumption(stack[at + 1]);
    frames.push({ ...stack[at]!, isCoroutine });
    if (!isCoroutine) continue;
    at++;
    // What resumed it is no generator: the task.
    if (!isResumption(stack[at + 2])) break;
  }
  return frames;
}
