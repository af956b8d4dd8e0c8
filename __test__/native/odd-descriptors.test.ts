/** Descriptors that come in messages. Those that only another program can make are in `peers/`. */
import { closeSync } from 'node:fs';
import test from 'ava';
import { AF_UNIX, BlockingIOError, SOCK_DGRAM, SOCK_STREAM, Socket, socketpair } from 'miolo';
import type { Coroutine } from 'miolo';
import { theLoop } from '../helpers.js';
import { inBothDrives, openDescriptors } from './pair.js';

const COUNT = 20;

/** Takes one message at each call of the reader: the texts, and the descriptors that came along. */
function* receive(sock: Socket, count: number): Coroutine<[texts: string[], fds: number[]]> {
  const loop = theLoop();
  const texts: string[] = [];
  const fds: number[] = [];
  const done = loop.createFuture<void>();
  loop.addReader(sock, () => {
    const message = sock.recvmsg(100, { maxFds: 2 });
    texts.push(String(message.data));
    fds.push(...message.fds);
    if (texts.length === count) done.setResult();
  });
  yield* done;
  loop.removeReader(sock);
  return [texts, fds];
}

for (const type of [SOCK_STREAM, SOCK_DGRAM]) {
  const kind = type === SOCK_STREAM ? 'stream' : 'datagrams';
  inBothDrives(test, `descriptors of a burst all arrive, each with its bytes (${kind})`, function* (t) {
    const before = openDescriptors();
    const [near, far] = socketpair(AF_UNIX, type);
    const [kept, passed] = socketpair();
    // A datagram socket's queue is short, a stream's reads end where descriptors are: neither tells another edge.
    const burst = type === SOCK_STREAM ? COUNT : 8;
    const expected = Array.from({ length: burst }, (_, at) => `message ${at}`);
    for (const text of expected) far.sendmsg([Buffer.from(text)], { fds: [passed.fileno(), kept.fileno()] });
    const [texts, fds] = yield* receive(near, burst);
    t.deepEqual(texts, expected);
    t.is(fds.length, 2 * burst);
    t.throws(() => near.recvmsg(100), { instanceOf: BlockingIOError });
    for (const fd of fds) closeSync(fd);
    for (const sock of [near, far, kept, passed]) sock.close();
    t.is(openDescriptors(), before);
  });
}

inBothDrives(
  test,
  'a descriptor that was passed is watched as the same socket, beside the original',
  function* (t) {
    const loop = theLoop();
    const [near, far] = socketpair();
    const [kept, other] = socketpair();
    far.sendmsg([Buffer.from('x')], { fds: [other.fileno()] });
    const [, [fd]] = yield* receive(near, 1);
    const seen: string[] = [];
    const done = loop.createFuture<void>();
    const note = (what: string) => (): void => {
      seen.push(what);
      if (new Set(seen).size === 2 && !done.done()) done.setResult();
    };
    loop.addReader(fd!, note('passed'));
    loop.addReader(other, note('original'));
    kept.send(Buffer.from('hello'));
    yield* done;
    loop.removeReader(fd!);
    loop.removeReader(other);
    t.is(String(other.recv(100)), 'hello');
    closeSync(fd!);
    for (const sock of [near, far, kept, other]) sock.close();
  },
);

inBothDrives(
  test,
  'a watched duplicate that was closed does not disturb the next of its number',
  function* (t) {
    const loop = theLoop();
    const [near, far] = socketpair();
    const [kept, other] = socketpair();
    const numbers = new Set<number>();
    for (let round = 0; round < 5; round++) {
      far.sendmsg([Buffer.from('x')], { fds: [other.fileno()] });
      const [, [fd]] = yield* receive(near, 1);
      numbers.add(fd!);
      const ready = loop.createFuture<void>();
      loop.addReader(fd!, () => void (ready.done() || ready.setResult()));
      kept.send(Buffer.from('hello'));
      yield* ready;
      t.is(String(other.recv(100)), 'hello');
      // The original keeps the registration in the kernel alive.
      closeSync(fd!);
      if (round % 2 === 0) loop.removeReader(fd!);
    }
    t.is(numbers.size, 1);
    loop.removeReader([...numbers][0]!);
    for (const sock of [near, far, kept, other]) sock.close();
  },
);
