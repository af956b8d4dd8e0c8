import test from 'ava';
import {
  RuntimeError,
  Task,
  _enterTask,
  _leaveTask,
  _registerEagerTask,
  _registerTask,
  _swapCurrentTask,
  _unregisterEagerTask,
  _unregisterTask,
  allTasks,
  currentTask,
  sleep,
} from 'miolo/base';
import type { Coroutine, TaskLike } from 'miolo/base';
import { ForeignFuture } from './foreign-future.js';
import { ForeignTask } from './foreign-task.js';
import { MinimalLoop, RecordingLoop, collectUntil, thrownBy } from './support.js';

function* nothing(): Coroutine<void> {}

/** Something that looks like a task to the registry. */
function taskLike(loop: unknown, options: { by?: 'getLoop' | '_loop'; isDone?: boolean } = {}): TaskLike {
  const its = options.by === '_loop' ? { _loop: loop } : { getLoop: () => loop };
  return { ...its, done: () => options.isDone === true } as never;
}

test('a task cannot be entered while another is current, which stays', (t) => {
  const loop = new MinimalLoop();
  const first = taskLike(loop);
  _enterTask(loop, first);
  try {
    for (const next of [first, taskLike(loop)]) {
      t.throws(() => _enterTask(loop, next), {
        instanceOf: RuntimeError,
        message: /^Cannot enter into task .* while another task .* is being executed\.$/,
      });
      t.is(currentTask(loop), first);
    }
  } finally {
    _leaveTask(loop, first);
  }
  t.is(currentTask(loop), null);
});

test('a task that is not current cannot be left, and the current one stays', (t) => {
  const loop = new MinimalLoop();
  const first = taskLike(loop);
  const message = /^Leaving task .* does not match the current task .*\.$/;
  t.throws(() => _leaveTask(loop, first), { instanceOf: RuntimeError, message });
  _enterTask(loop, first);
  t.throws(() => _leaveTask(loop, taskLike(loop)), { instanceOf: RuntimeError, message });
  t.is(currentTask(loop), first);
  _leaveTask(loop, first);
  t.is(currentTask(loop), null);
});

test('each loop has a current task of its own', (t) => {
  const loops = [new MinimalLoop(), new MinimalLoop()] as const;
  const tasks = loops.map((loop) => taskLike(loop));
  loops.forEach((loop, index) => _enterTask(loop, tasks[index]!));
  t.deepEqual(
    loops.map((loop) => currentTask(loop)),
    tasks,
  );
  _leaveTask(loops[0], tasks[0]!);
  t.is(currentTask(loops[0]), null);
  t.is(currentTask(loops[1]), tasks[1]!);
  _leaveTask(loops[1], tasks[1]!);
});

test('swapping the current task returns what it was', (t) => {
  const loop = new MinimalLoop();
  const [first, second] = [taskLike(loop), taskLike(loop)];
  t.is(_swapCurrentTask(loop, first), null);
  t.is(_swapCurrentTask(loop, second), first);
  t.is(currentTask(loop), second);
  t.is(_swapCurrentTask(loop, null), second);
  t.is(currentTask(loop), null);
});

test('without a loop the current task and all tasks are those of the running one', (t) => {
  const loop = new RecordingLoop();
  t.throws(() => currentTask(), { instanceOf: RuntimeError, message: 'no running event loop' });
  t.throws(() => allTasks(), { instanceOf: RuntimeError, message: 'no running event loop' });
  loop.complete(function* () {
    t.is(currentTask(), currentTask(loop));
    t.deepEqual([...allTasks()], [currentTask()!]);
  });
});

test('a step that is entered by somebody else is reported, and the other stays current', (t) => {
  const loop = new RecordingLoop();
  const intruder = taskLike(loop);
  loop.callSoon(() => _enterTask(loop, intruder));
  const task = loop.createTask(nothing());
  loop.turn();
  t.is(loop.reports.length, 1);
  t.regex((loop.reports[0]!.exception as RuntimeError).message, /^Cannot enter into task/);
  t.false(task.done());
  t.is(currentTask(loop), intruder);
  _leaveTask(loop, intruder);
});

test('a step that somebody else has left is reported, and the task keeps its outcome', (t) => {
  const loop = new RecordingLoop();
  const body = function* (): Coroutine<string> {
    _leaveTask(loop, task);
    return 'done';
  };
  const task = loop.createTask(body());
  loop.turn();
  t.is(loop.reports.length, 1);
  t.regex((loop.reports[0]!.exception as RuntimeError).message, /^Leaving task/);
  t.is(task.result(), 'done');
  t.is(currentTask(loop), null);
});

test('registering is idempotent, and so is unregistering', (t) => {
  const loop = new RecordingLoop();
  const own = loop.createTask(nothing());
  const foreign = taskLike(loop);
  for (const task of [own, foreign]) {
    _registerTask(task);
    _registerTask(task);
  }
  t.deepEqual([...allTasks(loop)], [own, foreign]);
  for (const task of [own, foreign]) {
    _unregisterTask(task);
    _unregisterTask(task);
  }
  t.is(allTasks(loop).size, 0);
  _registerTask(own);
  t.deepEqual([...allTasks(loop)], [own]);
  loop.turn();
  t.is(allTasks(loop).size, 0);
});

