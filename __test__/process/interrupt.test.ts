import test from 'ava';
import { DRIVES, converse } from './child.js';

const PRELUDE = `
  import { Runner, currentTask, getRunningLoop, run, runSync, sleep } from 'miolo';
  const attempt = async (body) => {
    try { console.log('result ' + await body()); } catch (error) { console.log('error ' + error.name); }
  };
`;

for (const [drive, run] of DRIVES) {
  test(`in ${drive} the first Ctrl-C cancels the main task, which cleans up, and ends in KeyboardInterrupt`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      function* main() {
        console.log('ready');
        try { yield* sleep(50); } catch (error) { console.log('caught ' + error.name); throw error; }
        finally { yield* sleep(0.001); console.log('clean'); }
      }
      await attempt(async () => ${run}(main()));
      console.log('listeners ' + process.listenerCount('SIGINT'));`,
      { ready: 'SIGINT' },
    );
    t.like(outcome, { code: 0, signal: null, stderr: '' });
    t.deepEqual(outcome.lines, [
      'ready',
      'caught CancelledError',
      'clean',
      'error KeyboardInterrupt',
      'listeners 0',
    ]);
  });

  test(`in ${drive} a main task that swallows the cancellation returns as if nothing had been`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      function* main() {
        console.log('ready');
        try { yield* sleep(50); } catch {}
        return 'fine';
      }
      await attempt(async () => ${run}(main()));`,
      { ready: 'SIGINT' },
    );
    t.deepEqual(outcome.lines, ['ready', 'result fine'], outcome.stderr);
  });

  test(`in ${drive} the second Ctrl-C is a KeyboardInterrupt at once`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      function* main() {
        console.log('ready');
        try { yield* sleep(50); } catch { console.log('stubborn'); }
        yield* sleep(50);
        console.log('never');
      }
      await attempt(async () => ${run}(main()));`,
      { ready: 'SIGINT', stubborn: 'SIGINT' },
    );
    t.deepEqual(outcome.lines, ['ready', 'stubborn', 'error KeyboardInterrupt'], outcome.stderr);
  });

  test(`in ${drive} a task that something else has cancelled too ends in CancelledError`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      function* main() {
        const task = currentTask();
        console.log('ready');
        try { yield* sleep(50); } catch (error) { task.cancel(); throw error; }
      }
      await attempt(async () => ${run}(main()));`,
      { ready: 'SIGINT' },
    );
    t.deepEqual(outcome.lines, ['ready', 'error CancelledError'], outcome.stderr);
  });

  test(`after ${drive} Ctrl-C ends the process again`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      function* main() { return 'done'; }
      await attempt(async () => ${run}(main()));
      setTimeout(() => console.log('survived'), 20_000);
      console.log('ready');`,
      { ready: 'SIGINT' },
    );
    t.like(outcome, { code: null, signal: 'SIGINT' });
    t.deepEqual(outcome.lines, ['result done', 'ready']);
  });

  test(`in ${drive} a handler of the loop replaces the interrupt, and gives it back when it is removed`, async (t) => {
    const outcome = await converse(
      `${PRELUDE}
      function* main() {
        const loop = getRunningLoop();
        const called = loop.createFuture();
        loop.addSignalHandler('SIGINT', () => called.setResult());
        console.log('ready');
        yield* called;
        console.log('removed ' + loop.removeSignalHandler('SIGINT'));
        yield* sleep(50);
      }
      await attempt(async () => ${run}(main()));`,
      { ready: 'SIGINT', 'removed true': 'SIGINT' },
    );
    t.deepEqual(outcome.lines, ['ready', 'removed true', 'error KeyboardInterrupt'], outcome.stderr);
  });
}

test('a listener of the program keeps Ctrl-C to itself', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    process.on('SIGINT', () => { console.log('mine'); done.setResult('ended by the program'); });
    let done;
    function* main() {
      done = getRunningLoop().createFuture();
      console.log('ready');
      // Nothing else keeps the process alive.
      const timer = getRunningLoop().callLater(50, () => {});
      try { return yield* done; } finally { timer.cancel(); }
    }
    await attempt(async () => run(main()));`,
    { ready: 'SIGINT' },
  );
  t.deepEqual(outcome.lines, ['ready', 'mine', 'result ended by the program'], outcome.stderr);
});

test('Ctrl-C interrupts every hosted run of the thread', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    function* main(name) {
      try { yield* sleep(50, undefined); } finally { console.log(name); }
    }
    const one = attempt(async () => new Runner().run(main('one')));
    const two = attempt(async () => new Runner().run(main('two')));
    setTimeout(() => console.log('ready'), 10);
    await Promise.all([one, two]);`,
    { ready: 'SIGINT' },
  );
  t.deepEqual(
    outcome.lines.toSorted(),
    ['error KeyboardInterrupt', 'error KeyboardInterrupt', 'one', 'ready', 'two'],
    outcome.stderr,
  );
});

test('a blocking run is interrupted between the turns of a program that never waits', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    function* main() {
      console.log('ready');
      for (;;) yield;
    }
    await attempt(async () => runSync(main()));`,
    { ready: 'SIGINT' },
  );
  t.deepEqual(outcome.lines, ['ready', 'error KeyboardInterrupt'], outcome.stderr);
});

test('a runner can be run again after an interrupt, and closed', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    const runner = new Runner();
    function* main() { console.log('ready'); yield* sleep(50); }
    function* again() { return 'again'; }
    await attempt(async () => runner.runSync(main()));
    await attempt(async () => runner.runSync(again()));
    runner.closeSync();`,
    { ready: 'SIGINT' },
  );
  t.deepEqual(outcome.lines, ['ready', 'error KeyboardInterrupt', 'result again'], outcome.stderr);
});

test('Ctrl-C as the main task ends is a KeyboardInterrupt', async (t) => {
  const outcome = await converse(
    `${PRELUDE}
    function* main() { process.kill(process.pid, 'SIGINT'); return 'done'; }
    await attempt(async () => runSync(main()));`,
    {},
  );
  t.deepEqual(outcome.lines, ['error KeyboardInterrupt'], outcome.stderr);
});

test('in a worker thread runs leave Ctrl-C to the main thread', async (t) => {
  const outcome = await converse(
    `
    import { Worker } from 'node:worker_threads';
    const worker = new Worker(
      "import('miolo').then(({ run, runSync, sleep }) => { console.log('ready'); runSync(sleep(50)); })",
      { eval: true, execArgv: [] },
    );`,
    { ready: 'SIGINT' },
  );
  t.deepEqual([outcome.lines, outcome.signal], [['ready'], 'SIGINT'], outcome.stderr);
});
