/**
 * asyncio's exceptions, and the classes of Python's that its contracts name.
 *
 * JavaScript has no BaseException: what Python's `except Exception` lets pass has the common root
 * {@link BaseException} here, and {@link isException} tells the two kinds apart.
 */

import type { Bytes } from './bytes.ts';

const BRAND = Symbol.for('miolo.brand');

interface Branded {
  readonly [BRAND]?: symbol;
}

/**
 * Makes `instanceof` work for errors of another copy of this package: our classes carry a registered symbol
 * on their prototype. Classes that users derive are told apart by their prototype, as ever.
 */
function hasInstance(this: Branded & (abstract new (...args: never[]) => unknown), value: unknown): boolean {
  if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(this, BRAND)) return false;
  return (value as Record<symbol, unknown>)[this[BRAND] as symbol] === true;
}

/** Gives a class of ours its name, its stable code and its brand. */
export function brandError(
  errorClass: abstract new (...args: never[]) => Error,
  name: string,
  code: string,
): void {
  const symbol = Symbol.for(`miolo.error.${name}`);
  Object.defineProperty(errorClass, BRAND, { value: symbol });
  Object.defineProperty(errorClass, Symbol.hasInstance, { value: hasInstance });
  Object.defineProperties(errorClass.prototype, {
    [symbol]: { value: true },
    name: { value: name, writable: true, configurable: true },
    code: { value: code, writable: true, configurable: true },
  });
}

/**
 * The root of what is no ordinary error: cancellation, exits, and groups of them. Python: `BaseException`.
 *
 * Catch clauses that are meant for failures should let these pass: test with {@link isException}.
 */
export class BaseException extends Error {
  declare code: string;
  /** What the error was made with, as in Python. */
  readonly args: readonly unknown[];
  /** The error that was being handled when this one was raised. Python: `__context__`. */
  declare context?: unknown;

  constructor(...args: readonly unknown[]) {
    super(args.length === 0 || args[0] === null || args[0] === undefined ? '' : String(args[0]));
    this.args = args;
  }
}

/**
 * The task was cancelled. asyncio: `CancelledError`.
 *
 * @param msg what `cancel(msg)` was called with; none if null or undefined
 */
export class CancelledError extends BaseException {
  constructor(msg?: unknown) {
    if (msg === null || msg === undefined) super();
    else super(msg);
  }
}

/** Ends the run and, uncaught, the process. Python: `SystemExit`. */
export class SystemExit extends BaseException {
  /** What the process should exit with. */
  readonly exitCode: number;

  constructor(exitCode: number = 0) {
    super(exitCode);
    this.exitCode = exitCode;
  }
}

/** The user asked to stop (Ctrl-C). Python: `KeyboardInterrupt`. */
export class KeyboardInterrupt extends BaseException {}

/** A generator was closed. Python: `GeneratorExit`. */
export class GeneratorExit extends BaseException {}

/** The common shape of Python's ordinary errors here: a message, a stable code, an explicit context. */
export class Exception extends Error {
  declare code: string;
  /** The error that was being handled when this one was raised. Python: `__context__`. */
  declare context?: unknown;
}

/** A wrong use that no other class names. Python: `RuntimeError`. */
export class RuntimeError extends Exception {}

/** An argument of the right type with a wrong value. Python: `ValueError`. */
export class ValueError extends Exception {}

/** A lookup found nothing. Python: `LookupError`. */
export class LookupError extends Exception {}

/** The method is one that a subclass has to provide. Python: `NotImplementedError`. */
export class NotImplementedError extends RuntimeError {}

/** An operation does not fit the state of a future. asyncio: `InvalidStateError`. */
export class InvalidStateError extends Exception {}

/** Something that must hold does not. Python: `AssertionError`. */
export class AssertionError extends Exception {}

/** The input ended too early. Python: `EOFError`. */
export class EOFError extends Exception {}

/** `getNowait` found nothing. asyncio: `QueueEmpty`. */
export class QueueEmpty extends Exception {}

/** `putNowait` found no room. asyncio: `QueueFull`. */
export class QueueFull extends Exception {}

/** The queue was shut down. asyncio: `QueueShutDown`. */
export class QueueShutDown extends Exception {}

/** The barrier was broken. asyncio: `BrokenBarrierError`. */
export class BrokenBarrierError extends RuntimeError {}

/** `sendfile` can not be done for this transport or file. asyncio: `SendfileNotAvailableError`. */
export class SendfileNotAvailableError extends RuntimeError {}

