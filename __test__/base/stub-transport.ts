/** A transport whose other end is the test. */
import { NotImplementedError, StreamReader, StreamReaderProtocol, StreamWriter, Transport } from 'miolo/base';
import type { Loop } from 'miolo/base';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** Notes what is asked of it. */
export class StubTransport extends Transport {
  readonly log: string[] = [];
  closing = false;

  override pauseReading(): void {
    this.log.push('pause');
  }

  override resumeReading(): void {
    this.log.push('resume');
  }

  override write(data: Uint8Array | string): void {
    this.log.push(`write ${typeof data === 'string' ? data : text(data)}`);
  }

  override writeEof(): void {
    this.log.push('eof');
  }

  override canWriteEof(): boolean {
    return true;
  }

  override isClosing(): boolean {
    return this.closing;
  }

  override close(): void {
    this.closing = true;
    this.log.push('close');
  }
}

/** One that cannot be paused. */
export class UnpausableTransport extends StubTransport {
  override pauseReading(): void {
    this.log.push('pause refused');
    throw new NotImplementedError('cannot pause');
  }
}

/** A stream whose transport is a stub. */
export class StubStream {
  readonly transport = new StubTransport({ peername: ['192.0.2.1', 7] });
  readonly reader: StreamReader;
  readonly protocol: StreamReaderProtocol;
  readonly writer: StreamWriter;

  constructor(loop: Loop) {
    this.reader = new StreamReader(undefined, loop);
    this.protocol = new StreamReaderProtocol(this.reader, null, loop);
    this.protocol.connectionMade(this.transport);
    this.writer = new StreamWriter(this.transport, this.protocol, this.reader, loop);
  }
}
