import test from 'ava';
import {
  CancelledError,
  StreamReader,
  StreamReaderProtocol,
  createTask,
  openConnection,
  run,
  startServer,
  startUnixServer,
} from 'miolo';
import type { ClientConnectedCb, Coroutine, Server, StreamWriter, Task } from 'miolo';
import { portOf, serve, theLoop } from '../helpers.js';
import { PLENTY, inBothDrives, openDescriptors, reportsOf, turns, until } from './pair.js';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function* failure(attempt: Coroutine<unknown>): Coroutine<Error & { consumed?: number; code?: string }> {
  try {
    yield* attempt;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

interface Ends {
  readonly server: Server;
  readonly near: readonly [StreamReader, StreamWriter];
  readonly far: readonly [StreamReader, StreamWriter];
}

/** Both ends of a connection as streams; `near` is the server's. */
function* streams(limit?: number): Coroutine<Ends> {
  let near: [StreamReader, StreamWriter] | null = null;
  const options = limit === undefined ? {} : { limit };
  const server = yield* startServer((...made) => void (near = made), '127.0.0.1', 0, options);
  const far = yield* openConnection('127.0.0.1', portOf(server));
  yield* until(() => near !== null);
  return { server, near: near!, far };
}

function* end({ server, near, far }: Ends): Coroutine<void> {
  near[1].transport.abort();
  far[1].transport.abort();
  server.close();
  yield* server.waitClosed();
  yield;
}

const isReading = (writer: StreamWriter): boolean =>
  (writer.transport as unknown as { isReading(): boolean }).isReading();

inBothDrives(test, 'a reader pauses above twice its limit and goes on at the limit', function* (t) {
  const ends = yield* streams(1000);
  const [reader, writer] = ends.near;
  ends.far[1].write(Buffer.alloc(2000));
  yield* turns(5);
  t.true(isReading(writer), 'exactly twice the limit');
  ends.far[1].write('x');
  yield* until(() => !isReading(writer));
  t.is((yield* reader.readexactly(1000)).length, 1000);
  t.false(isReading(writer), '1001 are left');
  t.is((yield* reader.read(1)).length, 1);
  t.true(isReading(writer));
  yield* end(ends);
});

inBothDrives(test, 'a peer that writes without end fills no more than the limit and a chunk', function* (t) {
  const ends = yield* streams(1000);
  const [reader, writer] = ends.near;
  ends.far[1].write(Buffer.alloc(PLENTY));
  yield* turns(50);
  t.false(isReading(writer));
  t.true(reader._buffer.length <= 2000 + 262_144);
  t.true((ends.far[1].transport as unknown as { getWriteBufferSize(): number }).getWriteBufferSize() > 0);
  yield* end(ends);
});

inBothDrives(test, 'readexactly reads far more than the limit, whole', function* (t) {
  const ends = yield* streams(1000);
  const bytes = Buffer.alloc(PLENTY);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeInt32LE(at, at);
  ends.far[1].write(bytes);
  t.true(bytes.equals(yield* ends.near[0].readexactly(bytes.length)));
  yield* end(ends);
});

inBothDrives(test, 'only one coroutine may wait on a reader', function* (t) {
  const ends = yield* streams();
  const [reader] = ends.near;
  const first = createTask(reader.readline());
  yield* turns(2);
  for (const [method, attempt] of [
    ['read', reader.read(1)],
    ['readline|readuntil', reader.readline()],
    ['readexactly', reader.readexactly(1)],
  ] as const) {
    const error = yield* failure(attempt);
    t.is(error.name, 'RuntimeError');
    t.regex(
      error.message,
      new RegExp(`^(${method})\\(\\) called while another coroutine is already waiting`),
    );
  }
  ends.far[1].write('line\n');
  t.is(text(yield* first as never as Coroutine<Uint8Array>), 'line\n');
  yield* end(ends);
});

inBothDrives(
  test,
  'a reset comes before the bytes that were buffered, in reads, drain and waitClosed',
  function* (t) {
    const ends = yield* streams();
    const [reader, writer] = ends.near;
    ends.far[1].write('buffered');
    yield* until(() => reader._buffer.length === 8);
    (ends.far[1].transport as unknown as { pauseReading(): void }).pauseReading();
    writer.write('never read');
    yield* turns(3);
    ends.far[1].transport.abort();
    yield* until(() => reader.exception() !== null);
    for (const attempt of [reader.read(1), reader.readline(), writer.drain(), writer.waitClosed()]) {
      t.is((yield* failure(attempt)).code, 'ECONNRESET');
    }
    yield* end(ends);
  },
);

inBothDrives(test, 'readuntil beyond the limit keeps the bytes, readline drops the line', function* (t) {
  const ends = yield* streams(10);
  const [reader] = ends.near;
  ends.far[1].write('a line too long\nnext\nand one without end');
  const over = yield* failure(reader.readuntil(Buffer.from('\n')));
  t.is(over.name, 'LimitOverrunError');
  t.is(over.consumed, 15);
  t.is((yield* failure(reader.readline())).name, 'ValueError');
  t.is(text(yield* reader.readline()), 'next\n');
  t.is((yield* failure(reader.readline())).name, 'ValueError');
  ends.far[1].write('good\n');
  t.is(text(yield* reader.readline()), 'good\n', 'the buffer was emptied');
  ends.far[1].write('one;two|three');
  const separators = [Buffer.from('|'), Buffer.from(';')];
  t.is(text(yield* reader.readuntil(separators)), 'one;');
  t.is(text(yield* reader.readuntil(separators)), 'two|');
  ends.far[1].writeEof();
  t.is((yield* failure(reader.readuntil(separators))).name, 'IncompleteReadError');
  t.true(reader.atEof());
  yield* end(ends);
});

inBothDrives(
  test,
  'drain does not wait below the mark; above it any number waits until the peer reads',
  function* (t) {
    const ends = yield* streams();
    const [, writer] = ends.near;
    writer.write('few');
    const step = writer.drain().next();
    t.true(step.done, 'without a turn');
    (ends.far[1].transport as unknown as { pauseReading(): void }).pauseReading();
    writer.write(Buffer.alloc(PLENTY));
    const waiting = Array.from({ length: 3 }, () => createTask(writer.drain()));
    yield* turns(10);
    t.true(waiting.every((task) => !task.done()));
    waiting[2]!.cancel();
    (ends.far[1].transport as unknown as { resumeReading(): void }).resumeReading();
    const read = createTask(ends.far[0].readexactly(PLENTY + 3));
    yield* waiting[0]! as never as Coroutine<void>;
    yield* waiting[1]! as never as Coroutine<void>;
    t.true(waiting[2]!.cancelled());
    yield* read as never as Coroutine<Uint8Array>;
    yield* end(ends);
  },
);

inBothDrives(test, 'a loop of write and drain sees the end of its connection', function* (t) {
  const ends = yield* streams();
  const [, writer] = ends.near;
  writer.close();
  let rounds = 0;
  const error = yield* failure(
    (function* (): Coroutine<void> {
      for (;;) {
        rounds++;
        yield* writer.drain();
      }
    })(),
  );
  t.is(error.name, 'ConnectionResetError');
  t.is(error.message, 'Connection lost');
  t.true(rounds <= 2);
  yield* writer.waitClosed();
  yield* end(ends);
});

inBothDrives(test, 'those who drain when the peer goes away get its error', function* (t) {
  const ends = yield* streams();
  const [, writer] = ends.near;
  (ends.far[1].transport as unknown as { pauseReading(): void }).pauseReading();
  writer.write(Buffer.alloc(PLENTY));
  const waiting = [createTask(writer.drain()), createTask(writer.drain())];
  yield* turns(3);
  ends.far[1].transport.abort();
  for (const task of waiting) t.is((yield* failure(task as never)).code, 'ECONNRESET');
  t.is((yield* failure(writer.waitClosed())).code, 'ECONNRESET');
  yield* end(ends);
});

/** What a client sees of a server with this callback: everything it was sent until the end. */
function* visit(callback: ClientConnectedCb): Coroutine<string> {
  const server = yield* startServer(callback, '127.0.0.1', 0);
  const [reader, writer] = yield* openConnection('127.0.0.1', portOf(server));
  const answer = text(yield* reader.read());
  writer.close();
  yield* writer.waitClosed();
  server.close();
  yield* server.waitClosed();
  return answer;
}

inBothDrives(test, "a server's callback may be a function or a coroutine function", function* (t) {
  t.is(
    yield* visit((_reader, writer) => {
      writer.write('function');
      writer.close();
    }),
    'function',
  );
  t.is(
    yield* visit(function* (_reader, writer) {
      writer.write('coroutine');
      yield* writer.drain();
      writer.close();
    }),
    'coroutine',
  );
});

inBothDrives(
  test,
  "errors of a server's callback are reported and close; a cancellation only closes",
  function* (t) {
    const reports = reportsOf(theLoop());
    t.is(
      yield* visit(function* (_reader, writer) {
        writer.write('before');
        yield;
        throw new RangeError('mine');
      }),
      'before',
    );
    t.is(reports.length, 1);
    t.is(reports[0]!.message, 'Unhandled exception in client_connected_cb');
    t.is((reports[0]!.exception as Error).message, 'mine');
    t.truthy(reports[0]!.transport);

    let handler: Task<unknown> | null = null;
    t.is(
      yield* visit(function* (_reader, writer) {
        writer.write('until then');
        yield;
        throw new CancelledError();
      }),
      'until then',
    );
    t.is(
      yield* visit((_reader, writer) => {
        const wait = createTask(
          (function* (): Coroutine<void> {
            yield* theLoop().createFuture<void>();
          })(),
        ) as Task<unknown>;
        handler = wait;
        writer.write('x');
        theLoop().callSoon(() => handler!.cancel());
        return (function* (): Coroutine<void> {
          yield* wait;
        })();
      }),
      'x',
    );
    t.is(reports.length, 1);
  },
);

inBothDrives(test, 'startTls drains and says that there is no TLS yet; the stream lives on', function* (t) {
  const ends = yield* streams();
  t.is((yield* failure(ends.far[1].startTls({}))).name, 'NotImplementedError');
  ends.far[1].write('plain\n');
  t.is(text(yield* ends.near[0].readline()), 'plain\n');
  yield* end(ends);
});

test.serial('hosted: an async function may serve; its errors are reported and close', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const reports = reportsOf(theLoop());
      const answer = yield* visit(async (reader, writer) => {
        writer.write('async');
        await writer.drain();
        void reader;
        throw new RangeError('mine');
      });
      t.is(answer, 'async');
      t.is((reports[0]!.exception as Error).message, 'mine');
    })(),
  );
});

