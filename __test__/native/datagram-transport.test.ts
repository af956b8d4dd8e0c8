import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  ConnectionRefusedError,
  DatagramProtocol,
  MioEventLoop,
  OSError,
  SOCK_DGRAM,
  SOCK_STREAM,
  Socket,
  SystemExit,
  TransportSocket,
  ValueError,
} from 'miolo';
import type { Address, Coroutine, DatagramTransport, Future } from 'miolo';
import { theLoop } from '../helpers.js';
import { inBothDrives, openDescriptors, reportsOf, turns, until } from './pair.js';

const LOCAL: Address = ['127.0.0.1', 0];

/** Notes every callback. */
class Endpoint extends DatagramProtocol {
  transport!: DatagramTransport;
  readonly received: [data: Buffer, address: Address][] = [];
  readonly errors: Error[] = [];
  readonly log: string[] = [];
  readonly lost: Future<Error | null> = theLoop().createFuture<Error | null>();

  override connectionMade(transport: DatagramTransport): void {
    this.transport = transport;
    this.log.push('made');
  }

  override datagramReceived(data: Uint8Array, address: Address): void {
    this.received.push([data as Buffer, address]);
  }

  override errorReceived(error: Error): void {
    this.errors.push(error);
  }

  override pauseWriting(): void {
    this.log.push('pause');
  }

  override resumeWriting(): void {
    this.log.push('resume');
  }

  override connectionLost(error: Error | null): void {
    this.log.push('lost');
    this.lost.setResult(error);
  }

  get name(): Address {
    return this.transport.getExtraInfo('sockname') as Address;
  }
}

/** An endpoint, closed at the end of `body`. */
function* endpoint(local: Address | null, remote: Address | null = null, options = {}): Coroutine<Endpoint> {
  const [, protocol] = yield* theLoop().createDatagramEndpoint(() => new Endpoint(), local, remote, options);
  return protocol;
}

function* closeAll(...endpoints: Endpoint[]): Coroutine<void> {
  for (const each of endpoints) each.transport.abort();
  for (const each of endpoints) yield* each.lost;
}

inBothDrives(test, 'datagrams keep their bounds, order and sender, and are safe to keep', function* (t) {
  const near = yield* endpoint(LOCAL);
  const far = yield* endpoint(LOCAL);
  const sizes = [1, 0, 1400, 9000, 60_000, 17];
  for (const [at, size] of sizes.entries()) near.transport.sendto(Buffer.alloc(size, at), far.name);
  yield* until(() => far.received.length === sizes.length);
  for (const [at, size] of sizes.entries()) {
    const [data, address] = far.received[at]!;
    t.true(data.equals(Buffer.alloc(size, at)), `datagram ${at}`);
    t.deepEqual(address, near.name);
  }
  far.transport.sendto(Buffer.from('back'), far.received[0]![1]);
  yield* until(() => near.received.length === 1);
  t.is(near.received[0]![0].toString(), 'back');
  yield* closeAll(near, far);
});

inBothDrives(test, 'a burst of many small datagrams arrives whole', function* (t) {
  const near = yield* endpoint(LOCAL);
  const far = yield* endpoint(LOCAL);
  const count = 2000;
  for (let at = 0; at < count; at++) {
    near.transport.sendto(Buffer.from(String(at)), far.name);
    // Loopback drops what the receiver's buffer has no room for.
    if (at % 50 === 49) yield* until(() => far.received.length === at + 1);
  }
  t.deepEqual(
    far.received.map(([data]) => Number(data.toString())),
    Array.from({ length: count }, (_, at) => at),
  );
  yield* closeAll(near, far);
});

inBothDrives(test, 'a connected endpoint sends to its peer only, and needs no address', function* (t) {
  const far = yield* endpoint(LOCAL);
  const near = yield* endpoint(null, far.name);
  t.deepEqual(near.transport.getExtraInfo('peername'), far.name);
  near.transport.sendto(Buffer.from('one'));
  near.transport.sendto(Buffer.from('two'), far.name);
  t.throws(() => near.transport.sendto(Buffer.from('x'), ['127.0.0.1', 1]), { instanceOf: ValueError });
  yield* until(() => far.received.length === 2);
  yield* closeAll(near, far);
});

