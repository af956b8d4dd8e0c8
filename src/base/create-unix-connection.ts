import { type Coroutine, coroutine } from './coroutine.ts';
import { type TransportOptions, connectionOf, socketOf } from './create-connection.ts';
import { ValueError } from './exceptions.ts';
import type { NetworkLoop } from './network-loop.ts';
import type { BaseProtocol, ProtocolFactory } from './protocols.ts';
import { AF_UNIX, SOCK_STREAM } from './socket-constants.ts';
import type { SocketLike } from './socket-like.ts';
import type { Transport } from './transports.ts';

/** Where a Unix socket is: a path, a `file:` URL, a path's bytes in UTF-8, or an abstract name that begins with NUL. */
export type PathLike = string | URL | Uint8Array;

/** Keyword arguments of `createUnixConnection`. */
export interface CreateUnixConnectionOptions extends TransportOptions {
  /** A connected Unix socket, in place of the path. */
  readonly sock?: SocketLike | null;
  /** Needed with ssl; may be empty. */
  readonly serverHostname?: string | null;
}

/** Keyword arguments of `createUnixServer`. */
export interface CreateUnixServerOptions extends TransportOptions {
  /** A bound Unix socket, in place of the path. */
  readonly sock?: SocketLike | null;
  /** Connections that the system may hold before they are accepted. Default: 100. */
  readonly backlog?: number;
  /** Whether to accept at once (default), or only after `server.startServing()`. */
  readonly startServing?: boolean;
  /** Whether the path is removed when the server closes, unless another server has replaced it. Default: true. */
  readonly cleanupSocket?: boolean;
}

/** A path as a string. @throws TypeError, ValueError for what is none */
export function unixPath(path: PathLike): string {
  let text: unknown = path;
  if (path instanceof Uint8Array) text = new TextDecoder().decode(path);
  else if (path instanceof URL && path.protocol === 'file:') text = decodeURIComponent(path.pathname);
  if (typeof text !== 'string') throw new TypeError(`path: must be a path, not ${String(path)}`);
  if (text === '') throw new ValueError('path: must not be empty');
  return text;
}

/** Checks the TLS options that need `ssl`. */
export function checkTlsTimeouts(options: TransportOptions): void {
  if (options.ssl) return;
  if (options.sslHandshakeTimeout != null) {
    throw new ValueError('sslHandshakeTimeout is only meaningful with ssl');
  }
  if (options.sslShutdownTimeout != null) {
    throw new ValueError('sslShutdownTimeout is only meaningful with ssl');
  }
}

/** Checks a socket that is given in place of a path. */
export function checkUnixSocket(sock: SocketLike): void {
  if (sock.family !== AF_UNIX || sock.type !== SOCK_STREAM) {
    throw new ValueError(`A UNIX Domain Stream Socket was expected, got ${String(sock)}`);
  }
}

/** `loop.createUnixConnection`. */
function* createUnixConnection<P extends BaseProtocol>(
  loop: NetworkLoop,
  protocolFactory: ProtocolFactory<P>,
  path: PathLike | null,
  options: CreateUnixConnectionOptions,
): Coroutine<[Transport, P]> {
  if (typeof protocolFactory !== 'function') throw new TypeError('protocolFactory: must be a function');
  const ssl = options.ssl ?? null;
  const serverHostname = options.serverHostname ?? null;
  if (ssl) {
    if (serverHostname === null) throw new ValueError('you have to pass serverHostname when using ssl');
  } else if (serverHostname !== null) {
    throw new ValueError('serverHostname is only meaningful with ssl');
  }
  checkTlsTimeouts(options);
  let sock = options.sock ?? null;
  if (path !== null) {
    if (sock !== null) throw new ValueError('path and sock can not be specified at the same time');
    sock = yield* connectPath(loop, unixPath(path));
  } else {
    if (sock === null) throw new ValueError('no path and sock were specified');
    checkUnixSocket(sock);
  }
  return yield* connectionOf(loop as never, sock, protocolFactory, ssl, serverHostname);
}
const createUnixConnectionCall: typeof createUnixConnection = coroutine(createUnixConnection) as never;

function* connectPath(loop: NetworkLoop, path: string): Coroutine<SocketLike> {
  const sock = socketOf(loop as never, AF_UNIX, SOCK_STREAM, 0);
  try {
    yield* loop.sockConnect(sock, path);
    return sock;
  } catch (error) {
    // Cancelled as well: nobody else has the socket.
    sock.close();
    throw error;
  }
}

export { createUnixConnectionCall as createUnixConnection };
