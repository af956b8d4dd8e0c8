/** How a connection starts, and what errors of the protocol do to it. */
import { sleep } from '../../base/index.ts';
import type { Coroutine } from '../../base/index.ts';
import { type Pairs, type Reactions, type Recording, type TransportSpec } from './transport-pair.ts';

export const START: readonly TransportSpec[] = [
  {
    name: 'connectionMade comes before any byte, although some are there already',
    rule: 'connection_made, then the start of reading, then the waiter, each queued by itself',
    *body(pairs) {
      const [near, far] = yield* pairs.connect({ made: (transport) => transport.write('greeting') });
      yield* pairs.bench.until(() => far.length === 8, 'the greeting');
      pairs.bench.same(far.log, ['made', 'data'], 'what the receiver was told');
      pairs.bench.same([near.log, near.transport === null], [['made'], false], 'what the sender was told');
    },
  },
  {
    name: 'a pause in connectionMade takes effect',
    rule: 'reading starts after connection_made, so that pausing inside of it takes effect',
    *body(pairs) {
      const [, far] = yield* pairs.connect(
        { made: (transport) => transport.write('early') },
        { made: (transport) => transport.pauseReading() },
      );
      yield* pairs.bench.turns(10);
      yield* sleep(0.01);
      pairs.bench.same(far.length, 0, 'bytes delivered while reading is paused');
      pairs.bench.same(far.transport.isReading(), false, 'isReading()');
      far.transport.resumeReading();
      yield* pairs.bench.until(() => far.text === 'early', 'the bytes after resumeReading()');
    },
  },
  {
    name: 'a close in connectionMade takes effect',
    rule: 'reading starts after connection_made, so that closing inside of it lets no byte through',
    *body(pairs) {
      const [, far] = yield* pairs.connect(
        { made: (transport) => transport.write('early') },
        { made: (transport) => transport.close() },
      );
      yield* pairs.bench.until(() => far.isLost, 'connectionLost');
      yield* pairs.bench.turns(5);
      pairs.bench.same(far.log, ['made', 'lost'], 'what the protocol was told');
      pairs.bench.same(far.error, null, 'the error');
    },
  },
  {
    name: 'an error in connectionMade is reported, and the connection stays',
    rule: 'an exception in connection_made is only reported',
    *body(pairs) {
      const error = new Error('expected');
      const [near, far] = yield* pairs.connect(
        {},
        {
          made() {
            throw error;
          },
        },
      );
      near.transport.write('hello');
      yield* pairs.bench.until(() => far.text === 'hello', 'bytes on the connection');
      pairs.bench.same(
        pairs.bench.takeReports().map((report) => report.exception),
        [error],
        'what was reported',
      );
    },
  },
  ...(['data', 'eof'] as const).map((callback): TransportSpec => ({
    name: `an error in ${callback === 'data' ? 'dataReceived' : 'eofReceived'} is reported, and costs the connection`,
    rule: 'an exception in data_received or eof_received is reported with transport and protocol and closes with it',
    body: (pairs) =>
      failing(pairs, (error) => ({
        [callback]() {
          throw error;
        },
      })),
  })),
  {
    name: 'an error in getBuffer is reported, and costs the connection',
    rule: 'an exception in get_buffer is reported with transport and protocol and closes with it',
    body: (pairs) =>
      failing(pairs, (error) => ({
        buffer() {
          throw error;
        },
      })),
  },
  {
    name: 'an error in bufferUpdated is reported, and costs the connection',
    rule: 'an exception in buffer_updated is reported with transport and protocol and closes with it',
    body: (pairs) =>
      failing(pairs, (error) => ({
        buffer: () => new Uint8Array(10),
        data() {
          throw error;
        },
      })),
  },
  {
    name: 'an empty buffer is an error of the protocol',
    rule: 'get_buffer must not return an empty buffer: RuntimeError, reported, which costs the connection',
    *body(pairs) {
      const [near, far] = yield* pairs.connect({}, { buffer: () => new Uint8Array(0) });
      near.transport.write('hello');
      yield* pairs.bench.until(() => far.isLost, 'connectionLost');
      pairs.bench.ok(far.error?.name === 'RuntimeError', 'a RuntimeError', String(far.error));
      pairs.bench.same(pairs.bench.takeReports().length, 1, 'reports');
    },
  },
];

/** One end fails with an error of its own when bytes, or the end of the stream, arrive. */
function* failing(pairs: Pairs, reactions: (error: Error) => Reactions): Coroutine<void> {
  const error = new Error('expected');
  const its = reactions(error);
  const [near, far]: [Recording, Recording] = yield* pairs.connect({}, its);
  if (its.eof === undefined) near.transport.write('hello');
  else near.transport.writeEof();
  yield* pairs.bench.until(() => far.isLost, 'connectionLost after the error');
  pairs.bench.same(far.error, error, 'what connectionLost was given');
  const reports = pairs.bench.takeReports();
  pairs.bench.same(reports.length, 1, 'reports');
  pairs.bench.same(
    [reports[0]!.exception, reports[0]!.transport],
    [error, far.transport],
    'exception and transport of the report',
  );
  pairs.bench.ok(
    (reports[0]!.protocol as { recording?: unknown } | undefined)?.recording === far,
    'the protocol in the report',
    String(reports[0]!.protocol),
  );
}
