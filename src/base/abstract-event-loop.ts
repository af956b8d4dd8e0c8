// oxlint-disable no-unused-vars -- parameters have the names that editors show
import type { PipeLike } from './connect-pipe.ts';
import type { AwaitableCoroutine, Coroutine } from './coroutine.ts';
import type { CreateConnectionOptions, TransportOptions } from './create-connection.ts';
import type { CreateDatagramEndpointOptions } from './create-datagram-endpoint.ts';
import type { CreateServerOptions } from './create-server.ts';
import type {
  CreateUnixConnectionOptions,
  CreateUnixServerOptions,
  PathLike,
} from './create-unix-connection.ts';
import type { FdLike } from './descriptor-loop.ts';
import type { Awaitable } from './ensure-future.ts';
import { NotImplementedError } from './exceptions.ts';
import type { Executor, RunInExecutorOptions } from './executor.ts';
import type { Future } from './future.ts';
import type { Callback, Handle, TimerHandle } from './handle.ts';
import type { CallOptions, ExceptionContext, ExceptionHandler, TaskFactory } from './loop.ts';
import type { ResolveOptions, StartTlsOptions } from './network-loop.ts';
import type { BaseProtocol, DatagramProtocol, Protocol, ProtocolFactory } from './protocols.ts';
import type { SendfileOptions } from './sendfile-loop.ts';
import type { FileLike } from './sendfile.ts';
import type { Server } from './server.ts';
import type { AddrInfo, Address, RawSocketLike, SocketLike } from './socket-like.ts';
import type { Task, TaskOptions } from './task.ts';
import type { DatagramTransport, ReadTransport, Transport, WriteTransport } from './transports.ts';

/** The whole surface of a loop, every method of which a concrete loop has to provide. asyncio: `AbstractEventLoop`. */
export abstract class AbstractEventLoop {
  /**
   * Runs until {@link stop}, driven by the host.
   *
   * Rejects with RuntimeError when the loop is closed or running, and with what ended the run early.
   */
  runForever(): Promise<void> {
    return missing('runForever');
  }

  /**
   * Runs until {@link stop}, blocking the thread: the selector's poll is the only wait.
   *
   * @throws RuntimeError when the loop is closed, or when a loop runs; and what ended the run early
   */
  runForeverSync(): void {
    missing('runForeverSync');
  }

  /**
   * Runs until `awaitable` is done, driven by the host, and resolves with its result.
   *
   * Rejects with RuntimeError when the loop was stopped before.
   */
  runUntilComplete<T>(awaitable: Awaitable<T>): Promise<T> {
    return missing('runUntilComplete');
  }

  /** {@link runUntilComplete}, blocking the thread. */
  runUntilCompleteSync<T>(awaitable: Awaitable<T>): T {
    return missing('runUntilCompleteSync');
  }

  /** Ends the run after the turn under way; called before a run, that run does one turn. */
  stop(): void {
    missing('stop');
  }

  isRunning(): boolean {
    return missing('isRunning');
  }

  isClosed(): boolean {
    return missing('isClosed');
  }

  /**
   * Closes the loop: whatever is queued does not run. Harmless if it is closed.
   *
   * @throws RuntimeError when the loop runs
   */
  close(): void {
    missing('close');
  }

  /** JavaScript's async generators need no help to finish; see the differences. asyncio: `shutdown_asyncgens`. */
  shutdownAsyncgens(): Coroutine<void> {
    return missing('shutdownAsyncgens');
  }

  /**
   * Waits for the jobs of the default executor, which takes no more. In a blocking run there is no waiting for
   * worker threads: they finish by themselves. asyncio: `shutdown_default_executor`.
   *
   * @param timeout seconds after which they are left to themselves, with a warning; null or absent: without limit
   */
  shutdownDefaultExecutor(timeout?: number | null): Coroutine<void> {
    return missing('shutdownDefaultExecutor');
  }

