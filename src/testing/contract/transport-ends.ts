/** How a connection ends. */
import { RuntimeError, sleep } from '../../base/index.ts';
import type { Coroutine, Transport } from '../../base/index.ts';
import { type Pairs, type Recording, type TransportSpec, counting, firstWrong } from './transport-pair.ts';
import { fill } from './transport-flow.ts';

/** Does not read. */
const DEAF = { made: (transport: Transport): void => transport.pauseReading() };

/** Bytes that wait for a connection whose buffers are full. */
const MARGIN = 1 << 20;

/** Writes that are dropped silently before the log is told. */
const SILENT = 4;

export const ENDS: readonly TransportSpec[] = [
  {
    name: 'connectionLost comes once, with null, after close() has returned',
    rule: 'connection_lost comes exactly once, never inside of close(); after close() with None',
    *body(pairs) {
      const [near, far] = yield* pairs.connect();
      near.transport.close();
      pairs.bench.same(near.log, ['made'], 'what the protocol was told inside of close()');
      pairs.bench.same(near.transport.isClosing(), true, 'isClosing()');
      near.transport.close();
      yield* pairs.bench.until(() => near.isLost, 'connectionLost');
      near.transport.close();
      near.transport.abort();
      yield* pairs.bench.turns(5);
      pairs.bench.same([near.log, near.error], [['made', 'lost'], null], 'what the protocol was told');
      yield* pairs.bench.until(() => far.isLost, "the peer's connectionLost");
      pairs.bench.same([far.log, far.error], [['made', 'eof', 'lost'], null], 'what the peer was told');
    },
  },
  {
    name: 'connectionLost comes once, with null, in the turn after abort()',
    rule: 'after abort() connection_lost comes in the next iteration with None, and never inside of it',
    *body(pairs) {
      let lostIn = 0;
      const [near] = yield* pairs.connect({ lost: () => void (lostIn = pairs.bench.polls) });
      const turn = pairs.bench.polls;
      near.transport.abort();
      near.transport.abort();
      near.transport.close();
      pairs.bench.same(near.log, ['made'], 'what the protocol was told inside of abort()');
      pairs.bench.same(near.transport.isClosing(), true, 'isClosing()');
      yield* pairs.bench.until(() => near.isLost, 'connectionLost');
      yield* pairs.bench.turns(5);
      pairs.bench.same([near.log, near.error], [['made', 'lost'], null], 'what the protocol was told');
      pairs.bench.same(lostIn - turn, 1, 'turns until connectionLost');
    },
  },
  {
    name: 'close() sends what waits first, and what is written meanwhile',
    rule: 'after close() connection_lost comes when the buffer is flushed; a write while data waits is appended and sent',
    *body(pairs) {
      const [near, far] = yield* pairs.connect({}, DEAF);
      let sent = yield* fillForGood(pairs, near);
      near.transport.close();
      near.transport.write(counting(sent, 5000));
      sent += 5000;
      yield* pairs.bench.turns(5);
      yield* sleep(0.005);
      pairs.bench.same(near.isLost, false, 'connectionLost while bytes wait');
      far.transport.resumeReading();
      yield* pairs.bench.until(() => near.isLost && far.isLost, 'connectionLost at both ends');
      pairs.bench.same([far.length, firstWrong(far.bytes)], [sent, -1], 'bytes, and the first wrong one');
      pairs.bench.same(near.error, null, 'the error');
    },
  },
  {
    name: 'abort() drops what waits',
    rule: 'abort() closes without flushing',
    *body(pairs) {
      const [near] = yield* pairs.connect({}, DEAF);
      fill(pairs, near, 10_000, 0, () => near.isPaused);
      near.transport.abort();
      yield* pairs.bench.until(() => near.isLost, 'connectionLost, although the peer does not read');
      pairs.bench.same(
        [near.error, near.transport.getWriteBufferSize()],
        [null, 0],
        'the error, and what waits',
      );
    },
  },
  {
    name: 'close() stops reading at once',
    rule: 'after close() there is no data_received and no eof_received, even if bytes are waiting',
    *body(pairs) {
      const [near, far] = yield* pairs.connect({}, { data: () => far.transport.close() });
      near.transport.write('first');
      yield* pairs.bench.until(() => far.length > 0, 'the first bytes');
      near.transport.write('second');
      near.transport.writeEof();
      yield* pairs.bench.until(() => far.isLost, 'connectionLost');
      yield* pairs.bench.turns(5);
      pairs.bench.same(
        [far.text, far.log],
        ['first', ['made', 'data', 'lost']],
        'what was told after close()',
      );
    },
  },
  {
    name: 'writes to a connection that is gone are dropped, and logged from the fifth on',
    rule: 'writes after the connection is lost are dropped; from the fifth on each logs one warning; they never raise',
    *body(pairs) {
      const [near] = yield* pairs.connect();
      near.transport.abort();
      yield* pairs.bench.until(() => near.isLost, 'connectionLost');
      const stop = pairs.bench.startLog();
      let thrown: unknown = null;
      try {
        for (let write = 0; write < SILENT + 2; write++) near.transport.write('dropped');
        near.transport.write(5 as never);
      } catch (error) {
        // The check looks at it.
        thrown = error;
      }
      const warnings = stop().filter((line) => line.level === 'warning');
      pairs.bench.isA(thrown, TypeError, 'write() of no bytes, and nothing before it');
      pairs.bench.same(warnings.length, 2, `warnings of ${SILENT + 2} writes`);
      pairs.bench.same(near.transport.getWriteBufferSize(), 0, 'bytes that wait');
    },
  },
  {
    name: 'the end of the stream closes the transport unless eofReceived says otherwise',
    rule: 'a falsy eof_received closes the transport',
    *body(pairs) {
      const [near, far] = yield* pairs.connect();
      near.transport.write('bye');
      near.transport.writeEof();
      yield* pairs.bench.until(() => far.isLost, 'connectionLost after the end of the stream');
      pairs.bench.same(
        [far.log, far.text],
        [['made', 'data', 'eof', 'lost'], 'bye'],
        'what the protocol was told',
      );
      pairs.bench.same(far.error, null, 'the error');
    },
  },
  {
    name: 'a true eofReceived keeps the connection open for writing, and is not called again',
    rule: 'a truthy eof_received keeps the transport writable, and it is not called again',
    *body(pairs) {
      const [near, far] = yield* pairs.connect({}, { eof: () => true });
      near.transport.writeEof();
      yield* pairs.bench.until(() => far.count('eof') > 0, 'eofReceived');
      far.transport.pauseReading();
      far.transport.resumeReading();
      yield* pairs.bench.turns(5);
      pairs.bench.same(
        [far.log, far.transport.isClosing()],
        [['made', 'eof'], false],
        'what was told, isClosing()',
      );
      far.transport.write('answer');
      yield* pairs.bench.until(() => near.text === 'answer', 'bytes in the other direction');
      far.transport.close();
      yield* pairs.bench.until(() => far.isLost && near.isLost, 'connectionLost at both ends');
      pairs.bench.same(far.count('eof'), 1, 'calls of eofReceived');
    },
  },
  {
    name: 'writeEof sends what waits first; then nothing can be written',
    rule: 'write_eof flushes first, then half-closes; a later write is a RuntimeError, a second write_eof is ignored',
    body: halfClose,
  },
  {
    name: 'a transport that has ended has no protocol, and still knows its addresses',
    rule: 'after connection_lost there is no protocol, is_closing() stays true, and extra info remains readable',
    *body(pairs) {
      const [near] = yield* pairs.connect();
      const { transport } = near;
      const before = transport.getExtraInfo('peername');
      pairs.bench.same(transport.getExtraInfo('no such thing', 'default'), 'default', 'unknown extra info');
      transport.close();
      yield* pairs.bench.until(() => near.isLost, 'connectionLost');
      yield* pairs.bench.turns(1);
      pairs.bench.same(
        [transport.getProtocol(), transport.isClosing()],
        [null, true],
        'protocol, isClosing()',
      );
      pairs.bench.same(transport.getExtraInfo('peername'), before, 'the peer after the end');
    },
  },
];

