/** A loop whose hooks all do what they must, the calls that use them, and how a hook is put wrong. */
import { Protocol, SOCK_DGRAM, SOCK_STREAM, Transport, _SendfileMode, ensureFuture, sleep } from 'miolo/base';
import type { Coroutine, Future, SocketLike, WriteTransport } from 'miolo/base';
import { NullSocket } from './null-socket.js';
import { RecordingLoop, logOf, outcome } from './support.js';

export class Quiet extends Transport {
  readonly _sendfileCompatible = _SendfileMode.TRY_NATIVE;
  override close(): void {}
  override isClosing = (): boolean => false;
}

type Waiter = Future<void> | null | undefined;

/** A loop whose hooks all do what they must; a case replaces one of them. Its sockets are counted. */
export class NullLoop extends RecordingLoop {
  readonly sockets: NullSocket[] = [];

  override _makeSocket(family = 2, type: number = SOCK_STREAM): NullSocket {
    const sock = new NullSocket(family, type);
    this.sockets.push(sock);
    return sock;
  }

  override _startServing(): void {}

  override _stopServing(sock: SocketLike): void {
    sock.close();
  }

  #make(protocol: Protocol, waiter: Waiter): never {
    const transport = new Quiet();
    this.callSoon(() => protocol.connectionMade(transport));
    this.callSoon(() => waiter?.setResult());
    return transport as never;
  }

  override _makeSocketTransport = (_sock: unknown, protocol: unknown, waiter?: Waiter): never =>
    this.#make(protocol as Protocol, waiter);
  override _makeSslTransport = (_sock: unknown, protocol: unknown, _ssl: unknown, waiter?: Waiter): never =>
    this.#make(protocol as Protocol, waiter);
  override _makeDatagramTransport = (
    _sock: unknown,
    protocol: unknown,
    _to: unknown,
    waiter?: Waiter,
  ): never => this.#make(protocol as Protocol, waiter);
  override _makeReadPipeTransport = (_pipe: unknown, protocol: unknown, waiter?: Waiter): never =>
    this.#make(protocol as Protocol, waiter);
  override _makeWritePipeTransport = (_pipe: unknown, protocol: unknown, waiter?: Waiter): never =>
    this.#make(protocol as Protocol, waiter);

  override _removeReader = (): boolean => true;
  override _removeWriter = (): boolean => true;
}

// --- calls that use the hooks ------------------------------------------------------------------------------

export type Call = (loop: NullLoop) => Coroutine<unknown>;

export const protocol = (): Protocol => new Protocol();
export const connect: Call = (loop) => loop.createConnection(protocol, '127.0.0.1', 1);
export const connectRacing: Call = (loop) =>
  loop.createConnection(protocol, '127.0.0.1', 1, { happyEyeballsDelay: 1 });
export const connectName: Call = (loop) => loop.createConnection(protocol, 'name', 1);
export const connectSsl: Call = (loop) => loop.createConnection(protocol, '127.0.0.1', 1, { ssl: {} });
export const connectUnix: Call = (loop) => loop.createUnixConnection(protocol, '/x');
export const accept: Call = (loop) => loop.connectAcceptedSocket(protocol, loop._makeSocket());
export const serve: Call = (loop) => loop.createServer(protocol, '127.0.0.1', 0);
export const datagrams: Call = (loop) => loop.createDatagramEndpoint(protocol as never, ['127.0.0.1', 1]);
export const readPipe: Call = (loop) => loop.connectReadPipe(protocol, 1);
export const writePipe: Call = (loop) => loop.connectWritePipe(protocol, 1);
export const receive: Call = (loop) => loop.sockRecv(new NullSocket(), 1);
export const send: Call = (loop) =>
  loop.sockSendto(new NullSocket(2, SOCK_DGRAM), new Uint8Array(1), ['x', 1]);
export const connectSock: Call = (loop) => loop.sockConnect(new NullSocket(), ['127.0.0.1', 1]);
export const sendfile: Call = (loop) => loop.sendfile(new Quiet() as WriteTransport, 1);

export function sockSendfile(loop: NullLoop): Coroutine<unknown> {
  loop._checkSendfileParams = () => {};
  return loop.sockSendfile(new NullSocket(), 1);
}

export function* serveAndClose(loop: NullLoop): Coroutine<void> {
  const server = yield* loop.createServer(protocol, ['127.0.0.1', '127.0.0.2'], 0);
  try {
    server.close();
  } finally {
    // Whatever the hook did: who waits for the end is not left.
    yield* server.waitClosed();
  }
}

/** Runs `call` on a loop with that hook, and then the loop goes on: what it throws and reports, the sockets left open. */
export function misuse(
  call: Call,
  hooks: Record<string, unknown>,
  debug: boolean,
): [error: unknown, reports: string[], open: number] {
  const loop = new NullLoop();
  loop.setDebug(debug);
  Object.assign(loop, hooks);
  let error: unknown;
  // In debug mode the log tells of sockets that cannot be made.
  logOf(() => {
    error = loop.complete(function* () {
      const thrown = yield* outcome(ensureFuture(call(loop)));
      yield* sleep(1);
      return thrown;
    });
  });
  const open = loop.sockets.filter((sock) => !sock.closed).length;
  loop.complete(() => sleep(1));
  loop.close();
  return [error, loop.reports.map((report) => report.message ?? ''), open];
}

export const messageOf = (error: unknown): string => (error as Error | null)?.message ?? '';
