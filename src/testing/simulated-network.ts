import {
  Context,
  OSError,
  RuntimeError,
  TimeoutError,
  ValueError,
  _cancelAllTasks,
  _cancelAllTasksSync,
  describePending,
} from '../base/index.ts';
import type { Awaitable, ExceptionContext, Loop, TimerHandle } from '../base/index.ts';
import { SeededRandom } from './seeded-random.ts';
import { type HostLife, SimulatedHost, lifeHere } from './simulated-host.ts';
import { Cuts } from './simulated-cuts.ts';
import { SimulatedLoop } from './simulated-loop.ts';
import type { SimulatedSocket } from './simulated-socket.ts';
import type { HostAddress, StreamEnd } from './simulated-stream.ts';
import { type LinkOptions, Wires } from './simulated-wires.ts';

/** Keyword arguments of {@link SimulatedNetwork}. */
export interface NetworkOptions extends LinkOptions {
  /** A whole number, from which all that is random follows. */
  readonly seed: number;
  /** Seconds after which connecting, and sending without an answer, is given up. Default: 20. */
  readonly timeout?: number;
  /** Bytes that one direction of a connection holds. Default: 64 KiB. */
  readonly window?: number;
}

/** Something that happened in a network. */
export interface TraceEvent {
  /** Seconds of the loop's clock. */
  readonly time: number;
  readonly event: string;
  /** The host it began at. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Bytes, a port, or what a program noted. */
  readonly detail?: number | string | undefined;
}

/**
 * Hosts and the network between them, in one process and in virtual time: whole distributed programs, deterministic
 * from a seed. Programs use the ordinary calls of the loop.
 *
 * @example
 * ```ts
 * const network = new SimulatedNetwork({ seed: 1, latency: 0.01, loss: 0.1 });
 * network.host('server', '10.0.0.1').boot(serve);
 * network.runSync(network.host('client', '10.0.0.2').run(ask));
 * ```
 */
export class SimulatedNetwork {
  readonly seed: number;
  readonly timeout: number;
  readonly window: number;
  readonly loop: SimulatedLoop;
  /** By name. */
  readonly hosts: ReadonlyMap<string, SimulatedHost>;
  /** For programs: a generator of its own, so that what they draw changes nothing in the network. */
  readonly random: SeededRandom;
  /** All that happened, in order; the same for the same seed and program. */
  readonly trace: TraceEvent[] = [];
  /** What was reported to the loop's exception handler. */
  readonly reports: ExceptionContext[] = [];
  /** Connections' ends that something may still happen to. */
  readonly _streams: Set<StreamEnd> = new Set();
  readonly #hosts = new Map<string, SimulatedHost>();
  readonly #addresses = new Map<string, SimulatedHost>();
  readonly #wires: Wires;
  readonly #cuts = new Cuts();
  /** The context of all that is no host's. */
  readonly #wire = new Context();

  constructor(options: NetworkOptions) {
    this.seed = options.seed;
    this.timeout = options.timeout ?? 20;
    this.window = options.window ?? 64 * 1024;
    if (!(this.window >= 1)) throw new RangeError(`window: must be positive, got ${this.window}`);
    this.random = new SeededRandom(options.seed, 'program');
    this.#wires = new Wires(options);
    this.hosts = this.#hosts;
    this.loop = new SimulatedLoop(this);
    this.loop.setExceptionHandler((_loop, context) => void this.reports.push(context));
  }

  // --- building ----------------------------------------------------------------------------------------

