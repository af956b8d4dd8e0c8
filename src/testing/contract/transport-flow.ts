/** Flow control: when writing is paused and resumed. */
import { ValueError } from '../../base/index.ts';
import type { Coroutine, Transport } from '../../base/index.ts';
import { type Pairs, type Recording, type TransportSpec, counting, firstWrong } from './transport-pair.ts';

/** Bytes after which a peer that does not read must have stopped taking them. */
const ENDLESS = 256 << 20;

/** Does not read. */
const DEAF = { made: (transport: Transport): void => transport.pauseReading() };

/** Writes pieces until `enough`; each time what flow control promises of that moment is checked. */
export function fill(
  pairs: Pairs,
  near: Recording,
  piece: number,
  sent: number,
  enough: () => boolean,
): number {
  const { transport } = near;
  const pauses = near.count('pause') - (near.isPaused ? 1 : 0);
  let total = sent;
  while (!enough()) {
    transport.write(counting(total, piece));
    total += piece;
    const size = transport.getWriteBufferSize();
    const [, high] = transport.getWriteBufferLimits();
    const expected = near.isPaused || size > high ? 1 : 0;
    pairs.bench.same(
      near.count('pause') - pauses,
      expected,
      `calls of pauseWriting() when ${size} bytes wait, with a high mark of ${high}`,
    );
    if (total > ENDLESS)
      pairs.bench.fail('bytes to wait for a peer that does not read', `${total} were taken`);
  }
  return total;
}

