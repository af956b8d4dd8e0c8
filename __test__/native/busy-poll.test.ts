import test from 'ava';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { MioEventLoop, ValueError, run, runSync, sleep } from 'miolo';
import type { Coroutine, Server, Transport } from 'miolo';
import { Echo, Recorder, portOf, serve, theLoop } from '../helpers.js';
import { inBothDrives, openDescriptors } from './pair.js';

/** Long enough for the turns of a test to find what they wait for by polling, also on a busy machine. */
const LONG = 0.01;

/** Short, so that what is waited for comes after it. */
const SHORT = 10e-6;

/** Polls made in place of a wait. */
const pollsOf = (loop: MioEventLoop): number => loop._ring.core.busyPolls();

class Busy extends MioEventLoop {
  constructor() {
    super({ busyPoll: LONG });
  }
}

/** What drives a run: the driver that is the default here, the thread, nothing. */
const drives: readonly {
  name: string;
  drive: <T>(main: Coroutine<T>, busyPoll: number) => T | Promise<T>;
}[] = [
  {
    name: 'hosted',
    drive: (main, busyPoll) => run(main, { loopFactory: () => new MioEventLoop({ busyPoll }) }),
  },
  {
    name: 'hosted by a thread',
    drive: (main, busyPoll) =>
      run(main, { loopFactory: () => new MioEventLoop({ driver: 'guest', busyPoll }) }),
  },
  {
    name: 'blocking',
    drive: (main, busyPoll) => runSync(main, { loopFactory: () => new MioEventLoop({ busyPoll }) }),
  },
];

/**
 * A client of Node's on another thread: it also talks to a loop that blocks. Sends a message after the other.
 *
 * @returns its exit code, 0 if every answer was right
 */
async function pinger(port: number, rounds: number): Promise<number> {
  const source = `
    const { workerData } = require('node:worker_threads');
    const socket = require('node:net').connect(workerData.port, '127.0.0.1');
    let round = 0;
    const next = () => (round < workerData.rounds ? socket.write('message ' + round) : socket.end());
    socket.setNoDelay(true);
    socket.on('connect', next);
    socket.on('data', (data) => {
      if (data.toString() !== 'message ' + round++) throw new Error('got ' + data);
      next();
    });
  `;
  const worker = new Worker(source, { eval: true, workerData: { port, rounds }, execArgv: [] });
  const [code] = (await once(worker, 'exit')) as [number];
  return code;
}

/** Echoes until the client has gone. */
class LastingEcho extends Recorder {
  override dataReceived(data: Uint8Array): void {
    super.dataReceived(data);
    this.transport.write(data);
  }
}

interface Echoed {
  readonly messages: number;
  readonly polls: number;
  readonly code: Promise<number>;
}

function* echoing(rounds: number): Coroutine<Echoed> {
  const done = theLoop().createFuture<LastingEcho>();
  const server: Server = yield* serve(() => {
    const echo = new LastingEcho();
    done.setResult(echo);
    return echo;
  });
  const code = pinger(portOf(server), rounds);
  const echo = yield* done;
  yield* echo.lost;
  server.close();
  yield* server.waitClosed();
  const messages = echo.log.filter((line) => line.startsWith('data')).length;
  return { messages, polls: pollsOf(theLoop()), code };
}

