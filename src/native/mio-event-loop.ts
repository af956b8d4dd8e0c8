import {
  BaseEventLoop,
  ConnectionError,
  Handle,
  KeyboardInterrupt,
  NotImplementedError,
  RuntimeError,
  SendfileNotAvailableError,
  TimerHandle,
} from '../base/index.ts';
import type {
  Address,
  AddrInfo,
  AwaitableCoroutine,
  BaseProtocol,
  Callback,
  Context,
  Coroutine,
  DatagramProtocol,
  DatagramTransport,
  CreateUnixServerOptions,
  ExtraInfo,
  FileLike,
  Future,
  PathLike,
  PipeLike,
  Protocol,
  ProtocolFactory,
  RawSocketLike,
  ReadTransport,
  ResolveOptions,
  Server,
  SocketLike,
  Transport,
  TransportSocket,
  WriteTransport,
} from '../base/index.ts';
import { addon } from './addon.ts';
import { checkBusyPoll } from './busy-poll.ts';
import { type HostedDriver, chooseDriver } from './driver.ts';
import { checkNative } from './errors.ts';
import { DatagramSocketTransport } from './datagram-transport.ts';
import { Listener } from './listener.ts';
import { Lookups } from './lookups.ts';
import { ACCEPTED, ACCEPT_FAILED, BACKLOG, EOF, LOST, RECEIVED, Ring, TAKEN, TIMER, WOKEN } from './ring.ts';
import { type FileTarget, sendFile } from './send-file.ts';
import { type Completions, MioSelector } from './selector.ts';
import { Signals } from './signals.ts';
import { Socket } from './socket.ts';
import { ReadPipeTransport } from './read-pipe-transport.ts';
import { StreamTransport } from './stream-transport.ts';
import { createUnixServer, removeOwn, removeStale } from './unix-server.ts';
import { WritePipeTransport } from './write-pipe-transport.ts';
import { READ, WRITE, Watch, Watchers } from './watchers.ts';

/** The number of a timer that Rust does not have yet. */
const UNSUBMITTED = -1;

/** A timer that Rust keeps; its number is its place in the loop's table. */
class NativeTimerHandle extends TimerHandle {
  declare _number: number;
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
  readonly #signals: Signals;
  /** Whether the run that begins will block. */
  #blocks = false;
  /** Whether Ctrl-C came when the run was ending already. */
  #interrupted = false;
  readonly #watchers: Watchers;
  readonly #lookups: Lookups;
  readonly #listeners = new Map<SocketLike, Listener>();
  /** By their numbers, the timers that Rust has. */
  readonly #timers: (NativeTimerHandle | null)[] = [];
  /** Timers that no crossing has taken yet, in the order they were made. */
  readonly #freshTimers: NativeTimerHandle[] = [];
  /** Whether one of those is older than the clock. */
  #hasAncient = false;
  readonly #freeTimers: number[] = [];
  #liveTimers = 0;
  /** Transports whose bytes lie in the arena in this turn. */
  #receivers: (StreamTransport | DatagramSocketTransport)[] = [];
  #inTurn = false;

