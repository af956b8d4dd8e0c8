import {
  AF_INET,
  AF_INET6,
  RuntimeError,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_ERROR,
  SO_TYPE,
  copyContext,
  osErrorFromCode,
} from '../base/index.ts';
import type { Address, Context, Coroutine, OSError, SocketLike } from '../base/index.ts';
import { dial } from './simulated-handshake.ts';
import type { HostLife } from './simulated-host.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { HostAddress, StreamEnd } from './simulated-stream.ts';

/** Bytes of datagrams that wait for a program; more are dropped. */
const DATAGRAM_BUFFER = 212_992;

let lastNumber = 2;

/** A socket of a simulated host. Its number names it and is no descriptor. */
export class SimulatedSocket implements SocketLike {
  readonly family: number;
  readonly type: number;
  readonly proto: number;
  readonly network: SimulatedNetwork;
  readonly life: HostLife;
  /** The connection, of a stream socket that has one. */
  _end: StreamEnd | null = null;
  /** Something has come for a socket of datagrams. */
  _onDatagram: (() => void) | null = null;
  /** Errors that the network sent back, for connected sockets of datagrams. */
  readonly _errors: OSError[] = [];
  readonly _datagrams: [data: Uint8Array, from: HostAddress][] = [];
  #datagramBytes = 0;
  readonly #number = ++lastNumber;
  #closed = false;
  #bound: HostAddress | null = null;
  #peer: HostAddress | null = null;
  #backlog = -1;
  #waiting = new Set<StreamEnd>();
  #onConnection: ((sock: SimulatedSocket) => void) | null = null;
  #context: Context | null = null;
  readonly #options = new Map<string, number>();

  constructor(network: SimulatedNetwork, life: HostLife, family: number, type: number, proto: number) {
    if (family !== AF_INET && family !== AF_INET6) throw osErrorFromCode('EAFNOSUPPORT', 'socket');
    if (type !== SOCK_STREAM && type !== SOCK_DGRAM) throw osErrorFromCode('EPROTONOSUPPORT', 'socket');
    this.network = network;
    this.life = life;
    this.family = family;
    this.type = type;
    this.proto = proto;
  }

  static connected(end: StreamEnd, family: number): SimulatedSocket {
    const sock = new SimulatedSocket(end.network, end.life, family, SOCK_STREAM, 0);
    sock._end = end;
    sock.#bound = end.local;
    sock.#peer = end.remote;
    return sock;
  }

  /** A number that no other socket has; -1 after close. */
  fileno(): number {
    return this.#closed ? -1 : this.#number;
  }

