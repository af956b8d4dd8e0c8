import { DEBUG_STACK_DEPTH } from './debug.ts';
import { captureError, stackOf } from './stack-entry.ts';

/** More frames of ours than ever stand between whoever asks and what is made. */
const OUR_FRAMES = 10;

/** How stacks name the folder of this package, with source maps or without; empty in a bundle. */
let ours: string | null = null;

/**
 * Where something was made, in debug mode.
 *
 * The engine notes the frames at once; their text, which takes ten times as long, is made when somebody reads it.
 */
export class CreationStack {
  #error: Error | null = captureError(DEBUG_STACK_DEPTH + OUR_FRAMES);
  #lines: string[] = [];

  /** The stack of whoever asked, innermost frame first, without the frames of ours before it. */
  get lines(): string[] {
    if (this.#error !== null) {
      this.#lines = linesOf(this.#error);
      // It holds on to whatever the frames had.
      this.#error = null;
    }
    return this.#lines;
  }
}

function linesOf(error: Error): string[] {
  const lines = stackOf(error)
    .split('\n')
    .map((line) => line.trim());
  if (lines[0]?.startsWith('Error') === true) lines.shift();
  // The first frame is that of captureError.
  ours ??= /([^\s(@]*)base[\\/]stack-entry\.[jt]s:\d/.exec(lines[0] ?? '')?.[1] ?? '';
  const folder = ours;
  const first = folder === '' ? 0 : lines.findIndex((line) => !line.includes(folder));
  return first < 0 ? [] : lines.slice(first, first + DEBUG_STACK_DEPTH);
}
