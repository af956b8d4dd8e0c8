/** How a connection ends that the peer resets. */
import { ConnectionResetError, sleep } from '../../base/index.ts';
import { fill } from './transport-flow.ts';
import type { TransportSpec } from './transport-pair.ts';

export const RESETS: readonly TransportSpec[] = [
  {
    name: 'a connection that the peer resets is lost with a ConnectionResetError, once',
    rule: 'a reset is told by connection_lost with the ConnectionResetError, once, and is not reported otherwise',
    *body(pairs) {
      const [near, far] = yield* pairs.connect({}, { made: (transport) => transport.pauseReading() });
      // Once bytes wait at this end there are some at the other that nobody has read: ending with those is a reset.
      fill(pairs, near, 10_000, 0, () => near.transport.getWriteBufferSize() > 0);
      // Where the way takes time they have to arrive.
      yield* sleep(0.01);
      far.transport.abort();
      yield* pairs.bench.until(() => near.isLost, 'connectionLost after the reset');
      yield* pairs.bench.turns(5);
      pairs.bench.isA(near.error, ConnectionResetError, 'the error of connectionLost');
      pairs.bench.same(near.transport.isClosing(), true, 'isClosing()');
      pairs.bench.same(near.transport.getWriteBufferSize(), 0, 'bytes that wait');
      pairs.bench.same(
        [near.count('lost'), near.count('eof')],
        [1, 0],
        'calls of connectionLost, eofReceived',
      );
      pairs.bench.same([far.count('lost'), far.error], [1, null], 'connectionLost at the end that reset it');
    },
  },
];
