import { _checkSslSocket } from './check-socket.ts';
import type { Coroutine } from './coroutine.ts';
import { coroutine } from './coroutine.ts';
import { CancelledError, ExceptionGroup, ValueError } from './exceptions.ts';
import type { Future } from './future.ts';
import {
  type HookLoop,
  callHook,
  checkCoroutine,
  checkMadeSocket,
  contractError,
  coroutineOf,
} from './hook-checks.ts';
import { makeByHook } from './make-by-hook.ts';
import { _interleaveAddrinfos } from './ip-address.ts';
import { logger } from './logger.ts';
import type { NetworkLoop, ResolveOptions } from './network-loop.ts';
import { OSError, TimeoutError } from './os-error.ts';
import type { BaseProtocol, ProtocolFactory } from './protocols.ts';
import { resolved } from './sock-calls.ts';
import { SOCK_STREAM } from './socket-constants.ts';
import type { AddrInfo, Address, SocketLike } from './socket-like.ts';
import { staggeredRace } from './staggered.ts';
import type { Transport } from './transports.ts';

/** Keyword arguments of what makes a transport of a socket. */
export interface TransportOptions {
  /** A TLS context, or true for the default one. */
  readonly ssl?: unknown;
  readonly sslHandshakeTimeout?: number | null;
  readonly sslShutdownTimeout?: number | null;
}

/** Keyword arguments of `createConnection`. */
export interface CreateConnectionOptions extends TransportOptions {
  /** A connected socket, in place of host and port. */
  readonly sock?: SocketLike | null;
  readonly family?: number;
  readonly proto?: number;
  readonly flags?: number;
  /** Where to connect from. */
  readonly localAddr?: readonly [host: string, port: number] | null;
  readonly serverHostname?: string | null;
  /** Seconds after which the next address is tried beside the one before. */
  readonly happyEyeballsDelay?: number | null;
  /** How many addresses of the first family are tried first. */
  readonly interleave?: number | null;
  /** Whether a failure reports every address, as an ExceptionGroup. */
  readonly allErrors?: boolean;
}

/** What these functions need of a loop. */
type Loop = NetworkLoop & HookLoop & { createFuture<T>(): Future<T> };

/** Checks a port before anything is done. */
export function checkPort(port: number | string | null): void {
  if (port === null || typeof port === 'string') return;
  if (typeof port !== 'number' || !Number.isInteger(port)) {
    throw new TypeError(`port: must be an integer, a string or null, not ${String(port)}`);
  }
  if (port < 0 || port > 65535) throw new RangeError(`port: must be 0 to 65535, not ${port}`);
}

/** Checks a host before anything is done. */
export function checkHost(host: string | null): void {
  if (host === null) return;
  if (typeof host !== 'string') throw new TypeError(`host: must be a string or null, not ${String(host)}`);
  if (host.includes('\0')) throw new ValueError('host: must not contain a NUL character');
}

/** Checks what says how addresses are tried, before anything is done. */
function checkAttempts({ localAddr, happyEyeballsDelay, interleave }: CreateConnectionOptions): void {
  // Text would be taken apart: '127.0.0.1' is the host '1' and the port '2'.
  if (localAddr != null && !Array.isArray(localAddr)) {
    throw new TypeError(`localAddr: must be [host, port], not ${String(localAddr)}`);
  }
  for (const [name, value] of Object.entries({ happyEyeballsDelay, interleave })) {
    if (value == null) continue;
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new TypeError(`${name}: must be a number that is not negative, not ${String(value)}`);
    }
  }
}

/** `loop.createConnection`. */
function* createConnection<P extends BaseProtocol>(
  loop: Loop,
  protocolFactory: ProtocolFactory<P>,
  host: string | null,
  port: number | string | null,
  options: CreateConnectionOptions,
): Coroutine<[Transport, P]> {
  if (typeof protocolFactory !== 'function') throw new TypeError('protocolFactory: must be a function');
  const ssl = options.ssl ?? null;
  let serverHostname = options.serverHostname ?? null;
  if (serverHostname !== null && !ssl) throw new ValueError('serverHostname is only meaningful with ssl');
  if (serverHostname === null && ssl) {
    // An empty name would switch the check of the certificate off.
    if (!host) throw new ValueError('You must set serverHostname when using ssl without a host');
    serverHostname = host;
  }
  if (options.sslHandshakeTimeout != null && !ssl) {
    throw new ValueError('sslHandshakeTimeout is only meaningful with ssl');
  }
  if (options.sslShutdownTimeout != null && !ssl) {
    throw new ValueError('sslShutdownTimeout is only meaningful with ssl');
  }
  checkHost(host);
  checkPort(port);
  checkAttempts(options);
  let sock = options.sock ?? null;
  if (host !== null || port !== null) {
    if (sock !== null) throw new ValueError('host/port and sock can not be specified at the same time');
    sock = yield* connectToAny(loop, host, port, options);
  } else {
    if (sock === null) throw new ValueError('host and port was not specified and no sock specified');
    _checkSslSocket(sock);
    if (sock.type !== SOCK_STREAM) throw new ValueError(`A Stream Socket was expected, got ${String(sock)}`);
  }
  const made = yield* connectionOf(loop, sock, protocolFactory, ssl, serverHostname);
  if (loop.getDebug()) {
    const view = String(made[0].getExtraInfo('socket'));
    logger.debug(`${view} connected to ${String(host)}:${String(port)}: ${String(made[0])}`);
  }
  return made;
}
const createConnectionCall: typeof createConnection = coroutine(createConnection) as never;

