import test from 'ava';
import { ConnectionAbortedError } from 'miolo/base';
import { PortProtocolError } from 'miolo/browser';
import { SeededRandom } from 'miolo/testing';
import { inLoop, withRawPeer } from './support.js';

const five = (): ArrayBuffer => new TextEncoder().encode('hello').slice().buffer;
const data = (at: unknown, bytes: unknown): object => ({ miolo: 'data', at, bytes });

const CASES: readonly (readonly [what: string, ...messages: unknown[]])[] = [
  ['a string', 'hello'],
  ['null', null],
  ['undefined', undefined],
  ['a number', 5],
  ['an array', [1, 2]],
  ['a map', new Map([['miolo', 'data']])],
  ['an object of another make', { type: 'data' }],
  ['an unknown kind', { miolo: 'hello' }],
  ['a kind that is no string', { miolo: { toString: 'data' } }],
  ['bytes without a position', { miolo: 'data', bytes: five() }],
  ['bytes at a position that is none', data('0', five())],
  ['bytes at a negative position', data(-1, five())],
  ['bytes at NaN', data(Number.NaN, five())],
  ['bytes that are a view', data(0, new Uint8Array(5))],
  ['bytes that are shared', data(0, new SharedArrayBuffer(5))],
  ['bytes that are text', data(0, 'hello')],
  ['no bytes', data(0, new ArrayBuffer(0))],
  ['more bytes than a message has', data(0, new ArrayBuffer(256 * 1024 + 1))],
  ['bytes that come too early', data(5, five())],
  ['bytes that come twice', data(0, five()), data(0, five())],
  ['bytes after the end', { miolo: 'eof', at: 0 }, data(0, five())],
  ['an end in the wrong place', { miolo: 'eof', at: 1 }],
  ['an end without a place', { miolo: 'eof' }],
  ['two ends', { miolo: 'eof', at: 0 }, { miolo: 'eof', at: 0 }],
  ['an acknowledgement of nothing', { miolo: 'ack', upTo: 0 }],
  ['an acknowledgement of what was not sent', { miolo: 'ack', upTo: 3 }],
  ['an acknowledgement taken back', { miolo: 'ack', upTo: 2 }, { miolo: 'ack', upTo: 1 }],
  ['an acknowledgement of no number', { miolo: 'ack', upTo: 'all' }],
  ['an acknowledgement of a part', { miolo: 'ack', upTo: 0.5 }],
  ["a lock of the program's own", { miolo: 'life', lock: 'settings' }],
];

for (const [what, ...messages] of CASES) {
  test.serial(`${what} on a port ends the connection with a typed error`, async (t) => {
    await inLoop(function* (loop) {
      const [near, peer] = yield* withRawPeer(loop);
      near.keepOpen = true;
      near.transport.write('ab');
      for (const message of messages) peer.send(message);
      peer.send('whatever comes later');
      yield* near.lost;
      t.true(near.error instanceof PortProtocolError, String(near.error));
      t.true(near.error instanceof ConnectionAbortedError);
      t.is(near.log.at(-1), 'lost');
      const closed = loop.createFuture<void>();
      peer.port.addEventListener('close', () => closed.setResult());
      yield* closed;
      t.true(peer.has('gone'));
    });
  });
}

test.serial('messages in any order neither crash nor hang', async (t) => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SeededRandom(seed);
    const kinds: readonly (() => unknown)[] = [
      () => data(random.below(3) * 5, five()),
      () => ({ miolo: 'ack', upTo: random.below(4) }),
      () => ({ miolo: 'eof', at: random.below(3) * 5 }),
      () => ({ miolo: 'stop' }),
      () => ({ miolo: 'gone' }),
      () => ({ miolo: random.below(9) }),
    ];
    await inLoop(function* (loop) {
      const [near, peer] = yield* withRawPeer(loop);
      near.keepOpen = true;
      near.transport.write('ab');
      for (let left = random.below(8); left > 0; left--) {
        peer.send(kinds[random.below(kinds.length)]!());
        if (random.below(3) === 0) yield;
        if (random.below(9) === 0) near.transport.pauseReading();
        if (random.below(9) === 0) near.transport.resumeReading();
        if (random.below(9) === 0) near.transport.close();
      }
      near.transport.resumeReading();
      peer.port.close();
      if (random.below(2) === 0) near.transport.close();
      yield* near.lost;
      t.is(near.log.filter((line) => line === 'lost').length, 1, `seed ${seed}`);
    });
  }
});
