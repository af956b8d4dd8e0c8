/**
 * The transport of datagrams over the native core: asyncio's selector datagram transport, with the system calls made
 * in Rust, several datagrams at a time.
 *
 * # States
 *
 * 1. Receiving is on between `startReading` and any of: `close`, loss.
 * 2. What a turn brought stands in `#events`, in the order it happened, until the transport's handle runs, in the
 *    same turn. If the turn is left early, datagrams are copied out of the arena (`_rescue`) and stay in their places.
 * 3. `_connLost` counts from the moment the protocol's `connectionLost` is on its way: from then on nothing is
 *    received and what is sent is dropped. Errors of what was sent before are still told.
 * 4. `_backlog` is what the kernel refused, `#pending` what waits in the outgoing arena for the end of the turn, both
 *    with 8 bytes a datagram. Their sum never exceeds the high mark: a datagram that would cross it is sent at
 *    once, so only what the kernel refused pauses the protocol.
 * 5. The descriptor closes when `connectionLost` has been called, and its token is stale from then on.
 */
import {
  DatagramFlowControlTransport,
  Handle,
  LOG_THRESHOLD_FOR_CONNLOST_WRITES,
  OSError,
  TransportSocket,
  ValueError,
  copyContext,
  logger,
} from '../base/index.ts';
import type { Address, BaseProtocol, DatagramProtocol, ExtraInfo, Future } from '../base/index.ts';
import { NOWHERE, type PackedAddress, pack, packedBytes, packedWords } from './address-book.ts';
import { checkBytes } from './byte-arguments.ts';
import { isExit, osErrorFromNative } from './errors.ts';
import type { MioEventLoop } from './mio-event-loop.ts';
import { type BacklogSubject, DATAGRAM, RECEIVE_FAILED, type Ring, SEND_FAILED } from './ring.ts';
import type { Socket } from './socket.ts';

/** A datagram above this goes out at once: copying it would cost more than a call. */
const DIRECT_BYTES = 32 * 1024;

/** What a datagram counts beyond its bytes. */
const HEADER_BYTES = 8;

/** An event of a datagram that was copied out of the arena; its value is an index of `#held`. */
const HELD = -1;

/** Kind, two values. */
const EVENT_WORDS = 3;

function runTransport(transport: DatagramSocketTransport): void {
  transport._run();
}

function connectionMade(protocol: DatagramProtocol, transport: DatagramSocketTransport): void {
  protocol.connectionMade(transport);
}

function startReading(transport: DatagramSocketTransport): void {
  transport._startReading();
}

function resolveWaiter(waiter: Future<void>): void {
  if (!waiter.done()) waiter.setResult();
}

function callConnectionLost(transport: DatagramSocketTransport, error: unknown): void {
  transport._callConnectionLost(error);
}

/**
 * A socket of datagrams on the native core: UDP, or a Unix one. Made by `MioEventLoop._makeDatagramTransport`.
 *
 * asyncio: the selector loop's datagram transport. Differences: what was sent leaves at the end of the turn, and
 * errors of it arrive in the next one; an exception of `datagramReceived` costs none of the datagrams behind it.
 */
export class DatagramSocketTransport extends DatagramFlowControlTransport implements BacklogSubject {
  readonly _token: number;
  /** What the kernel refused, with 8 bytes a datagram. Kept up to date by completions. */
  _backlog = 0;

  readonly #ring: Ring;
  readonly #native: MioEventLoop;
  readonly #socket: Socket;
  /** Made when it is asked for. */
  #view: TransportSocket | null = null;
  readonly #handle: Handle;
  #protocol: DatagramProtocol | null;
  /** The only address that may be sent to, null for any. */
  readonly #peer: Address | null;
  /** What stands in front of each datagram then. */
  readonly #toPeer: PackedAddress;

  #events: number[] = [];
  #next = 0;
  #held: [data: Uint8Array, address: Address | null][] = [];
  #queued = false;
  #wrote = false;

  #pending = 0;
  #epoch = 0;

  #closing = false;
  #connLost = 0;
  #holding = false;

  constructor(
    loop: MioEventLoop,
    ring: Ring,
    token: number,
    socket: Socket,
    protocol: DatagramProtocol,
    address: Address | null,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
  ) {
    super(extra, loop);
    this._token = token;
    this.#native = loop;
    this.#ring = ring;
    this.#socket = socket;
    this.#protocol = protocol;
    const connected = socket.remoteName();
    this.#peer = address ?? connected;
    this.#toPeer = connected !== null || address === null ? NOWHERE : pack(socket.family, address);
    this.#handle = new Handle(runTransport, [this], loop, copyContext());
    ring.register(this);
    this.#updateHold();
    loop.callSoon(connectionMade, [protocol, this]);
    // Receiving starts after connectionMade, which may close.
    loop.callSoon(startReading, [this]);
    if (waiter !== null) loop.callSoon(resolveWaiter, [waiter]);
  }