function* connectToAny(
  loop: Loop,
  host: string | null,
  port: number | string | null,
  options: CreateConnectionOptions,
): Coroutine<SocketLike> {
  const { family = 0, proto = 0, flags = 0, localAddr = null } = options;
  const resolve: ResolveOptions = { family, type: SOCK_STREAM, proto, flags };
  let infos = yield* resolved(loop, [host as string, port as number], resolve);
  const localInfos = localAddr === null ? null : yield* resolved(loop, localAddr, resolve);
  const delay = options.happyEyeballsDelay ?? null;
  const interleave = options.interleave ?? (delay === null ? null : 1);
  if (interleave) infos = _interleaveAddrinfos(infos, interleave);

  const exceptions: unknown[][] = [];
  let sock: SocketLike | null = null;
  if (delay === null) {
    for (const info of infos) {
      try {
        sock = yield* connectedSocket(loop, exceptions, info, localInfos);
        break;
      } catch (error) {
        // The next address may be better; what went wrong is in the list.
        if (!(error instanceof OSError)) throw error;
      }
    }
  } else {
    const made: SocketLike[] = [];
    const attempts = infos.map(
      (info) =>
        function* (): Coroutine<SocketLike> {
          const each = yield* connectedSocket(loop, exceptions, info, localInfos);
          made.push(each);
          return each;
        },
    );
    try {
      const [winner, , failures] = yield* staggeredRace(attempts, delay, { loop: loop as never });
      sock = winner;
      // As without a race: what is no failure to connect is not hidden behind one.
      const mistake = failures.find((error) => error !== null && !isFailureToConnect(error));
      if (winner === null && mistake !== undefined) throw mistake;
    } catch (error) {
      // Cancelled when there was a winner already: nobody gets it.
      for (const each of made) each.close();
      throw error;
    }
  }
  if (sock === null) throw connectFailure(exceptions.flat(), options.allErrors === true);
  return sock;
}

function isFailureToConnect(error: unknown): boolean {
  return error instanceof OSError || error instanceof CancelledError;
}

/** The socket that `_connectSock` connects. */
function* connectedSocket(
  loop: Loop,
  exceptions: unknown[][],
  info: AddrInfo,
  localInfos: readonly AddrInfo[] | null,
): Coroutine<SocketLike> {
  const hook = '_connectSock';
  const coro = coroutineOf(loop, hook, 'sockets-and-names', () =>
    loop._connectSock(exceptions, info, localInfos),
  );
  return checkMadeSocket(yield* coro, hook);
}

/** The socket that `_makeSocket` opens. */
export function socketOf(
  loop: HookLoop & Pick<NetworkLoop, '_makeSocket'>,
  family: number,
  type: number,
  proto: number,
): SocketLike {
  const make = (): SocketLike => loop._makeSocket(family, type, proto);
  return checkMadeSocket(callHook(loop, '_makeSocket', 'sockets-and-names', make));
}

/** What `_createConnectionTransport` makes of a connected socket, which is closed when it breaks its contract. */
export function* connectionOf<P extends BaseProtocol>(
  loop: HookLoop & Pick<NetworkLoop, '_createConnectionTransport'>,
  sock: SocketLike,
  protocolFactory: ProtocolFactory<P>,
  ssl: unknown,
  serverHostname: string | null,
  options?: { readonly serverSide?: boolean },
): Coroutine<[Transport, P]> {
  const hook = '_createConnectionTransport';
  const section = 'sockets-and-names';
  const coro = loop._createConnectionTransport(sock, protocolFactory, ssl, serverHostname, options);
  try {
    checkCoroutine(hook, section, coro);
  } catch (error) {
    // Whatever that was, it has not taken the socket.
    sock.close();
    throw error;
  }
  const made: unknown = yield* coro;
  if (Array.isArray(made) && typeof (made[0] as Transport | null | undefined)?.close === 'function') {
    return made as [Transport, P];
  }
  sock.close();
  throw contractError(hook, 'it must return [transport, protocol]', section);
}

