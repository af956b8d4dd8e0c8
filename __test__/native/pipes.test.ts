import test from 'ava';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AF_UNIX,
  BaseProtocol,
  BrokenPipeError,
  CancelledError,
  MioEventLoop,
  PermissionError,
  RuntimeError,
  SOCK_SEQPACKET,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  ValueError,
  createTask,
  run,
  runSync,
  sleep,
  socketpair,
} from 'miolo';
import type { Coroutine, PipeLike, ReadTransport, Transport } from 'miolo';
import { Recorder, program, theLoop } from '../helpers.js';

/** A named pipe, open at both ends. */
interface Fifo {
  readonly path: string;
  readonly read: number;
  readonly write: number;
}

/** Runs `main` under both drives, each with a pipe of its own. */
async function both(main: (fifo: Fifo) => Coroutine<void>): Promise<void> {
  for (const drive of [(coro: Coroutine<void>) => run(coro), (coro: Coroutine<void>) => runSync(coro)]) {
    const folder = mkdtempSync(join(tmpdir(), 'miolo-'));
    const path = join(folder, 'fifo');
    execFileSync('mkfifo', [path]);
    const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const write = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    await drive(main({ path, read, write }));
    rmSync(folder, { recursive: true });
  }
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    // EBADF.
    return false;
  }
}

function* failure(coro: Coroutine<unknown>): Coroutine<unknown> {
  try {
    yield* coro;
  } catch (error) {
    return error;
  }
  return null;
}

/** Everything that a pipe holds now. */
function drain(fd: number): number {
  const memory = Buffer.alloc(65536);
  let total = 0;
  for (;;) {
    try {
      const count = readSync(fd, memory);
      if (count === 0) return total;
      total += count;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return total;
      throw error;
    }
  }
}

test.serial('a read pipe delivers, and closes at the end whatever eofReceived returns', async (t) => {
  await both(function* ({ read, write }) {
    class KeepOpen extends Recorder {
      override eofReceived(): boolean {
        this.log.push('eof');
        return true;
      }
    }
    const [transport, protocol] = yield* theLoop().connectReadPipe(() => new KeepOpen(), read);
    t.is(transport.getExtraInfo('pipe'), read);
    t.true(transport.isReading());
    writeSync(write, 'hello');
    while (protocol.bytes < 5) yield* sleep(0);
    closeSync(write);
    t.is(yield* protocol.lost, null);
    t.deepEqual(protocol.log, ['made', 'data hello', 'eof', 'lost null']);
    t.true(transport.isClosing());
    yield* sleep(0);
    t.false(isOpen(read));
    t.is(transport.getProtocol(), null);
    transport.close();
  });
});

test.serial('nothing is read while reading is paused', async (t) => {
  await both(function* ({ read, write }) {
    const [transport, protocol] = yield* theLoop().connectReadPipe(() => new Recorder(), read);
    transport.pauseReading();
    transport.pauseReading();
    t.false(transport.isReading());
    writeSync(write, 'later');
    for (let turn = 0; turn < 5; turn++) yield* sleep(0);
    t.is(protocol.bytes, 0);
    transport.resumeReading();
    transport.resumeReading();
    while (protocol.bytes < 5) yield* sleep(0);
    transport.close();
    yield* protocol.lost;
    t.deepEqual(protocol.log, ['made', 'data later', 'lost null']);
    closeSync(write);
  });
});

test.serial('a protocol that pauses in connectionMade gets nothing until it resumes', async (t) => {
  await both(function* ({ read, write }) {
    class Paused extends Recorder {
      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        transport.pauseReading();
      }
    }
    writeSync(write, 'x');
    const [transport, protocol] = yield* theLoop().connectReadPipe(() => new Paused(), read);
    for (let turn = 0; turn < 5; turn++) yield* sleep(0);
    t.deepEqual(protocol.log, ['made']);
    transport.resumeReading();
    while (protocol.bytes === 0) yield* sleep(0);
    transport.close();
    yield* protocol.lost;
    closeSync(write);
  });
});

