import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MioEventLoop, runSync, sleep } from 'miolo';
import type { Address, Coroutine, Transport } from 'miolo';
import { loopContract } from 'miolo/testing';
import type { ContractLoop } from 'miolo/testing';
import { Echo, ROOT, Recorder, portOf, serve, theLoop } from '../helpers.js';

const FOLDER = join(ROOT, 'examples/overrides');

interface Entry {
  readonly kind: string;
  readonly time: number;
  readonly data: Buffer;
}

interface Overrides {
  Recording: new () => MioEventLoop & { records: Entry[][] };
  Replaying: new (records: Entry[][]) => MioEventLoop;
  Throttling: new () => MioEventLoop & { rate: number };
  BehindProxy: new () => MioEventLoop;
  OwnNames: new () => MioEventLoop & { names: Map<string, string[]>; asked: unknown[] };
  ScaledTime: new (scale: number) => MioEventLoop;
  Measuring: new () => MioEventLoop & {
    measures: Map<string, { count: number; waited: number; took: number }>;
  };
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.mjs'));
const modules = (await Promise.all(files.map((name) => import(join(FOLDER, name))))) as object[];
const { Recording, Replaying, Throttling, BehindProxy, OwnNames, ScaledTime, Measuring } = Object.assign(
  {},
  ...modules,
) as Overrides;

function runOn<L extends MioEventLoop>(loop: L, main: (loop: L) => Coroutine<void>): void {
  runSync(main(loop), { loopFactory: () => loop });
}

/** A client that says one thing after another, each when the one before was answered. */
class Talker extends Recorder {
  readonly words = ['one', 'two', 'three'];
  said = '';

  override connectionMade(transport: Transport): void {
    super.connectionMade(transport);
    this.#next();
  }

  override dataReceived(data: Uint8Array): void {
    super.dataReceived(data);
    this.said += Buffer.from(data).toString();
    this.#next();
  }

  #next(): void {
    const word = this.words.shift();
    if (word === undefined) this.transport.close();
    else this.transport.write(word);
  }
}

test('each example is under 80 lines', (t) => {
  for (const name of files) {
    const lines = readFileSync(join(FOLDER, name), 'utf8').split('\n').length - 1;
    t.true(lines < 80, `${name} has ${lines}`);
  }
});

test.serial('what is recorded on real sockets is played back without them', (t) => {
  const recording = new Recording();
  runOn(recording, function* (loop) {
    const server = yield* serve(() => new Echo());
    const [, talker] = yield* loop.createConnection(() => new Talker(), '127.0.0.1', portOf(server));
    yield* talker.lost;
    server.close();
    yield* server.waitClosed();
  });
  const show = (entries: Entry[]): string[] => entries.map(({ kind, data }) => `${kind} ${String(data)}`);
  const isClient = (entries: Entry[]): boolean => entries[1]!.kind === 'out';
  const client = recording.records.find(isClient)!;
  const server = recording.records.find((entries) => !isClient(entries))!;
  t.deepEqual(show(client), [
    'made ',
    'out one',
    'in one',
    'out two',
    'in two',
    'out three',
    'in three',
    'lost ',
  ]);
  t.deepEqual(show(server).slice(0, 3), ['made ', 'in one', 'out one']);
  t.deepEqual(show(server).slice(-2), ['eof ', 'lost ']);
  t.true(client.every(({ time }, at) => at === 0 || time >= client[at - 1]!.time));

  runOn(new Replaying([client]), function* (loop) {
    const [, talker] = yield* loop.createConnection(() => new Talker(), 'nowhere.invalid', 1);
    t.is(yield* talker.lost, null);
    t.is(talker.said, 'onetwothree');
    t.deepEqual(talker.log, ['made', 'data one', 'data two', 'data three', 'lost null']);
  });
});

test.serial('a throttled connection sends its share a period, and loses nothing', (t) => {
  const throttling = new Throttling();
  throttling.rate = 100_000;
  runOn(throttling, function* (loop) {
    class Timed extends Recorder {
      readonly sizes: number[] = [];
      override dataReceived(data: Uint8Array): void {
        this.sizes.push(data.length);
        super.dataReceived(data);
      }
    }
    let near!: Recorder;
    const server = yield* serve(() => (near = new Recorder()));
    const [, far] = yield* loop.createConnection(() => new Timed(), '127.0.0.1', portOf(server));
    const transport = yield* near.made;
    const begun = loop.time();
    // Small pieces are throttled as large ones are.
    for (let at = 0; at < 100; at++) transport.write(Buffer.alloc(50, at));
    transport.setWriteBufferLimits(2000);
    t.deepEqual(near.log, ['made', 'pause']);
    transport.close();
    t.true(transport.isClosing());
    yield* far.lost;
    t.is(far.bytes, 5000);
    // 1000 bytes a period of 10 ms: the last leave four periods after the first.
    t.true(loop.time() - begun >= 0.04);
    t.true(near.log.includes('resume'));
    server.close();
    yield* server.waitClosed();
  });
});