inBothDrives(
  test,
  'a peer that refuses is told by errorReceived, and the endpoint stays open',
  function* (t) {
    const gone = yield* endpoint(LOCAL);
    const address = gone.name;
    yield* closeAll(gone);
    const near = yield* endpoint(null, address);
    near.transport.sendto(Buffer.from('x'));
    yield* until(() => near.errors.length > 0);
    t.true(near.errors[0] instanceof ConnectionRefusedError);
    t.false(near.transport.isClosing());
    yield* closeAll(near);
  },
);

inBothDrives(
  test,
  'a datagram that is too long is an error of its own; those around it are sent',
  function* (t) {
    const near = yield* endpoint(LOCAL);
    const far = yield* endpoint(LOCAL);
    near.transport.sendto(Buffer.from('before'), far.name);
    near.transport.sendto(Buffer.alloc(70_000), far.name);
    near.transport.sendto(Buffer.from('behind'), far.name);
    yield* until(() => far.received.length === 2 && near.errors.length === 1);
    t.deepEqual(
      far.received.map(([data]) => data.toString()),
      ['before', 'behind'],
    );
    t.is((near.errors[0] as OSError).code, 'EMSGSIZE');
    yield* closeAll(near, far);
  },
);

inBothDrives(test, 'an error of the protocol is reported, and the datagrams behind it arrive', function* (t) {
  const reports = reportsOf(theLoop());
  const near = yield* endpoint(LOCAL);
  const far = yield* endpoint(LOCAL);
  const received = far.datagramReceived.bind(far);
  far.datagramReceived = (data, address) => {
    received(data, address);
    if (far.received.length === 1) throw new Error('no');
  };
  for (const word of ['one', 'two', 'three']) near.transport.sendto(Buffer.from(word), far.name);
  yield* until(() => far.received.length === 3);
  t.is(reports.length, 1);
  t.is((reports[0]!.exception as Error).message, 'no');
  t.is(reports[0]!.transport, far.transport);
  yield* closeAll(near, far);
});

inBothDrives(
  test,
  'close() comes after what was sent, abort() before; connectionLost once, never at once',
  function* (t) {
    const far = yield* endpoint(LOCAL);
    for (const end of ['close', 'abort'] as const) {
      const near = yield* endpoint(LOCAL);
      near.transport.sendto(Buffer.from(end), far.name);
      near.transport[end]();
      t.true(near.transport.isClosing());
      t.deepEqual(near.log, ['made']);
      t.is(yield* near.lost, null);
      near.transport.close();
      near.transport.abort();
      near.transport.sendto(Buffer.from('late'), far.name);
      yield* turns(3);
      t.deepEqual(near.log, ['made', 'lost']);
      t.is(near.transport.getProtocol(), null);
    }
    // Both had a chance to leave before the end.
    yield* until(() => far.received.length === 2);
    yield* closeAll(far);
  },
);

inBothDrives(
  test,
  'Unix endpoints send by path and abstract name, and full ones pause and resume their protocol',
  function* (t) {
    const reports = reportsOf(theLoop());
    const folder = mkdtempSync(join(tmpdir(), 'miolo-datagrams-'));
    const path = join(folder, 'far');
    const far = yield* endpoint(path, null, { family: AF_UNIX });
    const near = yield* endpoint(`\0miolo-${process.pid}-${t.title.length}`, path, { family: AF_UNIX });
    const transport = near.transport as DatagramTransport & {
      setWriteBufferLimits(high: number, low?: number): void;
      getWriteBufferSize(): number;
    };
    transport.setWriteBufferLimits(10_000, 100);
    let sent = 0;
    // A Unix socket refuses what its peer has no room for.
    while (!near.log.includes('pause')) {
      transport.sendto(Buffer.alloc(1000, sent++));
      if (sent > 100_000) throw new Error('it never pauses');
    }
    t.true(transport.getWriteBufferSize() > 10_000);
    t.is(transport.getWriteBufferSize() % 1008, 0);
    yield* until(() => far.received.length === sent);
    t.deepEqual(near.log, ['made', 'pause', 'resume']);
    t.deepEqual(
      far.received.map(([data]) => data[0]),
      Array.from({ length: sent }, (_, at) => at & 0xff),
    );
    t.is(far.received[0]![1], `\0miolo-${process.pid}-${t.title.length}`);
    yield* closeAll(near, far);
    // A socket file that is left over is replaced.
    t.true(existsSync(path));
    const again = yield* endpoint(path, null, { family: AF_UNIX });
    yield* closeAll(again);
    rmSync(folder, { recursive: true });
    t.deepEqual(reports, []);
  },
);

