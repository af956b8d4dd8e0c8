import test from 'ava';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import {
  AF_INET,
  AF_UNIX,
  ConnectionRefusedError,
  FileNotFoundError,
  OSError,
  SOCK_DGRAM,
  Socket,
  ValueError,
  createTask,
  openUnixConnection,
  run,
  runSync,
  sleep,
  socketpair,
  startUnixServer,
} from 'miolo';
import type { Coroutine, StreamReader, StreamWriter } from 'miolo';
import { Echo, Recorder, theLoop } from '../helpers.js';

/** Runs `main` under both drives, each with a path of its own. */
async function both(main: (path: string) => Coroutine<void>): Promise<void> {
  for (const drive of [(coro: Coroutine<void>) => run(coro), (coro: Coroutine<void>) => runSync(coro)]) {
    const folder = mkdtempSync(join(tmpdir(), 'miolo-'));
    await drive(main(join(folder, 'a.sock')));
    rmSync(folder, { recursive: true });
  }
}

/** What a coroutine failed with. */
function* failure(coro: Coroutine<unknown>): Coroutine<unknown> {
  try {
    yield* coro;
  } catch (error) {
    return error;
  }
  return null;
}

function* echoLines(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  for (let line = yield* reader.readline(); line.length > 0; line = yield* reader.readline()) {
    writer.write(line);
    yield* writer.drain();
  }
  writer.close();
}

test.serial('streams over a Unix socket, and the names of its ends', async (t) => {
  await both(function* (path) {
    const server = yield* startUnixServer(echoLines, path);
    t.is(server.sockets[0]!.getsockname(), path);
    const [reader, writer] = yield* openUnixConnection(path);
    t.is(writer.getExtraInfo('peername'), path);
    t.is(writer.getExtraInfo('sockname'), '');
    writer.write('hello\n');
    t.is(Buffer.from(yield* reader.readline()).toString(), 'hello\n');
    writer.writeEof();
    t.is((yield* reader.read()).length, 0);
    writer.close();
    yield* writer.waitClosed();
    server.close();
    yield* server.waitClosed();
    t.false(existsSync(path));
  });
});

test.serial('much data crosses a Unix socket unharmed, with flow control on both sides', async (t) => {
  await both(function* (path) {
    const loop = theLoop();
    const server = yield* loop.createUnixServer(() => new Echo(), pathToFileURL(path));
    const data = Buffer.alloc(2_000_000);
    for (let at = 0; at < data.length; at++) data[at] = (at * 13) % 251;
    const [reader, writer] = yield* openUnixConnection(Buffer.from(path));
    const writing = createTask(
      (function* (): Coroutine<void> {
        for (let at = 0; at < data.length; at += 100_000) {
          writer.write(data.subarray(at, at + 100_000));
          yield* writer.drain();
        }
      })(),
    );
    t.true(data.equals(yield* reader.readexactly(data.length)));
    yield* writing;
    writer.close();
    yield* writer.waitClosed();
    server.close();
    yield* server.waitClosed();
  });
});

test.serial('an abstract name leaves no file', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const name = `\0miolo-unix-${process.pid}`;
    const server = yield* loop.createUnixServer(() => new Echo(), name);
    const [transport, protocol] = yield* loop.createUnixConnection(() => new Recorder(), name);
    t.is(transport.getExtraInfo('peername'), name);
    transport.write('x');
    while (protocol.bytes === 0) yield* sleep(0);
    transport.close();
    yield* protocol.lost;
    server.close();
    t.is(
      ((yield* failure(loop.createUnixConnection(() => new Recorder(), name))) as OSError).code,
      'ECONNREFUSED',
    );
  });
});

test.serial('a socket file that was left is replaced, a regular file never', async (t) => {
  await both(function* (path) {
    const loop = theLoop();
    const left = new Socket(AF_UNIX);
    left.bind(path);
    left.close();
    t.true(statSync(path).isSocket());
    const server = yield* loop.createUnixServer(() => new Echo(), path);
    const [transport, protocol] = yield* loop.createUnixConnection(() => new Recorder(), path);
    transport.close();
    yield* protocol.lost;
    server.close();
    writeFileSync(path, 'precious');
    const error = (yield* failure(loop.createUnixServer(() => new Echo(), path))) as OSError;
    t.is(error.code, 'EADDRINUSE');
    t.true(error.message.includes(path));
    t.is(readFileSync(path, 'utf8'), 'precious');
  });
});

test.serial('closing a server leaves a successor’s socket alone, and what it was told to keep', async (t) => {
  await both(function* (path) {
    const loop = theLoop();
    const first = yield* loop.createUnixServer(() => new Echo(), path);
    const second = yield* loop.createUnixServer(() => new Echo(), path);
    first.close();
    t.true(existsSync(path));
    const [transport, protocol] = yield* loop.createUnixConnection(() => new Recorder(), path);
    transport.close();
    yield* protocol.lost;
    second.close();
    t.false(existsSync(path));
    const kept = yield* loop.createUnixServer(() => new Echo(), path, { cleanupSocket: false });
    kept.close();
    t.true(existsSync(path));
    const moved = yield* loop.createUnixServer(() => new Echo(), path);
    renameSync(path, `${path}.moved`);
    moved.close();
    t.true(existsSync(`${path}.moved`));
    const never = yield* loop.createUnixServer(() => new Echo(), path, { startServing: false });
    t.is(
      ((yield* failure(loop.createUnixConnection(() => new Recorder(), path))) as OSError).code,
      'ECONNREFUSED',
    );
    yield* never.startServing();
    const [late, lateProtocol] = yield* loop.createUnixConnection(() => new Recorder(), path);
    late.close();
    yield* lateProtocol.lost;
    never.close();
    t.false(existsSync(path));
  });
});

