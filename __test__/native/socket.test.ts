import test from 'ava';
import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  BlockingIOError,
  BrokenPipeError,
  ConnectionRefusedError,
  IPPROTO_TCP,
  IPPROTO_UDP,
  MSG_CTRUNC,
  MSG_PEEK,
  MSG_TRUNC,
  MioEventLoop,
  OSError,
  RuntimeError,
  SHUT_WR,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_RCVBUF,
  SO_REUSEADDR,
  Socket,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  ValueError,
  run,
  socketpair,
} from 'miolo';
import * as miolo from 'miolo';
import type { Address, Coroutine, TransportSocket } from 'miolo';
import { ROOT, Recorder, portOf, serve, theLoop } from '../helpers.js';

const bytes = (text: string): Buffer => Buffer.from(text);

/** A listening socket, and its port. */
function listening(): [Socket, number] {
  const sock = new Socket(AF_INET, SOCK_STREAM);
  sock.bind(['127.0.0.1', 0]);
  sock.listen();
  return [sock, (sock.getsockname() as readonly [string, number])[1]];
}

/** A datagram socket of 127.0.0.1. */
function datagram(): Socket {
  const sock = new Socket(AF_INET, SOCK_DGRAM);
  sock.bind(['127.0.0.1', 0]);
  return sock;
}

function code(fn: () => unknown): string | undefined {
  try {
    fn();
  } catch (error) {
    return (error as OSError).code;
  }
  return undefined;
}

test('a pair of sockets carries bytes both ways and ends with an empty read', (t) => {
  const [one, other] = socketpair();
  t.deepEqual([one.family, one.type, one.proto], [AF_UNIX, SOCK_STREAM, 0]);
  t.is(one.send(bytes('to other')), 8);
  t.is(other.send(bytes('to one')), 6);
  t.is(other.recv(100).toString(), 'to other');
  t.is(one.recv(2).toString(), 'to');
  const memory = new Uint8Array(10);
  t.is(one.recvInto(memory, 3), 3);
  t.is(Buffer.from(memory).toString('latin1'), ` on${'\0'.repeat(7)}`);
  t.is(one.recvInto(memory), 1);
  one.shutdown(SHUT_WR);
  t.is(other.recv(1).length, 0);
  t.throws(() => one.send(bytes('x')), { instanceOf: BrokenPipeError });
  one.close();
  other.close();
});

test('what would have to wait is a BlockingIOError', (t) => {
  const [one, other] = socketpair();
  t.throws(() => one.recv(1), { instanceOf: BlockingIOError, code: 'EAGAIN' });
  t.throws(() => one.recvmsg(1), { instanceOf: BlockingIOError });
  t.throws(
    () => {
      for (;;) one.send(Buffer.alloc(65536));
    },
    { instanceOf: BlockingIOError },
  );
  const [listener, port] = listening();
  t.throws(() => listener.accept(), { instanceOf: BlockingIOError });
  const client = new Socket(AF_INET, SOCK_STREAM);
  t.throws(() => client.connect(['127.0.0.1', port]), { instanceOf: BlockingIOError, code: 'EINPROGRESS' });
  t.is(one.gettimeout(), 0);
  one.setblocking(false);
  t.throws(() => one.setblocking(true), { instanceOf: ValueError });
  for (const sock of [one, other, listener, client]) sock.close();
});

test('received bytes are safe to keep: later receives do not change them', (t) => {
  const [one, other] = socketpair();
  const kept: Buffer[] = [];
  for (let at = 0; at < 40; at++) {
    one.send(Buffer.alloc(at * 200 + 1, at));
    kept.push(other.recv(65536));
  }
  kept.forEach((data, at) => t.true(data.length === at * 200 + 1 && data.every((byte) => byte === at)));
  one.close();
  other.close();
});

