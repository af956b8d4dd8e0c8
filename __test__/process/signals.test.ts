import test from 'ava';
import { DRIVES, converse } from './child.js';

const PRELUDE = `
  import { ContextVar, MioEventLoop, getRunningLoop, run, runSync, sleep } from 'miolo';
`;

for (const [drive, run, runUntilComplete] of DRIVES) {
  test(`in ${drive} a handler is called while the loop waits, with its arguments and the context of its registration`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      const variable = new ContextVar('variable');
      function* main() {
        const loop = getRunningLoop();
        const called = loop.createFuture();
        variable.set('at registration');
        loop.addSignalHandler('SIGTERM', (...args) => called.setResult([...args, variable.get()]), [1, 'two']);
        variable.set('later');
        console.log('ready');
        console.log((yield* called).join(', '));
      }
      ${run}(main());`,
      { ready: 'SIGTERM' },
    );
    t.like(outcome, { code: 0, signal: null, stderr: '' });
    t.deepEqual(outcome.lines, ['ready', '1, two, at registration']);
  });

  test(`in ${drive} a signal does what it did before once its handler is removed`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      function* main() {
        const loop = getRunningLoop();
        const called = loop.createFuture();
        loop.addSignalHandler('SIGTERM', () => called.setResult());
        console.log('ready');
        yield* called;
        console.log(loop.removeSignalHandler('SIGTERM') + ' ' + loop.removeSignalHandler('SIGTERM'));
        yield* sleep(50);
      }
      ${run}(main());`,
      { ready: 'SIGTERM', 'true false': 'SIGTERM' },
    );
    t.like(outcome, { code: null, signal: 'SIGTERM' });
    t.deepEqual(outcome.lines, ['ready', 'true false']);
  });

  test(`in ${drive} a second registration replaces the first, and a cancelled one removes itself`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      function* main() {
        const loop = getRunningLoop();
        const called = loop.createFuture();
        loop.addSignalHandler('SIGHUP', () => console.log('replaced'));
        loop.addSignalHandler('SIGHUP', () => called.setResult('second'));
        console.log('ready');
        console.log(yield* called);
        loop.addSignalHandler('SIGHUP', () => console.log('cancelled'));
        [...loop._signalHandlers.values()][0].cancel();
        loop._handleSignal(1);
        console.log('left ' + loop._signalHandlers.size);
      }
      ${run}(main());`,
      { ready: 'SIGHUP' },
    );
    t.like(outcome, { code: 0, signal: null, stderr: '' });
    t.deepEqual(outcome.lines, ['ready', 'second', 'left 0']);
  });

  test(`a handler outlives ${drive} and is removed by close()`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      const loop = new MioEventLoop();
      function* nothing() {}
      function* wait(future) { return yield* future; }
      const called = loop.createFuture();
      loop.addSignalHandler('SIGTERM', () => called.setResult('handled'));
      ${runUntilComplete}(nothing());
      console.log('between');
      console.log(${runUntilComplete}(wait(called)));
      loop.close();
      console.log('closed ' + process.listenerCount('SIGTERM'));
      setTimeout(() => console.log('survived'), 20_000);`,
      { between: 'SIGTERM', 'closed 0': 'SIGTERM' },
    );
    t.like(outcome, { code: null, signal: 'SIGTERM' });
    t.deepEqual(outcome.lines, ['between', 'handled', 'closed 0']);
  });
}

