import { ValueError } from './exceptions.ts';
import { OSError } from './os-error.ts';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_REUSEPORT,
  TCP_NODELAY,
} from './socket-constants.ts';
import type { SocketLike } from './socket-like.ts';

/**
 * Makes small writes of a TCP socket leave at once. Does nothing to other sockets. asyncio:
 * `base_events._set_nodelay`. Difference: a protocol number of 0 counts as TCP's, which it means for these sockets.
 *
 * @throws OSError as the system reports
 */
export function _setNodelay(sock: Pick<SocketLike, 'family' | 'type' | 'proto' | 'setsockopt'>): void {
  if (sock.family !== AF_INET && sock.family !== AF_INET6) return;
  if (sock.type !== SOCK_STREAM || (sock.proto !== IPPROTO_TCP && sock.proto !== 0)) return;
  sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
}

/**
 * Lets several sockets listen on the same port. asyncio: `base_events._set_reuseport`.
 *
 * @throws ValueError where the system refuses the option
 */
export function _setReuseport(sock: Pick<SocketLike, 'setsockopt'>): void {
  try {
    sock.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1);
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    throw new ValueError('reusePort is not supported: SO_REUSEPORT is defined but not implemented', {
      cause: error,
    });
  }
}
