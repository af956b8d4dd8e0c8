import {
  BaseEventLoop,
  NotImplementedError,
  RuntimeError,
  TimerHandle,
  coroutineMethods,
} from '../base/index.ts';
import type {
  Address,
  BaseProtocol,
  Context,
  Coroutine,
  ExtraInfo,
  Future,
  ProtocolFactory,
  Server,
  SocketLike,
  Transport,
} from '../base/index.ts';
import { addon } from './addon.ts';
import { checkNative, osErrorFromNative } from './errors.ts';
import { Listener } from './listener.ts';
import { ACCEPTED, ACCEPT_FAILED, BACKLOG, CONNECTED, EOF, LOST, RECEIVED, Ring, TIMER } from './ring.ts';
import type { RingSubject } from './ring.ts';
import { type Completions, MioSelector } from './selector.ts';
import { Socket, splitAddress } from './socket.ts';
import { StreamTransport } from './stream-transport.ts';

/** A connection attempt under way. */
class Connecting implements RingSubject {
  readonly _token: number;
  readonly future: Future<void>;
  readonly address: Address;

  constructor(token: number, future: Future<void>, address: Address) {
    this._token = token;
    this.future = future;
    this.address = address;
  }
}

/** A timer that Rust keeps; its number is its place in the loop's table. */
class NativeTimerHandle extends TimerHandle {
  _number = -1;
}

/**
 * The event loop on the native core: sockets and timers in Rust, one crossing of the border a turn.
 *
 * Everything that asyncio lets a subclass override may be overridden here. With `time()` overridden, timers move
 * to BaseEventLoop's heap and follow the new clock.
 *
 * asyncio: `SelectorEventLoop`, `EventLoop`.
 *
 * @example
 * ```ts
 * const loop = new MioEventLoop();
 * const server = await loop.runUntilComplete(loop.createServer(() => new Echo(), '127.0.0.1', 0));
 * ```
 */
export class MioEventLoop extends BaseEventLoop<Completions> {
  override readonly _selector: MioSelector;
  /** The rings shared with Rust. */
  readonly _ring: Ring;
  readonly #clockOffset: number;
  readonly #listeners = new Map<SocketLike, Listener>();
  readonly #timers: (NativeTimerHandle | null)[] = [];
  readonly #freeTimers: number[] = [];
  #liveTimers = 0;
  /** Transports whose bytes lie in the arena in this turn. */
  #receivers: StreamTransport[] = [];
  #inTurn = false;

  /** @throws Error (code `ERR_MIOLO_NATIVE_BINARY`) where there is no native binary for this platform */
  constructor() {
    super();
    this._ring = new Ring(addon());
    this._selector = new MioSelector(this._ring);
    // The clock must never be behind Rust's: a timer that Rust calls due is due here as well.
    const before = performance.now() / 1000;
    this.#clockOffset = this._ring.core.now() - before;
    this._ring.onSubmission = () => {
      if (!this.#inTurn) this._wakeHosted();
    };
  }

  /** Seconds of a monotonic clock. */
  override time(): number {
    return performance.now() / 1000 + this.#clockOffset;
  }

  // --- the turn ------------------------------------------------------------------------------------

  override _runOnce(): void {
    this.#inTurn = true;
    try {
      super._runOnce();
    } catch (error) {
      // The turn ends early: what it received must outlive the arena.
      for (const transport of this.#receivers) transport._rescue();
      if (this._ring.poisoned) this.#abandon(error);
      throw error;
    } finally {
      this.#inTurn = false;
      this.#receivers.length = 0;
    }
    if (this._ring.lent) this._ring.replaceArena();
  }

  /** Turns what the poll found into ready handles: I/O first, then due timers, as Rust ordered them. */
  override _processEvents(_events: Completions): void {
    const ring = this._ring;
    const entries = ring.completions;
    for (let at = 0, end = ring.completed * 4; at < end; at += 4) {
      const kind = entries[at]!;
      if (kind === TIMER) {
        this.#expire(entries[at + 1]!);
        continue;
      }
      const subject = ring.subject(entries[at + 1]!);
      if (subject === null) this.#stale(kind, entries[at + 2]!);
      else if (subject instanceof StreamTransport) {
        if (kind === RECEIVED) {
          subject._received(entries[at + 2]!, entries[at + 3]!);
          this.#receivers.push(subject);
        } else if (kind === BACKLOG) subject._wrote(entries[at + 2]!);
        else if (kind === EOF) subject._ended();
        else if (kind === LOST) subject._lost(entries[at + 2]!);
      } else if (subject instanceof Listener) {
        if (kind === ACCEPTED) subject._accept(entries[at + 2]!);
        else if (kind === ACCEPT_FAILED) subject._failed(entries[at + 2]!);
      } else if (subject instanceof Connecting) this.#connected(subject, kind, entries[at + 2]!);
    }
    ring.taken();
  }

  /** A completion of something that is gone. A stream that nobody will take must still be closed. */
  #stale(kind: number, first: number): void {
    if (kind === ACCEPTED) this._ring.release(first);
  }

  /** After a panic in Rust: every connection is lost, and its protocol is told. */
  #abandon(error: unknown): void {
    const lost = new RuntimeError('the native core has failed', { cause: error });
    for (const subject of [...this._ring.subjects]) {
      if (subject instanceof StreamTransport) subject._abandon(lost);
      else if (subject instanceof Connecting && !subject.future.done()) subject.future.setException(lost);
    }
  }

