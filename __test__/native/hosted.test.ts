import test from 'ava';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { MioEventLoop, RuntimeError, fromPromise, getRunningLoop, run, runSync, sleep } from 'miolo';
import type { Coroutine } from 'miolo';
import { Echo, ROOT, Recorder, nodeClient, portOf, serve, theLoop } from '../helpers.js';

test.serial('a hosted loop beside a busy Node program starves neither side', async (t) => {
  const http = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  const worker = new Worker(
    "require('worker_threads').parentPort.on('message', function (m) { this.postMessage(m) })",
    {
      eval: true,
    },
  );
  const node = { timers: 0, files: 0, fetches: 0, messages: 0 };
  let busy = true;
  const timer = setInterval(() => node.timers++, 1);
  const works = [
    (async () => {
      while (busy) {
        await readFile(`${ROOT}/package.json`);
        node.files++;
      }
    })(),
    (async () => {
      while (busy) {
        await (await fetch(url)).text();
        node.fetches++;
      }
    })(),
    (async () => {
      while (busy) {
        worker.postMessage(1);
        await once(worker, 'message');
        node.messages++;
      }
    })(),
  ];
  const ours = await run(
    (function* (): Coroutine<{ bytes: number; turns: number; sleeps: number }> {
      const loop = theLoop();
      const server = yield* serve(() => new Echo());
      const counts = { bytes: 0, turns: 0, sleeps: 0 };
      const spin = (): void => {
        // The loop itself always has something to do.
        counts.turns++;
        if (busy) loop.callSoon(spin);
      };
      spin();
      class PingPong extends Recorder {
        override connectionMade(transport: Parameters<Recorder['connectionMade']>[0]): void {
          this.transport = transport;
          transport.write('x'.repeat(1000));
        }

        override dataReceived(data: Uint8Array): void {
          counts.bytes += data.length;
          this.transport.write(data);
        }
      }
      const [transport, protocol] = yield* loop.createConnection(
        () => new PingPong(),
        '127.0.0.1',
        portOf(server),
      );
      const enough = (): boolean =>
        Object.values(node).every((count) => count >= 20) && counts.bytes >= 100_000 && counts.sleeps >= 20;
      while (!enough()) {
        yield* sleep(0.001);
        counts.sleeps++;
      }
      busy = false;
      transport.close();
      yield* protocol.lost;
      server.close();
      yield* server.waitClosed();
      return counts;
    })(),
  );
  clearInterval(timer);
  await Promise.all(works);
  await worker.terminate();
  http.close();
  t.true(ours.turns > 100);
});

test.serial('what a promise callback writes, schedules or closes is done at once', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const loop = theLoop();
      const protocols: Recorder[] = [];
      const server = yield* serve(() => (protocols.push(new Recorder()), protocols[0]!));
      const client = yield* fromPromise(nodeClient(portOf(server)));
      while (protocols.length === 0) yield* sleep(0.001);
      const protocol = protocols[0]!;
      yield* protocol.made;

      const outside = (async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        protocol.transport.write('from outside');
        const [data] = (await once(client, 'data')) as [Buffer];
        t.is(data.toString(), 'from outside');

        await new Promise<void>((resolve) => loop.callSoon(resolve));
        const start = loop.time();
        await new Promise<void>((resolve) => loop.callLater(0.01, resolve));
        t.true(loop.time() - start >= 0.01);

        const future = loop.createFuture<string>();
        queueMicrotask(() => future.setResult('result'));
        t.is(await future, 'result');

        t.is(getRunningLoop() as unknown, loop, 'the only hosted loop is the running one');
        protocol.transport.close();
        await once(client, 'end');
      })();
      yield* fromPromise(outside);
      t.is(yield* protocol.lost, null);
      client.destroy();
      server.close();
      yield* server.waitClosed();
    })(),
  );
});

test.serial('two hosted loops share a thread, and outside of turns neither is the running one', async (t) => {
  const first = new MioEventLoop();
  const second = new MioEventLoop();
  const addresses: number[] = [];
  function* talk(loop: MioEventLoop, other: number): Coroutine<string> {
    t.is(theLoop(), loop);
    const server = yield* serve(() => new Echo());
    addresses.push(portOf(server));
    while (addresses.length < 2) yield* sleep(0.001);
    const [transport, protocol] = yield* loop.createConnection(
      () => new Recorder(),
      '127.0.0.1',
      addresses[other]!,
    );
    transport.write('hello');
    while (protocol.bytes < 5) yield* sleep(0.001);
    t.is(theLoop(), loop);
    transport.close();
    yield* protocol.lost;
    yield* sleep(0.01);
    server.close();
    yield* server.waitClosed();
    return protocol.log[1]!;
  }
  const runs = [first.runUntilComplete(talk(first, 1)), second.runUntilComplete(talk(second, 0))];
  await new Promise((resolve) => setImmediate(resolve));
  t.throws(() => getRunningLoop(), { instanceOf: RuntimeError, message: /several/ });
  t.deepEqual(await Promise.all(runs), ['data hello', 'data hello']);
  first.close();
  second.close();
});

test.serial('a loop that runs cannot be run again, and nothing blocks while a loop runs', async (t) => {
  const loop = new MioEventLoop();
  const done = loop.createFuture<void>();
  const running = loop.runUntilComplete(done);
  await t.throwsAsync(loop.runForever(), { instanceOf: RuntimeError, message: /already running/ });
  t.throws(() => loop.runForeverSync(), { instanceOf: RuntimeError, message: /already running/ });
  t.throws(() => loop.close(), { instanceOf: RuntimeError, message: /running/ });
  const other = new MioEventLoop();
  t.throws(() => other.runForeverSync(), { instanceOf: RuntimeError, message: /another loop/ });
  other.close();
  done.setResult();
  await running;
  loop.close();
  loop.close();
  t.throws(() => loop.callSoon(() => {}), { instanceOf: RuntimeError, message: /closed/ });
});

test.serial('promises are refused in a blocking run, with the way out', (t) => {
  t.throws(
    () =>
      runSync(
        (function* (): Coroutine<void> {
          yield* fromPromise(Promise.resolve());
        })(),
      ),
    { instanceOf: RuntimeError, message: /run\(\)/ },
  );
});

test.serial('timers of both drives come in order of deadline and never early', async (t) => {
  function* main(): Coroutine<number[]> {
    const loop = theLoop();
    const fired: number[] = [];
    const delays = [0.02, 0.005, 0.0101, 0.01, 0, 0.005, 0.0004];
    for (const [index, delay] of delays.entries()) {
      const handle = loop.callLater(delay, () => {
        fired.push(index);
        t.true(loop.time() >= handle.when());
      });
    }
    const cancelled = loop.callLater(0.003, () => fired.push(99));
    cancelled.cancel();
    cancelled.cancel();
    yield* sleep(0.03);
    return fired;
  }
  const order = [4, 6, 1, 5, 3, 2, 0];
  t.deepEqual(await run(main()), order);
  t.deepEqual(runSync(main()), order);
});

test.serial('overriding time() moves the timers of the native loop to the new clock', async (t) => {
  class Fast extends MioEventLoop {
    override time(): number {
      return super.time() * 100;
    }
  }
  const start = performance.now();
  const elapsed = await run(
    (function* (): Coroutine<number> {
      const before = theLoop().time();
      yield* sleep(1);
      return theLoop().time() - before;
    })(),
    { loopFactory: () => new Fast() },
  );
  t.true(elapsed >= 1);
  t.true(performance.now() - start >= 10);
});