inBothDrives(test, 'IPv6 addresses have four parts, and take two', function* (t) {
  const near = yield* endpoint(['::1', 0], null, { family: AF_INET6 });
  const far = yield* endpoint(['::1', 0]);
  const [, port] = far.name as [string, number];
  near.transport.sendto(Buffer.from('six'), ['::1', port]);
  yield* until(() => far.received.length === 1);
  t.deepEqual(far.received[0]![1], near.name);
  t.is(near.name.length, 4);
  yield* closeAll(near, far);
});

inBothDrives(
  test,
  'a socket of the caller is taken over, and nothing else may be said beside it',
  function* (t) {
    const descriptors = openDescriptors();
    const sock = new Socket(AF_INET, SOCK_DGRAM, 0);
    sock.bind(['127.0.0.1', 0]);
    const loop = theLoop();
    const make = (): Endpoint => new Endpoint();
    for (const [local, remote, options] of [
      [LOCAL, null, {}],
      [null, LOCAL, {}],
      [null, null, { family: AF_INET }],
      [null, null, { reusePort: true }],
      [null, null, { allowBroadcast: true }],
    ] as const) {
      const error = yield* failureOf(loop.createDatagramEndpoint(make, local, remote, { ...options, sock }));
      t.true(error instanceof ValueError, String(error));
      t.regex(String(error), /can not be used when sock is specified/);
    }
    const stream = new Socket(AF_INET, SOCK_STREAM, 0);
    t.true(
      (yield* failureOf(loop.createDatagramEndpoint(make, null, null, { sock: stream }))) instanceof
        ValueError,
    );
    stream.close();
    t.true((yield* failureOf(loop.createDatagramEndpoint(make))) instanceof ValueError);
    t.true(
      (yield* failureOf(loop.createDatagramEndpoint(make, ['127.0.0.1', 0], ['::1', 1]))) instanceof
        ValueError,
    );
    const path = yield* failureOf(loop.createDatagramEndpoint(make, 'path' as never));
    t.true(path instanceof TypeError);
    t.is((path as Error).message, 'localAddr: must be [host, port], not path');
    const [transport, protocol] = yield* loop.createDatagramEndpoint(make, null, null, { sock });
    t.true(transport.getExtraInfo('socket') instanceof TransportSocket);
    t.throws(() => transport.sendto('text' as never, protocol.name), { instanceOf: TypeError });
    t.throws(() => transport.sendto(Buffer.from('x')), { instanceOf: TypeError });
    for (const wrong of [
      ['127.0.0.1', 70_000],
      ['127.0.0.1', -1],
      ['::1', 5],
      ['no address', 5],
      'path',
    ] as const) {
      t.throws(() => transport.sendto(Buffer.from('x'), wrong as Address), undefined, String(wrong));
    }
    yield* closeAll(protocol);
    t.is(openDescriptors(), descriptors);
  },
);

inBothDrives(test, 'a protocol factory that throws costs no descriptor', function* (t) {
  const descriptors = openDescriptors();
  const error = yield* failureOf(
    theLoop().createDatagramEndpoint((): Endpoint => {
      throw new Error('no protocol');
    }, LOCAL),
  );
  t.is((error as Error).message, 'no protocol');
  t.is(openDescriptors(), descriptors);
});

inBothDrives(test, 'the first bytes of a loop may be an empty datagram', function* (t) {
  const near = yield* endpoint(LOCAL);
  const far = yield* endpoint(LOCAL);
  for (const size of [0, 0, 3]) near.transport.sendto(Buffer.alloc(size), far.name);
  yield* until(() => far.received.length === 3);
  t.deepEqual(
    far.received.map(([data]) => data.length),
    [0, 0, 3],
  );
  yield* closeAll(near, far);
});

