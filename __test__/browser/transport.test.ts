import test from 'ava';
import {
  BrokenPipeError,
  ConnectionResetError,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
} from 'miolo/base';
import type { Coroutine, Future } from 'miolo/base';
import { PortSocket } from 'miolo/browser';
import { connect, inLoop, pair, until, withRawPeer } from './support.js';

test.serial('bytes wait until the peer has acknowledged them', async (t) => {
  await inLoop(function* (loop) {
    const [near, peer] = yield* withRawPeer(loop);
    near.transport.write(new Uint8Array(60_000));
    near.transport.write(new Uint8Array(10_000));
    t.deepEqual(near.log, ['made', 'pause']);
    yield* until(() => peer.received.length === 2);
    t.is(near.transport.getWriteBufferSize(), 70_000, 'that they have arrived does not count');
    peer.send({ miolo: 'ack', upTo: 50_000 });
    yield* until(() => near.transport.getWriteBufferSize() === 20_000);
    yield;
    yield;
    t.deepEqual(near.log, ['made', 'pause'], 'above the low mark');
    peer.send({ miolo: 'ack', upTo: 60_000 });
    yield* until(() => near.log.length === 3);
    t.deepEqual([near.log, near.transport.getWriteBufferSize()], [['made', 'pause', 'resume'], 10_000]);
    near.transport.abort();
    yield* near.lost;
    peer.port.close();
  });
});

test.serial('a transport that does not read acknowledges nothing', async (t) => {
  await inLoop(function* (loop) {
    const [near, peer] = yield* withRawPeer(loop);
    near.transport.pauseReading();
    peer.sendText(0, 'hello');
    peer.send({ miolo: 'eof', at: 5 });
    // Its answer to something else shows that it has seen the rest.
    near.transport.write('x');
    yield* until(() => peer.has('data'));
    peer.send({ miolo: 'ack', upTo: 1 });
    yield* until(() => near.transport.getWriteBufferSize() === 0);
    t.deepEqual([near.log, peer.has('ack')], [['made'], false]);
    near.transport.resumeReading();
    yield* near.lost;
    t.deepEqual([near.text, near.log], ['hello', ['made', 'data', 'eof', 'lost']]);
    yield* until(() => peer.has('gone'));
    t.deepEqual(
      peer.received.map(({ miolo }) => miolo),
      ['data', 'ack', 'gone'],
    );
    peer.port.close();
  });
});

test.serial('small messages that came together are delivered, and acknowledged, as one', async (t) => {
  await inLoop(function* (loop) {
    const [near, peer] = yield* withRawPeer(loop);
    near.transport.pauseReading();
    for (let at = 0; at < 100; at++) peer.sendText(at, String(at % 10));
    peer.send({ miolo: 'eof', at: 100 });
    near.transport.write('x');
    yield* until(() => peer.has('data'));
    peer.send({ miolo: 'ack', upTo: 1 });
    yield* until(() => near.transport.getWriteBufferSize() === 0);
    near.transport.resumeReading();
    yield* near.lost;
    t.deepEqual([near.text, near.log], ['0123456789'.repeat(10), ['made', 'data', 'eof', 'lost']]);
    yield* until(() => peer.has('gone'));
    t.is(peer.received.filter(({ miolo }) => miolo === 'ack').length, 1);
    peer.port.close();
  });
});

test.serial(
  'both ends may close while bytes wait in both directions: these are lost, and both are told',
  async (t) => {
    await inLoop(function* (loop) {
      const [near, far] = yield* pair(loop);
      for (const { transport } of [near, far]) {
        transport.pauseReading();
        transport.write('never read');
        transport.close();
      }
      yield* near.lost;
      yield* far.lost;
      for (const { log, error } of [near, far]) {
        t.deepEqual(log, ['made', 'lost']);
        t.true(error instanceof ConnectionResetError);
      }
    });
  },
);

test.serial(
  'what a peer sends before it closes is delivered, then that it did not read everything',
  async (t) => {
    await inLoop(function* (loop) {
      const [near, far] = yield* pair(loop);
      near.keepOpen = true;
      far.transport.pauseReading();
      near.transport.write('never read');
      far.transport.write('refused');
      far.transport.close();
      yield* near.lost;
      yield* far.lost;
      t.deepEqual([near.text, near.log], ['refused', ['made', 'data', 'eof', 'lost']]);
      t.true(near.error instanceof ConnectionResetError);
      t.deepEqual([far.log, far.error], [['made', 'lost'], null]);
    });
  },
);