test.serial('behind a proxy a connection begins after the line that says who is there', (t) => {
  runOn(new BehindProxy(), function* (loop) {
    const protocols: Recorder[] = [];
    const server = yield* serve(() => (protocols.push(new Recorder()), protocols.at(-1)!));
    const say = function* (...pieces: string[]): Coroutine<Recorder> {
      const [transport, far] = yield* loop.createConnection(
        () => new Recorder(),
        '127.0.0.1',
        portOf(server),
      );
      for (const piece of pieces) {
        transport.write(piece);
        yield* sleep(0.002);
      }
      transport.writeEof();
      yield* far.lost;
      return protocols.at(-1)!;
    };
    const known = yield* say('PROXY TCP4 192.0.2.1 198.51.100.2 40', '000 443\r\nhel', 'lo');
    t.deepEqual(known.log, ['made', 'data hel', 'data lo', 'eof', 'lost null']);
    t.deepEqual(known.transport.getExtraInfo('peername'), ['192.0.2.1', 40_000]);
    t.deepEqual(known.transport.getExtraInfo('sockname'), ['198.51.100.2', 443]);
    const unknown = yield* say('PROXY UNKNOWN\r\nx');
    t.deepEqual(unknown.log, ['made', 'data x', 'eof', 'lost null']);
    t.is((unknown.transport.getExtraInfo('peername') as Address)[0], '127.0.0.1');
    for (const wrong of ['GET / HTTP/1.1\r\n', 'x'.repeat(200), 'PROXY TCP4 no\r\n', 'PROXY']) {
      t.deepEqual((yield* say(wrong)).log, [], wrong);
    }
    server.close();
    yield* server.waitClosed();
  });
});

test.serial('behind a proxy what came with the line waits while the protocol pauses', (t) => {
  runOn(new BehindProxy(), function* (loop) {
    class Pausing extends Recorder {
      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        transport.pauseReading();
      }
    }
    let near: Pausing | null = null;
    const server = yield* serve(() => (near = new Pausing()));
    const [transport] = yield* loop.createConnection(() => new Recorder(), '127.0.0.1', portOf(server));
    transport.write('PROXY UNKNOWN\r\nearly');
    while (near === null || !(near as Pausing).made.done()) yield* sleep(0.001);
    const { log, transport: accepted } = near as Pausing;
    yield* sleep(0.005);
    t.deepEqual(log, ['made']);
    accepted.resumeReading();
    transport.write('late');
    while ((near as Pausing).bytes < 9) yield* sleep(0.001);
    t.deepEqual(log, ['made', 'data early', 'data late']);
    transport.abort();
    accepted.abort();
    server.close();
    yield* server.waitClosed();
  });
});

test.serial('names of its own are tried in their order, others go to the resolver', (t) => {
  const loop = new OwnNames();
  runOn(loop, function* () {
    const server = yield* serve(() => new Echo());
    // Nobody listens at the first one.
    loop.names.set('db.internal', ['127.0.0.9', '127.0.0.1']);
    const [transport] = yield* loop.createConnection(() => new Recorder(), 'db.internal', portOf(server));
    t.deepEqual(transport.getExtraInfo('peername'), ['127.0.0.1', portOf(server)]);
    transport.abort();
    const [other] = yield* loop.createConnection(() => new Recorder(), 'localhost', portOf(server), {
      family: 2,
    });
    other.abort();
    t.deepEqual(
      loop.asked.filter((name) => !String(name).startsWith('127.')),
      ['db.internal', 'localhost'],
    );
    server.close();
    yield* server.waitClosed();
  });
});

test.serial('a scaled clock brings an hour in a moment, with sockets', (t) => {
  runOn(new ScaledTime(360_000), function* (loop) {
    const server = yield* serve(() => new Echo());
    const [transport, far] = yield* loop.createConnection(() => new Recorder(), '127.0.0.1', portOf(server));
    const begun = loop.time();
    yield* sleep(3600);
    t.true(loop.time() - begun >= 3600);
    transport.write('still there');
    while (far.bytes === 0) yield* sleep(60);
    t.deepEqual(far.log, ['made', 'data still there']);
    transport.abort();
    server.close();
    yield* server.waitClosed();
  });
});

test.serial('every handle of callSoon is measured, those that throw as well', (t) => {
  const loop = new Measuring();
  loop.setExceptionHandler(() => {});
  runOn(loop, function* () {
    const busy = (): void => {};
    const failing = (): void => {
      throw new Error('expected');
    };
    for (let at = 0; at < 3; at++) theLoop().callSoon(busy);
    theLoop().callSoon(failing);
    yield* sleep(0);
    yield* sleep(0);
    t.is(loop.measures.get('busy')!.count, 3);
    t.is(loop.measures.get('failing')!.count, 1);
    for (const { waited, took } of loop.measures.values()) t.true(waited >= 0 && took >= 0);
    t.true(
      [...loop.measures.keys()].some((name) => name.includes('step')),
      'steps of tasks are handles',
    );
  });
});

/** The checks that notice an override. */
const NOTICED: Record<string, RegExp> = {
  // Reports name the protocol and the transport that the loop knows.
  Recording: /an error in (dataReceived|eofReceived|getBuffer|bufferUpdated)/,
  Throttling: /an error in (dataReceived|eofReceived|getBuffer|bufferUpdated)/,
  // It is another function that runs: debug mode cannot name the callback.
  Measuring: /debug mode (logs slow callbacks|can be switched)/,
};

const contracts: [name: string, make: () => ContractLoop][] = [
  ['Recording', () => new Recording()],
  ['Throttling', () => Object.assign(new Throttling(), { rate: 1e9 })],
  ['OwnNames', () => new OwnNames()],
  ['ScaledTime', () => new ScaledTime(2)],
  ['Measuring', () => new Measuring()],
];

for (const [name, make] of contracts) {
  test.serial(`${name} keeps the contract of a loop`, async (t) => {
    for (const check of loopContract(make, { transports: { host: '127.0.0.1' } })) {
      if (NOTICED[name]?.test(check.name) === true) await t.throwsAsync(check.run(), undefined, check.name);
      else await t.notThrowsAsync(check.run(), check.name);
    }
  });
}