test('a connection is accepted with its peer, whose address stays known when it is gone', (t) => {
  const [listener, port] = listening();
  const client = new Socket();
  t.is(
    code(() => client.connect(['127.0.0.1', port])),
    'EINPROGRESS',
  );
  const [server, peer] = listener.accept();
  t.deepEqual(peer, client.getsockname());
  t.deepEqual(server.getpeername(), peer);
  t.deepEqual(client.getpeername(), ['127.0.0.1', port]);
  t.deepEqual([server.family, server.type], [AF_INET, SOCK_STREAM]);
  client.setsockopt(SOL_SOCKET, SO_LINGER, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]));
  client.close();
  t.deepEqual(server.getpeername(), peer);
  server.close();
  listener.close();
});

test('datagrams keep their borders and say whom they are from', (t) => {
  const one = datagram();
  const other = datagram();
  t.is(one.sendto(bytes('first'), other.getsockname()), 5);
  t.is(one.sendto(bytes('second'), other.getsockname()), 6);
  t.deepEqual(other.recvfrom(100), [bytes('first'), one.getsockname()]);
  const memory = new Uint8Array(3);
  t.deepEqual(other.recvfromInto(memory), [3, one.getsockname()]);
  t.is(Buffer.from(memory).toString(), 'sec');
  one.sendto(bytes('whole'), other.getsockname());
  t.is(other.recv(2, MSG_PEEK | MSG_TRUNC).toString(), 'wh', 'no memory beyond what was received is shown');
  const message = other.recvmsg(2);
  t.deepEqual(message, { data: bytes('wh'), fds: [], flags: MSG_TRUNC, address: one.getsockname() });
  one.connect(other.getsockname());
  one.send(bytes('connected'));
  t.is(other.recv(100).toString(), 'connected');
  one.close();
  other.close();
});

test('IPv6 addresses have flow information and a scope', (t) => {
  const one = new Socket(AF_INET6, SOCK_DGRAM);
  one.bind(['::1', 0]);
  const [host, port, flow, scope] = one.getsockname() as readonly [string, number, number, number];
  t.deepEqual([host, flow, scope], ['::1', 0, 0]);
  const other = new Socket(AF_INET6, SOCK_DGRAM);
  other.sendto(bytes('x'), ['::1', port, 0, 0]);
  t.is(one.recv(9).toString(), 'x');
  one.close();
  other.close();
});

test('Unix sockets have paths and abstract names, and datagrams between them', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-'));
  const path = join(folder, 'a.sock');
  const one = new Socket(AF_UNIX, SOCK_DGRAM);
  one.bind(path);
  t.is(one.getsockname(), path);
  t.true(fstatSync(one.fileno()).isSocket());
  const other = new Socket(AF_UNIX, SOCK_DGRAM);
  t.is(other.getsockname(), '');
  const name = `\0miolo-test-${process.pid}`;
  other.bind(name);
  t.is(other.getsockname(), name);
  other.sendto(bytes('by path'), path);
  t.deepEqual(one.recvfrom(100), [bytes('by path'), name]);
  one.sendto(bytes('by name'), name);
  t.deepEqual(other.recvfrom(100), [bytes('by name'), path]);
  t.throws(() => new Socket(AF_UNIX, SOCK_DGRAM).bind(path), { code: 'EADDRINUSE' });
  one.close();
  other.close();
  rmSync(folder, { recursive: true });
});

