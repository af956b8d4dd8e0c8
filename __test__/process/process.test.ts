import test from 'ava';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { ROOT, program } from '../helpers.js';

const ECHO = `
  import { run, getRunningLoop, Protocol, sleep } from 'miolo';
  class Echo extends Protocol {
    connectionMade(transport) { this.transport = transport; }
    dataReceived(data) { this.transport.write(data); }
  }
`;

test('a program that is done lets the process end, without closing anything by hand', async (t) => {
  const outcome = await program(`${ECHO}
    function* main() {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new Echo(), '127.0.0.1', 0);
      yield* loop.createConnection(() => new Echo(), '127.0.0.1', server.sockets[0].getsockname()[1]);
      yield* sleep(0.01);
    }
    await run(main());
    console.log('end');
  `);
  t.like(outcome, { code: 0, signal: null, stdout: 'end\n', stderr: '' });
});

test('a listening server keeps the process alive', async (t) => {
  const outcome = await program(`${ECHO}
    function* main() {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new Echo(), '127.0.0.1', 0);
      setTimeout(() => { console.log('still there'); server.close(); }, 100).unref();
      yield* server.waitClosed();
    }
    await run(main());
  `);
  t.like(outcome, { code: 0, stdout: 'still there\n' });
});

test('a run that can never finish says so when the process would end, naming who waits for what', async (t) => {
  const outcome = await program(`${ECHO}
    function* child() { yield* getRunningLoop().createFuture(); }
    function* main() {
      const task = getRunningLoop().createTask(child(), { name: 'the child' });
      yield* task;
    }
    await run(main());
  `);
  t.not(outcome.code, 0);
  t.regex(outcome.stderr, /RuntimeError: the run can never finish/);
  t.regex(outcome.stderr, /Task-\d+: waits for task the child/);
  t.regex(outcome.stderr, /the child: waits for <Future pending /);
});

test('an error that nobody asked for is told once, at the latest when the process ends', async (t) => {
  const outcome = await program(`
    import { MioEventLoop } from 'miolo';
    const loop = new MioEventLoop();
    function* failing() { throw new Error('lost'); }
    function* main() {
      globalThis.kept = loop.createTask(failing(), { name: 'kept' });
      yield;
    }
    await loop.runUntilComplete(main());
    console.log('the end of the program');
  `);
  t.like(outcome, { code: 0, stdout: 'the end of the program\n' });
  t.is(outcome.stderr.match(/Task exception was never retrieved/g)?.length, 1);
  t.regex(outcome.stderr, /name='kept'[\s\S]*Error: lost/);
});

test('what was written before process.exit() is sent', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const received = (async () => {
    const [socket] = await once(server, 'connection');
    let text = '';
    for await (const data of socket) text += data;
    return text;
  })();
  const outcome = await program(`${ECHO}
    function* main() {
      const loop = getRunningLoop();
      const [transport] = yield* loop.createConnection(() => new Echo(), '127.0.0.1', ${(server.address() as AddressInfo).port});
      transport.write('last words');
      process.exit(7);
    }
    await run(main());
  `);
  t.is(outcome.code, 7);
  t.is(await received, 'last words');
  server.close();
});

test('SystemExit ends the run with that error and leaves the process to its end', async (t) => {
  const outcome = await program(`
    import { run, SystemExit } from 'miolo';
    function* main() { throw new SystemExit(5); }
    try { await run(main()); } catch (error) { process.exitCode = error.exitCode; }
  `);
  t.like(outcome, { code: 5, stderr: '' });
});

test('an addon that only a worker has loaded, terminated in mid-traffic a hundred times, leaves the process alive', async (t) => {
  const worker = `${ECHO}
    import { parentPort } from 'node:worker_threads';
    class Flood extends Protocol {
      connectionMade(transport) { this.transport = transport; transport.write(Buffer.alloc(100000)); }
      dataReceived(data) { this.transport.write(data); }
    }
    function* main() {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new Echo(), '127.0.0.1', 0);
      for (let count = 0; count < 5; count++) {
        yield* loop.createConnection(() => new Flood(), '127.0.0.1', server.sockets[0].getsockname()[1]);
      }
      for (let round = 0; ; round++) {
        yield* sleep(0.001);
        if (round === 3) parentPort.postMessage('busy');
      }
    }
    await run(main());
  `;
  const outcome = await program(`
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    import { writeFileSync, rmSync } from 'node:fs';
    const file = new URL('build/worker-' + process.pid + '.mjs', 'file://' + process.cwd() + '/');
    writeFileSync(file, ${JSON.stringify(worker)});
    for (let count = 0; count < 100; count++) {
      const worker = new Worker(file, { execArgv: [] });
      const failed = once(worker, 'error').then(([error]) => { throw error; });
      failed.catch(() => {});
      await Promise.race([once(worker, 'message'), failed]);
      await worker.terminate();
    }
    rmSync(file);
    console.log('alive');
  `);
  t.like(outcome, { code: 0, signal: null, stdout: 'alive\n', stderr: '' });
});

