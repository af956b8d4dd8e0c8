import { statSync, unlinkSync } from 'node:fs';
import {
  AF_UNIX,
  OSError,
  RuntimeError,
  SOCK_STREAM,
  Server,
  ValueError,
  coroutine,
  logger,
} from '../base/index.ts';
import type {
  Coroutine,
  CreateUnixServerOptions,
  PathLike,
  ProtocolFactory,
  SocketLike,
} from '../base/index.ts';
import { checkTlsTimeouts, checkUnixSocket, unixPath } from '../base/create-unix-connection.ts';
import { beginServing } from '../base/server.ts';
import type { MioEventLoop } from './mio-event-loop.ts';
import { checkUnixPath } from './socket-address.ts';

/** The inode at `path` if it has one and `fits`, else null. */
function inode(path: string, fits: 'socket' | 'any'): bigint | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined || (fits === 'socket' && !found.isSocket())) return null;
  return found.ino;
}

/** Removes the socket file that a server which is gone has left; never a file of another kind. */
export function removeStale(path: string): void {
  try {
    if (inode(path, 'socket') !== null) unlinkSync(path);
  } catch (error) {
    // A folder in which sockets may be made but not looked at: binding tells.
    logger.error(`Unable to check or remove stale UNIX socket '${path}'`, error);
  }
}

function bindPath(loop: MioEventLoop, path: string): SocketLike {
  checkUnixPath(path, 'path');
  const sock = loop._makeSocket(AF_UNIX, SOCK_STREAM, 0);
  if (!path.startsWith('\0')) removeStale(path);
  try {
    sock.bind(path);
    return sock;
  } catch (error) {
    sock.close();
    if (!(error instanceof OSError) || error.code !== 'EADDRINUSE') throw error;
    const { errno, code, syscall } = error;
    throw new OSError(`Address '${path}' is already in use`, {
      errno,
      code,
      syscall,
      address: path,
      cause: error,
    });
  }
}

/** The inode of a bound socket's path, null if it has none: it is unnamed or abstract, or the file is gone. */
export function socketInode(sock: SocketLike): bigint | null {
  const path = sock.getsockname();
  if (typeof path !== 'string' || path === '' || path.startsWith('\0')) return null;
  return inode(path, 'any');
}

/** Removes the path of a server that has closed, unless a successor's socket stands there. */
export function removeOwn(path: string, its: bigint): void {
  try {
    if (inode(path, 'any') === its) unlinkSync(path);
  } catch (error) {
    // Without the right to do so, or removed by somebody else in between: the server is closed all the same.
    if ((error as { code?: unknown }).code === 'ENOENT') return;
    logger.error(`Unable to clean up listening UNIX socket '${path}'`, error);
  }
}

/** `loop.createUnixServer`. */
export function* createUnixServer(
  loop: MioEventLoop,
  protocolFactory: ProtocolFactory,
  path: PathLike | null,
  options: CreateUnixServerOptions,
): Coroutine<Server> {
  if (typeof protocolFactory !== 'function') throw new TypeError('protocolFactory: must be a function');
  const ssl = options.ssl ?? null;
  if (typeof ssl === 'boolean') throw new TypeError('ssl: must be a TLS context or null');
  checkTlsTimeouts(options);
  const backlog = options.backlog ?? 100;
  if (!Number.isInteger(backlog)) throw new TypeError(`backlog: must be an integer, not ${String(backlog)}`);
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  let sock = options.sock ?? null;
  if (path !== null) {
    if (sock !== null) throw new ValueError('path and sock can not be specified at the same time');
    sock = bindPath(loop, unixPath(path));
  } else {
    if (sock === null) throw new ValueError('path was not specified, and no sock specified');
    checkUnixSocket(sock);
  }
  if (options.cleanupSocket !== false) {
    const its = socketInode(sock);
    if (its !== null) loop._unixServerSockets.set(sock, its);
  }
  const server = new Server(loop as never, [sock], protocolFactory, ssl, backlog);
  if (options.startServing !== false) yield* beginServing(server, [sock]);
  return server;
}
coroutine(createUnixServer);
