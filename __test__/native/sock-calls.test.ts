import test from 'ava';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  BlockingIOError,
  CancelledError,
  ConnectionRefusedError,
  ConnectionResetError,
  GaiError,
  MioEventLoop,
  OSError,
  RuntimeError,
  SOCK_DGRAM,
  SOL_SOCKET,
  SO_LINGER,
  Socket,
  ValueError,
  createTask,
  gather,
  run,
  runSync,
  sleep,
  socketpair,
} from 'miolo';
import type { AddrInfo, Address, Coroutine, RawSocketLike } from 'miolo';
import { Echo, Recorder, portOf, serve, theLoop } from '../helpers.js';

const bytes = (text: string): Buffer => Buffer.from(text);

/** Runs `main` under both drives. */
async function both(main: () => Coroutine<void>): Promise<void> {
  await run(main());
  runSync(main());
}

function listening(): [Socket, Address] {
  const sock = new Socket(AF_INET);
  sock.bind(['127.0.0.1', 0]);
  sock.listen();
  return [sock, sock.getsockname()];
}

test.serial('sockRecv takes what is there at once, else waits; the end is empty', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [one, other] = socketpair();
    other.send(bytes('at once'));
    t.is(Buffer.from(yield* loop.sockRecv(one, 100)).toString(), 'at once');
    const waiting = createTask(loop.sockRecv(one, 100));
    yield* sleep(0);
    t.false(waiting.done());
    other.send(bytes('later'));
    t.is(Buffer.from(yield* waiting).toString(), 'later');
    const memory = new Uint8Array(4);
    other.send(bytes('into'));
    t.is(yield* loop.sockRecvInto(one, memory), 4);
    t.is(Buffer.from(memory).toString(), 'into');
    other.close();
    t.is((yield* loop.sockRecv(one, 100)).length, 0);
    t.false(loop.removeReader(one), 'no watch is left behind');
    one.close();
  });
});

/** What a task or a coroutine failed with, or its result. */
function* failure(awaitable: unknown): Coroutine<unknown> {
  try {
    return yield* awaitable as Coroutine<unknown>;
  } catch (error) {
    return error;
  }
}

/** Cancels `task` in the very turn in which `sock` becomes readable. */
function cancelWhenReadable(task: { cancel(): boolean }, sock: Socket): void {
  const loop = theLoop();
  const twin = sock.dup();
  loop.addReader(twin, () => {
    loop.removeReader(twin);
    twin.close();
    task.cancel();
  });
}

test.serial(
  'a cancelled sockRecv has taken nothing, even if it was ready, and its watch is gone',
  async (t) => {
    await both(function* () {
      const loop = theLoop();
      const [one, other] = socketpair();
      const waiting = createTask(loop.sockRecv(one, 100));
      cancelWhenReadable(waiting, one);
      yield* sleep(0);
      other.send(bytes('kept'));
      t.true((yield* failure(waiting)) instanceof CancelledError);
      t.false(loop.removeReader(one));
      t.is(Buffer.from(yield* loop.sockRecv(one, 100)).toString(), 'kept');
      one.close();
      other.close();
    });
  },
);

test.serial('a cancelled sockAccept accepts no connection, even if it was ready', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [listener, address] = listening();
    const waiting = createTask(loop.sockAccept(listener));
    cancelWhenReadable(waiting, listener);
    yield* sleep(0);
    const client = new Socket();
    yield* loop.sockConnect(client, address);
    t.true((yield* failure(waiting)) instanceof CancelledError);
    const [server, peer] = yield* loop.sockAccept(listener);
    t.deepEqual(peer, client.getsockname(), 'the connection is still there to be accepted');
    yield* loop.sockSendall(client, bytes('hello'));
    t.is(Buffer.from(yield* loop.sockRecv(server, 100)).toString(), 'hello');
    for (const sock of [listener, client, server]) sock.close();
  });
});

test.serial(
  'when a newer call has replaced a watch, finishing the older one does not remove it',
  async (t) => {
    await both(function* () {
      const loop = theLoop();
      const [one, other] = socketpair();
      const older = createTask(loop.sockRecv(one, 1));
      yield* sleep(0);
      const newer = createTask(loop.sockRecv(one, 1));
      yield* sleep(0);
      older.cancel();
      t.true((yield* failure(older)) instanceof CancelledError);
      other.send(bytes('x'));
      t.is(Buffer.from(yield* newer).toString(), 'x');
      one.close();
      other.close();
    });
  },
);

