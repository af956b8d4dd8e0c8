import test from 'ava';
import {
  BufferedProtocol,
  DelimitedProtocol,
  FixedSizeProtocol,
  type FrameError,
  FrameProtocol,
  FrameTooLargeError,
  FrameTruncatedError,
  HeaderProtocol,
  LengthPrefixedProtocol,
  Transport,
  ValueError,
  _feedDataToBufferedProto,
} from 'miolo/base';

class StubTransport extends Transport {
  readonly calls: string[] = [];

  override isClosing(): boolean {
    return this.calls.includes('abort') || this.calls.includes('close');
  }

  override pauseReading(): void {
    this.calls.push('pause');
  }

  override resumeReading(): void {
    this.calls.push('resume');
  }

  override close(): void {
    this.calls.push('close');
  }

  override abort(): void {
    this.calls.push('abort');
  }
}

interface Record {
  readonly frames: string[];
  readonly kept: Uint8Array[];
  readonly errors: FrameError[];
  readonly transport: StubTransport;
  /** Frames after which the handler says stop. */
  stopAfter: number;
  feed(data: Uint8Array | string, pieces?: number): void;
}

/** Notes what a protocol is told. */
function record(protocol: FrameProtocol): Record {
  const transport = new StubTransport();
  const it: Record = {
    frames: [],
    kept: [],
    errors: [],
    transport,
    stopAfter: Infinity,
    feed(data, pieces = Infinity) {
      const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
      for (let at = 0; at < bytes.length; at += pieces) {
        _feedDataToBufferedProto(protocol, bytes.subarray(at, at + pieces));
      }
    },
  };
  protocol.frameReceived = (frame) => {
    it.frames.push(Buffer.from(frame).toString('latin1'));
    it.kept.push(frame);
    return it.frames.length < it.stopAfter;
  };
  protocol.frameError = (error) => void it.errors.push(error);
  protocol.connectionMade(transport);
  return it;
}

class Sized extends HeaderProtocol {
  override bodySize(header: Uint8Array): number {
    return header[1]!;
  }
}

for (const pieces of [1, 2, 3, 1000]) {
  test(`frames are the same when bytes come ${pieces} at a time`, (t) => {
    for (const prefix of [1, 2, 4] as const) {
      for (const littleEndian of [false, true]) {
        const protocol = new LengthPrefixedProtocol({ prefix, littleEndian });
        const it = record(protocol);
        const texts = ['one', '', 'three'];
        it.feed(Buffer.concat(texts.map((text) => protocol.encode(Buffer.from(text)))), pieces);
        t.deepEqual(it.frames, texts);
      }
    }
    const lines = record(new DelimitedProtocol(Buffer.from('\r\n')));
    lines.feed('a\r\n\r\nb\rc\r\nrest', pieces);
    t.deepEqual(lines.frames, ['a', '', 'b\rc']);
    const fixed = record(new FixedSizeProtocol(3));
    fixed.feed('abcdefgh', pieces);
    t.deepEqual(fixed.frames, ['abc', 'def']);
    const headed = record(new Sized(2));
    headed.feed('x\u0002aby\u0000z\u0001c', pieces);
    t.deepEqual(headed.frames, ['x\u0002ab', 'y\u0000', 'z\u0001c']);
  });
}

test('the length is written in the order of bytes that was asked for', (t) => {
  const content = new Uint8Array(258);
  t.deepEqual([...new LengthPrefixedProtocol({ prefix: 2 }).encode(content).subarray(0, 2)], [1, 2]);
  const little = new LengthPrefixedProtocol({ prefix: 4, littleEndian: true });
  t.deepEqual([...little.encode(content).subarray(0, 4)], [2, 1, 0, 0]);
  t.throws(() => new LengthPrefixedProtocol({ prefix: 1 }).encode(content), {
    instanceOf: FrameTooLargeError,
  });
});

test('frames larger than the buffer arrive whole', (t) => {
  const protocol = new LengthPrefixedProtocol();
  const it = record(protocol);
  const large = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
  it.feed(Buffer.concat([protocol.encode(Buffer.from('x')), protocol.encode(large)]), 777);
  t.is(it.frames[1], large.toString('latin1'));
});

test('a frame may be kept, unless the protocol borrows', (t) => {
  class Borrowing extends LengthPrefixedProtocol {
    override readonly borrowsFrames: boolean = true;
  }
  for (const [protocol, same] of [
    [new LengthPrefixedProtocol({ prefix: 1 }), 'aaa'],
    [new Borrowing({ prefix: 1 }), 'bbb'],
  ] as const) {
    const it = record(protocol);
    it.feed(protocol.encode(Buffer.from('aaa')));
    it.feed(protocol.encode(Buffer.from('bbb')));
    t.is(Buffer.from(it.kept[0]!).toString(), same);
  }
});

test('a handler that says stop pauses reading, and goes on with the frames that are here', (t) => {
  const protocol = new DelimitedProtocol();
  const it = record(protocol);
  it.stopAfter = 2;
  it.feed('a\nb\nc\nd');
  t.deepEqual(it.frames, ['a', 'b']);
  t.deepEqual(it.transport.calls, ['pause']);
  it.stopAfter = Infinity;
  protocol.resumeFrames();
  t.deepEqual(it.frames, ['a', 'b', 'c']);
  t.deepEqual(it.transport.calls, ['pause', 'resume']);
});

test('the end of the stream waits for frames that were stopped', (t) => {
  const protocol = new DelimitedProtocol();
  const it = record(protocol);
  it.stopAfter = 1;
  it.feed('a\nb\n');
  t.true(protocol.eofReceived());
  it.stopAfter = Infinity;
  protocol.resumeFrames();
  t.deepEqual(it.frames, ['a', 'b']);
  t.deepEqual(it.transport.calls, ['pause', 'close']);
});

test('a frame above the limit aborts the connection with an error, before its bytes have come', (t) => {
  const prefixed = record(new LengthPrefixedProtocol({ maxFrame: 10 }));
  prefixed.feed(new Uint8Array([0, 0, 0, 11]));
  const delimited = record(new DelimitedProtocol(Buffer.from('\n'), { maxFrame: 10 }));
  delimited.feed('x'.repeat(12));
  const headed = record(new Sized(2, { maxFrame: 10 }));
  headed.feed('x\u0009');
  for (const it of [prefixed, delimited, headed]) {
    t.true(it.errors[0] instanceof FrameTooLargeError);
    t.deepEqual(it.transport.calls, ['abort']);
    t.deepEqual(it.frames, []);
  }
});

test('a frame of exactly the limit is delivered', (t) => {
  const delimited = record(new DelimitedProtocol(Buffer.from('\r\n'), { maxFrame: 4 }));
  delimited.feed('abcd\r\n', 1);
  t.deepEqual(delimited.frames, ['abcd']);
});

test('a stream that ends within a frame is an error', (t) => {
  const protocol = new FixedSizeProtocol(4);
  const it = record(protocol);
  it.feed('abcdef');
  t.false(protocol.eofReceived());
  t.true(it.errors[0] instanceof FrameTruncatedError);
});

test('sizes that mean nothing are refused', (t) => {
  t.true(new FixedSizeProtocol(1) instanceof BufferedProtocol);
  t.throws(() => new FixedSizeProtocol(0), { instanceOf: ValueError });
  t.throws(() => new DelimitedProtocol(new Uint8Array(0)), { instanceOf: ValueError });
  t.throws(() => new LengthPrefixedProtocol({ prefix: 3 as 4 }), { instanceOf: ValueError });
  t.throws(() => new Sized(0), { instanceOf: ValueError });
});
