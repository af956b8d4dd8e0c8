import ava from 'ava';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import {
  BrokenExecutor,
  ConcurrentCancelledError,
  ConnectionResetError,
  LimitOverrunError,
  ThreadPoolExecutor,
  fromPromise,
  getRunningLoop,
  logger,
  run,
  sleep,
  toThread,
  transferring,
  workerFunction,
} from 'miolo';
import type { Coroutine, MioEventLoop } from 'miolo';
import { ROOT, theLoop } from '../helpers.js';
import type * as jobs from './jobs.js';

const test = ava.serial;

const JOBS = new URL('./jobs.js', import.meta.url);
const where = workerFunction<typeof jobs.where>(JOBS, 'where');
const block = workerFunction<typeof jobs.block>(JOBS, 'block');
const fail = workerFunction<typeof jobs.fail>(JOBS, 'fail');

/** A gate that {@link block} waits at: [what it opens with, threads that have come]. */
const gate = (): Int32Array => new Int32Array(new SharedArrayBuffer(8));

/** Waits until `count` threads stand at the gate: looks in each turn of Node's loop. */
async function arrived(at: Int32Array, count: number): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- it is one wait
  while (Atomics.load(at, 1) < count) await new Promise((resolve) => setImmediate(resolve));
}

function open(at: Int32Array): void {
  Atomics.store(at, 0, 1);
  Atomics.notify(at, 0);
}

/** Runs `body` with an executor, and ends the executor. */
async function withPool<T>(
  maxWorkers: number,
  body: (executor: ThreadPoolExecutor) => Promise<T>,
): Promise<T> {
  const executor = new ThreadPoolExecutor({ maxWorkers });
  try {
    return await body(executor);
  } finally {
    await executor.shutdown();
  }
}

test('a function that closes over nothing runs in another thread, with its arguments', async (t) => {
  await withPool(1, async (executor) => {
    t.is(await executor.submit((a: number, b: { readonly c: number }) => a + b.c, [1, { c: 2 }]), 3);
    t.is(
      await executor.submit(
        function named(text: string) {
          return text.toUpperCase();
        },
        ['text'],
      ),
      'TEXT',
    );
    const thread = await executor.submit(async () => (await import('node:worker_threads')).isMainThread);
    t.false(thread);
  });
});

test('an exported function is imported by the thread, and callable in this one', async (t) => {
  await withPool(1, async (executor) => {
    const there = await executor.submit(where);
    t.false(there.isMain);
    t.true(there.thread > 0);
    t.is(await executor.submit(workerFunction<typeof jobs.default>(JOBS)), 'the default export');
    t.true((await where()).isMain);
    await t.throwsAsync(async () => await executor.submit(workerFunction(JOBS, 'nothing')), {
      instanceOf: TypeError,
      message: /exports no function nothing/,
    });
  });
});

test('a function that refers to names around it fails, and the error says why', async (t) => {
  const outer = Math.random();
  await withPool(1, async (executor) => {
    const error = await t.throwsAsync(async () => await executor.submit(() => outer), {
      instanceOf: ReferenceError,
      message: /outer is not defined: a function goes to a worker thread as source text.*workerFunction\(\)/,
    });
    t.regex(error!.stack!, /^ReferenceError: outer is not defined: a function goes/);
  });
});

test('functions without usable source text are refused at once', async (t) => {
  await withPool(1, async (executor) => {
    const methods = {
      short() {
        return 1;
      },
    };
    class Made {
      readonly field = 1;
    }
    for (const fn of [methods.short, Math.max, methods.short.bind(null), Made, 'text', null]) {
      t.throws(() => executor.submit(fn as never), { instanceOf: TypeError }, String(fn));
    }
    t.throws(() => executor.submit(function* () {}), { message: /coroutines cannot be used/ });
  });
});

