import {
  ConnectionResetError,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  Transport,
} from 'miolo/base';
import type { Loop, Protocol } from 'miolo/base';

const EOF = Symbol('eof');
const CLOSE = Symbol('close');

/** How a pipe behaves: seconds of delay, marks in bytes, the readers' limit. */
export interface PipeOptions {
  readonly limit: number;
  readonly delay: number;
  readonly high: number;
  readonly low: number;
}

/** One end of a connection in memory. Chunks reach the peer one a pump. */
export class MemoryTransport extends Transport {
  readonly #loop: Loop;
  readonly #options: PipeOptions;
  protocol!: Protocol;
  peer!: MemoryTransport;
  #out: (Uint8Array | typeof EOF | typeof CLOSE)[] = [];
  outSize = 0;
  #stalled = 0;
  closing = false;
  #eof = false;
  #lost = false;
  readingPaused = false;
  writingPaused = false;

  constructor(loop: Loop, options: PipeOptions) {
    super();
    this.#loop = loop;
    this.#options = options;
  }

  override isClosing(): boolean {
    return this.closing;
  }

  override canWriteEof(): boolean {
    return true;
  }

  #push(chunk: Uint8Array | typeof EOF | typeof CLOSE): void {
    this.#out.push(chunk);
    const pump = (): void => this.#pump();
    if (this.#options.delay > 0) this.#loop.callLater(this.#options.delay, pump);
    else this.#loop.callSoon(pump);
  }

  override write(data: Uint8Array): void {
    if (data.length === 0 || this.closing || this.#eof) return;
    this.outSize += data.length;
    this.#push(data);
    if (this.outSize > this.#options.high && !this.writingPaused) {
      this.writingPaused = true;
      this.protocol.pauseWriting();
    }
  }

  override writeEof(): void {
    if (this.closing || this.#eof) return;
    this.#eof = true;
    this.#push(EOF);
  }

  override close(): void {
    if (this.closing) return;
    this.closing = true;
    this.#push(CLOSE);
  }

  override abort(): void {
    this.closing = true;
    this.#out = [];
    this.outSize = 0;
    this.#stalled = 0;
    this.#drop(null);
    this.peer.closing = true;
    this.peer.#drop(new ConnectionResetError('peer aborted'));
  }

  #drop(error: Error | null): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#loop.callSoon(() => this.protocol.connectionLost(error));
  }

  #pump(): void {
    if (this.#lost || this.#out.length === 0) return;
    const peer = this.peer;
    if (peer.readingPaused && !peer.#lost) {
      this.#stalled++;
      return;
    }
    const chunk = this.#out.shift()!;
    if (chunk === CLOSE) {
      this.#drop(null);
      peer.closing = true;
      peer.#drop(null);
    } else if (chunk === EOF) {
      if (!peer.#lost) peer.protocol.eofReceived();
    } else {
      this.outSize -= (chunk as Uint8Array).length;
      if (!peer.#lost) peer.protocol.dataReceived(chunk as Uint8Array);
      if (this.writingPaused && this.outSize <= this.#options.low) {
        this.writingPaused = false;
        this.protocol.resumeWriting();
      }
    }
  }

  override pauseReading(): void {
    this.readingPaused = true;
  }

  override resumeReading(): void {
    this.readingPaused = false;
    const peer = this.peer;
    const stalled = peer.#stalled;
    peer.#stalled = 0;
    for (let i = 0; i < stalled; i++) this.#loop.callSoon(() => peer.#pump());
  }
}

/** What a program holds of one end. */
export class Endpoint {
  readonly transport: MemoryTransport;
  readonly reader: StreamReader;
  readonly writer: StreamWriter;

  constructor(loop: Loop, transport: MemoryTransport, limit: number) {
    this.transport = transport;
    this.reader = new StreamReader(limit, loop);
    const protocol = new StreamReaderProtocol(this.reader, null, loop);
    transport.protocol = protocol;
    protocol.connectionMade(transport);
    this.writer = new StreamWriter(transport, protocol, this.reader, loop);
  }
}
