import { AbstractEventLoop } from './abstract-event-loop.ts';
import type { AwaitableCoroutine, Coroutine } from './coroutine.ts';
import {
  connectAcceptedSocket,
  connectSock,
  createConnection,
  createConnectionTransport,
} from './create-connection.ts';
import type { CreateConnectionOptions, TransportOptions } from './create-connection.ts';
import { createServer } from './create-server.ts';
import type { CreateServerOptions } from './create-server.ts';
import { NotImplementedError } from './exceptions.ts';
import type { Future } from './future.ts';
import { _ipaddrInfo } from './ip-address.ts';
import type {
  BaseProtocol,
  DatagramProtocol,
  Protocol,
  ProtocolFactory,
  SubprocessProtocol,
} from './protocols.ts';
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

/**
 * The network half of BaseEventLoop: the calls' common part here, the hooks that a concrete loop provides below.
 *
 * A hook that is not provided throws NotImplementedError with its name.
 */
export abstract class NetworkLoop extends AbstractEventLoop {
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

  /** Makes a transport of a socket that was accepted elsewhere. */
  connectAcceptedSocket<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    sock: SocketLike,
    options?: TransportOptions,
  ): AwaitableCoroutine<[Transport, P]> {
    return connectAcceptedSocket(this as never, protocolFactory, sock, options ?? {}) as never;
  }

  // --- steps of the calls, to be overridden ------------------------------------------------------------------

  /** The addresses of a host: an IP literal is its own, the rest asks {@link getaddrinfo}. */
  *_ensureResolved(address: Address, options: ResolveOptions = {}): Coroutine<readonly AddrInfo[]> {
    const [host, port] = address as readonly [string, number];
    const { family = 0, type = 1, proto = 0, flags = 0 } = options;
    const info = _ipaddrInfo(host, port, family, type, proto);
    if (info !== null) return [info];
    return yield* this.getaddrinfo(host, port, { family, type, proto, flags });
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
  _createServerGetaddrinfo(
    host: string | null,
    port: number | string | null,
    family: number,
    flags: number,
  ): Coroutine<readonly AddrInfo[]> {
    return this._ensureResolved([host as string, port as number], { family, type: 1, flags });
  }

  // --- hooks -------------------------------------------------------------------------------------------

  /** Opens a socket. */
  _makeSocket(_family: number, _type: number, _proto: number): SocketLike {
    return missing('_makeSocket');
  }

  /** Connects `sock`. */
  sockConnect(_sock: SocketLike, _address: Address): Coroutine<void> {
    return missing('sockConnect');
  }

  /** Looks a host up. */
  getaddrinfo(
    _host: string | null,
    _port: number | string | null,
    _options?: ResolveOptions,
  ): Coroutine<readonly AddrInfo[]> {
    return missing('getaddrinfo');
  }

  /** Begins to accept connections on a listening socket. */
  _startServing(
    _protocolFactory: ProtocolFactory,
    _sock: SocketLike,
    _sslcontext?: unknown,
    _server?: Server | null,
    _backlog?: number,
  ): void {
    missing('_startServing');
  }

  /** Stops accepting, and closes the listening socket. */
  _stopServing(_sock: SocketLike): void {
    missing('_stopServing');
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
    return missing('_makeSocketTransport');
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
    return missing('_makeSslTransport');
  }

  _makeDatagramTransport(
    _sock: SocketLike,
    _protocol: DatagramProtocol,
    _address?: Address | null,
    _waiter?: Future<void> | null,
    _extra?: ExtraInfo | null,
  ): DatagramTransport {
    return missing('_makeDatagramTransport');
  }

  _makeReadPipeTransport(
    _pipe: unknown,
    _protocol: Protocol,
    _waiter?: Future<void> | null,
    _extra?: ExtraInfo | null,
  ): ReadTransport {
    return missing('_makeReadPipeTransport');
  }

  _makeWritePipeTransport(
    _pipe: unknown,
    _protocol: BaseProtocol,
    _waiter?: Future<void> | null,
    _extra?: ExtraInfo | null,
  ): WriteTransport {
    return missing('_makeWritePipeTransport');
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
    return missing('_makeSubprocessTransport');
  }
}

function missing(hook: string): never {
  throw new NotImplementedError(`this event loop does not implement the hook ${hook}()`);
}
