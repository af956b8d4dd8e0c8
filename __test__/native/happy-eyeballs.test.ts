import test from 'ava';
import { AF_INET, AF_INET6, MioEventLoop, SOCK_STREAM, Socket, createTask } from 'miolo';
import type { AddrInfo, Coroutine, SocketLike, Task } from 'miolo';
import { Recorder, portOf, serve, theLoop } from '../helpers.js';
import { inBothDrives, openDescriptors, turns, until } from './pair.js';

/** Answers every name with what the test says, and notes which addresses are tried, and when one begins and ends. */
class Racing extends MioEventLoop {
  answer: AddrInfo[] = [];
  readonly log: string[] = [];
  /** Called when an attempt has won, before anybody else knows. */
  onMade: () => void = () => {};

  override *getaddrinfo(): Coroutine<readonly AddrInfo[]> {
    return this.answer;
  }

  override *_connectSock(
    exceptions: unknown[][],
    info: AddrInfo,
    localInfos: readonly AddrInfo[] | null = null,
  ): Coroutine<SocketLike> {
    const name = `${this.answer.indexOf(info)}`;
    this.log.push(`try ${name}`);
    try {
      const sock = yield* super._connectSock(exceptions, info, localInfos);
      this.log.push(`made ${name}`);
      this.onMade();
      return sock;
    } catch (error) {
      this.log.push(`${(error as Error).name} ${name}`);
      throw error;
    }
  }
}

const racing = (): Racing => theLoop() as Racing;

function v4(port: number, host = '127.0.0.1'): AddrInfo {
  return [AF_INET, SOCK_STREAM, 6, '', [host, port]];
}

function v6(port: number): AddrInfo {
  return [AF_INET6, SOCK_STREAM, 6, '', ['::1', port, 0, 0]];
}

/** A port of 127.0.0.1 and ::1 on which nobody listens. */
function closedPort(): number {
  const socket = new Socket();
  socket.bind(['127.0.0.1', 0]);
  const [, port] = socket.getsockname() as readonly [string, number];
  socket.close();
  return port;
}

/** A listener whose queue is full: the kernel answers no attempt. */
class BlackHole {
  readonly #socket = new Socket();
  readonly #queued: Socket[] = [];
  readonly #filling: Task<void>[] = [];
  readonly info: AddrInfo;

  constructor() {
    this.#socket.bind(['127.0.0.2', 0]);
    this.#socket.listen(0);
    const [, port] = this.#socket.getsockname() as readonly [string, number];
    this.info = v4(port, '127.0.0.2');
  }

  *fill(): Coroutine<this> {
    for (let count = 0; count < 2; count++) {
      const sock = new Socket();
      this.#queued.push(sock);
      this.#filling.push(createTask(theLoop().sockConnect(sock, this.info[4])) as Task<void>);
    }
    yield* turns(5);
    return this;
  }

