/** What is written arrives: whole, in order, and only once reading is on. */
import { sleep } from '../../base/index.ts';
import { Recording, type TransportSpec, counting, firstWrong, protocolOf } from './transport-pair.ts';

/** Bytes of one delivery at most. */
const MOST = 262_144;

export const BUFFERS: readonly TransportSpec[] = [
  {
    name: 'a million bytes arrive whole and in order, 256 KiB at a time at most',
    rule: 'one read event delivers at most 262144 bytes',
    *body(pairs) {
      const chunks: number[] = [];
      const [near, far] = yield* pairs.connect({}, { data: (data) => void chunks.push(data.length) });
      const total = 1_000_000;
      for (let at = 0; at < total; at += 50_000) near.transport.write(counting(at, 50_000));
      yield* pairs.bench.until(() => far.length >= total, 'a million bytes');
      pairs.bench.same([far.length, firstWrong(far.bytes)], [total, -1], 'bytes, and the first wrong one');
      const most = Math.max(...chunks);
      pairs.bench.ok(most > 0 && most <= MOST, `1 to ${MOST} bytes a delivery`, `${most} in one`);
    },
  },
  {
    name: 'a buffered protocol gets everything into its own memory, however small',
    rule: 'get_buffer and buffer_updated are repeated until what arrived is used up',
    *body(pairs) {
      const [near, far] = yield* pairs.connect({}, { buffer: () => new Uint8Array(1000) });
      near.transport.write(counting(0, 30_500));
      yield* pairs.bench.until(() => far.length >= 30_500, 'what was written');
      pairs.bench.same([far.length, firstWrong(far.bytes)], [30_500, -1], 'bytes, and the first wrong one');
      const most = Math.max(...far.bytes.map((data) => data.length));
      pairs.bench.ok(most <= 1000, '1000 bytes at a time at most', `${most} at once`);
    },
  },
  {
    name: 'memory that was written may be used again at once',
    rule: 'caller-owned mutable buffers are not aliased',
    *body(pairs) {
      const [near, far] = yield* pairs.connect();
      let sent = 0;
      for (const length of [10, 40_000, 500_000, 3]) {
        const bytes = counting(sent, length);
        near.transport.write(bytes);
        bytes.fill(0xee);
        sent += length;
      }
      yield* pairs.bench.until(() => far.length >= sent, 'what was written');
      pairs.bench.same([far.length, firstWrong(far.bytes)], [sent, -1], 'bytes, and the first wrong one');
    },
  },
  {
    name: 'empty data is nothing, and writelines sends its pieces in order',
    rule: 'empty data is ignored, including empty chunks in writelines',
    *body(pairs) {
      const [near, far] = yield* pairs.connect();
      const { transport } = near;
      const empty = new Uint8Array(0);
      transport.write(empty);
      transport.write('a');
      transport.write('');
      transport.writelines([empty, counting(98, 2), empty]);
      transport.writelines([]);
      transport.writelines([empty]);
      transport.write('d');
      yield* pairs.bench.until(() => far.length >= 4, 'four bytes');
      yield* pairs.bench.turns(5);
      pairs.bench.same(far.text, 'abcd', 'what arrived');
      pairs.bench.ok(
        far.bytes.every((data) => data.length > 0),
        'no empty delivery',
        'there was one',
      );
    },
  },
  {
    name: 'what is no bytes is a TypeError, and nothing is sent',
    rule: 'write() of anything but bytes is a TypeError',
    *body(pairs) {
      const [near, far] = yield* pairs.connect();
      for (const wrong of [5, null, [1, 2]]) {
        yield* throwing(() => near.transport.write(wrong as never));
      }
      near.transport.write('fine');
      yield* pairs.bench.until(() => far.length >= 4, 'what was written');
      pairs.bench.same(far.text, 'fine', 'what arrived');

      function* throwing(action: () => void) {
        let thrown: unknown = null;
        try {
          action();
        } catch (error) {
          // The check looks at it.
          thrown = error;
        }
        pairs.bench.isA(thrown, TypeError, 'write() of no bytes');
        yield;
      }
    },
  },
  {
    name: 'pausing and resuming are harmless twice and while closing',
    rule: 'pause_reading and resume_reading are idempotent and harmless while closing',
    *body(pairs) {
      const [near, far] = yield* pairs.connect();
      const { transport } = far;
      transport.resumeReading();
      pairs.bench.same(transport.isReading(), true, 'isReading() after a resume without a pause');
      transport.pauseReading();
      transport.pauseReading();
      pairs.bench.same(transport.isReading(), false, 'isReading() after two pauses');
      near.transport.write('hello');
      yield* sleep(0.005);
      pairs.bench.same(far.length, 0, 'bytes delivered while paused');
      transport.resumeReading();
      transport.resumeReading();
      pairs.bench.same(transport.isReading(), true, 'isReading() after two resumes');
      yield* pairs.bench.until(() => far.text === 'hello', 'the bytes after the resume');
      transport.close();
      transport.pauseReading();
      transport.resumeReading();
      pairs.bench.same(transport.isReading(), false, 'isReading() while closing');
      yield* pairs.bench.until(() => far.isLost, 'connectionLost');
    },
  },
  {
    name: 'a pause in dataReceived holds the next delivery back',
    rule: 'a pause inside of data_received prevents the next chunk',
    *body(pairs) {
      let deliveries = 0;
      const [near, far] = yield* pairs.connect(
        {},
        {
          data() {
            deliveries++;
            far.transport.pauseReading();
          },
        },
      );
      const total = 600_000;
      near.transport.write(counting(0, total));
      for (let known = 0; ; known = deliveries) {
        yield* pairs.bench.until(() => deliveries > known, 'another delivery');
        known = deliveries;
        yield* pairs.bench.turns(5);
        pairs.bench.same(deliveries, known, 'deliveries, five turns after a pause');
        if (far.length >= total) break;
        far.transport.resumeReading();
      }
      pairs.bench.same([far.length, firstWrong(far.bytes)], [total, -1], 'bytes, and the first wrong one');
    },
  },
  {
    name: 'setProtocol sends what comes next to another protocol',
    rule: 'a transport delivers to the protocol it has at that moment; the new one gets no connection_made',
    *body(pairs) {
      const [near, far] = yield* pairs.connect();
      near.transport.write('first');
      yield* pairs.bench.until(() => far.text === 'first', 'bytes at the first protocol');
      const other = new Recording({});
      // It is not told of the connection: that is the rule.
      other.isMade = true;
      const protocol = protocolOf(other);
      far.transport.setProtocol(protocol);
      pairs.bench.same(far.transport.getProtocol(), protocol, 'getProtocol()');
      near.transport.write('second');
      yield* pairs.bench.until(() => other.text === 'second', 'bytes at the other protocol');
      far.transport.abort();
      yield* pairs.bench.until(() => other.isLost, 'connectionLost at the other protocol');
      pairs.bench.same([other.log, far.text], [['data', 'lost'], 'first'], 'what both were told');
      far.isLost = true;
    },
  },
];
