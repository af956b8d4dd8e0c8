import test from 'ava';
import type { Coroutine, Transport } from 'miolo';
import { Recorder, theLoop } from '../helpers.js';
import { Deaf, PLENTY, end, inBothDrives, pair, reportsOf, turns, until } from './pair.js';

/** Checks every byte of a sequence that counts. */
class Counting extends Deaf {
  right = true;

  override dataReceived(data: Uint8Array): void {
    for (let at = 0; at < data.length; at++) {
      if (data[at] !== countingByte(this.bytes + at)) this.right = false;
    }
    this.bytes += data.length;
  }
}

const countingByte = (at: number): number => (at + (at >> 8)) & 255;

function counting(from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = countingByte(from + at);
  return bytes;
}

inBothDrives(
  test,
  'resumeWriting may write, close, and write once more: everything leaves, the end comes once',
  function* (t) {
    // More than the kernel has room for, so that each of them pauses and resumes.
    const piece = 10 << 20;
    let sent = 0;
    class Resumed extends Recorder {
      override resumeWriting(): void {
        super.resumeWriting();
        // Small and large ones, after the close too.
        this.#write(10);
        if (!this.transport.isClosing()) this.#write(piece);
        if (this.log.filter((line) => line === 'resume').length === 3) this.transport.close();
        if (this.transport.isClosing()) this.#write(7);
      }

      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        this.#write(piece);
      }

      #write(length: number): void {
        this.transport.write(counting(sent, length));
        sent += length;
      }
    }
    const ends = yield* pair(
      () => new Resumed(),
      () => new Counting(),
    );
    ends.far.transport.resumeReading();
    yield* ends.far.lost;
    t.is(yield* ends.near.lost, null);
    t.is(ends.far.bytes, sent);
    t.true(ends.far.right);
    yield* turns(5);
    t.is(ends.near.log.filter((line) => line.startsWith('lost')).length, 1);
    yield* end(ends);
  },
);

inBothDrives(
  test,
  'the last bytes, written by resumeWriting to a transport that closes, end it',
  function* (t) {
    class Last extends Recorder {
      override resumeWriting(): void {
        super.resumeWriting();
        this.transport.write('tail');
      }
    }
    const ends = yield* pair(
      () => new Last(),
      () => new Deaf(),
    );
    // The mark is at nothing: when it resumes the kernel has room for all that is written then.
    ends.near.transport.setWriteBufferLimits(1, 0);
    ends.near.transport.write(Buffer.alloc(PLENTY));
    ends.near.transport.close();
    ends.far.transport.resumeReading();
    t.is(yield* ends.near.lost, null);
    yield* ends.far.lost;
    t.is(ends.far.bytes, PLENTY + 4);
    t.deepEqual(ends.near.log, ['made', 'pause', 'resume', 'lost null']);
    yield* end(ends);
  },
);

inBothDrives(test, 'an abort in resumeWriting brings one end', function* (t) {
  class Aborting extends Recorder {
    override resumeWriting(): void {
      super.resumeWriting();
      this.transport.write(Buffer.alloc(10));
      this.transport.abort();
      this.log.push('aborted');
    }
  }
  const ends = yield* pair(
    () => new Aborting(),
    () => new Deaf(),
  );
  ends.near.transport.write(Buffer.alloc(PLENTY));
  ends.far.transport.resumeReading();
  t.is(yield* ends.near.lost, null);
  yield* turns(5);
  t.deepEqual(ends.near.log, ['made', 'pause', 'resume', 'aborted', 'lost null']);
  yield* end(ends);
});

inBothDrives(
  test,
  'errors of pauseWriting and resumeWriting are reported, and the transport lives',
  function* (t) {
    const reports = reportsOf(theLoop());
    class Failing extends Recorder {
      override pauseWriting(): void {
        throw new Error('in pause');
      }

      override resumeWriting(): void {
        throw new Error('in resume');
      }
    }
    const ends = yield* pair(
      () => new Failing(),
      () => new Deaf(),
    );
    ends.near.transport.write(Buffer.alloc(PLENTY));
    t.is(reports.length, 1);
    ends.far.transport.resumeReading();
    yield* until(() => reports.length === 2);
    t.deepEqual(
      reports.map(({ message, exception }) => [message, (exception as Error).message]),
      [
        ['protocol.pauseWriting() failed', 'in pause'],
        ['protocol.resumeWriting() failed', 'in resume'],
      ],
    );
    t.true(reports.every((each) => each.transport === ends.near.transport && each.protocol === ends.near));
    yield* until(() => ends.far.bytes === PLENTY);
    t.false(ends.near.transport.isClosing());
    yield* end(ends);
  },
);

