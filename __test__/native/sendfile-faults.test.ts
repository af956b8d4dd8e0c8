/** What goes wrong while a file is sent: nobody gets bytes that are not theirs, and every error has its kind. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  AF_UNIX,
  BlockingIOError,
  CancelledError,
  ConnectionError,
  OSError,
  RuntimeError,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_LINGER,
  SendfileNotAvailableError,
  createTask,
  socketpair,
} from 'miolo';
import type { Coroutine, RawSocketLike, Transport, TransportSocket } from 'miolo';
import { Recorder, theLoop } from '../helpers.js';
import { PLENTY, end, inBothDrives, openDescriptors, pair, turns, until } from './pair.js';
import {
  DeafKeeper,
  SIZE,
  WithoutSendfile,
  big,
  cleanUp,
  content,
  failureOf,
  folder,
  nextByte,
  opened,
} from './sending.js';

cleanUp(test);

inBothDrives(test, 'a second sendfile is refused, and does not let writes into the first', function* (t) {
  const both = yield* pair(
    () => new Recorder(),
    () => new DeafKeeper(),
  );
  yield* opened(big, function* (fd) {
    const first = createTask(theLoop().sendfile(both.near.transport, fd));
    yield* turns(20);
    t.true((yield* failureOf(theLoop().sendfile(both.near.transport, fd))) instanceof RuntimeError);
    t.throws(() => both.near.transport.write('x'), { message: /sendfile is in progress/ });
    both.far.transport.resumeReading();
    t.is(yield* first, SIZE);
    t.true(both.near.transport.isReading());
    yield* until(() => both.far.bytes === SIZE);
    t.true(both.far.all.equals(content));
  });
  yield* end(both);
});

inBothDrives(
  test,
  'a reset that a sendfile meets is the end of the connection for its protocol, too',
  function* (t) {
    const both = yield* pair(
      () => new Recorder(),
      () => new DeafKeeper(),
    );
    yield* opened(big, function* (fd) {
      const sending = createTask(theLoop().sendfile(both.near.transport, fd));
      yield* turns(20);
      const peer = both.far.transport.getExtraInfo('socket') as TransportSocket;
      peer.setsockopt(SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
      both.far.transport.abort();
      const error = yield* failureOf(sending as never);
      t.is((error as { code?: string }).code, 'ECONNRESET');
      t.is(yield* both.near.lost, error as Error);
      t.deepEqual(both.near.log, ['made', 'lost ConnectionResetError']);
    });
    yield* end(both);
  },
);

for (const how of ['close', 'abort'] as const) {
  inBothDrives(
    test,
    `${how}() ends a sendfile to a peer that never reads, and no descriptor stays`,
    function* (t) {
      const descriptors = openDescriptors();
      const both = yield* pair(
        () => new Recorder(),
        () => new DeafKeeper(),
      );
      yield* opened(big, function* (fd) {
        const task = createTask(theLoop().sendfile(both.near.transport, fd));
        yield* turns(20);
        both.near.transport[how]();
        yield* turns(10);
        t.true(task.done());
        if (!task.done()) task.cancel();
        t.true((yield* failureOf(task)) instanceof ConnectionError);
        yield* both.near.lost;
      });
      yield* end(both);
      t.is(openDescriptors(), descriptors);
    },
  );
}

inBothDrives(
  test,
  'what was written before leaves first, and a cancelled wait for it lets writes in again',
  function* (t) {
    const both = yield* pair(
      () => new Recorder(),
      () => new DeafKeeper(),
    );
    const written = Buffer.alloc(PLENTY, 'w');
    yield* opened(big, function* (fd) {
      both.near.transport.write(written);
      const cancelled = createTask(theLoop().sendfile(both.near.transport, fd));
      yield* turns(5);
      t.throws(() => both.near.transport.write('x'), { instanceOf: RuntimeError });
      cancelled.cancel();
      t.true((yield* failureOf(cancelled)) instanceof CancelledError);
      both.near.transport.write('between');
      const task = createTask(theLoop().sendfile(both.near.transport, fd));
      both.far.transport.resumeReading();
      t.is(yield* task, SIZE);
      const expected = Buffer.concat([written, Buffer.from('between'), content]);
      yield* until(() => both.far.bytes === expected.length);
      t.true(both.far.all.equals(expected));
    });
    yield* end(both);
  },
);

inBothDrives(
  test,
  'a connection that is lost while what was written waits ends it with a ConnectionError',
  function* (t) {
    const both = yield* pair(
      () => new Recorder(),
      () => new DeafKeeper(),
    );
    yield* opened(big, function* (fd) {
      both.near.transport.write(Buffer.alloc(PLENTY));
      const task = createTask(theLoop().sendfile(both.near.transport, fd));
      yield* turns(5);
      both.near.transport.abort();
      t.true((yield* failureOf(task)) instanceof ConnectionError);
    });
    yield* end(both);
  },
);

inBothDrives(
  test,
  'a bare socket that is closed meanwhile ends it: who has its number next gets nothing',
  function* (t) {
    const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
    yield* opened(big, function* (fd) {
      const number = left.fileno();
      const task = createTask(theLoop().sockSendfile(left, fd));
      // Its first step has sent something, its second is still to come.
      yield;
      left.close();
      const others = socketpair(AF_UNIX, SOCK_STREAM);
      const again = others.findIndex((each) => each.fileno() === number);
      t.not(again, -1);
      yield* turns(5);
      t.true(task.done());
      if (!task.done()) task.cancel();
      t.like(yield* failureOf(task), { name: 'OSError', code: 'EBADF' });
      t.throws(() => others[1 - again]!.recv(10), { instanceOf: BlockingIOError });
      for (const each of others) each.close();
    });
    right.close();
  },
);

inBothDrives(test, 'a socket that a transport has is refused before a byte is sent', function* (t) {
  const both = yield* pair(
    () => new Recorder(),
    () => new Recorder(),
  );
  yield* opened(big, function* (fd) {
    const sock = both.near.transport.getExtraInfo('socket') as unknown as RawSocketLike;
    t.true((yield* failureOf(theLoop().sockSendfile(sock, fd))) instanceof RuntimeError);
    both.near.transport.write('mine');
    yield* until(() => both.far.bytes > 0);
    t.is(both.far.log.at(-1), 'data mine');
  });
  yield* end(both);
});

inBothDrives(
  test,
  'cancelled bare, it leaves the socket usable and the file behind the last byte',
  function* (t) {
    const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
    yield* opened(big, function* (fd) {
      const task = createTask(theLoop().sockSendfile(left, fd, 9));
      yield* turns(10);
      task.cancel();
      t.true((yield* failureOf(task)) instanceof CancelledError);
      const rest = createTask(theLoop().sockSendall(left, Buffer.from('the end')));
      const received: Uint8Array[] = [];
      while (!Buffer.concat(received.slice(-2)).subarray(-7).equals(Buffer.from('the end'))) {
        received.push(yield* theLoop().sockRecv(right, 1 << 20));
      }
      yield* rest;
      const all = Buffer.concat(received).subarray(0, -7);
      t.true(all.length > 0 && all.equals(content.subarray(9, 9 + all.length)));
      t.is(nextByte(fd), content[9 + all.length]!);
    });
    left.close();
    right.close();
  },
);

for (const Loop of [undefined, WithoutSendfile]) {
  const kind = Loop === undefined ? 'by the kernel' : 'by reading';

  inBothDrives(
    test,
    `a file that is closed while a cancelled sendfile ends leaves it cancelled (${kind})`,
    function* (t) {
      const both = yield* pair(
        () => new Recorder(),
        () => new DeafKeeper(),
      );
      const fd = openSync(big, 'r');
      const task = createTask(theLoop().sendfile(both.near.transport, fd));
      yield* until(() => both.near.transport.getWriteBufferSize() > 0 || Loop === undefined);
      yield* turns(20);
      task.cancel();
      closeSync(fd);
      t.true((yield* failureOf(task)) instanceof CancelledError);
      yield* end(both);
    },
    Loop,
  );
}

inBothDrives(
  test,
  'a socket that encrypts is refused by every call that would pass its encryption',
  function* (t) {
    const loop = theLoop();
    const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
    const encrypting = Object.defineProperty(left, 'encrypted', { value: true });
    yield* opened(big, function* (fd) {
      const calls = [
        () => loop.sockSendfile(encrypting, fd),
        () => loop.sockSendall(encrypting, Buffer.from('x')),
        () => loop.sockRecv(encrypting, 1),
        () => loop.createConnection(() => new Recorder(), null, null, { sock: encrypting }),
        () => loop.connectAcceptedSocket(() => new Recorder(), encrypting),
        () => loop.createServer(() => new Recorder(), null, null, { sock: encrypting }),
      ];
      for (const call of calls) {
        const error = yield* failureOf(call());
        t.true(error instanceof TypeError && /TLS/.test(error.message), `${call}: ${String(error)}`);
      }
    });
    t.throws(() => right.recv(1), { instanceOf: BlockingIOError });
    left.close();
    right.close();
  },
);

/** Calls with a file that cannot be read, over a transport and bare. */
function* bothWays(file: number, options?: { fallback: boolean }): Coroutine<unknown[]> {
  const both = yield* pair(
    () => new Recorder(),
    () => new Recorder(),
  );
  const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
  const transport: Transport = both.near.transport;
  const errors = [
    yield* failureOf(theLoop().sendfile(transport, file, 0, null, options)),
    yield* failureOf(theLoop().sockSendfile(left, file, 0, null, options)),
  ];
  left.close();
  right.close();
  yield* end(both);
  return errors;
}

/** Not empty: for an empty file the kernel is not asked. */
function writeOnly(): number {
  const fd = openSync(join(folder, 'written'), 'w');
  writeSync(fd, 'something');
  return fd;
}

const unreadable: [name: string, open: () => number, code: string][] = [
  ['a number that is no descriptor', () => 0x7fff_fff0, 'EBADF'],
  ['a folder', () => openSync(folder, 'r'), 'EISDIR'],
  ['a file that is open for writing only', () => writeOnly(), 'EBADF'],
];
for (const [name, open, code] of unreadable) {
  inBothDrives(test, `${name} is an OSError, or not available without the fallback`, function* (t) {
    const fd = open();
    for (const error of yield* bothWays(fd)) {
      t.true(error instanceof OSError, String(error));
      t.is((error as OSError).code, code);
      t.is(typeof (error as OSError).errno, 'number');
    }
    for (const error of yield* bothWays(fd, { fallback: false })) {
      t.true(error instanceof SendfileNotAvailableError, String(error));
    }
    if (fd !== 0x7fff_fff0) closeSync(fd);
  });
}
