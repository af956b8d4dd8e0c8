/**
 * Descriptors that Node cannot make: a Python program makes them, passes them over a Unix socket, and does at its end
 * what it is told to.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { AF_UNIX, SOCK_STREAM, Socket, run, runSync, sleep } from 'miolo';
import type { Coroutine } from 'miolo';
import { theLoop } from '../helpers.js';
import { inBothDrives } from '../native/pair.js';
import { launch, temporaryFolder } from './programs.js';

const MAKER = `
import ctypes, os, pty, socket, struct, sys, termios, tty
libc = ctypes.CDLL(None, use_errno=True)
kind, path, folder = sys.argv[1:]
far = None
if kind == 'pty':
    far, near = pty.openpty()
    tty.setraw(near)
elif kind == 'lines':
    far, near = pty.openpty()
    attributes = termios.tcgetattr(near)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(near, termios.TCSANOW, attributes)
elif kind == 'master':
    near, far = pty.openpty()
    tty.setraw(far)
elif kind == 'timerfd':
    near = libc.timerfd_create(1, 0)  # CLOCK_MONOTONIC
elif kind == 'eventfd':
    near = os.eventfd(0)
elif kind == 'inotify':
    near = libc.inotify_init1(0)
    libc.inotify_add_watch(near, folder.encode(), 0x100)  # IN_CREATE
elif kind == 'netlink':
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    sock.bind((0, 0))
    near = sock.detach()
elif kind == 'packets':
    near, far = os.pipe2(os.O_DIRECT)
os.set_blocking(near, False)
control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
control.connect(path)
socket.send_fds(control, [b'x'], [near])
while command := control.recv(1):
    if command == b'h':
        os.close(near)
        os.close(far)
    elif kind == 'timerfd':
        # Every millisecond from the next on.
        libc.timerfd_settime(near, 0, struct.pack('4l', 0, 1_000_000, 0, 1_000_000), None)
    elif kind in ('pty', 'lines', 'master', 'packets'):
        for line in range(100):
            os.write(far, b'line %d\\n' % line)
    elif kind == 'eventfd':
        os.eventfd_write(near, 3)
    elif kind == 'netlink':
        # RTM_GETLINK, a dump
        sock = socket.socket(fileno=os.dup(near))
        sock.send(bytes([20, 0, 0, 0, 18, 0, 1, 3]) + bytes(12))
        sock.detach()
`;

interface Passed {
  readonly fd: number;
  readonly folder: string;
  /** Has the maker do what it does; `h` has it hang up. */
  command(what?: string): void;
}

/** Waits until a socket is readable. */
function* readable(sock: Socket): Coroutine<void> {
  const loop = theLoop();
  const ready = loop.createFuture<void>();
  loop.addReader(sock, () => {
    loop.removeReader(sock);
    ready.setResult();
  });
  yield* ready;
}

/** Gets a descriptor of a kind for the time of `body`. */
async function passed(kind: string, body: (passed: Passed) => void | Promise<void>): Promise<void> {
  const [folder, remove] = temporaryFolder();
  const path = join(folder, 'socket');
  const listener = new Socket(AF_UNIX, SOCK_STREAM, 0);
  listener.bind(path);
  listener.listen(1);
  const maker: ChildProcess = await launch('python3', ['-c', MAKER, kind, path, folder]);
  maker.stderr!.pipe(process.stderr);
  const [control, fds] = await run(
    (function* (): Coroutine<[Socket, number[]]> {
      const [accepted] = yield* theLoop().sockAccept(listener);
      yield* readable(accepted);
      return [accepted, accepted.recvmsg(16, { maxFds: 4 }).fds];
    })(),
  );
  try {
    await body({ fd: fds[0]!, folder, command: (what = 'x') => void control.send(Buffer.from(what)) });
  } finally {
    for (const fd of fds) closeSync(fd);
    control.close();
    listener.close();
    maker.kill('SIGKILL');
    remove();
  }
}

/** Reads what is there now; empty if nothing is. */
function readSome(fd: number, size = 100): Buffer {
  const buffer = Buffer.alloc(size);
  try {
    return buffer.subarray(0, readSync(fd, buffer));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN') return buffer.subarray(0, 0);
    throw error;
  }
}

/** Reads a little at each call of the reader, until `enough`. */
function* readAll(
  fd: number,
  size: number,
  enough: (text: string, reads: number) => boolean,
): Coroutine<string> {
  const loop = theLoop();
  const done = loop.createFuture<string>();
  let all = '';
  let reads = 0;
  loop.addReader(fd, () => {
    all += readSome(fd, size).toString('latin1');
    if (enough(all, ++reads) && !done.done()) done.setResult(all);
  });
  try {
    return yield* done;
  } finally {
    loop.removeReader(fd);
  }
}

const LINES = Array.from({ length: 100 }, (_, line) => `line ${line}\n`).join('');

/** Registers a test of a descriptor for each drive. */
function ofKind(
  kind: string,
  title: string,
  body: (t: ExecutionContext, passed: Passed) => Coroutine<void>,
): void {
  test.serial(`hosted: ${title}`, (t) => passed(kind, (its) => run(body(t, its))));
  test.serial(`blocking: ${title}`, (t) => passed(kind, (its) => runSync(body(t, its))));
}

