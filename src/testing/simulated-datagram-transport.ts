import {
  DatagramTransport,
  OSError,
  SOCK_DGRAM,
  ValueError,
  copyContext,
  isExit,
  osErrorFromCode,
} from '../base/index.ts';
import type { Address, BaseProtocol, Context, DatagramProtocol, ExtraInfo, Future } from '../base/index.ts';
import type { SimulatedLoop } from './simulated-loop.ts';
import type { SimulatedSocket } from './simulated-socket.ts';
import type { HostAddress } from './simulated-stream.ts';

/** Bytes of the largest datagram. */
const LARGEST = 65_507;

/** The datagram transport of the simulated network. A datagram leaves at once: there is no buffer to wait in. */
export class SimulatedDatagramTransport extends DatagramTransport {
  readonly #loop: SimulatedLoop;
  readonly #socket: SimulatedSocket;
  readonly #address: HostAddress | null;
  readonly #context: Context = copyContext();
  #protocol: DatagramProtocol | null;
  #queued = false;
  #closing = false;

  constructor(
    loop: SimulatedLoop,
    sock: SimulatedSocket,
    protocol: DatagramProtocol,
    address: Address | null,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
  ) {
    if (sock.type !== SOCK_DGRAM) throw osErrorFromCode('EPROTOTYPE', 'recvfrom');
    super({
      socket: sock,
      sockname: sock.getsockname(),
      ...(address === null ? {} : { peername: address }),
      ...extra,
    });
    this.#loop = loop;
    this.#socket = sock;
    this.#protocol = protocol;
    this.#address = address === null ? null : checkAddress(address);
    loop.callSoon(() => protocol.connectionMade(this));
    loop.callSoon(() => this.#start());
    if (waiter !== null) {
      loop.callSoon(() => {
        if (!waiter.done()) waiter.setResult();
      });
    }
  }

  override setProtocol(protocol: BaseProtocol): void {
    this.#protocol = protocol as DatagramProtocol;
  }

  override getProtocol(): BaseProtocol | null {
    return this.#protocol;
  }

  #start(): void {
    if (this.#closing) return;
    this.#socket._onDatagram = () => this.#wake();
    this.#wake();
  }

  #wake(): void {
    if (this.#queued || this.#closing) return;
    this.#queued = true;
    this.#loop.callSoon(() => this.#run(), [], { context: this.#context });
  }

  /** One datagram, or one error, a handle. */
  #run(): void {
    this.#queued = false;
    if (this.#closing) return;
    const sock = this.#socket;
    const error = sock._errors.shift();
    const next = error === undefined ? sock._nextDatagram() : undefined;
    if (sock._errors.length > 0 || sock._datagrams.length > 0) this.#wake();
    try {
      if (error !== undefined) this.#protocol?.errorReceived(error);
      else if (next !== undefined) this.#protocol?.datagramReceived(...next);
    } catch (failure) {
      // Any error of the protocol's costs it the endpoint; only exits pass.
      if (isExit(failure)) throw failure;
      this.#fatalError(failure, 'Fatal read error on datagram transport');
    }
  }

  override sendto(data: Uint8Array, address: Address | null = null): void {
    if (!(data instanceof Uint8Array)) throw new TypeError('data: must be a Uint8Array');
    const to = address === null ? this.#address : checkAddress(address);
    if (to === null) throw new ValueError('address: the endpoint has no remote address to fall back to');
    if (this.#address !== null && (to[0] !== this.#address[0] || to[1] !== this.#address[1])) {
      throw new ValueError(`address: must be null or ${this.#address.join(':')}`);
    }
    if (this.#closing) return;
    if (data.length > LARGEST) {
      const error = osErrorFromCode('EMSGSIZE', 'sendto', { address: to[0], port: to[1] });
      this.#protocol?.errorReceived(error);
      return;
    }
    this.#socket._sendto(data, to);
  }

  /** Nothing ever waits to be sent. */
  getWriteBufferSize(): number {
    return 0;
  }

  override isClosing(): boolean {
    return this.#closing;
  }

  override close(): void {
    this.#close(null);
  }

  override abort(): void {
    this.#close(null);
  }

  #fatalError(error: unknown, message: string): void {
    if (!(error instanceof OSError)) {
      this.#loop.callExceptionHandler({
        message,
        exception: error,
        transport: this,
        protocol: this.#protocol,
      });
    }
    this.#close(error);
  }

  #close(error: unknown): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#loop.callSoon(
      () => {
        try {
          this.#protocol?.connectionLost((error ?? null) as Error | null);
        } finally {
          this.#socket.close();
          this.#protocol = null;
        }
      },
      [],
      { context: this.#context },
    );
  }

  override toString(): string {
    return `<SimulatedDatagramTransport of ${this.#socket.life.host.name}${this.#closing ? ' closing' : ''}>`;
  }
}

function checkAddress(address: Address): HostAddress {
  const [host, port] = address as readonly [unknown, unknown];
  if (typeof address === 'string' || typeof host !== 'string' || typeof port !== 'number') {
    throw new TypeError('address: must be [host, port]');
  }
  return [host, port];
}
