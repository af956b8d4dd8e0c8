import test from 'ava';
import {
  AssertionError,
  CancelledError,
  ConnectionResetError,
  FlowControlMixin,
  NotImplementedError,
  Runner,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  SystemExit,
  ValueError,
  fromPromise,
  sleep,
} from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { Endpoint, MemoryTransport } from '../conformance/memory-pipe.js';
import type { PipeOptions } from '../conformance/memory-pipe.js';
import { TestLoop, errorOf, runHosted, runOn, turns, turnsOf } from './harness.js';
import { StubStream, StubTransport, bytes, text } from './stub-transport.js';

/** Both ends of a connection in memory. */
function connect(loop: TestLoop, options: Partial<PipeOptions> = {}): [client: Endpoint, server: Endpoint] {
  const full: PipeOptions = { limit: 65536, delay: 0, high: 8, low: 2, ...options };
  const [one, two] = [new MemoryTransport(loop, full), new MemoryTransport(loop, full)];
  one.peer = two;
  two.peer = one;
  return [new Endpoint(loop, one, full.limit), new Endpoint(loop, two, full.limit)];
}

test.serial('the writer hands everything to its transport', (t) => {
  runOn(function* (loop) {
    const { writer, transport } = new StubStream(loop);
    writer.write(bytes('a'));
    writer.write('b');
    writer.writelines([bytes('c'), 'd']);
    t.true(writer.canWriteEof());
    writer.writeEof();
    t.false(writer.isClosing());
    writer.close();
    t.true(writer.isClosing());
    t.deepEqual(transport.log, ['write a', 'write b', 'write cd', 'eof', 'close']);
    t.is(writer.transport, transport);
    t.deepEqual(writer.getExtraInfo('peername'), ['192.0.2.1', 7]);
    t.is(writer.getExtraInfo('nothing'), null);
    t.is(writer.getExtraInfo('nothing', 'default'), 'default');
  });
});

test.serial('drain does not wait below the mark', (t) => {
  runOn(function* (loop) {
    const { writer } = new StubStream(loop);
    t.is(yield* turnsOf(loop, writer.drain()), 0);
  });
});

test.serial('any number of coroutines may wait in drain until writing is resumed', (t) => {
  runOn(function* (loop) {
    const { writer, protocol } = new StubStream(loop);
    protocol.pauseWriting();
    const tasks = [1, 2, 3].map(() => loop.createTask(writer.drain()));
    yield* turns(4);
    t.true(tasks.every((task) => !task.done()));
    tasks[1]!.cancel();
    t.true((yield* errorOf(tasks[1]!)) instanceof CancelledError);
    protocol.resumeWriting();
    yield* tasks[0]!;
    yield* tasks[2]!;
    t.is(protocol._drainWaiters.size, 0);
    yield* writer.drain();
  });
});

test.serial("the reader's error comes first in drain", (t) => {
  runOn(function* (loop) {
    const { writer, reader, transport } = new StubStream(loop);
    const broken = new ValueError('broken');
    reader.setException(broken);
    transport.closing = true;
    const before = loop.turns;
    t.is(yield* errorOf(writer.drain()), broken);
    t.is(loop.turns, before);
  });
});

test.serial('a writer without a reader drains as well', (t) => {
  runOn(function* (loop) {
    const { transport, protocol } = new StubStream(loop);
    const writer = new StreamWriter(transport, protocol, null, loop);
    t.is(yield* turnsOf(loop, writer.drain()), 0);
  });
});

test.serial(
  'on a closing transport drain gives a turn, so that whoever writes in a loop sees the end',
  (t) => {
    runOn(function* (loop) {
      const { writer, protocol } = new StubStream(loop);
      writer.close();
      t.is(yield* turnsOf(loop, writer.drain()), 1);
      loop.callSoon(() => protocol.connectionLost(null));
      const error = yield* errorOf(writer.drain());
      t.true(error instanceof ConnectionResetError);
    });
  },
);

test.serial('after the connection was lost drain is a ConnectionResetError', (t) => {
  runOn(function* (loop) {
    const { writer, protocol } = new StubStream(loop);
    protocol.connectionLost(null);
    t.true((yield* errorOf(writer.drain())) instanceof ConnectionResetError);
  });
});

