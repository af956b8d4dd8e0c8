/** One frame of a stack. Python: `traceback.FrameSummary`. */
export interface StackEntry {
  /** The file as the engine names it: a path or a URL; empty if it is not known. */
  readonly filename: string;
  /** From 1 on; 0 if it is not known. */
  readonly lineno: number;
  /** From 1 on; 0 if it is not known. */
  readonly colno: number;
  /** The function, qualified as the engine does it; empty if it is not known. */
  readonly name: string;
}

const V8_LINE = /^\s+at (?:(.*?) \((.*)\)|(.*))$/;
const OTHER_LINE = /^(.*?)@(.*)$/;
const POSITION = /^(.*):(\d+):(\d+)$/;

/** The text that the engine keeps of where `error` was made, empty if it keeps none. */
export function stackOf(error: unknown): string {
  const stack = (error as { readonly stack?: unknown } | null | undefined)?.stack;
  return typeof stack === 'string' ? stack : '';
}

/**
 * The frames of a stack in the text of an engine, innermost first.
 *
 * @param stack what `error.stack` is in V8, SpiderMonkey or JavaScriptCore
 * @param header what stands before the frames, so that a message of several lines is not taken for some
 */
export function parseStack(stack: string, header = ''): StackEntry[] {
  const entries: StackEntry[] = [];
  const text = header !== '' && stack.startsWith(header) ? stack.slice(header.length) : stack;
  for (const line of text.split('\n')) {
    const v8 = V8_LINE.exec(line);
    if (v8 !== null) {
      entries.push(entry(v8[1] ?? '', v8[2] ?? v8[3] ?? ''));
      continue;
    }
    const other = OTHER_LINE.exec(line);
    if (other !== null) entries.push(entry(other[1]!, other[2]!));
  }
  return entries;
}

function entry(name: string, place: string): StackEntry {
  const at = POSITION.exec(place);
  if (at === null) return { filename: place, lineno: 0, colno: 0, name };
  return { filename: at[1]!, lineno: Number(at[2]), colno: Number(at[3]), name };
}

/** An error that knows its stack: begins with this function, `limit` frames at most. The text is made on demand. */
export function captureError(limit: number): Error {
  const former = Error.stackTraceLimit;
  Error.stackTraceLimit = limit;
  const error = new Error();
  Error.stackTraceLimit = former;
  return error;
}

/**
 * The caller's stack, innermost first.
 *
 * @param skip frames to leave out: 0 begins with the function that calls this one
 * @param limit frames to keep at most
 */
export function captureStack(skip: number, limit: number): StackEntry[] {
  return parseStack(stackOf(captureError(limit + skip + 2))).slice(skip + 2);
}

/** A frame as `File "..., line ..., in ...`, the way tracebacks of Python show it. */
export function formatStackEntry(frame: StackEntry): string {
  const name = frame.name === '' ? '<anonymous>' : frame.name;
  if (frame.filename === '' && frame.lineno === 0) return `in ${name}`;
  return `File "${frame.filename}", line ${frame.lineno}, in ${name}`;
}

/** What a stack's text begins with, before the frames of `error`. */
export function stackHeader(error: unknown): string {
  return error instanceof Error ? String(error) : '';
}