inBothDrives(
  test,
  'whoever overrides dataReceived or feedData sees every byte, as memory to keep',
  function* (t) {
    class Reader extends StreamReader {
      readonly fed: Uint8Array[] = [];

      override feedData(data: Uint8Array): void {
        this.fed.push(data);
        super.feedData(data);
      }
    }
    class ReaderProtocol extends StreamReaderProtocol {
      readonly received: Uint8Array[] = [];

      override dataReceived(data: Uint8Array): void {
        this.received.push(data);
        super.dataReceived(data);
      }
    }
    const nears: StreamWriter[] = [];
    const connected: ClientConnectedCb = (_reader, writer) => void nears.push(writer);
    const readers: Reader[] = [];
    const protocols: ReaderProtocol[] = [];
    let overridesProtocol = false;
    const server = yield* serve(() => {
      const reader = overridesProtocol ? new StreamReader() : new Reader();
      const made = overridesProtocol
        ? new ReaderProtocol(reader, connected)
        : new StreamReaderProtocol(reader, connected);
      if (reader instanceof Reader) readers.push(reader);
      if (made instanceof ReaderProtocol) protocols.push(made);
      return made;
    });
    // Few bytes and many, one after the other through the same memory.
    const sizes = [10, 5000, 20_000, 7];
    for (overridesProtocol of [false, true]) {
      const [, writer] = yield* openConnection('127.0.0.1', portOf(server));
      const seen = (): readonly Uint8Array[] =>
        (overridesProtocol ? protocols[0]?.received : readers[0]?.fed) ?? [];
      let sent = 0;
      for (const [at, size] of sizes.entries()) {
        writer.write(Buffer.alloc(size, at + 1));
        sent += size;
        yield* until(() => Buffer.concat(seen()).length === sent);
      }
      const all = Buffer.concat(sizes.map((size, at) => Buffer.alloc(size, at + 1)));
      t.true(all.equals(Buffer.concat(seen())));
      writer.close();
    }
    for (const near of nears) near.close();
    server.close();
    yield* server.waitClosed();
  },
);

inBothDrives(test, 'a limit that is none is refused when the server is made', function* (t) {
  const before = openDescriptors();
  for (const limit of [0, -1, NaN, 'x' as never]) {
    for (const start of [
      startServer(() => {}, '127.0.0.1', 0, { limit }),
      startUnixServer(() => {}, '\0miolo-limit', { limit }),
    ]) {
      try {
        yield* start;
        t.fail();
      } catch (error) {
        t.regex((error as Error).message, /^limit: must be /);
      }
    }
  }
  t.is(openDescriptors(), before);
});