test.serial('a regular end lets those in drain go, an error is thrown in each', (t) => {
  runOn(function* (loop) {
    const ended = new StubStream(loop);
    ended.protocol.pauseWriting();
    const drained = loop.createTask(ended.writer.drain());
    yield;
    ended.protocol.connectionLost(null);
    yield* drained;

    const broken = new StubStream(loop);
    broken.protocol.pauseWriting();
    const tasks = [1, 2].map(() => loop.createTask(errorOf(broken.writer.drain())));
    const gone = loop.createTask(broken.writer.drain());
    yield;
    const error = new ConnectionResetError('reset');
    // One that is cancelled in the same turn is passed over.
    gone.cancel();
    broken.protocol.connectionLost(error);
    for (const task of tasks) t.is(yield* task, error);
    t.true((yield* errorOf(gone)) instanceof CancelledError);
  });
});

test.serial('waitClosed waits for the end', (t) => {
  runOn(function* (loop) {
    const { writer, protocol } = new StubStream(loop);
    const waiting = [1, 2].map(() => loop.createTask(writer.waitClosed()));
    yield* turns(3);
    t.true(waiting.every((task) => !task.done()));
    protocol.connectionLost(null);
    for (const task of waiting) yield* task;
    yield* writer.waitClosed();
  });
});

test.serial('waitClosed throws the error that ended it, which is not reported if nobody waits', (t) => {
  runOn(function* (loop) {
    const { writer, protocol, reader } = new StubStream(loop);
    const error = new ConnectionResetError('reset');
    protocol.connectionLost(error);
    t.is(yield* errorOf(writer.waitClosed()), error);
    t.is(yield* errorOf(reader.read(1)), error);
    // runOn sees to it that this one is not reported.
    new StubStream(loop).protocol.connectionLost(error);
  });
});

test.serial('pausing twice, and resuming what is not paused, are AssertionErrors', (t) => {
  runOn(function* (loop) {
    const { protocol } = new StubStream(loop);
    t.throws(() => protocol.resumeWriting(), { instanceOf: AssertionError });
    protocol.pauseWriting();
    t.throws(() => protocol.pauseWriting(), { instanceOf: AssertionError });
    t.throws(() => new FlowControlMixin(loop)._getCloseWaiter(null), { instanceOf: NotImplementedError });
  });
});

test.serial('the protocol feeds the reader, and keeps the connection open at the end of its input', (t) => {
  runOn(function* (loop) {
    const { protocol, reader } = new StubStream(loop);
    protocol.dataReceived(bytes('ab'));
    t.true(protocol.eofReceived());
    t.is(text(yield* reader.read()), 'ab');
    protocol.connectionLost(null);
    // Late calls, and a protocol without a reader, are harmless.
    protocol.dataReceived(bytes('x'));
    const bare = new StreamReaderProtocol(null, null, loop);
    bare.dataReceived(bytes('x'));
    bare.connectionLost(null);
  });
});

test.serial(
  'without a connection callback given there is none; one that fails is reported and closes',
  (t) => {
    runOn(function* (loop) {
      const { transport } = new StubStream(loop);
      const protocol = new StreamReaderProtocol(
        new StreamReader(undefined, loop),
        function* () {
          throw new ValueError('x');
        },
        loop,
      );
      protocol.connectionMade(transport);
      yield* turns(3);
      t.deepEqual(loop.takeReports(), ['Unhandled exception in client_connected_cb']);
      t.deepEqual(transport.log, ['close']);
    });
  },
);

test.serial('two ends exchange bytes, with flow control in both directions', (t) => {
  runOn(function* (loop) {
    const [client, server] = connect(loop, { limit: 16 });
    const echo = loop.createTask(
      (function* () {
        for (;;) {
          const data = yield* server.reader.read(5);
          if (data.length === 0) break;
          server.writer.write(data);
          yield* server.writer.drain();
        }
        server.writer.close();
      })(),
    );
    const sent = Array.from({ length: 50 }, (_, i) => `line ${i}\n`);
    const sending = loop.createTask(
      (function* () {
        for (const line of sent) {
          client.writer.write(bytes(line));
          yield* client.writer.drain();
        }
        client.writer.writeEof();
      })(),
    );
    const received: string[] = [];
    for (;;) {
      const line = yield* client.reader.readline();
      if (line.length === 0) break;
      received.push(text(line));
    }
    t.deepEqual(received, sent);
    yield* sending;
    yield* echo;
    yield* server.writer.waitClosed();
  });
});

