import test from 'ava';
import {
  ConnectionRefusedError,
  type Coroutine,
  type DatagramProtocol,
  GaiError,
  Protocol,
  RuntimeError,
  SOCK_DGRAM,
  AF_INET,
  TimeoutError,
  ValueError,
  fromPromise,
  openConnection,
  sleep,
  startServer,
} from 'miolo/base';
import { HostDownError, SimulatedNetwork, SeededRandom, currentHost } from 'miolo/testing';
import type { NetworkOptions } from 'miolo/testing';

function pair(options: Partial<NetworkOptions> = {}): SimulatedNetwork {
  const network = new SimulatedNetwork({ seed: 1, latency: 0.01, ...options });
  network.host('server', '10.0.0.1').boot(echo);
  network.host('client', '10.0.0.2');
  return network;
}

function* echo(): Coroutine<void> {
  const server = yield* startServer(
    function* (reader, writer) {
      for (;;) {
        const data = yield* reader.read(1000);
        if (data.length === 0) break;
        writer.write(data);
        yield* writer.drain();
      }
      writer.close();
    },
    null,
    7,
  );
  yield* server.serveForever();
}

function* fails(what: unknown): Coroutine<unknown> {
  try {
    yield* what as Coroutine<unknown>;
  } catch (error) {
    return error;
  }
  return null;
}

test('ordinary calls connect hosts by name, and bytes take their time', (t) => {
  const network = pair();
  network.runSync(
    network.host('client').run(function* () {
      yield* sleep(1);
      const [reader, writer] = yield* openConnection('server', 7);
      writer.write('hello');
      t.is(Buffer.from(yield* reader.readexactly(5)).toString(), 'hello');
      t.true(Math.abs(network.loop.time() - 1.04) < 1e-6);
      t.deepEqual(writer.getExtraInfo('peername'), ['10.0.0.1', 7]);
      t.is(currentHost()?.name, 'client');
      writer.close();
    }),
  );
});

test('much data comes whole and in order, through a small window and with losses', (t) => {
  const network = pair({ window: 1000, loss: 0.2, jitter: 0.05, fragment: 0.5, bandwidth: 1e5 });
  const sent = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 7) % 256));
  network.runSync(
    network.host('client').run(function* () {
      yield* sleep(1);
      const [reader, writer] = yield* openConnection('server', 7);
      writer.transport.setWriteBufferLimits(2000);
      writer.write(sent);
      t.true(writer.transport.getWriteBufferSize() > 0);
      writer.writeEof();
      t.deepEqual(Buffer.from(yield* reader.read(-1)), sent);
      writer.close();
    }),
  );
});

test('the same seed gives the same trace, another one does not', (t) => {
  const trace = (seed: number): string => {
    const network = pair({ seed, jitter: 0.01, fragment: 0.5 });
    network.runSync(
      network.host('client').run(function* () {
        yield* sleep(1);
        const [reader, writer] = yield* openConnection('server', 7);
        writer.write('hello');
        yield* reader.readexactly(5);
        writer.close();
      }),
    );
    return JSON.stringify(network.trace);
  };
  t.is(trace(3), trace(3));
  t.not(trace(3), trace(4));
});

test('the callbacks of a transport come in order, and connectionLost once and later', (t) => {
  const network = pair();
  const log: string[] = [];
  class Noting extends Protocol {
    override connectionMade(): void {
      log.push('made');
    }
    override dataReceived(data: Uint8Array): void {
      log.push(`data ${Buffer.from(data).toString()}`);
    }
    override connectionLost(error: Error | null): void {
      log.push(`lost ${String(error)}`);
    }
  }
  network.runSync(
    network.host('client').run(function* () {
      yield* sleep(1);
      const [transport] = yield* network.loop.createConnection(() => new Noting(), 'server', 7);
      log.push('connected');
      transport.write('x');
      yield* sleep(1);
      transport.abort();
      transport.abort();
      transport.close();
      log.push('aborted');
      yield* sleep(1);
    }),
  );
  t.deepEqual(log, ['made', 'connected', 'data x', 'aborted', 'lost null']);
});

