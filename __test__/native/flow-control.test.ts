import test from 'ava';
import type { Transport } from 'miolo';
import { Recorder } from '../helpers.js';
import { Deaf, PLENTY, end, inBothDrives, pair, turns, until } from './pair.js';

inBothDrives(
  test,
  'the marks are 64 and 16 KiB unless they are set; one is made of the other',
  function* (t) {
    const ends = yield* pair(
      () => new Recorder(),
      () => new Deaf(),
    );
    const { transport } = ends.near;
    t.deepEqual(transport.getWriteBufferLimits(), [16384, 65536]);
    transport.setWriteBufferLimits(1001);
    t.deepEqual(transport.getWriteBufferLimits(), [250, 1001]);
    transport.setWriteBufferLimits(null, 30);
    t.deepEqual(transport.getWriteBufferLimits(), [30, 120]);
    transport.setWriteBufferLimits(7, 7);
    t.deepEqual(transport.getWriteBufferLimits(), [7, 7]);
    transport.setWriteBufferLimits();
    t.deepEqual(transport.getWriteBufferLimits(), [16384, 65536]);
    for (const [high, low] of [
      [1, 2],
      [-1, -2],
      [Number.NaN, 0],
    ] as const) {
      t.throws(() => transport.setWriteBufferLimits(high, low), { name: 'ValueError' });
    }
    t.deepEqual(transport.getWriteBufferLimits(), [16384, 65536], 'what was refused changed nothing');
    yield* end(ends);
  },
);

inBothDrives(
  test,
  'exactly the high mark does not pause, one byte more does, at once and once',
  function* (t) {
    const ends = yield* pair(
      () => new Recorder(),
      () => new Deaf(),
    );
    const { transport, log } = ends.near;
    transport.setWriteBufferLimits(2 * PLENTY);
    transport.write(Buffer.alloc(PLENTY));
    const refused = transport.getWriteBufferSize();
    t.true(refused > 0 && refused < PLENTY, 'the kernel was given what it takes, in the call');

    transport.setWriteBufferLimits(refused + 10);
    transport.write('0123456789');
    t.is(transport.getWriteBufferSize(), refused + 10);
    t.deepEqual(log, ['made']);
    transport.write('x');
    t.is(transport.getWriteBufferSize(), refused + 11);
    t.deepEqual(log, ['made', 'pause'], 'inside of write()');
    transport.write('more');
    transport.setWriteBufferLimits(5);
    t.deepEqual(log, ['made', 'pause'], 'no second time');
    yield* turns(10);
    t.deepEqual(log, ['made', 'pause']);
    yield* end(ends);
  },
);

inBothDrives(test, 'a high mark that is set below what waits pauses at once', function* (t) {
  const ends = yield* pair(
    () => new Recorder(),
    () => new Deaf(),
  );
  const { transport, log } = ends.near;
  transport.setWriteBufferLimits(2 * PLENTY);
  transport.write(Buffer.alloc(PLENTY));
  t.deepEqual(log, ['made']);
  transport.setWriteBufferLimits(1000);
  t.deepEqual(log, ['made', 'pause']);
  yield* end(ends);
});

inBothDrives(
  test,
  'pauses and resumes alternate, and a resume comes at the low mark or below',
  function* (t) {
    const sizes: number[] = [];
    class Pump extends Recorder {
      #writing = true;

      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        transport.setWriteBufferLimits(300_000, 100_000);
        this.pump();
      }

      pump(): void {
        while (this.#writing && sizes.length < 20) this.transport.write(Buffer.alloc(50_000));
      }

      override pauseWriting(): void {
        super.pauseWriting();
        t.true(this.transport.getWriteBufferSize() > 300_000);
        this.#writing = false;
      }

      override resumeWriting(): void {
        super.resumeWriting();
        sizes.push(this.transport.getWriteBufferSize());
        this.#writing = true;
        this.pump();
      }
    }
    const ends = yield* pair(
      () => new Pump(),
      () => new Recorder(),
    );
    yield* until(() => sizes.length === 20);
    t.deepEqual(
      ends.near.log.slice(1),
      Array.from({ length: 40 }, (_each, at) => (at % 2 === 0 ? 'pause' : 'resume')),
    );
    t.true(sizes.every((size) => size <= 100_000));
    yield* end(ends);
  },
);

inBothDrives(test, 'with a high mark of 0 any byte that waits pauses, and only none resumes', function* (t) {
  const ends = yield* pair(
    () => new Recorder(),
    () => new Deaf(),
  );
  const { near, far } = ends;
  near.transport.setWriteBufferLimits(0);
  t.deepEqual(near.transport.getWriteBufferLimits(), [0, 0]);
  near.transport.write('the kernel takes this');
  t.deepEqual(near.log, ['made']);
  near.transport.write(Buffer.alloc(PLENTY));
  t.deepEqual(near.log, ['made', 'pause']);
  let left = -1;
  near.resumeWriting = () => (left = near.transport.getWriteBufferSize());
  far.transport.resumeReading();
  yield* until(() => left >= 0);
  t.is(left, 0);
  yield* end(ends);
});

/** Reads about so many bytes, then no more. */
class Sipping extends Recorder {
  #thirst = 0;

  override connectionMade(transport: Transport): void {
    super.connectionMade(transport);
    transport.pauseReading();
  }

  sip(bytes: number): void {
    this.#thirst = bytes;
    this.transport.resumeReading();
  }

  get done(): boolean {
    return this.#thirst <= 0;
  }

  override dataReceived(data: Uint8Array): void {
    this.#thirst -= data.length;
    if (this.#thirst <= 0) this.transport.pauseReading();
  }
}

inBothDrives(test, 'the size of what waits falls as the peer reads, above the low mark too', function* (t) {
  const ends = yield* pair(
    () => new Recorder(),
    () => new Sipping(),
  );
  const { near, far } = ends;
  near.transport.write(Buffer.alloc(2 * PLENTY));
  const before = near.transport.getWriteBufferSize();
  far.sip(before / 4);
  yield* until(() => far.done && near.transport.getWriteBufferSize() < before);
  t.true(near.transport.getWriteBufferSize() > 65536);
  t.deepEqual(near.log, ['made', 'pause']);
  yield* end(ends);
});

inBothDrives(
  test,
  'a low mark that is raised above what waits resumes with the next bytes that leave',
  function* (t) {
    const ends = yield* pair(
      () => new Recorder(),
      () => new Sipping(),
    );
    const { near, far } = ends;
    near.transport.write(Buffer.alloc(2 * PLENTY));
    const waits = near.transport.getWriteBufferSize();
    near.transport.setWriteBufferLimits(2 * waits, waits);
    yield* turns(5);
    t.deepEqual(near.log, ['made', 'pause']);
    far.sip(waits / 2);
    yield* until(() => near.log.length > 2);
    t.deepEqual(near.log, ['made', 'pause', 'resume']);
    t.true(near.transport.getWriteBufferSize() > 0);
    yield* end(ends);
  },
);
