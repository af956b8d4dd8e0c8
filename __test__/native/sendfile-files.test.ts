/** Which files can be sent, and to which peers: every byte is looked at. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import {
  AF_UNIX,
  SOCK_STREAM,
  SendfileNotAvailableError,
  ValueError,
  createTask,
  run,
  socketpair,
} from 'miolo';
import type { Coroutine } from 'miolo';
import { Recorder, theLoop } from '../helpers.js';
import { end, inBothDrives, pair, turns, until } from './pair.js';
import {
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

/** Reads a little at a time, and pauses after each piece. */
class Slow extends Keeper {
  override dataReceived(data: Uint8Array): void {
    super.dataReceived(data);
    this.transport.pauseReading();
    theLoop().callSoon(() => this.transport.resumeReading());
  }
}

for (const Loop of [undefined, WithoutSendfile]) {
  const kind = Loop === undefined ? 'by the kernel' : 'by reading';

  inBothDrives(
    test,
    `a peer that reads slowly gets every byte, and others run meanwhile (${kind})`,
    function* (t) {
      const both = yield* pair(
        () => new Recorder(),
        () => new Slow(),
      );
      yield* opened(big, function* (fd) {
        const task = createTask(theLoop().sendfile(both.near.transport, fd));
        yield* turns(3);
        t.false(task.done());
        t.is(yield* task, SIZE);
        yield* until(() => both.far.bytes === SIZE);
        t.true(both.far.all.equals(content));
      });
      yield* end(both);
    },
    Loop,
  );

  inBothDrives(
    test,
    `an object with fileno() is sent, and stands behind what was sent (${kind})`,
    function* (t) {
      const both = yield* pair(
        () => new Recorder(),
        () => new Keeper(),
      );
      yield* opened(big, function* (fd) {
        t.is(yield* theLoop().sendfile(both.near.transport, { fileno: () => fd }, 3, 1000), 1000);
        t.is(nextByte(fd), content[1003]!);
        yield* until(() => both.far.bytes === 1000);
        t.true(both.far.all.equals(content.subarray(3, 1003)));
      });
      yield* end(both);
    },
    Loop,
  );

  test.serial(`a FileHandle is sent, and stays its caller's (${kind})`, async (t) => {
    const file = await open(big, 'r');
    await run(
      (function* (): Coroutine<void> {
        const both = yield* pair(
          () => new Recorder(),
          () => new Keeper(),
        );
        t.is(yield* theLoop().sendfile(both.near.transport, file, 11, 100_000), 100_000);
        yield* until(() => both.far.bytes === 100_000);
        t.true(both.far.all.equals(content.subarray(11, 100_011)));
        yield* end(both);
      })(),
      Loop === undefined ? {} : { loopFactory: () => new Loop() },
    );
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, null);
    t.is(buffer[0], content[100_011]);
    await file.close();
  });

  test.serial(`a FileHandle that is closed meanwhile ends it with EBADF (${kind})`, async (t) => {
    const file = await open(big, 'r');
    await run(
      (function* (): Coroutine<void> {
        const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
        const task = createTask(theLoop().sockSendfile(left, file));
        yield* turns(10);
        void file.close();
        yield* until(() => file.fd === -1);
        const reading = createTask(everything(right));
        t.like(yield* failureOf(task), { name: 'OSError', code: 'EBADF' });
        left.close();
        const received = yield* reading;
        t.true(received.length < SIZE && received.equals(content.subarray(0, received.length)));
        right.close();
      })(),
      Loop === undefined ? {} : { loopFactory: () => new Loop() },
    );
  });
}

/** All that a socket receives. */
function* everything(sock: ReturnType<typeof socketpair>[0]): Coroutine<Buffer> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = yield* theLoop().sockRecv(sock, 1 << 20);
    if (piece.length === 0) return Buffer.concat(pieces);
    pieces.push(piece);
  }
}

let pipes = 0;

/** A named pipe with bytes in it that nobody else writes to. */
function filledPipe(bytes: Uint8Array): number {
  const path = join(folder, `pipe-${pipes++}`);
  execFileSync('mkfifo', [path]);
  // Both ways, so that opening does not wait for the other end.
  const both = openSync(path, constants.O_RDWR);
  const reader = openSync(path, 'r');
  writeSync(both, bytes);
  closeSync(both);
  return reader;
}

inBothDrives(test, 'a pipe is read to its end and written, over a transport and bare', function* (t) {
  const bytes = content.subarray(5, 50_005);
  const both = yield* pair(
    () => new Recorder(),
    () => new Keeper(),
  );
  let fd = filledPipe(bytes);
  t.is(yield* theLoop().sendfile(both.near.transport, fd), bytes.length);
  closeSync(fd);
  both.near.transport.write(' after');
  yield* until(() => both.far.bytes === bytes.length + 6);
  t.true(both.far.all.equals(Buffer.concat([bytes, Buffer.from(' after')])));
  yield* end(both);

  const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
  fd = filledPipe(bytes);
  const reading = createTask(everything(right));
  t.is(yield* theLoop().sockSendfile(left, fd, 0, 40_000), 40_000);
  // What the count left out is still in the pipe.
  t.is(nextByte(fd), bytes[40_000]!);
  closeSync(fd);
  left.close();
  t.true((yield* reading).equals(bytes.subarray(0, 40_000)));
  right.close();
});

inBothDrives(test, 'a pipe has no offset, and is refused without the fallback', function* (t) {
  const both = yield* pair(
    () => new Recorder(),
    () => new Recorder(),
  );
  const fd = filledPipe(Buffer.from('x'));
  const { transport } = both.near;
  t.true((yield* failureOf(theLoop().sendfile(transport, fd, 1))) instanceof ValueError);
  const refused = yield* failureOf(theLoop().sendfile(transport, fd, 0, null, { fallback: false }));
  t.true(refused instanceof SendfileNotAvailableError);
  t.is(nextByte(fd), 'x'.charCodeAt(0));
  closeSync(fd);
  t.true(transport.isReading());
  t.is(transport.getProtocol(), both.near);
  yield* end(both);
});

inBothDrives(test, 'a file that grows meanwhile is sent to the end that it has by then', function* (t) {
  const path = join(folder, 'growing');
  writeFileSync(path, content);
  const [left, right] = socketpair(AF_UNIX, SOCK_STREAM);
  yield* opened(path, function* (fd) {
    const task = createTask(theLoop().sockSendfile(left, fd));
    yield* turns(10);
    writeFileSync(path, 'more', { flag: 'a' });
    const reading = createTask(everything(right));
    t.is(yield* task, SIZE + 4);
    left.close();
    t.true((yield* reading).equals(Buffer.concat([content, Buffer.from('more')])));
  });
  right.close();
});