  /**
   * @param options.driver what drives hosted runs: `'uv'`, Node's own loop (the default where it works), or `'guest'`, a
   * thread that waits (the default elsewhere: Bun, Deno, Windows). The environment variable `MIOLO_DRIVER` sets another
   * default. Blocking runs need neither
   * @param options.busyPoll seconds for which each wait polls without a pause before it sleeps, 0 (the default) to 0.01:
   * an answer that comes in that time is found without the thread having to be woken. It costs a processor that is busy
   * for so long a wait, and pays only if the peers run on others; where most such waits find nothing they become rare,
   * so that an idle loop sleeps. Works in every drive and on every platform. In hosted runs Node's loop is not held up,
   * but does not sleep either, so that its `eventLoopUtilization` counts the time as active. `docs/performance.md` says
   * more
   * @throws Error (code `ERR_MIOLO_NATIVE_BINARY`) where there is no native binary for this platform; ValueError for
   * names of no driver and for a `busyPoll` out of its bounds; TypeError for one that is no number; RuntimeError for
   * `'uv'` where it does not work
   */
  constructor(options: { driver?: HostedDriver | undefined; busyPoll?: number | undefined } = {}) {
    super();
    const driver = chooseDriver(options.driver);
    const busyPoll = checkBusyPoll(options.busyPoll ?? 0);
    this._ring = new Ring(addon(), busyPoll);
    this._selector = new MioSelector(this._ring, driver, busyPoll);
    this.#signals = new Signals(this, this._ring.core);
    this.#watchers = new Watchers(this, this._ring);
    this.#lookups = new Lookups(this, this._ring.core);
    // The clock must never be behind Rust's: a timer that Rust calls due is due here as well.
    const before = performance.now() / 1000;
    this.#clockOffset = this._ring.core.now() - before;
    this._selector.beforeCrossing = () => {
      if (this.#freshTimers.length > 0) this.#submitTimers();
    };
    this._ring.onSubmission = () => {
      if (!this.#inTurn) this._wakeHosted();
    };
  }

  /** Seconds of a monotonic clock. */
  override time(): number {
    return performance.now() / 1000 + this.#clockOffset;
  }

  /** What drives hosted runs of this loop. */
  get driver(): HostedDriver {
    return this._selector.driver;
  }

  /** Seconds for which waits of this loop poll before they sleep; 0: none do. */
  get busyPoll(): number {
    return this._selector.busyPoll;
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
      if (kind === WOKEN) {
        this.#signals.woken();
        this.#lookups.take();
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
      } else if (subject instanceof DatagramSocketTransport) {
        if (kind === BACKLOG) subject._wrote(entries[at + 2]!);
        // One entry a transport, however many datagrams the turn brings it.
        else if (kind !== TAKEN && subject._note(kind, entries[at + 2]!, entries[at + 3]!)) {
          this.#receivers.push(subject);
        }
      } else if (subject instanceof Listener) {
        if (kind === ACCEPTED) subject._accept(entries[at + 2]!);
        else if (kind === ACCEPT_FAILED) subject._failed(entries[at + 2]!);
      } else if (subject instanceof Watch) this.#watchers.ready(subject, entries[at + 2]!);
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
      if (subject instanceof StreamTransport || subject instanceof DatagramSocketTransport) {
        subject._abandon(lost);
      }
    }
    this.#lookups.abandon(lost);
  }

  override _writeToSelf(): void {
    this._wakeHosted();
  }

  override close(): void {
    const wasClosed = this.isClosed();
    super.close();
    if (wasClosed) return;
    this.#signals.clear();
    this._selector.close();
  }

  // --- signals -------------------------------------------------------------------------------------

  override runForeverSync(): void {
    this.#blocks = true;
    try {
      super.runForeverSync();
    } finally {
      this.#blocks = false;
    }
    if (this.#interrupted) {
      this.#interrupted = false;
      throw new KeyboardInterrupt();
    }
  }

  override _runForeverSetup(): void {
    super._runForeverSetup();
    try {
      this.#signals.begin(this.#blocks);
    } catch (error) {
      super._runForeverCleanup();
      throw error;
    }
  }

  override _runForeverCleanup(): void {
    super._runForeverCleanup();
    this.#interrupted = this.#signals.end();
  }

  /** Handlers by the number of their signal. asyncio: `_signal_handlers`. */
  get _signalHandlers(): ReadonlyMap<number, Handle> {
    return this.#signals.handlers;
  }

  /**
   * Calls `callback` in the loop when a signal comes, also while the loop blocks in its poll.
   *
   * It runs in a copy of the context that is current now, and replaces the signal's former handler. Runs stay alive
   * as long as there is one. Signals that come between runs are handled in the next one.
   *
   * @param sig number, or name (`'SIGTERM'`)
   * @throws TypeError for coroutine functions and for what is no signal; ValueError for numbers and names that are
   * not there; RuntimeError for signals that cannot be caught, outside of the main thread, and when the loop is
   * closed
   */
  override addSignalHandler(sig: number | string, callback: Callback, args?: readonly unknown[]): void {
    this.#signals.add(sig, callback, args);
  }

  /**
   * Removes a signal's handler: what the signal did before is in force again, which for Ctrl-C during
   * `Runner.run` is the interrupt.
   *
   * @returns false when there was none
   */
  override removeSignalHandler(sig: number | string): boolean {
    return this.#signals.remove(sig);
  }

  /** Queues the handler of a signal that came. asyncio: `_handle_signal`. */
  _handleSignal(sig: number): void {
    this.#signals.handle(sig);
  }

  /** For the source of Ctrl-C: calls `callback` at SIGINT while the loop blocks; the function returned ends that. */
  _interruptBy(callback: () => void): () => void {
    return this.#signals.interruptBy(callback);
  }

  // --- timers --------------------------------------------------------------------------------------

  override callAt<A extends readonly unknown[]>(
    when: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: { context?: Context | null },
  ): TimerHandle {
    if (this.time !== MioEventLoop.prototype.time) return super.callAt(when, callback, args, options);
    this._checkTimer(when, callback, 'callAt');
    const timer = new NativeTimerHandle(when, callback, args, this, options?.context);
    timer._number = UNSUBMITTED;
    timer._scheduled = true;
    this.#freshTimers.push(timer);
    if (when < 0) this.#hasAncient = true;
    if (this.#liveTimers++ === 0) this._hold();
    if (!this.#inTurn) this._wakeHosted();
    return timer;
  }

  override _timerHandleCancelled(handle: TimerHandle): void {
    if (!(handle instanceof NativeTimerHandle)) {
      super._timerHandleCancelled(handle);
      return;
    }
    if (!handle._scheduled) return;
    handle._scheduled = false;
    const number = handle._number;
    if (number !== UNSUBMITTED) {
      this._ring.cancelTimer(number);
      this.#forgetTimer(number);
      return;
    }
    // Rust need never know of it: most timeouts are cancelled in the turn that set them.
    if (this.#freshTimers.at(-1) === handle) this.#freshTimers.pop();
    if (--this.#liveTimers === 0) this._release();
  }

  /** Hands the timers that were made since the last crossing to Rust. */
  #submitTimers(): void {
    const fresh = this.#freshTimers;
    if (this.#hasAncient) {
      // Rust's clock begins with the loop: deadlines before that are all 0 to it, and run in the order they come.
      fresh.sort((a, b) => Math.min(a._when, 0) - Math.min(b._when, 0));
      this.#hasAncient = false;
    }
    for (const timer of fresh) {
      if (!timer._scheduled) continue;
      const number = this.#freeTimers.pop() ?? this.#timers.length;
      timer._number = number;
      this.#timers[number] = timer;
      this._ring.addTimer(number, timer._when);
    }
    fresh.length = 0;
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

  // --- descriptors of others ---------------------------------------------------------------------------

  override _addReader(fd: number, callback: Callback, args: readonly unknown[]): Handle {
    const handle = this.#watchHandle(callback, args);
    this.#watchers.add(fd, READ, handle);
    return handle;
  }

  override _removeReader(fd: number): boolean {
    return !this.isClosed() && this.#watchers.remove(fd, READ);
  }

  override _addWriter(fd: number, callback: Callback, args: readonly unknown[]): Handle {
    const handle = this.#watchHandle(callback, args);
    this.#watchers.add(fd, WRITE, handle);
    return handle;
  }

  override _removeWriter(fd: number): boolean {
    return !this.isClosed() && this.#watchers.remove(fd, WRITE);
  }

  override _ensureFdNoTransport(fd: number): void {
    if (!this.isClosed()) this.#watchers.ensureNoTransport(fd);
  }

  #watchHandle(callback: Callback, args: readonly unknown[]): Handle {
    this._checkClosed();
    if (typeof callback !== 'function') throw new TypeError('callback: must be a function');
    return new Handle(callback, args, this);
  }

  // --- names -------------------------------------------------------------------------------------------

  // Typed as what an override may be: a plain generator method. Awaiting works all the same.
  override getaddrinfo(
    host: string | null,
    port: number | string | null,
    options: ResolveOptions = {},
  ): Coroutine<readonly AddrInfo[]> {
    return this.#lookups.getaddrinfo(host, port, options);
  }

  override getnameinfo(sockaddr: Address, flags: number = 0): Coroutine<[host: string, service: string]> {
    return this.#lookups.getnameinfo(sockaddr, flags);
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
    if (token < 0) {
      this.#watchers.forget(socket.fileno());
      token = checkNative(
        socket._give(core, (native) => core.adopt(native)),
        'adopt',
      );
    }
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

  override _makeDatagramTransport(
    sock: SocketLike,
    protocol: DatagramProtocol,
    address: Address | null = null,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
  ): DatagramTransport {
    const socket = checkSocket(sock);
    const { core } = this._ring;
    this.#watchers.forget(socket.fileno());
    const token = checkNative(
      socket._give(core, (native) => core.adoptDatagrams(native)),
      'adopt',
    );
    return new DatagramSocketTransport(this, this._ring, token, socket, protocol, address, waiter, extra);
  }

  override _removeStaleSocket(path: string): void {
    removeStale(path);
  }

  override _makeReadPipeTransport(
    pipe: PipeLike,
    protocol: Protocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
  ): ReadTransport {
    return new ReadPipeTransport(this, pipe, protocol, waiter, extra);
  }

  override _makeWritePipeTransport(
    pipe: PipeLike,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
  ): WriteTransport {
    return new WritePipeTransport(this, pipe, protocol, waiter, extra);
  }

  override *_sockSendfileNative(
    sock: RawSocketLike,
    file: FileLike,
    offset: number,
    count: number | null,
  ): Coroutine<number> {
    // Before the first byte: later the watch would be refused, in the middle of a transport's stream.
    this._ensureFdNoTransport(sock.fileno());
    return yield* sendFile(this, { fd: () => sock.fileno() }, file, offset, count);
  }

  override *_sendfileNative(
    transport: WriteTransport,
    file: FileLike,
    offset: number,
    count: number | null,
  ): Coroutine<number> {
    if (!(transport instanceof StreamTransport)) {
      throw new SendfileNotAvailableError('the transport is not one of the native core');
    }
    // Throws while another sendfile is under way, whose waiter and whose pause are not to be touched.
    const empty = transport._makeEmptyWaiter();
    const wasReading = transport.isReading();
    transport.pauseReading();
    let out = null as SocketLike | null;
    const target: FileTarget = {
      fd() {
        if (transport.isClosing())
          throw new ConnectionError('the connection was closed while a file was sent');
        // The core's registration of the transport is edge-triggered, and the core itself takes the edge that says
        // "writable" for its own queue. A duplicate has a registration of its own, whose first poll answers for the
        // present state, so no edge can be missed, and the reactor's streams need no second kind of waiting. It is
        // watched only during a wait, and closed at the end, also when the transport is: `onClosing` ends the wait.
        out ??= (transport.getExtraInfo('socket') as TransportSocket).dup();
        return out.fileno();
      },
      onClosing: (callback) => transport._onClosing(callback),
    };
    try {
      yield* empty;
      return yield* sendFile(this, target, file, offset, count);
    } catch (error) {
      // The system tells it once: to the transport, which reads on, it would look like a regular end of the stream.
      if (error instanceof ConnectionError && !transport.isClosing()) transport._forceClose(error);
      throw error;
    } finally {
      out?.close();
      transport._resetEmptyWaiter();
      if (wasReading) transport.resumeReading();
    }
  }

  override _startServing(
    protocolFactory: ProtocolFactory,
    sock: SocketLike,
    sslcontext: unknown = null,
    server: Server | null = null,
    backlog: number = 100,
  ): void {
    if (sslcontext !== null) throw new NotImplementedError('TLS is not there yet');
    const socket = checkSocket(sock);
    const { core } = this._ring;
    this.#watchers.forget(socket.fileno());
    const token = checkNative(
      socket._give(core, (native) => core.listen(native, Math.max(backlog, 0) + 1)),
      'listen',
    );
    this.#listeners.set(sock, new Listener(this, this._ring, token, socket, protocolFactory, server));
  }

  /** Inodes of the paths that are removed when their servers close. asyncio: `_unix_server_sockets`. */
  readonly _unixServerSockets: Map<SocketLike, bigint> = new Map();

  override createUnixServer(
    protocolFactory: ProtocolFactory,
    path: PathLike | null = null,
    options: CreateUnixServerOptions = {},
  ): AwaitableCoroutine<Server> {
    return createUnixServer(this, protocolFactory, path, options) as never;
  }

  override _stopServing(sock: SocketLike): void {
    const its = this._unixServerSockets.get(sock);
    if (its === undefined) {
      this.#close(sock);
      return;
    }
    this._unixServerSockets.delete(sock);
    const path = sock.getsockname() as string;
    this.#close(sock);
    removeOwn(path, its);
  }

  #close(sock: SocketLike): void {
    const listener = this.#listeners.get(sock);
    this.#listeners.delete(sock);
    if (listener === undefined) sock.close();
    else listener.close();
  }
}

function checkSocket(sock: SocketLike): Socket {
  if (sock instanceof Socket) return sock;
  throw new TypeError('sock: must be a Socket of miolo');
}