  /**
   * Adds a host, or finds the one with this name.
   *
   * @param name what `getaddrinfo` finds it by
   * @param address an IP address, which nobody else has; needed for a new host
   */
  host(name: string, address?: string): SimulatedHost {
    const known = this.#hosts.get(name);
    if (known !== undefined && (address === undefined || address === known.address)) return known;
    if (address === undefined) throw new ValueError(`there is no host ${name}`);
    if (known !== undefined) throw new ValueError(`the host ${name} has the address ${known.address}`);
    if (this.#addresses.has(address)) throw new ValueError(`address: ${address} is taken`);
    const host = new SimulatedHost(this, name, address);
    this.#hosts.set(name, host);
    this.#addresses.set(address, host);
    return host;
  }

  /** Changes what the way between two hosts is like, in both directions; unnamed options are the network's. */
  link(a: SimulatedHost | string, b: SimulatedHost | string, options: LinkOptions): void {
    this.#wires.set(this.#nameOf(a), this.#nameOf(b), options);
  }

  // --- running -----------------------------------------------------------------------------------------

  /**
   * Runs a program of no host, usually the test, to its end; then every host goes down and the loop closes.
   *
   * @param limit seconds of virtual time; default: none
   * @returns its result
   * @throws RuntimeError for a deadlock; TimeoutError after `limit`; what was reported to the loop, other
   * than an OSError, if the program itself succeeded
   */
  runSync<T>(main: Awaitable<T>, options: { readonly limit?: number } = {}): T {
    const { loop } = this;
    const timer = this.#limit(options.limit);
    let result: T;
    try {
      result = loop.runUntilCompleteSync(main);
    } catch (error) {
      throw this.#outcome(error, timer);
    } finally {
      this.#powerOff();
      _cancelAllTasksSync(loop as never);
      loop.close();
    }
    this.#checkReports();
    return result;
  }

  /** {@link runSync}, driven by the host of the JavaScript runtime: for programs that await promises. */
  async run<T>(main: Awaitable<T>, options: { readonly limit?: number } = {}): Promise<T> {
    const { loop } = this;
    const timer = this.#limit(options.limit);
    let result: T;
    try {
      result = await loop.runUntilComplete(main);
    } catch (error) {
      throw this.#outcome(error, timer);
    } finally {
      this.#powerOff();
      await _cancelAllTasks(loop as never);
      loop.close();
    }
    this.#checkReports();
    return result;
  }

  #limit(limit: number | undefined): { error: Error | null } {
    const state: { error: Error | null } = { error: null };
    if (limit === undefined) return state;
    this._at(this.loop.time() + limit, () => {
      state.error = new TimeoutError(
        `not done after ${limit} seconds of virtual time\n` +
          `${describePending(this.loop as unknown as Loop)}\n${this.describe()}`,
      );
      this.loop.stop();
    });
    return state;
  }

