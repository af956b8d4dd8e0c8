import test from 'ava';
import {
  BaseStreamTransport,
  BufferedProtocol,
  ConnectionResetError,
  ContextVar,
  Protocol,
  RuntimeError,
  SystemExit,
  copyContext,
} from 'miolo/base';
import type { BaseProtocol, Future, Loop, Server, StreamTransportOptions, Transport } from 'miolo/base';
import { RecordingLoop, logOf } from './support.js';
import { bytes, text } from './stub-transport.js';

/** A transport whose peer is the test. */
class TestTransport extends BaseStreamTransport {
  /** What is to be read: an empty piece is the end of the stream. */
  readonly incoming: (Uint8Array | Error)[] = [];
  /** Bytes that the channel takes. */
  room = Infinity;
  sent = '';
  readonly log: string[] = [];
  /** In the place of taking bytes. */
  onSend: ((data: Uint8Array) => number) | null = null;

  override _startReading(): void {
    this.log.push('start');
  }

  override _stopReading(): void {
    this.log.push('stop');
  }

  override _recv(): Uint8Array | null {
    const next = this.incoming.shift() ?? null;
    if (next instanceof Error) throw next;
    return next;
  }

  override _isReadable(): boolean {
    return this.incoming.length > 0;
  }

  override _send(data: Uint8Array): number {
    if (this.onSend !== null) return this.onSend(data);
    const count = Math.min(data.length, this.room);
    this.room -= count;
    this.sent += text(data.subarray(0, count));
    return count;
  }

  override _sendEof(): void {
    this.sent += '$';
  }

  override _closeChannel(): void {
    this.log.push('channel closed');
  }

  /** The peer sends pieces, and perhaps an error. */
  arrive(...pieces: (string | Error)[]): void {
    for (const piece of pieces) this.incoming.push(typeof piece === 'string' ? bytes(piece) : piece);
    this._wake();
  }

  /** The channel takes so many bytes more. */
  makeRoom(count: number): void {
    this.room += count;
    this._wake();
  }
}

type On = (transport: TestTransport) => void;

/** Notes what it is told, and does what a test wants then. */
class Noting extends Protocol {
  readonly log: string[] = [];
  transport!: TestTransport;
  readonly on: Partial<Record<string, On>> = {};
  keepOpen = false;

  protected note(entry: string, method: string): void {
    this.log.push(entry);
    this.on[method]?.(this.transport);
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport as TestTransport;
    this.note('made', 'made');
  }

  override dataReceived(data: Uint8Array): void {
    this.note(text(data), 'data');
  }

  override eofReceived(): boolean {
    this.note('eof', 'eof');
    return this.keepOpen;
  }

  override pauseWriting(): void {
    this.note('pause', 'pause');
  }

  override resumeWriting(): void {
    this.note('resume', 'resume');
  }

  override connectionLost(error: Error | null): void {
    this.note(`lost ${error?.message ?? 'null'}`, 'lost');
  }
}

/** The same with memory of its own, which has room for so many bytes. */
function noteBuffered(size: number, protocol = new Noting()): Noting {
  const memory = new Uint8Array(size);
  return Object.assign(protocol, {
    getBuffer: () => memory,
    bufferUpdated: (count: number) => protocol.dataReceived(memory.slice(0, count)),
  } satisfies Pick<BufferedProtocol, 'getBuffer' | 'bufferUpdated'>);
}

/** A loop, and a connection in it. */
function connect<P extends BaseProtocol = Noting>(
  protocol: P = new Noting() as BaseProtocol as P,
  options?: StreamTransportOptions,
): { loop: RecordingLoop; transport: TestTransport; protocol: P } {
  const loop = new RecordingLoop();
  const transport = new TestTransport(loop as unknown as Loop, protocol, null, options);
  return { loop, transport, protocol };
}

/** The same, connected. */
function connected(protocol: Noting = new Noting()): ReturnType<typeof connect<Noting>> {
  const made = connect(protocol);
  turn(made.loop);
  protocol.log.length = 0;
  made.transport.log.length = 0;
  return made;
}

function turn(loop: RecordingLoop, times = 5): void {
  for (; times > 0; times--) loop.turn();
}