test('names that are unknown, ports that are closed, and hosts that are cut off fail as in life', (t) => {
  const network = pair({ timeout: 5 });
  network.runSync(
    network.host('client').run(function* () {
      yield* sleep(1);
      t.true((yield* fails(openConnection('nobody', 7))) instanceof GaiError);
      t.true((yield* fails(openConnection('server', 8))) instanceof ConnectionRefusedError);
      t.is(((yield* fails(openConnection('10.9.9.9', 8))) as { code: string }).code, 'EHOSTUNREACH');
      network.partition(['client'], ['server']);
      const start = network.loop.time();
      t.true((yield* fails(openConnection('server', 7))) instanceof TimeoutError);
      t.is(network.loop.time() - start, 5);
    }),
  );
});

test('a stream waits for a short partition, and times out in a long one', (t) => {
  const network = pair({ timeout: 5 });
  network.runSync(
    network.host('client').run(function* () {
      yield* sleep(1);
      const [reader, writer] = yield* openConnection('server', 7);
      const heal = network.partition(['client'], ['server']);
      writer.write('a');
      yield* sleep(2);
      heal();
      t.is((yield* reader.readexactly(1)).length, 1);
      network.mute(['server'], ['client']);
      writer.write('b');
      t.true((yield* fails(reader.readexactly(1))) instanceof TimeoutError);
    }),
  );
});

test('a crash runs nothing more of the host, not even finally, and spares the disk', (t) => {
  const network = new SimulatedNetwork({ seed: 1 });
  const host = network.host('a', '10.0.0.1');
  const log: string[] = [];
  host.boot(function* (self) {
    const starts = ((self.disk.get('starts') as number | undefined) ?? 0) + 1;
    self.disk.set('starts', starts);
    log.push(`start ${starts}`);
    try {
      yield* sleep(1000);
    } finally {
      log.push('cleaned up');
    }
  });
  const outcome = network.host('a').run(() => sleep(5) as Coroutine<void>);
  network.runSync(
    (function* () {
      yield* sleep(1);
      host.crash();
      t.true((yield* fails(outcome)) instanceof HostDownError);
      t.throws(() => host.run(() => sleep(1) as Coroutine<void>), { instanceOf: HostDownError });
      host.restart();
      yield* sleep(1);
    })(),
  );
  t.deepEqual(log, ['start 1', 'start 2']);
});

for (const how of ['crash', 'kill'] as const) {
  test(`after a ${how} a silent peer ${how === 'kill' ? 'is reset' : 'knows nothing until it sends'}`, (t) => {
    const network = pair();
    network.runSync(
      network.host('client').run(function* () {
        yield* sleep(1);
        const [reader, writer] = yield* openConnection('server', 7);
        yield* sleep(1);
        network.host('server')[how]();
        yield* sleep(1);
        network.host('server').restart();
        yield* sleep(1);
        t.is(reader.exception() === null, how === 'crash');
        if (how === 'crash') writer.write('x');
        t.is(((yield* fails(reader.readexactly(1))) as { code: string }).code, 'ECONNRESET');
      }),
    );
  });
}

test('a paused host runs nothing while time goes on, then all of it in order', (t) => {
  const network = new SimulatedNetwork({ seed: 1 });
  const host = network.host('a', '10.0.0.1');
  const log: string[] = [];
  network.runSync(
    (function* () {
      const done = host.run(function* () {
        for (let i = 0; i < 3; i++) {
          yield* sleep(1);
          log.push(`${i} at ${network.loop.time()}`);
        }
      });
      yield* sleep(1.5);
      host.pause();
      yield* sleep(8.5);
      host.resume();
      yield* done;
    })(),
  );
  t.deepEqual(log, ['0 at 1', '1 at 10', '2 at 11']);
});