/** End of an iteration by `anext`. Python: `StopAsyncIteration`. */
export class StopAsyncIteration extends Exception {}

/** End of an iteration, with a value. Python: `StopIteration`. */
export class StopIteration extends Exception {
  readonly value: unknown;

  constructor(value?: unknown) {
    super('');
    this.value = value;
  }
}

/**
 * The stream ended before everything that was asked for had come. asyncio: `IncompleteReadError`.
 *
 * @param partial the bytes that came
 * @param expected the number asked for, null if it was not known
 */
export class IncompleteReadError extends EOFError {
  readonly partial: Bytes;
  readonly expected: number | null;

  constructor(partial: Uint8Array, expected: number | null) {
    super(`${partial.length} bytes read on a total of ${expected ?? 'undefined'} expected bytes`);
    this.partial = partial as Bytes;
    this.expected = expected;
  }
}

/**
 * No separator within the limit of a stream's buffer. asyncio: `LimitOverrunError`.
 *
 * @param consumed bytes that are to be taken before the search can go on
 */
export class LimitOverrunError extends Exception {
  readonly consumed: number;

  constructor(message: string, consumed: number) {
    super(message);
    this.consumed = consumed;
  }
}

/** Which errors {@link BaseExceptionGroup.split} takes: a class, several, or a function that tells. */
export type ErrorMatch = ((error: unknown) => boolean) | ErrorClass | readonly ErrorClass[];

type ErrorClass = abstract new (...args: never[]) => Error;

/**
 * Several errors as one. Python: `BaseExceptionGroup`.
 *
 * Made with errors that are all exceptions it is an {@link ExceptionGroup}, as in Python. The members may be anything
 * that can be thrown.
 *
 * @throws TypeError when the arguments are no string and no array; ValueError for an empty array
 */
export class BaseExceptionGroup extends Error {
  declare code: string;
  declare context?: unknown;
  readonly exceptions: readonly unknown[];
  readonly #text: string;

  constructor(message: string, exceptions: readonly unknown[]) {
    if (typeof message !== 'string') throw new TypeError('message: must be a string');
    if (!Array.isArray(exceptions)) throw new TypeError('exceptions: must be an array');
    if (exceptions.length === 0) throw new ValueError('exceptions: must not be empty');
    super(`${message} (${exceptions.length} sub-exception${exceptions.length === 1 ? '' : 's'})`);
    this.#text = message;
    this.exceptions = [...exceptions];
    if (new.target === BaseExceptionGroup && exceptions.every((e) => isException(e))) {
      Object.setPrototypeOf(this, ExceptionGroup.prototype);
    }
  }

  /**
   * The group of what `match` takes, null if there is nothing. See {@link split}.
   *
   * @throws TypeError when `match` is neither a function nor classes of errors
   */
  subgroup(match: ErrorMatch): BaseExceptionGroup | null {
    return this.split(match)[0];
  }