  override getExtraInfo(name: string, defaultValue?: unknown): unknown {
    if (name === 'socket') return (this.#view ??= new TransportSocket(this.#socket));
    if (name === 'sockname' || name === 'peername') {
      const known = super.getExtraInfo(name);
      if (known !== undefined && known !== null) return known;
      const asked = name === 'sockname' ? this.#socket.localName() : this.#socket.remoteName();
      return asked ?? defaultValue ?? null;
    }
    return super.getExtraInfo(name, defaultValue);
  }

  override setProtocol(protocol: BaseProtocol): void {
    this.#protocol = protocol as DatagramProtocol;
  }

  override getProtocol(): BaseProtocol | null {
    return this.#protocol;
  }

  // --- receiving -----------------------------------------------------------------------------------

  _startReading(): void {
    if (!this.#closing) this.#ring.resume(this._token);
  }

  /** Notes a completion of `kind`. Returns whether it is the first since the handle ran. */
  _note(kind: number, first: number, second: number): boolean {
    this.#events.push(kind, first, second);
    return this.#queue();
  }

  /** Notes a completion: the kernel has taken datagrams, or refused some. */
  _wrote(backlog: number): void {
    this._backlog = backlog;
    this.#wrote = true;
    this.#queue();
  }

  #queue(): boolean {
    if (this.#queued) return false;
    this.#queued = true;
    this.#native._addCallback(this.#handle);
    return true;
  }

  /** Runs in the turn's last phase, once for all completions that the turn brought. */
  _run(): void {
    this.#queued = false;
    const events = this.#events;
    while (this.#next < events.length) {
      const at = this.#next;
      this.#next = at + EVENT_WORDS;
      this.#take(events[at]!, events[at + 1]!, events[at + 2]!);
    }
    this.#forgetEvents();
    if (this.#wrote) {
      this.#wrote = false;
      this.#takeBacklog();
    }
  }

  #take(kind: number, first: number, second: number): void {
    switch (kind) {
      case DATAGRAM:
        if (!this.#closing) this.#deliver(first, second);
        break;
      case HELD:
        if (!this.#closing) this.#tell(this.#held[first]![0], this.#held[first]![1]);
        break;
      case RECEIVE_FAILED:
        if (!this.#closing) this.#tellError(osErrorFromNative(first, 'recvfrom', this.#peer));
        break;
      default:
        this.#tellError(osErrorFromNative(first, 'sendto', this.#peer));
    }
  }

  #deliver(offset: number, length: number): void {
    const ring = this.#ring;
    const at = offset >> 2;
    const place = offset + packedWords(ring.arenaWords[at]!) * 4;
    const address = ring.addresses.read(ring.arenaWords, at);
    const borrows = this.#protocol?.borrowsData === true;
    this.#tell(borrows ? ring.lend(place, length) : ring.keep(place, length), address);
  }

  #tell(data: Uint8Array, address: Address | null): void {
    try {
      this.#protocol?.datagramReceived(data, address as Address);
    } catch (error) {
      this.#report(error, 'datagramReceived');
    }
  }

  #tellError(error: OSError): void {
    try {
      this.#protocol?.errorReceived(error);
    } catch (thrown) {
      this.#report(thrown, 'errorReceived');
    }
  }

  /** What a callback of the protocol threw: the endpoint goes on, only exits pass. */
  #report(error: unknown, callback: string): void {
    if (isExit(error)) throw error;
    this.#native.callExceptionHandler({
      message: `Exception in callback ${this.#protocol?.constructor.name ?? 'protocol'}.${callback}()`,
      exception: error,
      transport: this,
      protocol: this.#protocol,
    });
  }

  /** Copies out what the turn received but did not deliver, since the arena is about to be used again. */
  _rescue(): void {
    const { arenaWords, addresses } = this.#ring;
    const events = this.#events;
    for (let at = this.#next; at < events.length; at += EVENT_WORDS) {
      if (events[at] !== DATAGRAM) continue;
      const offset = events[at + 1]!;
      const place = offset + packedWords(arenaWords[offset >> 2]!) * 4;
      const data = this.#ring.keep(place, events[at + 2]!);
      events[at] = HELD;
      events[at + 1] = this.#held.push([data, addresses.read(arenaWords, offset >> 2)]) - 1;
    }
    // The handle has run, if it was this transport's protocol that ended the turn.
    if (this.#next < events.length || this.#wrote) this.#queue();
  }

  #forgetEvents(): void {
    this.#events.length = 0;
    this.#next = 0;
    if (this.#held.length > 0) this.#held = [];
  }

  // --- sending -------------------------------------------------------------------------------------

  override sendto(data: Uint8Array, address: Address | null = null): void {
    checkBytes('data', data);
    const to = this.#target(address);
    if (this.#connLost > 0) {
      if (this.#connLost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning('socket.send() raised exception.');
      }
      this.#connLost++;
      return;
    }
    const ring = this.#ring;
    if (this.#epoch !== ring.epoch) this.#settle();
    const cost = data.length + HEADER_BYTES;
    if (data.length <= DIRECT_BYTES && this._backlog + this.#pending + cost <= this._highWater) {
      ring.sendTo(this._token, to, data);
      // After the bytes are in: a full arena begins a new epoch.
      if (this.#epoch !== ring.epoch) this.#settle();
      this.#pending += cost;
    } else {
      const backlog = ring.core.sendDatagram(this._token, packedBytes(to), data);
      this.#settle();
      this._backlog = backlog;
      this._maybePauseProtocol();
      this.#updateHold();
    }
  }

  #target(address: Address | null): PackedAddress {
    const peer = this.#peer;
    if (peer === null) {
      if (address === null)
        throw new TypeError('address: the endpoint is not connected, so there must be one');
      return this.#ring.addresses.find(this.#socket.family, address);
    }
    if (address !== null && address !== peer && !isSame(address, peer)) {
      throw new ValueError(`Invalid address: must be null or ${JSON.stringify(peer)}`);
    }
    return this.#toPeer;
  }

  override getWriteBufferSize(): number {
    if (this.#connLost > 0) return 0;
    this.#flush();
    return this._backlog;
  }

  override setWriteBufferLimits(high?: number | null, low?: number | null): void {
    super.setWriteBufferLimits(high, low);
    if (this.#connLost === 0) this.#ring.lowMark(this._token, this._lowWater);
  }

  /** What was pending has left the arena; takes note of what the kernel refused. */
  #settle(): void {
    this.#epoch = this.#ring.epoch;
    this.#pending = 0;
    this.#ring.absorbBacklogs();
  }

  /** One attempt to send everything so far. */
  #flush(): void {
    if (this.#epoch !== this.#ring.epoch) this.#settle();
    if (this.#pending === 0) return;
    const backlog = this.#ring.core.backlog(this._token);
    this.#settle();
    this._backlog = backlog;
  }

  #takeBacklog(): void {
    if (this.#connLost > 0) return;
    if (this._backlog > this._highWater) this._maybePauseProtocol();
    else this._maybeResumeProtocol();
    // resumeWriting may have sent, closed or aborted.
    if (this.#connLost > 0) return;
    this.#updateHold();
    if (this._backlog > 0 || (this.#epoch === this.#ring.epoch && this.#pending > 0)) return;
    if (this.#closing) {
      this.#connLost++;
      this._callConnectionLost(null);
    }
  }

  // --- the end -------------------------------------------------------------------------------------

  override isClosing(): boolean {
    return this.#closing;
  }

  override close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#ring.pause(this._token);
    this.#flush();
    if (this._backlog === 0) {
      this.#connLost++;
      this.#native.callSoon(callConnectionLost, [this, null]);
    }
    this.#updateHold();
  }

  override abort(): void {
    // One attempt for what was sent in this turn: asyncio's has left by now.
    if (this.#connLost === 0) this.#flush();
    this.#forceClose(null);
  }

  #forceClose(error: unknown): void {
    if (this.#connLost > 0) return;
    this._backlog = 0;
    if (!this.#closing) {
      this.#closing = true;
      this.#ring.pause(this._token);
    }
    this.#connLost++;
    this.#native.callSoon(callConnectionLost, [this, error]);
    this.#updateHold();
  }

  /** The native core is gone: no turn will come to tell the protocol. */
  _abandon(error: Error): void {
    if (this.#connLost > 0 && this.#protocol === null) return;
    this.#closing = true;
    this.#connLost++;
    this._callConnectionLost(error);
  }

  _callConnectionLost(error: unknown): void {
    const protocol = this.#protocol;
    try {
      this.#tellSendErrors();
      protocol?.connectionLost((error ?? null) as Error | null);
    } finally {
      this.#socket._forget();
      this.#ring.release(this._token);
      this.#protocol = null;
      this.#connLost++;
      this.#forgetEvents();
      this.#setHold(false);
    }
  }

  /** Errors of what was sent before the end, if they came in the turn that ends it. */
  #tellSendErrors(): void {
    const events = this.#events;
    for (; this.#next < events.length; this.#next += EVENT_WORDS) {
      if (events[this.#next] !== SEND_FAILED) continue;
      this.#tellError(osErrorFromNative(events[this.#next + 1]!, 'sendto', this.#peer));
    }
  }

  /** Keeps a hosted process alive while there is something to wait for. */
  #updateHold(): void {
    this.#setHold(!this.#closing || this._backlog > 0);
  }

  #setHold(hold: boolean): void {
    if (this.#holding === hold) return;
    this.#holding = hold;
    if (hold) this.#native._hold();
    else this.#native._release();
  }

  override toString(): string {
    const state = this.#connLost > 0 ? 'closed' : this.#closing ? 'closing' : 'open';
    return `<DatagramSocketTransport fd=${this.#socket.fileno()} ${state}>`;
  }
}

/** Whether two addresses are the same one; flow information and scope that are left out are 0. */
function isSame(one: Address, other: Address): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other;
  if (!Array.isArray(one)) return false;
  return [0, 1, 2, 3].every((index) => (one[index] ?? 0) === (other[index] ?? 0));
}
