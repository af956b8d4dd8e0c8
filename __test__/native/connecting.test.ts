import test from 'ava';
import {
  AF_INET,
  AF_INET6,
  ConnectionRefusedError,
  ExceptionGroup,
  MioEventLoop,
  NotImplementedError,
  OSError,
  SOCK_DGRAM,
  SOCK_STREAM,
  Socket,
  TimeoutError,
  createTask,
} from 'miolo';
import type { AddrInfo, Coroutine, ResolveOptions, SocketLike } from 'miolo';
import { Recorder, portOf, serve, theLoop } from '../helpers.js';
import { inBothDrives, openDescriptors, turns, until } from './pair.js';

/** An address of a stream socket, as a resolver gives it. */
function info(host: string, port: number): AddrInfo {
  return host.includes(':')
    ? [AF_INET6, SOCK_STREAM, 6, '', [host, port, 0, 0]]
    : [AF_INET, SOCK_STREAM, 6, '', [host, port]];
}

/** Answers every name with what the test says, and notes what it was asked. */
class Resolving extends MioEventLoop {
  answer: AddrInfo[] = [];
  readonly asked: unknown[][] = [];

  override *getaddrinfo(
    host: string | null,
    port: number | string | null,
    options?: ResolveOptions,
  ): Coroutine<readonly AddrInfo[]> {
    this.asked.push([host, port, options?.family, options?.type]);
    return this.answer;
  }
}

const resolving = (): Resolving => theLoop() as Resolving;

/** A port of 127.0.0.1 on which nobody listens. */
function closedPort(): number {
  const socket = new Socket();
  socket.bind(['127.0.0.1', 0]);
  const [, port] = socket.getsockname() as readonly [string, number];
  socket.close();
  return port;
}

