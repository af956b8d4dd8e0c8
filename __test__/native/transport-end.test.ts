import test from 'ava';
import { ConnectionError, OSError, RuntimeError, TransportSocket, logger } from 'miolo';
import type { Coroutine, MioEventLoop, Transport } from 'miolo';
import { Recorder, theLoop } from '../helpers.js';
import { Deaf, PLENTY, end, inBothDrives, pair, reportsOf, turns, until } from './pair.js';

inBothDrives(
  test,
  'writes after the end are dropped; from the fifth on each warns; what is wrong with them is still said',
  function* (t) {
    const warnings: string[] = [];
    const former = logger.setSink((level, message) => warnings.push(`${level} ${message}`));
    try {
      const ends = yield* pair(
        () => new Recorder(),
        () => new Recorder(),
      );
      const { transport, lost } = ends.near;
      transport.close();
      yield* lost;
      for (let count = 0; count < 4; count++) transport.write('dropped');
      t.deepEqual(warnings, []);
      transport.write('dropped');
      transport.writelines(['one', 'call']);
      transport.write('');
      t.deepEqual(warnings, [
        'warning socket.send() raised exception.',
        'warning socket.send() raised exception.',
      ]);
      t.throws(() => transport.write(null as never), { instanceOf: TypeError });
      t.is(transport.getWriteBufferSize(), 0);
      transport.writeEof();
      yield* turns(2);
      t.deepEqual(ends.near.log, ['made', 'lost null']);
      yield* end(ends);
    } finally {
      logger.setSink(former);
    }
  },
);

inBothDrives(
  test,
  'writeEof sends what waits first; then writing is refused, and a second call is nothing',
  function* (t) {
    class Open extends Deaf {
      override eofReceived(): boolean {
        super.eofReceived();
        return true;
      }
    }
    const ends = yield* pair(
      () => new Recorder(),
      () => new Open(),
    );
    const { near, far } = ends;
    t.true(near.transport.canWriteEof());
    near.transport.write(Buffer.alloc(PLENTY));
    near.transport.writeEof();
    near.transport.writeEof();
    t.throws(() => near.transport.write('x'), { instanceOf: RuntimeError });
    t.throws(() => near.transport.writelines([]), { instanceOf: RuntimeError });
    far.transport.resumeReading();
    yield* until(() => far.log.includes('eof'));
    t.is(far.bytes, PLENTY);
    // The other direction lives on.
    far.transport.write('answer');
    yield* until(() => near.bytes === 6);
    t.false(near.transport.isClosing());
    far.transport.close();
    t.is(yield* near.lost, null);
    t.throws(() => near.transport.write('x'), { instanceOf: RuntimeError });
    yield* end(ends);
  },
);

inBothDrives(
  test,
  'eofReceived that returns true is called once: pausing and resuming bring no second call',
  function* (t) {
    class Open extends Recorder {
      override eofReceived(): boolean {
        super.eofReceived();
        return true;
      }
    }
    const ends = yield* pair(
      () => new Open(),
      () => new Recorder(),
    );
    const { near, far } = ends;
    far.transport.write('last');
    far.transport.writeEof();
    yield* until(() => near.log.includes('eof'));
    near.transport.pauseReading();
    yield* turns(3);
    near.transport.resumeReading();
    yield* turns(3);
    near.transport.write('still writable');
    yield* until(() => far.bytes === 14);
    t.deepEqual(near.log, ['made', 'data last', 'eof']);
    near.transport.close();
    t.is(yield* near.lost, null);
    yield* end(ends);
  },
);

inBothDrives(
  test,
  'a reset is an error of connectionLost, without eofReceived and without a report',
  function* (t) {
    const reports = reportsOf(theLoop());
    const ends = yield* pair(
      () => new Recorder(),
      () => new Deaf(),
    );
    const { near, far } = ends;
    near.transport.write('unread');
    yield* turns(3);
    // The kernel answers with a reset, since bytes that came are never read.
    far.transport.abort();
    const error = yield* near.lost;
    t.like(error, { name: 'ConnectionResetError', errno: 104, code: 'ECONNRESET' });
    t.deepEqual(near.log, ['made', 'lost ConnectionResetError']);
    t.deepEqual(reports, []);
    yield* end(ends);
  },
);