test('descriptors travel over Unix sockets, to connected peers and to addresses', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-'));
  const file = openSync(join(folder, 'file'), 'w+');
  writeSync(file, 'contents');
  const [one, other] = socketpair();
  t.is(one.sendmsg([bytes('with '), bytes('two')], { fds: [file, file] }), 8);
  const message = other.recvmsg(100, { maxFds: 4 });
  t.is(message.data.toString(), 'with two');
  t.is(message.fds.length, 2);
  t.false(message.fds.includes(file));
  const memory = Buffer.alloc(8);
  readSync(message.fds[0]!, memory, 0, 8, 0);
  t.is(memory.toString(), 'contents');
  for (const fd of message.fds) closeSync(fd);

  one.sendmsg([bytes('x')], { fds: [file, file, file] });
  const none = other.recvmsg(1);
  t.deepEqual([none.fds, none.flags & MSG_CTRUNC], [[], MSG_CTRUNC], 'nothing is left open');

  one.sendmsg([bytes('x')], { fds: [file, file, file] });
  const some = other.recvmsg(1, { maxFds: 1 });
  t.deepEqual([some.fds.length, some.flags & MSG_CTRUNC], [1, MSG_CTRUNC]);
  closeSync(some.fds[0]!);

  const path = join(folder, 'd.sock');
  const receiver = new Socket(AF_UNIX, SOCK_DGRAM);
  receiver.bind(path);
  const sender = new Socket(AF_UNIX, SOCK_DGRAM);
  sender.sendmsg([bytes('to a path')], { fds: [file], address: path });
  const [fd] = receiver.recvmsg(100, { maxFds: 1 }).fds;
  t.is(fstatSync(fd!).ino, fstatSync(file).ino);
  closeSync(fd!);
  t.throws(() => one.sendmsg([bytes('x')], { fds: [1_000_000] }), { code: 'EBADF' });
  t.throws(() => one.sendmsg([bytes('x')], { fds: [-1] }), { instanceOf: RangeError, message: /fds/ });
  closeSync(file);
  for (const sock of [one, other, receiver, sender]) sock.close();
  rmSync(folder, { recursive: true });
});

test('options are set and read by number, as integers and as bytes', (t) => {
  const sock = new Socket();
  sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
  t.is(sock.getsockopt(SOL_SOCKET, SO_REUSEADDR), 1);
  sock.setsockopt(SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, 7]).buffer));
  t.deepEqual(
    new Int32Array(new Uint8Array(sock.getsockopt(SOL_SOCKET, SO_LINGER, 8)).buffer),
    new Int32Array([1, 7]),
  );
  t.throws(() => sock.setsockopt(IPPROTO_TCP, 9999, 1), { instanceOf: OSError, code: 'ENOPROTOOPT' });
  t.throws(() => sock.getsockopt(IPPROTO_TCP, 9999), { code: 'ENOPROTOOPT' });
  t.throws(() => sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 'yes' as never), { instanceOf: TypeError });
  sock.close();
});

test('options are set and read by name', (t) => {
  const sock = new Socket();
  sock.nodelay = true;
  t.true(sock.nodelay);
  sock.setKeepalive(true, { idle: 61, interval: 11, count: 4 });
  t.true(sock.keepalive);
  t.is(sock.getsockopt(SOL_SOCKET, SO_KEEPALIVE), 1);
  t.is(sock.getsockopt(IPPROTO_TCP, TCP_KEEPIDLE), 61);
  t.is(sock.getsockopt(IPPROTO_TCP, TCP_KEEPCNT), 4);
  sock.userTimeout = 2.5;
  t.is(sock.userTimeout, 2.5);
  sock.reusePort = true;
  sock.reuseAddress = true;
  t.true(sock.reusePort && sock.reuseAddress);
  const before = sock.receiveBufferSize;
  sock.receiveBufferSize = 4 * before;
  sock.sendBufferSize = 65536;
  t.true(sock.receiveBufferSize > before);
  t.true(sock.sendBufferSize >= 65536);
  sock.bindToDevice('lo');
  t.is(sock.boundDevice(), 'lo');
  t.throws(() => sock.bindToDevice('there-is-none'), { code: 'ENODEV' });
  t.throws(() => sock.bindToDevice('x'.repeat(16)), { instanceOf: ValueError });
  t.throws(() => (sock.nodelay = 1 as never), { instanceOf: TypeError, message: /nodelay/ });
  t.throws(() => sock.setKeepalive(true, { idle: 0 }), { instanceOf: RangeError, message: /idle/ });
  t.throws(() => (sock.userTimeout = -1), { instanceOf: RangeError });
  t.throws(() => (sock.sendBufferSize = 1.5), { instanceOf: TypeError });
  const six = new Socket(AF_INET6);
  six.v6only = true;
  t.true(six.v6only);
  sock.close();
  six.close();
});