test('connectionMade comes first, then reading starts, then the waiter is done', (t) => {
  const loop = new RecordingLoop();
  const order: string[] = [];
  const waiter: Future<void> = loop.createFuture<void>();
  const protocol = new Noting();
  protocol.on.made = () => order.push(`made, waiter ${waiter.done()}, ${transport.log.length} calls`);
  protocol.on.data = () => order.push(`data, waiter ${waiter.done()}`);
  const transport = new TestTransport(loop as unknown as Loop, protocol, waiter);
  transport.arrive('early');
  t.deepEqual(protocol.log, [], 'nothing from inside of the constructor');
  turn(loop);
  t.deepEqual(order, ['made, waiter false, 0 calls', 'data, waiter true']);
  t.deepEqual([transport.log, protocol.log], [['start'], ['made', 'early']]);
});

test('a protocol that aborts in connectionMade is lost, and reading never starts', (t) => {
  const { loop, transport, protocol } = connect();
  protocol.on.made = () => transport.abort();
  transport.arrive('never read');
  turn(loop);
  t.deepEqual(protocol.log, ['made', 'lost null']);
  t.deepEqual(transport.log, ['stop', 'channel closed']);
});

test('other handles have their turn between two pieces', (t) => {
  const { loop, transport, protocol } = connected();
  protocol.on.data = () => void loop.callSoon(() => protocol.log.push('other'));
  transport.arrive('a', 'b', '');
  turn(loop);
  t.deepEqual(protocol.log, ['a', 'other', 'b', 'other', 'eof', 'lost null']);
});

test('a paused transport takes nothing from its channel', (t) => {
  const { loop, transport, protocol } = connected();
  protocol.on.data = () => transport.pauseReading();
  transport.arrive('a', 'b');
  turn(loop);
  t.deepEqual([protocol.log, transport.incoming.length, transport.isReading()], [['a'], 1, false]);
  transport.resumeReading();
  turn(loop);
  t.deepEqual(protocol.log, ['a', 'b']);
});

test('a buffered protocol is given a piece in as many rounds as its memory needs', (t) => {
  const { loop, transport, protocol } = connected(noteBuffered(4));
  transport.arrive('0123456789');
  turn(loop);
  t.deepEqual(protocol.log, ['0123', '4567', '89']);
});

test('what a buffered protocol leaves of a piece by a pause comes first after it', (t) => {
  const { loop, transport, protocol } = connected(noteBuffered(4));
  protocol.on.data = () => transport.pauseReading();
  transport.arrive('0123456789', 'next');
  turn(loop);
  t.deepEqual(protocol.log, ['0123']);
  delete protocol.on.data;
  transport.resumeReading();
  turn(loop);
  t.deepEqual(protocol.log, ['0123', '4567', '89', 'next']);
});

test('what is left of a piece when the protocol is replaced goes to the new one', (t) => {
  const { loop, transport, protocol } = connected(noteBuffered(4));
  const other = new Noting();
  protocol.on.data = () => transport.setProtocol(other);
  transport.arrive('0123456789', 'next');
  turn(loop);
  t.deepEqual([protocol.log, other.log], [['0123'], ['456789', 'next']]);
  t.is(transport.getProtocol(), other);
});

test('the end of the stream closes unless eofReceived says otherwise, and is told once', (t) => {
  for (const keepOpen of [false, true]) {
    const { loop, transport, protocol } = connected();
    protocol.keepOpen = keepOpen;
    transport.arrive('', '');
    turn(loop);
    t.deepEqual(protocol.log, keepOpen ? ['eof'] : ['eof', 'lost null']);
    t.is(transport.isClosing(), !keepOpen);
  }
});

test('what the channel does not take waits, in order, and the end of the stream behind it', (t) => {
  const { loop, transport } = connected();
  transport.room = 3;
  transport.write('abcde');
  transport.write('fg');
  transport.writeEof();
  t.deepEqual([transport.sent, transport.getWriteBufferSize()], ['abc', 4]);
  transport.makeRoom(3);
  turn(loop);
  t.deepEqual([transport.sent, transport.getWriteBufferSize()], ['abcdef', 1]);
  transport.makeRoom(10);
  turn(loop);
  t.is(transport.sent, 'abcdefg$');
  transport.writeEof();
  t.throws(() => transport.write('x'), { instanceOf: RuntimeError });
  t.is(transport.sent, 'abcdefg$');
});

test('what was written belongs to its writer again, a Buffer too', (t) => {
  for (const data of [bytes('abc'), Buffer.from('abc')]) {
    const { loop, transport } = connected();
    transport.room = 1;
    transport.write(data);
    data.fill(0x78);
    transport.makeRoom(10);
    turn(loop);
    t.is(transport.sent, 'abc');
  }
});