test('unregistering a task that never was registered is harmless', (t) => {
  const loop = new MinimalLoop();
  t.is(
    thrownBy(() => {
      _unregisterTask(taskLike(loop));
      _unregisterEagerTask(taskLike(loop));
    }),
    null,
  );
});

test('all tasks are those of the loop that are not done when one asks', (t) => {
  const loop = new RecordingLoop();
  const other = new RecordingLoop();
  const task = loop.createTask(nothing());
  const waiting = loop.createTask(sleep(1));
  const elsewhere = other.createTask(nothing());
  t.deepEqual([...allTasks(loop)], [task, waiting]);
  t.deepEqual([...allTasks(other)], [elsewhere]);
  loop.turn();
  t.deepEqual([...allTasks(loop)], [waiting]);
});

test('what all tasks returns is a copy', (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(sleep(1));
  allTasks(loop).clear();
  t.deepEqual([...allTasks(loop)], [task]);
  for (const _ of allTasks(loop)) loop.createTask(sleep(1));
  t.is(allTasks(loop).size, 2);
});

test('task-likes are found by getLoop() or by _loop', (t) => {
  const loop = new MinimalLoop();
  const tasks = [taskLike(loop), taskLike(loop, { by: '_loop' })];
  const others = [taskLike(loop, { isDone: true }), taskLike(new MinimalLoop())];
  for (const task of [...tasks, ...others]) _registerTask(task);
  t.deepEqual([...allTasks(loop)], tasks);
  for (const task of [...tasks, ...others]) _unregisterTask(task);
});

test('a task in its eager step is among all tasks, and only there', (t) => {
  const loop = new MinimalLoop();
  const task = taskLike(loop);
  _registerEagerTask(task);
  t.deepEqual([...allTasks(loop)], [task]);
  _unregisterEagerTask(task);
  t.is(allTasks(loop).size, 0);
});

test('tasks of another make are current while they step, and visible until they are done', (t) => {
  const loop = new RecordingLoop();
  const seen: unknown[] = [];
  loop.complete(function* () {
    const task = new ForeignTask(
      (function* (): Coroutine<void> {
        seen.push(currentTask());
        yield* sleep(1);
        seen.push(currentTask());
      })(),
      loop,
    );
    t.deepEqual([...allTasks()], [currentTask()!, task as TaskLike]);
    yield* task;
    t.deepEqual(seen, [task, task]);
    t.deepEqual([...allTasks()], [currentTask()!]);
  });
});

test('tasks of a loop that is not ours are registered like others', (t) => {
  const loop = new MinimalLoop();
  const seen: unknown[] = [];
  const task = new Task(
    (function* (): Coroutine<void> {
      seen.push(currentTask(loop));
    })(),
    { loop },
  );
  t.deepEqual([...allTasks(loop)], [task]);
  loop.drain();
  t.deepEqual(seen, [task]);
  t.is(currentTask(loop), null);
  t.is(allTasks(loop).size, 0);
});

test.serial('the registry keeps no task of another make alive', async (t) => {
  const loop = new MinimalLoop();
  const ref = ((): WeakRef<TaskLike> => {
    const task = new ForeignFuture(loop) as TaskLike;
    _registerTask(task);
    return new WeakRef(task);
  })();
  t.true(await collectUntil(() => ref.deref() === undefined));
  t.is(allTasks(loop).size, 0);
});

test.serial('a finished task is not kept', async (t) => {
  const loop = new RecordingLoop();
  const refs = [false, true].map((eagerStart) => new WeakRef(loop.createTask(nothing(), { eagerStart })));
  loop.callSoon(() => refs.push(new WeakRef(loop.createTask(nothing(), { eagerStart: true }))));
  loop.turn();
  t.true(await collectUntil(() => refs.every((ref) => ref.deref() === undefined)));
  t.is(refs.length, 3);
});

test.serial('a task that waits for what nobody else holds is not lost', async (t) => {
  const loop = new RecordingLoop();
  const ref = new WeakRef(loop.createTask(wait(loop)));
  loop.turn();
  t.false(await collectUntil(() => ref.deref() === undefined));
  t.is(allTasks(loop).size, 1);
  loop.createTask(sleep(0));
  loop.setExceptionHandler(() => {});
  loop.close();
});

test.serial(
  'a closed loop lets go of tasks that can never finish, which stay visible while somebody has them',
  async (t) => {
    const loop = new RecordingLoop();
    loop.setExceptionHandler(() => {});
    const kept = loop.createTask(wait(loop));
    const ref = new WeakRef(loop.createTask(wait(loop)));
    loop.turn();
    loop.close();
    t.true(await collectUntil(() => ref.deref() === undefined));
    t.deepEqual([...allTasks(loop)], [kept]);
  },
);

function* wait(loop: RecordingLoop): Coroutine<void> {
  yield* loop.createFuture<void>();
}
