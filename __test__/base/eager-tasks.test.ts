import test from 'ava';
import {
  CancelledError,
  Context,
  ContextVar,
  KeyboardInterrupt,
  RuntimeError,
  SystemExit,
  Task,
  ValueError,
  allTasks,
  createEagerTaskFactory,
  createTask,
  currentTask,
  eagerTaskFactory,
  ensureFuture,
  gather,
  isCoroutine,
  sleep,
} from 'miolo/base';
import type { CallOptions, Callback, Coroutine, Handle, TaskFactory, TaskOptions } from 'miolo/base';
import { ForeignTask } from './foreign-task.js';
import { MinimalLoop, RecordingLoop, outcome, thrownBy } from './support.js';

const eagerStart = true;

function* returns<T>(value: T): Coroutine<T> {
  return value;
}

function* throws(error: unknown): Coroutine<never> {
  throw error;
}

test('a task starts eagerly only while its loop runs', (t) => {
  const loop = new RecordingLoop();
  const early = loop.createTask(returns(1), { eagerStart });
  t.false(early.done());
  loop.complete(function* () {
    t.true(createTask(returns(1), { eagerStart }).done());
  });
  t.is(early.result(), 1);
});

test('eager starts nest: each task is current in its step, and its creator is again afterwards', (t) => {
  const loop = new RecordingLoop();
  const seen: string[] = [];
  const note = (): number => seen.push((currentTask() as Task).getName());
  function* nested(depth: number): Coroutine<void> {
    note();
    if (depth > 0) createTask(nested(depth - 1), { eagerStart, name: `depth ${depth - 1}` });
    note();
  }
  loop.complete(function* () {
    (currentTask() as Task).setName('main');
    createTask(nested(2), { eagerStart, name: 'depth 2' });
    note();
  });
  t.deepEqual(seen, ['depth 2', 'depth 1', 'depth 0', 'depth 0', 'depth 1', 'depth 2', 'main']);
});

test('created in a plain callback, an eager task leaves no current task behind', (t) => {
  const loop = new RecordingLoop();
  loop.callSoon(() => {
    loop.createTask(sleep(0), { eagerStart });
    t.is(currentTask(), null);
  });
  loop.turn();
  t.deepEqual(loop.reports, []);
});

test('the eager step runs in a copy of the context, and its changes stay there', (t) => {
  const loop = new RecordingLoop();
  const variable = new ContextVar<string>('variable');
  loop.complete(function* () {
    variable.set('creator');
    const task = createTask(
      (function* (): Coroutine<string> {
        t.is(variable.get(), 'creator');
        variable.set('eager');
        yield* sleep(1);
        return variable.get();
      })(),
      { eagerStart },
    );
    t.is(variable.get(), 'creator');
    t.is(yield* task, 'eager');
    t.is(variable.get(), 'creator');
  });
});

test('a context that is given is used itself by the eager step', (t) => {
  const loop = new RecordingLoop();
  const variable = new ContextVar<string>('variable');
  const context = new Context();
  loop.complete(function* () {
    createTask(
      (function* (): Coroutine<void> {
        variable.set('eager');
      })(),
      { eagerStart, context },
    );
  });
  t.is(context.get(variable), 'eager');
});

test('a task that finishes in its eager step is done at once, without coroutine, and was never scheduled', (t) => {
  const scheduled: unknown[] = [];
  class WatchingLoop extends RecordingLoop {
    override callSoon(callback: Callback, args?: readonly unknown[], options?: CallOptions): Handle {
      scheduled.push(callback);
      return super.callSoon(callback, args, options);
    }
  }
  const loop = new WatchingLoop();
  loop.complete(function* () {
    const before = scheduled.length;
    const during: unknown[] = [];
    const task = createTask(
      (function* (): Coroutine<string> {
        during.push(...allTasks());
        return 'done';
      })(),
      { eagerStart },
    );
    t.true(during.includes(task));
    t.is(task.result(), 'done');
    t.is(task.getCoro(), null);
    t.deepEqual([...allTasks()], [currentTask()!]);
    t.is(scheduled.length, before);
  });
});

