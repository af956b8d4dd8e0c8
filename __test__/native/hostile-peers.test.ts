import test from 'ava';
import { spawn } from 'node:child_process';
import { SOL_SOCKET, SO_LINGER, Socket, createTask, openConnection, startServer } from 'miolo';
import type { Coroutine, StreamReader, Transport } from 'miolo';
import { Echo, Recorder, portOf, serve, theLoop } from '../helpers.js';
import { Deaf, PLENTY, end, inBothDrives, pair, reportsOf, turns, until } from './pair.js';

function* failure(attempt: Coroutine<unknown>): Coroutine<Error & { code?: string }> {
  try {
    yield* attempt;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

/** Numbers that look random, the same in each run. */
function* random(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state;
  }
}

function randomBytes(seed: number, length: number): Buffer {
  const numbers = random(seed);
  return Buffer.from(Array.from({ length }, () => numbers.next().value >>> 24));
}

inBothDrives(
  test,
  'random bytes end in lines, or in errors of the reader, and the server lives',
  function* (t) {
    const reports = reportsOf(theLoop());
    const outcomes = { lines: 0, tooLong: 0, ends: 0 };
    let most = 0;
    const server = yield* startServer(
      function* (reader, writer) {
        try {
          for (;;) {
            const line = yield* reader.readline();
            most = Math.max(most, reader._buffer.length, line.length);
            if (line.length === 0) break;
            outcomes.lines++;
          }
          outcomes.ends++;
        } catch (error) {
          t.is((error as Error).name, 'ValueError');
          outcomes.tooLong++;
        }
        writer.close();
      },
      '127.0.0.1',
      0,
      { limit: 500 },
    );
    const visit = function* (seed: number): Coroutine<void> {
      const [reader, writer] = yield* openConnection('127.0.0.1', portOf(server));
      writer.write(randomBytes(seed, 20_000));
      writer.writeEof();
      try {
        yield* reader.read();
      } catch (error) {
        // The server has closed with bytes unread.
        t.is((error as { code?: string }).code, 'ECONNRESET');
      }
      writer.transport.abort();
    };
    const visits = Array.from({ length: 50 }, (_each, seed) => createTask(visit(seed)));
    for (const task of visits) yield* task as never as Coroutine<void>;
    server.close();
    yield* server.waitClosed();
    t.true(outcomes.lines > 0);
    t.is(outcomes.tooLong + outcomes.ends, 50);
    t.true(most <= 2 * 500 + 262_144);
    t.deepEqual(reports, []);
    yield* turns(3);
    t.is(theLoop()._ring.core.sockets(), 0);
  },
);

inBothDrives(test, 'a flood to a handler that does not read stays within the limit', function* (t) {
  const readers: StreamReader[] = [];
  const never = theLoop().createFuture<void>();
  const server = yield* startServer(
    function* (reader) {
      readers.push(reader);
      yield* never;
    },
    '127.0.0.1',
    0,
  );
  const flooding: Recorder[] = [];
  for (let count = 0; count < 8; count++) {
    const [transport, protocol] = yield* theLoop().createConnection(
      () => new Recorder(),
      '127.0.0.1',
      portOf(server),
    );
    transport.write(Buffer.alloc(PLENTY));
    flooding.push(protocol);
  }
  yield* until(() => readers.length === 8);
  yield* turns(100);
  for (const reader of readers) t.true(reader._buffer.length <= 2 * 65_536 + 262_144);
  t.true(flooding.every(({ transport }) => transport.getWriteBufferSize() > 0));
  for (const { transport } of flooding) transport.abort();
  server.close();
  server.abortClients();
  never.setResult();
  yield* server.waitClosed();
  for (const { lost } of flooding) yield* lost;
  yield;
  t.is(theLoop()._ring.core.sockets(), 0);
});

inBothDrives(
  test,
  'an echo to a peer that floods and does not read stops reading at its mark',
  function* (t) {
    class Careful extends Echo {
      most = 0;

      override dataReceived(data: Uint8Array): void {
        super.dataReceived(data);
        this.most = Math.max(this.most, this.transport.getWriteBufferSize());
      }
    }
    const echoes: Careful[] = [];
    const server = yield* serve(() => (echoes.push(new Careful()), echoes[0]!));
    const [transport, far] = yield* theLoop().createConnection(() => new Deaf(), '127.0.0.1', portOf(server));
    transport.write(Buffer.alloc(4 * PLENTY));
    yield* until(() => echoes.length === 1 && echoes[0]!.most > 65_536);
    yield* turns(100);
    t.false(echoes[0]!.transport.isReading());
    t.true(echoes[0]!.most <= 65_536 + 262_144);
    t.true(transport.getWriteBufferSize() > 0);
    // It was not stuck: all comes back when the peer reads.
    transport.resumeReading();
    yield* until(() => far.bytes === 4 * PLENTY);
    t.true(echoes[0]!.most <= 65_536 + 262_144);
    transport.abort();
    yield* far.lost;
    server.close();
    yield* server.waitClosed();
  },
);

inBothDrives(test, 'a half-open peer that never reads is waited for, and an abort ends it', function* (t) {
  class Open extends Recorder {
    override eofReceived(): boolean {
      super.eofReceived();
      return true;
    }
  }
  const ends = yield* pair(
    () => new Open(),
    () => new Deaf(),
  );
  const { near, far } = ends;
  far.transport.writeEof();
  yield* until(() => near.log.includes('eof'));
  near.transport.write(Buffer.alloc(PLENTY));
  near.transport.close();
  yield* turns(50);
  t.deepEqual(near.log, ['made', 'eof', 'pause']);
  t.true(near.transport.getWriteBufferSize() > 0);
  ends.server.abortClients();
  t.is(yield* near.lost, null);
  t.is(near.transport.getWriteBufferSize(), 0);
  yield* end(ends);
});

const HOSTILE_CONNECTIONS = 240;

/** Does each bad thing several times, then says "done". */
const hostile = (port: number): string => `
import net from 'node:net';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
const held = [];
const deeds = [
  async (socket) => socket.resetAndDestroy(),
  async (socket) => { socket.write('x'); await setTimeout(1); socket.resetAndDestroy(); },
  async (socket) => { socket.end(Buffer.alloc(100_000, 1)); socket.resume(); held.push(socket); },
  async (socket) => { socket.pause(); socket.write(Buffer.alloc(1 << 20)); await setTimeout(10); socket.resetAndDestroy(); },
  async (socket) => { socket.write('x'); await once(socket, 'data'); socket.resetAndDestroy(); },
  async (socket) => { socket.write('x'); await once(socket, 'data'); socket.pause(); held.push(socket); },
  async (socket) => { for (let at = 0; at < 50; at++) { socket.write('x'); await setTimeout(0); } socket.destroy(); },
  async (socket) => { socket.end(); socket.pause(); await setTimeout(5); socket.resetAndDestroy(); },
];
async function one(deed) {
  const socket = net.connect({ port: ${port}, host: '127.0.0.1', allowHalfOpen: true });
  // Resets come back.
  socket.on('error', () => {});
  await once(socket, 'connect');
  await Promise.race([deed(socket), once(socket, 'close')]);
}
const all = [];
for (let at = 0; at < ${HOSTILE_CONNECTIONS}; at++) {
  all.push(one(deeds[at % deeds.length]));
  if (at % 16 === 15) await Promise.allSettled(all.splice(0));
}
for (const [at, socket] of held.entries()) at % 2 === 0 ? socket.destroy() : socket.resetAndDestroy();
net.connect(${port}, '127.0.0.1').end('done');
`;

/** Answers everything with a lot, within the marks, and differently from connection to connection. */
class Generous extends Recorder {
  static made = 0;
  readonly #number = Generous.made++;
  #paused = false;
  said = '';
  most = 0;

  override connectionMade(transport: Transport): void {
    super.connectionMade(transport);
    if (this.#number % 3 === 0) transport.write('welcome');
    if (this.#number % 5 === 0) {
      transport.pauseReading();
      theLoop().callLater(0.002, () => transport.resumeReading());
    }
  }

  override dataReceived(data: Uint8Array): void {
    if (this.said.length < 10) this.said += Buffer.from(data).toString('latin1', 0, 10);
    this.log.push('data');
    for (let count = 0; count < 100 && !this.#paused; count++) this.transport.write(Buffer.alloc(20_000));
    this.most = Math.max(this.most, this.transport.getWriteBufferSize());
    if (this.#number % 7 === 0) this.transport.close();
  }

  override eofReceived(): boolean {
    super.eofReceived();
    if (this.#number % 2 === 0) return false;
    this.transport.write('and goodbye');
    this.transport.writeEof();
    theLoop().callLater(0.003, () => this.transport.close());
    return true;
  }

  override pauseWriting(): void {
    super.pauseWriting();
    this.#paused = true;
  }

  override resumeWriting(): void {
    super.resumeWriting();
    this.#paused = false;
  }
}

inBothDrives(
  test,
  'resets, half-closes and silence at every state: each connection has one orderly life, and nothing is left',
  function* (t) {
    const reports = reportsOf(theLoop());
    const protocols: Generous[] = [];
    const server = yield* serve(() => (protocols.push(new Generous()), protocols.at(-1)!));
    const child = spawn(process.execPath, ['--input-type=module', '-e', hostile(portOf(server))], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 60_000,
    });
    yield* until(() => protocols.some(({ said }) => said === 'done'));
    // Who was never told of an end has one now.
    yield* until(() => protocols.every(({ log }) => log.length > 0));
    server.close();
    server.closeClients();
    for (const protocol of protocols) yield* protocol.lost;
    yield* server.waitClosed();
    yield* turns(3);
    child.kill();
    t.true(protocols.length >= HOSTILE_CONNECTIONS / 2);
    for (const { log, most } of protocols) {
      const life = log.map((line) => line.split(' ')[0]).join(' ');
      t.regex(life, /^made( data| pause| resume)*( eof)?( pause| resume)* lost$/);
      const marks = log.filter((line) => line === 'pause' || line === 'resume');
      t.true(
        marks.every((line, at) => line === (at % 2 === 0 ? 'pause' : 'resume')),
        life,
      );
      t.true(most <= 65_536 + 20_000, `${most} waited`);
    }
    t.deepEqual(reports, []);
    t.is(theLoop()._ring.core.sockets(), 0);
  },
);

inBothDrives(
  test,
  'a reset that a write meets first is no end of the stream: a reader gets the error',
  function* (t) {
    const listener = new Socket();
    listener.bind(['127.0.0.1', 0]);
    listener.listen();
    const address = listener.getsockname() as readonly [string, number];
    for (const size of [10, 100_000]) {
      const [reader, writer] = yield* openConnection(...address);
      const [, recorder] = yield* theLoop().createConnection(() => new Recorder(), ...address);
      for (let peer = 0; peer < 2; peer++) {
        const [sock] = listener.accept();
        sock.setsockopt(SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
        sock.close();
      }
      const bytes = new Uint8Array(size);
      for (const transport of [writer.transport, recorder.transport]) {
        transport.write(bytes);
        // Before the next poll: the write meets the reset.
        transport.getWriteBufferSize();
      }
      const error = yield* failure(reader.read());
      t.is(error.code, 'ECONNRESET');
      yield* recorder.lost;
      t.deepEqual(recorder.log, ['made', 'lost ConnectionResetError']);
    }
    listener.close();
  },
);
