import { LookupError, RuntimeError, ValueError } from './exceptions.ts';

/** What the variables of a context are kept in; shared by copies until one of them changes. */
type Values = Map<ContextVar<unknown>, unknown>;

const EMPTY: Values = new Map();

/** The context that is entered; null stands for one that nobody has asked for yet. */
let current: Context | null = null;

function setCurrent(context: Context): void {
  current = context;
}

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
  declare _previous: Context | null;

  constructor() {
    this._values = EMPTY;
    this._shared = true;
    this._entered = false;
    this._previous = null;
  }

  /**
   * Calls `fn` in this context and returns its result. Changes of variables stay in the context.
   *
   * @throws RuntimeError when the context is entered already
   */
  run<A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: A): R {
    this._enter();
    try {
      return fn(...args);
    } finally {
      this._leave();
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

  /** Makes this the current context until {@link _leave}. For handles and tasks; use {@link run}. */
  _enter(): void {
    if (this._entered) throw new RuntimeError('cannot enter context: it is already entered');
    this._entered = true;
    this._previous = current;
    setCurrent(this);
  }

  /** Ends what {@link _enter} began. */
  _leave(): void {
    current = this._previous;
    this._previous = null;
    this._entered = false;
  }

  _set(variable: ContextVar<unknown>, value: unknown): void {
    this._own().set(variable, value);
  }

  _delete(variable: ContextVar<unknown>): void {
    this._own().delete(variable);
  }

  _own(): Values {
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
    const context = (current ??= new Context());
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