test('memory is handed over instead of copied where both sides say so', async (t) => {
  await withPool(1, async (executor) => {
    const data = new Uint8Array(1000).fill(2);
    const sum = workerFunction<typeof jobs.sum>(JOBS, 'sum');
    t.is(await executor.submit(sum, [data]), 2000);
    t.is(data.length, 1000);
    t.is(await executor.submit(sum, [transferring(data, [data.buffer])]), 2000);
    t.is(data.length, 0, 'it is not here any more');
    const filled = await executor.submit(workerFunction<typeof jobs.fill>(JOBS, 'fill'), [100]);
    t.deepEqual(filled, new Uint8Array(100).fill(7));
  });
});

test('what cannot be cloned fails its own job only', async (t) => {
  await withPool(1, async (executor) => {
    const argument = executor.submit((fn: unknown) => typeof fn, [() => {}]);
    const result = executor.submit(() => () => {});
    for (const [index, outcome] of (await Promise.allSettled([argument, result])).entries()) {
      t.is(outcome.status, 'rejected', `job ${index}`);
      t.is((outcome as PromiseRejectedResult).reason.name, 'DataCloneError');
    }
    t.is(await executor.submit(() => 'goes on'), 'goes on');
    const at = gate();
    void executor.submit(block, [at]);
    const many = Array.from({ length: 20_000 }, () => executor.submit((fn: unknown) => fn, [() => {}]));
    open(at);
    const outcomes = await Promise.allSettled(many);
    t.true(outcomes.every((outcome) => outcome.status === 'rejected'));
  });
});

test('errors come back with class, message, code and properties', async (t) => {
  await withPool(1, async (executor) => {
    const thrown = async (kind: string): Promise<unknown> => {
      try {
        return await executor.submit(fail, [kind]);
      } catch (error) {
        return error;
      }
    };
    const ours = (await thrown('ours')) as LimitOverrunError;
    t.is(ours.constructor, LimitOverrunError);
    t.like(ours, { message: 'too much', consumed: 12, code: 'ERR_MIOLO_LIMIT_OVERRUN' });
    t.regex(ours.stack!, /jobs\.[jt]s/);
    const os = (await thrown('os')) as ConnectionResetError;
    t.is(os.constructor, ConnectionResetError);
    t.like(os, { errno: 104, code: 'ECONNRESET', syscall: 'read' });
    const strange = (await thrown('strange')) as jobs.Strange;
    t.is(strange.constructor, RangeError, 'the nearest class that both threads know');
    t.like(strange, { message: 'odd', detail: { level: 3 } });
    t.false('hidden' in strange);
    t.is((strange.cause as Error).constructor, TypeError);
    const group = (await thrown('group')) as AggregateError;
    t.is(group.constructor, AggregateError);
    t.is((group.errors[0] as Error).constructor, SyntaxError);
    t.is(group.errors[1], 'two');
    t.is(await thrown('a text'), 'a text');
    const node = await t.throwsAsync(
      async () => await executor.submit(async () => (await import('node:fs')).statSync('/nowhere/at/all')),
    );
    t.like(node, { code: 'ENOENT', syscall: 'stat', path: '/nowhere/at/all' });
  });
});

