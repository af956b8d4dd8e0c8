/**
 * Errors that nobody retrieved: reported when their future is collected, or when the loop closes.
 *
 * Only futures that failed take part. What is kept of one is a note, so that the future itself can be collected.
 */
import type { Loop } from './loop.ts';

interface Failed {
  readonly _loop: Loop;
  readonly _exception: unknown;
  readonly _sourceTraceback: readonly string[] | null;
  readonly constructor: { readonly name: string };
  toString(): string;
}

interface Note {
  readonly loop: Loop;
  readonly className: string;
  readonly exception: unknown;
  readonly future: WeakRef<Failed>;
  readonly text: string;
  readonly sourceTraceback: readonly string[] | null;
}

const notes = new WeakMap<Failed, Note>();
/** A loop is in here only while it has notes. */
const byLoop = new Map<Loop, Set<Note>>();
const registry = new FinalizationRegistry<Note>(report);

/** Notes that `future` failed and nobody has asked for its error yet. */
export function noteUnretrieved(future: Failed): void {
  const note: Note = {
    loop: future._loop,
    className: future.constructor.name,
    exception: future._exception,
    future: new WeakRef(future),
    text: future.constructor.name,
    sourceTraceback: future._sourceTraceback,
  };
  notes.set(future, note);
  let set = byLoop.get(note.loop);
  if (set === undefined) byLoop.set(note.loop, (set = new Set()));
  set.add(note);
  registry.register(future, note, note);
}

/** Notes that the error of `future` was retrieved. */
export function forgetUnretrieved(future: Failed): void {
  const note = notes.get(future);
  if (note === undefined) return;
  notes.delete(future);
  remove(note);
  registry.unregister(note);
}

/** Takes a note out; returns whether it was there. */
function remove(note: Note): boolean {
  const set = byLoop.get(note.loop);
  if (set === undefined || !set.delete(note)) return false;
  if (set.size === 0) byLoop.delete(note.loop);
  return true;
}

/** Reports what is left of a loop that closes. */
export function reportUnretrieved(loop: Loop): void {
  for (const note of byLoop.get(loop) ?? []) {
    registry.unregister(note);
    report(note);
  }
}

/** Reports what is left of all loops. For the end of the process, which loops need not be closed before. */
export function reportAllUnretrieved(): void {
  for (const loop of [...byLoop.keys()]) reportUnretrieved(loop);
}

function report(note: Note): void {
  if (!remove(note)) return;
  const future = note.future.deref();
  if (future !== undefined) notes.delete(future);
  note.loop.callExceptionHandler({
    message: `${note.className} exception was never retrieved`,
    exception: note.exception,
    // A collected future can only be named.
    future: future ?? note.text,
    ...(note.sourceTraceback === null ? {} : { sourceTraceback: note.sourceTraceback }),
  });
}