export const FLOW: readonly TransportSpec[] = [
  {
    name: 'the marks are 16 and 64 KiB, and what is not given follows from the other',
    rule: 'watermarks default to high 65536 and low 16384; low is a quarter of high, high four times low',
    *body(pairs) {
      const [{ transport }] = yield* pairs.connect();
      const limits = (high?: number | null, low?: number | null): number[] => {
        transport.setWriteBufferLimits(high, low);
        return transport.getWriteBufferLimits();
      };
      pairs.bench.same(transport.getWriteBufferLimits(), [16_384, 65_536], 'low and high by default');
      pairs.bench.same(limits(1000), [250, 1000], 'low and high for high = 1000');
      pairs.bench.same(limits(null, 50), [50, 200], 'low and high for low = 50');
      pairs.bench.same(limits(10, 10), [10, 10], 'low and high when both are 10');
      pairs.bench.same(limits(), [16_384, 65_536], 'low and high when none is given');
      let thrown: unknown = null;
      try {
        transport.setWriteBufferLimits(1, 2);
      } catch (error) {
        // The check looks at it.
        thrown = error;
      }
      pairs.bench.isA(thrown, ValueError, 'a low mark above the high one');
      pairs.bench.same(transport.getWriteBufferSize(), 0, 'bytes that wait on a new transport');
    },
  },
  {
    name: 'pauseWriting is called inside of the write that passes the high mark, once; resumeWriting at the low mark',
    rule: 'pause_writing fires synchronously when the size is strictly above high, once; resume_writing at or below low',
    *body(pairs) {
      const atResume: number[] = [];
      const [near, far] = yield* pairs.connect(
        { resume: () => void atResume.push(near.transport.getWriteBufferSize()) },
        DEAF,
      );
      let sent = 0;
      for (const round of [1, 2]) {
        far.transport.pauseReading();
        sent = fill(pairs, near, 10_000, sent, () => near.count('pause') === round);
        let more = 10;
        sent = fill(pairs, near, 10_000, sent, () => more-- === 0);
        pairs.bench.same(
          near.count('resume'),
          round - 1,
          'calls of resumeWriting() while the peer does not read',
        );
        far.transport.resumeReading();
        yield* pairs.bench.until(() => near.count('resume') === round, 'resumeWriting()');
        yield* pairs.bench.until(() => far.length >= sent, 'what was written');
      }
      pairs.bench.same(near.log, ['made', 'pause', 'resume', 'pause', 'resume'], 'what the sender was told');
      pairs.bench.ok(
        atResume.every((size) => size <= 16_384),
        'at most 16384 bytes to wait when writing is resumed',
        `${atResume.join(' and ')} waited`,
      );
      pairs.bench.same([far.length, firstWrong(far.bytes)], [sent, -1], 'bytes, and the first wrong one');
    },
  },
  {
    name: 'a high mark of 0 pauses with any byte that waits, one that is lowered pauses at once',
    rule: 'high=0 pauses on any buffered byte',
    *body(pairs) {
      const [near] = yield* pairs.connect({}, DEAF);
      near.transport.setWriteBufferLimits(0);
      fill(pairs, near, 10_000, 0, () => near.isPaused);
      pairs.bench.ok(near.transport.getWriteBufferSize() > 0, 'bytes to wait', 'none does');
      const [other] = yield* pairs.connect({}, DEAF);
      other.transport.setWriteBufferLimits(ENDLESS);
      fill(pairs, other, 10_000, 0, () => other.transport.getWriteBufferSize() > 0);
      pairs.bench.same(other.log, ['made'], 'what a protocol below its high mark was told');
      other.transport.setWriteBufferLimits(0);
      pairs.bench.same(other.log, ['made', 'pause'], 'what it was told when the mark was lowered');
    },
  },
  {
    name: 'resumeWriting may write and close: everything is sent, and the end comes once',
    rule: 'resume_writing may write again or close; the buffer is looked at again, and connection_lost comes once',
    *body(pairs) {
      let sent = 0;
      let rounds = 0;
      const [near, far] = yield* pairs.connect(
        {
          resume() {
            sent = write(near, sent, 20_000);
            if (++rounds < 3) return;
            near.transport.close();
            if (near.transport.getWriteBufferSize() > 0) sent = write(near, sent, 7);
          },
        },
        DEAF,
      );
      while (rounds < 3) {
        far.transport.pauseReading();
        sent = fill(pairs, near, 10_000, sent, () => near.isPaused);
        const before: number = rounds;
        far.transport.resumeReading();
        yield* pairs.bench.until(() => rounds > before, 'resumeWriting()');
      }
      yield* pairs.bench.until(() => near.isLost && far.isLost, 'connectionLost at both ends');
      pairs.bench.same([far.length, firstWrong(far.bytes)], [sent, -1], 'bytes, and the first wrong one');
      pairs.bench.same([near.error, near.count('lost')], [null, 1], 'the error and the number of ends');
    },
  },
  {
    name: 'errors of pauseWriting and resumeWriting are reported, and the connection stays',
    rule: 'an exception in pause_writing or resume_writing is reported with transport and protocol',
    body: failingFlow,
  },
];

/** Writes `length` bytes that go on with the sequence; returns how far it is. */
function write(near: Recording, sent: number, length: number): number {
  near.transport.write(counting(sent, length));
  return sent + length;
}

function* failingFlow(pairs: Pairs): Coroutine<void> {
  const errors = [new Error('of pauseWriting'), new Error('of resumeWriting')];
  const [near, far] = yield* pairs.connect(
    {
      pause() {
        throw errors[0]!;
      },
      resume() {
        throw errors[1]!;
      },
    },
    DEAF,
  );
  const sent = fill(pairs, near, 10_000, 0, () => near.isPaused);
  far.transport.resumeReading();
  yield* pairs.bench.until(
    () => far.length >= sent && !near.isPaused,
    'what was written, and resumeWriting()',
  );
  pairs.bench.same(near.transport.isClosing(), false, 'isClosing()');
  const reports = pairs.bench.takeReports();
  pairs.bench.same(
    reports.map((report) => report.exception),
    errors,
    'what was reported',
  );
  for (const report of reports)
    pairs.bench.same(report.transport, near.transport, 'the transport in the report');
}