test('a module whose program sends its own functions to threads is told, and starts no threads without end', async (t) => {
  const folder = mkdtempSync(join(ROOT, 'build', 'own-worker-'));
  const file = join(folder, 'program.mjs');
  const source = `
    import { run, toThread, workerFunction } from 'miolo';
    export const double = (number) => 2 * number;
    const job = workerFunction(import.meta.url, 'double');
    function* main() {
      return yield* toThread(job, [21]);
    }
  `;
  try {
    writeFileSync(file, `${source} await run(main());`);
    const wrong = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
    t.is(wrong.status, 1);
    t.regex(
      wrong.stderr,
      /RuntimeError: fn: the worker thread that imports file:.*program\.mjs for double\(\) starts/,
    );
    writeFileSync(
      file,
      `import { isMainThread } from 'node:worker_threads'; ${source} if (isMainThread) console.log(await run(main()));`,
    );
    const right = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
    t.is(right.stdout, '42\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('threads are made when they are needed, up to the limit, and used again', async (t) => {
  await withPool(2, async (executor) => {
    const first = await executor.submit(where);
    const second = await executor.submit(where);
    t.is(first.thread, second.thread, 'an idle thread is used before one is made');
    const at = gate();
    const blocked = [executor.submit(block, [at]), executor.submit(block, [at])];
    await arrived(at, 2);
    const waiting = executor.submit(where);
    t.false(waiting.running(), 'it waits for a thread');
    t.true(blocked.every((future) => future.running()));
    open(at);
    t.deepEqual(await Promise.all(blocked), [1, 1]);
    await waiting;
  });
});

test('a queued job can be cancelled, a running one cannot', async (t) => {
  await withPool(1, async (executor) => {
    const at = gate();
    const running = executor.submit(block, [at]);
    const queued = executor.submit(() => 1);
    const after = executor.submit(() => 2);
    t.false(running.cancel());
    t.true(queued.cancel());
    open(at);
    t.is(await after, 2);
    t.is(await running, 1);
    await t.throwsAsync(async () => await queued, { instanceOf: ConcurrentCancelledError });
  });
});

test('a thread that ends during a job fails that job and is replaced', async (t) => {
  await withPool(1, async (executor) => {
    const dying = executor.submit(() => process.exit(7));
    const after = executor.submit(where);
    const error = await t.throwsAsync(async () => await dying, { instanceOf: BrokenExecutor });
    t.like(error, { exitCode: 7, code: 'ERR_MIOLO_BROKEN_EXECUTOR' });
    t.false((await after).isMain);
    // An error that no job can be blamed for is the thread's end as well; here it comes while the job waits.
    const uncaught = await t.throwsAsync(
      async () =>
        await executor.submit(async () => {
          setTimeout(() => {
            throw new RangeError('from nowhere');
          }, 0);
          await new Promise(() => {});
        }),
      { instanceOf: BrokenExecutor },
    );
    t.is((uncaught!.cause as Error).message, 'from nowhere');
    t.is(await executor.submit(() => 'replaced'), 'replaced');
  });
});

test('a thread that runs out of memory fails its job and not the process', async (t) => {
  const outcome = await program(
    `
    import { ThreadPoolExecutor } from 'miolo';
    const executor = new ThreadPoolExecutor({ maxWorkers: 1 });
    try {
      await executor.submit(() => { const all = []; for (;;) all.push(new Array(100_000).fill(all.length)); });
    } catch (error) { console.log(error.name, error.cause.code); }
    console.log(await executor.submit(() => 'goes on'));
  `,
    ['--max-old-space-size=60'],
  );
  t.like(outcome, { code: 0, stdout: 'BrokenExecutor ERR_WORKER_OUT_OF_MEMORY\ngoes on\n' });
});

test('a thread that fails between jobs is logged and replaced', async (t) => {
  const logged: unknown[] = [];
  const heard = new Promise<void>((resolve) => {
    logger.setSink((_level, message, details) => {
      logged.push([message, (details[0] as Error).message]);
      resolve();
    });
  });
  try {
    await withPool(1, async (executor) => {
      await executor.submit(() => {
        setTimeout(() => {
          throw new Error('too late');
        }, 1);
      });
      // Idle threads do not keep the process alive; this does.
      const timer = setTimeout(() => {}, 60_000);
      await heard;
      clearTimeout(timer);
      t.is(await executor.submit(() => 'replaced'), 'replaced');
    });
  } finally {
    logger.setSink(null);
  }
  t.deepEqual(logged, [['a worker thread failed between jobs', 'too late']]);
});

test('messages that a job posts by itself do no harm', async (t) => {
  await withPool(1, async (executor) => {
    const posts = async (): Promise<string> => {
      const { parentPort } = await import('node:worker_threads');
      parentPort!.postMessage('noise');
      parentPort!.postMessage(null);
      return 'answer';
    };
    t.is(await executor.submit(posts), 'answer');
  });
});

test('shutdown waits for running and queued jobs, and refuses new ones', async (t) => {
  const executor = new ThreadPoolExecutor({ maxWorkers: 1 });
  const at = gate();
  const running = executor.submit(block, [at]);
  const queued = executor.submit(() => 'queued');
  let isOver = false;
  const ending = (async () => {
    await executor.shutdown();
    isOver = true;
  })();
  t.throws(() => executor.submit(() => 1), { message: 'cannot schedule new futures after shutdown' });
  await arrived(at, 1);
  t.false(isOver);
  open(at);
  await ending;
  t.is(running.result(), 1);
  t.is(queued.result(), 'queued');
  await executor.shutdown();
});

test('shutdown can cancel what has not begun, and need not wait', async (t) => {
  const executor = new ThreadPoolExecutor({ maxWorkers: 1 });
  const at = gate();
  const running = executor.submit(block, [at]);
  const queued = executor.submit(() => 'queued');
  await executor.shutdown({ wait: false, cancelFutures: true });
  t.true(queued.cancelled());
  t.false(running.done());
  open(at);
  t.is(await running, 1);
  await executor.shutdown();
});

test('an executor without threads is shut down at once', async (t) => {
  await new ThreadPoolExecutor().shutdown();
  t.pass();
});

test('maxWorkers is a whole number above 0', (t) => {
  for (const maxWorkers of [0, -1, 1.5, NaN]) {
    t.throws(() => new ThreadPoolExecutor({ maxWorkers }), { name: 'ValueError' });
  }
  t.true(new ThreadPoolExecutor().maxWorkers >= 1);
});

test('toThread and runInExecutor run jobs while the loop goes on', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const at = gate();
      const task = theLoop().createTask(toThread(block, [at]));
      yield* fromPromise(arrived(at, 1));
      for (let turn = 0; turn < 3; turn++) yield* sleep(0.001);
      t.false(task.done());
      open(at);
      t.is(yield* task, 1);
      const executor = new ThreadPoolExecutor({ maxWorkers: 1 });
      t.is(yield* theLoop().runInExecutor(executor, (a: number) => a + 1, [1]), 2);
      yield* fromPromise(executor.shutdown());
    })(),
  );
});

