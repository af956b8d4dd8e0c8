/** What the calls that are given a socket refuse. */
import { ValueError } from './exceptions.ts';
import type { RawSocketLike, SocketLike } from './socket-like.ts';

/**
 * Refuses a socket that encrypts, by its `encrypted`: what a loop sends by the descriptor would leave in the clear, past
 * the encryption.
 *
 * @throws TypeError for a socket whose `encrypted` is true
 *
 * asyncio: `base_events._check_ssl_socket`.
 */
export function _checkSslSocket(sock: SocketLike): void {
  if (sock.encrypted === true) throw new TypeError('sock: cannot be a TLS socket');
}

/** Refuses what no call on bare sockets can use: no socket, one that encrypts, in debug mode one that waits. */
export function checkRawSocket(loop: { getDebug(): boolean }, sock: RawSocketLike): void {
  if (typeof (sock as RawSocketLike | null)?.fileno !== 'function')
    throw new TypeError('sock: must be a socket');
  _checkSslSocket(sock);
  if (!loop.getDebug() || sock.gettimeout === undefined) return;
  if (sock.gettimeout() !== 0) throw new ValueError('sock: the socket must be non-blocking');
}
