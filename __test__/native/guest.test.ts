import test from 'ava';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { MioEventLoop, SystemExit, ValueError, fromPromise, run, sleep, startServer } from 'miolo';
import type { Coroutine, HostedDriver, Transport } from 'miolo';
import { Echo, ROOT, Recorder, nodeClient, portOf, serve, theLoop } from '../helpers.js';

const guest = (): MioEventLoop => new MioEventLoop({ driver: 'guest' });

/** The driver of a loop that is made with `MIOLO_DRIVER` set so. */
function driverWith(variable: string | undefined, asked?: HostedDriver): HostedDriver {
  const former = process.env['MIOLO_DRIVER'];
  const set = (value: string | undefined): void => {
    if (value === undefined) delete process.env['MIOLO_DRIVER'];
    else process.env['MIOLO_DRIVER'] = value;
  };
  set(variable);
  try {
    const loop = new MioEventLoop({ driver: asked });
    loop.close();
    return loop.driver;
  } finally {
    set(former);
  }
}

/** What a program of the guest driver printed, when it has ended well. */
async function program(source: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: ROOT,
    env: { ...process.env, MIOLO_DRIVER: 'guest' },
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Sends a word to an echo server of the running loop and waits for it. */
function* echoed(): Coroutine<string> {
  const server = yield* serve(() => new Echo());
  const [transport, protocol] = yield* theLoop().createConnection(
    () => new Recorder(),
    '127.0.0.1',
    portOf(server),
  );
  transport.write('hello');
  while (protocol.bytes < 5) yield* sleep(0.001);
  transport.close();
  yield* protocol.lost;
  server.close();
  yield* server.waitClosed();
  return protocol.log[1]!;
}

test.serial(
  'a thread drives where it is asked for, by option or environment, and else only where libuv cannot',
  (t) => {
    t.is(driverWith(undefined), process.platform === 'win32' ? 'guest' : 'uv');
    t.is(driverWith(''), process.platform === 'win32' ? 'guest' : 'uv');
    t.is(driverWith('guest'), 'guest');
    t.is(driverWith('uv'), 'uv');
    t.is(driverWith('guest', 'uv'), 'uv', 'the option has the last word');
    t.is(driverWith('uv', 'guest'), 'guest');
    t.throws(() => driverWith('threads'), {
      instanceOf: ValueError,
      message: /'uv' or 'guest', got 'threads'/,
    });
    t.throws(() => driverWith(undefined, 'x' as HostedDriver), { instanceOf: ValueError });
  },
);

test.serial('a runtime without libuv is driven by a thread, and refuses libuv by name', async (t) => {
  const without = (pretend: string): string => `
    import { MioEventLoop, run, sleep } from 'miolo';
    delete process.env.MIOLO_DRIVER;
    ${pretend}
    const loop = new MioEventLoop();
    await loop.runUntilComplete(sleep(0.001));
    loop.close();
    let refusal;
    try { new MioEventLoop({ driver: 'uv' }); } catch (error) { refusal = error.name; }
    console.log(loop.driver, refusal);
  `;
  const versions = (runtime: string): string =>
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, ${runtime}: '1' } });`;
  for (const pretend of [versions('bun'), versions('deno')]) {
    t.deepEqual(await program(without(pretend)), { code: 0, stdout: 'guest RuntimeError\n', stderr: '' });
  }
});

test.serial('timers of a loop that a thread drives come in order of deadline and never early', async (t) => {
  const fired = await run(
    (function* (): Coroutine<number[]> {
      const loop = theLoop();
      const order: number[] = [];
      for (const [index, delay] of [0.02, 0.005, 0.0101, 0.01, 0, 0.0004].entries()) {
        const handle = loop.callLater(delay, () => {
          order.push(index);
          t.true(loop.time() >= handle.when());
        });
      }
      yield* sleep(0.03);
      return order;
    })(),
    { loopFactory: guest },
  );
  t.deepEqual(fired, [4, 5, 1, 3, 2, 0]);
});

test.serial(
  'the thread keeps the deadlines of a loop with a clock of its own, without timers of the host',
  async (t) => {
    class Clocked extends MioEventLoop {
      override time(): number {
        return super.time();
      }
    }
    const loop = new Clocked({ driver: 'guest' });
    const timers: number[] = [];
    const former = globalThis.setTimeout;
    globalThis.setTimeout = ((fn: () => void, delay: number) => {
      timers.push(delay);
      return former(fn, delay);
    }) as typeof setTimeout;
    try {
      const start = loop.time();
      await loop.runUntilComplete(sleep(0.005));
      t.true(loop.time() - start >= 0.005);
    } finally {
      globalThis.setTimeout = former;
    }
    t.deepEqual(timers, []);
    loop.close();
  },
);

test.serial(
  'a timer that is set outside of a turn replaces a later deadline that is waited for',
  async (t) => {
    const loop = guest();
    const done = loop.createFuture<string>();
    const running = loop.runUntilComplete(done);
    loop.callLater(3600, () => done.setResult('late'));
    // Turns have passed, and the loop rests.
    for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
    loop.callLater(0.002, () => done.done() || done.setResult('soon'));
    t.is(await running, 'soon');
    loop.close();
  },
);

test.serial('an idle loop makes no turns', async (t) => {
  class Counting extends MioEventLoop {
    turns = 0;

    override _runOnce(): void {
      this.turns++;
      super._runOnce();
    }
  }
  const loop = new Counting({ driver: 'guest' });
  const done = loop.createFuture<void>();
  const running = loop.runUntilComplete(done);
  const server = await loop.createTask(serve(() => new Echo()));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const turns = loop.turns;
  // Long enough for a loop that does not rest to make thousands.
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(loop.turns, turns);
  server.close();
  done.setResult();
  await running;
  loop.close();
});

test.serial('a loop is driven by a thread, blocks, and is driven again, with its connections', async (t) => {
  const loop = guest();
  for (let round = 0; round < 3; round++) {
    t.is(await loop.runUntilComplete(echoed()), 'data hello');
    t.is(loop.runUntilCompleteSync(echoed()), 'data hello');
  }
  loop.close();
});

test.serial('loops of both drivers run at once in one thread', async (t) => {
  const loops = [guest(), guest(), new MioEventLoop()];
  const words = await Promise.all(loops.map((loop) => loop.runUntilComplete(echoed())));
  t.deepEqual(words, ['data hello', 'data hello', 'data hello']);
  for (const loop of loops) loop.close();
});

test.serial('stop() and SystemExit end a run that a thread drives, and the loop can run again', async (t) => {
  const loop = guest();
  loop.callLater(0.001, () => loop.stop());
  await loop.runForever();
  loop.callLater(0.001, () => {
    throw new SystemExit(3);
  });
  await t.throwsAsync(loop.runForever(), { instanceOf: SystemExit });
  t.is(await loop.runUntilComplete(echoed()), 'data hello');
  loop.close();
});

const threads = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);

test.serial('the thread ends with its loop, whether the loop rested or not', async (t) => {
  const count = threads();
  for (let round = 0; round < 100; round++) {
    const loop = guest();
    const done = loop.createFuture<void>();
    const running = loop.runUntilComplete(done);
    if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    done.setResult();
    await running;
    loop.close();
  }
  t.true(threads() <= count, 'no thread is left');
});

test.serial(
  'a worker terminated while its loop rests, a hundred times, leaves the process alive',
  async (t) => {
    const worker = `
    const { parentPort } = require('node:worker_threads');
    import('miolo').then(async ({ MioEventLoop, Protocol }) => {
      const loop = new MioEventLoop();
      const running = loop.runForever();
      await loop.createServer(() => new Protocol(), '127.0.0.1', 0);
      setImmediate(() => setImmediate(() => parentPort.postMessage(loop.driver)));
      await running;
    });
  `;
    const outcome = await program(`
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    for (let count = 0; count < 100; count++) {
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [] });
      const failed = once(worker, 'error').then(([error]) => { throw error; });
      failed.catch(() => {});
      const [driver] = await Promise.race([once(worker, 'message'), failed]);
      if (driver !== 'guest') throw new Error(driver);
      await worker.terminate();
    }
    console.log('alive');
  `);
    t.deepEqual(outcome, { code: 0, stdout: 'alive\n', stderr: '' });
  },
);

test.serial(
  'a process exits while its loop rests, by process.exit() and when nothing is left to do',
  async (t) => {
    const resting = (then: string): string => `
    import { MioEventLoop, Protocol } from 'miolo';
    const loop = new MioEventLoop();
    const running = loop.runForever();
    const server = await loop.createServer(() => new Protocol(), '127.0.0.1', 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
    ${then}
  `;
    t.deepEqual(await program(resting('process.exit(7);')), { code: 7, stdout: '', stderr: '' });
    // Another loop's traffic goes on while the process exits.
    t.deepEqual(
      await program(
        resting(`
        const { connect } = await import('node:net');
        const port = server.sockets[0].getsockname()[1];
        for (let count = 0; count < 100; count++) connect(port, '127.0.0.1').on('error', () => {});
        setImmediate(() => process.exit(7));
      `),
      ),
      { code: 7, stdout: '', stderr: '' },
    );
    const stalled = await program(resting('server.close(); running.catch((e) => console.log(e.name));'));
    t.deepEqual(stalled, { code: 0, stdout: 'RuntimeError\n', stderr: '' });
  },
);

test.serial(
  'what a stream has left when it resumes is taken, though a large write took the resumption',
  async (t) => {
    const content = Buffer.alloc(4_000_000, 'echo');
    const echo = await run(
      (function* (): Coroutine<Buffer> {
        const server = yield* startServer(
          function* (reader, writer) {
            // Reading pauses and resumes at this limit, and every answer is large enough to be sent at once.
            for (let data = yield* reader.read(65_536); data.length > 0; data = yield* reader.read(65_536)) {
              writer.write(data);
              yield* writer.drain();
            }
            writer.close();
          },
          '127.0.0.1',
          0,
        );
        const client = yield* fromPromise(nodeClient(portOf(server)));
        client.end(content);
        const all = yield* fromPromise(buffer(client));
        server.close();
        yield* server.waitClosed();
        return all;
      })(),
      { loopFactory: () => guest() },
    );
    t.true(echo.equals(content));
  },
);

test.serial(
  'bytes that waited are delivered although a direct write took the request to read on',
  async (t) => {
    const received = await run(
      (function* (): Coroutine<string> {
        const loop = theLoop();
        const done = loop.createFuture<string>();
        class Deaf extends Recorder {
          override connectionMade(transport: Transport): void {
            super.connectionMade(transport);
            transport.pauseReading();
          }

          override dataReceived(data: Uint8Array): void {
            done.setResult(Buffer.from(data).toString());
          }
        }
        let near: Deaf | null = null;
        const server = yield* serve(() => (near = new Deaf()));
        // The other end is Node's: nothing of it wakes the thread.
        const client = yield* fromPromise(nodeClient(portOf(server)));
        client.resume().write('hello');
        while (near === null) yield* sleep(0.001);
        const { transport } = near as Deaf;
        // Turns that see that there is something to read, which nobody asks for.
        for (let turn = 0; turn < 5; turn++) yield* sleep(0.002);
        transport.resumeReading();
        transport.write(Buffer.alloc(40 * 1024));
        const text = yield* done;
        client.destroy();
        transport.abort();
        server.close();
        yield* server.waitClosed();
        return text;
      })(),
      { loopFactory: guest },
    );
    t.is(received, 'hello');
  },
);