inBothDrives(
  test,
  'memory that is written may be used again at once; empty pieces are nothing',
  function* (t) {
    const ends = yield* pair(
      () => new Recorder(),
      () => new Counting(),
    );
    const { near, far } = ends;
    let sent = 0;
    const write = (length: number): void => {
      const bytes = counting(sent, length);
      near.transport.write(bytes);
      bytes.fill(0);
      sent += length;
    };
    write(100);
    near.transport.write(new Uint8Array(0));
    near.transport.write('');
    write(40_000);
    write(PLENTY);
    write(100);
    const pieces = [0, 10, 0, 50_000, 3].map((length) => {
      const bytes = counting(sent, length);
      sent += length;
      return bytes;
    });
    near.transport.writelines(pieces);
    for (const bytes of pieces) bytes.fill(0);
    near.transport.writelines([]);
    near.transport.writelines([new Uint8Array(0)]);
    far.transport.resumeReading();
    yield* until(() => far.bytes >= sent);
    t.is(far.bytes, sent);
    t.true(far.right);
    yield* end(ends);
  },
);

inBothDrives(
  test,
  'writelines is one write: it pauses when all is in, and refuses all for one bad piece',
  function* (t) {
    let paused = 0;
    class Closing extends Recorder {
      override pauseWriting(): void {
        paused = this.transport.getWriteBufferSize();
        this.transport.abort();
      }
    }
    const ends = yield* pair(
      () => new Closing(),
      () => new Counting(),
    );
    const { transport } = ends.near;
    t.throws(() => transport.writelines(['fine', 5 as never]), { instanceOf: TypeError });
    transport.write(counting(0, 10));
    ends.far.transport.resumeReading();
    yield* until(() => ends.far.bytes >= 10);
    t.true(ends.far.right, 'of the refused pieces none was sent');
    ends.far.transport.pauseReading();
    const pieces = Array.from({ length: 64 }, () => Buffer.alloc(1 << 19));
    transport.writelines(pieces);
    t.true(paused > PLENTY, 'what the kernel refused of all 32 MiB');
    t.is(yield* ends.near.lost, null);
    yield* end(ends);
  },
);

inBothDrives(test, 'a pause in dataReceived holds the next chunk back; none is above 256 KiB', function* (t) {
  const chunks: number[] = [];
  class OneByOne extends Deaf {
    override dataReceived(data: Uint8Array): void {
      chunks.push(data.length);
      this.bytes += data.length;
      this.transport.pauseReading();
      this.transport.pauseReading();
    }
  }
  const ends = yield* pair(
    () => new Recorder(),
    () => new OneByOne(),
  );
  ends.near.transport.write(Buffer.alloc(PLENTY));
  while (ends.far.bytes < PLENTY) {
    const known = chunks.length;
    t.false(ends.far.transport.isReading());
    yield* turns(3);
    t.is(chunks.length, known);
    ends.far.transport.resumeReading();
    ends.far.transport.resumeReading();
    yield* until(() => chunks.length > known);
  }
  t.true(chunks.every((length) => length <= 262_144));
  yield* end(ends);
});

inBothDrives(
  test,
  'pausing and resuming are harmless twice, while closing and afterwards',
  function* (t): Coroutine<void> {
    const ends = yield* pair(
      () => new Recorder(),
      () => new Recorder(),
    );
    const { transport, lost, log } = ends.near;
    transport.resumeReading();
    t.true(transport.isReading());
    transport.pauseReading();
    transport.pauseReading();
    t.false(transport.isReading());
    transport.resumeReading();
    transport.resumeReading();
    t.true(transport.isReading());
    ends.far.transport.write('x');
    yield* until(() => log.length > 1);
    transport.close();
    t.false(transport.isReading());
    ends.far.transport.write('y');
    transport.pauseReading();
    transport.resumeReading();
    t.false(transport.isReading());
    yield* lost;
    transport.resumeReading();
    transport.pauseReading();
    t.deepEqual(log, ['made', 'data x', 'lost null']);
    yield* end(ends);
  },
);