function* failure(attempt: Coroutine<unknown>): Coroutine<Error & { exceptions?: readonly Error[] }> {
  try {
    yield* attempt;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

const connectTo = (host: string, options = {}): Coroutine<unknown> =>
  theLoop().createConnection(() => new Recorder(), host, 1, options);

inBothDrives(
  test,
  'of several addresses the first that answers is taken',
  function* (t) {
    const server = yield* serve(() => new Recorder());
    resolving().answer = [info('127.0.0.1', closedPort()), info('127.0.0.1', portOf(server))];
    const before = openDescriptors();
    const [transport, protocol] = yield* theLoop().createConnection(() => new Recorder(), 'name', 1);
    t.deepEqual(transport.getExtraInfo('peername'), ['127.0.0.1', portOf(server)]);
    t.is(transport.getProtocol(), protocol);
    transport.abort();
    server.close();
    yield* server.waitClosed();
    yield* turns(2);
    t.is(openDescriptors(), before - 1);
  },
  Resolving,
);

inBothDrives(
  test,
  'when all fail: one error is itself, equal ones are the first, different ones are told together',
  function* (t) {
    const [one, other] = [closedPort(), closedPort()];
    resolving().answer = [info('127.0.0.1', one)];
    t.true((yield* failure(connectTo('name'))) instanceof ConnectionRefusedError);

    resolving().answer = [info('127.0.0.1', one), info('127.0.0.1', one)];
    const equal = yield* failure(connectTo('name'));
    t.true(equal instanceof ConnectionRefusedError);

    resolving().answer = [info('127.0.0.1', one), info('127.0.0.1', other)];
    const several = yield* failure(connectTo('name'));
    t.is(several.constructor, OSError);
    t.regex(several.message, new RegExp(`^Multiple exceptions: .*:${one}, .*:${other}$`));

    const group = yield* failure(connectTo('name', { allErrors: true }));
    t.true(group instanceof ExceptionGroup);
    t.is(group.message.startsWith('create_connection failed'), true);
    t.deepEqual(
      group.exceptions!.map(({ name }) => name),
      ['ConnectionRefusedError', 'ConnectionRefusedError'],
    );

    resolving().answer = [info('127.0.0.1', one)];
    const alone = yield* failure(connectTo('name', { allErrors: true }));
    t.true(alone instanceof ExceptionGroup, 'also of one');
  },
  Resolving,
);

class Silent extends Resolving {
  override *_connectSock(): Coroutine<SocketLike> {
    throw new OSError('told to nobody');
  }
}

inBothDrives(
  test,
  'when nothing was collected the error is a TimeoutError; no address at all is an OSError',
  function* (t) {
    resolving().answer = [info('127.0.0.1', 1)];
    t.true((yield* failure(connectTo('name'))) instanceof TimeoutError);
    resolving().answer = [];
    t.is((yield* failure(connectTo('name'))).message, 'getaddrinfo() returned empty list');
  },
  Silent,
);

inBothDrives(
  test,
  'literals with numeric ports ask no resolver; names, services and zones do',
  function* (t) {
    const loop = resolving();
    const [v4, v6] = [
      yield* serve(() => new Recorder()),
      yield* loop.createServer(() => new Recorder(), '::1', 0),
    ];
    for (const [host, server] of [
      ['127.0.0.1', v4],
      ['::1', v6],
      ['0:0:0:0:0:0:0:1', v6],
    ] as const) {
      for (const port of [portOf(server), String(portOf(server))]) {
        const [transport] = yield* loop.createConnection(() => new Recorder(), host, port);
        t.is((transport.getExtraInfo('peername') as [string, number])[1], portOf(server));
        transport.abort();
      }
    }
    t.deepEqual(loop.asked, []);

    for (const [host, port] of [
      ['localhost', 80],
      ['127.0.0.1', 'http'],
      ['fe80::1%lo', 80],
      ['127.1', 80],
    ] as const) {
      yield* failure(loop.createConnection(() => new Recorder(), host, port));
    }
    yield* failure(loop.createServer(() => new Recorder(), 'localhost', 0));
    t.deepEqual(loop.asked, [
      ['localhost', 80, 0, SOCK_STREAM],
      ['127.0.0.1', 'http', 0, SOCK_STREAM],
      ['fe80::1%lo', 80, 0, SOCK_STREAM],
      ['127.1', 80, 0, SOCK_STREAM],
      ['localhost', 0, 0, SOCK_STREAM],
    ]);
    for (const server of [v4, v6]) {
      server.close();
      server.abortClients();
      yield* server.waitClosed();
    }
  },
  Resolving,
);

inBothDrives(test, 'localAddr is where the connection comes from, and its failures name it', function* (t) {
  const protocols: Recorder[] = [];
  const server = yield* serve(() => (protocols.push(new Recorder()), protocols.at(-1)!));
  const connect = (localAddr: readonly [string, number]): Coroutine<[{ abort(): void }, unknown]> =>
    theLoop().createConnection(() => new Recorder(), '127.0.0.1', portOf(server), { localAddr }) as never;
  const [transport] = yield* connect(['127.0.0.2', 0]);
  yield* until(() => protocols.length === 1);
  const { transport: accepted } = protocols[0]!;
  t.is((accepted.getExtraInfo('peername') as [string, number])[0], '127.0.0.2');
  transport.abort();
  yield* protocols[0]!.lost;
  yield* turns(2);

  const before = openDescriptors();
  const unknown = yield* failure(connect(['203.0.113.9', 0]));
  t.like(unknown, { code: 'EADDRNOTAVAIL', errno: 99 });
  t.regex(unknown.message, /error while attempting to bind on address 203\.0\.113\.9,0: /);
  const denied = yield* failure(connect(['::1', 0]));
  t.regex(denied.message, /no matching local address with family=2 found/);
  t.true(denied instanceof OSError);
  t.is(openDescriptors(), before);
  server.close();
  server.abortClients();
  yield* server.waitClosed();
});

inBothDrives(test, 'a protocol factory that throws closes the socket', function* (t) {
  const server = yield* serve(() => new Recorder());
  const { core } = theLoop()._ring;
  const [before, sockets] = [openDescriptors(), core.sockets()];
  const bad = (): Recorder => {
    throw new RangeError('mine');
  };
  const error = yield* failure(theLoop().createConnection(bad, '127.0.0.1', portOf(server)));
  t.is(error.message, 'mine');

  const sock = new Socket();
  yield* theLoop().sockConnect(sock, ['127.0.0.1', portOf(server)]);
  yield* failure(theLoop().createConnection(bad, null, null, { sock }));
  t.is(sock.fileno(), -1);

  const accepted = new Socket();
  yield* theLoop().sockConnect(accepted, ['127.0.0.1', portOf(server)]);
  yield* failure(theLoop().connectAcceptedSocket(bad, accepted));
  t.is(accepted.fileno(), -1);
  // The server's ends notice, and close.
  yield* until(() => openDescriptors() === before);
  t.is(core.sockets(), sockets);
  server.close();
  yield* server.waitClosed();
});

inBothDrives(test, 'a connected socket becomes a connection, which owns it', function* (t) {
  const server = yield* serve(() => new Recorder());
  const sock = new Socket();
  yield* theLoop().sockConnect(sock, ['127.0.0.1', portOf(server)]);
  const [transport, protocol] = yield* theLoop().createConnection(() => new Recorder(), null, null, { sock });
  sock.close();
  t.true(sock.fileno() >= 0, 'closing is up to the transport now');
  t.deepEqual(protocol.log, ['made']);
  transport.close();
  yield* protocol.lost;
  t.is(sock.fileno(), -1);

  const datagram = new Socket(AF_INET, SOCK_DGRAM);
  for (const attempt of [
    theLoop().createConnection(() => new Recorder(), null, null, { sock: datagram }),
    theLoop().connectAcceptedSocket(() => new Recorder(), datagram),
    theLoop().createServer(() => new Recorder(), null, null, { sock: datagram }),
  ]) {
    const error = yield* failure(attempt);
    t.is(error.name, 'ValueError');
    t.regex(error.message, /A Stream Socket was expected/);
  }
  datagram.close();
  const both = yield* failure(
    theLoop().createConnection(() => new Recorder(), '127.0.0.1', 1, { sock: new Socket() }),
  );
  t.regex(both.message, /can not be specified at the same time/);
  server.close();
  yield* server.waitClosed();
});

inBothDrives(
  test,
  'cancelling a connection attempt closes its socket before the caller goes on',
  function* (t) {
    // Nobody accepts here: once the queue is full the kernel answers no more.
    const full = new Socket();
    full.bind(['127.0.0.1', 0]);
    full.listen(0);
    const [, port] = full.getsockname() as readonly [string, number];
    const queued: Socket[] = [];
    for (let count = 0; count < 2; count++) queued.push(new Socket());
    const filling = queued.map((sock) => createTask(theLoop().sockConnect(sock, ['127.0.0.1', port])));
    yield* turns(5);
    const before = openDescriptors();
    const task = createTask(theLoop().createConnection(() => new Recorder(), '127.0.0.1', port));
    yield* turns(5);
    t.false(task.done());
    t.is(openDescriptors(), before + 1);
    task.cancel();
    yield* failure(task as never);
    t.true(task.cancelled());
    t.is(openDescriptors(), before);
    for (const each of filling) each.cancel();
    for (const sock of [full, ...queued]) sock.close();
    yield* turns(2);
    t.is(openDescriptors(), before - 3);
  },
);

inBothDrives(test, 'startTls says that there is no TLS yet', function* (t) {
  const server = yield* serve(() => new Recorder());
  const [transport, protocol] = yield* theLoop().createConnection(
    () => new Recorder(),
    '127.0.0.1',
    portOf(server),
  );
  t.true((yield* failure(theLoop().startTls(transport, protocol, {}))) instanceof NotImplementedError);
  transport.abort();
  server.close();
  server.abortClients();
  yield* server.waitClosed();
});