test.serial(
  'sockSendall sends everything however slowly it is read; nothing is sent of nothing',
  async (t) => {
    await both(function* () {
      const loop = theLoop();
      const [one, other] = socketpair();
      yield* loop.sockSendall(one, new Uint8Array(0));
      const data = Buffer.alloc(3_000_000);
      for (let at = 0; at < data.length; at++) data[at] = (at * 7) % 251;
      const sending = createTask(loop.sockSendall(one, data));
      yield* sleep(0);
      t.false(sending.done());
      const parts: Uint8Array[] = [];
      let received = 0;
      while (received < data.length) {
        const part = yield* loop.sockRecv(other, 50_000);
        parts.push(part);
        received += part.length;
      }
      yield* sending;
      t.true(Buffer.concat(parts).equals(data));
      t.false(loop.removeWriter(one));
      one.close();
      other.close();
    });
  },
);

test.serial('datagrams come one by one with their senders', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const one = new Socket(AF_INET, SOCK_DGRAM);
    const other = new Socket(AF_INET, SOCK_DGRAM);
    one.bind(['127.0.0.1', 0]);
    other.bind(['127.0.0.1', 0]);
    const waiting = createTask(loop.sockRecvfrom(one, 100));
    yield* sleep(0);
    t.is(yield* loop.sockSendto(other, bytes('first'), one.getsockname()), 5);
    t.deepEqual(yield* waiting, [bytes('first'), other.getsockname()]);
    yield* loop.sockSendto(other, bytes('second'), one.getsockname());
    const memory = new Uint8Array(10);
    t.deepEqual(yield* loop.sockRecvfromInto(one, memory), [6, other.getsockname()]);
    const tooMany = yield* failure(loop.sockRecvfromInto(one, memory, 11));
    t.true(tooMany instanceof ValueError);
    one.close();
    other.close();
  });
});

test.serial('sockConnect connects a socket that stays the caller’s', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const server = yield* serve(() => new Echo());
    const sock = new Socket();
    yield* loop.sockConnect(sock, ['127.0.0.1', portOf(server)]);
    yield* loop.sockSendall(sock, bytes('ping'));
    t.is(Buffer.from(yield* loop.sockRecv(sock, 10)).toString(), 'ping');
    sock.close();
    const six = new Socket(AF_INET6);
    const refused = yield* failure(loop.sockConnect(six, ['::1', 1]));
    t.true(refused instanceof OSError);
    t.is((refused as OSError).address, '::1');
    six.close();
    server.close();
  });
});

test.serial('a refused connection names its address, and the socket is the caller’s to close', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [listener, address] = listening();
    listener.close();
    const sock = new Socket();
    const error = (yield* failure(loop.sockConnect(sock, address))) as OSError;
    t.true(error instanceof ConnectionRefusedError);
    t.deepEqual(
      [error.address, error.port, error.syscall, error.code],
      [...(address as [string, number]), 'connect', 'ECONNREFUSED'],
    );
    t.regex(error.message, /127\.0\.0\.1/);
    t.true(sock.fileno() > 0);
    t.false(loop.removeWriter(sock));
    sock.close();
  });
});

test.serial('a cancelled sockConnect leaves no watch, and the socket to its caller', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [listener, address] = listening();
    const sock = new Socket();
    const connecting = createTask(loop.sockConnect(sock, address));
    yield* sleep(0);
    // The attempt is under way; no poll has told yet how it ends.
    connecting.cancel();
    t.true((yield* failure(connecting)) instanceof CancelledError);
    t.false(loop.removeWriter(sock));
    t.true(sock.fileno() > 0);
    sock.close();
    listener.close();
  });
});

test.serial('a host is looked up for the socket’s own family, type and protocol', async (t) => {
  const asked: unknown[] = [];
  class Resolving extends MioEventLoop {
    override *getaddrinfo(
      host: string | null,
      port: number | string | null,
      options: object = {},
    ): Coroutine<readonly AddrInfo[]> {
      asked.push([host, options]);
      if (host === 'nowhere') throw new GaiError('name or service not known', { code: 'EAI_NONAME' });
      return [[AF_INET, 1, 6, '', ['127.0.0.1', port as number]]];
    }
  }
  const loop = new Resolving();
  await loop.runUntilComplete(
    (function* (): Coroutine<void> {
      const server = yield* serve(() => new Echo());
      const sock = new Socket();
      yield* loop.sockConnect(sock, ['somewhere', portOf(server)]);
      t.deepEqual(asked, [['somewhere', { family: AF_INET, type: 1, proto: 0, flags: 0 }]]);
      yield* loop.sockSendall(sock, bytes('x'));
      yield* loop.sockRecv(sock, 1);
      sock.close();
      const other = new Socket();
      t.true((yield* failure(loop.sockConnect(other, ['nowhere', 1]))) instanceof GaiError);
      other.close();
      server.close();
    })(),
  );
  loop.close();
});

