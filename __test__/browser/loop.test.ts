import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { RuntimeError, createTask, fromPromise, logger, runSync, sleep } from 'miolo/base';
import { BrowserEventLoop, PageHost } from 'miolo/browser';
import { ROOT } from '../helpers.js';
import { connect, inLoop, pair } from './support.js';

test.serial('promises settle between any two turns', async (t) => {
  const log: string[] = [];
  await inLoop(function* () {
    for (let turn = 0; turn < 5; turn++) {
      log.push('turn');
      void Promise.resolve().then(() => log.push('promise'));
      yield;
    }
  });
  t.is(log.join(' '), 'turn promise '.repeat(5).trim());
});

test.serial('a loop that is never idle lets the timers of its host run', async (t) => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await inLoop(function* () {
    while (ticks < 5) yield;
  });
  clearInterval(timer);
  t.is(ticks, 5);
});

test.serial('a run that waits is woken by callSoonThreadsafe, from outside of any turn', async (t) => {
  await inLoop(function* (loop) {
    const woken = loop.createFuture<string>();
    setTimeout(() => loop.callSoonThreadsafe(() => woken.setResult('woken')), 1);
    t.is(yield* woken, 'woken');
  });
});

test.serial('timers further away than 2^31 ms do not run at once', async (t) => {
  let ran = 0;
  const host = new PageHost();
  const cancel = host.later(2 ** 31, () => ran++);
  await inLoop(function* (loop) {
    loop.callLater(2 ** 31 / 1000 + 1, () => ran++);
    loop.callLater(2 ** 40, () => ran++);
    yield* sleep(0.02);
  });
  cancel();
  host.close();
  t.is(ran, 0);
});

test.serial(
  'a host calls back once for each time it was asked, in order, and not when it is closed',
  async (t) => {
    const host = new PageHost();
    const log: number[] = [];
    await new Promise<void>((resolve) => {
      for (const number of [1, 2, 3]) host.soon(() => log.push(number));
      host.soon(resolve);
      t.deepEqual(log, [], 'not from inside of the call');
    });
    t.deepEqual(log, [1, 2, 3]);
    host.soon(() => log.push(4));
    host.close();
    await inLoop(() => sleep(0.01));
    t.deepEqual(log, [1, 2, 3]);
  },
);

test.serial('what would block the page is refused', (t) => {
  const loop = new BrowserEventLoop();
  t.throws(() => loop.runForeverSync(), { instanceOf: RuntimeError, message: /a page cannot be blocked/ });
  t.throws(() => loop.runUntilCompleteSync(), { instanceOf: RuntimeError });
  loop.close();
  t.throws(() => loop.runForeverSync(), { instanceOf: RuntimeError, message: 'Event loop is closed' });
  // The task that it has made is reported as well.
  const sink = logger.setSink(() => {});
  t.teardown(() => logger.setSink(sink));
  t.throws(() => runSync(sleep(0), { loopFactory: () => new BrowserEventLoop() }), {
    instanceOf: RuntimeError,
    message: /a page cannot be blocked/,
  });
});

test.serial('async functions await tasks of the loop', async (t) => {
  async function twice(): Promise<string> {
    return (await createTask(sleep(0.001, 'a'))) + (await createTask(sleep(0.001, 'b')));
  }
  t.is(
    await inLoop(function* () {
      return yield* fromPromise(twice());
    }),
    'ab',
  );
});

test.serial("a loop that is closed ends its connections for the peers' loop", async (t) => {
  await inLoop(function* (loop) {
    const { port1, port2 } = new MessageChannel();
    const recorder = yield* connect(loop, port1);
    const other = new BrowserEventLoop();
    const opened = other.runUntilComplete(connect(other, port2));
    const peer = yield* fromPromise(opened);
    other.close();
    yield* recorder.lost;
    t.deepEqual([recorder.log, recorder.error], [['made', 'eof', 'lost'], null]);
    t.deepEqual(peer.log, ['made']);
  });
});

test.serial(
  'connections, a loop and its host do not keep a process alive, a run that waits does',
  async (t) => {
    const program = `
    import { run, sleep } from 'miolo/base';
    import { BrowserEventLoop, PortListener, PortSocket } from 'miolo/browser';
    import { Protocol } from 'miolo/base';
    const loop = new BrowserEventLoop();
    const { port1, port2 } = new MessageChannel();
    function* main() {
      yield* loop.createConnection(() => new Protocol(), null, null, { sock: new PortSocket(port1) });
      yield* loop.createConnection(() => new Protocol(), null, null, { sock: new PortSocket(port2) });
      yield* sleep(0.05);
    }
    await loop.runUntilComplete(main());
    await run(sleep(0.05), { loopFactory: () => new BrowserEventLoop() });
    console.log('ran');
  `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: join(ROOT),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    t.deepEqual([printed, code as number], ['ran\n', 0]);
  },
);

test.serial('sockets of another kind are refused', async (t) => {
  await inLoop(function* (loop) {
    const sock = { type: 1, close() {} } as never;
    const calls = [
      () => loop.createConnection(() => ({}) as never, null, null, { sock }),
      () => loop.createServer(() => ({}) as never, null, null, { sock }),
    ];
    for (const call of calls) {
      try {
        yield* call();
        t.fail('it was taken');
      } catch (error) {
        t.true(error instanceof TypeError, String(error));
      }
    }
    const [near] = yield* pair(loop);
    near.transport.abort();
  });
});