ofKind(
  'pty',
  'what is pasted into a terminal is all read, a few bytes at each call',
  function* (t, { fd, command }) {
    for (const size of [7, 50]) {
      command();
      t.is(yield* readAll(fd, size, (all) => all.length >= LINES.length), LINES);
    }
  },
);

ofKind(
  'lines',
  'lines pasted into a terminal come one at each read, and none is left',
  function* (t, { fd, command }) {
    for (let round = 0; round < 2; round++) {
      command();
      let lines = 0;
      t.is(yield* readAll(fd, 4096, (_, reads) => (lines = reads) === 100), LINES);
      t.is(lines, 100);
    }
  },
);

for (const [kind, end] of [
  ['pty', 'a terminal whose master is closed'],
  ['master', 'a master whose terminal is closed'],
] as const) {
  ofKind(
    kind,
    `${end} is readable, after what was written before, until it is not watched`,
    function* (t, its) {
      const { fd, command } = its;
      const loop = theLoop();
      const done = loop.createFuture<void>();
      const ends: unknown[] = [];
      let all = '';
      loop.addReader(fd, () => {
        try {
          const some = readSome(fd).toString('latin1');
          all += some;
          if (some === '') ends.push(0);
          // Only when all has been read: the system may throw away what a hang-up finds unread.
          else if (all === LINES) command('h');
        } catch (error) {
          ends.push((error as NodeJS.ErrnoException).code);
        }
        if (ends.length === 3 && !done.done()) done.setResult();
      });
      command();
      yield* done;
      t.true(loop.removeReader(fd));
      t.is(all, LINES);
      t.deepEqual(ends.slice(0, 3), kind === 'master' ? ['EIO', 'EIO', 'EIO'] : [0, 0, 0]);
      yield* sleep(0.01);
      t.is(ends.length, 3, 'not called any more');
    },
  );
}

ofKind('packets', 'packets in a pipe are told one by one', function* (t, { fd, command }) {
  command();
  let packets = 0;
  t.is(yield* readAll(fd, 4096, (_, reads) => (packets = reads) === 100), LINES);
  t.is(packets, 100);
});

ofKind(
  'eventfd',
  'an eventfd is readable once it is counted up, and not after it is read',
  function* (t, its) {
    for (let round = 0; round < 3; round++) {
      its.command();
      const count = yield* readAll(its.fd, 8, (all) => all.length === 8);
      t.is(Buffer.from(count, 'latin1').readBigUInt64LE(), 3n);
      t.is(readSome(its.fd, 8).length, 0);
    }
  },
);

ofKind('eventfd', 'an eventfd is writable as long as it can be counted up', function* (t, { fd }) {
  const loop = theLoop();
  const full = Buffer.alloc(8);
  full.writeBigUInt64LE(2n ** 64n - 2n);
  let calls = 0;
  let reached = loop.createFuture<void>();
  loop.addWriter(fd, () => {
    if (++calls === 3) reached.setResult();
    if (calls === 3) writeSync(fd, full);
  });
  yield* reached;
  // Full: a turn that polls finds nothing.
  yield* sleep(0.01);
  t.is(calls, 3);
  calls = 2;
  reached = loop.createFuture<void>();
  t.is(readSome(fd, 8).length, 8);
  yield* reached;
  t.true(loop.removeWriter(fd));
});

ofKind(
  'timerfd',
  'a timerfd is readable each time it expires, whether or not it was read',
  function* (t, its) {
    const { fd, command } = its;
    const loop = theLoop();
    const done = loop.createFuture<void>();
    let calls = 0;
    let expired = 0n;
    command();
    loop.addReader(fd, () => {
      // Every other call leaves it as it is.
      if (++calls % 2 === 1) return;
      const count = readSome(fd, 8);
      t.is(count.length, 8);
      expired += count.readBigUInt64LE();
      if (calls >= 10 && !done.done()) done.setResult();
    });
    yield* done;
    loop.removeReader(fd);
    t.true(expired >= 5n);
  },
);

ofKind('inotify', 'an inotify descriptor tells of a new file', function* (t, { fd, folder }) {
  for (const name of ['a-new-file', 'another-file']) {
    writeFileSync(join(folder, name), '');
    t.true((yield* readAll(fd, 4096, (all) => all.includes(name))).includes(name));
  }
});

ofKind('netlink', 'a netlink socket tells of the loopback interface', function* (t, { fd, command }) {
  command();
  t.regex(yield* readAll(fd, 65_536, (all) => all.includes('lo\0')), /lo\0/);
});

inBothDrives(test, 'urgent data is read, or skipped, and what follows it is not held up', function* (t) {
  const loop = theLoop();
  const MSG_OOB = 1;
  const listener = new Socket(2, SOCK_STREAM, 0);
  listener.bind(['127.0.0.1', 0]);
  listener.listen(1);
  const near = new Socket(2, SOCK_STREAM, 0);
  yield* loop.sockConnect(near, listener.getsockname());
  const [far] = yield* loop.sockAccept(listener);
  let all = '';
  for (let round = 0; round < 20; round++) {
    near.send(Buffer.from('before'));
    near.send(Buffer.from('!'), MSG_OOB);
    near.send(Buffer.from('behind'));
    while (all.length < (round + 1) * 12) all += Buffer.from(yield* loop.sockRecv(far, 5)).toString();
  }
  t.is(all, 'beforebehind'.repeat(20));
  for (const sock of [near, far, listener]) sock.close();
});