test.serial('packets that wait are read one after the other, without a further write', async (t) => {
  await both(function* ({ read, write }) {
    const [one, other] = socketpair(AF_UNIX, SOCK_SEQPACKET);
    for (let at = 0; at < 20; at++) other.send(Buffer.from(`packet ${at}`));
    const [transport, protocol] = yield* theLoop().connectReadPipe(() => new Recorder(), one);
    while (protocol.log.length < 21) yield* sleep(0);
    t.is(protocol.log[1], 'data packet 0');
    t.is(protocol.log[20], 'data packet 19');
    transport.close();
    yield* protocol.lost;
    other.close();
    closeSync(read);
    closeSync(write);
  });
});

test.serial('received bytes are safe to keep', async (t) => {
  await both(function* ({ read, write }) {
    const kept: Uint8Array[] = [];
    class Keep extends Recorder {
      override dataReceived(data: Uint8Array): void {
        super.dataReceived(data);
        kept.push(data);
      }
    }
    const [transport, protocol] = yield* theLoop().connectReadPipe(() => new Keep(), read);
    for (let at = 0; at < 10; at++) {
      writeSync(write, Buffer.alloc(at * 1000 + 1, at));
      while (kept.length <= at) yield* sleep(0);
    }
    kept.forEach((data, at) => t.true(data.length === at * 1000 + 1 && data.every((byte) => byte === at)));
    transport.close();
    yield* protocol.lost;
    closeSync(write);
  });
});

test.serial(
  'a write pipe keeps what the system refuses, pauses, resumes, and sends it all before it closes',
  async (t) => {
    await both(function* ({ read, write }) {
      const [transport, protocol] = yield* theLoop().connectWritePipe(() => new Recorder(), write);
      transport.write('small');
      t.is(transport.getWriteBufferSize(), 0, 'sent at once');
      transport.setWriteBufferLimits(100_000, 50_000);
      transport.write(Buffer.alloc(300_000));
      const waiting = transport.getWriteBufferSize();
      t.true(waiting > 100_000);
      t.deepEqual(protocol.log, ['made', 'pause']);
      let total = 0;
      while (protocol.log.length < 3) {
        total += drain(read);
        yield* sleep(0);
      }
      t.is(protocol.log[2], 'resume');
      transport.write(Buffer.alloc(200_000));
      transport.close();
      transport.write('dropped');
      t.true(transport.isClosing());
      while (!protocol.lost.done()) {
        total += drain(read);
        yield* sleep(0);
      }
      total += drain(read);
      t.is(total, 5 + 300_000 + 200_000);
      t.is(protocol.log.at(-1), 'lost null');
      t.false(isOpen(write));
      transport.abort();
      closeSync(read);
    });
  },
);

test.serial('a write pipe notices that its reader is gone, without a write', async (t) => {
  await both(function* ({ read, write }) {
    const [, idle] = yield* theLoop().connectWritePipe(() => new Recorder(), write);
    closeSync(read);
    t.is(yield* idle.lost, null);
  });
  await both(function* ({ read, write }) {
    const [transport, busy] = yield* theLoop().connectWritePipe(() => new Recorder(), write);
    transport.write(Buffer.alloc(300_000));
    closeSync(read);
    t.true((yield* busy.lost) instanceof BrokenPipeError);
    t.is(transport.getWriteBufferSize(), 0);
  });
  await both(function* ({ read, write }) {
    const [transport, protocol] = yield* theLoop().connectWritePipe(() => new Recorder(), write);
    closeSync(read);
    // Before a poll has told.
    transport.write('too late');
    t.true((yield* protocol.lost) instanceof BrokenPipeError);
  });
});

test.serial('writeEof is close, and abort drops what waits', async (t) => {
  await both(function* ({ read, write }) {
    const [transport, protocol] = yield* theLoop().connectWritePipe(() => new Recorder(), write);
    t.true(transport.canWriteEof());
    transport.write('all of it');
    transport.writeEof();
    transport.writeEof();
    t.is(yield* protocol.lost, null);
    t.is(drain(read), 9);
    closeSync(read);
  });
  await both(function* ({ read, write }) {
    const [transport, protocol] = yield* theLoop().connectWritePipe(() => new Recorder(), write);
    transport.write(Buffer.alloc(300_000));
    transport.close();
    transport.abort();
    transport.abort();
    t.is(yield* protocol.lost, null);
    t.true(drain(read) < 300_000);
    t.deepEqual(protocol.log, ['made', 'pause', 'lost null']);
    closeSync(read);
  });
});

