import test from 'ava';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AF_UNIX,
  ContextVar,
  MioEventLoop,
  OSError,
  PermissionError,
  RuntimeError,
  Socket,
  SystemExit,
  ValueError,
  run,
  runSync,
  sleep,
  socketpair,
} from 'miolo';
import type { Coroutine } from 'miolo';
import { Echo, Recorder, portOf, program, serve, theLoop } from '../helpers.js';

const bytes = (text: string): Buffer => Buffer.from(text);

/** Runs `main` under both drives. */
async function both(main: () => Coroutine<void>): Promise<void> {
  await run(main());
  runSync(main());
}

/** A named pipe, open at both ends. */
function fifo(): { read: number; write: number; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-'));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return { read, write, remove: () => rmSync(folder, { recursive: true }) };
}

test.serial('a reader is called in every turn until everything is read', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [one, other] = socketpair();
    const seen: string[] = [];
    const done = loop.createFuture<void>();
    let calls = 0;
    loop.addReader(one, () => {
      calls++;
      // The first two calls leave the bytes where they are.
      if (calls < 3) return;
      seen.push(one.recv(2).toString());
      if (seen.join('') === 'abcdef') done.setResult();
    });
    yield* sleep(0);
    t.is(calls, 0);
    other.send(bytes('abcdef'));
    yield* done;
    t.is(calls, 5);
    for (let turn = 0; turn < 5; turn++) yield* sleep(0);
    t.is(calls, 5, 'nothing is left to be read');
    t.true(loop.removeReader(one));
    one.close();
    other.close();
  });
});

test.serial(
  'reader and writer of one descriptor are independent, and removing says whether there was one',
  async (t) => {
    await both(function* () {
      const loop = theLoop();
      const [one, other] = socketpair();
      const log: string[] = [];
      loop.addWriter(one, (...args: string[]) => log.push(args.join(' ')), ['write', '1']);
      loop.addReader(one, () => log.push('read'));
      other.send(bytes('x'));
      while (log.length < 4) yield* sleep(0);
      t.deepEqual(new Set(log), new Set(['read', 'write 1']));
      t.is(log.indexOf('read') < log.lastIndexOf('write 1'), true);
      t.true(loop.removeWriter(one.fileno()));
      t.false(loop.removeWriter(one.fileno()));
      log.length = 0;
      while (log.length < 2) yield* sleep(0);
      t.deepEqual(new Set(log), new Set(['read']));
      t.true(loop.removeReader(one));
      t.false(loop.removeReader(one));
      log.length = 0;
      yield* sleep(0.001);
      t.deepEqual(log, []);
      one.close();
      other.close();
    });
  },
);

test.serial(
  'a second reader replaces the first, and a removed one does not run although it was ready',
  async (t) => {
    await both(function* () {
      const loop = theLoop();
      const [one, other] = socketpair();
      const [third, fourth] = socketpair();
      const log: string[] = [];
      const first = loop._addReader(one.fileno(), () => log.push('first'), []);
      loop.addReader(one, () => {
        log.push('second');
        one.recv(1);
        loop.removeReader(third);
        loop.addReader(one, () => {
          log.push('third');
          one.recv(1);
        });
      });
      t.true(first.cancelled());
      loop.addReader(third, () => {
        log.push('of the other');
        third.recv(1);
        loop.removeReader(one);
      });
      other.send(bytes('x'));
      fourth.send(bytes('x'));
      for (let turn = 0; turn < 5; turn++) yield* sleep(0);
      t.is(log.length, 1, `both were ready in one turn, the first that ran removed the other: ${log.join()}`);
      loop.removeReader(one);
      loop.removeReader(third);
      for (const sock of [one, other, third, fourth]) sock.close();
    });
  },
);

test.serial('pipes, and objects with a descriptor, are watched; the end makes readers ready', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const pipe = fifo();
    const ended = loop.createFuture<number>();
    const got: string[] = [];
    loop.addReader({ fd: pipe.read }, () => {
      const memory = Buffer.alloc(100);
      const count = readSync(pipe.read, memory);
      got.push(memory.toString('latin1', 0, count));
      if (count === 0) {
        loop.removeReader({ fileno: () => pipe.read });
        ended.setResult(count);
      }
    });
    const wrote = loop.createFuture<void>();
    loop.addWriter(pipe.write, () => {
      writeSync(pipe.write, 'packet');
      loop.removeWriter(pipe.write);
      wrote.setResult();
    });
    yield* wrote;
    closeSync(pipe.write);
    yield* ended;
    t.deepEqual(got, ['packet', '']);
    closeSync(pipe.read);
    pipe.remove();
  });
});

test.serial('what cannot be watched is refused at the call', async (t) => {
  const handle = await open(process.execPath);
  await both(function* () {
    const loop = theLoop();
    const refused = t.throws(() => loop.addReader(handle, () => {}), { instanceOf: OSError });
    t.true(refused instanceof PermissionError);
    t.is(refused.syscall, 'addReader');
    t.throws(() => loop.addReader(-1, () => {}), { instanceOf: ValueError, message: /fd/ });
    t.throws(() => loop.addReader({} as never, () => {}), { instanceOf: ValueError, message: /fd/ });
    t.throws(() => loop.addReader('1' as never, () => {}), { instanceOf: ValueError });
    t.throws(() => loop.addWriter(1_000_000, () => {}), { code: 'EBADF' });
    t.throws(() => loop.addReader(0, null as never), { instanceOf: TypeError, message: /callback/ });
    t.false(loop.removeReader(1_000_000));
  });
  await handle.close();
  const loop = new MioEventLoop();
  const [one, other] = socketpair();
  loop.addReader(one, () => {});
  loop.close();
  t.throws(() => loop.addReader(one, () => {}), { instanceOf: RuntimeError, message: /closed/ });
  t.false(loop.removeReader(one));
  one.close();
  other.close();
});

