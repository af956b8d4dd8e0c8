import test from 'ava';
import { BufferedProtocol } from 'miolo';
import type { Transport } from 'miolo';
import { Recorder, portOf, serve, theLoop } from '../helpers.js';
import { Deaf, PLENTY, end, inBothDrives, openDescriptors, pair, reportsOf, turns, until } from './pair.js';

inBothDrives(test, 'a close in connectionMade: no byte comes, although some are there', function* (t) {
  class Closing extends Recorder {
    override connectionMade(transport: Transport): void {
      super.connectionMade(transport);
      transport.close();
      this.log.push('closed');
    }
  }
  const protocols: Recorder[] = [];
  const server = yield* serve(() => (protocols.push(new Closing()), protocols[0]!));
  const [transport, far] = yield* theLoop().createConnection(
    () => new Recorder(),
    '127.0.0.1',
    portOf(server),
  );
  transport.write('early');
  yield* far.lost;
  yield* protocols[0]!.lost;
  yield* turns(10);
  t.deepEqual(protocols[0]!.log, ['made', 'closed', 'lost null']);
  server.close();
  yield* server.waitClosed();
});

inBothDrives(
  test,
  'connectionMade, then reading, then the waiter: the caller goes on before any byte, in a turn of its own',
  function* (t) {
    const order: string[] = [];
    class Greeting extends Recorder {
      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        transport.write('greeting');
      }
    }
    class Noting extends Recorder {
      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        order.push('made');
        theLoop().callSoon(() => order.push('turn after made'));
      }

      override dataReceived(): void {
        order.push('data');
      }
    }
    const loop = theLoop();
    const waiter = loop.createFuture<void>();
    const server = yield* serve(() => new Greeting());
    const [sock] = server.sockets;
    const socket = loop._makeSocket(sock!.family, sock!.type, sock!.proto);
    yield* loop.sockConnect(socket, sock!.getsockname());
    // The server's greeting is there before the transport is.
    yield* turns(10);
    order.length = 0;
    const transport = loop._makeSocketTransport(socket, new Noting(), waiter);
    waiter.addDoneCallback(() => order.push('waiter'));
    t.deepEqual(order, [], 'nothing is called from inside');
    yield* waiter;
    yield* until(() => order.includes('data'));
    t.deepEqual(order, ['made', 'turn after made', 'waiter', 'data']);
    transport.abort();
    server.close();
    server.abortClients();
    yield* server.waitClosed();
  },
);

class Buffered extends BufferedProtocol {
  readonly log: string[] = [];
  failing: 'getBuffer' | 'bufferUpdated' | 'empty' | null = null;

  override getBuffer(): Uint8Array {
    if (this.failing === 'getBuffer') throw new Error('mine');
    return new Uint8Array(this.failing === 'empty' ? 0 : 100);
  }

  override bufferUpdated(): void {
    if (this.failing === 'bufferUpdated') throw new Error('mine');
  }

  override connectionLost(error: Error | null): void {
    this.log.push(`lost ${error?.name} ${error?.message}`);
  }
}

inBothDrives(
  test,
  'what a BufferedProtocol does wrong is reported and costs it the connection',
  function* (t) {
    const reports = reportsOf(theLoop());
    for (const [failing, call, lost] of [
      ['getBuffer', 'getBuffer', 'lost Error mine'],
      ['bufferUpdated', 'bufferUpdated', 'lost Error mine'],
      ['empty', 'getBuffer', 'lost RuntimeError getBuffer() returned an empty buffer'],
    ] as const) {
      const ends = yield* pair(
        () => new Recorder(),
        () => new Recorder(),
      );
      const { transport } = ends.near;
      const protocol = new Buffered();
      protocol.failing = failing;
      transport.setProtocol(protocol);
      t.is(transport.getProtocol(), protocol);
      ends.far.transport.write('x');
      yield* ends.far.lost;
      t.deepEqual(protocol.log, [lost]);
      t.is(reports.length, 1);
      const report = reports.pop()!;
      t.is(report.message, `Fatal error: protocol.${call}() call failed.`);
      t.is(report.transport, transport);
      t.is(report.protocol, protocol);
      ends.server.close();
      yield* ends.server.waitClosed();
    }
  },
);

inBothDrives(
  test,
  'an error of connectionLost is reported, and the descriptor closes nevertheless',
  function* (t) {
    const reports = reportsOf(theLoop());
    class Failing extends Recorder {
      override connectionLost(error: Error | null): void {
        super.connectionLost(error);
        throw new Error('mine');
      }
    }
    const before = openDescriptors();
    const ends = yield* pair(
      () => new Failing(),
      () => new Recorder(),
    );
    ends.near.transport.close();
    yield* ends.far.lost;
    ends.server.close();
    yield* ends.server.waitClosed();
    yield;
    t.is(reports.length, 1);
    t.is((reports[0]!.exception as Error).message, 'mine');
    t.is(openDescriptors(), before);
  },
);

inBothDrives(
  test,
  'connectionLost is never called from inside of close, abort or write, and comes once',
  function* (t) {
    for (const method of ['close', 'abort'] as const) {
      const ends = yield* pair(
        () => new Recorder(),
        () => new Recorder(),
      );
      const { transport, log, lost } = ends.near;
      transport[method]();
      transport.close();
      transport.abort();
      t.deepEqual(log, ['made']);
      t.true(transport.isClosing());
      yield;
      t.deepEqual(log, ['made', 'lost null'], 'in the next turn');
      t.is(yield* lost, null);
      transport[method]();
      yield* turns(3);
      t.deepEqual(log, ['made', 'lost null']);
      yield* end(ends);
    }
  },
);

inBothDrives(
  test,
  'abort drops what waits; close after abort and abort after close end at once',
  function* (t) {
    for (const order of [['abort'], ['abort', 'close'], ['close', 'abort']] as const) {
      const ends = yield* pair(
        () => new Recorder(),
        () => new Deaf(),
      );
      const { near, far } = ends;
      near.transport.write(Buffer.alloc(PLENTY));
      for (const method of order) near.transport[method]();
      t.is(near.transport.getWriteBufferSize(), 0);
      yield;
      t.deepEqual(near.log, ['made', 'pause', 'lost null']);
      far.transport.resumeReading();
      yield* far.lost;
      t.true(far.bytes < PLENTY);
      yield* end(ends);
    }
  },
);

inBothDrives(test, 'close stops reading at once: bytes and the end that wait are never told', function* (t) {
  const ends = yield* pair(
    () => new Deaf(),
    () => new Recorder(),
  );
  const { near, far } = ends;
  near.transport.write(Buffer.alloc(PLENTY));
  far.transport.pauseReading();
  far.transport.write('unread');
  far.transport.writeEof();
  yield* turns(5);
  near.transport.resumeReading();
  near.transport.close();
  yield* turns(5);
  t.deepEqual(near.log, ['made', 'pause'], 'what waits to be sent keeps it');
  near.transport.abort();
  yield* near.lost;
  t.deepEqual(near.log, ['made', 'pause', 'lost null']);
  yield* end(ends);
});

inBothDrives(test, 'a write after close, while bytes wait, is sent behind them', function* (t) {
  const ends = yield* pair(
    () => new Recorder(),
    () => new Deaf(),
  );
  const { near, far } = ends;
  near.transport.write(Buffer.alloc(PLENTY));
  near.transport.close();
  near.transport.write('late');
  near.transport.write(Buffer.alloc(100_000));
  far.transport.resumeReading();
  t.is(yield* near.lost, null);
  yield* far.lost;
  t.is(far.bytes, PLENTY + 100_004);
  yield* end(ends);
});