  /**
   * Calls `callback` in the next turn. Handles run in the order they were made.
   *
   * @param args what the callback is called with
   * @param options.context what it runs in; a copy of the current context if absent
   * @throws RuntimeError when the loop is closed
   */
  callSoon<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): Handle {
    return this.callLater(0, callback, args, options);
  }

  /** {@link callSoon} for other threads and for signal handlers: wakes the loop. */
  callSoonThreadsafe<A extends readonly unknown[]>(
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): Handle {
    return missing('callSoonThreadsafe');
  }

  /**
   * Calls `callback` after `delay` seconds of the loop's clock.
   *
   * @throws TypeError when `delay` is null; RuntimeError when the loop is closed
   */
  callLater<A extends readonly unknown[]>(
    delay: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle {
    return missing('callLater');
  }

  /**
   * Calls `callback` at `when`, in seconds of the loop's clock. Of equal times the first made runs first.
   *
   * @throws TypeError when `when` is null; RuntimeError when the loop is closed
   */
  callAt<A extends readonly unknown[]>(
    when: number,
    callback: (...args: A) => unknown,
    args?: Readonly<A>,
    options?: CallOptions,
  ): TimerHandle {
    return missing('callAt');
  }

  /** Seconds of a monotonic clock. Overriding it moves every timer of the loop to the new clock. */
  time(): number {
    return missing('time');
  }

  /** A future of this loop. */
  createFuture<T>(): Future<T> {
    return missing('createFuture');
  }

  /**
   * Makes a task of `coro`, by the task factory if there is one, which gets every option unchanged.
   *
   * @throws TypeError when it is no coroutine; RuntimeError when the loop is closed
   */
  createTask<T>(coro: Coroutine<T>, options?: TaskOptions): Task<T> {
    return missing('createTask');
  }

  /** @throws TypeError when `factory` is neither a function nor null */
  setTaskFactory(factory: TaskFactory | null): void {
    missing('setTaskFactory');
  }

  getTaskFactory(): TaskFactory | null {
    return missing('getTaskFactory');
  }

  /**
   * Gives a job to an executor, at once, without the caller's context variables (see `toThread`).
   *
   * Cancelling the future takes back a job that has not begun, and only detaches from one that runs. A job begun
   * before a blocking run cannot end in it, unless its executor works then.
   *
   * @param executor null for the default one, which is made at the first use
   * @throws RuntimeError when the loop is closed, when the executor was shut down, and in a blocking run, unless
   * the executor works there
   */
  runInExecutor<A extends readonly unknown[], R>(
    executor: Executor | null,
    fn: (...args: A) => R,
    args?: A,
    options?: RunInExecutorOptions,
  ): Future<Awaited<R>> {
    return missing('runInExecutor');
  }

  /** Sets what runs jobs by default; the former one goes on. @throws TypeError when it is no executor */
  setDefaultExecutor(executor: Executor): void {
    missing('setDefaultExecutor');
  }

  /**
   * Calls `callback` in every turn in which the descriptor can be read: there are bytes, the end, or an error. Whoever
   * closes the descriptor removes the reader first. A second call replaces the callback.
   *
   * @param fd any descriptor that can be waited for: a socket, a pipe, a terminal
   * @param args what the callback is called with
   * @throws ValueError for what is no descriptor; RuntimeError when the loop is closed, or a transport has the
   * descriptor; OSError as the system reports (EPERM: regular files cannot be waited for)
   *
   * asyncio: `loop.add_reader`.
   *
   * @example
   * ```ts
   * loop.addReader(sock, () => console.log(sock.recv(1024)));
   * ```
   */
  addReader(fd: FdLike, callback: Callback, args?: readonly unknown[]): void {
    missing('addReader');
  }

  /**
   * Takes an {@link addReader} back, also a callback that is ready already.
   *
   * @returns whether there was one; false on a closed loop
   * @throws ValueError for what is no descriptor; RuntimeError when a transport has the descriptor
   *
   * asyncio: `loop.remove_reader`.
   */
  removeReader(fd: FdLike): boolean {
    return missing('removeReader');
  }

  /** As {@link addReader}, for turns in which the descriptor can be written. asyncio: `loop.add_writer`. */
  addWriter(fd: FdLike, callback: Callback, args?: readonly unknown[]): void {
    missing('addWriter');
  }

  /**
   * As {@link removeReader}, for an {@link addWriter}.
   *
   * asyncio: `loop.remove_writer`.
   */
  removeWriter(fd: FdLike): boolean {
    return missing('removeWriter');
  }

  /**
   * Receives up to `nbytes` bytes from a connected socket; none at the end of a stream.
   *
   * Cancelling loses nothing. @throws OSError as the system reports; ValueError in debug mode for a blocking socket
   *
   * asyncio: `loop.sock_recv`.
   */
  sockRecv(sock: RawSocketLike, nbytes: number): AwaitableCoroutine<Uint8Array> {
    return missing('sockRecv');
  }

  /**
   * Receives into `buf` and returns the number of bytes. Cancelling loses nothing.
   *
   * @throws as {@link sockRecv}
   *
   * asyncio: `loop.sock_recv_into`.
   */
  sockRecvInto(sock: RawSocketLike, buf: Uint8Array): AwaitableCoroutine<number> {
    return missing('sockRecvInto');
  }

  /**
   * Receives one datagram, and its sender's address. Cancelling loses nothing.
   *
   * @throws as {@link sockRecv}
   *
   * asyncio: `loop.sock_recvfrom`.
   */
  sockRecvfrom(sock: RawSocketLike, bufsize: number): AwaitableCoroutine<[Uint8Array, Address | null]> {
    return missing('sockRecvfrom');
  }

  /**
   * Receives one datagram into `buf`. Cancelling loses nothing.
   *
   * @param nbytes bytes at most; 0 for the buffer's length
   * @throws as {@link sockRecv}; ValueError when `nbytes` is more than the buffer has
   *
   * asyncio: `loop.sock_recvfrom_into`.
   */
  sockRecvfromInto(
    sock: RawSocketLike,
    buf: Uint8Array,
    nbytes?: number,
  ): AwaitableCoroutine<[number, Address | null]> {
    return missing('sockRecvfromInto');
  }

  /**
   * Sends all of `data` over a connected socket. After an error, or when cancelled, nobody can say how much was sent.
   * The memory must not change before it is done.
   *
   * @throws TypeError for other than bytes; as {@link sockRecv}
   *
   * asyncio: `loop.sock_sendall`.
   */
  sockSendall(sock: RawSocketLike, data: Uint8Array): AwaitableCoroutine<void> {
    return missing('sockSendall');
  }

  /**
   * Sends one datagram to `address` and returns the number of bytes.
   *
   * @throws as {@link sockRecv}
   *
   * asyncio: `loop.sock_sendto`.
   */
  sockSendto(sock: RawSocketLike, data: Uint8Array, address: Address): AwaitableCoroutine<number> {
    return missing('sockSendto');
  }

  /**
   * Connects a socket, which stays the caller's, also when it fails. The name of a host is looked up for the
   * socket's family, type and protocol.
   *
   * Cancelling ends the wait; the socket is then to be closed.
   *
   * @throws OSError with the address, as the system reports; TypeError, RangeError, ValueError for a malformed address
   *
   * asyncio: `loop.sock_connect`.
   */
  sockConnect(sock: SocketLike, address: Address): AwaitableCoroutine<void> {
    return missing('sockConnect');
  }

  /**
   * Accepts a connection on a listening socket. A cancelled call has accepted none.
   *
   * @returns the connection's socket, and the peer's address
   * @throws as {@link sockRecv}
   *
   * asyncio: `loop.sock_accept`.
   */
  sockAccept<S extends RawSocketLike>(sock: S): AwaitableCoroutine<ReturnType<S['accept']>> {
    return missing('sockAccept');
  }

  /**
   * Sends a file over a transport, from the kernel where it can. Nobody else may write meanwhile, and reading is paused.
   *
   * Cancelling ends it; what was sent is sent. The file stands behind the last byte sent then, as it does in the end.
   *
   * @param file opened for reading; stays the caller's
   * @param offset bytes from the beginning of the file
   * @param count bytes; null: to the end of the file
   * @returns the number of bytes sent; fewer than `count` when the file ends before
   * @throws RuntimeError when the transport is closing, or of a kind that cannot; SendfileNotAvailableError with
   * `fallback: false` when the kernel cannot; OSError as the system reports; TypeError and ValueError for arguments
   *
   * asyncio: `loop.sendfile`.
   */
  sendfile(
    transport: WriteTransport,
    file: FileLike,
    offset?: number,
    count?: number | null,
    options?: SendfileOptions,
  ): AwaitableCoroutine<number> {
    return missing('sendfile');
  }

  /**
   * As {@link sendfile}, over a connected stream socket that no transport has.
   *
   * asyncio: `loop.sock_sendfile`.
   */
  sockSendfile(
    sock: RawSocketLike,
    file: FileLike,
    offset?: number,
    count?: number | null,
    options?: SendfileOptions,
  ): AwaitableCoroutine<number> {
    return missing('sockSendfile');
  }

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
    return missing('createConnection');
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
    return missing('createServer');
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
    return missing('createUnixConnection');
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
    protocolFactory: ProtocolFactory,
    path?: PathLike | null,
    options?: CreateUnixServerOptions,
  ): AwaitableCoroutine<Server> {
    return missing('createUnixServer');
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
    return missing('createDatagramEndpoint');
  }

  /** Makes a transport of a socket that was accepted elsewhere. */
  connectAcceptedSocket<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    sock: SocketLike,
    options?: TransportOptions,
  ): AwaitableCoroutine<[Transport, P]> {
    return missing('connectAcceptedSocket');
  }

  startTls(
    transport: Transport,
    protocol: BaseProtocol,
    sslcontext: unknown,
    options?: StartTlsOptions,
  ): Coroutine<Transport> {
    return missing('startTls');
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
    return missing('connectReadPipe');
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
    return missing('connectWritePipe');
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
    host: string | null,
    port: number | string | null,
    options?: ResolveOptions,
  ): Coroutine<readonly AddrInfo[]> {
    return missing('getaddrinfo');
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
  getnameinfo(sockaddr: Address, flags?: number): Coroutine<[host: string, service: string]> {
    return missing('getnameinfo');
  }

  addSignalHandler(sig: number | string, callback: Callback, args?: readonly unknown[]): void {
    missing('addSignalHandler');
  }

  removeSignalHandler(sig: number | string): boolean {
    return missing('removeSignalHandler');
  }

  getDebug(): boolean {
    return missing('getDebug');
  }

  setDebug(enabled: boolean): void {
    missing('setDebug');
  }

  getExceptionHandler(): ExceptionHandler | null {
    return missing('getExceptionHandler');
  }

  /** @throws TypeError when `handler` is neither a function nor null */
  setExceptionHandler(handler: ExceptionHandler | null): void {
    missing('setExceptionHandler');
  }

  /** Logs a report: the message, then the other keys in sorted order. */
  defaultExceptionHandler(context: ExceptionContext): void {
    missing('defaultExceptionHandler');
  }

  /** Reports to the handler that was set, or the default one. Throws nothing but exits. */
  callExceptionHandler(context: ExceptionContext): void {
    missing('callExceptionHandler');
  }
}

function missing(method: string): never {
  throw new NotImplementedError(`this event loop has no ${method}()`);
}