test('done callbacks of a task that is done at once still go through callSoon', (t) => {
  const loop = new RecordingLoop();
  const log: string[] = [];
  loop.complete(function* () {
    const task = createTask(
      (function* (): Coroutine<void> {
        currentTask()!.addDoneCallback(() => log.push('added inside'));
      })(),
      { eagerStart },
    );
    task.addDoneCallback(() => log.push('added after'));
    t.deepEqual(log, []);
    yield* sleep(0);
  });
  t.deepEqual(log, ['added inside', 'added after']);
});

test('an error of the eager step is stored, not thrown at the creator', (t) => {
  const loop = new RecordingLoop();
  const error = new ValueError('wrong');
  loop.complete(function* () {
    const task = createTask(throws(error), { eagerStart });
    t.is(task.exception(), error);
    const cancelled = createTask(throws(new CancelledError('own')), { eagerStart });
    t.true(cancelled.cancelled());
    t.is(cancelled.getCoro(), null);
  });
});

for (const exit of [SystemExit, KeyboardInterrupt]) {
  test(`${exit.name} of the eager step comes out of createTask, and ends the run if nobody catches it`, (t) => {
    const loop = new RecordingLoop();
    const error = new exit();
    const body = function* (): Coroutine<void> {
      t.is(
        thrownBy(() => createTask(throws(error), { eagerStart })),
        error,
      );
      t.is(currentTask(), main);
      createTask(throws(error), { eagerStart });
    };
    const main = loop.createTask(body());
    t.is(
      thrownBy(() => loop.runForeverSync()),
      error,
    );
    t.is(main.exception(), error);
    t.is(currentTask(loop), null);
    t.is(allTasks(loop).size, 0);
  });
}

test('a task that is pending after its eager step is like any other', (t) => {
  const loop = new RecordingLoop();
  loop.complete(function* () {
    const task = createTask(outcome(sleep(5)), { eagerStart });
    t.true(allTasks().has(task));
    t.true(isCoroutine(task.getCoro()));
    t.true(task.cancel('enough'));
    t.false(task.done());
    t.deepEqual(((yield* task) as CancelledError).args, ['enough']);
    const slow = createTask(sleep(5, 'slept'), { eagerStart });
    t.is(yield* slow, 'slept');
    t.true(isCoroutine(slow.getCoro()));
    t.false(allTasks().has(slow));
  });
  t.is(loop.time(), 5);
});

test('a bad yield in the eager step is thrown into the coroutine in a later turn', (t) => {
  const loop = new RecordingLoop();
  loop.complete(function* () {
    const task = createTask(
      (function* (): Coroutine<void> {
        yield 42 as never;
      })(),
      { eagerStart },
    );
    t.false(task.done());
    const error = yield* outcome(task);
    t.regex((error as RuntimeError).message, /^Task got bad yield: 42/);
  });
});

test('createTask passes every option to the factory unchanged, and returns what it makes', (t) => {
  const loop = new RecordingLoop();
  const calls: unknown[][] = [];
  const made = loop.createFuture<void>();
  const factory: TaskFactory = (...args) => {
    calls.push(args);
    return made;
  };
  t.is(loop.getTaskFactory(), null);
  loop.setTaskFactory(factory);
  t.is(loop.getTaskFactory(), factory);
  const coro = returns(1);
  const options: TaskOptions = { name: 'n', context: null, eagerStart: false, ofTheirs: 5 };
  t.is(loop.createTask(coro, options) as unknown, made);
  loop.createTask(coro);
  t.deepEqual(calls, [
    [loop, coro, options],
    [loop, coro, {}],
  ]);
  loop.setTaskFactory(null);
  t.true(loop.createTask(coro) instanceof Task);
  t.throws(() => loop.setTaskFactory({} as never), { instanceOf: TypeError });
});

