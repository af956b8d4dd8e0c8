import test from 'ava';
import { DRIVES, Program } from './program.js';

const ECHO = `
import { Protocol, MioEventLoop, getRunningLoop, run, runSync, sleep } from 'miolo';
class Echo extends Protocol {
  connectionMade(transport) { this.transport = transport; }
  dataReceived(data) { this.transport.write(data); }
}
class Client extends Protocol {
  constructor() {
    super();
    this.lost = getRunningLoop().createFuture();
    this.answer = null;
  }
  connectionMade(transport) { this.transport = transport; }
  ask(text) {
    this.text = text;
    this.got = '';
    this.answer = getRunningLoop().createFuture();
    this.transport.write(text);
    return this.answer;
  }
  dataReceived(data) {
    this.got += Buffer.from(data).toString('latin1');
    if (this.got.length >= this.text.length) this.answer.setResult(this.got === this.text);
  }
  connectionLost(error) {
    if (this.answer !== null && !this.answer.done()) this.answer.setException(error ?? new Error('lost'));
    this.lost.setResult(error);
  }
}
`;

/** Serves until every one of so many connections has come and gone. */
const server = (run: string, connections: number): string => `${ECHO}
function* main() {
  const loop = getRunningLoop();
  let peak = 0, gone = 0;
  class Counted extends Echo {
    connectionMade(transport) {
      super.connectionMade(transport);
      peak = Math.max(peak, loop._ring.core.sockets());
    }
    connectionLost() { gone++; }
  }
  const idle = loop._ring.core.sockets();
  const server = yield* loop.createServer(() => new Counted(), '127.0.0.1', 0, { backlog: 1000 });
  console.log(server.sockets[0].getsockname()[1]);
  while (gone < ${connections}) yield* sleep(0.01);
  server.close();
  yield* server.waitClosed();
  console.log(JSON.stringify({ peak, left: loop._ring.core.sockets() - idle, gone }));
}
${run}(main());
`;

const client = (run: string, port: string, connections: number): string => `${ECHO}
function* main() {
  const loop = getRunningLoop();
  const clients = [];
  for (let count = 0; count < ${connections}; count++) {
    const [, protocol] = yield* loop.createConnection(() => new Client(), '127.0.0.1', ${port});
    clients.push(protocol);
  }
  const peak = loop._ring.core.sockets();
  let wrong = 0;
  // One after the other, then all at once, then backwards.
  for (const [at, each] of clients.entries()) if (!(yield* each.ask('first ' + at))) wrong++;
  const answers = clients.map((each, at) => each.ask('together ' + at));
  for (const answer of answers) if (!(yield* answer)) wrong++;
  for (let at = clients.length - 1; at >= 0; at--) if (!(yield* clients[at].ask('last ' + at))) wrong++;
  for (const each of clients) each.transport.close();
  for (const each of clients) yield* each.lost;
  yield;
  console.log(JSON.stringify({ peak, wrong, left: loop._ring.core.sockets() }));
}
${run}(main());
`;

for (const [drive, run] of DRIVES) {
  test.serial(`${drive}: ten thousand connections are held open and echo in turn`, async (t) => {
    const connections = 10_000;
    const serving = new Program(server(run, connections), connections + 200);
    const asking = new Program(client(run, await serving.line(), connections), connections + 200);
    t.deepEqual(await asking.json(), { peak: connections, wrong: 0, left: 0 });
    t.deepEqual(await serving.json(), { peak: connections + 1, left: 0, gone: connections });
    t.is(serving.stderr + asking.stderr, '');
    await serving.end();
    await asking.end();
  });
}

interface Measure {
  readonly descriptors: number;
  readonly sockets: number;
  readonly subjects: number;
  readonly heap: number;
  readonly resident: number;
}

/** Both ends in one process: several at a time, so many in all. Measures before, and afterwards. */
const churn = (run: string, connections: number): string => `${ECHO}
import { readdirSync } from 'node:fs';
import { gather } from 'miolo';
function* main() {
  const loop = getRunningLoop();
  const hosts = Array.from({ length: 16 }, (_each, at) => '127.0.0.' + (at + 1));
  const server = yield* loop.createServer(() => new Echo(), hosts, 0);
  const addresses = server.sockets.map((socket) => socket.getsockname());
  let made = 0;
  function* some(until) {
    while (made < until) {
      const number = made++;
      const [host, port] = addresses[number % addresses.length];
      const [transport, protocol] = yield* loop.createConnection(() => new Client(), host, port);
      if (!(yield* protocol.ask('number ' + number))) throw new Error('wrong answer');
      transport.close();
      yield* protocol.lost;
    }
  }
  function* all(until) {
    yield* gather([1, 2, 3, 4, 5, 6, 7, 8].map(() => some(until)));
    // The server's ends notice.
    while (loop._ring.core.sockets() > hosts.length) yield* sleep(0.001);
  }
  function measure() {
    for (let round = 0; round < 4; round++) gc();
    const { heapUsed, rss } = process.memoryUsage();
    console.log(JSON.stringify({
      descriptors: readdirSync('/proc/self/fd').length,
      sockets: loop._ring.core.sockets(),
      subjects: loop._ring.subjects.length,
      heap: heapUsed,
      resident: rss,
    }));
  }
  // Opens what printing needs.
  console.log('begin');
  yield* all(5000);
  measure();
  yield* all(${connections});
  measure();
  server.close();
  yield* server.waitClosed();
}
${run}(main());
`;

const CHURNED = 100_000;

for (const [drive, run] of DRIVES) {
  test.serial(`${drive}: a hundred thousand connections that come and go leave nothing behind`, async (t) => {
    // A young generation of its own size would be in the resident memory: newer Nodes let it grow by 50 MB.
    const program = new Program(churn(run, CHURNED), 256, ['--expose-gc', '--max-semi-space-size=2']);
    t.is(await program.line(), 'begin');
    const before = await program.json<Measure>();
    const after = await program.json<Measure>();
    t.is(after.descriptors, before.descriptors);
    t.is(after.sockets, before.sockets);
    t.true(after.subjects <= 64, `places used: ${after.subjects}`);
    // A leak of 20 bytes a connection would show; so would one of 250 bytes outside of the heap.
    t.true(after.heap - before.heap < 2_000_000, `heap: ${before.heap} ${after.heap}`);
    t.true(after.resident - before.resident < 25_000_000, `resident: ${before.resident} ${after.resident}`);
    t.is(program.stderr, '');
    await program.end();
  });
}
