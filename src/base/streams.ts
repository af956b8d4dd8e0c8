import type { CreateConnectionOptions } from './create-connection.ts';
import { type AwaitableCoroutine, type Coroutine, coroutine } from './coroutine.ts';
import type { CreateServerOptions } from './create-server.ts';
import type {
  CreateUnixConnectionOptions,
  CreateUnixServerOptions,
  PathLike,
} from './create-unix-connection.ts';
import { getRunningLoop } from './running-loop.ts';
import type { Server } from './server.ts';
import { StreamReader, _DEFAULT_LIMIT, checkLimit } from './stream-reader.ts';
import { type ClientConnectedCb, StreamReaderProtocol } from './stream-reader-protocol.ts';
import { StreamWriter } from './stream-writer.ts';

/** Keyword arguments of the functions that make streams. */
export interface StreamOptions {
  /** Bytes that the reader buffers; see {@link StreamReader}. */
  readonly limit?: number;
}

/**
 * Connects to a TCP server. asyncio: `open_connection`.
 *
 * @param options those of `loop.createConnection`, and `limit`
 * @throws OSError when no address could be reached; cancelling closes the socket
 *
 * @example
 * ```ts
 * const [reader, writer] = yield* openConnection('127.0.0.1', 6379);
 * writer.write('PING\r\n');
 * const answer = yield* reader.readline();
 * ```
 */
export const openConnection: (
  host?: string | null,
  port?: number | string | null,
  options?: CreateConnectionOptions & StreamOptions,
) => AwaitableCoroutine<[StreamReader, StreamWriter]> = coroutine(function* openConnection(
  host: string | null = null,
  port: number | string | null = null,
  options: CreateConnectionOptions & StreamOptions = {},
): Coroutine<[StreamReader, StreamWriter]> {
  const { limit = _DEFAULT_LIMIT, ...others } = options;
  const loop = getRunningLoop();
  const reader = new StreamReader(limit, loop);
  const protocol = new StreamReaderProtocol(reader, null, loop);
  const [transport] = yield* loop.createConnection(() => protocol, host, port, others);
  return [reader, new StreamWriter(transport, protocol, reader, loop)];
});

/**
 * Serves TCP connections. asyncio: `start_server`.
 *
 * @param clientConnected called with reader and writer of each connection. A coroutine that it returns becomes a task;
 * when that fails it is reported and the connection closed; when it is cancelled the connection is closed
 * @param options those of `loop.createServer`, and `limit`
 * @throws OSError when an address cannot be bound
 *
 * @example
 * ```ts
 * const server = yield* startServer(function* (reader, writer) {
 *   for (let line = yield* reader.readline(); line.length > 0; line = yield* reader.readline()) {
 *     writer.write(line);
 *     yield* writer.drain();
 *   }
 *   writer.close();
 * }, '127.0.0.1', 8888);
 * ```
 */
export const startServer: (
  clientConnected: ClientConnectedCb,
  host?: string | readonly string[] | null,
  port?: number | string | null,
  options?: CreateServerOptions & StreamOptions,
) => AwaitableCoroutine<Server> = coroutine(function* startServer(
  clientConnected: ClientConnectedCb,
  host: string | readonly string[] | null = null,
  port: number | string | null = null,
  options: CreateServerOptions & StreamOptions = {},
): Coroutine<Server> {
  if (typeof clientConnected !== 'function') throw new TypeError('clientConnected: must be a function');
  const { limit = _DEFAULT_LIMIT, ...others } = options;
  checkLimit(limit);
  const loop = getRunningLoop();
  const factory = (): StreamReaderProtocol =>
    new StreamReaderProtocol(new StreamReader(limit, loop), clientConnected, loop);
  return yield* loop.createServer(factory, host, port, others);
});

/**
 * Connects to a Unix stream socket. asyncio: `open_unix_connection`.
 *
 * @param options those of `loop.createUnixConnection`, and `limit`
 * @throws OSError as the system reports; cancelling closes the socket
 */
export const openUnixConnection: (
  path?: PathLike | null,
  options?: CreateUnixConnectionOptions & StreamOptions,
) => AwaitableCoroutine<[StreamReader, StreamWriter]> = coroutine(function* (
  path: PathLike | null = null,
  options: CreateUnixConnectionOptions & StreamOptions = {},
): Coroutine<[StreamReader, StreamWriter]> {
  const { limit = _DEFAULT_LIMIT, ...others } = options;
  const loop = getRunningLoop();
  const reader = new StreamReader(limit, loop);
  const protocol = new StreamReaderProtocol(reader, null, loop);
  const [transport] = yield* loop.createUnixConnection(() => protocol, path, others);
  return [reader, new StreamWriter(transport, protocol, reader, loop)];
});

/**
 * Serves connections on a Unix stream socket. asyncio: `start_unix_server`.
 *
 * @param clientConnected as in {@link startServer}
 * @param options those of `loop.createUnixServer`, and `limit`
 * @throws OSError as the system reports
 */
export const startUnixServer: (
  clientConnected: ClientConnectedCb,
  path?: PathLike | null,
  options?: CreateUnixServerOptions & StreamOptions,
) => AwaitableCoroutine<Server> = coroutine(function* (
  clientConnected: ClientConnectedCb,
  path: PathLike | null = null,
  options: CreateUnixServerOptions & StreamOptions = {},
): Coroutine<Server> {
  if (typeof clientConnected !== 'function') throw new TypeError('clientConnected: must be a function');
  const { limit = _DEFAULT_LIMIT, ...others } = options;
  checkLimit(limit);
  const loop = getRunningLoop();
  const factory = (): StreamReaderProtocol =>
    new StreamReaderProtocol(new StreamReader(limit, loop), clientConnected, loop);
  return yield* loop.createUnixServer(factory, path, others);
});