test('datagrams are lost, doubled and overtaken, and each endpoint has its order of callbacks', (t) => {
  const network = new SimulatedNetwork({ seed: 5, latency: 0.01, loss: 0.2, reorder: 0.3, duplicate: 0.2 });
  const got: number[] = [];
  const log: string[] = [];
  const protocol = {
    connectionMade: () => void log.push('made'),
    datagramReceived: (data: Uint8Array) => void got.push(data[0]!),
    errorReceived: (error: Error) => void log.push(error.name),
    connectionLost: () => void log.push('lost'),
  } as unknown as DatagramProtocol;
  const { loop } = network;
  network.host('b', '10.0.0.2').boot(function* () {
    const sock = loop._makeSocket(AF_INET, SOCK_DGRAM, 0);
    sock.bind(['0.0.0.0', 9]);
    const waiter = loop.createFuture<void>();
    const transport = loop._makeDatagramTransport(sock, protocol, null, waiter);
    yield* waiter;
    log.push('waiter');
    yield* sleep(5);
    transport.close();
    log.push('closed');
  });
  network.runSync(
    network.host('a', '10.0.0.1').run(function* () {
      yield* sleep(1);
      const sock = loop._makeSocket(AF_INET, SOCK_DGRAM, 0);
      const transport = loop._makeDatagramTransport(sock, { connectionMade() {} } as never);
      for (let i = 0; i < 100; i++) {
        transport.sendto(new Uint8Array([i]), ['10.0.0.2', 9]);
        yield* sleep(0.01);
      }
      yield* sleep(9);
    }),
  );
  t.deepEqual(log, ['made', 'waiter', 'closed', 'lost']);
  const kinds = new Set(got);
  t.true(kinds.size > 60 && kinds.size < 95);
  t.true(got.length > kinds.size);
  t.true(got.some((value, i) => i > 0 && value < got[i - 1]!));
});

test('a connected socket of datagrams hears that nobody listens', (t) => {
  const network = pair();
  const errors: Error[] = [];
  const { loop } = network;
  network.runSync(
    network.host('client').run(function* () {
      const sock = loop._makeSocket(AF_INET, SOCK_DGRAM, 0);
      yield* loop.sockConnect(sock, ['server', 9]);
      const transport = loop._makeDatagramTransport(
        sock,
        {
          connectionMade: () => {},
          connectionLost: () => {},
          errorReceived: (error: Error) => void errors.push(error),
        } as unknown as DatagramProtocol,
        ['10.0.0.1', 9],
      );
      yield* sleep(0);
      transport.sendto(new Uint8Array(1));
      yield* sleep(1);
      t.true(errors[0] instanceof ConnectionRefusedError);
      t.throws(() => transport.sendto(new Uint8Array(1), ['10.0.0.1', 10]), { instanceOf: ValueError });
      transport.close();
      yield* sleep(0);
    }),
  );
});

test('a protocol that throws loses its connection, and the report names the method', (t) => {
  for (const [method, protocol] of [
    ['dataReceived', { dataReceived: bad }],
    ['getBuffer', { getBuffer: bad }],
    ['bufferUpdated', { getBuffer: () => new Uint8Array(10), bufferUpdated: bad }],
  ] as const) {
    const network = pair();
    const lost: unknown[] = [];
    const whole = {
      connectionMade() {},
      connectionLost: (error: unknown) => void lost.push(error),
      ...protocol,
    };
    t.throws(
      () =>
        network.runSync(
          network.host('client').run(function* () {
            yield* sleep(1);
            const [transport] = yield* network.loop.createConnection(
              () => whole as unknown as Protocol,
              'server',
              7,
            );
            transport.write('x');
            yield* sleep(1);
          }),
        ),
      { message: 'bad' },
    );
    t.regex(network.reports[0]!.message!, new RegExp(method));
    t.is((lost[0] as Error).message, 'bad');
  }
});

function bad(): never {
  throw new Error('bad');
}

test.serial('a hosted run may await promises, in virtual time all the same', async (t) => {
  const network = pair();
  const outcome = network.host('client').run(function* () {
    yield* sleep(1);
    const [reader, writer] = yield* openConnection('server', 7);
    writer.write('x');
    yield* fromPromise(Promise.resolve());
    yield* reader.readexactly(1);
    yield* sleep(1000);
    writer.close();
    return network.loop.time();
  });
  t.true((await network.run(outcome)) > 1000);
});

test('datagram endpoints are made by the ordinary call, with names', (t) => {
  const network = new SimulatedNetwork({ seed: 1, latency: 0.01 });
  const { loop } = network;
  const got: unknown[] = [];
  network.host('b', '10.0.0.2').boot(function* () {
    const [transport] = yield* loop.createDatagramEndpoint(
      () =>
        ({
          connectionMade() {},
          connectionLost() {},
          datagramReceived: (data: Uint8Array, from: readonly [string, number]) =>
            transport.sendto(data, from),
        }) as unknown as DatagramProtocol,
      ['0.0.0.0', 9],
    );
    yield* sleep(10);
  });
  network.runSync(
    network.host('a', '10.0.0.1').run(function* () {
      yield* sleep(1);
      const [transport] = yield* loop.createDatagramEndpoint(
        () =>
          ({
            connectionMade() {},
            connectionLost() {},
            datagramReceived: (data: Uint8Array, from: unknown) => void got.push([...data, from]),
          }) as unknown as DatagramProtocol,
        null,
        ['b', 9],
      );
      transport.sendto(new Uint8Array([1, 2]));
      yield* sleep(1);
      transport.close();
      yield* sleep(0);
    }),
  );
  t.deepEqual(got, [[1, 2, ['10.0.0.2', 9]]]);
});