for (const { name, drive } of drives) {
  test.serial(
    `${name}: a loop that polls busily echoes, and does not poll busily unless told to`,
    async (t) => {
      const busy = await drive(echoing(300), 100e-6);
      t.is(await busy.code, 0, 'the client has had every answer');
      t.is(busy.messages, 300);
      t.true(busy.polls > 0);

      const calm = await drive(echoing(300), 0);
      t.is(await calm.code, 0);
      t.is(calm.messages, 300);
      t.is(calm.polls, 0);
    },
  );

  test.serial(`${name}: an idle loop that may poll busily sleeps`, async (t) => {
    function* idle(): Coroutine<{ polled: number; first: number }> {
      const loop = theLoop();
      // The first wait of a loop is a busy one.
      yield* sleep(0.1);
      const first = pollsOf(loop);
      let polled = 0;
      // Waits of a hundred times the budget: all but a few begin by sleeping.
      for (let wait = 0; wait < 100; wait++) {
        const before = pollsOf(loop);
        yield* sleep(0.001);
        if (pollsOf(loop) > before) polled++;
      }
      return { polled, first };
    }
    const { polled, first } = await drive(idle(), SHORT);
    t.true(polled > 0, 'what pays is found out');
    t.true(polled <= 20, `${polled} of 100 waits polled busily`);
    // In a hundred milliseconds there would be time for many thousands.
    t.true(first > 0 && first <= 100, `${first} polls in a long wait`);
  });

  test.serial(`${name}: timers within the budget and beyond it fire in order and never early`, async (t) => {
    function* timers(): Coroutine<number[]> {
      const loop = theLoop();
      const fired: number[] = [];
      const start = loop.time();
      for (const [index, delay] of [0.02, 0.005, 0.0101, 0.01, 0, 0.005, 0.0004].entries()) {
        const when = start + delay;
        loop.callAt(when, () => {
          fired.push(index);
          t.true(loop.time() >= when);
        });
      }
      yield* sleep(0.03);
      t.true(pollsOf(loop) > 0);
      return fired;
    }
    t.deepEqual(await drive(timers(), LONG), [4, 6, 1, 5, 3, 2, 0]);
  });

  test.serial(`${name}: another thread and a signal wake a loop that polls busily`, async (t) => {
    function* woken(): Coroutine<void> {
      const loop = theLoop();
      for (let round = 0; round < 20; round++) {
        const [[, , , , address] = []] = yield* loop.getaddrinfo('localhost', 80);
        t.is(address?.[1], 80);
        const signal = loop.createFuture<void>();
        loop.addSignalHandler('SIGUSR2', () => signal.setResult());
        loop.callSoon(() => process.kill(process.pid, 'SIGUSR2'));
        yield* signal;
        loop.removeSignalHandler('SIGUSR2');
      }
      t.true(pollsOf(loop) > 0);
    }
    await drive(woken(), LONG);
  });
}

for (const { name, drive } of drives.slice(0, 2)) {
  test.serial(`${name}: Node's loop turns between two polls, and callSoonThreadsafe is heard`, async (t) => {
    const growth: number[] = [];
    function* main(): Coroutine<void> {
      const loop = theLoop();
      const done = loop.createFuture<void>();
      let last = pollsOf(loop);
      let waits = 0;
      const look = (): void => {
        const polls = pollsOf(loop);
        growth.push(polls - last);
        last = polls;
        if (waits < 10) setImmediate(look);
        else loop.callSoonThreadsafe(() => done.setResult());
      };
      setImmediate(look);
      for (; waits < 10; waits++) yield* sleep(0.001);
      yield* done;
      t.true(pollsOf(loop) > 0);
    }
    await drive(main(), LONG);
    // A budget has room for thousands; an iteration may have several turns.
    const most = Math.max(...growth);
    t.true(most <= 10, `${most} polls in an iteration`);
  });
}

inBothDrives(
  test,
  'two ends in one loop that polls busily send a message back and forth',
  function* (t) {
    const server = yield* serve(() => new Echo());
    const done = theLoop().createFuture<void>();
    class Rally extends Recorder {
      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        transport.write('ball');
      }

      override dataReceived(data: Uint8Array): void {
        super.dataReceived(data);
        if (this.log.length <= 200) this.transport.write(data);
        else done.setResult();
      }
    }
    const [transport, rally] = yield* theLoop().createConnection(
      () => new Rally(),
      '127.0.0.1',
      portOf(server),
    );
    yield* done;
    t.is(rally.bytes, 200 * 4);
    transport.close();
    yield* rally.lost;
    server.close();
    yield* server.waitClosed();
  },
  Busy,
);

test.serial('a loop that polls busily is driven, blocks and is driven again', async (t) => {
  const loop = new Busy();
  for (let round = 0; round < 3; round++) {
    await loop.runUntilComplete(sleep(0.001));
    loop.runUntilCompleteSync(sleep(0.001));
  }
  t.true(pollsOf(loop) > 0);
  loop.close();
});

test.serial(
  'a budget that is none, or too great to be meant, is refused by name and leaves nothing behind',
  (t) => {
    const first = new MioEventLoop({ busyPoll: LONG });
    t.is(first.busyPoll, LONG);
    first.close();
    const second = new MioEventLoop({ busyPoll: undefined });
    t.is(second.busyPoll, 0);
    second.close();
    const open = openDescriptors();
    for (const busyPoll of [NaN, -1e-9, -1, Infinity, -Infinity, 0.010001, 100]) {
      t.throws(() => new MioEventLoop({ busyPoll }), {
        instanceOf: ValueError,
        message: /^busyPoll: must be from 0 to 0.01 seconds, not /,
      });
    }
    for (const busyPoll of ['0.0001', 1n, true, {}] as unknown as number[]) {
      t.throws(() => new MioEventLoop({ busyPoll }), { instanceOf: TypeError, message: /^busyPoll: / });
    }
    t.is(openDescriptors(), open);
  },
);
