import { _checkSslSocket } from './check-socket.ts';
import { type Coroutine, coroutine } from './coroutine.ts';
import { bindFailure, checkHost, checkPort, socketOf } from './create-connection.ts';
import { ValueError } from './exceptions.ts';
import { gather } from './gather.ts';
import { checkInfos, coroutineOf } from './hook-checks.ts';
import { logger } from './logger.ts';
import type { NetworkLoop } from './network-loop.ts';
import { OSError } from './os-error.ts';
import type { ProtocolFactory } from './protocols.ts';
import { Server, beginServing } from './server.ts';
import {
  AF_INET,
  AF_INET6,
  AI_PASSIVE,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_KEEPALIVE,
  SO_REUSEADDR,
} from './socket-constants.ts';
import type { AddrInfo, SocketLike } from './socket-like.ts';
import { _setReuseport } from './socket-setup.ts';

/** Keyword arguments of `createServer`. */
export interface CreateServerOptions {
  readonly family?: number;
  readonly flags?: number;
  /** A socket to listen on, in place of host and port. */
  readonly sock?: SocketLike | null;
  /** Connections that the system may hold before they are accepted. */
  readonly backlog?: number;
  readonly ssl?: unknown;
  /** Default: true. */
  readonly reuseAddress?: boolean | null;
  readonly reusePort?: boolean | null;
  readonly keepAlive?: boolean | null;
  readonly sslHandshakeTimeout?: number | null;
  readonly sslShutdownTimeout?: number | null;
  /** Whether to accept at once (default), or only after `server.startServing()`. */
  readonly startServing?: boolean;
}

/** `loop.createServer`. */
function* createServer(
  loop: NetworkLoop,
  protocolFactory: ProtocolFactory,
  host: string | readonly string[] | null,
  port: number | string | null,
  options: CreateServerOptions,
): Coroutine<Server> {
  if (typeof protocolFactory !== 'function') throw new TypeError('protocolFactory: must be a function');
  const ssl = options.ssl ?? null;
  if (typeof ssl === 'boolean') throw new TypeError('ssl: must be a TLS context or null');
  if (options.sslHandshakeTimeout != null && ssl === null) {
    throw new ValueError('sslHandshakeTimeout is only meaningful with ssl');
  }
  if (options.sslShutdownTimeout != null && ssl === null) {
    throw new ValueError('sslShutdownTimeout is only meaningful with ssl');
  }
  const hosts = hostsOf(host);
  for (const each of hosts) checkHost(each);
  checkPort(port);
  const backlog = options.backlog ?? 100;
  if (!Number.isInteger(backlog)) throw new TypeError(`backlog: must be an integer, not ${String(backlog)}`);

  const given = options.sock ?? null;
  let sockets: SocketLike[];
  if (host !== null || port !== null) {
    if (given !== null) throw new ValueError('host/port and sock can not be specified at the same time');
    sockets = yield* bindAll(loop, hosts, port, options);
  } else {
    if (given === null) throw new ValueError('Neither host/port nor sock were specified');
    _checkSslSocket(given);
    if (given.type !== SOCK_STREAM)
      throw new ValueError(`A Stream Socket was expected, got ${String(given)}`);
    sockets = [given];
  }
  const server = new Server(loop as never, sockets, protocolFactory, ssl, backlog);
  if (options.startServing !== false) yield* beginServing(server, sockets);
  if (loop.getDebug()) logger.info(`${server.toString()} is serving`);
  return server;
}
/** The hosts to bind, of which null is every address of this machine. */
function hostsOf(host: string | readonly string[] | null): readonly (string | null)[] {
  if (host === null || host === '') return [null];
  if (typeof host === 'string') return [host];
  if (Array.isArray(host)) return [...(host as readonly string[])];
  throw new TypeError(`host: must be a string, an array of strings or null, not ${String(host)}`);
}

const createServerCall: typeof createServer = coroutine(createServer) as never;

function* bindAll(
  loop: NetworkLoop,
  hosts: readonly (string | null)[],
  port: number | string | null,
  options: CreateServerOptions,
): Coroutine<SocketLike[]> {
  const { family = 0, flags = AI_PASSIVE } = options;
  const infos = new Map<string, AddrInfo>();
  // Side by side: lookups may take long.
  const hook = '_createServerGetaddrinfo';
  const lookups = hosts.map((host) =>
    coroutineOf(loop as never, hook, 'servers', () =>
      loop._createServerGetaddrinfo(host, port, family, flags),
    ),
  );
  for (const [index, found] of (yield* gather(lookups)).entries()) {
    checkInfos(hook, found);
    if (found.length === 0) throw new OSError(`getaddrinfo(${String(hosts[index])}) returned empty list`);
    for (const info of found) infos.set(JSON.stringify(info), info);
  }
  const sockets: SocketLike[] = [];
  try {
    for (const info of infos.values()) {
      const sock = bindOne(loop, info, options);
      if (sock !== null) sockets.push(sock);
    }
    if (sockets.length === 0) {
      throw new OSError(
        `could not bind on any address out of ${[...infos.values()].map((info) => String(info[4])).join(', ')}`,
      );
    }
  } catch (error) {
    for (const sock of sockets) sock.close();
    throw error;
  }
  return sockets;
}

/** A bound socket, or null for a family or an address that this machine does not have. */
function bindOne(loop: NetworkLoop, info: AddrInfo, options: CreateServerOptions): SocketLike | null {
  const [family, type, proto, , address] = info;
  let sock: SocketLike;
  try {
    sock = socketOf(loop as never, family, type, proto);
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    // A family that the system was built without.
    if (loop.getDebug())
      logger.warning(`createServer() failed to make a socket (${family}, ${type}, ${proto})`, error);
    return null;
  }
  try {
    if (options.reuseAddress !== false) sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
    // Other families refuse it.
    if (options.reusePort === true && (family === AF_INET || family === AF_INET6)) _setReuseport(sock);
    if (options.keepAlive === true) sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1);
    // Each family has its own socket: '::' must not take IPv4's port as well.
    if (family === AF_INET6) sock.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    sock.bind(address);
    return sock;
  } catch (error) {
    sock.close();
    if (!(error instanceof OSError)) throw error;
    const failure = bindFailure(error, address);
    if (error.code !== 'EADDRNOTAVAIL') throw failure;
    if (loop.getDebug()) logger.warning(failure.message);
    return null;
  }
}

export { createServerCall as createServer };
