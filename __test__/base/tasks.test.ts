import test from 'ava';
import {
  CancelledError,
  Future,
  RuntimeError,
  StopIteration,
  Task,
  ValueError,
  coroutine,
  createTask,
  currentTask,
  sleep,
} from 'miolo/base';
import type { CallOptions, Callback, Coroutine, Handle } from 'miolo/base';
import { ForeignFuture } from './foreign-future.js';
import { ForeignTask } from './foreign-task.js';
import { MinimalLoop, RecordingLoop, outcome } from './support.js';

function* nothing(): Coroutine<void> {}

function* wrap<T>(future: Future<T>): Coroutine<T> {
  return yield* future;
}

test('every step goes through callSoon of the loop, in the context of the task', (t) => {
  const contexts: unknown[] = [];
  class WatchingLoop extends RecordingLoop {
    override callSoon(callback: Callback, args?: readonly unknown[], options?: CallOptions): Handle {
      contexts.push(options?.context);
      return super.callSoon(callback, args, options);
    }
  }
  const loop = new WatchingLoop();
  const future = loop.createFuture<void>();
  const task = loop.createTask(
    (function* (): Coroutine<void> {
      yield;
      yield* future;
    })(),
  );
  loop.turn();
  loop.turn();
  future.setResult();
  loop.turn();
  t.true(task.done());
  t.deepEqual(contexts, [task.getContext(), task.getContext(), task.getContext()]);
});

test('default names count on through all loops, and given ones use up no number', (t) => {
  const name = (options = {}): string => new RecordingLoop().createTask(nothing(), options).getName();
  const number = Number(/^Task-(\d+)$/.exec(name())![1]);
  t.is(name({ name: 'mine' }), 'mine');
  t.is(name({ name: null }), `Task-${number + 1}`);
  t.is(name(), `Task-${number + 2}`);
});

test('names become strings', (t) => {
  const task = new RecordingLoop().createTask(nothing(), { name: 5 as never });
  t.is(task.getName(), '5');
  task.setName(new ValueError('odd'));
  t.regex(task.getName(), /odd/);
  t.true(task.toString().includes(`name='${task.getName()}'`));
});

test('a bare yield steps the task again in the next turn', (t) => {
  const loop = new RecordingLoop();
  loop.complete(function* () {
    const before = loop.turns;
    yield;
    t.is(loop.turns, before + 1);
    yield null;
    t.is(loop.turns, before + 2);
  });
});

for (const [what, make, message] of [
  ['a number', () => 42, /^Task got bad yield: 42$/],
  ['false', () => false, /^Task got bad yield: false$/],
  ['an object that has no text', () => Object.create(null), /^Task got bad yield: object/],
  ['a promise', () => Promise.resolve(), /^Task got bad yield: a promise.*fromPromise/],
  ['a coroutine', () => sleep(0), /^yield was used instead of yield\* for generator in task/],
  ['a future', (loop: RecordingLoop) => loop.createFuture(), /^yield was used instead of yield\* in task/],
  [
    'a future of another loop',
    () => {
      const future = new RecordingLoop().createFuture();
      future[Symbol.iterator]().next();
      return future;
    },
    /attached to a different loop$/,
  ],
] as [string, (loop: RecordingLoop) => unknown, RegExp][]) {
  test(`a task that yields ${what} gets a RuntimeError in a later turn, which it can catch`, (t) => {
    const loop = new RecordingLoop();
    loop.complete(function* () {
      const before = loop.turns;
      try {
        yield make(loop) as never;
        t.fail();
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        t.regex(error.message, message);
      }
      t.is(loop.turns, before + 1);
      yield* sleep(1);
    });
    t.is(loop.time(), 1);
  });
}

test('a task cannot await itself', (t) => {
  const loop = new RecordingLoop();
  const task: Task<unknown> = loop.createTask(outcome({ [Symbol.iterator]: () => task[Symbol.iterator]() }));
  const error = loop.runUntilCompleteSync(task) as RuntimeError;
  t.true(error instanceof RuntimeError);
  t.regex(error.message, /^Task cannot await on itself: <Task pending/);
});

test('other errors of a step are only stored', (t) => {
  const loop = new RecordingLoop();
  for (const error of [new ValueError('wrong'), 'text', 0, false]) {
    const task = loop.createTask(
      (function* (): Coroutine<void> {
        throw error;
      })(),
    );
    loop.turn();
    t.is(task.exception(), error);
  }
  t.deepEqual(loop.reports, []);
});

test('a coroutine that throws StopIteration, undefined or null fails with a RuntimeError', (t) => {
  const loop = new RecordingLoop();
  for (const error of [new StopIteration(1), undefined, null]) {
    const task = loop.createTask(
      (function* (): Coroutine<void> {
        throw error;
      })(),
    );
    loop.turn();
    t.true(task.exception() instanceof RuntimeError);
  }
});

