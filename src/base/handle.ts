import { type Context, copyContext } from './contextvars.ts';
import { isExit } from './exceptions.ts';
import type { Loop } from './loop.ts';

/** Any function that the loop may call. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Callback = (...args: any[]) => unknown;

const NO_ARGS: readonly unknown[] = Object.freeze([]);

/** Lines of a creation stack that debug mode keeps. */
const DEBUG_STACK_DEPTH = 10;

/** The stack of the caller, without the innermost `skip` frames of ours. */
export function creationStack(skip: number): string[] {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEBUG_STACK_DEPTH + skip + 1;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  return stack
    .split('\n')
    .slice(skip + 2)
    .map((line) => line.trim());
}

/** A short name for a callback, as reports show it. */
export function formatCallback(callback: unknown): string {
  if (typeof callback !== 'function') return String(callback);
  return `${callback.name === '' ? '<anonymous>' : callback.name}()`;
}

/**
 * A callback on its way: what `callSoon` returns. asyncio: `Handle`.
 *
 * Runs in the context given, or in a copy of the one that is current when the handle is made.
 */
export class Handle {
  _callback: Callback | null;
  _args: readonly unknown[];
  readonly _loop: Loop;
  _context: Context;
  _cancelled = false;
  /** In debug mode: where the handle was made. */
  _sourceTraceback: string[] | null = null;

  constructor(
    callback: Callback,
    args: readonly unknown[] | null | undefined,
    loop: Loop,
    context?: Context | null,
  ) {
    this._callback = callback;
    this._args = args ?? NO_ARGS;
    this._loop = loop;
    this._context = context ?? copyContext();
    if (loop._debug) this._sourceTraceback = creationStack(2);
  }

  /** The context that the callback runs in. */
  getContext(): Context {
    return this._context;
  }

  /** Sees to it that the callback is not called. Harmless if it has been, or twice. */
  cancel(): void {
    if (this._cancelled) return;
    this._cancelled = true;
    // Whoever keeps the handle must not keep what the callback needed.
    this._callback = null;
    this._args = NO_ARGS;
  }

  /** Whether {@link cancel} was called. */
  cancelled(): boolean {
    return this._cancelled;
  }

  /** Calls the callback. Errors are reported, all but exits, which end the run. */
  _run(): void {
    const callback = this._callback!;
    try {
      const args = this._args;
      this._context._enter();
      try {
        switch (args.length) {
          case 0:
            callback();
            break;
          case 1:
            callback(args[0]);
            break;
          case 2:
            callback(args[0], args[1]);
            break;
          default:
            callback(...args);
        }
      } finally {
        this._context._leave();
      }
    } catch (error) {
      if (isExit(error)) throw error;
      this._loop.callExceptionHandler({
        message: `Exception in callback ${formatCallback(callback)}`,
        exception: error,
        handle: this,
        ...(this._sourceTraceback === null ? {} : { sourceTraceback: this._sourceTraceback }),
      });
    }
  }

  toString(): string {
    const what = this._cancelled ? 'cancelled' : formatCallback(this._callback);
    const where = this._sourceTraceback?.[0];
    return `<${this.constructor.name} ${what}${where === undefined ? '' : ` created ${where}`}>`;
  }
}

/** Handles made so far; of two timers with the same deadline the older one is first. */
let age = 0;

/** A callback at a time: what `callLater` and `callAt` return. asyncio: `TimerHandle`. */
export class TimerHandle extends Handle {
  readonly _when: number;
  readonly _age: number;
  /** Whether the loop has the handle among its timers. */
  _scheduled = false;

  constructor(
    when: number,
    callback: Callback,
    args: readonly unknown[] | null | undefined,
    loop: Loop,
    context?: Context | null,
  ) {
    if (when === null || when === undefined) throw new TypeError('when: cannot be null');
    super(callback, args, loop, context);
    this._when = when;
    this._age = age++;
  }

  /** The deadline, in seconds of the loop's clock. */
  when(): number {
    return this._when;
  }

  override cancel(): void {
    if (!this._cancelled) this._loop._timerHandleCancelled(this);
    super.cancel();
  }
}
