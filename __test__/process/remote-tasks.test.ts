import test from 'ava';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import {
  ProcessLookupError,
  RuntimeError,
  SystemExit,
  TimeoutError,
  buildAsyncTree,
  currentTask,
  displayAwaitedByTasksTable,
  displayAwaitedByTasksTree,
  getAllAwaitedBy,
  run,
  timeout,
} from 'miolo';
import type { Coroutine, TaskInfo, ThreadTasks } from 'miolo';
import { ROOT } from '../helpers.js';

/** Tasks that await each other: a leaf, a middle, and the main task. */
const TASKS = `
  import { getRunningLoop, run, runSync, sleep } from 'miolo';
  function* leaf() { yield* sleep(10000); }
  function* middle(task) { yield* task; }
  function* main() {
    const loop = getRunningLoop();
    const task = loop.createTask(leaf(), { name: 'the leaf' });
    yield* sleep(0.001);
    loop.callLater(0.001, () => process.stdout.write('ready'));
    yield* loop.createTask(middle(task), { name: 'the middle' });
  }
`;

interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly pid: number;
  /** What it has said on its standard error. */
  readonly said: { text: string };
}

/** Starts a Node process that says when it is ready, with an inspector of its own port, and ends it after the test. */
async function start(t: { teardown(fn: () => void): void }, source: string): Promise<Child> {
  const options = ['--inspect-port=0', '--input-type=module', '-e', source];
  const child = spawn(process.execPath, options, { cwd: ROOT });
  t.teardown(() => child.kill('SIGKILL'));
  const said = { text: '' };
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.text += text));
  await once(child.stdout, 'data');
  return { process: child, pid: child.pid!, said };
}

async function read(pid: number): Promise<ThreadTasks[]> {
  return await run(getAllAwaitedBy(pid));
}

function shape(tasks: readonly TaskInfo[]): unknown[][] {
  const names = new Map(tasks.map(({ taskId, taskName }) => [taskId, taskName]));
  return tasks.map(({ taskName, coroutineStack, awaitedBy }) => [
    taskName,
    coroutineStack[0]!.callStack.map((frame) => (frame as { funcname: string }).funcname),
    awaitedBy.map((awaiter) => names.get(awaiter.taskName as number)),
  ]);
}

const SHAPE = [
  ['Task-1', ['main'], []],
  ['the leaf', ['leaf'], ['the middle']],
  ['the middle', ['middle'], ['Task-1']],
];

test('the tasks of another process are read, with their lines and who awaits whom', async (t) => {
  const child = await start(t, `${TASKS} await run(main());`);
  const threads = await read(child.pid);
  t.is(threads.length, 1);
  t.is(threads[0]!.threadId, 0);
  t.deepEqual(shape(threads[0]!.awaitedBy), SHAPE);
  const frame = threads[0]!.awaitedBy[1]!.coroutineStack[0]!.callStack[0] as { lineno: number };
  t.is(frame.lineno, 3);
});

test('the inspector that was opened is closed again, one that was open stays so', async (t) => {
  const child = await start(t, `${TASKS} await run(main());`);
  await read(child.pid);
  const [, host, port] = /ws:\/\/([\d.]+):(\d+)/.exec(child.said.text)!;
  const socket = net.connect(Number(port), host!);
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNREFUSED');

  const open = await start(t, `import { open } from 'node:inspector'; open(0); ${TASKS} await run(main());`);
  t.deepEqual(shape((await read(open.pid))[0]!.awaitedBy), SHAPE);
  t.deepEqual(shape((await read(open.pid))[0]!.awaitedBy), SHAPE);
  t.is(open.said.text.match(/Debugger listening/g)!.length, 1);
});

test('the tasks of worker threads are read as well, with ids of their own', async (t) => {
  const child = await start(
    t,
    `
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    import { currentTask, getRunningLoop, run } from 'miolo';
    const source = ${JSON.stringify(`
      import { getRunningLoop, run } from 'miolo';
      import { parentPort } from 'node:worker_threads';
      function* inWorker() { parentPort.postMessage('ready'); yield* getRunningLoop().createFuture(); }
      parentPort.on('message', () => {});
      await run(inWorker());
    `)};
    const { writeFileSync } = await import('node:fs');
    const file = new URL('build/worker-remote-' + process.pid + '.mjs', 'file://' + process.cwd() + '/');
    writeFileSync(file, source);
    const worker = new Worker(file, { execArgv: [] });
    await once(worker, 'message');
    (await import('node:fs')).rmSync(file);
    function* inMain() { setImmediate(() => process.stdout.write('ready')); yield* getRunningLoop().createFuture(); }
    await run(inMain());
  `,
  );
  const threads = await read(child.pid);
  t.deepEqual(
    threads.map(({ threadId, awaitedBy }) => [threadId, shape(awaitedBy)]),
    [
      [0, [['Task-1', ['inMain'], []]]],
      [1, [['Task-1', ['inWorker'], []]]],
    ],
  );
  t.is(buildAsyncTree(threads).length, 2);
});

