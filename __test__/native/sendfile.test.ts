import { fstatSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  AF_INET,
  AF_UNIX,
  CancelledError,
  ConnectionError,
  MioEventLoop,
  Protocol,
  RuntimeError,
  SOCK_DGRAM,
  SOCK_STREAM,
  SendfileNotAvailableError,
  Socket,
  TimeoutError,
  ValueError,
  createTask,
  socketpair,
  timeout,
} from 'miolo';
import type { Coroutine } from 'miolo';
import { Recorder, theLoop } from '../helpers.js';
import { Deaf, end, inBothDrives, openDescriptors, pair, turns, until } from './pair.js';
import {
  DeafKeeper,
  Keeper,
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

for (const [name, range, expected] of [
  ['a whole file', [], content],
  ['a part of a file', [1000, 100_001], content.subarray(1000, 101_001)],
  ['a file from an offset on', [SIZE - 70_000], content.subarray(SIZE - 70_000)],
  ['fewer bytes than asked for, when the file ends before', [SIZE - 10, 1000], content.subarray(SIZE - 10)],
] as const) {
  inBothDrives(test, `sendfile sends ${name} over a transport, behind what was written`, function* (t) {
    const both = yield* pair(
      () => new Recorder(),
      () => new Keeper(),
    );
    yield* opened(big, function* (fd) {
      both.near.transport.write('before ');
      t.is(yield* theLoop().sendfile(both.near.transport, fd, ...range), expected.length);
      both.near.transport.write(' after');
      yield* until(() => both.far.bytes === expected.length + 13);
      t.true(both.far.all.equals(Buffer.concat([Buffer.from('before '), expected, Buffer.from(' after')])));
    });
    yield* end(both);
  });
}

inBothDrives(test, 'an empty file sends nothing', function* (t) {
  const path = join(folder, 'empty');
  writeFileSync(path, '');
  const both = yield* pair(
    () => new Recorder(),
    () => new Recorder(),
  );
  yield* opened(path, function* (fd) {
    t.is(yield* theLoop().sendfile(both.near.transport, fd), 0);
  });
  yield* end(both);
});

inBothDrives(
  test,
  'a peer that does not read holds the file up, and nobody else may write meanwhile',
  function* (t) {
    const both = yield* pair(
      () => new Recorder(),
      () => new DeafKeeper(),
    );
    const descriptors = openDescriptors();
    yield* opened(big, function* (fd) {
      const task = createTask(theLoop().sendfile(both.near.transport, fd));
      yield* turns(20);
      t.false(task.done());
      t.false(both.near.transport.isReading());
      t.throws(() => both.near.transport.write('x'), {
        instanceOf: RuntimeError,
        message: /sendfile is in progress/,
      });
      both.far.transport.resumeReading();
      t.is(yield* task, SIZE);
      t.true(both.near.transport.isReading());
      yield* until(() => both.far.bytes === SIZE);
      t.true(both.far.all.equals(content));
    });
    t.is(openDescriptors(), descriptors);
    yield* end(both);
  },
);

inBothDrives(
  test,
  'cancelled, it leaves the transport usable and the file behind the last byte sent',
  function* (t) {
    const both = yield* pair(
      () => new Recorder(),
      () => new DeafKeeper(),
    );
    yield* opened(big, function* (fd) {
      const task = createTask(theLoop().sendfile(both.near.transport, fd));
      yield* turns(20);
      task.cancel();
      try {
        yield* task;
        t.fail();
      } catch (error) {
        t.true(error instanceof CancelledError);
      }
      both.near.transport.write('the end');
      both.near.transport.writeEof();
      both.far.transport.resumeReading();
      yield* until(() => both.far.log.includes('eof'));
      const sent = both.far.bytes - 7;
      t.true(sent > 0 && sent < SIZE);
      t.true(both.far.all.equals(Buffer.concat([content.subarray(0, sent), Buffer.from('the end')])));
      t.is(nextByte(fd), content[sent]!);
    });
    yield* end(both);
  },
);

inBothDrives(test, 'a transport that is aborted meanwhile ends it with a ConnectionError', function* (t) {
  const both = yield* pair(
    () => new Recorder(),
    () => new Deaf(),
  );
  yield* opened(big, function* (fd) {
    const task = createTask(theLoop().sendfile(both.near.transport, fd));
    yield* turns(20);
    both.near.transport.abort();
    both.far.transport.resumeReading();
    const error = yield* failureOf(task);
    t.true(error instanceof ConnectionError, String(error));
    yield* both.near.lost;
  });
  both.server.close();
});

inBothDrives(test, 'a peer that resets ends it with the system error', function* (t) {
  const both = yield* pair(
    () => new Recorder(),
    () => new Deaf(),
  );
  yield* opened(big, function* (fd) {
    const task = createTask(theLoop().sendfile(both.near.transport, fd));
    yield* turns(20);
    both.far.transport.abort();
    t.true((yield* failureOf(task)) instanceof ConnectionError);
  });
  both.near.transport.abort();
  both.server.close();
});

inBothDrives(test, 'a file that shrinks meanwhile ends where it ends', function* (t) {
  const path = join(folder, 'shrinking');
  writeFileSync(path, content);
  const both = yield* pair(
    () => new Recorder(),
    () => new DeafKeeper(),
  );
  yield* opened(path, function* (fd) {
    const task = createTask(theLoop().sendfile(both.near.transport, fd));
    yield* turns(20);
    truncateSync(path, 10);
    both.far.transport.resumeReading();
    const sent = yield* task;
    t.true(sent > 0 && sent < SIZE);
    yield* until(() => both.far.bytes === sent);
    // What the file lost was under way as pages of the file, which the system may have cleared.
    t.true(both.far.all.subarray(0, 10).equals(content.subarray(0, 10)));
  });
  yield* end(both);
});

inBothDrives(
  test,
  'without the kernel the file is read and written, below the marks, and the protocol is put back',
  function* (t) {
    const both = yield* pair(
      () => new Recorder(),
      () => new Keeper(),
    );
    yield* opened(big, function* (fd) {
      t.is(yield* theLoop().sendfile(both.near.transport, fd, 5), SIZE - 5);
      t.is(both.near.transport.getProtocol(), both.near as Protocol);
      yield* until(() => both.far.bytes === SIZE - 5);
      t.true(both.far.all.equals(content.subarray(5)));
      t.is(fstatSync(fd).size, SIZE);
      const error = yield* failureOf(
        theLoop().sendfile(both.near.transport, fd, 0, null, { fallback: false }),
      );
      t.true(error instanceof SendfileNotAvailableError);
    });
    both.far.transport.write('hello');
    yield* until(() => both.near.bytes === 5);
    yield* end(both);
  },
  WithoutSendfile,
);

inBothDrives(
  test,
  'without the kernel a connection that is lost meanwhile is an error, and its protocol is told once',
  function* (t) {
    const both = yield* pair(
      () => new Recorder(),
      () => new Deaf(),
    );
    yield* opened(big, function* (fd) {
      const task = createTask(theLoop().sendfile(both.near.transport, fd));
      yield* turns(20);
      both.near.transport.abort();
      t.true((yield* failureOf(task)) instanceof ConnectionError);
      yield* both.near.lost;
      t.is(both.near.log.filter((each) => each.startsWith('lost')).length, 1);
    });
    both.server.close();
  },
  WithoutSendfile,
);

for (const Loop of [MioEventLoop, WithoutSendfile]) {
  inBothDrives(
    test,
    `sockSendfile sends over a bare socket (${Loop.name})`,
    function* (t) {
      const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
      yield* opened(big, function* (fd) {
        const task = createTask(theLoop().sockSendfile(left, fd, 7, 3_000_000));
        const received: Uint8Array[] = [];
        for (let bytes = 0; bytes < 3_000_000;) {
          const piece = yield* theLoop().sockRecv(right, 1 << 20);
          received.push(piece);
          bytes += piece.length;
        }
        t.is(yield* task, 3_000_000);
        t.true(Buffer.concat(received).equals(content.subarray(7, 3_000_007)));
        t.is(nextByte(fd), content[3_000_007]!);
      });
      left.close();
      right.close();
    },
    Loop,
  );
}

inBothDrives(test, 'what is no regular file is read and written, if the caller allows', function* (t) {
  const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
  yield* opened('/dev/zero', function* (fd) {
    const error = yield* failureOf(theLoop().sockSendfile(left, fd, 0, 1000, { fallback: false }));
    t.true(error instanceof SendfileNotAvailableError);
    t.is(yield* theLoop().sockSendfile(left, fd, 0, 1000), 1000);
    t.deepEqual(Buffer.from(yield* theLoop().sockRecv(right, 4096)), Buffer.alloc(1000));
  });
  left.close();
  right.close();
});

inBothDrives(test, 'bad input is refused, and leaves everything as it was', function* (t) {
  const loop = theLoop();
  const both = yield* pair(
    () => new Recorder(),
    () => new Recorder(),
  );
  const datagrams = new Socket(AF_INET, SOCK_DGRAM, 0);
  yield* opened(big, function* (fd) {
    const { transport } = both.near;
    const cases: [call: () => Coroutine<number>, error: new () => Error][] = [
      [() => loop.sendfile(transport, fd, -1), ValueError],
      [() => loop.sendfile(transport, fd, 1.5), TypeError],
      [() => loop.sendfile(transport, fd, 0, 0), ValueError],
      [() => loop.sendfile(transport, fd, 0, '5' as never), TypeError],
      [() => loop.sendfile(transport, 'big' as never), ValueError],
      [() => loop.sockSendfile(datagrams, fd), ValueError],
      [() => loop.sockSendfile({} as never, fd), TypeError],
      [() => loop.sendfile({ isClosing: () => false } as never, fd), RuntimeError],
    ];
    for (const [call, expected] of cases) {
      const error = yield* failureOf(call());
      t.true(error instanceof expected, String(error));
    }
    t.true(transport.isReading());
    transport.close();
    t.true((yield* failureOf(loop.sendfile(transport, fd))) instanceof RuntimeError);
  });
  datagrams.close();
  yield* end(both);
});

inBothDrives(test, 'a time limit ends it', function* (t) {
  const both = yield* pair(
    () => new Recorder(),
    () => new Deaf(),
  );
  yield* opened(big, function* (fd) {
    const error = yield* failureOf(timeout(0.02).run(theLoop().sendfile(both.near.transport, fd)));
    t.true(error instanceof TimeoutError);
  });
  yield* end(both);
});