test.serial('streams over pipes', async (t) => {
  await both(function* ({ read, write }) {
    const loop = theLoop();
    const reader = new StreamReader(100, loop);
    const [, readProtocol] = yield* loop.connectReadPipe(
      () => new StreamReaderProtocol(reader, null, loop),
      read,
    );
    t.truthy(readProtocol);
    const [transport, protocol] = yield* loop.connectWritePipe(
      () => new StreamReaderProtocol(new StreamReader(100, loop), null, loop),
      write,
    );
    const writer = new StreamWriter(transport, protocol, null, loop);
    const writing = createTask(
      (function* (): Coroutine<void> {
        for (let line = 0; line < 20_000; line++) {
          writer.write(`line ${line}\n`);
          yield* writer.drain();
        }
        writer.close();
      })(),
    );
    for (let line = 0; line < 20_000; line++) {
      const text = Buffer.from(yield* reader.readline()).toString();
      if (text !== `line ${line}\n`) t.fail(`${line}: ${text}`);
    }
    t.is((yield* reader.read()).length, 0);
    yield* writing;
  });
});

test.serial('objects that own a descriptor are closed with the transport', async (t) => {
  const handles = [await open(process.execPath), await open(process.execPath)];
  let next = 0;
  await both(function* ({ read, write }) {
    const loop = theLoop();
    let closed = 0;
    const pipe: PipeLike = { fileno: () => read, close: () => (closeSync(read), closed++) };
    const [transport, protocol] = yield* loop.connectReadPipe(() => new Recorder(), pipe);
    t.is(transport.getExtraInfo('pipe'), pipe);
    closeSync(write);
    yield* protocol.lost;
    yield* sleep(0);
    t.is(closed, 1);
    const [one, other] = socketpair();
    const [, reading] = yield* loop.connectReadPipe(() => new Recorder(), one);
    const [writing, writingProtocol] = yield* loop.connectWritePipe(() => new Recorder(), other);
    writing.write('by socket');
    while (reading.bytes < 9) yield* sleep(0);
    writing.close();
    yield* writingProtocol.lost;
    yield* reading.lost;
    yield* sleep(0);
    t.deepEqual([one.fileno(), other.fileno()], [-1, -1]);
    // A FileHandle of a regular file stays its caller's.
    const handle = handles[next++]!;
    t.true((yield* failure(loop.connectReadPipe(() => new Recorder(), handle))) instanceof ValueError);
    t.true(isOpen(handle.fd));
  });
  for (const handle of handles) await handle.close();
});

test.serial('a device that cannot be waited for can be written, and is lost when it is read', async (t) => {
  await both(function* ({ read, write }) {
    const loop = theLoop();
    const reports: unknown[] = [];
    loop.setExceptionHandler((_loop, context) => reports.push(context.exception));
    const [transport, protocol] = yield* loop.connectWritePipe(
      () => new Recorder(),
      openSync('/dev/null', constants.O_WRONLY),
    );
    transport.write(Buffer.alloc(1_000_000));
    t.is(transport.getWriteBufferSize(), 0);
    transport.close();
    yield* protocol.lost;
    const fd = openSync('/dev/null', constants.O_RDONLY);
    const [, reading] = yield* loop.connectReadPipe(() => new Recorder(), fd);
    t.true((yield* reading.lost) instanceof PermissionError);
    t.is(reports.length, 1);
    yield* sleep(0);
    t.false(isOpen(fd));
    closeSync(read);
    closeSync(write);
  });
});

