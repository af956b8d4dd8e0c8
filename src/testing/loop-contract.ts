import type { Host } from '../base/index.ts';
import { Bench, type ContractLoop, type Drive, type Spec } from './contract/bench.ts';
import { ContractError, show } from './contract/contract-error.ts';
import { ERRORS } from './contract/errors.ts';
import { ITERATION } from './contract/iteration.ts';
import { LIFECYCLE } from './contract/lifecycle.ts';
import { TASKS } from './contract/tasks.ts';
import { TIMERS } from './contract/timers.ts';
import { type ContractTransports, transportSpecs } from './contract/transports.ts';

export { ContractError } from './contract/contract-error.ts';
export type { ContractLoop } from './contract/bench.ts';
export type { ContractTransports } from './contract/transports.ts';

/** What the loop offers; what it does not is not checked. */
export interface ContractOptions {
  /** Whether it runs by its own poll (`runForeverSync`). Default: true. */
  readonly blocking?: boolean;
  /** Whether a host can drive it (`runForever`), and by which, if not by the default one. Default: false. */
  readonly hosted?: boolean | { readonly host: () => Host };
  /** How to connect two of its stream transports. Without it transports are not checked. */
  readonly transports?: ContractTransports;
}

/** One of the checks of {@link loopContract}. */
export interface ContractCheck {
  /** The section, what must hold, and the drive: stable, and unique in the list. */
  readonly name: string;
  /** The rule of asyncio that it proves. */
  readonly rule: string;
  /** Makes a loop, and rejects if it breaks the rule. One check at a time: the running loop is the thread's. */
  run(): Promise<void>;
}

/**
 * The contract of an event loop as a list of checks, for any test runner: what asyncio promises of turns, timers, a
 * loop's life, reports, tasks, and of stream transports where there are some.
 *
 * Each check makes a loop of its own, uses it under one drive, and closes it. Checks run one after the other. The checks
 * replace `_selector.select`, `_processEvents` and the exception handler of the instance to see what happens.
 *
 * @param makeLoop makes a loop that has not run yet
 * @param options what the loop offers
 * @returns checks whose `run()` rejects with a {@link ContractError} that says what was expected, which rule of asyncio
 * that is, and what happened; its cause is what the loop itself threw, if it did
 *
 * @example
 * ```ts
 * for (const check of loopContract(() => new MyLoop())) test(check.name, () => check.run());
 * ```
 */
export function loopContract(makeLoop: () => ContractLoop, options: ContractOptions = {}): ContractCheck[] {
  const { blocking = true, hosted = false, transports = null } = options;
  const sections: [section: string, specs: readonly Spec[]][] = [
    ['iteration', ITERATION],
    ['timers', TIMERS],
    ['lifecycle', LIFECYCLE],
    ['errors', ERRORS],
    ['tasks', TASKS],
  ];
  if (transports !== null) sections.push(['transports', transportSpecs(transports)]);
  const drives: Drive[] = [];
  if (blocking) drives.push('blocking');
  if (hosted !== false) drives.push('hosted');
  const host = typeof hosted === 'object' ? hosted.host : null;

  const checks: ContractCheck[] = [];
  for (const drive of drives) {
    for (const [section, specs] of sections) {
      for (const spec of specs) {
        if (spec.only !== undefined && spec.only !== drive) continue;
        checks.push({
          name: `${section}: ${spec.name} (${drive})`,
          rule: spec.rule,
          run: () => runCheck(spec, makeLoop, drive, drive === 'hosted' ? host : null),
        });
      }
    }
  }
  return checks;
}

async function runCheck(
  spec: Spec,
  makeLoop: () => ContractLoop,
  drive: Drive,
  host: (() => Host) | null,
): Promise<void> {
  const bench = new Bench(makeLoop(), drive, spec.rule, host);
  try {
    await spec.body(bench);
  } catch (error) {
    // Whatever it is, the check has failed; what the loop threw by itself is the cause.
    const failure =
      error instanceof ContractError
        ? error
        : new ContractError(spec.rule, `that ${spec.name}`, `it threw ${show(error)}`, { cause: error });
    try {
      bench.discard();
    } catch (unclosed) {
      // That the loop cannot be closed comes of the failure, and is told with it.
      failure.message += `\nand the loop cannot be closed: ${show(unclosed)}`;
    }
    throw failure;
  }
  bench.finish();
}
