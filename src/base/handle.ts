import { type Context, ownContextOfHandle, sharedCopy } from './contextvars.ts';
import { CreationStack } from './creation-stack.ts';
import { isExit } from './exceptions.ts';
import type { Loop } from './loop.ts';

/** Any function that the loop may call. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Callback = (...args: any[]) => unknown;

const NO_ARGS: readonly unknown[] = Object.freeze([]);

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
  declare _callback: Callback | null;
  declare _args: readonly unknown[];
  declare readonly _loop: Loop;
  /** What the callback runs in; null while it runs in a copy that others share. */
  declare _context: Context | null;
  declare _cancelled: boolean;
  /** In debug mode: where the handle was made. */
  declare readonly _creation: CreationStack | null;
  /** In debug mode: what a cancelled handle was. */
  declare _repr?: string;

  constructor(
    callback: Callback,
    args: readonly unknown[] | null | undefined,
    loop: Loop,
    context?: Context | null,
  ) {
    this._callback = callback;
    this._args = args ?? NO_ARGS;
    this._loop = loop;
    this._context = context ?? sharedCopy();
    this._cancelled = false;
    this._creation = loop._debug ? new CreationStack() : null;
  }

  /** In debug mode: the stack of whoever made the handle, innermost frame first. */
  get _sourceTraceback(): string[] | null {
    return this._creation?.lines ?? null;
  }

  /** The context that the callback runs in. */
  getContext(): Context {
    const context = this._context;
    if (context === null) return ownContextOfHandle();
    return context._sharedCopy === context ? (this._context = context.copy()) : context;
  }

  /** Sees to it that the callback is not called. Harmless if it has been, or twice. */
  cancel(): void {
    if (this._cancelled) return;
    this._cancelled = true;
    if (this._loop._debug) this._repr = `<${this._reprInfo().join(' ')}>`;
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
      const context = this._context!;
      const previous = context._enter();
      if (context._sharedCopy === context) this._context = null;
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
        this._context = context._leave(previous);
      }
    } catch (error) {
      if (isExit(error)) throw error;
      this._loop.callExceptionHandler({
        message: `Exception in callback ${formatCallback(callback)}`,
        exception: error,
        handle: this,
        ...(this._creation === null ? {} : { sourceTraceback: this._creation.lines }),
      });
    }
  }

  /** The parts of {@link toString}, for subclasses. asyncio: `_repr_info`. */
  _reprInfo(): string[] {
    const info = [this.constructor.name];
    if (this._cancelled) info.push('cancelled');
    if (this._callback !== null) info.push(formatCallback(this._callback));
    const where = this._sourceTraceback?.[0];
    if (where !== undefined) info.push(`created ${where}`);
    return info;
  }

  toString(): string {
    return this._repr ?? `<${this._reprInfo().join(' ')}>`;
  }
}

/** Handles made so far; of two timers with the same deadline the older one is first. */
let age = 0;

/** A callback at a time: what `callLater` and `callAt` return. asyncio: `TimerHandle`. */
export class TimerHandle extends Handle {
  declare readonly _when: number;
  declare readonly _age: number;
  /** Whether the loop has the handle among its timers. */
  declare _scheduled: boolean;

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
    this._scheduled = false;
  }

  /** The deadline, in seconds of the loop's clock. */
  when(): number {
    return this._when;
  }

  /** Negative when this one is due before `other`. Python: the comparison operators. */
  compareTo(other: TimerHandle): number {
    return this._when - other._when;
  }

  /** Whether `other` has the same deadline, callback and arguments, and is cancelled or not as this one is. */
  equals(other: unknown): boolean {
    return (
      other instanceof TimerHandle &&
      this._when === other._when &&
      this._callback === other._callback &&
      this._cancelled === other._cancelled &&
      this._args.length === other._args.length &&
      this._args.every((arg, i) => arg === other._args[i])
    );
  }

  override cancel(): void {
    if (!this._cancelled) this._loop._timerHandleCancelled(this);
    super.cancel();
  }

  override _reprInfo(): string[] {
    const info = super._reprInfo();
    info.splice(this._cancelled ? 2 : 1, 0, `when=${this._when}`);
    return info;
  }
}
