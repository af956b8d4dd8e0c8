import test from 'ava';
import { MioEventLoop, RuntimeError, TransportSocket, createTask } from 'miolo';
import type { Coroutine, ProtocolFactory, Server, SocketLike } from 'miolo';
import { Recorder, portOf, serve, theLoop } from '../helpers.js';
import { inBothDrives, openDescriptors, reportsOf, turns, until } from './pair.js';

const addresses = (server: Server): string[] =>
  server.sockets.map((socket) => (socket.getsockname() as readonly [string, number])[0]);

function* failure(attempt: Coroutine<unknown>): Coroutine<Error & { code?: string; errno?: number }> {
  try {
    yield* attempt;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

function* stop(server: Server): Coroutine<void> {
  server.close();
  server.abortClients();
  yield* server.waitClosed();
}

/** A client of `server`. */
function* client(server: Server): Coroutine<Recorder> {
  const [, protocol] = yield* theLoop().createConnection(() => new Recorder(), '127.0.0.1', portOf(server));
  return protocol;
}

/** Notes with which backlog it serves, and accepts one connection a turn if told to. */
class Backlogs extends MioEventLoop {
  readonly backlogs: (number | undefined)[] = [];
  oneByOne = false;
  turn = 0;

  override _runOnce(): void {
    this.turn++;
    super._runOnce();
  }

  override _startServing(
    factory: ProtocolFactory,
    sock: SocketLike,
    ssl?: unknown,
    server?: Server | null,
    backlog?: number,
  ): void {
    this.backlogs.push(backlog);
    super._startServing(factory, sock, ssl, server, this.oneByOne ? 0 : backlog);
  }
}

inBothDrives(
  test,
  'the backlog is 100 unless it is given, and an event accepts one more than that at most',
  function* (t) {
    const loop = theLoop() as Backlogs;
    const accepted: number[] = [];
    const factory = (): Recorder => {
      accepted.push(loop.turn);
      return new Recorder();
    };
    const usual = yield* loop.createServer(factory, '127.0.0.1', 0);
    const small = yield* loop.createServer(factory, '127.0.0.1', 0, { backlog: 7 });
    t.deepEqual(loop.backlogs, [100, 7]);
    yield* stop(usual);
    yield* stop(small);

    for (const [oneByOne, fewest] of [
      [true, 10],
      [false, 1],
    ] as const) {
      loop.oneByOne = oneByOne;
      accepted.length = 0;
      const server = yield* loop.createServer(factory, '127.0.0.1', 0);
      const connecting = Array.from({ length: 10 }, () => createTask(client(server)));
      for (const task of connecting) yield* task as never as Coroutine<Recorder>;
      yield* until(() => accepted.length === 10);
      const batches = new Set(accepted).size;
      if (oneByOne) t.is(batches, fewest, 'one in a turn');
      else t.true(batches < 10);
      yield* stop(server);
    }
  },
  Backlogs,
);

inBothDrives(test, 'hosts may be several: each is bound once, IPv6 for itself alone', function* (t) {
  const both = yield* theLoop().createServer(
    () => new Recorder(),
    ['127.0.0.1', '::1', '127.0.0.1', '127.0.0.2'],
    0,
  );
  t.deepEqual(addresses(both), ['127.0.0.1', '::1', '127.0.0.2']);
  t.is(both.sockets[1]!.getsockopt(41, 26), 1, 'IPV6_V6ONLY');
  t.is(both.sockets[0]!.getsockopt(1, 2), 1, 'SO_REUSEADDR');
  yield* stop(both);

  const any6 = yield* theLoop().createServer(() => new Recorder(), '::', 0);
  // The same port of the other family is free.
  const any4 = yield* theLoop().createServer(() => new Recorder(), '0.0.0.0', portOf(any6));
  t.is(portOf(any4), portOf(any6));
  yield* stop(any6);
  yield* stop(any4);
});

inBothDrives(
  test,
  'an address that this machine does not have is left out, unless nothing is left',
  function* (t) {
    const before = openDescriptors();
    const server = yield* theLoop().createServer(() => new Recorder(), ['203.0.113.9', '127.0.0.1'], 0);
    t.deepEqual(addresses(server), ['127.0.0.1']);
    const none = yield* failure(theLoop().createServer(() => new Recorder(), '203.0.113.9', 0));
    t.is(none.message, 'could not bind on any address out of 203.0.113.9,0');

    // One that is in use is an error, and closes what was bound before it.
    const taken = yield* failure(
      theLoop().createServer(() => new Recorder(), ['127.0.0.2', '127.0.0.1'], portOf(server)),
    );
    t.like(taken, { code: 'EADDRINUSE', errno: 98 });
    t.regex(taken.message, /error while attempting to bind on address 127\.0\.0\.1,/);
    yield* stop(server);
    t.is(openDescriptors(), before);
  },
);

inBothDrives(
  test,
  'reusePort lets servers share a port; keepAlive is passed on to connections',
  function* (t) {
    const options = { reusePort: true, keepAlive: true };
    const protocols: Recorder[] = [];
    const factory = (): Recorder => (protocols.push(new Recorder()), protocols.at(-1)!);
    const one = yield* theLoop().createServer(factory, '127.0.0.1', 0, options);
    const other = yield* theLoop().createServer(factory, '127.0.0.1', portOf(one), options);
    const made = yield* client(one);
    yield* until(() => protocols.length === 1);
    const socket = protocols[0]!.transport.getExtraInfo('socket') as TransportSocket;
    t.is(socket.getsockopt(1, 9), 1, 'SO_KEEPALIVE');
    t.is(socket.getsockopt(6, 1), 1, 'TCP_NODELAY');
    made.transport.abort();
    yield* stop(one);
    yield* stop(other);
  },
);

inBothDrives(test, 'the sockets of a server are views; after close there are none', function* (t) {
  const server = yield* serve(() => new Recorder());
  const { sockets } = server;
  t.true(sockets[0] instanceof TransportSocket);
  t.true(sockets[0]!.fileno() > 0);
  t.not(server.sockets, sockets, 'a list of its own each time');
  t.regex(server.toString(), /^<Server sockets=\[<TransportSocket fd=\d+ .*laddr=127\.0\.0\.1,\d+>\]>$/);
  yield* stop(server);
  t.deepEqual(server.sockets, []);
  t.is(sockets[0]!.fileno(), -1);
});

inBothDrives(
  test,
  'a server that is closed cannot be started again, and does not say that it serves',
  function* (t) {
    const server = yield* serve(() => new Recorder());
    server.close();
    for (const start of [() => server.startServing(), () => server.serveForever()]) {
      const error = yield* failure(start());
      t.is(error.constructor, RuntimeError);
      t.regex(error.message, /^server .* is closed$/);
    }
    t.false(server.isServing());
  },
);

inBothDrives(test, 'a server that does not serve yet refuses; startServing is harmless twice', function* (t) {
  const server = yield* theLoop().createServer(() => new Recorder(), '127.0.0.1', 0, { startServing: false });
  t.false(server.isServing());
  t.is((yield* failure(client(server))).code, 'ECONNREFUSED');
  yield* server.startServing();
  yield* server.startServing();
  t.true(server.isServing());
  t.is(server.getLoop(), theLoop() as never);
  (yield* client(server)).transport.abort();
  yield* stop(server);
  t.false(server.isServing());
});

inBothDrives(
  test,
  'close stops listening and leaves connections alone; the port is free at once',
  function* (t) {
    const protocols: Recorder[] = [];
    const server = yield* serve(() => (protocols.push(new Recorder()), protocols[0]!));
    const port = portOf(server);
    const made = yield* client(server);
    yield* until(() => protocols.length === 1);
    server.close();
    server.close();
    t.false(server.isServing());
    const next = yield* theLoop().createServer(() => new Recorder(), '127.0.0.1', port);
    made.transport.write('still there');
    yield* until(() => protocols[0]!.bytes === 11);
    yield* stop(next);

    const waiting = createTask(server.waitClosed());
    yield* turns(5);
    t.false(waiting.done(), 'a connection is left');
    made.transport.close();
    yield* waiting as never as Coroutine<void>;
    t.deepEqual(protocols[0]!.log, ['made', 'data still there', 'eof', 'lost null']);
    yield* server.waitClosed();
  },
);

inBothDrives(
  test,
  'waitClosed waits for close, even if there never was a connection, and in either order',
  function* (t) {
    const server = yield* serve(() => new Recorder());
    const waiting = [createTask(server.waitClosed()), createTask(server.waitClosed())];
    const cancelled = createTask(server.waitClosed());
    yield* turns(5);
    t.false(waiting[0]!.done());
    cancelled.cancel();
    (yield* client(server)).transport.close();
    yield* turns(10);
    t.false(waiting[0]!.done(), 'the last connection is gone, but the server is open');
    server.close();
    for (const task of waiting) yield* task as never as Coroutine<void>;
    t.true(cancelled.cancelled());
  },
);

inBothDrives(
  test,
  'serveForever refuses a second call and a closed server; close elsewhere cancels it',
  function* (t) {
    const server = yield* theLoop().createServer(() => new Recorder(), '127.0.0.1', 0, {
      startServing: false,
    });
    const serving = createTask(server.serveForever());
    yield* turns(2);
    t.true(server.isServing(), 'it begins to serve');
    const again = yield* failure(server.serveForever());
    t.like(again, { name: 'RuntimeError' });
    t.regex(again.message, /already being awaited/);
    server.close();
    t.is((yield* failure(serving as never)).name, 'CancelledError');
    const closed = yield* failure(server.serveForever());
    t.regex(closed.message, /is closed/);
  },
);

inBothDrives(
  test,
  'cancelling serveForever closes the server and its clients, waits, and is cancelled',
  function* (t) {
    const protocols: Recorder[] = [];
    const server = yield* serve(() => (protocols.push(new Recorder()), protocols[0]!));
    const serving = createTask(server.serveForever());
    const made = yield* client(server);
    yield* until(() => protocols.length === 1);
    yield* protocols[0]!.made;
    serving.cancel();
    t.is((yield* failure(serving as never)).name, 'CancelledError');
    t.true(serving.cancelled());
    t.deepEqual(protocols[0]!.log, ['made', 'lost null'], 'it has waited for this');
    t.deepEqual(server.sockets, []);
    t.is(yield* made.lost, null);
  },
);

inBothDrives(test, 'closeClients sends what waits first, abortClients does not', function* (t) {
  const size = 16 << 20;
  class Flooding extends Recorder {
    override connectionMade(transport: Recorder['transport']): void {
      super.connectionMade(transport);
      transport.write(Buffer.alloc(size));
    }
  }
  for (const [method, whole] of [
    ['closeClients', true],
    ['abortClients', false],
  ] as const) {
    const protocols: Recorder[] = [];
    const server = yield* serve(() => (protocols.push(new Flooding()), protocols[0]!));
    const made = yield* client(server);
    made.transport.pauseReading();
    yield* until(() => protocols.length === 1);
    yield* protocols[0]!.made;
    server[method]();
    t.true(server.isServing(), 'only the clients');
    made.transport.resumeReading();
    yield* made.lost;
    t.is(made.bytes === size, whole);
    yield* stop(server);
    t.is(protocols[0]!.log.at(-1), 'lost null');
  }
});

inBothDrives(
  test,
  'a protocol factory that throws is told, also outside of debug mode, and the server lives',
  function* (t) {
    const loop = theLoop();
    const reports = reportsOf(loop);
    let failing = true;
    const server = yield* serve(() => {
      if (failing) throw new RangeError('mine');
      return new Recorder();
    });
    const before = openDescriptors();
    for (const debug of [false, true]) {
      loop.setDebug(debug);
      const refused = yield* client(server);
      t.is(yield* refused.lost, null);
      loop.setDebug(false);
      const { message, exception } = reports.pop()!;
      t.is(message, 'Error on transport creation for incoming connection');
      t.is((exception as Error).message, 'mine');
      t.is(reports.length, 0);
    }
    yield* until(() => openDescriptors() === before);
    failing = false;
    const made = yield* client(server);
    yield* turns(3);
    t.deepEqual(made.log, ['made']);
    yield* stop(server);
  },
);

inBothDrives(test, 'connections that were accepted when the server closed are dropped', function* (t) {
  const protocols: Recorder[] = [];
  const loop = theLoop();
  const server = yield* serve(() => {
    // Before any of those that came with it has been set up.
    server.close();
    protocols.push(new Recorder());
    return protocols.at(-1)!;
  });
  const connecting = Array.from({ length: 5 }, () => createTask(client(server)));
  const clients: Recorder[] = [];
  for (const task of connecting) clients.push(yield* task as never as Coroutine<Recorder>);
  for (const each of clients) yield* each.lost;
  yield* server.waitClosed();
  yield* turns(2);
  t.true(protocols.every((protocol) => protocol.log.length === 0));
  t.is(loop._ring.core.sockets(), 0);
});