test('a process that sleeps in a blocking run is woken and read, again and again', async (t) => {
  const child = await start(t, `${TASKS} runSync(main());`);
  for (let count = 0; count < 2; count++) t.deepEqual(shape((await read(child.pid))[0]!.awaitedBy), SHAPE);
});

test('a read that is cancelled ends at once, and the process can be read later', async (t) => {
  const child = await start(t, `${TASKS} await run(main());`);
  child.process.kill('SIGSTOP');
  function* readBriefly(): Coroutine<void> {
    yield* timeout(0.1).run(getAllAwaitedBy(child.pid));
  }
  await t.throwsAsync(run(readBriefly()), { instanceOf: TimeoutError });
  child.process.kill('SIGCONT');
  t.deepEqual(shape((await read(child.pid))[0]!.awaitedBy), SHAPE);
});

test('the own process needs no inspector', async (t) => {
  const [name, threads] = await run(
    (function* main(): Coroutine<[string, ThreadTasks[]]> {
      return [
        (currentTask() as unknown as { getName(): string }).getName(),
        yield* getAllAwaitedBy(process.pid),
      ];
    })(),
  );
  const own = shape(threads[0]!.awaitedBy).filter(([task]) => task === name);
  t.deepEqual(own, [[name, ['getAllAwaitedBy', 'main'], []]]);
});

test('a Node process without the package is an error that says so', async (t) => {
  const child = await start(t, `process.stdout.write('ready'); setInterval(() => {}, 1000);`);
  await t.throwsAsync(read(child.pid), { instanceOf: RuntimeError, message: /has not loaded this package/ });
});

test('a process that the signal would kill is refused and left alone', async (t) => {
  const child = spawn('cat');
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  await t.throwsAsync(read(child.pid!), { instanceOf: RuntimeError, message: /is no Node process/ });
  child.stdin.end('still there');
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  t.is(String(text), 'still there');
});

test('no such process, and what can be no process', async (t) => {
  await t.throwsAsync(read(2 ** 30), { instanceOf: ProcessLookupError, code: 'ESRCH' });
  for (const wrong of [0, -1, 1.5, '1']) {
    await t.throwsAsync(read(wrong as never), { instanceOf: TypeError });
  }
});

/** Calls `fn` and returns what was printed meanwhile. */
async function printed(method: 'log' | 'error', fn: () => Promise<unknown>): Promise<string> {
  const former = console[method];
  const lines: string[] = [];
  console[method] = (line: string) => void lines.push(line);
  try {
    await fn();
  } finally {
    console[method] = former;
  }
  return lines.join('\n');
}

test.serial('tasks are displayed as a tree and as a table', async (t) => {
  const child = await start(t, `${TASKS} await run(main());`);
  const tree = await printed('log', () => run(displayAwaitedByTasksTree(child.pid)));
  t.regex(tree, /^└── \(T\) Task-1\n {4}└── {2}main .*\n {8}└── \(T\) the middle\n/);
  const table = (await printed('log', () => run(displayAwaitedByTasksTable(child.pid)))).split('\n');
  t.regex(table[0]!, /^tid +task id +task name +coroutine stack +awaiter chain +awaiter name +awaiter id/);
  t.is(table.length, 5);
  t.regex(table[3]!, /^0 +0x[0-9a-f]+ +the leaf +leaf +middle +the middle +0x[0-9a-f]+/);
});

test.serial('a process that cannot be displayed is said so, and is exit status 1', async (t) => {
  const text = await printed('error', async () => {
    const error = await t.throwsAsync(run(displayAwaitedByTasksTree(2 ** 30)), { instanceOf: SystemExit });
    t.is((error as SystemExit).exitCode, 1);
  });
  t.is(text, `Error retrieving tasks: no process ${2 ** 30}`);
});
