import type { Coroutine } from '../base/index.ts';
import { SeededRandom } from './seeded-random.ts';
import { type Fault, type FaultPlan, applyFaults, describeFault, randomFaults } from './simulated-faults.ts';
import { type NetworkOptions, SimulatedNetwork, type TraceEvent } from './simulated-network.ts';

/**
 * Builds its hosts in the network and checks what they do; an error is a failure. It must be deterministic: random
 * numbers from `network.random`, times from the loop, nothing kept from one run to the next.
 */
export type Scenario = (network: SimulatedNetwork) => Coroutine<unknown>;

/** Keyword arguments of {@link findFailure}. */
export interface SearchOptions {
  /** The seeds to try, in order; a number stands for 0 up to, and without, that number. */
  readonly seeds: number | Iterable<number>;
  readonly network?: Omit<NetworkOptions, 'seed'>;
  /** What goes wrong: a plan that each seed makes a schedule of, or the schedule. Default: nothing. */
  readonly faults?: FaultPlan | readonly Fault[];
  /** Seconds of virtual time that a run may take. Default: an hour. */
  readonly limit?: number;
}

/** A run that failed, with all that is needed to see it again. */
export interface Failure {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly network: Omit<NetworkOptions, 'seed'>;
  readonly faults: readonly Fault[];
  readonly limit: number;
  readonly error: unknown;
  readonly trace: readonly TraceEvent[];
  toString(): string;
}

const HOUR = 3600;

/**
 * Runs a scenario with each seed until one fails. Blocks the thread.
 *
 * @returns the first failure, null if every seed passes
 * @throws RuntimeError while a loop runs
 *
 * @example
 * ```ts
 * const failure = findFailure(scenario, { seeds: 100, faults: { hosts: ['a', 'b', 'c'] } });
 * if (failure !== null) throw new Error(String(shrink(failure)));
 * ```
 */
export function findFailure(scenario: Scenario, options: SearchOptions): Failure | null {
  const { seeds, network = {}, faults = [], limit = HOUR } = options;
  const all = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, seed) => seed) : seeds;
  for (const seed of all) {
    const schedule = isPlan(faults) ? randomFaults(new SeededRandom(seed, 'faults'), faults) : faults;
    const failure = attempt(scenario, seed, network, schedule, limit);
    if (failure !== null) return failure;
  }
  return null;
}

function isPlan(faults: FaultPlan | readonly Fault[]): faults is FaultPlan {
  return !Array.isArray(faults);
}

/** Runs a failure again, with its seed and its faults. @returns how it fails now, null if it does not */
export function replay(failure: Failure): Failure | null {
  const { scenario, seed, network, faults, limit } = failure;
  return attempt(scenario, seed, network, faults, limit);
}

function attempt(
  scenario: Scenario,
  seed: number,
  options: Omit<NetworkOptions, 'seed'>,
  faults: readonly Fault[],
  limit: number,
): Failure | null {
  const network = new SimulatedNetwork({ ...options, seed });
  try {
    applyFaults(network, faults);
    network.runSync(scenario(network), { limit });
    return null;
  } catch (error) {
    // Whatever a scenario throws is what was looked for.
    const { trace } = network;
    return { scenario, seed, network: options, faults, limit, error, trace, toString: describeFailure };
  }
}

function describeFailure(this: Failure): string {
  const { name = 'Error', message = String(this.error) } = this.error as Partial<Error>;
  const faults = this.faults.map((fault) => `  ${describeFault(fault)}`).join('\n') || '  (no faults)';
  return `seed ${this.seed}: ${name}: ${message}\n${faults}`;
}

/**
 * Looks for the least that still fails in the same way (the same class of error): fewer faults, shorter ones, and
 * links without loss, reordering and jitter. What is left is minimal: without any one of its faults it no
 * longer fails so, unless `runs` was too small to find out.
 *
 * @param failure what {@link findFailure} returned
 * @param options.runs number of runs at most; default: 1000
 * @returns a failure of the same seed
 */
export function shrink(failure: Failure, options: { readonly runs?: number } = {}): Failure {
  const search = new Shrinking(failure, options.runs ?? 1000);
  for (let before: Failure | null = null; before !== search.best;) {
    before = search.best;
    search.dropFaults();
    search.calmLinks();
    // Shorter faults may make others needless, and so may calm links.
    search.shortenFaults();
  }
  return search.best;
}

/** Links without these are easier to understand. */
const CALM: readonly (keyof NetworkOptions)[] = ['duplicate', 'reorder', 'loss', 'fragment', 'jitter'];

class Shrinking {
  best: Failure;
  #runs: number;

  constructor(failure: Failure, runs: number) {
    this.best = failure;
    this.#runs = runs;
  }

  #try(change: Partial<Pick<Failure, 'faults' | 'network'>>): boolean {
    if (this.#runs-- <= 0) return false;
    const next = replay({ ...this.best, ...change });
    if (next === null || classOf(next.error) !== classOf(this.best.error)) return false;
    this.best = next;
    return true;
  }

  /** Half of them at once, then fewer, down to each alone. */
  dropFaults(): void {
    for (let size = Math.ceil(this.best.faults.length / 2); size >= 1;) {
      let dropped = false;
      for (let at = 0; at < this.best.faults.length;) {
        const faults = this.best.faults.filter((_, i) => i < at || i >= at + size);
        if (this.#try({ faults })) dropped = true;
        else at += size;
      }
      // A fault may be needed only as long as another one is there.
      if (size > 1 || !dropped) size = size === 1 ? 0 : Math.ceil(size / 2);
    }
  }

  calmLinks(): void {
    for (const name of CALM) {
      if (!this.best.network[name as keyof typeof this.best.network]) continue;
      this.#try({ network: { ...this.best.network, [name]: 0 } });
    }
  }

  shortenFaults(): void {
    for (let i = 0; i < this.best.faults.length; i++) {
      for (;;) {
        const fault = this.best.faults[i]!;
        if (!('lasts' in fault) || fault.lasts < 0.01) break;
        const shorter = { ...fault, lasts: Math.round(fault.lasts * 500) / 1000 };
        if (!this.#try({ faults: this.best.faults.map((each, j) => (j === i ? shorter : each)) })) break;
      }
    }
  }
}

function classOf(error: unknown): unknown {
  return (error as { constructor?: unknown } | null | undefined)?.constructor;
}
