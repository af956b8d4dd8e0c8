import { LookupError, RuntimeError, ValueError } from './exceptions.ts';

/** What the variables of a context are kept in; shared by copies until one of them changes. */
type Values = Map<ContextVar<unknown>, unknown>;

const EMPTY: Values = new Map();

/** The context that is entered; null stands for one that nobody has asked for yet. */
let current: Context | null = null;

function setCurrent(context: Context): void {
  current = context;
}

/** What has taken the place of the shared copy in which a handle runs; null while nothing has. */
let replacement: Context | null = null;

/**
 * A set of context variables' values.
 *
 * Handles, done callbacks and tasks run in a context that was copied when they were registered; copying is O(1).
 * Python: `contextvars.Context`.
 */
export class Context {
  declare _values: Values;
  /** Whether another context has the same map. */
  declare _shared: boolean;
  declare _entered: boolean;
  /** A copy for all who want one until the context changes; itself, if it is such a copy. See {@link sharedCopy}. */
  declare _sharedCopy: Context | null;

  constructor() {
    this._values = EMPTY;
    this._shared = true;
    this._entered = false;
    this._sharedCopy = null;
  }

  /**
   * Calls `fn` in this context and returns its result. Changes of variables stay in the context.
   *
   * @throws RuntimeError when the context is entered already
   */
  run<A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: A): R {
    const previous = this._enterInside();
    try {
      return fn(...args);
    } finally {
      this._leave(previous);
    }
  }

  /** The value that `variable` has in this context, or `fallback`. */
  get<T, F = undefined>(variable: ContextVar<T>, fallback?: F): T | F {
    return this._values.has(variable as ContextVar<unknown>)
      ? (this._values.get(variable as ContextVar<unknown>) as T)
      : (fallback as F);
  }

  has(variable: ContextVar<never> | ContextVar<unknown>): boolean {
    return this._values.has(variable as ContextVar<unknown>);
  }

  /** Number of variables that have a value. */
  get size(): number {
    return this._values.size;
  }

  keys(): IterableIterator<ContextVar<unknown>> {
    return this._values.keys();
  }

  entries(): IterableIterator<[ContextVar<unknown>, unknown]> {
    return this._values.entries();
  }

  /** A new context with the same values. */
  copy(): Context {
    const copy = new Context();
    copy._values = this._values;
    this._shared = true;
    return copy;
  }

  /** Makes this the current context until {@link _leave}, which wants what is returned. For handles and tasks. */
  _enter(): Context | null {
    if (this._entered) throw new RuntimeError('cannot enter context: it is already entered');
    this._entered = this._sharedCopy !== this;
    const previous = current;
    setCurrent(this);
    return previous;
  }

  /**
   * {@link _enter} inside of what may be a handle's callback: its shared copy is replaced before, because the handle
   * could not get a context of its own while this one is current.
   */
  _enterInside(): Context | null {
    if (current !== null) ownContext();
    return this._enter();
  }

  /** Ends what {@link _enter} began. Returns the context that was current: another if this is a shared copy that changed. */
  _leave(previous: Context | null): Context {
    const left = current!;
    left._entered = false;
    current = previous;
    if (left === replacement) replacement = null;
    return left;
  }

  _set(variable: ContextVar<unknown>, value: unknown): void {
    this._own().set(variable, value);
  }

  _delete(variable: ContextVar<unknown>): void {
    this._own().delete(variable);
  }

  _own(): Values {
    this._sharedCopy = null;
    if (this._shared) {
      this._values = new Map(this._values);
      this._shared = false;
    }
    return this._values;
  }
}

/** What undoes a {@link ContextVar.set}. Python: `contextvars.Token`. */
export class Token<T> {
  /** Stands for "had no value". Python: `Token.MISSING`. */
  static readonly MISSING: symbol = Symbol('Token.MISSING');
  readonly var: ContextVar<T>;
  /** The value before, or {@link Token.MISSING}. */
  readonly oldValue: T | symbol;
  readonly _context: Context;
  _used = false;

  constructor(variable: ContextVar<T>, oldValue: T | symbol, context: Context) {
    this.var = variable;
    this.oldValue = oldValue;
    this._context = context;
  }
}

/**
 * A variable whose value belongs to the context. Python: `contextvars.ContextVar`.
 *
 * @example
 * ```ts
 * const requestId = new ContextVar<string>('requestId', { default: '-' });
 * requestId.set('7f3a');
 * ```
 */
export class ContextVar<T> {
  readonly name: string;
  readonly #default: T | undefined;
  readonly #hasDefault: boolean;

  /** @throws TypeError when `name` is not a string */
  constructor(name: string, options: { readonly default?: T } = {}) {
    if (typeof name !== 'string') throw new TypeError('name: must be a string');
    this.name = name;
    this.#hasDefault = 'default' in options;
    this.#default = options.default;
  }

  /**
   * The value in the current context, else `fallback`, else the default.
   *
   * @throws LookupError when there is none of them
   */
  get(...fallback: [fallback?: T]): T {
    const context = current;
    const self = this as unknown as ContextVar<unknown>;
    if (context !== null && context.has(self)) return context.get(this) as T;
    if (fallback.length > 0) return fallback[0] as T;
    if (this.#hasDefault) return this.#default as T;
    throw new LookupError(`context variable '${this.name}' has no value`);
  }

  /** Sets the value in the current context. */
  set(value: T): Token<T> {
    const context = ownContext();
    const self = this as unknown as ContextVar<unknown>;
    const old = context.has(self) ? (context.get(this) as T) : Token.MISSING;
    context._set(self, value);
    return new Token<T>(this, old, context);
  }

  /**
   * Gives the variable the value that it had before `token` was made.
   *
   * @throws RuntimeError when the token was used; ValueError when it is of another variable or context
   */
  reset(token: Token<T>): void {
    if (!(token instanceof Token)) throw new TypeError('token: must be a Token');
    if (token._used) throw new RuntimeError('the token has already been used once');
    if ((token.var as unknown) !== this) throw new ValueError('the token was made by another ContextVar');
    if (token._context !== current) throw new ValueError('the token was made in another Context');
    token._used = true;
    const self = this as unknown as ContextVar<unknown>;
    if (token.oldValue === Token.MISSING) current._delete(self);
    else current._set(self, token.oldValue);
  }
}

/** A copy of the current context. Python: `contextvars.copy_context`. */
export function copyContext(): Context {
  current ??= new Context();
  return current.copy();
}

/**
 * A copy of the current context for a handle. All handles share it until the context changes: most never need one of
 * their own, and making it is a quarter of `callSoon`. Whoever changes a variable in it gets a context of its own.
 */
export function sharedCopy(): Context {
  const from = (current ??= new Context());
  if (from._sharedCopy === null) {
    const copy = (from._sharedCopy = from.copy());
    copy._sharedCopy = copy;
  }
  return from._sharedCopy;
}

/** The current context, if need be a copy of its own in place of a shared one. */
function ownContext(): Context {
  if (current === null) return (current = new Context());
  if (current._sharedCopy === current) {
    current = replacement = current.copy();
    current._entered = true;
  }
  return current;
}

/** The context of the handle that runs in a shared copy; its own from now on, whatever else is entered. */
export function ownContextOfHandle(): Context {
  const context = ownContext();
  return replacement ?? context;
}
