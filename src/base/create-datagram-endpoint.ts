import { type Coroutine, coroutine } from './coroutine.ts';
import { checkHost, checkPort, socketOf } from './create-connection.ts';
import { ValueError } from './exceptions.ts';
import type { Future } from './future.ts';
import { type HookLoop, runHook } from './hook-checks.ts';
import { makeByHook } from './make-by-hook.ts';
import { logger } from './logger.ts';
import type { NetworkLoop } from './network-loop.ts';
import { OSError } from './os-error.ts';
import type { DatagramProtocol } from './protocols.ts';
import {
  AF_UNIX,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_BROADCAST,
  SO_REUSEPORT,
} from './socket-constants.ts';
import { resolved } from './sock-calls.ts';
import type { Address, SocketLike } from './socket-like.ts';
import type { DatagramTransport } from './transports.ts';

/** Keyword arguments of `createDatagramEndpoint`. */
export interface CreateDatagramEndpointOptions {
  /** `AF_INET`, `AF_INET6`, `AF_UNIX`; needed if there is no address. */
  readonly family?: number;
  readonly proto?: number;
  /** Flags for looking names up. */
  readonly flags?: number;
  /** Whether other sockets may be bound to the same address, if they say so as well. */
  readonly reusePort?: boolean | null;
  /** Whether broadcast addresses may be sent to. The socket is not connected to a remote address then. */
  readonly allowBroadcast?: boolean | null;
  /** A socket of datagrams, in place of everything else. */
  readonly sock?: SocketLike | null;
}

/** Where a socket is bound and connected to. */
interface Candidate {
  readonly family: number;
  readonly proto: number;
  local: Address | null;
  remote: Address | null;
}

type Loop = NetworkLoop & HookLoop & { createFuture<T>(): Future<T> };

/** `loop.createDatagramEndpoint`. */
function* createDatagramEndpoint<P extends DatagramProtocol>(
  loop: Loop,
  protocolFactory: () => P,
  localAddr: Address | null,
  remoteAddr: Address | null,
  options: CreateDatagramEndpointOptions,
): Coroutine<[DatagramTransport, P]> {
  if (typeof protocolFactory !== 'function') throw new TypeError('protocolFactory: must be a function');
  const given = options.sock ?? null;
  let sock: SocketLike;
  let peer: Address | null = null;
  if (given !== null) {
    checkAlone(given, localAddr, remoteAddr, options);
    sock = given;
  } else {
    [sock, peer] = yield* openAny(loop, yield* candidates(loop, localAddr, remoteAddr, options), options);
  }
  let protocol: P;
  let transport: DatagramTransport;
  const waiter = loop.createFuture<void>();
  try {
    protocol = protocolFactory();
    transport = makeByHook(loop, '_makeDatagramTransport', protocol, waiter, () =>
      loop._makeDatagramTransport(sock, protocol, peer, waiter),
    );
  } catch (error) {
    // Nobody has the socket; one that was given stays the caller's.
    if (given === null) sock.close();
    throw error;
  }
  if (loop.getDebug()) {
    logger.debug(`Datagram endpoint localAddr=${show(localAddr)} remoteAddr=${show(remoteAddr)} created`);
  }
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return [transport, protocol];
}
const createDatagramEndpointCall: typeof createDatagramEndpoint = coroutine(createDatagramEndpoint) as never;

/** Checks that nothing else is said beside a socket. */
function checkAlone(
  sock: SocketLike,
  localAddr: Address | null,
  remoteAddr: Address | null,
  options: CreateDatagramEndpointOptions,
): void {
  if (sock.type === SOCK_STREAM) {
    throw new ValueError(`A datagram socket was expected, got ${String(sock)}`);
  }
  const { family, proto, flags, reusePort, allowBroadcast } = options;
  const others = { localAddr, remoteAddr, family, proto, flags, reusePort, allowBroadcast };
  const problems = Object.entries(others).filter(([, value]) => Boolean(value));
  if (problems.length === 0) return;
  const names = problems.map(([name, value]) => `${name}=${show(value)}`).join(', ');
  throw new ValueError(
    `socket modifier keyword arguments can not be used when sock is specified. (${names})`,
  );
}

function* candidates(
  loop: Loop,
  localAddr: Address | null,
  remoteAddr: Address | null,
  options: CreateDatagramEndpointOptions,
): Coroutine<Candidate[]> {
  const { family = 0, proto = 0, flags = 0 } = options;
  if (!localAddr && !remoteAddr) {
    if (family === 0) throw new ValueError('unexpected address family');
    return [{ family, proto, local: null, remote: null }];
  }
  if (family === AF_UNIX) {
    for (const [name, path] of Object.entries({ localAddr, remoteAddr })) {
      if (path === null || typeof path === 'string') continue;
      throw new TypeError(`${name}: must be the path of a Unix socket, not ${show(path)}`);
    }
    if (localAddr && !localAddr[0]!.startsWith('\0')) {
      const path = localAddr as string;
      runHook(loop, '_removeStaleSocket', 'sockets-and-names', () => loop._removeStaleSocket(path));
    }
    return [{ family, proto, local: localAddr || null, remote: remoteAddr || null }];
  }
  // By family and protocol, in the order they were found.
  const found = new Map<string, Candidate>();
  for (const [side, address] of [
    ['local', localAddr],
    ['remote', remoteAddr],
  ] as const) {
    if (address === null) continue;
    if (!Array.isArray(address) || address.length !== 2) {
      throw new TypeError(`${side}Addr: must be [host, port], not ${show(address)}`);
    }
    checkHost(address[0]);
    checkPort(address[1]);
    const infos = yield* resolved(loop, address, { family, type: SOCK_DGRAM, proto, flags });
    for (const [itsFamily, , itsProto, , itsAddress] of infos) {
      const key = `${itsFamily} ${itsProto}`;
      const known = found.get(key) ?? { family: itsFamily, proto: itsProto, local: null, remote: null };
      known[side] = itsAddress;
      found.set(key, known);
    }
  }
  const complete = [...found.values()].filter(
    ({ local, remote }) => !((localAddr && local === null) || (remoteAddr && remote === null)),
  );
  if (complete.length === 0) throw new ValueError('can not get address information');
  return complete;
}

/** The first socket that can be had, and the address it sends to. @throws OSError the first failure */
function* openAny(
  loop: Loop,
  choices: readonly Candidate[],
  options: CreateDatagramEndpointOptions,
): Coroutine<[SocketLike, Address | null]> {
  const failures: OSError[] = [];
  for (const choice of choices) {
    let sock: SocketLike | null = null;
    try {
      sock = socketOf(loop, choice.family, SOCK_DGRAM, choice.proto);
      if (options.reusePort) sock.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1);
      if (options.allowBroadcast) sock.setsockopt(SOL_SOCKET, SO_BROADCAST, 1);
      if (choice.local !== null) sock.bind(choice.local);
      if (choice.remote !== null && !options.allowBroadcast) yield* loop.sockConnect(sock, choice.remote);
      return [sock, choice.remote];
    } catch (error) {
      // Cancelled as well: nobody else has the socket.
      (sock as SocketLike | null)?.close();
      if (!(error instanceof OSError)) throw error;
      failures.push(error);
    }
  }
  throw failures[0]!;
}

function show(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(String).join(', ')}]` : String(value);
}

export { createDatagramEndpointCall as createDatagramEndpoint };
