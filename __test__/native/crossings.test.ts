import test from 'ava';
import { BufferedProtocol, MioEventLoop, Protocol, run, runSync } from 'miolo';
import type { BaseProtocol, Coroutine, Future, HostedDriver, Transport } from 'miolo';
import { portOf, theLoop } from '../helpers.js';

const ROUNDS = 200;

/** Counts its turns, and each call over the border, in either direction, where it is made. */
class Counting extends MioEventLoop {
  turns = 0;
  crossings = 0;

  constructor(driver: HostedDriver = 'uv', busyPoll = 0) {
    super({ driver, busyPoll });
    const core = this._ring.core as unknown as Record<string, (...args: unknown[]) => unknown>;
    const methods = Object.getPrototypeOf(core) as typeof core;
    for (const name of Object.getOwnPropertyNames(methods)) {
      if (name === 'constructor') continue;
      core[name] = (...args) => {
        this.crossings++;
        return methods[name]!.apply(core, args.map(this.#counted));
      };
    }
  }

  /** What is given to be called by the core crosses as well. */
  readonly #counted = (value: unknown): unknown => {
    if (typeof value !== 'function') return value;
    return () => {
      this.crossings++;
      return (value as () => unknown)();
    };
  };

  override _runOnce(): void {
    this.turns++;
    super._runOnce();
  }

  /** Stands still: no tick of the host is cut short. */
  override _hostTime(): number {
    return 0;
  }
}

interface Counts {
  readonly turns: number;
  readonly crossings: number;
  /** By the core's own account. */
  readonly noted: number;
}

function countsOf(loop: Counting): Counts {
  return { turns: loop.turns, crossings: loop.crossings, noted: loop._ring.crossings };
}

/** Two ends that send a message back and forth: one of them has it in each turn. Both answer what comes. */
class Rally {
  readonly done: Future<Counts> = theLoop().createFuture<Counts>();
  #loop = theLoop() as Counting;
  #left = ROUNDS + 10;
  #first!: Counts;

  answer(transport: Transport, data: Uint8Array): void {
    if (this.#left === ROUNDS) this.#first = countsOf(this.#loop);
    if (this.#left-- > 0) {
      transport.write(data);
      return;
    }
    const last = countsOf(this.#loop);
    const { turns, crossings, noted } = this.#first;
    this.done.setResult({
      turns: last.turns - turns,
      crossings: last.crossings - crossings,
      noted: last.noted - noted,
    });
  }
}

class Kept extends Protocol {
  transport!: Transport;
  readonly rally: Rally;

  constructor(rally: Rally) {
    super();
    this.rally = rally;
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  override dataReceived(data: Uint8Array): void {
    this.rally.answer(this.transport, data);
  }
}

class Borrowed extends Kept {
  override readonly borrowsData = true;
}

class Buffered extends BufferedProtocol {
  transport!: Transport;
  readonly memory = new Uint8Array(1024);
  readonly rally: Rally;

  constructor(rally: Rally) {
    super();
    this.rally = rally;
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  override getBuffer(): Uint8Array {
    return this.memory;
  }

  override bufferUpdated(count: number): void {
    this.rally.answer(this.transport, this.memory.subarray(0, count));
  }
}

function* rallied(End: new (rally: Rally) => BaseProtocol, ball = 'ball'): Coroutine<Counts> {
  const rally = new Rally();
  const loop = theLoop();
  const server = yield* loop.createServer(() => new End(rally), '127.0.0.1', 0);
  const [transport] = yield* loop.createConnection(() => new End(rally), '127.0.0.1', portOf(server));
  transport.write(ball);
  const counts = yield* rally.done;
  transport.close();
  server.close();
  yield* server.waitClosed();
  return counts;
}

const uv = { loopFactory: () => new Counting() };
const ends = { 'of its own': Kept, 'in its own buffer': Buffered, 'that it borrows, few': Borrowed };

for (const [kind, End] of Object.entries(ends)) {
  test.serial(
    `hosted by libuv, a steady turn that receives bytes ${kind} crosses the border once`,
    async (t) => {
      t.deepEqual(await run(rallied(End), uv), { turns: ROUNDS, crossings: ROUNDS, noted: ROUNDS });
    },
  );

  test.serial(`blocking, a steady turn that receives bytes ${kind} crosses the border once`, (t) => {
    t.deepEqual(runSync(rallied(End), uv), { turns: ROUNDS, crossings: ROUNDS, noted: ROUNDS });
  });
}

test.serial('busy polling, hosted by libuv or blocking, takes no crossing', async (t) => {
  const busy = { loopFactory: () => new Counting('uv', 0.0001) };
  const counts = { turns: ROUNDS, crossings: ROUNDS, noted: ROUNDS };
  t.deepEqual(await run(rallied(Kept), busy), counts);
  t.deepEqual(runSync(rallied(Kept), busy), counts);
});

test.serial(
  'a turn that lends many bytes crosses once more, with the arena that replaces theirs',
  async (t) => {
    const ball = 'ball'.repeat(2000);
    const counts = { turns: ROUNDS, crossings: 2 * ROUNDS, noted: 2 * ROUNDS };
    t.deepEqual(await run(rallied(Borrowed, ball), uv), counts);
    t.deepEqual(runSync(rallied(Borrowed, ball), uv), counts);
  },
);

test.serial(
  'the thread of the guest driver is told of each rest, which takes crossings of its own',
  async (t) => {
    const { turns, crossings } = await run(rallied(Kept), {
      loopFactory: () => new Counting('guest'),
    });
    t.true(turns >= ROUNDS);
    // The call of JavaScript, the poll, what was written, the rest.
    t.true(crossings <= 4 * turns, `${crossings} crossings in ${turns} turns`);
  },
);

test.serial('a turn of timers crosses the border once, however many it adds, cancels and calls', (t) => {
  const counts = runSync(
    (function* (): Coroutine<Counts> {
      const loop = theLoop() as Counting;
      const done = loop.createFuture<Counts>();
      const start = countsOf(loop);
      let left = ROUNDS;
      const again = (): void => {
        for (let count = 0; count < 10; count++) loop.callLater(60, () => {}).cancel();
        if (left-- > 0) loop.callLater(0, again);
        else done.setResult(countsOf(loop));
      };
      again();
      const { turns, crossings, noted } = yield* done;
      return {
        turns: turns - start.turns,
        crossings: crossings - start.crossings,
        noted: noted - start.noted,
      };
    })(),
    uv,
  );
  t.true(counts.turns >= ROUNDS);
  t.is(counts.crossings, counts.turns);
  t.is(counts.noted, counts.turns);
});