/**
 * Writes until bytes wait that go on waiting, since the kernel's buffers may grow for a while on a connection
 * that is not read.
 */
function* fillForGood(pairs: Pairs, near: Recording): Coroutine<number> {
  const { transport } = near;
  let sent = 0;
  let before: number;
  do {
    sent = fill(pairs, near, 10_000, sent, () => transport.getWriteBufferSize() > MARGIN);
    before = transport.getWriteBufferSize();
    yield* pairs.bench.turns(5);
    yield* sleep(0.005);
  } while (transport.getWriteBufferSize() < before);
  return sent;
}

function* halfClose(pairs: Pairs): Coroutine<void> {
  const [near, far] = yield* pairs.connect({}, { ...DEAF, eof: () => true });
  const { transport } = near;
  pairs.bench.same(transport.canWriteEof(), true, 'canWriteEof()');
  const sent = fill(pairs, near, 10_000, 0, () => near.isPaused);
  transport.writeEof();
  transport.writeEof();
  let thrown: unknown = null;
  try {
    transport.write('too late');
  } catch (error) {
    // The check looks at it.
    thrown = error;
  }
  pairs.bench.isA(thrown, RuntimeError, 'write() after writeEof()');
  far.transport.resumeReading();
  yield* pairs.bench.until(() => far.count('eof') > 0, "the peer's eofReceived");
  pairs.bench.same(
    [far.length, firstWrong(far.bytes)],
    [sent, -1],
    'bytes before the end, and the first wrong one',
  );
  far.transport.write('answer');
  yield* pairs.bench.until(() => near.text === 'answer', 'bytes in the other direction');
  pairs.bench.same(transport.isClosing(), false, 'isClosing() of the half that is closed');
}