  #outcome(error: unknown, limit: { readonly error: Error | null }): unknown {
    return limit.error ?? error;
  }

  #powerOff(): void {
    for (const host of this.#hosts.values()) {
      host._life?.end();
      host._life = null;
    }
    this._streams.clear();
  }

  #checkReports(): void {
    // That connections fail is what such a network is for.
    const first = this.reports.find(({ exception }) => !(exception instanceof OSError));
    if (first === undefined) return;
    throw first.exception ?? new RuntimeError(first.message);
  }

  /** Adds a line to the trace, with the running host's name. */
  note(text: string): void {
    this._record('note', lifeHere()?.host.name, undefined, text);
  }

  _record(event: string, from?: string, to?: string, detail?: number | string): void {
    this.trace.push({ time: this.loop.time(), event, from, to, detail });
  }

  // --- faults ------------------------------------------------------------------------------------------

  /**
   * Cuts the network: hosts of different groups cannot reach each other, hosts of no group reach everybody. Several
   * cuts add up. Datagrams are lost; streams wait, up to the network's `timeout`.
   *
   * @param groups of hosts or their names
   * @returns heals this cut
   */
  partition(...groups: readonly (readonly (SimulatedHost | string)[])[]): () => void {
    return this.#block(groups, false);
  }

  /** Cuts one direction only: what `from` sends does not reach `to`. @returns heals it */
  mute(from: readonly (SimulatedHost | string)[], to: readonly (SimulatedHost | string)[]): () => void {
    return this.#block([from, to], true);
  }

  #block(groups: readonly (readonly (SimulatedHost | string)[])[], oneWay: boolean): () => void {
    const names = groups.map((group) => group.map((host) => this.#nameOf(host)));
    const cut = this.#cuts.add(names, oneWay);
    this._record(oneWay ? 'mute' : 'partition', undefined, undefined, String(cut));
    this._reachChanged();
    return () => {
      if (!this.#cuts.delete(cut)) return;
      this._record('heal', undefined, undefined, String(cut));
      this._reachChanged();
    };
  }

  /** Ends all partitions and mutes. */
  heal(): void {
    if (!this.#cuts.clear()) return;
    this._record('heal');
    this._reachChanged();
  }

  /** Makes the whole network worse: latencies and shares are added to those of each link. @returns ends it */
  degrade(options: LinkOptions): () => void {
    const undo = this.#wires.degrade(options);
    this._record('degrade', undefined, undefined, JSON.stringify(options));
    return () => {
      if (undo()) this._record('recover');
    };
  }

  /** Resets every connection between two hosts, for both of them, at once. */
  reset(a: SimulatedHost | string, b: SimulatedHost | string): void {
    const names = [this.#nameOf(a), this.#nameOf(b)];
    this._record('reset', names[0], names[1]);
    for (const end of [...this._streams]) {
      const ends = [end.life.host.name, end.peer.life.host.name];
      const matches =
        (ends[0] === names[0] && ends[1] === names[1]) || (ends[0] === names[1] && ends[1] === names[0]);
      if (matches) end.fail('ECONNRESET');
    }
  }

  #nameOf(host: SimulatedHost | string): string {
    const name = typeof host === 'string' ? host : host.name;
    if (!this.#hosts.has(name)) throw new ValueError(`there is no host ${name}`);
    return name;
  }

  /** What is wrong with the network and its hosts, for reports. */
  describe(): string {
    const hosts = [...this.#hosts.values()].map(
      (host) => `${host.name} ${host.up ? (host.paused ? 'paused' : 'up') : 'down'}`,
    );
    const cuts = this.#cuts.toString();
    return `  hosts: ${hosts.join(', ') || 'none'}${cuts === '' ? '' : `; cut: ${cuts}`}`;
  }

  // --- for the sockets -----------------------------------------------------------------------------------

  /** Calls `callback` at `when`, on behalf of no host. */
  _at(when: number, callback: () => void): TimerHandle {
    return this.loop.callAt(when, callback, [], { context: this.#wire });
  }

  _lifeHere(): HostLife {
    const life = lifeHere();
    if (life === null)
      throw new RuntimeError('this code runs on no host: start it with host.run() or host.boot()');
    return life;
  }

  /** The host with an address, seen from `from`. */
  _hostAt(address: string, from?: SimulatedHost): SimulatedHost | null {
    if (from !== undefined && isLoopback(address)) return from;
    return this.#addresses.get(address) ?? null;
  }

  /** The address that packets to `remote` carry. */
  _sourceFor(host: SimulatedHost, remote: string, port: number): HostAddress {
    return [isLoopback(remote) ? remote : host.address, port];
  }

  /** Whether packets from one host arrive at the other now. */
  _reaches(from: SimulatedHost, to: SimulatedHost): boolean {
    if (!to.up) return false;
    if (from === to) return true;
    return !this.#cuts.separates(from.name, to.name);
  }

  _reachChanged(): void {
    for (const end of [...this._streams]) end._reachChanged();
  }

  _lifeEnds(life: HostLife, reset: boolean): void {
    for (const end of [...this._streams]) if (end.life === life) end._lifeEnds(reset);
    this._reachChanged();
  }

  /** When what is sent now arrives. @param again whether it is sent again when it is lost */
  _arrival(from: SimulatedHost, to: SimulatedHost, bytes: number, again: boolean): number {
    return this.#wires.arrival(from.name, to.name, this.loop.time(), bytes, again);
  }

  /** Where to cut `count` bytes of a stream in two; 0: nowhere. */
  _fragment(from: SimulatedHost, to: SimulatedHost, count: number): number {
    return this.#wires.fragment(from.name, to.name, count);
  }

  _sendDatagram(sock: SimulatedSocket, from: HostAddress, data: Uint8Array, to: HostAddress): void {
    const { life } = sock;
    const target = this._hostAt(to[0], life.host);
    if (!life.alive) return;
    if (target === null) {
      this._record('drop', life.host.name, to[0], data.length);
      return;
    }
    const arrivals = this.#wires.datagram(life.host.name, target.name, this.loop.time(), data.length);
    if (arrivals.length === 0) this._record('drop', life.host.name, target.name, data.length);
    for (const at of arrivals) this._at(at, () => this.#datagramArrives(sock, from, target, data, to));
  }

  #datagramArrives(
    sock: SimulatedSocket,
    from: HostAddress,
    target: SimulatedHost,
    data: Uint8Array,
    to: HostAddress,
  ): void {
    const source = sock.life.host;
    if (!this._reaches(source, target)) {
      this._record('drop', source.name, target.name, data.length);
      return;
    }
    const receiver = target._life!.datagrams.get(to[1]);
    if (receiver?._accepts(to, from) === true) {
      this._record('datagram', source.name, target.name, data.length);
      receiver._received(data.slice(), from);
      return;
    }
    this._record('unwanted', source.name, target.name, to[1]);
    this._at(this._arrival(target, source, data.length, false), () => {
      if (sock.life.alive && this._reaches(target, source)) sock._refused(to);
    });
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