for (const [what, path, cause] of [
  ['a missing binary', '/nonexistent/miolo.node', /not found/],
  [
    'a file that is no binary',
    `${ROOT}/package.json`,
    /is there but does not load \(it is no binary of miolo\)/,
  ],
] as const) {
  test(`${what} is an error that says which file, which platform, and what to do`, async (t) => {
    const outcome = await program(
      `import { MioEventLoop } from 'miolo';
       try { new MioEventLoop(); } catch (error) { console.log(error.code + '\\n' + error.message); }`,
      { MIOLO_NATIVE_LIBRARY_PATH: path },
    );
    t.is(outcome.code, 0, outcome.stderr);
    t.true(outcome.stdout.startsWith('ERR_MIOLO_NATIVE_BINARY\n'), outcome.stdout);
    t.true(outcome.stdout.includes(path));
    t.true(outcome.stdout.includes(`${process.platform}-${process.arch}`));
    t.regex(outcome.stdout, cause);
    t.regex(outcome.stdout, /npm run build:native/);
  });
}

const PANICKING = `${ROOT}/build/inject-panic/miolo.node`;

test('a panic in Rust reaches every protocol as connectionLost, ends the run, and leaves the process alive', async (t) => {
  t.true(existsSync(PANICKING), 'built by npm run build:inject-panic');
  const outcome = await program(
    `${ECHO}
    const log = [];
    class Client extends Protocol { connectionLost(error) { log.push('lost ' + error.name); } }
    function* main() {
      const loop = getRunningLoop();
      const server = yield* loop.createServer(() => new Echo(), '127.0.0.1', 0);
      for (let count = 0; count < 3; count++) {
        yield* loop.createConnection(() => new Client(), '127.0.0.1', server.sockets[0].getsockname()[1]);
      }
      try { loop._ring.core.injectPanic(); } catch (error) { log.push('crossing failed'); }
      yield* sleep(1);
    }
    let ended = null;
    try { await run(main()); } catch (error) { ended = error; }
    console.log(log.join(', '));
    console.log(String(ended));
    // The process and other loops go on.
    const { MioEventLoop } = await import('miolo');
    const other = new MioEventLoop();
    await other.runUntilComplete(sleep(0.001));
    console.log('alive');
  `,
    { MIOLO_NATIVE_LIBRARY_PATH: PANICKING },
  );
  t.is(outcome.code, 0, outcome.stderr);
  const [log, ended, alive] = outcome.stdout.trim().split('\n');
  t.is(log, 'crossing failed, lost RuntimeError, lost RuntimeError, lost RuntimeError');
  t.regex(ended!, /core has panicked/);
  t.is(alive, 'alive');
});

test('a panic before libuv has looked at the reactor does not end the process', async (t) => {
  const outcome = await program(
    `import { stat } from 'node:fs';
    import { getRunningLoop, run, sleep } from 'miolo';
    function* main() {
      try { getRunningLoop()._ring.core.injectPanic(); } catch { console.log('panicked'); }
      yield* sleep(1);
    }
    // From here an immediate comes before libuv looks at descriptors again.
    await new Promise((resolve) => stat('.', resolve));
    await run(main()).catch((error) => console.log(error.message));
    await new Promise((resolve) => setTimeout(resolve, 1));
    console.log('alive');
  `,
    { MIOLO_NATIVE_LIBRARY_PATH: PANICKING, MIOLO_DRIVER: 'uv' },
  );
  t.is(outcome.signal, null, outcome.stderr);
  t.regex(outcome.stdout, /^panicked\n.*core has panicked.*\nalive\n$/);
});
