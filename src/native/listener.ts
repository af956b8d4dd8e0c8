import { ACCEPT_RETRY_DELAY, Handle, OSError, TransportSocket, copyContext } from '../base/index.ts';
import type { BaseProtocol, Coroutine, ProtocolFactory, Server, TimerHandle } from '../base/index.ts';
import { isContractError } from '../base/hook-checks.ts';
import { isProtocol, makeByHook } from '../base/make-by-hook.ts';
import { isExit, osErrorFromNative } from './errors.ts';
import type { MioEventLoop } from './mio-event-loop.ts';
import type { Ring, RingSubject } from './ring.ts';
import { Socket } from './socket.ts';

/** EMFILE, ENFILE, ENOBUFS, ENOMEM: accepting again at once would fail again. */
const EXHAUSTED: ReadonlySet<number> = new Set([24, 23, 105, 12]);

function runListener(listener: Listener): void {
  listener._run();
}

function resumeListener(listener: Listener): void {
  listener._resume();
}

/** A listening socket on the native core, which turns accepted streams into transports. */
export class Listener implements RingSubject {
  readonly _token: number;
  readonly #loop: MioEventLoop;
  readonly #ring: Ring;
  readonly #socket: Socket;
  readonly #factory: ProtocolFactory;
  readonly #server: Server | null;
  readonly #handle: Handle;
  #accepted: number[] = [];
  #errno = 0;
  #queued = false;
  #closed = false;
  /** Set while accepting waits for resources. */
  #retry: TimerHandle | null = null;

  constructor(
    loop: MioEventLoop,
    ring: Ring,
    token: number,
    socket: Socket,
    factory: ProtocolFactory,
    server: Server | null,
  ) {
    this._token = token;
    this.#loop = loop;
    this.#ring = ring;
    this.#socket = socket;
    this.#factory = factory;
    this.#server = server;
    this.#handle = new Handle(runListener, [this], loop, copyContext());
    ring.register(this);
    loop._hold();
  }

  /** Notes a completion: a stream was accepted. */
  _accept(token: number): void {
    this.#accepted.push(token);
    this.#queue();
  }

  /** Notes a completion: accepting failed, and is paused. */
  _failed(errno: number): void {
    this.#errno = errno;
    this.#queue();
  }

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#loop._addCallback(this.#handle);
  }

  _run(): void {
    this.#queued = false;
    const accepted = this.#accepted;
    this.#accepted = [];
    for (const token of accepted) {
      if (this.#closed) this.#ring.release(token);
      else this.#loop.createTask(this.#connect(token));
    }
    if (this.#errno !== 0) this.#backOff();
  }

  /** Sets one accepted connection up, in a task of its own. */
  *#connect(token: number): Coroutine<void> {
    const { core } = this.#ring;
    const { family, type, proto } = this.#socket;
    const conn = new Socket(family, type, proto, null, { core, token });
    let protocol: BaseProtocol | null = null;
    let transport = null;
    try {
      const made = (protocol = this.#factory());
      const waiter = this.#loop.createFuture<void>();
      transport = makeByHook(this.#loop, '_makeSocketTransport', made, waiter, () =>
        this.#loop._makeSocketTransport(conn, made, waiter, { server: this.#server }),
      );
      yield* waiter;
    } catch (error) {
      // Whatever went wrong, no descriptor may be left behind.
      if (transport === null) this.#ring.release(token);
      else transport.close();
      if (isExit(error)) throw error;
      // A factory that fails is the program's mistake, and fails for the next connection as well: without a word the
      // server would look as if nobody ever came.
      if (this.#loop.getDebug() || !isProtocol(protocol) || isContractError(error)) {
        this.#loop.callExceptionHandler({
          message: 'Error on transport creation for incoming connection',
          exception: error,
          ...(isProtocol(protocol) ? { protocol } : {}),
          ...(transport === null ? {} : { transport }),
        });
      }
    }
  }

  #backOff(): void {
    const error: OSError = osErrorFromNative(this.#errno, 'accept');
    const exhausted = EXHAUSTED.has(this.#errno);
    this.#errno = 0;
    if (this.#closed) return;
    this.#loop.callExceptionHandler({
      message: exhausted ? 'socket.accept() out of system resource' : 'socket.accept() failed',
      exception: error,
      socket: new TransportSocket(this.#socket),
    });
    this.#retry = this.#loop.callLater(ACCEPT_RETRY_DELAY, resumeListener, [this]);
  }

  _resume(): void {
    this.#retry = null;
    if (!this.#closed) this.#ring.resume(this._token);
  }

  toString(): string {
    return `<Listener ${String(this.#socket)}>`;
  }

  /** Stops listening. Connections live on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#retry?.cancel();
    for (const token of this.#accepted) this.#ring.release(token);
    this.#accepted = [];
    this.#socket._forget();
    // At once: a port must be free when close() returns.
    this.#ring.core.release(this._token);
    this.#ring.subjects[this._token & 0xfffff] = null;
    this.#loop._release();
  }
}
