import test from 'ava';
import {
  CycleFoundException,
  Exception,
  buildAsyncTree,
  buildTaskTable,
  gather,
  getRunningLoop,
  runSync,
  sleep,
  snapshotTasks,
} from 'miolo/base';
import type { CoroInfo, Coroutine, Task, TaskInfo, ThreadTasks } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

const at = (funcname: string, filename = '', lineno = 0) => ({ funcname, filename, lineno });
const coro = (taskName: number, ...callStack: CoroInfo['callStack']): CoroInfo => ({ callStack, taskName });

function info(taskId: number, stack: CoroInfo['callStack'], awaitedBy: CoroInfo[] = []): TaskInfo {
  return { taskId, taskName: `T${taskId}`, coroutineStack: [coro(taskId, ...stack)], awaitedBy };
}

test('a tree has tasks, the coroutines they are in, and below those the tasks that are awaited there', (t) => {
  const result: ThreadTasks[] = [
    {
      threadId: 1,
      awaitedBy: [
        info(1, [at('group', 'g.js', 3), at('main', 'm.js', 2)]),
        info(2, [at('work', 'w.js', 5)], [coro(1, at('group', 'g.js', 3), at('main', 'm.js', 2))]),
        info(3, ['sleep 1', at('work', 'w.js', 6)], [coro(1, at('group', 'g.js', 3), at('main', 'm.js', 2))]),
      ],
    },
    { threadId: 2, awaitedBy: [info(4, [])] },
  ];
  t.deepEqual(buildAsyncTree(result, 'T', 'c'), [
    [
      '└── T T1',
      '    └── c main m.js:2',
      '        └── c group g.js:3',
      '            ├── T T2',
      '            │   └── c work w.js:5',
      '            └── T T3',
      '                └── c work w.js:6',
      '                    └── c sleep 1',
    ],
    ['└── T T4'],
  ]);
});

test('tasks that await each other in a circle have no tree; all circles are told', (t) => {
  const result: ThreadTasks[] = [
    {
      threadId: 1,
      awaitedBy: [
        info(1, [], [coro(2)]),
        info(2, [], [coro(1)]),
        info(3, [], [coro(3)]),
        info(4, [], [coro(1)]),
      ],
    },
  ];
  const error = t.throws(() => buildAsyncTree(result), { instanceOf: CycleFoundException })!;
  t.true(error instanceof Exception);
  t.deepEqual(error.cycles, [
    [2, 1, 2],
    [3, 3],
  ]);
  t.is(error.id2name.get(4), 'T4');
  t.regex(error.message, /T2 → T1 → T2; T3 → T3/);
});

test('a table has a row for each awaiter, or one that says there is none', (t) => {
  const result: ThreadTasks[] = [
    {
      threadId: 9,
      awaitedBy: [
        info(17, ['sleep 1', at('work', 'w.js', 5)], [coro(1, at('main', 'm.js', 2)), coro(99)]),
        info(1, [at('main', 'm.js', 2)]),
      ],
    },
  ];
  t.deepEqual(buildTaskTable(result), [
    ['9', '0x11', 'T17', 'sleep -> work', 'main', 'T1', '0x1'],
    ['9', '0x11', 'T17', 'sleep -> work', '', 'Unknown', '0x63'],
    ['9', '0x1', 'T1', 'main', '', '', '0x0'],
  ]);
});

test('a snapshot has the pending tasks and who awaits them, looking through gathering futures', (t) => {
  function* wait(): Coroutine<void> {
    yield* sleep(10);
  }
  function* main(): Coroutine<ThreadTasks> {
    const loop = getRunningLoop();
    const a = loop.createTask(wait(), { name: 'a' }) as Task;
    const b = loop.createTask(wait(), { name: 'b' }) as Task;
    loop.createTask(
      (function* both() {
        yield* gather([a, b]);
      })(),
      { name: 'both' },
    );
    (loop.createTask(wait(), { name: 'over' }) as Task).cancel();
    yield* sleep(1);
    return snapshotTasks();
  }
  const options = { debug: true, loopFactory: () => new VirtualClockLoop() };
  const { threadId, awaitedBy } = runSync(main(), options);
  t.is(threadId, 0);
  const byName = new Map(awaitedBy.map((task) => [task.taskName, task]));
  t.deepEqual([...byName.keys()].slice(1), ['a', 'b', 'both']);
  const both = byName.get('both')!;
  for (const name of ['a', 'b']) {
    const [awaiter, ...others] = byName.get(name)!.awaitedBy;
    t.is(awaiter!.taskName, both.taskId);
    t.like(awaiter!.callStack.at(-1), { funcname: 'both' });
    t.deepEqual(others, []);
    t.like(byName.get(name)!.coroutineStack[0]!.callStack.at(-1), { funcname: 'wait' });
  }
  t.is(new Set(awaitedBy.map(({ taskId }) => taskId)).size, awaitedBy.length);
  const [first] = awaitedBy;
  t.like(first!.coroutineStack[0]!.callStack, [{ funcname: 'main' }], 'the running task, where it is');
  const trees = buildAsyncTree([{ threadId, awaitedBy }]).map((lines) => lines[0]);
  t.deepEqual(trees, [`└── (T) ${first!.taskName}`, '└── (T) both']);
});