inBothDrives(test, 'a Unix sender without a name has the address null', function* (t) {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-datagrams-'));
  const path = join(folder, 'far');
  const far = yield* endpoint(path, null, { family: AF_UNIX });
  const near = yield* endpoint(null, null, { family: AF_UNIX });
  for (const size of [5, 0, 100_000]) near.transport.sendto(Buffer.alloc(size), path);
  yield* until(() => far.received.length === 3);
  t.deepEqual(
    far.received.map(([data, address]) => [data.length, address as unknown]),
    [
      [5, null],
      [0, null],
      [100_000, null],
    ],
  );
  yield* closeAll(near, far);
  rmSync(folder, { recursive: true });
});

inBothDrives(test, 'each send that a peer refuses is told of once', function* (t) {
  const gone = yield* endpoint(LOCAL);
  const address = gone.name;
  yield* closeAll(gone);
  const near = yield* endpoint(null, address);
  for (let sent = 1; sent <= 3; sent++) {
    near.transport.sendto(Buffer.from('x'));
    yield* until(() => near.errors.length >= sent);
    yield* turns(3);
    t.is(near.errors.length, sent);
  }
  yield* closeAll(near);
});

inBothDrives(test, 'what could not be sent is told before connectionLost, if close() follows', function* (t) {
  const near = yield* endpoint(LOCAL);
  near.errorReceived = (error) => void near.log.push((error as OSError).code!);
  near.transport.sendto(Buffer.alloc(70_000), near.name);
  near.transport.close();
  yield* near.lost;
  t.deepEqual(near.log, ['made', 'EMSGSIZE', 'lost']);
});

inBothDrives(
  test,
  'with allowBroadcast the socket is not connected, but has one address to send to',
  function* (t) {
    const far = yield* endpoint(LOCAL);
    const near = yield* endpoint(null, far.name, { allowBroadcast: true });
    t.is(near.transport.getExtraInfo('peername'), null);
    t.throws(() => near.transport.sendto(Buffer.from('x'), ['127.0.0.1', 1]), { instanceOf: ValueError });
    near.transport.sendto(Buffer.from('x'));
    yield* until(() => far.received.length === 1);
    yield* closeAll(near, far);
  },
);

inBothDrives(test, 'a peer that sends many datagrams costs one address, which is frozen', function* (t) {
  const near = yield* endpoint(LOCAL);
  const far = yield* endpoint(LOCAL);
  for (let sent = 0; sent < 20; sent++) near.transport.sendto(Buffer.from('x'), far.name);
  yield* until(() => far.received.length === 20);
  t.is(new Set(far.received.map(([, address]) => address)).size, 1);
  t.true(Object.isFrozen(far.received[0]![1]));
  yield* closeAll(near, far);
});

test.serial('a turn that is left early delivers the rest of its datagrams in the next run', (t) => {
  const loop = new MioEventLoop();
  loop.setExceptionHandler(() => {});
  const [near, far] = loop.runUntilCompleteSync(
    (function* (): Coroutine<[Endpoint, Endpoint]> {
      return [yield* endpoint(LOCAL), yield* endpoint(LOCAL)];
    })(),
  );
  const received = far.datagramReceived.bind(far);
  far.datagramReceived = (data, address) => {
    received(data, address);
    if (far.received.length === 2) throw new SystemExit(3);
  };
  for (const word of ['one', 'two', 'three', 'four']) near.transport.sendto(Buffer.from(word), far.name);
  t.throws(() => loop.runForeverSync(), { instanceOf: SystemExit });
  t.is(far.received.length, 2);
  loop.runUntilCompleteSync(until(() => far.received.length === 4));
  t.deepEqual(
    far.received.map(([data, address]) => [data.toString(), address]),
    ['one', 'two', 'three', 'four'].map((word) => [word, near.name]),
  );
  loop.runUntilCompleteSync(closeAll(near, far));
  loop.close();
});

function* failureOf(awaitable: Iterable<unknown, unknown>): Coroutine<unknown> {
  try {
    yield* awaitable as Coroutine<unknown>;
  } catch (error) {
    // The caller tells what it should be.
    return error;
  }
  return null;
}
