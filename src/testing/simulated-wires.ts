import { SeededRandom } from './seeded-random.ts';

/** What the way between two hosts is like, in each direction. */
export interface LinkOptions {
  /** Seconds that everything is under way at least. Default: 1 ms. */
  readonly latency?: number;
  /** Seconds that are added at random, up to this. Default: 0. */
  readonly jitter?: number;
  /** Share of packets that are lost, 0 to 1: datagrams for good, bytes of streams until they are sent again. */
  readonly loss?: number;
  /** Share of datagrams that are overtaken by later ones. */
  readonly reorder?: number;
  /** Share of datagrams that arrive twice. */
  readonly duplicate?: number;
  /** Share of writes to streams that arrive in two pieces. */
  readonly fragment?: number;
  /** Bytes a second; null: no limit. */
  readonly bandwidth?: number | null;
}

/** Seconds after which a lost piece of a stream is sent again; doubled each time. */
const RETRANSMIT = 0.2;
const MOST_RETRANSMITS = 8;

/** The ways between hosts, by name: when what is sent arrives, if at all. */
export class Wires {
  readonly #default: Required<LinkOptions>;
  readonly #links = new Map<string, Required<LinkOptions>>();
  readonly #degradations = new Set<LinkOptions>();
  readonly #busyUntil = new Map<string, number>();
  readonly #lastDatagram = new Map<string, number>();
  readonly #random: SeededRandom;

  constructor(options: LinkOptions & { readonly seed: number }) {
    this.#random = new SeededRandom(options.seed, 'network');
    this.#default = checkLink(options, {
      latency: 0.001,
      jitter: 0,
      loss: 0,
      reorder: 0,
      duplicate: 0,
      fragment: 0,
      bandwidth: null,
    });
  }

  /** Gives two hosts a way of their own. */
  set(a: string, b: string, options: LinkOptions): void {
    const link = checkLink(options, this.#default);
    this.#links.set(`${a}>${b}`, link);
    this.#links.set(`${b}>${a}`, link);
  }

  /** Makes all ways worse. @returns ends that; false if it had ended */
  degrade(options: LinkOptions): () => boolean {
    checkLink(options, this.#default);
    this.#degradations.add(options);
    return () => this.#degradations.delete(options);
  }

  #link(from: string, to: string): Required<LinkOptions> {
    let link = this.#links.get(`${from}>${to}`) ?? this.#default;
    for (const worse of this.#degradations) {
      link = {
        latency: link.latency + (worse.latency ?? 0),
        jitter: link.jitter + (worse.jitter ?? 0),
        loss: either(link.loss, worse.loss),
        reorder: either(link.reorder, worse.reorder),
        duplicate: either(link.duplicate, worse.duplicate),
        fragment: either(link.fragment, worse.fragment),
        bandwidth: worse.bandwidth ?? link.bandwidth,
      };
    }
    return link;
  }

  /** When what is sent `now` arrives. @param again whether it is sent again when it is lost */
  arrival(from: string, to: string, now: number, bytes: number, again: boolean): number {
    if (from === to) return now;
    const { latency, jitter, loss, bandwidth } = this.#link(from, to);
    let at = now + latency;
    if (jitter > 0) at += this.#random.between(0, jitter);
    if (bandwidth !== null) {
      const key = `${from}>${to}`;
      const sent = Math.max(now, this.#busyUntil.get(key) ?? 0) + bytes / bandwidth;
      this.#busyUntil.set(key, sent);
      at += sent - now;
    }
    if (again) {
      let wait = RETRANSMIT;
      for (let tries = 0; tries < MOST_RETRANSMITS && this.#random.chance(loss); tries++) {
        at += wait;
        wait *= 2;
      }
    }
    return at;
  }

  /** When each copy of a datagram arrives: none if it is lost. */
  datagram(from: string, to: string, now: number, bytes: number): number[] {
    if (from === to) return [now];
    const { latency, jitter, loss, reorder, duplicate } = this.#link(from, to);
    const copies = this.#random.chance(duplicate) ? 2 : 1;
    const arrivals: number[] = [];
    for (let copy = 0; copy < copies; copy++) {
      let at = this.arrival(from, to, now, bytes, false);
      if (this.#random.chance(loss)) continue;
      const key = `${from}>${to}`;
      if (this.#random.chance(reorder)) at += this.#random.between(0, 4 * (latency + jitter));
      else this.#lastDatagram.set(key, (at = Math.max(at, this.#lastDatagram.get(key) ?? 0)));
      arrivals.push(at);
    }
    return arrivals;
  }

  /** Where to cut `count` bytes of a stream in two; 0: nowhere. */
  fragment(from: string, to: string, count: number): number {
    const { fragment } = this.#link(from, to);
    return count > 1 && this.#random.chance(fragment) ? 1 + this.#random.below(count - 1) : 0;
  }
}

/** The chance that one of two things happens. */
function either(one: number, other: number | undefined): number {
  return 1 - (1 - one) * (1 - (other ?? 0));
}

function checkLink(options: LinkOptions, defaults: Required<LinkOptions>): Required<LinkOptions> {
  const link = { ...defaults };
  for (const name of ['latency', 'jitter'] as const) {
    const value = (link[name] = options[name] ?? defaults[name]);
    if (!(value >= 0)) throw new RangeError(`${name}: must not be negative, got ${value}`);
  }
  for (const name of ['loss', 'reorder', 'duplicate', 'fragment'] as const) {
    const value = (link[name] = options[name] ?? defaults[name]);
    if (!(value >= 0 && value <= 1))
      throw new RangeError(`${name}: must be a share from 0 to 1, got ${value}`);
  }
  link.bandwidth = options.bandwidth ?? defaults.bandwidth;
  if (link.bandwidth !== null && !(link.bandwidth > 0)) {
    throw new RangeError(`bandwidth: must be positive, got ${link.bandwidth}`);
  }
  return link;
}