test('a multicast group is joined by interface and left again', (t) => {
  const receiver = new Socket(AF_INET, SOCK_DGRAM);
  receiver.bind(['', 0]);
  const group = '239.255.77.66';
  receiver.joinMulticast(group, '127.0.0.1');
  t.throws(() => receiver.joinMulticast(group, '127.0.0.1'), { code: 'EADDRINUSE' });
  const sender = new Socket(AF_INET, SOCK_DGRAM);
  sender.bind(['127.0.0.1', 0]);
  sender.setsockopt(0, 32, new Uint8Array([127, 0, 0, 1]));
  sender.multicastHops = 1;
  sender.multicastLoop = true;
  t.is(sender.multicastHops, 1);
  t.true(sender.multicastLoop);
  sender.sendto(bytes('to the group'), [group, (receiver.getsockname() as readonly [string, number])[1]]);
  t.is(receiver.recv(100).toString(), 'to the group');
  receiver.leaveMulticast(group, '127.0.0.1');
  receiver.joinMulticast(group, 'lo');
  receiver.leaveMulticast(group, 'lo');
  t.throws(() => receiver.leaveMulticast(group, 'lo'), { code: 'EADDRNOTAVAIL' });
  t.throws(() => receiver.joinMulticast(group, 'there-is-none'), { code: 'ENODEV' });
  t.throws(() => receiver.joinMulticast('ff02::1'), { instanceOf: ValueError, message: /group/ });
  const six = new Socket(AF_INET6, SOCK_DGRAM);
  six.joinMulticast('ff02::4242', 'lo');
  six.leaveMulticast('ff02::4242', 'lo');
  for (const sock of [receiver, sender, six]) sock.close();
});

test('a descriptor has one owner: fromFd takes it, detach and dup give one away, close is harmless twice', (t) => {
  const [one, other] = socketpair();
  const fd = one.detach();
  t.is(one.fileno(), -1);
  t.is(one.detach(), -1);
  one.close();
  const again = Socket.fromFd(fd);
  t.deepEqual([again.fileno(), again.family, again.type], [fd, AF_UNIX, SOCK_STREAM]);
  const copy = again.dup();
  t.not(copy.fileno(), fd);
  again.close();
  again.close();
  t.is(copy.send(bytes('still open')), 10);
  t.is(other.recv(100).toString(), 'still open');
  const udp = datagram();
  const same = new Socket(-1, -1, -1, udp.detach());
  t.deepEqual([same.family, same.type, same.proto], [AF_INET, SOCK_DGRAM, IPPROTO_UDP]);
  same.close();
  const file = openSync(process.execPath, 'r');
  t.throws(() => Socket.fromFd(file), { code: 'ENOTSOCK' });
  closeSync(file);
  t.throws(() => Socket.fromFd(1_000_000), { code: 'EBADF' });
  t.throws(() => Socket.fromFd(-1), { instanceOf: ValueError });
  t.throws(() => Socket.fromFd('3' as never), { instanceOf: TypeError });
  copy.close();
  other.close();
});

test('a program that is started gets the descriptor only if it may', (t) => {
  const [one, other] = socketpair();
  one.send(bytes('for the child'));
  one.shutdown(SHUT_WR);
  const read = ['-e', `process.stdout.write(fs.readFileSync(${other.fileno()}))`];
  t.false(other.getInheritable());
  t.throws(() => execFileSync(process.execPath, read, { stdio: ['ignore', 'pipe', 'ignore'] }));
  other.setInheritable(true);
  t.true(other.getInheritable());
  t.is(execFileSync(process.execPath, read).toString(), 'for the child');
  other.setInheritable(false);
  t.false(other.getInheritable());
  one.close();
  other.close();
});

test('a closed socket says so at every call', (t) => {
  const sock = new Socket();
  sock.close();
  const calls: (() => unknown)[] = [
    () => sock.bind(['127.0.0.1', 0]),
    () => sock.listen(),
    () => sock.accept(),
    () => sock.connect(['127.0.0.1', 1]),
    () => sock.recv(1),
    () => sock.recvInto(new Uint8Array(1)),
    () => sock.recvfrom(1),
    () => sock.recvmsg(1),
    () => sock.send(bytes('x')),
    () => sock.sendto(bytes('x'), ['127.0.0.1', 1]),
    () => sock.sendmsg([bytes('x')]),
    () => sock.shutdown(SHUT_WR),
    () => sock.dup(),
    () => sock.getInheritable(),
    () => sock.getsockname(),
    () => sock.getpeername(),
    () => sock.nodelay,
  ];
  for (const call of calls) t.is(code(call), 'EBADF', String(call));
  t.is(sock.fileno(), -1);
});

