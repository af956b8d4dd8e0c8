/** Values and exceptions, as programs write them and traces show them. */
import {
  BaseException,
  BaseExceptionGroup,
  BrokenBarrierError,
  CancelledError,
  ConnectionResetError,
  Exception,
  ExceptionGroup,
  IncompleteReadError,
  InvalidStateError,
  KeyboardInterrupt,
  LimitOverrunError,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  RuntimeError,
  SystemExit,
  TimeoutError,
  ValueError,
  isException,
} from 'miolo/base';

/** The error that programs raise themselves. */
export class UserError extends Exception {
  readonly tag: string;

  constructor(tag: string) {
    super(tag);
    this.tag = tag;
  }
}

/** The program is malformed, or runs away. */
export class ProgramError extends BaseException {}

export type ExceptionSpec = readonly [name: string, ...args: unknown[]];

const MADE: Record<string, new () => Error> = {
  TimeoutError,
  ValueError,
  RuntimeError,
  ConnectionResetError,
  SystemExit,
  KeyboardInterrupt,
};

/** `["UserError", "x"]` as an error. */
export function makeException(spec: ExceptionSpec): Error {
  const [name, argument] = spec;
  if (name === 'CancelledError') return new CancelledError(argument);
  if (name === 'UserError') return new UserError(argument as string);
  if (name === 'ExceptionGroup') {
    return new BaseExceptionGroup('group', (argument as ExceptionSpec[]).map(makeException));
  }
  return new MADE[name]!();
}

/** The form in which exceptions are logged. */
export function renderException(error: unknown): unknown[] {
  if (error instanceof CancelledError) return ['CancelledError', error.args[0] ?? null];
  if (error instanceof UserError) return ['UserError', error.tag];
  if (error instanceof BaseExceptionGroup) {
    const name = error instanceof ExceptionGroup ? 'ExceptionGroup' : 'BaseExceptionGroup';
    return [name, error.exceptions.map(renderException)];
  }
  if (error instanceof IncompleteReadError) {
    return ['IncompleteReadError', latin1(error.partial), error.expected];
  }
  if (error instanceof LimitOverrunError) return ['LimitOverrunError', error.consumed];
  return [(error as Error).constructor.name];
}

const MATCH: Record<string, (error: unknown) => boolean> = {
  BaseException: () => true,
  Exception: isException,
};
for (const errorClass of [
  CancelledError,
  TimeoutError,
  InvalidStateError,
  UserError,
  ExceptionGroup,
  BaseExceptionGroup,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  BrokenBarrierError,
  IncompleteReadError,
  LimitOverrunError,
  ConnectionResetError,
  RuntimeError,
  ValueError,
  SystemExit,
  KeyboardInterrupt,
]) {
  MATCH[errorClass.name] = (error) => error instanceof errorClass;
}

/** Whether Python's `except name` would catch `error`. */
export function matches(error: unknown, name: string): boolean {
  return MATCH[name]!(error);
}

/** An error of JavaScript's own: a mistake in the library or in the interpreter, never a part of a trace. */
export function isNative(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}
