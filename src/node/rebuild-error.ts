/** The other end of `thread-error.ts`; apart from it, so that threads need not load the package. */
import * as base from '../base/index.ts';
import type { ThrownValue } from './thread-error.ts';

const builtIn: readonly (new (...args: never) => Error)[] = [
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
  AggregateError,
];

/** Error classes that both threads know. */
const known: ReadonlyMap<string, object> = new Map(
  [...builtIn, ...Object.values(base)]
    .filter(
      (value): value is new (...args: never) => Error =>
        typeof value === 'function' && (value === Error || value.prototype instanceof Error),
    )
    .map((errorClass) => [errorClass.name, errorClass.prototype as object]),
);

/**
 * Makes what was thrown again. An error gets the first of its classes that is JavaScript's or ours; one of another
 * class keeps its name.
 */
export function unpackThrown(packed: ThrownValue): unknown {
  if (!('error' in packed)) return packed.value;
  const { classes, name, message, stack, properties, cause, members } = packed.error;
  const error = new Error(message);
  const className = classes.find((candidate) => known.has(candidate));
  Object.setPrototypeOf(error, known.get(className ?? 'Error')!);
  const hide = (key: string, value: unknown): void => {
    Object.defineProperty(error, key, { value, writable: true, configurable: true });
  };
  hide('stack', stack);
  for (const [key, value] of Object.entries(properties)) {
    if (error[key as 'name'] !== value) (error as unknown as Record<string, unknown>)[key] = value;
  }
  if (error.name !== name) hide('name', name);
  if (cause !== null) hide('cause', unpackThrown(cause));
  if (members !== null) hide(members.key, members.values.map(unpackThrown));
  return error;
}