test('an eager factory starts tasks at once, unless the caller says otherwise', (t) => {
  const loop = new RecordingLoop();
  loop.setTaskFactory(eagerTaskFactory);
  loop.complete(function* () {
    const task = createTask(returns(1), { name: 'eager' });
    t.true(task.done());
    t.is(task.getName(), 'eager');
    t.true(createTask(returns(1), { eagerStart: undefined } as never).done());
    const lazy = createTask(returns(2), { eagerStart: false });
    t.false(lazy.done());
    t.is(yield* lazy, 2);
  });
});

test('an eager factory makes tasks of the class it is given, with the loop and the options', (t) => {
  const loop = new RecordingLoop();
  const seen: unknown[] = [];
  loop.setTaskFactory(
    createEagerTaskFactory((coro, options) => {
      seen.push(options);
      return new Task(coro, options);
    }),
  );
  loop.complete(function* () {
    seen.length = 0;
    createTask(returns(1), { name: 'n' });
    createTask(returns(1), { eagerStart: false });
    t.deepEqual(seen, [
      { name: 'n', eagerStart: true, loop },
      { eagerStart: false, loop },
    ]);
  });
});

test('tasks of another make, made by a factory, are driven like ours', (t) => {
  const loop = new RecordingLoop();
  loop.setTaskFactory((its, coro) => new ForeignTask(coro, its) as never);
  t.is(
    loop.complete(function* () {
      const results = yield* gather([sleep(3, 'a'), sleep(1, 'b')]);
      return results.join('');
    }),
    'ab',
  );
  t.is(loop.time(), 3);
});

test('ensureFuture closes the coroutine when no task can be made of it', (t) => {
  const loop = new RecordingLoop();
  loop.close();
  const log: string[] = [];
  const coro = (function* (): Coroutine<void> {
    log.push('ran');
  })();
  t.throws(() => ensureFuture(coro, { loop }), { instanceOf: RuntimeError, message: 'Event loop is closed' });
  t.deepEqual(coro.next(), { value: undefined, done: true });
  t.deepEqual(log, []);
});

test('gather counts tasks that are done at once, and is then done itself', (t) => {
  const loop = new RecordingLoop();
  loop.setTaskFactory(eagerTaskFactory);
  loop.complete(function* () {
    const all = gather([returns(1), returns(2)]);
    t.true(all.done());
    t.deepEqual(yield* all, [1, 2]);
  });
});

test('an eager start in a context that is entered already fails, and leaves nothing behind', (t) => {
  const loop = new RecordingLoop();
  loop.complete(function* () {
    const main = currentTask() as Task;
    t.throws(() => createTask(returns(1), { eagerStart, context: main.getContext() }), {
      instanceOf: RuntimeError,
      message: /already entered/,
    });
    t.is(currentTask(), main);
    t.deepEqual([...allTasks()], [main]);
    yield* sleep(1);
  });
  loop.close();
  t.deepEqual(loop.reports, []);
});

test('on a loop that is not ours a task starts eagerly while that loop says it runs', (t) => {
  const loop = new MinimalLoop();
  const lazy = new Task(returns(1), { loop, eagerStart });
  t.false(lazy.done());
  loop.running = true;
  const context = new Context();
  const eager = new Task(returns(2), { loop, eagerStart, name: 'eager', context });
  t.is(eager.result(), 2);
  t.is(eager.getName(), 'eager');
  t.is(eager.getContext(), context);
  t.is(currentTask(loop), null);
  loop.drain();
  t.is(lazy.result(), 1);
});

test.serial('outside of a turn of its hosted loop a task starts eagerly as well', async (t) => {
  const loop = new RecordingLoop();
  const run = loop.runUntilComplete(sleep(10));
  const done = loop.createTask(returns(1), { eagerStart });
  t.is(done.result(), 1);
  const slow = loop.createTask(sleep(5, 'slept'), { eagerStart });
  t.false(slow.done());
  await run;
  t.is(slow.result(), 'slept');
});
