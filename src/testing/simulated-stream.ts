/**
 * One end of a simulated connection: what the system of its host keeps, below the transport.
 *
 * 1. What an end sends stands in `#wire`, in order; the first of it arrives first, whatever the delays were.
 * 2. A segment that cannot arrive (a partition, a host that is down) waits there, as TCP would send it again, until the
 *    network is whole or `timeout` has passed since bytes without an answer cannot go through.
 * 3. `#unacked` counts bytes that the peer's program has not taken; never more than the window.
 * 4. The callback `onChange` is made in the transport's context by whoever set it; never while the end's host sends.
 */
import { osErrorFromCode } from '../base/index.ts';
import type { OSError, TimerHandle } from '../base/index.ts';
import type { HostLife } from './simulated-host.ts';
import type { SimulatedNetwork } from './simulated-network.ts';

/** `[address, port]` */
export type HostAddress = readonly [host: string, port: number];

type Segment =
  | { readonly kind: 'open' | 'fin' | 'reset'; at: number }
  | { readonly kind: 'data'; readonly bytes: Uint8Array; at: number }
  | { readonly kind: 'ack'; readonly count: number; at: number };

/** A segment that has no bytes of the program's. */
const HEADER_BYTES = 40;

export class StreamEnd {
  readonly network: SimulatedNetwork;
  readonly life: HostLife;
  readonly local: HostAddress;
  readonly remote: HostAddress;
  peer!: StreamEnd;
  /** Something has come, gone or failed. */
  onChange: (() => void) | null = null;
  /** What is done when the connection has reached this end, for the accepting side. */
  onOpen: (() => void) | null = null;
  /** All that the peer sent has come. */
  eof = false;
  error: OSError | null = null;
  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #wire: Segment[] = [];
  #arrival: TimerHandle | null = null;
  #lastArrival = 0;
  #unacked = 0;
  #giveUp: TimerHandle | null = null;
  #finished = false;
  #closed = false;

  private constructor(network: SimulatedNetwork, life: HostLife, local: HostAddress, remote: HostAddress) {
    this.network = network;
    this.life = life;
    this.local = local;
    this.remote = remote;
    network._streams.add(this);
  }

  /** Both ends of a connection. The second one opens when the first one's greeting arrives. */
  static pair(
    network: SimulatedNetwork,
    from: HostLife,
    local: HostAddress,
    to: HostLife,
    remote: HostAddress,
  ): [StreamEnd, StreamEnd] {
    const near = new StreamEnd(network, from, local, remote);
    const far = new StreamEnd(network, to, remote, local);
    near.peer = far;
    far.peer = near;
    return [near, far];
  }

  // --- sending -----------------------------------------------------------------------------------------

  open(): void {
    this.#push({ kind: 'open', at: 0 }, HEADER_BYTES);
  }

  /** Takes as many bytes as the window has room for, copies them, and says how many. */
  send(bytes: Uint8Array): number {
    if (this.error !== null || this.#finished || !this.life.alive) return bytes.length;
    const count = Math.min(bytes.length, this.network.window - this.#unacked);
    if (count <= 0) return 0;
    this.#unacked += count;
    // A copy also of a Buffer, whose slice() is a view.
    const taken = new Uint8Array(bytes.subarray(0, count));
    const cut = this.network._fragment(this.life.host, this.peer.life.host, count);
    if (cut > 0) this.#push({ kind: 'data', bytes: taken.subarray(0, cut), at: 0 }, cut);
    this.#push({ kind: 'data', bytes: taken.subarray(cut), at: 0 }, count - cut);
    return count;
  }

  /** Says that no more will be sent. */
  finish(): void {
    if (this.#finished || this.error !== null || !this.life.alive) return;
    this.#finished = true;
    this.#unacked += 1;
    this.#push({ kind: 'fin', at: 0 }, HEADER_BYTES);
  }

  /** The program has no more use for it: by a reset if it left bytes unread, as TCP does. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onChange = null;
    if (this.#receivedBytes > 0) this.reset();
    else this.finish();
    this.#received = [];
    this.#forgetIfOver();
  }

  /** Ends the connection for both sides at once, after what was sent. */
  reset(): void {
    if (this.error !== null) return;
    this.#push({ kind: 'reset', at: 0 }, HEADER_BYTES);
    this.#finished = true;
    this.#unacked = 0;
    this.error = this.#makeError('ECONNRESET', 'read');
  }

  #push(segment: Segment, bytes: number): void {
    const { network } = this;
    const at = network._arrival(this.life.host, this.peer.life.host, bytes, true);
    this.#lastArrival = segment.at = Math.max(this.#lastArrival, at);
    this.#wire.push(segment);
    this.#schedule();
    this.#watch();
  }

  #schedule(): void {
    const first = this.#wire[0];
    if (first === undefined || this.#arrival !== null || !this.#goesThrough()) return;
    this.#arrival = this.network._at(first.at, () => this.#arrive());
  }

  #goesThrough(): boolean {
    return this.network._reaches(this.life.host, this.peer.life.host);
  }

  #arrive(): void {
    this.#arrival = null;
    if (!this.#goesThrough()) {
      // Lost; only a system that lives sends it again.
      if (!this.life.alive) this.#wire = [];
      return;
    }
    const { peer } = this;
    const now = this.network.loop.time();
    while (this.#wire.length > 0 && this.#wire[0]!.at <= now) {
      const segment = this.#wire.shift()!;
      if (peer.life.alive) peer.#take(segment);
      else if (segment.kind !== 'reset') this.#refuse();
    }
    this.#schedule();
    this.#forgetIfOver();
  }

