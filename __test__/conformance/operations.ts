/** The table of the language's operations, section by section of its specification. */
import type { Coroutine } from 'miolo/base';
import { combinationOperations } from './operations-combinations.ts';
import { controlOperations } from './operations-control.ts';
import { futureOperations } from './operations-futures.ts';
import { streamOperations } from './operations-streams.ts';
import { syncOperations } from './operations-sync.ts';
import { taskOperations } from './operations-tasks.ts';
import type { Interpreter } from './interpreter.ts';

/** Programs are data: what an argument is, its operation knows. */
// oxlint-disable-next-line typescript/no-explicit-any -- see above
export type Thing = any;

/**
 * What the arguments are, a letter each: r, R names of objects, a, A awaitable expressions, n a name to bind, v a
 * value, b a block, c a callback, B operations.
 */
export type Kinds = string;

/** What is logged at the end: the result, the operation's name alone, or nothing. */
export type Logs = 'value' | 'name' | 'control';

export type Run = (it: Interpreter, args: readonly Thing[], options: Thing) => unknown;

/** Operations of one section: kinds, what they log, what they do; generators await. */
export type Section = Record<string, readonly [kinds: Kinds, logs: Logs, run: Run]>;

export interface Operation {
  readonly name: string;
  readonly kinds: Kinds;
  readonly logs: Logs;
  readonly awaits: boolean;
  readonly run: Run;
}

const GeneratorFunction = Object.getPrototypeOf(function* (): Coroutine<void> {}).constructor as Function;

export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  [
    controlOperations,
    futureOperations,
    taskOperations,
    combinationOperations,
    syncOperations,
    streamOperations,
  ].flatMap((section) =>
    Object.entries(section).map(([name, [kinds, logs, run]]) => [
      name,
      { name, kinds, logs, awaits: run instanceof GeneratorFunction, run },
    ]),
  ),
);