  #table(): Map<number, SimulatedSocket> {
    return this.type === SOCK_STREAM ? this.life.streams : this.life.datagrams;
  }

  bind(address: Address): void {
    this.#checkOpen('bind');
    if (typeof address === 'string') throw new TypeError('address: must be [host, port]');
    const [host, port] = address;
    const { host: owner } = this.life;
    if (!['0.0.0.0', '::', '127.0.0.1', '::1', owner.address].includes(host)) {
      throw osErrorFromCode('EADDRNOTAVAIL', 'bind', { address: host, port });
    }
    if (this.#bound !== null) throw osErrorFromCode('EINVAL', 'bind', { address: host, port });
    const table = this.#table();
    const chosen = port === 0 ? this.life.freePort(table) : port;
    if (chosen === 0 || table.has(chosen)) {
      throw osErrorFromCode('EADDRINUSE', 'bind', { address: host, port });
    }
    table.set(chosen, this);
    this.#bound = [host, chosen];
  }

  #bindAny(): void {
    if (this.#bound === null) this.bind([this.family === AF_INET6 ? '::' : '0.0.0.0', 0]);
  }

  listen(backlog: number): void {
    this.#checkOpen('listen');
    if (this.type !== SOCK_STREAM) throw osErrorFromCode('EOPNOTSUPP', 'listen');
    this.#bindAny();
    this.#backlog = Math.max(1, backlog);
  }

  get isListening(): boolean {
    return this.#backlog >= 0 && !this.#closed;
  }

  /** Accepts from now on: each connection is given to `onConnection`, in the context of whoever asked. */
  _serve(onConnection: (sock: SimulatedSocket) => void): void {
    this.#onConnection = onConnection;
    this.#context = copyContext();
    for (const end of this.#waiting) this.#announce(end);
  }

  /** A connection has come to this listening socket; false when it has no room for it. */
  _incoming(end: StreamEnd): boolean {
    if (this.#waiting.size >= this.#backlog) return false;
    this.#waiting.add(end);
    if (this.#onConnection !== null) this.#announce(end);
    return true;
  }

  #announce(end: StreamEnd): void {
    this.network.loop.callSoon(() => this.#accept(end), [], { context: this.#context });
  }

  #accept(end: StreamEnd): void {
    if (!this.#waiting.delete(end)) return;
    this.network._record('accept', this.life.host.name, end.peer.life.host.name);
    try {
      this.#onConnection!(SimulatedSocket.connected(end, this.family));
    } catch (error) {
      // The factory's failure is reported by the loop; the connection has nobody.
      end.reset();
      throw error;
    }
  }

  /** Connects: a stream by a handshake, a socket of datagrams at once. */
  *_connect(address: HostAddress): Coroutine<void> {
    this.#checkOpen('connect');
    const [host, port] = address;
    if (this._end !== null) throw osErrorFromCode('EISCONN', 'connect', { address: host, port });
    this.#bindAny();
    if (this.type === SOCK_DGRAM) {
      this.#peer = address;
      return;
    }
    const { loop } = this.network;
    const done = loop.createFuture<StreamEnd>();
    const local = this.network._sourceFor(this.life.host, host, this.#bound![1]);
    const cancel = dial(this.network, this.life, local, address, (result) => {
      if (result instanceof Error) done.setException(result);
      else done.setResult(result);
    });
    try {
      this._end = yield* done;
    } catch (error) {
      cancel();
      throw error;
    }
    this.#peer = address;
    if (this.#closed) this._end.close();
  }

  getsockname(): Address {
    this.#checkOpen('getsockname');
    if (this.#bound === null) return [this.family === AF_INET6 ? '::' : '0.0.0.0', 0];
    return this._end?.local ?? this.#bound;
  }

  getpeername(): Address {
    this.#checkOpen('getpeername');
    if (this.#peer === null) throw osErrorFromCode('ENOTCONN', 'getpeername');
    return this.#peer;
  }

  /** Kept, and without effect. */
  setsockopt(level: number, name: number, value: number | Uint8Array): void {
    this.#checkOpen('setsockopt');
    this.#options.set(`${level} ${name}`, typeof value === 'number' ? value : (value[0] ?? 0));
  }

  getsockopt(level: number, name: number): number {
    this.#checkOpen('getsockopt');
    if (level === SOL_SOCKET && name === SO_ERROR) return this._end?.error?.errno ?? 0;
    if (level === SOL_SOCKET && name === SO_TYPE) return this.type;
    return this.#options.get(`${level} ${name}`) ?? 0;
  }

  /** Only the sending half: there is nobody to be told of the other. */
  shutdown(how: number): void {
    this.#checkOpen('shutdown');
    if (this._end === null) throw osErrorFromCode('ENOTCONN', 'shutdown');
    if (how > 0) this._end.finish();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const table = this.#table();
    if (this.#bound !== null && table.get(this.#bound[1]) === this) table.delete(this.#bound[1]);
    for (const end of this.#waiting) end.reset();
    this.#waiting.clear();
    this._onDatagram = null;
    this._end?.close();
  }

  // --- datagrams -----------------------------------------------------------------------------------------

  _sendto(data: Uint8Array, address: HostAddress): void {
    this.#bindAny();
    const from = this.network._sourceFor(this.life.host, address[0], this.#bound![1]);
    // A copy also of a Buffer, whose slice() is a view.
    this.network._sendDatagram(this, from, new Uint8Array(data), address);
  }

  /** Whether this socket takes datagrams that are sent to `to`, and from `from`. */
  _accepts(to: HostAddress, from: HostAddress): boolean {
    const peer = this.#peer;
    if (peer !== null && (peer[0] !== from[0] || peer[1] !== from[1])) return false;
    const host = this.#bound?.[0];
    return host === '0.0.0.0' || host === '::' || host === to[0];
  }

  _received(data: Uint8Array, from: HostAddress): void {
    if (this.#datagramBytes + data.length > DATAGRAM_BUFFER) {
      this.network._record('overflow', this.life.host.name, undefined, data.length);
      return;
    }
    this.#datagramBytes += data.length;
    this._datagrams.push([data, from]);
    this._onDatagram?.();
  }

  _nextDatagram(): [data: Uint8Array, from: HostAddress] | undefined {
    const next = this._datagrams.shift();
    if (next !== undefined) this.#datagramBytes -= next[0].length;
    return next;
  }

  /** A datagram came back: nobody listens there. */
  _refused(to: HostAddress): void {
    if (this.#peer === null || this.#closed) return;
    this._errors.push(osErrorFromCode('ECONNREFUSED', 'recvfrom', { address: to[0], port: to[1] }));
    this._onDatagram?.();
  }

  #checkOpen(syscall: string): void {
    if (this.#closed) throw osErrorFromCode('EBADF', syscall);
    if (!this.life.alive) throw new RuntimeError(`the host ${this.life.host.name} went down`);
  }

  toString(): string {
    return `<SimulatedSocket ${this.#number} of ${this.life.host.name}${this.#closed ? ' closed' : ''}>`;
  }
}
