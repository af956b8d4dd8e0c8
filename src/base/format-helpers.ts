import { DEBUG_STACK_DEPTH } from './debug.ts';
import { type StackEntry, captureStack, parseStack, stackHeader, stackOf } from './stack-entry.ts';

/** Where a function was written. */
export interface FunctionLocation {
  readonly filename: string;
  readonly lineno: number;
}

/** Finds where a function was written; null if it cannot tell. */
export interface FunctionLocator {
  (fn: (...args: never[]) => unknown): FunctionLocation | null;
}

let locator: FunctionLocator | null = null;

/** Sets who finds functions, which JavaScript by itself does not tell; null: nobody. */
export function setFunctionLocator(next: FunctionLocator | null): void {
  locator = next;
}

/**
 * A stack, oldest frame first. asyncio: `format_helpers.extract_stack`.
 *
 * @param frame an error, whose frames are taken; the caller's own frames if null or absent
 * @param limit how many frames, of the newest, are kept; default {@link DEBUG_STACK_DEPTH}
 */
export function extractStack(frame?: unknown, limit?: number | null): StackEntry[] {
  const count = limit ?? DEBUG_STACK_DEPTH;
  if (count <= 0) return [];
  const stack =
    frame === undefined || frame === null
      ? captureStack(1, count)
      : parseStack(stackOf(frame), stackHeader(frame));
  return stack.slice(0, count).toReversed();
}

/**
 * A callback as reports show it: `name() at file:line`. asyncio: `format_helpers._format_callback_source`.
 *
 * Difference: the place is only there where the host can find it, as Node's inspector can.
 *
 * @param args shown in debug mode only, as they may be secret
 */
export function _formatCallbackSource(
  func: unknown,
  args: readonly unknown[],
  options: { readonly debug?: boolean } = {},
): string {
  const name = typeof func === 'function' ? (func.name === '' ? '<anonymous>' : func.name) : brief(func);
  const text = name + (options.debug === true ? `(${args.map(brief).join(', ')})` : '()');
  const place = typeof func === 'function' ? (locator?.(func as () => unknown) ?? null) : null;
  return place === null ? text : `${text} at ${place.filename}:${place.lineno}`;
}

/** Characters, and elements, of a value that are shown. Those of Python's `reprlib`. */
const CHARACTERS = 30;
const ELEMENTS = 6;

/** A value in a few words. Python: `reprlib.repr`. */
function brief(value: unknown): string {
  if (typeof value === 'string') return cut(JSON.stringify(value));
  if (typeof value === 'bigint') return cut(`${value}n`);
  if (typeof value === 'function') return `[function ${value.name === '' ? '<anonymous>' : value.name}]`;
  if (Array.isArray(value)) {
    // Arrays within arrays are not opened: they may contain themselves.
    const shown = value.slice(0, ELEMENTS).map((one) => (Array.isArray(one) ? '[...]' : brief(one)));
    if (value.length > ELEMENTS) shown.push('...');
    return `[${shown.join(', ')}]`;
  }
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Error) return cut(String(value));
  return `[object ${value.constructor?.name ?? 'null'}]`;
}

function cut(text: string): string {
  if (text.length <= CHARACTERS) return text;
  const half = (CHARACTERS - 3) >> 1;
  return `${text.slice(0, half)}...${text.slice(half + 3 - CHARACTERS)}`;
}