test('cancelling detaches from a running job, whose end the run still waits for when it closes', async (t) => {
  const at = gate();
  await run(
    (function* (): Coroutine<void> {
      const future = getRunningLoop() as unknown as MioEventLoop;
      const job = future.runInExecutor(null, block, [at]);
      yield* fromPromise(arrived(at, 1));
      t.true(job.cancel());
      yield;
      t.true(job.cancelled());
      future.callLater(0.01, () => open(at));
      yield* sleep(0.02);
    })(),
  );
  t.is(at[0], 1);
});

interface Program {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function program(source: string, options: readonly string[] = []): Promise<Program> {
  const child = spawn(process.execPath, [...options, '--input-type=module', '-e', source], {
    cwd: ROOT,
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

test('idle threads let the process end; a pending job keeps it alive, also without a loop', async (t) => {
  const outcome = await program(`
    import { ThreadPoolExecutor } from 'miolo';
    const executor = new ThreadPoolExecutor();
    executor.submit((ms) => new Promise((resolve) => setTimeout(resolve, ms, 'done')), [50]).addDoneCallback((future) => {
      console.log(future.result());
    });
  `);
  t.deepEqual(outcome, { code: 0, stdout: 'done\n', stderr: '' });
});

test('a pending job keeps a hosted run alive', async (t) => {
  const outcome = await program(`
    import { run, toThread } from 'miolo';
    function* main() {
      return yield* toThread((ms) => new Promise((resolve) => setTimeout(resolve, ms, 'done')), [50]);
    }
    console.log(await run(main()));
  `);
  t.deepEqual(outcome, { code: 0, stdout: 'done\n', stderr: '' });
});

test('in a blocking run worker threads are refused, with what to use instead', async (t) => {
  const outcome = await program(`
    import { runSync, toThread } from 'miolo';
    function* main() { yield* toThread(() => 1); }
    try { runSync(main()); } catch (error) { console.log(error.name + ': ' + error.message); }
  `);
  t.is(outcome.code, 0, outcome.stderr);
  t.regex(outcome.stdout, /^RuntimeError: .*use run\(\) instead of runSync\(\)/);
});