  *close(): Coroutine<void> {
    for (const task of this.#filling) task.cancel();
    yield* turns(3);
    for (const socket of [this.#socket, ...this.#queued]) socket.close();
  }
}

const connect = (
  options: object,
): Coroutine<[{ abort(): void; getExtraInfo(name: string): unknown }, Recorder]> =>
  theLoop().createConnection(() => new Recorder(), 'name', 1, options) as never;

/** Far more than a test takes: whoever waits for it fails by its time limit. */
const NEVER = 1000;

inBothDrives(
  test,
  'without a delay addresses are tried one after the other, in the order of the resolver',
  function* (t) {
    const server = yield* serve(() => new Recorder());
    const closed = closedPort();
    racing().answer = [v4(closed), v4(closed), v6(closed), v4(portOf(server)), v6(closed)];
    const [transport] = yield* connect({});
    t.deepEqual(racing().log, [
      ...[0, 1, 2].flatMap((at) => [`try ${at}`, `ConnectionRefusedError ${at}`]),
      'try 3',
      'made 3',
    ]);
    transport.abort();
    server.close();
    server.abortClients();
    yield* server.waitClosed();
  },
  Racing,
);

inBothDrives(
  test,
  'with a delay families alternate, and a failure starts the next attempt at once',
  function* (t) {
    const server = yield* serve(() => new Recorder());
    const closed = closedPort();
    // By families: 0, 3, 1, 4, 2.
    racing().answer = [v4(closed), v4(closed), v4(portOf(server)), v6(closed), v6(closed)];
    const [transport] = yield* connect({ happyEyeballsDelay: NEVER });
    t.deepEqual(
      racing().log.filter((line) => line.startsWith('try')),
      ['try 0', 'try 3', 'try 1', 'try 4', 'try 2'],
    );
    t.deepEqual(transport.getExtraInfo('peername'), ['127.0.0.1', portOf(server)]);
    transport.abort();
    server.close();
    server.abortClients();
    yield* server.waitClosed();
  },
  Racing,
);

inBothDrives(
  test,
  'interleave says how many of the first family come first, with and without a delay',
  function* (t) {
    const closed = closedPort();
    racing().answer = [v4(closed), v4(closed), v4(closed), v6(closed), v6(closed)];
    for (const happyEyeballsDelay of [null, NEVER]) {
      racing().log.length = 0;
      yield* failure(connect({ happyEyeballsDelay, interleave: 2 }));
      t.deepEqual(
        racing().log.filter((line) => line.startsWith('try')),
        ['try 0', 'try 1', 'try 3', 'try 2', 'try 4'],
      );
    }
    racing().log.length = 0;
    yield* failure(connect({ happyEyeballsDelay: NEVER, interleave: 0 }));
    t.deepEqual(
      racing().log.filter((line) => line.startsWith('try')),
      [0, 1, 2, 3, 4].map((at) => `try ${at}`),
    );
  },
  Racing,
);

function* failure(attempt: Coroutine<unknown>): Coroutine<Error> {
  try {
    yield* attempt;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

inBothDrives(
  test,
  'an address that does not answer is overtaken after the delay, and its socket is closed',
  function* (t) {
    const hole = yield* new BlackHole().fill();
    const server = yield* theLoop().createServer(() => new Recorder(), '::1', 0);
    racing().answer = [hole.info, v6(portOf(server))];
    const before = openDescriptors();
    const began = theLoop().time();
    const [transport] = yield* connect({ happyEyeballsDelay: 0.02 });
    t.true(theLoop().time() - began >= 0.02, 'not earlier');
    t.deepEqual(racing().log, ['try 0', 'try 1', 'made 1', 'CancelledError 0']);
    t.deepEqual(transport.getExtraInfo('peername'), ['::1', portOf(server), 0, 0]);
    // One end is ours; the server's may be there already.
    t.true(openDescriptors() - before <= 2);
    transport.abort();
    server.close();
    server.abortClients();
    yield* server.waitClosed();
    yield* until(() => openDescriptors() === before - 1);
    yield* hole.close();
    t.pass();
  },
  Racing,
);

inBothDrives(
  test,
  'all attempts fail: the errors are told as without a delay',
  function* (t) {
    const closed = closedPort();
    racing().answer = [v4(closed), v6(closed)];
    const before = openDescriptors();
    const error = yield* failure(connect({ happyEyeballsDelay: NEVER }));
    t.regex(error.message, /^Multiple exceptions: .*127\.0\.0\.1.*, .*::1/);
    t.is(openDescriptors(), before);
    const group = yield* failure(connect({ happyEyeballsDelay: 0.001, allErrors: true }));
    t.is(group.name, 'ExceptionGroup');
    racing().answer = [];
    t.is(
      (yield* failure(connect({ happyEyeballsDelay: NEVER }))).message,
      'getaddrinfo() returned empty list',
    );
  },
  Racing,
);

inBothDrives(
  test,
  'cancelling the race ends every attempt and closes every socket before the caller goes on',
  function* (t) {
    const hole = yield* new BlackHole().fill();
    racing().answer = [hole.info, hole.info, hole.info];
    const before = openDescriptors();
    const task = createTask(connect({ happyEyeballsDelay: 0.001 }));
    yield* until(() => racing().log.length === 3);
    t.is(openDescriptors(), before + 3);
    task.cancel();
    yield* failure(task as never);
    t.true(task.cancelled());
    t.is(openDescriptors(), before);
    t.is(racing().log.filter((line) => line.startsWith('CancelledError')).length, 3);
    yield* hole.close();
  },
  Racing,
);

inBothDrives(
  test,
  'a race that is cancelled when it is won leaves no socket behind',
  function* (t) {
    const server = yield* serve(() => new Recorder());
    racing().answer = [v4(portOf(server))];
    const before = openDescriptors();
    const task = createTask(connect({ happyEyeballsDelay: NEVER }));
    racing().onMade = () => void task.cancel();
    t.is((yield* failure(task as never)).name, 'CancelledError');
    yield* until(() => openDescriptors() === before);
    server.close();
    server.abortClients();
    yield* server.waitClosed();
    t.is(theLoop()._ring.core.sockets(), 0);
  },
  Racing,
);