test('the protocol is paused above the high mark and resumed at the low one, once each', (t) => {
  const { loop, transport, protocol } = connected();
  transport.room = 0;
  transport.setWriteBufferLimits(4, 2);
  transport.write('abcd');
  t.deepEqual(protocol.log, []);
  transport.write('e');
  transport.write('f');
  t.deepEqual(protocol.log, ['pause'], 'from inside of the write');
  transport.makeRoom(3);
  turn(loop);
  t.deepEqual(protocol.log, ['pause']);
  transport.makeRoom(1);
  turn(loop);
  t.deepEqual(protocol.log, ['pause', 'resume']);
});

test('close() sends what waits and delivers nothing more', (t) => {
  const { loop, transport, protocol } = connected();
  transport.room = 1;
  transport.write('abc');
  transport.close();
  transport.close();
  transport.arrive('too late');
  transport.write('d');
  turn(loop);
  t.deepEqual([protocol.log, transport.log, transport.isClosing()], [[], ['stop'], true]);
  t.is(String(transport), '<TestTransport closing>');
  transport.makeRoom(10);
  turn(loop);
  t.deepEqual([transport.sent, protocol.log], ['abcd', ['lost null']]);
  t.deepEqual(transport.log, ['stop', 'channel closed']);
  t.is(transport.getProtocol(), null);
});

test('abort() drops what waits, and connectionLost comes once, in the next turn', (t) => {
  const { loop, transport, protocol } = connected();
  transport.room = 1;
  transport.write('abc');
  transport.close();
  transport.abort();
  transport.abort();
  t.deepEqual([protocol.log, transport.getWriteBufferSize()], [[], 0]);
  turn(loop, 1);
  t.deepEqual([protocol.log, transport.sent], [['lost null'], 'a']);
  transport.abort();
  transport.makeRoom(10);
  turn(loop);
  t.deepEqual([protocol.log, transport.log], [['lost null'], ['stop', 'channel closed']]);
});

test('a protocol that closes or writes in resumeWriting is heard before the transport goes on', (t) => {
  const { loop, transport, protocol } = connected();
  transport.setWriteBufferLimits(0);
  transport.room = 0;
  protocol.on.resume = () => {
    transport.write('last');
    transport.close();
  };
  transport.write('first,');
  transport.arrive('never delivered');
  transport.makeRoom(100);
  turn(loop);
  t.is(transport.sent, 'first,last');
  t.deepEqual(protocol.log, ['pause', 'resume', 'lost null']);
});

test('an OSError of the channel is told to the protocol, and reported to nobody', (t) => {
  for (const fail of [
    (transport: TestTransport) => transport.arrive('before', new ConnectionResetError('gone')),
    (transport: TestTransport) => {
      transport.arrive('before');
      turn(transport._loop as unknown as RecordingLoop);
      transport.onSend = () => {
        throw new ConnectionResetError('gone');
      };
      transport.write('x');
    },
  ]) {
    const { loop, transport, protocol } = connected();
    fail(transport);
    turn(loop);
    t.deepEqual([protocol.log, loop.reports], [['before', 'lost gone'], []]);
  }
});

test('in debug mode an OSError of the channel is in the log', (t) => {
  const { loop, transport } = connected();
  loop.setDebug(true);
  const lines = logOf(() => {
    transport.arrive(new ConnectionResetError('gone'));
    turn(loop);
  });
  t.deepEqual(
    lines.map(([level, message]) => [level, message]),
    [['debug', '<TestTransport open>: Fatal read error on stream transport']],
  );
});

test('another error of the channel is reported as well', (t) => {
  const { loop, transport, protocol } = connected();
  const error = new RangeError('mine');
  transport.room = 0;
  transport.write('waits');
  transport.onSend = () => {
    throw error;
  };
  transport.makeRoom(1);
  turn(loop);
  t.deepEqual(protocol.log, ['lost mine']);
  t.deepEqual(loop.reports, [
    { message: 'Fatal write error on stream transport', exception: error, transport, protocol },
  ]);
});