  /**
   * Two groups: of what `match` takes, and of the rest; null for nothing. Groups inside keep their shape. A group
   * that matches itself is taken as a whole.
   *
   * @throws TypeError when `match` is neither a function nor classes of errors
   */
  split(match: ErrorMatch): [matching: BaseExceptionGroup | null, rest: BaseExceptionGroup | null] {
    const matches = matcherOf(match);
    if (matches(this)) return [this, null];
    const yes: unknown[] = [];
    const no: unknown[] = [];
    for (const error of this.exceptions) {
      if (error instanceof BaseExceptionGroup) {
        const [matching, rest] = error.split(matches);
        if (matching !== null) yes.push(matching);
        if (rest !== null) no.push(rest);
      } else (matches(error) ? yes : no).push(error);
    }
    return [this.#part(yes), this.#part(no)];
  }

  /** Makes a group of some of the members. A subclass overrides it to have parts of its own kind. */
  derive(exceptions: readonly unknown[]): BaseExceptionGroup {
    return new BaseExceptionGroup(this.#text, exceptions);
  }

  #part(exceptions: readonly unknown[]): BaseExceptionGroup | null {
    if (exceptions.length === 0) return null;
    const part = this.derive(exceptions);
    if ('cause' in this) part.cause = this.cause;
    if ('context' in this) part.context = this.context;
    return part;
  }
}

function matcherOf(match: ErrorMatch): (error: unknown) => boolean {
  if (Array.isArray(match) && match.every(isErrorClass)) {
    return (error) => match.some((errorClass) => error instanceof errorClass);
  }
  if (isErrorClass(match)) return (error) => error instanceof match;
  if (typeof match === 'function') return match as (error: unknown) => boolean;
  throw new TypeError('match: must be a function, a class of errors or an array of such classes');
}

function isErrorClass(value: unknown): value is ErrorClass {
  return value === Error || (typeof value === 'function' && value.prototype instanceof Error);
}

/** Several exceptions as one. Python: `ExceptionGroup`. */
export class ExceptionGroup extends BaseExceptionGroup {
  constructor(message: string, exceptions: readonly unknown[]) {
    super(message, exceptions);
    if (!exceptions.every((e) => isException(e))) {
      throw new TypeError('exceptions: an ExceptionGroup takes exceptions only, use BaseExceptionGroup');
    }
  }
}

brandError(BaseException, 'BaseException', 'ERR_MIOLO_BASE_EXCEPTION');
brandError(CancelledError, 'CancelledError', 'ERR_MIOLO_CANCELLED');
brandError(SystemExit, 'SystemExit', 'ERR_MIOLO_SYSTEM_EXIT');
brandError(KeyboardInterrupt, 'KeyboardInterrupt', 'ERR_MIOLO_KEYBOARD_INTERRUPT');
brandError(GeneratorExit, 'GeneratorExit', 'ERR_MIOLO_GENERATOR_EXIT');
brandError(Exception, 'Exception', 'ERR_MIOLO_EXCEPTION');
brandError(RuntimeError, 'RuntimeError', 'ERR_MIOLO_RUNTIME');
brandError(ValueError, 'ValueError', 'ERR_MIOLO_VALUE');
brandError(LookupError, 'LookupError', 'ERR_MIOLO_LOOKUP');
brandError(NotImplementedError, 'NotImplementedError', 'ERR_MIOLO_NOT_IMPLEMENTED');
brandError(InvalidStateError, 'InvalidStateError', 'ERR_MIOLO_INVALID_STATE');
brandError(AssertionError, 'AssertionError', 'ERR_MIOLO_ASSERTION');
brandError(EOFError, 'EOFError', 'ERR_MIOLO_EOF');
brandError(QueueEmpty, 'QueueEmpty', 'ERR_MIOLO_QUEUE_EMPTY');
brandError(QueueFull, 'QueueFull', 'ERR_MIOLO_QUEUE_FULL');
brandError(QueueShutDown, 'QueueShutDown', 'ERR_MIOLO_QUEUE_SHUT_DOWN');
brandError(BrokenBarrierError, 'BrokenBarrierError', 'ERR_MIOLO_BROKEN_BARRIER');
brandError(SendfileNotAvailableError, 'SendfileNotAvailableError', 'ERR_MIOLO_SENDFILE_NOT_AVAILABLE');
brandError(StopAsyncIteration, 'StopAsyncIteration', 'ERR_MIOLO_STOP_ASYNC_ITERATION');
brandError(StopIteration, 'StopIteration', 'ERR_MIOLO_STOP_ITERATION');
brandError(IncompleteReadError, 'IncompleteReadError', 'ERR_MIOLO_INCOMPLETE_READ');
brandError(LimitOverrunError, 'LimitOverrunError', 'ERR_MIOLO_LIMIT_OVERRUN');
brandError(BaseExceptionGroup, 'BaseExceptionGroup', 'ERR_MIOLO_BASE_EXCEPTION_GROUP');
brandError(ExceptionGroup, 'ExceptionGroup', 'ERR_MIOLO_EXCEPTION_GROUP');

// A class has one parent here: that a group of exceptions is one, and that any other group is none, the brands say.
Object.defineProperty(BaseExceptionGroup.prototype, Symbol.for('miolo.error.BaseException'), { value: true });
Object.defineProperties(ExceptionGroup.prototype, {
  [Symbol.for('miolo.error.BaseException')]: { value: false },
  [Symbol.for('miolo.error.Exception')]: { value: true },
});

/** Whether Python's `except Exception` would catch `error`. Anything thrown that is not ours counts as one. */
export function isException(error: unknown): boolean {
  return !(error instanceof BaseException);
}

/** Whether `error` ends the run: `SystemExit` or `KeyboardInterrupt`. */
export function isExit(error: unknown): boolean {
  return error instanceof SystemExit || error instanceof KeyboardInterrupt;
}
