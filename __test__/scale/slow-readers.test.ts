import test from 'ava';
import type { Coroutine, Transport, TransportSocket } from 'miolo';
import { Recorder, portOf, serve, theLoop } from '../helpers.js';
import { Deaf, inBothDrives, until } from '../native/pair.js';

const SLOW = 100;
const FAST = 10;
const HIGH = 64 * 1024;
const PIECE = 16 * 1024;
/** What a connection is sent in all: far more than the kernel keeps with the buffers below. */
const TOTAL = 4 << 20;

function shrink(transport: Transport, option: number): void {
  (transport.getExtraInfo('socket') as TransportSocket).setsockopt(1, option, 32 * 1024);
}

/** Sends as fast as it may. */
class Sender extends Recorder {
  sent = 0;
  #paused = false;

  override connectionMade(transport: Transport): void {
    super.connectionMade(transport);
    shrink(transport, 7);
    this.#send();
  }

  #send(): void {
    while (!this.#paused && this.sent < TOTAL) {
      this.sent += PIECE;
      this.transport.write(Buffer.alloc(PIECE, this.sent / PIECE));
    }
    if (this.sent >= TOTAL && !this.#paused) this.transport.writeEof();
  }

  override pauseWriting(): void {
    this.#paused = true;
  }

  override resumeWriting(): void {
    this.#paused = false;
    this.#send();
  }
}

/** Checks that the pieces come in order. */
class Checking extends Deaf {
  wrong = 0;

  override connectionMade(transport: Transport): void {
    super.connectionMade(transport);
    shrink(transport, 8);
  }

  override dataReceived(data: Uint8Array): void {
    const expected = (Math.floor(this.bytes / PIECE) + 1) & 255;
    if (data[0] !== expected) this.wrong++;
    this.bytes += data.length;
  }
}

inBothDrives(
  test,
  'a hundred slow readers hold what the marks promise, and fast ones get all',
  function* (t) {
    const senders: Sender[] = [];
    const server = yield* serve(() => (senders.push(new Sender()), senders.at(-1)!));
    const connect = function* (): Coroutine<Checking> {
      const [, client] = yield* theLoop().createConnection(() => new Checking(), '127.0.0.1', portOf(server));
      return client;
    };
    const slow: Checking[] = [];
    for (let count = 0; count < SLOW; count++) slow.push(yield* connect());
    yield* until(() => senders.length === SLOW && senders.every(({ sent }) => sent > 0));
    const fast: Checking[] = [];
    for (let count = 0; count < FAST; count++) fast.push(yield* connect());
    for (const client of fast) client.transport.resumeReading();
    yield* until(() => fast.every(({ bytes }) => bytes === TOTAL));

    const waiting = senders.slice(0, SLOW).map(({ transport }) => transport.getWriteBufferSize());
    t.true(
      waiting.every((size) => size > 0 && size <= HIGH + PIECE),
      `what waits: ${Math.max(...waiting)}`,
    );
    t.true(
      senders.slice(0, SLOW).every(({ sent }) => sent < TOTAL),
      'nobody was sent all',
    );
    t.true(
      slow.every(({ bytes }) => bytes === 0),
      'and nobody has read',
    );

    for (const client of slow) client.transport.resumeReading();
    yield* until(() => slow.every(({ bytes }) => bytes === TOTAL));
    for (const client of [...slow, ...fast]) {
      t.is(client.wrong, 0);
      t.is(yield* client.lost, null);
    }
    server.close();
    yield* server.waitClosed();
    t.is(theLoop()._ring.core.sockets(), 0);
  },
);