test('a malformed address is refused at the call, by name', (t) => {
  const tcp = new Socket();
  const six = new Socket(AF_INET6);
  const unix = new Socket(AF_UNIX);
  const cases: [Socket, unknown, new (...args: never[]) => Error, RegExp][] = [
    [tcp, ['127.0.0.1', 65536], RangeError, /port/],
    [tcp, ['127.0.0.1', -1], RangeError, /port/],
    [tcp, ['127.0.0.1', 1.5], TypeError, /port/],
    [tcp, ['127.0.0.1', '80'], TypeError, /port/],
    [tcp, ['127.0.0\0.1', 80], ValueError, /NUL/],
    [tcp, ['localhost', 80], ValueError, /IPv4.*getaddrinfo/],
    [tcp, ['::1', 80], ValueError, /IPv4/],
    [tcp, ['127.0.0.1', 80, 0, 0], TypeError, /\[host, port\]/],
    [tcp, '/tmp/path', TypeError, /\[host, port\]/],
    [tcp, null, TypeError, /null/],
    [six, ['127.0.0.1', 80], ValueError, /IPv6/],
    [six, ['::1', 80, -1], RangeError, /flow/],
    [six, ['::1', 80, 0, 2 ** 32], RangeError, /scope/],
    [unix, ['127.0.0.1', 80], TypeError, /path/],
    [unix, 'a\0b', ValueError, /NUL/],
    [unix, 'x'.repeat(108), ValueError, /108 bytes, 107/],
  ];
  for (const [sock, address, instanceOf, message] of cases) {
    t.throws(() => sock.bind(address as Address), { instanceOf, message });
    t.throws(() => sock.connect(address as Address), { instanceOf, message });
  }
  const udp = datagram();
  t.throws(() => udp.sendto(bytes('x'), ['127.0.0.1', 65536]), { instanceOf: RangeError });
  t.throws(() => new Socket('x' as never), { instanceOf: TypeError, message: /family/ });
  t.throws(() => new Socket(9999), { code: 'EAFNOSUPPORT' });
  for (const sock of [tcp, six, unix, udp]) sock.close();
});

test('numbers beyond 32 bits are refused by name, and never taken for what they would wrap around to', async (t) => {
  const wrap = 2 ** 32;
  const [one, other] = socketpair();
  const wrong: [() => unknown, RegExp][] = [
    [() => Socket.fromFd(wrap + one.fileno()), /fileno/],
    [() => new Socket(wrap + AF_INET), /family/],
    [() => new Socket(AF_INET, wrap + SOCK_STREAM), /type/],
    [() => one.getsockopt(wrap + SOL_SOCKET, SO_RCVBUF), /level/],
    [() => one.setsockopt(SOL_SOCKET, wrap + SO_RCVBUF, 1), /name/],
    [() => one.setsockopt(SOL_SOCKET, SO_RCVBUF, wrap + 20_000), /value/],
    [() => one.send(bytes('x'), wrap), /flags/],
    [() => other.recv(1, -wrap), /flags/],
  ];
  for (const [call, message] of wrong) t.throws(call, { instanceOf: RangeError, message });
  const loop = new MioEventLoop();
  t.throws(() => loop.addReader(wrap + one.fileno(), () => {}), { instanceOf: ValueError, message: /fd/ });
  t.throws(() => loop.removeWriter(wrap + one.fileno()), { instanceOf: ValueError, message: /fd/ });
  const lookup = loop.runUntilComplete(loop.getaddrinfo('localhost', 1, { flags: 2 * wrap }));
  await t.throwsAsync(lookup, { instanceOf: RangeError, message: /flags/ });
  loop.close();
  one.close();
  other.close();
});