test('what was written or sent belongs to its owner again, a Buffer too', (t) => {
  const network = pair();
  const { loop } = network;
  const got: string[] = [];
  network.host('server').boot(function* () {
    yield* loop.createDatagramEndpoint(
      () =>
        ({
          connectionMade() {},
          connectionLost() {},
          datagramReceived: (data: Uint8Array) => void got.push(Buffer.from(data).toString()),
        }) as unknown as DatagramProtocol,
      ['10.0.0.1', 9],
    );
    yield* sleep(10);
  });
  network.runSync(
    network.host('client').run(function* () {
      yield* sleep(1);
      const [reader, writer] = yield* openConnection('server', 7);
      const [endpoint] = yield* loop.createDatagramEndpoint(
        () => ({ connectionMade() {}, connectionLost() {} }) as unknown as DatagramProtocol,
        null,
        ['10.0.0.1', 9],
      );
      const data = Buffer.from('mine');
      writer.write(data);
      endpoint.sendto(data);
      data.fill('x');
      got.push(Buffer.from(yield* reader.readexactly(4)).toString());
      writer.close();
      endpoint.close();
    }),
  );
  t.deepEqual(got, ['mine', 'mine']);
});

test('a deadlock names the tasks, the hosts and the cuts', (t) => {
  const stuck = pair();
  const deadlock = t.throws(
    () =>
      stuck.runSync(
        stuck.host('client').run(function* waiting() {
          stuck.partition(['client'], ['server']);
          yield* stuck.loop.createFuture<void>();
        }),
      ),
    { instanceOf: RuntimeError, message: /deadlock/ },
  );
  t.regex(deadlock!.message, /client:waiting: waits for/);
  t.regex(deadlock!.message, /server up.*cut: client \| server/);
});

test('an error that only the loop heard of fails the run, and so does the limit of time', (t) => {
  const network = pair();
  network.host('client').boot(function* () {
    network.loop.callSoon(() => {
      throw new Error('unheard');
    });
  });
  t.throws(() => network.runSync(sleep(1)), { message: 'unheard' });
  t.throws(() => pair().runSync(sleep(100), { limit: 10 }), { instanceOf: TimeoutError });
});

test('code of no host has no network', (t) => {
  const network = pair();
  network.runSync(
    (function* () {
      t.true((yield* fails(openConnection('10.0.0.1', 7))) instanceof RuntimeError);
    })(),
  );
});

test('a reset ends both sides with an error', (t) => {
  const network = pair();
  const made: { isClosing(): boolean }[] = [];
  network.runSync(
    network.host('client').run(function* () {
      yield* sleep(1);
      const [reader, writer] = yield* openConnection('server', 7);
      made.push(writer.transport);
      yield* sleep(1);
      network.reset('client', 'server');
      t.is(((yield* fails(reader.read(1))) as { code: string }).code, 'ECONNRESET');
      yield* sleep(0);
      t.true(made[0]!.isClosing());
    }),
  );
});

test('random numbers follow from the seed and the stream, and are even', (t) => {
  const draw = (seed: number, stream?: string): number[] => {
    const random = new SeededRandom(seed, stream);
    return Array.from({ length: 4 }, () => random.uint32());
  };
  t.deepEqual(draw(1), draw(1));
  t.notDeepEqual(draw(1), draw(2));
  t.notDeepEqual(draw(1, 'a'), draw(1, 'b'));
  t.notDeepEqual(draw(1), draw(1 + 2 ** 32));
  const mean = new SeededRandom(7);
  let sum = 0;
  for (let i = 0; i < 10_000; i++) sum += mean.float();
  t.true(Math.abs(sum / 10_000 - 0.5) < 0.02);
  t.throws(() => new SeededRandom(0.5), { instanceOf: RangeError });
});