test.serial('sockets are taken in place of paths', async (t) => {
  await both(function* (path) {
    const loop = theLoop();
    const listener = new Socket(AF_UNIX);
    listener.bind(path);
    const server = yield* loop.createUnixServer(() => new Echo(), null, { sock: listener });
    const sock = new Socket(AF_UNIX);
    yield* loop.sockConnect(sock, path);
    const [transport, protocol] = yield* loop.createUnixConnection(() => new Recorder(), null, { sock });
    transport.write('hi');
    while (protocol.bytes < 2) yield* sleep(0);
    transport.close();
    yield* protocol.lost;
    server.close();
    t.false(existsSync(path));
  });
});

test.serial('bytes behind a passed descriptor are read without a further edge', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [one, other] = socketpair();
    const [transport, protocol] = yield* loop.connectAcceptedSocket(() => new Recorder(), one);
    // Each receive stops at the descriptor that comes with the bytes.
    for (let at = 0; at < 10; at++) {
      other.send(Buffer.from('plain '));
      other.sendmsg([Buffer.from('passed ')], { fds: [0] });
    }
    while (protocol.bytes < 130) yield* sleep(0);
    t.is(protocol.bytes, 130);
    other.close();
    yield* protocol.lost;
    t.deepEqual(protocol.log.slice(-2), ['eof', 'lost null']);
    t.true(transport.isClosing());
  });
});

test.serial('node:http speaks to a Unix server, node:net ends its half first', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-'));
  const path = join(folder, 'a.sock');
  await run(
    (function* (): Coroutine<void> {
      const server = yield* startUnixServer(function* (reader, writer): Coroutine<void> {
        yield* reader.readuntil(Buffer.from('\r\n\r\n'));
        writer.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello');
        writer.close();
      }, path);
      const client = net.connect(path);
      client.end('GET / HTTP/1.1\r\n\r\n');
      t.true((yield* collect(client)).endsWith('hello'));
      const loop = theLoop();
      const answer = loop.createFuture<http.IncomingMessage>();
      http.get({ socketPath: path, path: '/' }, (response) => answer.setResult(response));
      const response = yield* answer;
      t.is(response.statusCode, 200);
      t.is(yield* collect(response), 'hello');
      server.close();
      yield* server.waitClosed();
    })(),
  );
  rmSync(folder, { recursive: true });
});

/** What a stream of Node's brings until it closes. */
function* collect(client: Readable): Coroutine<string> {
  const loop = theLoop();
  const done = loop.createFuture<string>();
  let text = '';
  client.setEncoding('utf8').on('data', (part: string) => (text += part));
  void once(client, 'close').then(() => done.setResult(text));
  return yield* done;
}

test.serial('what is wrong with an argument is said at the call, and nothing is left open', async (t) => {
  await both(function* (path) {
    const loop = theLoop();
    const factory = (): Recorder => new Recorder();
    const tcp = new Socket(AF_INET);
    const dgram = new Socket(AF_UNIX, SOCK_DGRAM);
    const wrong: [Coroutine<unknown>, new (...args: never[]) => Error, RegExp][] = [
      [loop.createUnixConnection(factory), ValueError, /no path and sock/],
      [loop.createUnixConnection(factory, path, { sock: dgram }), ValueError, /same time/],
      [loop.createUnixConnection(factory, null, { sock: tcp }), ValueError, /UNIX Domain Stream/],
      [loop.createUnixConnection(factory, null, { sock: dgram }), ValueError, /UNIX Domain Stream/],
      [loop.createUnixConnection(factory, path, { serverHostname: 'x' }), ValueError, /serverHostname/],
      [loop.createUnixConnection(factory, path, { ssl: true }), ValueError, /serverHostname/],
      [loop.createUnixConnection(factory, path, { sslHandshakeTimeout: 1 }), ValueError, /sslHandshake/],
      [loop.createUnixConnection(factory, 'x'.repeat(108)), ValueError, /108 bytes/],
      [loop.createUnixConnection(factory, ''), ValueError, /empty/],
      [loop.createUnixConnection(factory, 5 as never), TypeError, /path/],
      [loop.createUnixConnection(factory, path), FileNotFoundError, /a\.sock/],
      [loop.createUnixServer(factory), ValueError, /path was not specified/],
      [loop.createUnixServer(factory, path, { sock: dgram }), ValueError, /same time/],
      [loop.createUnixServer(factory, null, { sock: dgram }), ValueError, /UNIX Domain Stream/],
      [loop.createUnixServer(factory, path, { ssl: true }), TypeError, /ssl/],
      [loop.createUnixServer(factory, path, { sslShutdownTimeout: 1 }), ValueError, /sslShutdown/],
      [loop.createUnixServer(factory, `${path}\0x`), ValueError, /NUL/],
      [loop.createUnixServer(factory, join(path, 'no', 'folder')), FileNotFoundError, /folder/],
    ];
    for (const [coro, instanceOf, message] of wrong) {
      const error = yield* failure(coro);
      t.true(error instanceof instanceOf, String(error));
      t.regex((error as Error).message, message);
    }
    const left = new Socket(AF_UNIX);
    left.bind(path);
    t.true((yield* failure(loop.createUnixConnection(factory, path))) instanceof ConnectionRefusedError);
    for (const sock of [tcp, dgram, left]) sock.close();
  });
});
