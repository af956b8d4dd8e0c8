import { OSError, SOCK_STREAM, osErrorFromCode } from '../base/index.ts';
import type { SocketLike } from '../base/index.ts';
import { PortEnd, type PortLike } from './port-end.ts';
import type { Invitation } from './port-listener.ts';

/** Where an invitation can be sent to: a `Worker`, another window, a port, a worker's own global scope. */
export interface PortTarget {
  postMessage(message: unknown, options: { transfer: PortLike[]; targetOrigin?: string }): void;
}

/** Keyword arguments of {@link connectPort}. */
export interface ConnectPortOptions {
  /** Which of the target's listeners is meant. Default: the one without a name. */
  readonly name?: string;
  /** For another window: the only origin that may be told. Default: one's own. */
  readonly targetOrigin?: string;
}

/**
 * A `MessagePort` as a connected stream socket: what `createConnection`, `openConnection` and `connectAcceptedSocket`
 * take as `sock`. The other port of its channel has to get a socket as well, in whatever thread or window it is.
 *
 * It owns the port: nobody else may post to it, listen to it or transfer it. It has no descriptor (`fileno()` is -1), no
 * options, and no addresses but the names that it was given.
 *
 * @example
 * ```ts
 * const [reader, writer] = yield* openConnection(null, null, { sock: new PortSocket(port) });
 * ```
 */
export class PortSocket implements SocketLike {
  readonly family = 0;
  readonly type: number = SOCK_STREAM;
  readonly proto = 0;
  readonly _end: PortEnd;
  readonly #names: readonly [sockname: string, peername: string];

  /**
   * @param port one end of a `MessageChannel`, not started
   * @param sockname what `getsockname()` returns
   * @param peername what `getpeername()` returns
   * @throws TypeError when it is no port
   */
  constructor(port: PortLike, sockname: string = '', peername: string = '') {
    if (typeof port?.postMessage !== 'function' || typeof port.start !== 'function') {
      throw new TypeError(`port: must be a MessagePort, not ${String(port)}`);
    }
    this._end = new PortEnd(port);
    this.#names = [sockname, peername];
  }

  fileno(): number {
    return -1;
  }

  getsockname(): string {
    return this.#names[0];
  }

  getpeername(): string {
    return this.#names[1];
  }

  bind(): void {
    throw unsupported('bind');
  }

  listen(): void {
    throw unsupported('listen');
  }

  setsockopt(): void {
    throw unsupported('setsockopt');
  }

  getsockopt(): number {
    throw unsupported('getsockopt');
  }

  shutdown(): void {
    throw unsupported('shutdown');
  }

  /** Closes the port; the peer finds the end of the stream. */
  close(): void {
    this._end.close();
  }

  toString(): string {
    return `<PortSocket ${JSON.stringify(this.#names[0])} to ${JSON.stringify(this.#names[1])}>`;
  }
}

/** What a port has nothing for. */
export function unsupported(call: string): OSError {
  return osErrorFromCode('EOPNOTSUPP', call);
}

/**
 * Connects to a {@link PortListener} of another thread or window: makes a channel, sends one port there, and returns the
 * socket of the other. It does not wait: what is written waits in the channel until the connection is accepted. Nobody
 * tells when there is no listener; a `timeout` around the first answer does.
 *
 * @param target where the listener is: a `Worker`, a window, a port, or a worker's `self`
 * @throws DataCloneError as the platform reports
 *
 * asyncio has no such function; it is what `socket.connect` is for others.
 *
 * @example
 * ```ts
 * const worker = new Worker('worker.mjs', { type: 'module' });
 * const [reader, writer] = yield* openConnection(null, null, { sock: connectPort(worker) });
 * ```
 */
export function connectPort(target: PortTarget, options: ConnectPortOptions = {}): PortSocket {
  const { name = '', targetOrigin } = options;
  const { port1, port2 } = new MessageChannel();
  const invitation: Invitation = { miolo: 'connect', name };
  const transfer = [port2 as PortLike];
  target.postMessage(invitation, targetOrigin === undefined ? { transfer } : { transfer, targetOrigin });
  return new PortSocket(port1 as PortLike, '', name);
}