test('the error of a future is thrown where the task waits', (t) => {
  const loop = new RecordingLoop();
  const error = new ValueError('wrong');
  loop.complete(function* () {
    const future = loop.createFuture<void>();
    loop.callSoon(() => future.setException(error));
    t.is(yield* outcome(future), error);
  });
});

test('the current task is set while it steps, and null in plain callbacks', (t) => {
  const loop = new RecordingLoop();
  const seen: unknown[] = [];
  const task = loop.createTask(
    (function* (): Coroutine<void> {
      seen.push(currentTask());
      loop.callSoon(() => seen.push(currentTask()));
      yield* sleep(1);
      seen.push(currentTask());
    })(),
  );
  loop.runUntilCompleteSync(task);
  t.deepEqual(seen, [task, null, task]);
  t.is(currentTask(loop), null);
});

test('a task shows what it waits for, and no longer once it goes on', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<void>();
  let during = '';
  const body = function* (): Coroutine<void> {
    yield* future;
    during = String(currentTask());
  };
  const task = loop.createTask(body(), { name: 'waiter' });
  loop.turn();
  t.is(String(task), "<Task pending name='waiter' waitFor=<Future pending cb=[wakeup()]>>");
  future.setResult();
  loop.turn();
  t.is(during, "<Task pending name='waiter'>");
});

test('results and errors cannot be set on tasks', (t) => {
  const task = new RecordingLoop().createTask(nothing());
  const refused = {
    instanceOf: RuntimeError,
    message: /^Task does not support set(Result|Exception) operation$/,
  };
  t.throws(() => (task as Future<void>).setResult(), refused);
  t.throws(() => (task as Future<void>).setException(new ValueError('wrong')), refused);
  t.false(task.done());
});

test('only coroutines make tasks; the attempt leaves nothing to report', (t) => {
  const loop = new RecordingLoop();
  for (const wrong of [nothing, () => {}, Promise.resolve(), loop.createFuture(), [], 1, null, undefined]) {
    t.throws(() => new Task(wrong as never, { loop }), { instanceOf: TypeError, message: /coroutine/ });
    t.throws(() => loop.createTask(wrong as never), { instanceOf: TypeError });
  }
  t.false(loop._isReady());
  loop.close();
  t.deepEqual(loop.reports, []);
});

test('createTask needs a running loop', (t) => {
  t.throws(() => createTask(nothing()), { instanceOf: RuntimeError, message: 'no running event loop' });
});

test('a task that is pending when its loop closes is reported, unless it is told not to be', (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(sleep(1));
  loop.createTask(sleep(1))._logDestroyPending = false;
  loop.turn();
  loop.close();
  t.deepEqual(loop.reports, [{ message: 'Task was destroyed but it is pending!', task }]);
});

test('a coroutine made by coroutine() can be consumed once', (t) => {
  const loop = new RecordingLoop();
  const reused = { instanceOf: RuntimeError, message: 'cannot reuse already awaited coroutine' };
  const make = coroutine(function* (): Coroutine<number> {
    yield* sleep(1);
    return 1;
  });
  loop.complete(function* () {
    const finished = make();
    t.is(yield* finished, 1);
    t.throws(() => finished[Symbol.iterator](), reused);
    t.throws(() => createTask(finished), reused);
    const suspended = make();
    const task = createTask(suspended);
    yield* sleep(0);
    t.true((yield* outcome(suspended)) instanceof RuntimeError);
    t.is(yield* task, 1);
  });
});

test('tasks await tasks of another make, and get their results and errors', (t) => {
  const loop = new RecordingLoop();
  const error = new ValueError('wrong');
  loop.complete(function* () {
    const foreign = new ForeignTask(sleep(5, 'slept'), loop);
    t.is(yield* foreign, 'slept');
    t.is(loop.time(), 5);
    const failing = new ForeignFuture<void>(loop);
    loop.callLater(1, () => failing.setException(error));
    t.is(yield* outcome(failing), error);
    const waiting = new ForeignFuture<void>(loop);
    const task = loop.createTask(outcome(waiting));
    yield* sleep(0);
    task.cancel('enough');
    t.true(waiting.cancelled());
    t.deepEqual(((yield* task) as CancelledError).args, ['enough']);
  });
});

test('a task runs on a loop that is not ours, with name, context and cancellation', (t) => {
  const loop = new MinimalLoop();
  const future = new Future<number>({ loop });
  const task = new Task(wrap(future), { loop, name: 'guest' });
  t.is(task.getLoop(), loop);
  t.is(task.getName(), 'guest');
  loop.drain();
  t.false(task.done());
  future.setResult(5);
  loop.drain();
  t.is(task.result(), 5);
  const cancelled = new Task(wrap(new Future<void>({ loop })), { loop });
  loop.drain();
  cancelled.cancel();
  loop.drain();
  t.true(cancelled.cancelled());
  t.deepEqual(loop.reports, []);
});
