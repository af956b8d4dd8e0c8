import {
  AF_INET,
  AF_INET6,
  AI_NUMERICHOST,
  AI_PASSIVE,
  GaiError,
  Handle,
  IPPROTO_TCP,
  IPPROTO_UDP,
  NotImplementedError,
  RuntimeError,
  SOCK_DGRAM,
  SOCK_STREAM,
  TimerHandle,
  _ipaddrInfo,
  allTasks,
  describePending,
} from '../base/index.ts';
import type {
  AddrInfo,
  Address,
  AwaitableCoroutine,
  BaseProtocol,
  CallOptions,
  Callback,
  Context,
  Coroutine,
  DatagramProtocol,
  DatagramTransport,
  ExtraInfo,
  Future,
  Loop,
  ProtocolFactory,
  ResolveOptions,
  Server,
  SocketLike,
  Transport,
} from '../base/index.ts';
import { makeByHook } from '../base/make-by-hook.ts';
import { resolved } from '../base/sock-calls.ts';
import { heapPush } from '../base/timer-heap.ts';
import { SimulatedDatagramTransport } from './simulated-datagram-transport.ts';
import { type HostLife, lifeOf } from './simulated-host.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedSocket } from './simulated-socket.ts';
import { SimulatedStreamTransport } from './simulated-stream-transport.ts';
import { VirtualClockLoop } from './virtual-clock-loop.ts';

/** Whether the handle's host lets it run now: not when the host is down, later when it is paused. */
function admitted(handle: Handle): boolean {
  const life: HostLife | null = lifeOf(handle._context!);
  return life === null || life.admit(handle);
}

class HostHandle extends Handle {
  override _run(): void {
    if (admitted(this)) super._run();
  }
}

class HostTimerHandle extends TimerHandle {
  override _run(): void {
    if (admitted(this)) super._run();
  }
}

/**
 * The loop of a {@link SimulatedNetwork}: virtual time, and a network in memory under the ordinary calls.
 *
 * Every handle and every task belongs to the host whose code made it, by a context variable. Code of no host (the
 * test itself) has no network.
 */
export class SimulatedLoop extends VirtualClockLoop {
  readonly network: SimulatedNetwork;

  constructor(network: SimulatedNetwork) {
    super();
    this.network = network;
  }

  // --- hosts -------------------------------------------------------------------------------------------

  override _callSoon(callback: Callback, args?: readonly unknown[], context?: Context | null): Handle {
    const handle = new HostHandle(callback, args, this as unknown as Loop, context);
    this._ready.push(handle);
    this._wakeHosted();
    return handle;
  }

  override callAt<A extends readonly unknown[]>(
    when: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle {
    this._checkTimer(when, callback, 'callAt');
    const timer = new HostTimerHandle(when, callback, args, this as unknown as Loop, options?.context);
    heapPush(this._scheduled, timer);
    timer._scheduled = true;
    this._wakeHosted();
    return timer;
  }

  override onIdle(): void {
    const loop = this as unknown as Loop;
    throw new RuntimeError(
      `deadlock: ${allTasks(loop).size} tasks wait for each other, or for a network that is silent\n` +
        `${describePending(loop)}\n${this.network.describe()}`,
    );
  }

  // --- the network -------------------------------------------------------------------------------------

  override _makeSocket(family: number, type: number, proto: number): SimulatedSocket {
    return new SimulatedSocket(this.network, this.network._lifeHere(), family, type, proto);
  }

  /** Looks up the names of the network's hosts; each has one address. */
  // oxlint-disable-next-line require-yield -- the simulated resolver answers at once
  override *getaddrinfo(
    host: string | null,
    port: number | string | null,
    options: ResolveOptions = {},
  ): Coroutine<readonly AddrInfo[]> {
    const { family = 0, type = 0, flags = 0 } = options;
    const number = port === null || port === '' ? 0 : Number(port);
    if (!Number.isInteger(number) || number < 0 || number > 65535) {
      throw new GaiError(`unknown service ${String(port)}`, { code: 'EAI_SERVICE', syscall: 'getaddrinfo' });
    }
    const address =
      host === null ? ((flags & AI_PASSIVE) === 0 ? '127.0.0.1' : '0.0.0.0') : this.#find(host, flags);
    const found: AddrInfo[] = [];
    for (const [each, proto] of [
      [SOCK_STREAM, IPPROTO_TCP],
      [SOCK_DGRAM, IPPROTO_UDP],
    ] as const) {
      if (type !== 0 && type !== each) continue;
      const info = address === null ? null : _ipaddrInfo(address, number, family, each, proto);
      if (info !== null) found.push(info);
    }
    if (found.length === 0) {
      throw new GaiError(`no host is named ${String(host)}`, { code: 'EAI_NONAME', syscall: 'getaddrinfo' });
    }
    return found;
  }

  #find(host: string, flags: number): string | null {
    const isLiteral = [AF_INET, AF_INET6].some((family) => _ipaddrInfo(host, 0, family, 1, 0) !== null);
    if (isLiteral) return host;
    if ((flags & AI_NUMERICHOST) !== 0) return null;
    return host === 'localhost' ? '127.0.0.1' : (this.network.hosts.get(host)?.address ?? null);
  }

  /** The name of the host that has the address; ports have no names. */
  // oxlint-disable-next-line require-yield -- the simulated resolver answers at once
  override *getnameinfo(sockaddr: Address): Coroutine<[host: string, service: string]> {
    const [address, port] = sockaddr as readonly [string, number];
    return [this.network._hostAt(address)?.name ?? address, String(port)];
  }

  override sockConnect(sock: SocketLike, address: Address): AwaitableCoroutine<void> {
    return this.#connect(sock, address) as never;
  }

  *#connect(sock: SocketLike, address: Address): Coroutine<void> {
    const { family, type, proto } = sock;
    const [info] = yield* resolved(this, address, { family, type, proto });
    yield* (sock as SimulatedSocket)._connect(info![4] as readonly [string, number]);
  }

  override _startServing(
    protocolFactory: ProtocolFactory,
    sock: SocketLike,
    sslcontext?: unknown,
    server?: Server | null,
  ): void {
    if (sslcontext != null) throw new NotImplementedError('the simulated network has no TLS');
    (sock as SimulatedSocket)._serve((accepted) => {
      const protocol = protocolFactory();
      makeByHook(this, '_makeSocketTransport', protocol, null, () =>
        this._makeSocketTransport(accepted, protocol, null, { server: server ?? null }),
      );
    });
  }

  override _stopServing(sock: SocketLike): void {
    sock.close();
  }

  override _makeSocketTransport(
    sock: SocketLike,
    protocol: BaseProtocol,
    waiter?: Future<void> | null,
    options?: { readonly extra?: ExtraInfo | null; readonly server?: Server | null },
  ): Transport {
    const { extra = null, server = null } = options ?? {};
    return new SimulatedStreamTransport(
      this,
      sock as SimulatedSocket,
      protocol,
      waiter ?? null,
      extra,
      server,
    );
  }

  override _makeDatagramTransport(
    sock: SocketLike,
    protocol: DatagramProtocol,
    address?: Address | null,
    waiter?: Future<void> | null,
    extra?: ExtraInfo | null,
  ): DatagramTransport {
    return new SimulatedDatagramTransport(
      this,
      sock as SimulatedSocket,
      protocol,
      address ?? null,
      waiter ?? null,
      extra ?? null,
    );
  }
}