test.serial('what cannot be a pipe is refused, and stays its caller’s', async (t) => {
  await both(function* ({ read, write }) {
    const loop = theLoop();
    const file = openSync(process.execPath, 'r');
    const factory = (): Recorder => new Recorder();
    for (const coro of [loop.connectReadPipe(factory, file), loop.connectWritePipe(factory, file)]) {
      const error = yield* failure(coro);
      t.true(error instanceof ValueError);
      t.regex((error as Error).message, /pipes, sockets and character devices/);
    }
    t.true(isOpen(file));
    closeSync(file);
    t.is(((yield* failure(loop.connectReadPipe(factory, 1_000_000))) as { code?: string }).code, 'EBADF');
    t.true((yield* failure(loop.connectReadPipe(factory, {} as never))) instanceof ValueError);
    t.true((yield* failure(loop.connectReadPipe(null as never, read))) instanceof TypeError);
    const [one, other] = socketpair();
    const [transport, protocol] = yield* loop.connectAcceptedSocket(factory, one);
    const fd = one.fileno();
    t.true((yield* failure(loop.connectReadPipe(factory, fd))) instanceof RuntimeError);
    transport.close();
    yield* protocol.lost;
    const [writing, writingProtocol] = yield* loop.connectWritePipe(factory, write);
    t.throws(() => writing.write(5 as never), { instanceOf: TypeError, message: /data/ });
    writing.close();
    yield* writingProtocol.lost;
    other.close();
    closeSync(read);
  });
});

test.serial('cancelling the call closes the pipe', async (t) => {
  await both(function* ({ read, write }) {
    const connecting = createTask(theLoop().connectReadPipe(() => new Recorder(), read));
    yield* sleep(0);
    connecting.cancel();
    t.true((yield* failure(connecting as never)) instanceof CancelledError);
    while (isOpen(read)) yield* sleep(0);
    closeSync(write);
  });
});

test.serial('the hooks that make the transports may be overridden', async (t) => {
  const seen: unknown[] = [];
  class Observing extends MioEventLoop {
    override _makeReadPipeTransport(
      ...args: Parameters<MioEventLoop['_makeReadPipeTransport']>
    ): ReadTransport {
      seen.push(args[0]);
      return super._makeReadPipeTransport(...args);
    }
  }
  const [one, other] = socketpair();
  const loop = new Observing();
  await loop.runUntilComplete(
    (function* (): Coroutine<void> {
      const [transport, protocol] = yield* loop.connectReadPipe(() => new Recorder(), one);
      transport.close();
      yield* protocol.lost;
    })(),
  );
  t.deepEqual(seen, [one]);
  loop.close();
  other.close();
});

test.serial('pipes keep the process alive while a run waits for them', async (t) => {
  const outcome = await program(`
    import { run, getRunningLoop, Protocol, BaseProtocol, socketpair } from 'miolo';
    function* main() {
      const loop = getRunningLoop();
      const [one, other] = socketpair();
      const [third, fourth] = socketpair();
      const got = loop.createFuture();
      const lost = loop.createFuture();
      class Once extends Protocol {
        dataReceived(data) { got.setResult(String(data)); }
      }
      class Lost extends BaseProtocol {
        connectionLost(error) { lost.setResult(error); }
      }
      const [reading] = yield* loop.connectReadPipe(() => new Once(), one);
      setTimeout(() => other.send(Buffer.from('alive')), 20).unref();
      console.log(yield* got);
      reading.close();
      yield* loop.connectWritePipe(() => new Lost(), third);
      setTimeout(() => fourth.close(), 20).unref();
      console.log(yield* lost);
      yield* loop.createFuture();
    }
    await run(main()).catch((error) => console.log(error.message.split('\\n')[0]));
  `);
  t.like(outcome, {
    stdout: 'alive\nnull\nthe run can never finish: nothing is left to wait for.\n',
    stderr: '',
  });
});

test.serial('a write protocol needs only the base callbacks', async (t) => {
  await both(function* ({ read, write }) {
    const [transport] = yield* theLoop().connectWritePipe(() => new BaseProtocol(), write);
    transport.write('x');
    transport.close();
    while (isOpen(write)) yield* sleep(0);
    t.is(drain(read), 1);
    closeSync(read);
  });
});

test.serial('a write pipe takes memory that threads share, and refuses detached memory', async (t) => {
  const [one, other] = socketpair();
  await run(
    (function* (): Coroutine<void> {
      const loop = theLoop();
      const [, read] = yield* loop.connectReadPipe(() => new Recorder(), one);
      const [write] = yield* loop.connectWritePipe(() => new Recorder(), other);
      write.write(new Uint8Array(new SharedArrayBuffer(4)).fill(97));
      const detached = new Uint8Array(8);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      t.throws(() => write.write(detached), { instanceOf: TypeError, message: /detached/ });
      write.close();
      yield* read.lost;
      t.deepEqual(read.log, ['made', 'data aaaa', 'eof', 'lost null']);
    })(),
  );
});