  /** The other system knows nothing of the connection and answers so. */
  #refuse(): void {
    const { network } = this;
    const back = network._arrival(this.peer.life.host, this.life.host, HEADER_BYTES, true);
    network._at(back, () => {
      if (network._reaches(this.peer.life.host, this.life.host)) this.fail('ECONNRESET');
    });
  }

  // --- receiving ---------------------------------------------------------------------------------------

  #take(segment: Segment): void {
    if (this.error !== null && segment.kind !== 'ack') {
      if (segment.kind !== 'reset') this.peer.#refuse();
      return;
    }
    switch (segment.kind) {
      case 'open':
        this.onOpen?.();
        this.onOpen = null;
        return;
      case 'ack':
        this.#unacked = Math.max(0, this.#unacked - segment.count);
        this.#watch();
        break;
      case 'reset':
        this.fail('ECONNRESET');
        return;
      case 'fin':
        this.eof = true;
        this.#push({ kind: 'ack', count: 1, at: 0 }, HEADER_BYTES);
        break;
      case 'data':
        if (this.#closed) {
          this.peer.#refuse();
          return;
        }
        this.network._record('data', this.peer.life.host.name, this.life.host.name, segment.bytes.length);
        this.#received.push(segment.bytes);
        this.#receivedBytes += segment.bytes.length;
    }
    this.onChange?.();
    this.#forgetIfOver();
  }

  /** Bytes that can be read. */
  get available(): number {
    return this.#receivedBytes;
  }

  /** What has come, in one piece of up to `limit` bytes; makes room in the window. */
  read(limit: number): Uint8Array {
    const size = Math.min(limit, this.#receivedBytes);
    const result = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const first = this.#received[0]!;
      const count = Math.min(first.length, size - at);
      result.set(first.subarray(0, count), at);
      at += count;
      if (count === first.length) this.#received.shift();
      else this.#received[0] = first.subarray(count);
    }
    this.#receivedBytes -= size;
    if (size > 0 && this.error === null) this.#push({ kind: 'ack', count: size, at: 0 }, HEADER_BYTES);
    return result;
  }

  /** Puts bytes back that were read but not delivered. */
  unread(bytes: Uint8Array): void {
    this.#received.unshift(bytes);
    this.#receivedBytes += bytes.length;
  }

  // --- failing -----------------------------------------------------------------------------------------

  /** The connection is gone for this end; what has come can still be read. */
  fail(code: 'ECONNRESET' | 'ETIMEDOUT'): void {
    if (this.error !== null) return;
    this.network._record(code, this.life.host.name, this.peer.life.host.name);
    this.error = this.#makeError(code, code === 'ETIMEDOUT' ? 'write' : 'read');
    this.#unacked = 0;
    this.#wire = [];
    this.#arrival?.cancel();
    this.#arrival = null;
    this.#giveUp?.cancel();
    this.#giveUp = null;
    this.onChange?.();
    this.#forgetIfOver();
  }

  #makeError(code: string, syscall: string): OSError {
    return osErrorFromCode(code, syscall, { address: this.remote[0], port: this.remote[1] });
  }

  /** Partitions, crashes and restarts have changed what can be reached. */
  _reachChanged(): void {
    this.#watch();
    if (!this.#goesThrough()) return;
    if (!this.peer.life.alive && this.#unacked > 0 && this.#wire.length === 0) {
      // What was lost with the other system is sent again, and nobody there knows it.
      this.#refuse();
      return;
    }
    if (this.#arrival !== null || this.#wire.length === 0) return;
    const { network } = this;
    const at = network._arrival(this.life.host, this.peer.life.host, HEADER_BYTES, true);
    for (const segment of this.#wire) segment.at = Math.max(segment.at, at);
    this.#lastArrival = Math.max(this.#lastArrival, at);
    this.#schedule();
  }

  /** Gives up in time when bytes without an answer cannot go through. */
  #watch(): void {
    const { network } = this;
    const silent =
      this.#unacked > 0 &&
      this.error === null &&
      this.life.alive &&
      !(this.#goesThrough() && network._reaches(this.peer.life.host, this.life.host));
    if (!silent) {
      this.#giveUp?.cancel();
      this.#giveUp = null;
    } else if (this.#giveUp === null) {
      this.#giveUp = network._at(network.loop.time() + network.timeout, () => this.fail('ETIMEDOUT'));
    }
  }

  /** The end's host has gone down. @param reset whether its system lives, and resets the connection */
  _lifeEnds(reset: boolean): void {
    this.onChange = null;
    this.#giveUp?.cancel();
    this.#giveUp = null;
    if (reset) this.reset();
    // What waits for the network to be whole again, waits in a system that is gone.
    if (this.#arrival === null) this.#wire = [];
  }

  #forgetIfOver(): void {
    const over = this.error !== null || !this.life.alive || (this.#closed && this.#unacked === 0);
    if (over && this.#wire.length === 0) this.network._streams.delete(this);
  }
}
