/**
 * What another runtime has to be able to do: prints a line for each thing that it cannot, then `N of M`. Started by
 * runtimes.peers.ts, which expects the process to end by itself.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DatagramProtocol,
  MioEventLoop,
  TaskGroup,
  fromPromise,
  getRunningLoop,
  openConnection,
  openUnixConnection,
  run,
  runSync,
  sleep,
  startServer,
  startUnixServer,
} from 'miolo';
import type { Coroutine, StreamReader, StreamWriter } from 'miolo';
import { loopContract } from 'miolo/testing';
import { portOf } from '../../helpers.js';
import { patterned } from '../programs.js';

const content = patterned(3_000_000);
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function* echo(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  for (let data = yield* reader.read(65_536); data.length > 0; data = yield* reader.read(65_536)) {
    writer.write(data);
    yield* writer.drain();
  }
  writer.close();
}

function* exchange(reader: StreamReader, writer: StreamWriter): Coroutine<void> {
  const group = new TaskGroup();
  yield* group.run(function* (tasks): Coroutine<void> {
    tasks.createTask(
      (function* (): Coroutine<void> {
        for (let at = 0; at < content.length; at += 100_000) {
          writer.write(content.subarray(at, at + 100_000));
          yield* writer.drain();
        }
        writer.writeEof();
      })(),
    );
    const got = yield* reader.read(-1);
    if (digest(got) !== digest(content)) throw new Error(`${got.length} bytes came back, not what was sent`);
  });
  writer.close();
  yield* writer.waitClosed();
}

function* tcp(): Coroutine<void> {
  const server = yield* startServer(echo, '127.0.0.1', 0);
  const port = portOf(server);
  for (let turn = 0; turn < 3; turn++) yield* exchange(...(yield* openConnection('localhost', port)));
  server.close();
  yield* server.waitClosed();
}

function* unix(): Coroutine<void> {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-runtime-'));
  try {
    const path = join(folder, 'socket');
    const server = yield* startUnixServer(echo, path);
    yield* exchange(...(yield* openUnixConnection(path)));
    server.close();
    yield* server.waitClosed();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function* datagrams(): Coroutine<void> {
  const loop = getRunningLoop();
  const answered = loop.createFuture<string>();
  class Upper extends DatagramProtocol {
    override datagramReceived(data: Uint8Array, address: unknown): void {
      server.sendto(Buffer.from(String(data).toUpperCase()), address as never);
    }
  }
  class Client extends DatagramProtocol {
    override datagramReceived(data: Uint8Array): void {
      answered.setResult(String(data));
    }
  }
  const [server] = yield* loop.createDatagramEndpoint(() => new Upper(), ['127.0.0.1', 0]);
  const [, port] = server.getExtraInfo('sockname') as [string, number];
  const [client] = yield* loop.createDatagramEndpoint(() => new Client(), null, ['127.0.0.1', port]);
  client.sendto(Buffer.from('hello'));
  const answer = yield* answered;
  if (answer !== 'HELLO') throw new Error(`answered ${answer}`);
  client.close();
  server.close();
}

function* names(): Coroutine<void> {
  const found = yield* getRunningLoop().getaddrinfo('localhost', 80);
  if (found.length === 0) throw new Error('localhost has no address');
}

function* file(): Coroutine<void> {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-runtime-'));
  const path = join(folder, 'file');
  writeFileSync(path, content);
  const descriptor = openSync(path, 'r');
  const loop = getRunningLoop();
  const server = yield* startServer(
    function* (_reader, writer): Coroutine<void> {
      yield* loop.sendfile(writer.transport, descriptor);
      writer.close();
    },
    '127.0.0.1',
    0,
  );
  const [reader, writer] = yield* openConnection('127.0.0.1', portOf(server));
  const got = yield* reader.read(-1);
  writer.close();
  server.close();
  yield* server.waitClosed();
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
  if (digest(got) !== digest(content)) throw new Error('the file came otherwise');
}

function* beside(): Coroutine<void> {
  // The host's own timers and promises go on beside the loop, and bring it further.
  const order: string[] = [];
  setTimeout(() => order.push('timer of the host'), 1);
  yield* fromPromise(new Promise((resolve) => setTimeout(resolve, 10)));
  order.push('after a promise of the host');
  yield* sleep(0.001);
  if (order.length !== 2 || order[0] !== 'timer of the host') throw new Error(order.join(', '));
}

function* otherThread(): Coroutine<void> {
  const loop = getRunningLoop();
  const future = loop.createFuture<void>();
  setTimeout(() => loop.callSoonThreadsafe(() => future.setResult()), 5);
  yield* future;
}

let good = 0;
let all = 0;

async function attempt(name: string, body: () => unknown): Promise<void> {
  all++;
  try {
    await body();
    good++;
  } catch (error) {
    console.log(`${name}: ${error instanceof Error ? (error.stack ?? String(error)) : String(error)}`);
  }
}

for (const body of [tcp, unix, datagrams, names, file, beside, otherThread]) {
  await attempt(`hosted ${body.name}`, () => run(body()));
}
for (const body of [tcp, unix, datagrams, file])
  await attempt(`blocking ${body.name}`, () => runSync(body()));
const offered = { hosted: true, transports: { host: '127.0.0.1' } };
for (const check of loopContract(() => new MioEventLoop(), offered)) await attempt(check.name, check.run);
console.log(`${good} of ${all}`);