test.serial('drain waits while the peer does not read', (t) => {
  runOn(function* (loop) {
    const [client, server] = connect(loop, { limit: 4 });
    server.transport.pauseReading();
    client.writer.write(bytes('0123456789'));
    const draining = loop.createTask(client.writer.drain());
    yield* turns(5);
    t.false(draining.done());
    server.transport.resumeReading();
    yield* draining;
    t.is(text(yield* server.reader.readexactly(10)), '0123456789');
  });
});

test.serial('an abort by the peer reaches reader, drain and waitClosed', (t) => {
  runOn(function* (loop) {
    const [client, server] = connect(loop);
    const reading = loop.createTask(errorOf(client.reader.read(1)));
    yield;
    server.transport.abort();
    const error = yield* reading;
    t.true(error instanceof ConnectionResetError);
    t.is(yield* errorOf(client.writer.drain()), error);
    t.is(yield* errorOf(client.writer.waitClosed()), error);
    yield* server.writer.waitClosed();
  });
});

test.serial('async functions write, drain and wait for the end', async (t) => {
  await runHosted(async (loop) => {
    const [client, server] = connect(loop);
    const serve = async (): Promise<void> => {
      for await (const line of server.reader) {
        server.writer.write(bytes(text(line).toUpperCase()));
        await server.writer.drain();
      }
      server.writer.close();
      await server.writer.waitClosed();
    };
    const ask = async (): Promise<string> => {
      client.writer.write(bytes('hello\n'));
      await client.writer.drain();
      const answer = await client.reader.readline();
      client.writer.writeEof();
      await sleep(1);
      return text(answer);
    };
    const [answer] = await Promise.all([ask(), serve()]);
    t.is(answer, 'HELLO\n');
  });
});

/** Serves a stub by an async function. */
function servedBy(loop: TestLoop, handler: () => Promise<void>): StubTransport {
  const transport = new StubTransport();
  new StreamReaderProtocol(new StreamReader(undefined, loop), handler, loop).connectionMade(transport);
  return transport;
}

test.serial(
  'an async function that serves and is cancelled where it waits closes, without a report',
  async (t) => {
    const loop = new TestLoop();
    let transport!: StubTransport;
    const runner = new Runner({ loopFactory: () => loop });
    await runner.run(
      (function* (): Coroutine<void> {
        transport = servedBy(loop, async () => await loop.createTask(sleep(1000)));
        yield* turns(3);
      })(),
    );
    // Cancels what the function waits for.
    await runner.close();
    t.deepEqual(transport.log, ['close']);
    t.deepEqual(loop.reports, []);
  },
);

test.serial('an exit that an async function throws while it serves ends the run', async (t) => {
  const loop = new TestLoop();
  let transport!: StubTransport;
  const main = function* (): Coroutine<void> {
    transport = servedBy(loop, async () => {
      throw new SystemExit(3);
    });
    yield* fromPromise(new Promise(() => {}));
  };
  await t.throwsAsync(loop.runUntilComplete(main()), { instanceOf: SystemExit });
  t.deepEqual(transport.log, ['close']);
  t.deepEqual(loop.takeReports(), ['Unhandled exception in client_connected_cb']);
  loop.close();
});

test.serial('an async function that serves and outlives its loop only reports its error', async (t) => {
  const loop = new TestLoop();
  const transports: StubTransport[] = [];
  let end!: () => void;
  const soon = new Promise<void>((resolve) => (end = resolve));
  const fail = (error: Error) => async (): Promise<void> => {
    await soon;
    throw error;
  };
  for (const error of [new CancelledError(), new ValueError('late')])
    transports.push(servedBy(loop, fail(error)));
  loop.close();
  end();
  // A rejection that nobody handles fails the test.
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(
    loop.reports.map(({ exception }) => (exception as Error).message),
    ['late'],
  );
  t.deepEqual(
    transports.map(({ log }) => log),
    [[], []],
  );
});