test('a _send that does not say how many bytes it took is named by the report', (t) => {
  for (const taken of [undefined as unknown as number, NaN, -1, 4]) {
    const { loop, transport, protocol } = connected();
    transport.onSend = () => taken;
    transport.write('abc');
    turn(loop);
    const { exception } = loop.reports[0]!;
    t.regex((exception as Error).message, /the hook _send\(\) broke its contract.*#a-stream-transport/);
    t.is(protocol.log.length, 1);
  }
});

test('a channel that aborts from inside of _send is not sent what waited', (t) => {
  const { loop, transport, protocol } = connected();
  transport.room = 0;
  transport.write('abc');
  transport.write('def');
  transport.onSend = ({ length }) => {
    transport.abort();
    return length;
  };
  transport._wake();
  turn(loop);
  t.deepEqual([protocol.log, transport.getWriteBufferSize(), loop.reports], [['lost null'], 0, []]);
});

test('nothing is delivered of a channel that closes from inside of _recv', (t) => {
  for (const piece of ['data', '']) {
    const { loop, transport, protocol } = connected();
    transport._recv = () => {
      transport.close();
      return bytes(piece);
    };
    transport._wake();
    turn(loop);
    t.deepEqual(protocol.log, ['lost null']);
  }
});

test('a protocol that fails loses its connection, and the report names the method', (t) => {
  for (const [method, make] of [
    ['dataReceived', () => new Noting()],
    ['eofReceived', () => new Noting()],
    ['getBuffer', () => Object.assign(noteBuffered(4), { getBuffer: bad })],
    ['bufferUpdated', () => noteBuffered(4)],
  ] as const) {
    const { loop, transport, protocol } = connected(make());
    protocol.on.data = bad;
    protocol.on.eof = bad;
    transport.arrive(method === 'eofReceived' ? '' : 'x');
    turn(loop);
    t.is(protocol.log.at(-1), 'lost bad');
    t.is(loop.reports[0]!.message, `Fatal error: protocol.${method}() call failed.`);
  }
});

test('an empty buffer is an error of the protocol', (t) => {
  const { loop, transport, protocol } = connected(noteBuffered(0));
  transport.arrive('x');
  turn(loop);
  t.deepEqual(protocol.log, ['lost getBuffer() returned an empty buffer']);
});

test('an exit passes through the transport', (t) => {
  const { loop, transport, protocol } = connected();
  protocol.on.data = () => {
    throw new SystemExit(3);
  };
  transport.arrive('x');
  t.throws(() => turn(loop), { instanceOf: SystemExit });
  t.deepEqual([protocol.log, loop.reports], [['x'], []]);
});

test('what is neither bytes nor a string is refused', (t) => {
  const { transport } = connected();
  for (const wrong of [5, null, [1, 2]]) {
    t.throws(() => transport.write(wrong as never), { instanceOf: TypeError });
  }
  transport.writelines(['a', bytes('b')]);
  t.is(transport.sent, 'ab');
});

test('writes to a connection that is gone are dropped, and logged from the fifth on', (t) => {
  const { loop, transport } = connected();
  transport.abort();
  turn(loop);
  const lines = logOf(() => {
    for (let write = 0; write < 6; write++) transport.write('x');
  });
  t.deepEqual([transport.sent, lines.length], ['', 2]);
});

test('callbacks run in the context of whoever made the transport', (t) => {
  const name = new ContextVar<string>('name');
  const seen: (string | null)[] = [];
  const note = (): void => void seen.push(name.get(null as never));
  const protocol = new Noting();
  for (const method of ['made', 'data', 'lost']) protocol.on[method] = note;
  const made = copyContext().run(() => {
    name.set('maker');
    return connect(protocol);
  });
  turn(made.loop);
  name.set('somebody else');
  made.transport.arrive('x');
  turn(made.loop);
  made.transport.abort();
  turn(made.loop);
  t.deepEqual(seen, ['maker', 'maker', 'maker']);
});

test('the loop counts a transport from its beginning to its end, unless it is told not to', (t) => {
  for (const hold of [true, false]) {
    const { loop, transport } = connect(new Noting(), { hold });
    turn(loop);
    t.is(loop._isAlive(), hold);
    transport.close();
    turn(loop);
    t.false(loop._isAlive());
  }
});

test('a server counts the transports that are made for it', (t) => {
  const calls: string[] = [];
  const server = {
    _attach: () => calls.push('attach'),
    _detach: () => calls.push('detach'),
  } as unknown as Server;
  const { loop, transport, protocol } = connect(new Noting(), { server, extra: { peername: 'me' } });
  protocol.on.lost = () => calls.push('lost');
  turn(loop);
  transport.abort();
  turn(loop);
  t.deepEqual(calls, ['attach', 'lost', 'detach']);
  t.is(transport.getExtraInfo('peername'), 'me');
});

test('connectionLost that fails is reported, and everything is given back all the same', (t) => {
  const { loop, transport, protocol } = connected();
  protocol.on.lost = bad;
  transport.close();
  turn(loop);
  t.deepEqual([transport.log, transport.getProtocol()], [['stop', 'channel closed'], null]);
  t.is((loop.reports[0]!.exception as Error).message, 'bad');
  t.false(loop._isAlive());
});

function bad(): never {
  throw new Error('bad');
}
