/** Connections over ports, and protocols that note what they are told. */
import type { MessagePort } from 'node:worker_threads';
import { Protocol, run } from 'miolo/base';
import type { Coroutine, Future, StreamReader, StreamWriter, Transport } from 'miolo/base';
import { BrowserEventLoop, PortSocket } from 'miolo/browser';

/** Runs a coroutine on a browser's loop. */
export async function inLoop<T>(main: (loop: BrowserEventLoop) => Coroutine<T>): Promise<T> {
  const loop = new BrowserEventLoop();
  return await run(main(loop), { loopFactory: () => loop });
}

/** Notes what it is told. */
export class Recorder extends Protocol {
  readonly log: string[] = [];
  transport!: Transport;
  text = '';
  error: Error | null = null;
  readonly lost: Future<void>;
  /** What `eofReceived` returns. */
  keepOpen = false;

  constructor(loop: BrowserEventLoop) {
    super();
    this.lost = loop.createFuture();
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
    this.log.push('made');
  }

  override dataReceived(data: Uint8Array): void {
    this.text += new TextDecoder().decode(data);
    this.log.push('data');
  }

  override eofReceived(): boolean {
    this.log.push('eof');
    return this.keepOpen;
  }

  override pauseWriting(): void {
    this.log.push('pause');
  }

  override resumeWriting(): void {
    this.log.push('resume');
  }

  override connectionLost(error: Error | null): void {
    this.error = error;
    this.log.push('lost');
    this.lost.setResult();
  }
}

/** Connects a port. */
export function* connect(loop: BrowserEventLoop, port: MessagePort): Coroutine<Recorder> {
  const [, recorder] = yield* loop.createConnection(() => new Recorder(loop), null, null, {
    sock: new PortSocket(port),
  });
  return recorder;
}

/** Two ends of a connection. */
export function* pair(loop: BrowserEventLoop): Coroutine<[near: Recorder, far: Recorder]> {
  const { port1, port2 } = new MessageChannel();
  return [yield* connect(loop, port1), yield* connect(loop, port2)];
}

/** Serves one connection: sends back what comes. */
export function* echo(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  for (let data = yield* reader.read(65_536); data.length > 0; data = yield* reader.read(65_536)) {
    writer.write(data);
    yield* writer.drain();
  }
  writer.close();
}

/** Turns until `condition` holds. */
export function* until(condition: () => boolean): Coroutine<void> {
  while (!condition()) yield;
}

/** A message as transports send it. */
export interface Message {
  readonly miolo: string;
  readonly at?: number;
  readonly upTo?: number;
  readonly bytes?: ArrayBuffer;
}

/** A port that plays the peer by hand. */
export class RawPeer {
  readonly received: Message[] = [];
  readonly port: MessagePort;

  constructor(port: MessagePort) {
    this.port = port;
    port.addEventListener('message', (event) => this.received.push((event as MessageEvent).data as Message));
    port.start();
  }

  send(message: unknown): void {
    this.port.postMessage(message);
  }

  /** Sends text from this position of the stream on. */
  sendText(at: number, text: string): void {
    this.send({ miolo: 'data', at, bytes: new TextEncoder().encode(text).slice().buffer });
  }

  /** Whether a message of this kind has come. */
  has(kind: string): boolean {
    return this.received.some(({ miolo }) => miolo === kind);
  }
}

/** A connection whose peer is played by hand; the port of that is closed with the loop's run. */
export function* withRawPeer(loop: BrowserEventLoop): Coroutine<[recorder: Recorder, peer: RawPeer]> {
  const { port1, port2 } = new MessageChannel();
  const peer = new RawPeer(port2);
  return [yield* connect(loop, port1), peer];
}