test.serial('a full queue of a Unix server is a BlockingIOError: there is nothing to wait for', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const listener = new Socket(AF_UNIX);
    listener.bind(`\0miolo-full-${process.pid}`);
    listener.listen(0);
    const clients: Socket[] = [];
    let error: unknown = null;
    while (error === null && clients.length < 50) {
      const client = new Socket(AF_UNIX);
      clients.push(client);
      error = yield* failure(loop.sockConnect(client, listener.getsockname()));
      error ??= null;
    }
    t.true(error instanceof BlockingIOError);
    for (const each of [...clients, listener]) each.close();
  });
});

test.serial('a reset reaches whoever waits to receive', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [listener, address] = listening();
    const client = new Socket();
    const [[server]] = yield* gather([loop.sockAccept(listener), loop.sockConnect(client, address)]);
    const waiting = createTask(loop.sockRecv(server, 1));
    yield* sleep(0);
    client.setsockopt(SOL_SOCKET, SO_LINGER, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]));
    client.close();
    t.true((yield* failure(waiting)) instanceof ConnectionResetError);
    server.close();
    listener.close();
  });
});

test.serial('closed sockets, sockets of transports and wrong arguments are refused', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const closed = new Socket();
    closed.close();
    for (const call of [
      loop.sockRecv(closed, 1),
      loop.sockSendall(closed, bytes('x')),
      loop.sockAccept(closed),
      loop.sockConnect(closed, ['127.0.0.1', 1]),
    ]) {
      t.is(((yield* failure(call)) as OSError).code, 'EBADF');
    }
    const server = yield* serve(() => new Echo());
    const [transport, protocol] = yield* loop.createConnection(
      () => new Recorder(),
      '127.0.0.1',
      portOf(server),
    );
    const view = transport.getExtraInfo('socket') as Socket;
    t.true((yield* failure(loop.sockRecv(view, 1))) instanceof TypeError);
    transport.close();
    yield* protocol.lost;
    const given = new Socket();
    yield* loop.sockConnect(given, ['127.0.0.1', portOf(server)]);
    const [owner, owning] = yield* loop.createConnection(() => new Recorder(), null, null, { sock: given });
    t.true((yield* failure(loop.sockRecv(given, 1))) instanceof RuntimeError);
    owner.close();
    yield* owning.lost;
    server.close();
    const [one, other] = socketpair();
    t.true((yield* failure(loop.sockSendall(one, 'text' as never))) instanceof TypeError);
    t.true((yield* failure(loop.sockRecv(one, -1))) instanceof ValueError);
    t.true((yield* failure(loop.sockRecv({} as never, 1))) instanceof TypeError);
    const tcp = new Socket();
    t.true((yield* failure(loop.sockConnect(tcp, 'a path'))) instanceof TypeError);
    t.true((yield* failure(loop.sockConnect(tcp, ['127.0.0.1', 70000]))) instanceof RangeError);
    for (const sock of [one, other, tcp]) sock.close();
  });
});

test.serial('memory that is detached or resized while a call waits is a TypeError', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const [one, other] = socketpair();
    const data = new Uint8Array(2_000_000);
    const sending = createTask(loop.sockSendall(one, data));
    yield* sleep(0);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    other.recv(1_000_000);
    const error = yield* failure(sending);
    t.true(error instanceof TypeError);
    t.regex((error as Error).message, /data/);
    const memory = new Uint8Array(10);
    const receiving = createTask(loop.sockRecvInto(one, memory));
    yield* sleep(0);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    other.send(bytes('kept'));
    t.true((yield* failure(receiving)) instanceof TypeError);
    t.is(one.recv(10).toString(), 'kept');
    one.close();
    other.close();
  });
});

test.serial('in debug mode a socket that would block is a ValueError', (t) => {
  const loop = new MioEventLoop();
  loop.setDebug(true);
  const [one, other] = socketpair();
  const blocking = Object.create(one, { gettimeout: { value: () => null } }) as RawSocketLike;
  t.throws(() => loop.runUntilCompleteSync(loop.sockRecv(blocking, 1)), {
    instanceOf: ValueError,
    message: /non-blocking/,
  });
  other.send(bytes('x'));
  t.is(loop.runUntilCompleteSync(loop.sockRecv(one, 1)).length, 1);
  loop.close();
  one.close();
  other.close();
});

test.serial('in an async function the calls are awaited like any other', async (t) => {
  const loop = new MioEventLoop();
  const [one, other] = socketpair();
  const received = await loop.runUntilComplete(
    (function* (): Coroutine<string> {
      const task = createTask(loop.sockRecv(one, 10));
      yield* loop.sockSendall(other, bytes('hi'));
      return Buffer.from(yield* task).toString();
    })(),
  );
  t.is(received, 'hi');
  loop.close();
  one.close();
  other.close();
});