test('memory that cannot be used is refused at the call, by name', (t) => {
  const [one, other] = socketpair();
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  one.send(bytes('some bytes'));
  const wrong: [unknown, RegExp][] = [
    ['text', /must be a Uint8Array/],
    [null, /must be a Uint8Array/],
    [detached, /detached/],
    [new Uint8Array(new SharedArrayBuffer(8)), /shared/],
  ];
  for (const [value, message] of wrong) {
    t.throws(() => other.recvInto(value as never), { instanceOf: TypeError, message });
    t.throws(() => one.send(value as never), { instanceOf: TypeError, message });
    t.throws(() => one.sendmsg([value as never]), { instanceOf: TypeError, message });
  }
  t.throws(() => other.recv(-1), { instanceOf: ValueError, message: /bufsize/ });
  t.throws(() => other.recv(1.5), { instanceOf: TypeError });
  t.throws(() => other.recvInto(new Uint8Array(4), 5), { instanceOf: ValueError, message: /nbytes/ });
  t.throws(() => one.shutdown(7), { instanceOf: ValueError, message: /how/ });
  t.is(other.recv(100).toString(), 'some bytes', 'nothing was lost');
  one.send(bytes('x'));
  t.is(other.recvInto(new Uint8Array(0)), 0);
  one.close();
  other.close();
});

test('a refused connection to a Unix path is told at once', (t) => {
  const sock = new Socket(AF_UNIX);
  t.throws(() => sock.connect(join(tmpdir(), 'miolo-nobody-here.sock')), { code: 'ENOENT' });
  const folder = mkdtempSync(join(tmpdir(), 'miolo-'));
  const path = join(folder, 'dead.sock');
  const bound = new Socket(AF_UNIX);
  bound.bind(path);
  t.throws(() => sock.connect(path), { instanceOf: ConnectionRefusedError });
  sock.close();
  bound.close();
  rmSync(folder, { recursive: true });
});

test('a socket that a transport owns is a view: options work, sending and closing are not its own', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const server = yield* serve(() => new Recorder());
      const sock = new Socket();
      yield* theLoop().sockConnect(sock, ['127.0.0.1', portOf(server)]);
      const [transport, protocol] = yield* theLoop().createConnection(() => new Recorder(), null, null, {
        sock,
      });
      const view = transport.getExtraInfo('socket') as TransportSocket;
      t.is(view.fileno(), sock.fileno());
      const second = view.dup() as Socket;
      t.deepEqual(second.getpeername(), view.getpeername());
      second.close();
      t.true(sock.nodelay);
      sock.setKeepalive(true);
      t.true(sock.keepalive);
      t.true(sock.fileno() > 2);
      const copy = sock.dup();
      t.deepEqual(copy.getpeername(), sock.getpeername());
      copy.close();
      for (const call of [() => sock.recv(1), () => sock.send(bytes('x')), () => sock.detach()]) {
        t.throws(call, { instanceOf: RuntimeError, message: /belongs to a transport/ });
      }
      sock.close();
      t.false(transport.isClosing());
      // The peer is told, past the transport, and answers.
      view.shutdown(SHUT_WR);
      yield* protocol.lost;
      t.is(sock.fileno(), -1);
      t.is(
        code(() => sock.nodelay),
        'EBADF',
      );
      server.close();
    })(),
  );
});

test('the numbers of base are those of this platform', async (t) => {
  const { addon } = (await import(join(ROOT, 'dist/native/addon.js'))) as {
    addon: () => { socketConstants: () => Record<string, number> };
  };
  const numbers = addon().socketConstants();
  const ours = miolo as unknown as Record<string, number>;
  for (const [name, value] of Object.entries(numbers)) t.is(ours[name], value, name);
  miolo.setSocketConstants(numbers);
  for (const [name, value] of Object.entries(ours)) {
    if (/^(AF|SO|SOL|TCP|IP|IPV6|MSG|AI|NI)_/.test(name)) t.not(value, -1, name);
  }
});