  override _writeToSelf(): void {
    this._wakeHosted();
  }

  override close(): void {
    const wasClosed = this.isClosed();
    super.close();
    if (!wasClosed) this._selector.close();
  }

  // --- timers --------------------------------------------------------------------------------------

  override callAt<A extends readonly unknown[]>(
    when: number,
    callback: (...args: A) => unknown,
    args?: A,
    options?: { context?: Context | null },
  ): TimerHandle {
    if (this.time !== MioEventLoop.prototype.time) return super.callAt(when, callback, args, options);
    this._checkTimer(when, callback, 'callAt');
    const timer = new NativeTimerHandle(when, callback, args, this, options?.context);
    const number = this.#freeTimers.pop() ?? this.#timers.length;
    timer._number = number;
    timer._scheduled = true;
    this.#timers[number] = timer;
    if (this.#liveTimers++ === 0) this._hold();
    this._ring.addTimer(number, when);
    return timer;
  }

  override _timerHandleCancelled(handle: TimerHandle): void {
    if (!(handle instanceof NativeTimerHandle)) {
      super._timerHandleCancelled(handle);
      return;
    }
    if (!handle._scheduled) return;
    handle._scheduled = false;
    this._ring.cancelTimer(handle._number);
    this.#forgetTimer(handle._number);
  }

  #expire(number: number): void {
    const timer = this.#timers[number];
    if (timer == null) return;
    timer._scheduled = false;
    this.#forgetTimer(number);
    this._addCallback(timer);
  }

  #forgetTimer(number: number): void {
    this.#timers[number] = null;
    this.#freeTimers.push(number);
    if (--this.#liveTimers === 0) this._release();
  }

  // --- sockets -------------------------------------------------------------------------------------

  override _makeSocket(family: number, type: number, proto: number): Socket {
    return new Socket(family, type, proto);
  }

  override _makeSocketTransport(
    sock: SocketLike,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    options: { extra?: ExtraInfo | null; server?: Server | null } = {},
  ): Transport {
    const socket = checkSocket(sock);
    const { core } = this._ring;
    let token = socket._tokenIn(core);
    if (token < 0)
      token = checkNative(
        socket._give(core, (native) => core.adopt(native)),
        'adopt',
      );
    return new StreamTransport(
      this,
      this._ring,
      token,
      socket,
      protocol,
      waiter,
      options.extra ?? null,
      options.server ?? null,
    );
  }

  /**
   * Connects a socket, which the loop owns from then on.
   *
   * Cancelling closes it. asyncio: `loop.sock_connect`.
   *
   * @throws TypeError for sockets that are not miolo's; OSError as the system reports
   */
  override *sockConnect(sock: SocketLike, address: Address): Coroutine<void> {
    const socket = checkSocket(sock);
    const { core } = this._ring;
    const parts = splitAddress(address);
    const token = socket._give(core, (native) => core.connect(native, ...parts));
    checkNative(token, 'connect', address);
    const future = this.createFuture<void>();
    this._ring.register(new Connecting(token, future, address));
    this._hold();
    try {
      yield* future;
    } catch (error) {
      // Failed or cancelled: nobody else has the descriptor.
      socket._forget();
      this._ring.release(token);
      throw error;
    } finally {
      this._release();
    }
  }

  #connected(attempt: Connecting, kind: number, errno: number): void {
    if (attempt.future.done()) return;
    if (kind === CONNECTED) attempt.future.setResult();
    else if (kind === LOST) attempt.future.setException(osErrorFromNative(errno, 'connect', attempt.address));
  }

  override _startServing(
    protocolFactory: ProtocolFactory,
    sock: SocketLike,
    sslcontext: unknown = null,
    server: Server | null = null,
  ): void {
    if (sslcontext !== null) throw new NotImplementedError('TLS is not there yet');
    const socket = checkSocket(sock);
    const { core } = this._ring;
    const token = checkNative(
      socket._give(core, (native) => core.listen(native)),
      'listen',
    );
    this.#listeners.set(sock, new Listener(this, this._ring, token, socket, protocolFactory, server));
  }

  override _stopServing(sock: SocketLike): void {
    const listener = this.#listeners.get(sock);
    this.#listeners.delete(sock);
    if (listener === undefined) sock.close();
    else listener.close();
  }
}

coroutineMethods(MioEventLoop.prototype, 'sockConnect');

function checkSocket(sock: SocketLike): Socket {
  if (sock instanceof Socket) return sock;
  throw new TypeError('sock: must be a Socket of miolo');
}