test.serial('a write to a peer that has closed is a broken pipe', async (t) => {
  await inLoop(function* (loop) {
    const [near, far] = yield* pair(loop);
    near.keepOpen = true;
    far.transport.close();
    yield* until(() => near.log.includes('eof'));
    t.false(near.transport.isClosing());
    near.transport.write('too late');
    yield* near.lost;
    t.true(near.error instanceof BrokenPipeError);
    t.deepEqual(near.log, ['made', 'eof', 'lost']);
  });
});

test.serial('a port that vanishes is a reset, after what it had sent', async (t) => {
  await inLoop(function* (loop) {
    const [near, peer] = yield* withRawPeer(loop);
    peer.sendText(0, 'last words');
    peer.port.close();
    yield* near.lost;
    t.deepEqual([near.text, near.log], ['last words', ['made', 'data', 'lost']]);
    t.true(near.error instanceof ConnectionResetError);
  });
});

test.serial('one that vanishes before there is a transport, too', async (t) => {
  await inLoop(function* (loop) {
    const { port1, port2 } = new MessageChannel();
    const sock = new PortSocket(port1);
    const closed = loop.createFuture<void>();
    port1.addEventListener('close', () => closed.setResult());
    port2.close();
    // Nothing else keeps Node waiting for the event.
    loop._hold();
    yield* closed;
    loop._release();
    const [, near] = yield* loop.createConnection(
      () => new StreamReaderProtocol(new StreamReader()),
      null,
      null,
      { sock },
    );
    t.true((yield* failure(near._getCloseWaiter(null))) instanceof ConnectionResetError);
  });
});

/** What waiting fails with. */
function* failure(awaited: Coroutine<unknown> | Future<unknown>): Coroutine<unknown> {
  try {
    yield* awaited;
  } catch (error) {
    return error;
  }
  return null;
}

test.serial('who waits for room is let go when nobody is left to make any', async (t) => {
  for (const end of ['closes', 'vanishes'] as const) {
    await inLoop(function* (loop) {
      const { port1, port2 } = new MessageChannel();
      const reader = new StreamReader();
      const protocol = new StreamReaderProtocol(reader);
      const [transport] = yield* loop.createConnection(() => protocol, null, null, {
        sock: new PortSocket(port1),
      });
      const writer = new StreamWriter(transport, protocol, reader, loop);
      const far = yield* connect(loop, port2);
      far.transport.pauseReading();
      writer.write(new Uint8Array(1_000_000));
      const drained = loop.createTask(failure(writer.drain()));
      yield;
      if (end === 'closes') far.transport.abort();
      else port2.close();
      yield* drained;
      writer.close();
      t.true((yield* failure(writer.waitClosed())) instanceof ConnectionResetError, end);
      if (end === 'vanishes') far.transport.abort();
    });
  }
});

test.serial('memory of other makes is copied: shared, pooled, a part of something', async (t) => {
  await inLoop(function* (loop) {
    const [near, far] = yield* pair(loop);
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set([97, 98, 99]);
    const pooled = Buffer.from('def');
    near.transport.write(shared);
    near.transport.write(pooled);
    near.transport.write(new TextEncoder().encode('..ghi..').subarray(2, 5));
    shared.fill(0);
    pooled.fill(0);
    near.transport.close();
    yield* far.lost;
    t.is(far.text, 'abcdefghi');
  });
});

test.serial('a transport knows its socket and the names that it was given', async (t) => {
  await inLoop(function* (loop) {
    const { port1, port2 } = new MessageChannel();
    const [transport] = yield* loop.createConnection(
      () => new StreamReaderProtocol(new StreamReader()),
      null,
      null,
      {
        sock: new PortSocket(port1, 'here', 'there'),
      },
    );
    t.is(transport.getExtraInfo('sockname'), 'here');
    t.is(transport.getExtraInfo('peername'), 'there');
    t.is((transport.getExtraInfo('socket') as { fileno(): number }).fileno(), -1);
    t.is(String(transport), '<PortTransport <PortSocket "here" to "there"> open>');
    transport.abort();
    t.regex(String(transport), /closed>$/);
    port2.close();
    yield;
  });
  t.throws(() => new PortSocket({} as never), { instanceOf: TypeError });
});
