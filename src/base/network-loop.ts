import { type AwaitableCoroutine, type Coroutine, coroutineMethods } from './coroutine.ts';
import {
  connectAcceptedSocket,
  connectSock,
  createConnection,
  createConnectionTransport,
} from './create-connection.ts';
import type { CreateConnectionOptions, TransportOptions } from './create-connection.ts';
import { type PipeLike, connectReadPipe, connectWritePipe } from './connect-pipe.ts';
import { createServer } from './create-server.ts';
import { createUnixConnection } from './create-unix-connection.ts';
import type {
  CreateUnixConnectionOptions,
  CreateUnixServerOptions,
  PathLike,
} from './create-unix-connection.ts';
import { createDatagramEndpoint } from './create-datagram-endpoint.ts';
import type { CreateDatagramEndpointOptions } from './create-datagram-endpoint.ts';
import type { CreateServerOptions } from './create-server.ts';
import { NotImplementedError } from './exceptions.ts';
import type { Future } from './future.ts';
import { checkInfos, coroutineOf, missingHook } from './hook-checks.ts';
import { _ipaddrInfo } from './ip-address.ts';
import type {
  BaseProtocol,
  DatagramProtocol,
  Protocol,
  ProtocolFactory,
  SubprocessProtocol,
} from './protocols.ts';
import { SendfileLoop } from './sendfile-loop.ts';
import type { Server } from './server.ts';
import type { AddrInfo, Address, SocketLike } from './socket-like.ts';
import type {
  DatagramTransport,
  ExtraInfo,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from './transports.ts';

/** What kind of addresses a lookup is for. */
export interface ResolveOptions {
  readonly family?: number;
  readonly type?: number;
  readonly proto?: number;
  readonly flags?: number;
}

/** Keyword arguments of `startTls`. */
export interface StartTlsOptions {
  readonly serverSide?: boolean;
  readonly serverHostname?: string | null;
  readonly sslHandshakeTimeout?: number | null;
  readonly sslShutdownTimeout?: number | null;
}

/**
 * The network half of BaseEventLoop: the calls' common part here, the hooks that a concrete loop provides below.
 *
 * A hook that is not provided throws NotImplementedError with its name and the section of the guide about it.
 */
export abstract class NetworkLoop extends SendfileLoop {
  // --- calls -------------------------------------------------------------------------------------------

  /**
   * Connects to a TCP server.
   *
   * @param protocolFactory makes the protocol of the connection
   * @param host name or address; null with `sock`
   * @param port number or service name
   * @returns the transport and the protocol; cancelling closes the socket
   * @throws ValueError for arguments that exclude each other; OSError when no address could be reached
   */
  createConnection<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    host?: string | null,
    port?: number | string | null,
    options?: CreateConnectionOptions,
  ): AwaitableCoroutine<[Transport, P]> {
    return createConnection(
      this as never,
      protocolFactory,
      host ?? null,
      port ?? null,
      options ?? {},
    ) as never;
  }

  /**
   * Serves TCP connections.
   *
   * @param protocolFactory makes a protocol for each connection
   * @param host an address to listen on, several, or null for all
   * @param port number; 0 takes a free one
   * @throws ValueError for arguments that exclude each other; OSError when an address cannot be bound
   */
  createServer(
    protocolFactory: ProtocolFactory,
    host?: string | readonly string[] | null,
    port?: number | string | null,
    options?: CreateServerOptions,
  ): AwaitableCoroutine<Server> {
    return createServer(this as never, protocolFactory, host ?? null, port ?? null, options ?? {}) as never;
  }

  /**
   * Connects to a Unix stream socket.
   *
   * @param path a path, or an abstract name that begins with NUL; null with `sock`
   * @returns the transport and the protocol; cancelling closes the socket
   * @throws ValueError for arguments that exclude each other or paths that are too long; OSError as the system
   * reports, BlockingIOError among them when the server's queue is full
   *
   * asyncio: `loop.create_unix_connection`.
   */
  createUnixConnection<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    path?: PathLike | null,
    options?: CreateUnixConnectionOptions,
  ): AwaitableCoroutine<[Transport, P]> {
    return createUnixConnection(this, protocolFactory, path ?? null, options ?? {}) as never;
  }

  /**
   * Serves connections on a Unix stream socket. A socket file that a former server left at the path is replaced; at
   * close the path is removed if the file is still this server's.
   *
   * @param path a path, or an abstract name that begins with NUL; null with `sock`
   * @throws ValueError for arguments that exclude each other or paths that are too long; OSError (EADDRINUSE when
   * another kind of file is at the path)
   *
   * asyncio: `loop.create_unix_server`.
   */
  createUnixServer(
    _protocolFactory: ProtocolFactory,
    _path?: PathLike | null,
    _options?: CreateUnixServerOptions,
  ): AwaitableCoroutine<Server> {
    return missingHook('createUnixServer', 'servers');
  }

  /**
   * Makes an endpoint of datagrams: UDP, or a Unix socket.
   *
   * @param protocolFactory makes the protocol
   * @param localAddr where to receive: `[host, port]`, or the path of a Unix socket, where a socket file that is
   * left over is replaced; null for the system's choice
   * @param remoteAddr the only address to send to and receive from; null for any
   * @returns the transport and the protocol; cancelling closes the socket
   * @throws ValueError for arguments that exclude each other, without any address or family, or when the addresses
   * have no family in common; TypeError for malformed addresses; OSError the first failure when no socket can be had
   *
   * asyncio: `loop.create_datagram_endpoint`.
   *
   * @example
   * ```ts
   * class Echo extends DatagramProtocol {
   *   override connectionMade(transport: DatagramTransport) { this.transport = transport; }
   *   override datagramReceived(data: Uint8Array, address: Address) { this.transport.sendto(data, address); }
   * }
   * const [transport] = yield* loop.createDatagramEndpoint(() => new Echo(), ['127.0.0.1', 9999]);
   * ```
   */
  createDatagramEndpoint<P extends DatagramProtocol>(
    protocolFactory: () => P,
    localAddr?: Address | null,
    remoteAddr?: Address | null,
    options?: CreateDatagramEndpointOptions,
  ): AwaitableCoroutine<[DatagramTransport, P]> {
    return createDatagramEndpoint(
      this as never,
      protocolFactory,
      localAddr ?? null,
      remoteAddr ?? null,
      options ?? {},
    ) as never;
  }

  /** Makes a transport of a socket that was accepted elsewhere. */
  connectAcceptedSocket<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    sock: SocketLike,
    options?: TransportOptions,
  ): AwaitableCoroutine<[Transport, P]> {
    return connectAcceptedSocket(this as never, protocolFactory, sock, options ?? {}) as never;
  }

  /**
   * Upgrades a connection to TLS. There is no TLS yet: throws NotImplementedError.
   *
   * asyncio: `loop.start_tls`.
   */
  // oxlint-disable-next-line require-yield -- there is nothing to wait for yet
  *startTls(
    _transport: Transport,
    _protocol: BaseProtocol,
    _sslcontext: unknown,
    _options?: StartTlsOptions,
  ): Coroutine<Transport> {
    throw new NotImplementedError('startTls: TLS is not there yet');
  }

  /**
   * Reads from a pipe, a socket or a character device, which the transport owns from now on and makes non-blocking.
   * At its end the transport closes, whatever `eofReceived` returns.
   *
   * @param pipe a descriptor, or what has one and can close it
   * @returns the transport and the protocol; cancelling closes the pipe
   * @throws ValueError for regular files, which stay the caller's; OSError as the system reports
   *
   * asyncio: `loop.connect_read_pipe`.
   */
  connectReadPipe<P extends Protocol>(
    protocolFactory: ProtocolFactory<P>,
    pipe: PipeLike,
  ): AwaitableCoroutine<[ReadTransport, P]> {
    return connectReadPipe(this as never, protocolFactory, pipe) as never;
  }

  /**
   * Writes to a pipe, a socket or a character device, which the transport owns from now on and makes non-blocking.
   * That its reader is gone is noticed without a write: `connectionLost` gets a BrokenPipeError if something waited
   * to be written, else null.
   *
   * @param pipe a descriptor, or what has one and can close it
   * @returns the transport and the protocol; cancelling closes the pipe
   * @throws ValueError for regular files, which stay the caller's; OSError as the system reports
   *
   * asyncio: `loop.connect_write_pipe`.
   */
  connectWritePipe<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    pipe: PipeLike,
  ): AwaitableCoroutine<[WriteTransport, P]> {
    return connectWritePipe(this as never, protocolFactory, pipe) as never;
  }

  // --- steps of the calls, to be overridden ------------------------------------------------------------------

  /** The addresses of a host: an IP literal is its own, the rest asks {@link getaddrinfo}. */
  *_ensureResolved(address: Address, options: ResolveOptions = {}): Coroutine<readonly AddrInfo[]> {
    const [host, port, flowinfo, scopeid] = address as readonly [string, number, number?, number?];
    const { family = 0, type = 1, proto = 0, flags = 0 } = options;
    const info = _ipaddrInfo(host, port, family, type, proto, flowinfo, scopeid);
    if (info !== null) return [info];
    return yield* coroutineOf(this as never, 'getaddrinfo', 'sockets-and-names', () =>
      this.getaddrinfo(host, port, { family, type, proto, flags }),
    );
  }

  /** Opens and connects a socket for one address; failures are added to `exceptions`, the last is thrown. */
  _connectSock(
    exceptions: unknown[][],
    info: AddrInfo,
    localInfos: readonly AddrInfo[] | null = null,
  ): Coroutine<SocketLike> {
    return connectSock(this as never, exceptions, info, localInfos);
  }

  /** Makes protocol and transport for a connected socket and waits for `connectionMade`. */
  _createConnectionTransport<P extends BaseProtocol>(
    sock: SocketLike,
    protocolFactory: ProtocolFactory<P>,
    ssl: unknown,
    serverHostname: string | null,
    options: { readonly serverSide?: boolean } = {},
  ): Coroutine<[Transport, P]> {
    return createConnectionTransport(this as never, sock, protocolFactory, ssl, serverHostname, options);
  }

  /** The addresses that a server binds for one host. */
  *_createServerGetaddrinfo(
    host: string | null,
    port: number | string | null,
    family: number,
    flags: number,
  ): Coroutine<readonly AddrInfo[]> {
    const address = [host as string, port as number] as const;
    const hook = '_ensureResolved';
    const coro = coroutineOf(this as never, hook, 'sockets-and-names', () =>
      this._ensureResolved(address, { family, type: 1, flags }),
    );
    return checkInfos(hook, yield* coro);
  }

  // --- hooks -------------------------------------------------------------------------------------------

  /** Opens a socket. */
  _makeSocket(_family: number, _type: number, _proto: number): SocketLike {
    return missingHook('_makeSocket', 'sockets-and-names');
  }

  /**
   * Looks the addresses of a host up. An override replaces the resolver of every call of the loop that takes a name.
   *
   * @param host a name or an address; null for this machine's own
   * @param port a number, the name of a service, or null
   * @returns family, type, protocol, canonical name and address of each that was found; without a `type` once for
   * each type
   * @throws GaiError with the resolver's code (`EAI_NONAME`, ...); TypeError, RangeError, ValueError for bad arguments
   *
   * Cancelling ends the wait; the lookup itself goes on, and its answer is dropped.
   *
   * asyncio: `loop.getaddrinfo`.
   */
  getaddrinfo(
    _host: string | null,
    _port: number | string | null,
    _options?: ResolveOptions,
  ): Coroutine<readonly AddrInfo[]> {
    return missingHook('getaddrinfo', 'sockets-and-names');
  }

  /**
   * Looks the names of an address's host and service up.
   *
   * @param sockaddr `[host, port]` with an IP literal
   * @param flags `NI_NUMERICHOST`, `NI_NUMERICSERV`, ...
   * @throws GaiError with the resolver's code; TypeError, RangeError, ValueError for a malformed address
   *
   * Cancelling ends the wait only, as with {@link getaddrinfo}.
   *
   * asyncio: `loop.getnameinfo`.
   */
  getnameinfo(_sockaddr: Address, _flags?: number): Coroutine<[host: string, service: string]> {
    return missingHook('getnameinfo', 'sockets-and-names');
  }

  /** Begins to accept connections on a listening socket. */
  _startServing(
    _protocolFactory: ProtocolFactory,
    _sock: SocketLike,
    _sslcontext?: unknown,
    _server?: Server | null,
    _backlog?: number,
  ): void {
    missingHook('_startServing', 'servers');
  }

  /** Stops accepting, and closes the listening socket. */
  _stopServing(_sock: SocketLike): void {
    missingHook('_stopServing', 'servers');
  }

  /**
   * Makes the transport of a connected stream socket, which owns the socket from then on. It queues, in this order:
   * `connectionMade`, the start of reading, the waiter.
   */
  _makeSocketTransport(
    _sock: SocketLike,
    _protocol: BaseProtocol,
    _waiter?: Future<void> | null,
    _options?: { readonly extra?: ExtraInfo | null; readonly server?: Server | null },
  ): Transport {
    return missingHook('_makeSocketTransport', 'transports');
  }

  _makeSslTransport(
    _sock: SocketLike,
    _protocol: BaseProtocol,
    _sslcontext: unknown,
    _waiter?: Future<void> | null,
    _options?: {
      readonly serverSide?: boolean;
      readonly serverHostname?: string | null;
      readonly extra?: ExtraInfo | null;
      readonly server?: Server | null;
    },
  ): Transport {
    return missingHook('_makeSslTransport', 'transports');
  }

  /**
   * Makes the transport of a socket of datagrams, which owns the socket from then on. It queues, in this order:
   * `connectionMade`, the start of receiving, the waiter.
   *
   * @param _address the only address that may be sent to, null for any
   */
  _makeDatagramTransport(
    _sock: SocketLike,
    _protocol: DatagramProtocol,
    _address?: Address | null,
    _waiter?: Future<void> | null,
    _extra?: ExtraInfo | null,
  ): DatagramTransport {
    return missingHook('_makeDatagramTransport', 'transports');
  }

  /** Removes a Unix socket's file that is left over at a path that is about to be bound, if it is one. */
  _removeStaleSocket(_path: string): void {}

  /** Makes the transport of a pipe to be read, which owns it from then on. */
  _makeReadPipeTransport(
    _pipe: PipeLike,
    _protocol: Protocol,
    _waiter?: Future<void> | null,
    _extra?: ExtraInfo | null,
  ): ReadTransport {
    return missingHook('_makeReadPipeTransport', 'transports');
  }

  /** Makes the transport of a pipe to be written, which owns it from then on. */
  _makeWritePipeTransport(
    _pipe: PipeLike,
    _protocol: BaseProtocol,
    _waiter?: Future<void> | null,
    _extra?: ExtraInfo | null,
  ): WriteTransport {
    return missingHook('_makeWritePipeTransport', 'transports');
  }

  _makeSubprocessTransport(
    _protocol: SubprocessProtocol,
    _args: readonly string[] | string,
    _shell: boolean,
    _stdin: unknown,
    _stdout: unknown,
    _stderr: unknown,
    _bufsize: number,
    _extra?: ExtraInfo | null,
  ): Coroutine<SubprocessTransport> {
    return missingHook('_makeSubprocessTransport', 'transports');
  }
}

coroutineMethods(NetworkLoop.prototype, 'startTls');
