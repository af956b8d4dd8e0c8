/**
 * The calls on bare sockets: each tries at once, and waits for the descriptor only when it would have to.
 *
 * What a call waits for is readiness, never its result: the system call is made in the coroutine's own step. So a
 * cancelled call has taken no byte and no connection.
 */
import { checkRawSocket } from './check-socket.ts';
import { type Coroutine, coroutine } from './coroutine.ts';
import type { DescriptorLoop } from './descriptor-loop.ts';
import type { Future } from './future.ts';
import type { Handle } from './handle.ts';
import { type HookLoop, callHook, checkInfos, checkWatch, coroutineOf } from './hook-checks.ts';
import { BlockingIOError, InterruptedError, OSError, osErrorFromErrno } from './os-error.ts';
import { AF_INET, AF_INET6, AF_UNIX, SOL_SOCKET, SO_ERROR } from './socket-constants.ts';
import type { AddrInfo, Address, RawSocketLike } from './socket-like.ts';

/** What these functions need of a loop. */
export type SockLoop = DescriptorLoop &
  ResolvingLoop & {
    createFuture<T>(): Future<T>;
  };

/** What {@link resolved} needs of a loop. */
interface ResolvingLoop extends HookLoop {
  _ensureResolved(
    address: Address,
    options: { family?: number; type?: number; proto?: number; flags?: number },
  ): Coroutine<readonly AddrInfo[]>;
}

/** The addresses that `_ensureResolved` finds, at least one. @throws what it throws; OSError when it finds none */
export function* resolved(
  loop: ResolvingLoop,
  address: Address,
  options: { family?: number; type?: number; proto?: number; flags?: number },
): Coroutine<readonly AddrInfo[]> {
  const hook = '_ensureResolved';
  const coro = coroutineOf(loop, hook, 'sockets-and-names', () => loop._ensureResolved(address, options));
  const infos = checkInfos(hook, yield* coro);
  if (infos.length === 0) throw new OSError('getaddrinfo() returned empty list');
  return infos;
}

/** Stands for the result of a call that would have to wait. */
const WAIT: unique symbol = Symbol('wait');

function attempt<T>(call: () => T): T | typeof WAIT {
  try {
    return call();
  } catch (error) {
    if (error instanceof BlockingIOError || error instanceof InterruptedError) return WAIT;
    throw error;
  }
}

function ready(future: Future<void>): void {
  // It may have been cancelled in this turn.
  if (!future.done()) future.setResult();
}

function watchOf(
  loop: SockLoop,
  hook: '_addReader' | '_addWriter',
  fd: number,
  future: Future<void>,
): Handle {
  const handle = callHook(loop, hook, 'descriptors', () => loop[hook](fd, ready as never, [future]));
  return checkWatch(handle, hook);
}

function* readable(loop: SockLoop, sock: RawSocketLike): Coroutine<void> {
  const fd = sock.fileno();
  const future = loop.createFuture<void>();
  const handle = watchOf(loop, '_addReader', fd, future);
  try {
    yield* future;
  } finally {
    // A newer call on the descriptor has replaced the watch by its own, which has to stay.
    if (!handle.cancelled()) loop._removeReader(fd);
  }
}

function* writable(loop: SockLoop, sock: RawSocketLike): Coroutine<void> {
  const fd = sock.fileno();
  const future = loop.createFuture<void>();
  const handle = watchOf(loop, '_addWriter', fd, future);
  try {
    yield* future;
  } finally {
    if (!handle.cancelled()) loop._removeWriter(fd);
  }
}

function* whenReadable<T>(loop: SockLoop, sock: RawSocketLike, call: () => T): Coroutine<T> {
  checkRawSocket(loop, sock);
  for (;;) {
    const result = attempt(call);
    if (result !== WAIT) return result;
    yield* readable(loop, sock);
  }
}

/** `loop.sockRecv`. */
export function sockRecv(loop: SockLoop, sock: RawSocketLike, nbytes: number): Coroutine<Uint8Array> {
  return receiving(loop, sock, () => sock.recv(nbytes));
}

/** `loop.sockRecvInto`. */
export function sockRecvInto(loop: SockLoop, sock: RawSocketLike, buf: Uint8Array): Coroutine<number> {
  return receiving(loop, sock, () => sock.recvInto(buf));
}

/** `loop.sockRecvfrom`. */
export function sockRecvfrom(
  loop: SockLoop,
  sock: RawSocketLike,
  bufsize: number,
): Coroutine<[Uint8Array, Address | null]> {
  return receiving(loop, sock, () => sock.recvfrom(bufsize));
}

/** `loop.sockRecvfromInto`. */
export function sockRecvfromInto(
  loop: SockLoop,
  sock: RawSocketLike,
  buf: Uint8Array,
  nbytes: number,
): Coroutine<[number, Address | null]> {
  return receiving(loop, sock, () => sock.recvfromInto(buf, nbytes));
}

/** `loop.sockAccept`. */
export function sockAccept(loop: SockLoop, sock: RawSocketLike): Coroutine<[RawSocketLike, Address]> {
  return receiving(loop, sock, () => sock.accept());
}

/** `loop.sockSendall`. */
function* sockSendall(loop: SockLoop, sock: RawSocketLike, data: Uint8Array): Coroutine<void> {
  checkRawSocket(loop, sock);
  if (!(data instanceof Uint8Array)) throw new TypeError('data: must be a Uint8Array');
  const total = data.length;
  let sent = 0;
  while (sent < total) {
    if (data.length !== total) throw new TypeError('data: was resized or detached while it was sent');
    const count = attempt(() => sock.send(sent === 0 ? data : data.subarray(sent)));
    if (count === WAIT) yield* writable(loop, sock);
    else sent += count;
  }
}
const sockSendallCall: typeof sockSendall = coroutine(sockSendall) as never;

/** `loop.sockSendto`. */
function* sockSendto(
  loop: SockLoop,
  sock: RawSocketLike,
  data: Uint8Array,
  address: Address,
): Coroutine<number> {
  checkRawSocket(loop, sock);
  for (;;) {
    const count = attempt(() => sock.sendto(data, address));
    if (count !== WAIT) return count;
    yield* writable(loop, sock);
  }
}
const sockSendtoCall: typeof sockSendto = coroutine(sockSendto) as never;

/** `loop.sockConnect`. */
function* sockConnect(loop: SockLoop, sock: RawSocketLike, address: Address): Coroutine<void> {
  checkRawSocket(loop, sock);
  let target = address;
  if (sock.family === AF_INET || sock.family === AF_INET6) {
    if (!Array.isArray(address))
      throw new TypeError('address: must be [host, port] for this family of socket');
    const { family, type, proto } = sock;
    const infos = yield* resolved(loop, address, { family, type, proto });
    target = infos[0]![4];
  }
  try {
    sock.connect(target);
    return;
  } catch (error) {
    if (!(error instanceof BlockingIOError || error instanceof InterruptedError)) throw error;
    // A Unix server whose queue is full: there is no attempt under way that could be waited for.
    if (sock.family === AF_UNIX) throw error;
  }
  yield* writable(loop, sock);
  const errno = sock.getsockopt(SOL_SOCKET, SO_ERROR);
  if (errno === 0) return;
  const [host, port] = target as readonly [string, number];
  throw osErrorFromErrno(errno, 'connect', { address: host, port });
}
const sockConnectCall: typeof sockConnect = coroutine(sockConnect) as never;
const receiving: typeof whenReadable = coroutine(whenReadable) as never;

export { sockSendallCall as sockSendall, sockSendtoCall as sockSendto, sockConnectCall as sockConnect };
