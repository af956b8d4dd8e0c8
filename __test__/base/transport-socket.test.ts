import test from 'ava';
import {
  ACCEPT_RETRY_DELAY,
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IPPROTO_TCP,
  IPPROTO_UDP,
  LOG_THRESHOLD_FOR_CONNLOST_WRITES,
  NotImplementedError,
  OSError,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_REUSEPORT,
  TCP_NODELAY,
  TransportSocket,
  ValueError,
  _setNodelay,
  _setReuseport,
} from 'miolo/base';
import type { Address, SocketLike } from 'miolo/base';

/** Notes what is asked of it. */
class FakeSocket implements SocketLike {
  readonly log: unknown[][] = [];
  readonly family: number;
  readonly type: number;
  readonly proto: number;
  peer: Address | null = ['192.0.2.1', 7];
  refusing = false;

  constructor(family = AF_INET, type = SOCK_STREAM, proto = IPPROTO_TCP) {
    this.family = family;
    this.type = type;
    this.proto = proto;
  }

  fileno(): number {
    return 17;
  }

  bind(): void {}
  listen(): void {}
  close(): void {}

  getsockname(): Address {
    return ['127.0.0.1', 80];
  }

  getpeername(): Address {
    if (this.peer === null) throw new OSError('not connected');
    return this.peer;
  }

  setsockopt(level: number, name: number, value: number | Uint8Array): void {
    if (this.refusing) throw new OSError('refused');
    this.log.push(['setsockopt', level, name, value]);
  }

  getsockopt(level: number, name: number): number {
    this.log.push(['getsockopt', level, name]);
    return 5;
  }

  shutdown(how: number): void {
    this.log.push(['shutdown', how]);
  }
}

test('a view passes on what it may, to the socket that is asked', (t) => {
  const socket = new FakeSocket();
  const view = new TransportSocket(socket);
  t.deepEqual([view.family, view.type, view.proto, view.fileno()], [AF_INET, SOCK_STREAM, IPPROTO_TCP, 17]);
  t.deepEqual(view.getsockname(), ['127.0.0.1', 80]);
  t.deepEqual(view.getpeername(), ['192.0.2.1', 7]);
  view.setsockopt(1, 2, 3);
  t.is(view.getsockopt(1, 2), 5);
  view.shutdown(1);
  t.deepEqual(socket.log, [
    ['setsockopt', 1, 2, 3],
    ['getsockopt', 1, 2],
    ['shutdown', 1],
  ]);
  t.is(
    view.toString(),
    '<TransportSocket fd=17 family=2 type=1 proto=6 laddr=127.0.0.1,80 raddr=192.0.2.1,7>',
  );
  socket.peer = null;
  t.is(view.toString(), '<TransportSocket fd=17 family=2 type=1 proto=6 laddr=127.0.0.1,80>');
  t.throws(() => view.getpeername(), { instanceOf: OSError });
});

test('dup and getInheritable are those of the socket, where it has them', (t) => {
  const plain = new TransportSocket(new FakeSocket());
  t.throws(() => plain.dup(), { instanceOf: NotImplementedError, message: /dup/ });
  t.false(plain.getInheritable());
  const copy = new FakeSocket();
  class Full extends FakeSocket {
    dup(): SocketLike {
      return copy;
    }

    getInheritable(): boolean {
      return true;
    }
  }
  const view = new TransportSocket(new Full());
  t.is(view.dup(), copy as SocketLike);
  t.true(view.getInheritable());
});

test('a view neither blocks nor gets a timeout', (t) => {
  const view = new TransportSocket(new FakeSocket());
  view.settimeout(0);
  view.setblocking(false);
  t.is(view.gettimeout(), 0);
  t.throws(() => view.settimeout(0.5), { instanceOf: ValueError, message: /settimeout/ });
  t.throws(() => view.setblocking(true), { instanceOf: ValueError, message: /setblocking/ });
});

test('_setNodelay sets the option of TCP sockets only', (t) => {
  for (const [family, type, proto, sets] of [
    [AF_INET, SOCK_STREAM, IPPROTO_TCP, true],
    [AF_INET6, SOCK_STREAM, IPPROTO_TCP, true],
    [AF_INET, SOCK_STREAM, 0, true],
    [AF_UNIX, SOCK_STREAM, 0, false],
    [AF_INET, SOCK_DGRAM, IPPROTO_UDP, false],
    [AF_INET, SOCK_STREAM, 132, false],
  ] as const) {
    const socket = new FakeSocket(family, type, proto);
    _setNodelay(socket);
    t.deepEqual(socket.log, sets ? [['setsockopt', IPPROTO_TCP, TCP_NODELAY, 1]] : []);
  }
});

test('_setReuseport says it when the system refuses', (t) => {
  const socket = new FakeSocket();
  _setReuseport(socket);
  t.deepEqual(socket.log, [['setsockopt', SOL_SOCKET, SO_REUSEPORT, 1]]);
  socket.refusing = true;
  const error = t.throws(() => _setReuseport(socket), { instanceOf: ValueError, message: /reusePort/ });
  t.true(error.cause instanceof OSError);
});

test("asyncio's constants", (t) => {
  t.is(ACCEPT_RETRY_DELAY, 1);
  t.is(LOG_THRESHOLD_FOR_CONNLOST_WRITES, 5);
});