/** What `createConnection` throws when no address could be reached. */
function connectFailure(errors: readonly unknown[], allErrors: boolean): unknown {
  if (allErrors) return new ExceptionGroup('create_connection failed', errors);
  const [first] = errors;
  if (first === undefined) return new TimeoutError('create_connection failed');
  if (errors.length === 1 || errors.every((error) => String(error) === String(first))) return first;
  return new OSError(`Multiple exceptions: ${errors.map((error) => (error as Error).message).join(', ')}`);
}

/** `loop._connectSock`. */
export function* connectSock(
  loop: Loop,
  exceptions: unknown[][],
  info: AddrInfo,
  localInfos: readonly AddrInfo[] | null,
): Coroutine<SocketLike> {
  const mine: unknown[] = [];
  exceptions.push(mine);
  const [family, type, proto, , address] = info;
  let sock: SocketLike | null = null;
  try {
    try {
      sock = socketOf(loop, family, type, proto);
      if (localInfos !== null) bindLocal(sock, family, localInfos, mine);
      yield* loop.sockConnect(sock, address);
      return sock;
    } catch (error) {
      if (error instanceof OSError) mine.push(error);
      throw error;
    }
  } catch (error) {
    // Cancelled as well: nobody else has the socket.
    (sock as SocketLike | null)?.close();
    throw error;
  }
}

/** The error of a bind that failed, of the same class, with the address in words. */
export function bindFailure(error: OSError, address: Address): OSError {
  const { errno, code, syscall } = error;
  const ErrorClass = error.constructor as typeof OSError;
  return new ErrorClass(
    `[Errno ${errno}] error while attempting to bind on address ${String(address)}: ${error.message.toLowerCase()}`,
    { errno, code, syscall, address: error.address, port: error.port, cause: error },
  );
}

function bindLocal(sock: SocketLike, family: number, infos: readonly AddrInfo[], mine: unknown[]): void {
  for (const [localFamily, , , , address] of infos) {
    // Other families cannot be the source of this one's connections.
    if (localFamily !== family) continue;
    try {
      sock.bind(address);
      return;
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      mine.push(bindFailure(error, address));
    }
  }
  throw mine.pop() ?? new OSError(`no matching local address with family=${family} found`);
}

/** `loop._createConnectionTransport`. */
export function* createConnectionTransport<P extends BaseProtocol>(
  loop: Loop,
  sock: SocketLike,
  protocolFactory: ProtocolFactory<P>,
  ssl: unknown,
  serverHostname: string | null,
  options: { readonly serverSide?: boolean },
): Coroutine<[Transport, P]> {
  let protocol: P;
  let transport: Transport;
  const waiter = loop.createFuture<void>();
  try {
    protocol = protocolFactory();
    transport = ssl
      ? makeByHook(loop, '_makeSslTransport', protocol, waiter, () =>
          loop._makeSslTransport(sock, protocol, ssl === true ? null : ssl, waiter, {
            serverSide: options.serverSide === true,
            serverHostname,
          }),
        )
      : makeByHook(loop, '_makeSocketTransport', protocol, waiter, () =>
          loop._makeSocketTransport(sock, protocol, waiter),
        );
  } catch (error) {
    // Nobody owns the socket yet.
    sock.close();
    throw error;
  }
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return [transport, protocol];
}

/** `loop.connectAcceptedSocket`. */
function* connectAcceptedSocket<P extends BaseProtocol>(
  loop: Loop,
  protocolFactory: ProtocolFactory<P>,
  sock: SocketLike,
  options: TransportOptions,
): Coroutine<[Transport, P]> {
  _checkSslSocket(sock);
  if (sock.type !== SOCK_STREAM) throw new ValueError(`A Stream Socket was expected, got ${String(sock)}`);
  const ssl = options.ssl ?? null;
  if (options.sslHandshakeTimeout != null && !ssl) {
    throw new ValueError('sslHandshakeTimeout is only meaningful with ssl');
  }
  if (options.sslShutdownTimeout != null && !ssl) {
    throw new ValueError('sslShutdownTimeout is only meaningful with ssl');
  }
  return yield* connectionOf(loop, sock, protocolFactory, ssl, '', { serverSide: true });
}
const connectAcceptedSocketCall: typeof connectAcceptedSocket = coroutine(connectAcceptedSocket) as never;

export { createConnectionCall as createConnection, connectAcceptedSocketCall as connectAcceptedSocket };