test.serial('the descriptor of a transport or a listener is a RuntimeError, and undisturbed', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const server = yield* serve(() => new Echo());
    const [transport, protocol] = yield* loop.createConnection(
      () => new Recorder(),
      '127.0.0.1',
      portOf(server),
    );
    const fd = (transport.getExtraInfo('socket') as Socket).fileno();
    const expected = { instanceOf: RuntimeError, message: /used by <StreamTransport/ };
    t.throws(() => loop.addReader(fd, () => {}), expected);
    t.throws(() => loop.addWriter(fd, () => {}), expected);
    t.throws(() => loop.removeReader(fd), expected);
    t.throws(() => loop.removeWriter(fd), expected);
    t.throws(() => loop.addReader(server.sockets[0]!, () => {}), {
      instanceOf: RuntimeError,
      message: /<Listener <Socket/,
    });
    transport.write('still there');
    while (protocol.bytes < 11) yield* sleep(0);
    transport.close();
    yield* protocol.lost;
    t.false(loop.removeReader(fd));
    server.close();
  });
});

test.serial('a transport takes a watched socket over', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [one, other] = socketpair();
    const fd = one.fileno();
    const handle = loop._addReader(fd, () => t.fail('the transport has it'), []);
    const [transport, protocol] = yield* loop.connectAcceptedSocket(() => new Recorder(), one);
    t.true(handle.cancelled());
    other.send(bytes('for the transport'));
    while (protocol.bytes < 17) yield* sleep(0);
    transport.close();
    yield* protocol.lost;
    other.close();
  });
});

test.serial(
  'a descriptor that was closed without a word is watched anew when its number is used again',
  async (t) => {
    await both(function* () {
      const loop = theLoop();
      const [one, other] = socketpair();
      const fd = one.fileno();
      loop.addReader(fd, () => t.fail('it is closed'));
      one.close();
      const next = new Socket(AF_UNIX);
      t.is(next.fileno(), fd, 'the lowest free number is used');
      next.close();
      const [third, fourth] = socketpair();
      t.is(third.fileno(), fd);
      const ready = loop.createFuture<void>();
      loop.addReader(third, () => {
        loop.removeReader(third);
        ready.setResult();
      });
      fourth.send(bytes('x'));
      yield* ready;
      for (const sock of [other, third, fourth]) sock.close();
    });
  },
);

test.serial(
  'removing the reader of a closed descriptor leaves the connection alone that has its number now',
  async (t) => {
    await both(function* () {
      const loop = theLoop();
      const server = yield* serve(() => new Echo());
      const [one, other] = socketpair();
      const fd = one.fileno();
      loop.addReader(fd, () => {});
      one.close();
      const client = new Socket();
      t.is(client.fileno(), fd);
      const [transport, protocol] = yield* loop.createConnection(() => new Recorder(), null, null, {
        sock: (yield* connected(client, portOf(server))) as Socket,
      });
      t.is((transport.getExtraInfo('socket') as Socket).fileno(), fd);
      t.throws(() => loop.removeReader(fd), { instanceOf: RuntimeError });
      transport.write('hello');
      while (protocol.bytes < 5) yield* sleep(0);
      transport.close();
      yield* protocol.lost;
      server.close();
      other.close();
    });
  },
);

function* connected(sock: Socket, port: number): Coroutine<Socket> {
  yield* theLoop().sockConnect(sock, ['127.0.0.1', port]);
  return sock;
}

test.serial('an error of a callback is reported with its handle, and the watch stays', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [one, other] = socketpair();
    const reports: unknown[] = [];
    loop.setExceptionHandler((_loop, context) => reports.push(context.exception));
    const variable = new ContextVar<string>('variable', { default: 'none' });
    const values: string[] = [];
    variable.set('when it was added');
    loop.addReader(one, () => {
      values.push(variable.get());
      throw new Error('mine');
    });
    variable.set('later');
    other.send(bytes('x'));
    while (reports.length < 2) yield* sleep(0);
    t.is((reports[1] as Error).message, 'mine');
    t.is(values[0], 'when it was added');
    loop.removeReader(one);
    one.close();
    other.close();
  });
});

test.serial('a callback that exits ends the run, and the watch works in the next one', (t) => {
  const loop = new MioEventLoop();
  const [one, other] = socketpair();
  let calls = 0;
  loop.addReader(one, () => {
    calls++;
    one.recv(1);
    if (calls === 1) throw new SystemExit(3);
    loop.stop();
  });
  other.send(bytes('ab'));
  t.throws(() => loop.runForeverSync(), { instanceOf: SystemExit });
  loop.runForeverSync();
  t.is(calls, 2);
  loop.close();
  one.close();
  other.close();
});

test.serial('a watch keeps the process alive until it is removed', async (t) => {
  const outcome = await program(`
    import { run, getRunningLoop, socketpair } from 'miolo';
    function* main() {
      const loop = getRunningLoop();
      const [one, other] = socketpair();
      const done = loop.createFuture();
      loop.addReader(one, () => { console.log(one.recv(9).toString()); loop.removeReader(one); done.setResult(); });
      setTimeout(() => other.send(Buffer.from('still alive')), 50).unref();
      yield* done;
      yield* loop.createFuture();
    }
    await run(main()).catch((error) => console.log(error.message.split('\\n')[0]));
  `);
  t.is(outcome.stderr, '');
  t.is(outcome.stdout, 'still ali\nthe run can never finish: nothing is left to wait for.\n');
});
