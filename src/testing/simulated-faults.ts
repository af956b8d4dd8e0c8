import { Context, ValueError } from '../base/index.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { LinkOptions } from './simulated-wires.ts';

interface Timed {
  /** Seconds of the loop's clock. */
  readonly at: number;
}

interface Lasting extends Timed {
  /** Seconds until it is over. */
  readonly lasts: number;
}

/** Something that goes wrong at a time: plain data, so that a schedule can be printed, kept and shortened. */
export type Fault =
  | (Lasting & { readonly kind: 'crash' | 'kill' | 'pause'; readonly host: string })
  | (Lasting & { readonly kind: 'partition' | 'mute'; readonly groups: readonly (readonly string[])[] })
  | (Lasting & { readonly kind: 'degrade'; readonly link: LinkOptions })
  | (Timed & { readonly kind: 'reset'; readonly between: readonly [string, string] });

/** What random schedules are made of. */
export interface FaultPlan {
  /** Names of the hosts that may be hit. */
  readonly hosts: readonly string[];
  /** Default: all of them. */
  readonly kinds?: readonly Fault['kind'][];
  /** Number of faults. Default: 5. */
  readonly count?: number;
  /** Seconds in which they begin. Default: 10. */
  readonly within?: number;
  /** Seconds that one lasts, at most. Default: 3. */
  readonly lasts?: number;
}

const KINDS: readonly Fault['kind'][] = ['crash', 'kill', 'pause', 'partition', 'mute', 'degrade', 'reset'];

/** A schedule of faults, in the order of their times. @throws ValueError for a plan without hosts or kinds */
export function randomFaults(random: SeededRandom, plan: FaultPlan): Fault[] {
  const { hosts, kinds = KINDS, count = 5, within = 10, lasts = 3 } = plan;
  if (hosts.length === 0 || kinds.length === 0) throw new ValueError('plan: needs hosts and kinds of faults');
  const faults: Fault[] = [];
  for (let i = 0; i < count; i++) {
    // Round numbers, which read well.
    const at = round(random.between(0, within));
    const lasting = round(random.between(lasts / 10, lasts));
    faults.push(randomFault(random, random.pick(kinds), hosts, at, lasting));
  }
  return faults.sort((a, b) => a.at - b.at);
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

function randomFault(
  random: SeededRandom,
  kind: Fault['kind'],
  hosts: readonly string[],
  at: number,
  lasts: number,
): Fault {
  switch (kind) {
    case 'crash':
    case 'kill':
    case 'pause':
      return { kind, at, lasts, host: random.pick(hosts) };
    case 'partition':
    case 'mute': {
      const alone = random.pick(hosts);
      const groups: [string[], string[]] = [[alone], []];
      for (const host of hosts) if (host !== alone) groups[random.below(2)]!.push(host);
      return { kind, at, lasts, groups };
    }
    case 'degrade':
      return { kind, at, lasts, link: { loss: random.below(5) / 10, jitter: round(random.between(0, 0.5)) } };
    case 'reset':
      return { kind, at, between: [random.pick(hosts), random.pick(hosts)] };
  }
}

/**
 * Lets each fault happen at its time, and end at its own.
 *
 * @throws (reports to the loop) ValueError when a host that it names is not there by then
 */
export function applyFaults(network: SimulatedNetwork, faults: readonly Fault[]): void {
  const context = new Context();
  for (const fault of faults) {
    network.loop.callAt(
      fault.at,
      () => {
        const undo = begin(network, fault);
        if ('lasts' in fault) network.loop.callLater(fault.lasts, undo);
      },
      [],
      { context },
    );
  }
}

function begin(network: SimulatedNetwork, fault: Fault): () => void {
  switch (fault.kind) {
    case 'crash':
    case 'kill': {
      const host = network.host(fault.host);
      host[fault.kind]();
      return () => host.restart();
    }
    case 'pause': {
      const host = network.host(fault.host);
      host.pause();
      return () => host.resume();
    }
    case 'partition':
      return network.partition(...fault.groups);
    case 'mute':
      return network.mute(fault.groups[0] ?? [], fault.groups[1] ?? []);
    case 'degrade':
      return network.degrade({ ...fault.link });
    case 'reset':
      network.reset(...fault.between);
      return () => {};
  }
}

/** A fault in words. */
export function describeFault(fault: Fault): string {
  const when = 'lasts' in fault ? `at ${fault.at} s for ${fault.lasts} s` : `at ${fault.at} s`;
  switch (fault.kind) {
    case 'partition':
    case 'mute': {
      const between = fault.kind === 'mute' ? ' -> ' : ' | ';
      return `${when}: ${fault.kind} ${fault.groups.map((group) => group.join(',')).join(between)}`;
    }
    case 'degrade':
      return `${when}: degrade ${JSON.stringify(fault.link)}`;
    case 'reset':
      return `${when}: reset ${fault.between.join(' <-> ')}`;
    default:
      return `${when}: ${fault.kind} ${fault.host}`;
  }
}