inBothDrives(test, 'in debug mode the log tells of a loss that is reported to nobody', function* (t) {
  const lines: string[] = [];
  const former = logger.setSink((level, message, details) => {
    lines.push(`${level} ${message} ${String((details[0] as Error | undefined)?.name)}`);
  });
  try {
    const loop = theLoop();
    const reports = reportsOf(loop);
    const ends = yield* pair(
      () => new Recorder(),
      () => new Deaf(),
    );
    loop.setDebug(true);
    ends.near.transport.write('unread');
    yield* turns(3);
    ends.far.transport.abort();
    yield* ends.near.lost;
    loop.setDebug(false);
    const told = lines.filter((line) => line.includes('Fatal read error'));
    t.is(told.length, 1);
    t.regex(
      told[0]!,
      /^debug <StreamTransport .*>: Fatal read error on socket transport ConnectionResetError$/,
    );
    t.deepEqual(reports, []);
    yield* end(ends);
  } finally {
    logger.setSink(former);
  }
});

inBothDrives(
  test,
  'a peer that is gone while bytes wait is an error of connectionLost, and what waits is dropped',
  function* (t) {
    const reports = reportsOf(theLoop());
    const ends = yield* pair(
      () => new Deaf(),
      () => new Deaf(),
    );
    const { near, far } = ends;
    near.transport.write(Buffer.alloc(PLENTY));
    far.transport.abort();
    const error = yield* near.lost;
    t.true(error instanceof ConnectionError, String(error));
    t.is(near.transport.getWriteBufferSize(), 0);
    t.deepEqual(reports, []);
    yield* end(ends);
  },
);

inBothDrives(test, 'what waits for the buffer to be empty hears of it, or of the loss', function* (t) {
  for (const lost of [false, true]) {
    const ends = yield* pair(
      () => new Recorder(),
      () => new Deaf(),
    );
    const transport = ends.near.transport as Transport & {
      _makeEmptyWaiter(): ReturnType<MioEventLoop['createFuture']>;
      _resetEmptyWaiter(): void;
    };
    transport.write(Buffer.alloc(PLENTY));
    const waiter = transport._makeEmptyWaiter();
    t.throws(() => transport._makeEmptyWaiter(), { instanceOf: RuntimeError });
    t.throws(() => transport.write('x'), { message: /sendfile is in progress/ });
    t.false(waiter.done());
    if (lost) {
      transport.abort();
      yield* turns(2);
      t.true(waiter.exception() instanceof ConnectionError);
    } else {
      ends.far.transport.resumeReading();
      yield* waiter;
      t.is(transport.getWriteBufferSize(), 0);
      transport._resetEmptyWaiter();
      transport.write('x');
      yield* until(() => ends.far.bytes === PLENTY + 1);
    }
    yield* end(ends);
  }
});

inBothDrives(
  test,
  "a transport's socket is a view: its options can be read and set, it never blocks",
  function* (t): Coroutine<void> {
    const ends = yield* pair(
      () => new Recorder(),
      () => new Recorder(),
    );
    for (const { transport, lost } of [ends.near, ends.far]) {
      const socket = transport.getExtraInfo('socket') as TransportSocket;
      t.true(socket instanceof TransportSocket);
      t.is(transport.getExtraInfo('socket'), socket);
      t.deepEqual([socket.family, socket.type], [2, 1]);
      t.true(socket.fileno() > 0);
      t.deepEqual(socket.getsockname(), transport.getExtraInfo('sockname') as never);
      t.deepEqual(socket.getpeername(), transport.getExtraInfo('peername') as never);
      t.is(socket.getsockopt(6, 1), 1, 'TCP_NODELAY');
      t.is(socket.getsockopt(1, 9), 0);
      socket.setsockopt(1, 9, 1);
      t.is(socket.getsockopt(1, 9), 1, 'SO_KEEPALIVE');
      t.throws(() => socket.setsockopt(1, 9999, 1), { instanceOf: OSError });
      t.is(socket.gettimeout(), 0);
      socket.settimeout(0);
      socket.setblocking(false);
      t.throws(() => socket.settimeout(1), { name: 'ValueError' });
      t.throws(() => socket.setblocking(true), { name: 'ValueError' });
      t.false('close' in socket || 'send' in socket || 'recv' in socket);
      t.regex(
        socket.toString(),
        /^<TransportSocket fd=\d+ family=2 type=1 .*laddr=127.0.0.1,\d+ raddr=127.0.0.1,\d+>$/,
      );
      transport.abort();
      yield* lost;
      yield;
      t.is(socket.fileno(), -1);
      t.throws(() => socket.setsockopt(1, 9, 1), { instanceOf: OSError });
      t.true(
        Array.isArray(transport.getExtraInfo('sockname')) &&
          Array.isArray(transport.getExtraInfo('peername')),
      );
      t.is(transport.getExtraInfo('nothing', 7), 7);
      t.is(transport.getExtraInfo('nothing'), null);
    }
    yield* end(ends);
  },
);
