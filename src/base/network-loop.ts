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

  override createConnection<P extends BaseProtocol>(
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

  override createServer(
    protocolFactory: ProtocolFactory,
    host?: string | readonly string[] | null,
    port?: number | string | null,
    options?: CreateServerOptions,
  ): AwaitableCoroutine<Server> {
    return createServer(this as never, protocolFactory, host ?? null, port ?? null, options ?? {}) as never;
  }

  override createUnixConnection<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    path?: PathLike | null,
    options?: CreateUnixConnectionOptions,
  ): AwaitableCoroutine<[Transport, P]> {
    return createUnixConnection(this, protocolFactory, path ?? null, options ?? {}) as never;
  }

  override createUnixServer(
    _protocolFactory: ProtocolFactory,
    _path?: PathLike | null,
    _options?: CreateUnixServerOptions,
  ): AwaitableCoroutine<Server> {
    return missingHook('createUnixServer', 'servers');
  }

  override createDatagramEndpoint<P extends DatagramProtocol>(
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

  override connectAcceptedSocket<P extends BaseProtocol>(
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
  override *startTls(
    _transport: Transport,
    _protocol: BaseProtocol,
    _sslcontext: unknown,
    _options?: StartTlsOptions,
  ): Coroutine<Transport> {
    throw new NotImplementedError('startTls: TLS is not there yet');
  }

  override connectReadPipe<P extends Protocol>(
    protocolFactory: ProtocolFactory<P>,
    pipe: PipeLike,
  ): AwaitableCoroutine<[ReadTransport, P]> {
    return connectReadPipe(this as never, protocolFactory, pipe) as never;
  }

  override connectWritePipe<P extends BaseProtocol>(
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

  override getaddrinfo(
    _host: string | null,
    _port: number | string | null,
    _options?: ResolveOptions,
  ): Coroutine<readonly AddrInfo[]> {
    return missingHook('getaddrinfo', 'sockets-and-names');
  }

  override getnameinfo(_sockaddr: Address, _flags?: number): Coroutine<[host: string, service: string]> {
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