test('a hosted run is alive as long as it has a signal handler', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    function* main() {
      const called = getRunningLoop().createFuture();
      getRunningLoop().addSignalHandler('SIGTERM', () => called.setResult('stopped'));
      setTimeout(() => console.log('ready'), 30).unref();
      return yield* called;
    }
    console.log(await run(main()));`,
    { ready: 'SIGTERM' },
  );
  t.deepEqual(outcome.lines, ['ready', 'stopped'], outcome.stderr);
});

test('what is no signal, cannot be caught, or comes from another thread is refused', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const loop = new MioEventLoop();
    const attempt = (...args) => {
      try { loop.addSignalHandler(...args); console.log('added'); } catch (error) { console.log(error.name); }
    };
    const callback = () => {};
    attempt('SIGNONE', callback);
    attempt('toString', callback);
    attempt(0, callback);
    attempt(65, callback);
    attempt(1.5, callback);
    attempt(null, callback);
    attempt('SIGKILL', callback);
    attempt('SIGSTOP', callback);
    attempt('SIGTERM', function* () {});
    attempt('SIGTERM', null);
    try { loop.removeSignalHandler(1000); } catch (error) { console.log('remove ' + error.name); }
    console.log(loop.removeSignalHandler('SIGTERM'), process.listenerCount('SIGKILL'));
    loop.close();
    attempt('SIGTERM', callback);
    console.log(loop.removeSignalHandler('SIGTERM'));
    const worker = new Worker(
      "import('miolo').then(({ MioEventLoop }) => { new MioEventLoop().addSignalHandler('SIGTERM', () => {}); })",
      { eval: true, execArgv: [] },
    );
    const [error] = await once(worker, 'error');
    console.log('thread ' + error.message);`,
    {},
  );
  t.deepEqual(
    outcome.lines,
    [
      'ValueError',
      'ValueError',
      'ValueError',
      'ValueError',
      'TypeError',
      'TypeError',
      'RuntimeError',
      'RuntimeError',
      'TypeError',
      'TypeError',
      'remove ValueError',
      'false 0',
      'RuntimeError',
      'false',
      'thread signal handlers can be set in the main thread only',
    ],
    outcome.stderr,
  );
});

test('a signal handler of Node that was there before a blocking run is there after it', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    process.on('SIGTERM', () => { console.log('of Node'); clearTimeout(timer); });
    const timer = setTimeout(() => {}, 20_000);
    function* main() {
      const loop = getRunningLoop();
      const called = loop.createFuture();
      loop.addSignalHandler('SIGTERM', () => called.setResult());
      console.log('blocking');
      yield* called;
      console.log('of the loop');
    }
    runSync(main());
    console.log('after');`,
    { blocking: 'SIGTERM', after: 'SIGTERM' },
  );
  t.like(outcome, { code: 0, signal: null, stderr: '' });
  t.deepEqual(outcome.lines, ['blocking', 'of the loop', 'after', 'of Node']);
});

test('signals that come at any point of a blocking run are handled, in the next one at the latest', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    const loop = new MioEventLoop();
    let count = 0;
    loop.addSignalHandler('SIGHUP', () => count++);
    const send = () => process.kill(process.pid, 'SIGHUP');
    // As the first thing of the run, as its last, and in the middle.
    function* first() { send(); yield* sleep(0.0002); }
    function* last() { yield* sleep(0.0002); send(); }
    function* middle() { yield; send(); yield; }
    function* nothing() { yield; yield; yield; }
    let expected = 0;
    for (let round = 0; round < 100; round++) {
      for (const body of [first, last, middle]) {
        loop.runUntilCompleteSync(body());
        loop.runUntilCompleteSync(nothing());
        if (count !== ++expected) throw new Error(body.name + ' of round ' + round + ': ' + count);
      }
    }
    console.log(count);
    loop.close();`,
    {},
  );
  t.like(outcome, { code: 0, stderr: '' });
  t.deepEqual(outcome.lines, ['300']);
});

test('handlers that are added and removed inside of a blocking run leave Node as it was', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    function* main() {
      const loop = getRunningLoop();
      for (let round = 0; round < 20; round++) {
        const called = loop.createFuture();
        loop.addSignalHandler('SIGUSR2', () => called.setResult());
        process.kill(process.pid, 'SIGUSR2');
        yield* called;
        loop.removeSignalHandler('SIGUSR2');
      }
      console.log('twenty');
    }
    runSync(main());
    process.once('SIGUSR2', () => { console.log('of Node'); clearTimeout(timer); console.log('again'); });
    const timer = setTimeout(() => {}, 20_000);
    console.log('after');`,
    { after: 'SIGUSR2' },
  );
  t.like(outcome, { code: 0, signal: null, stderr: '' });
  t.deepEqual(outcome.lines, ['twenty', 'after', 'of Node', 'again']);
});
