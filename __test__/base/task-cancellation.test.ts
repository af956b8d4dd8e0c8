import test from 'ava';
import { CancelledError, Future, RuntimeError, ValueError, gather, sleep } from 'miolo/base';
import type { Coroutine, Task } from 'miolo/base';
import { ForeignFuture } from './foreign-future.js';
import { RecordingLoop, outcome, thrownBy } from './support.js';

function* nothing(): Coroutine<void> {}

function* wrap<T>(future: Future<T>): Coroutine<T> {
  return yield* future;
}

test('cancelled before the first step, the body never runs and the message is kept', (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(
    (function* (): Coroutine<void> {
      t.fail();
    })(),
  );
  t.true(task.cancel('early'));
  t.false(task.done());
  loop.turn();
  t.true(task.cancelled());
  t.deepEqual((thrownBy(() => task.result()) as CancelledError).args, ['early']);
});

test('cancelled while it waits, a task cancels the future and reacts when that calls back', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<void>();
  const task = loop.createTask(outcome(future));
  loop.turn();
  t.true(task.cancel('enough'));
  t.true(future.cancelled());
  t.false(task.done());
  loop.turn();
  t.deepEqual((task.result() as CancelledError).args, ['enough']);
});

test('a cancellation travels to the innermost task, and its message comes back up', (t) => {
  const loop = new RecordingLoop();
  const innermost = loop.createFuture<void>();
  const inner = loop.createTask(wrap(innermost));
  const middle = loop.createTask(wrap(inner));
  const outer = loop.createTask(wrap(middle));
  for (let turn = 0; turn < 2; turn++) loop.turn();
  outer.cancel('enough');
  t.true(innermost.cancelled());
  t.deepEqual(
    [inner, middle, outer].map((task) => task.done()),
    [false, false, false],
  );
  t.deepEqual((thrownBy(() => loop.runUntilCompleteSync(outer)) as CancelledError).args, ['enough']);
  t.true(inner.cancelled() && middle.cancelled() && outer.cancelled());
});

test('cancelled after its future is done, a task gets the CancelledError and loses the result', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<string>();
  const task = loop.createTask(outcome(future));
  loop.turn();
  future.setResult('lost');
  t.true(task.cancel('late'));
  loop.turn();
  t.deepEqual((task.result() as CancelledError).args, ['late']);
});

test('cancelled twice before it resumes, a task gets one CancelledError, with the first message', (t) => {
  const loop = new RecordingLoop();
  const seen: unknown[] = [];
  const task = loop.createTask(
    (function* (): Coroutine<string> {
      seen.push(yield* outcome(sleep(10)));
      seen.push(yield* outcome(sleep(1)));
      return 'went on';
    })(),
  );
  loop.turn();
  t.true(task.cancel('first'));
  t.true(task.cancel('second'));
  t.is(task.cancelling(), 2);
  t.is(loop.runUntilCompleteSync(task), 'went on');
  t.deepEqual((seen[0] as CancelledError).args, ['first']);
  t.is(seen[1], null);
  t.is(task.cancelling(), 2);
  t.is(loop.time(), 1);
});

/** Runs a task that cancels itself, then does `then`. */
function cancelsItself(then: (loop: RecordingLoop) => Coroutine<unknown>): Task<unknown> {
  const loop = new RecordingLoop();
  const body = function* (): Coroutine<unknown> {
    task.cancel('self');
    return yield* then(loop);
  };
  const task = loop.createTask(body());
  for (let turn = 0; turn < 4; turn++) loop.turn();
  return task;
}

test('a task that cancels itself and returns ends cancelled', (t) => {
  const task = cancelsItself(() => nothing());
  t.true(task.cancelled());
  t.deepEqual((thrownBy(() => task.result()) as CancelledError).args, ['self']);
});

test('a task that cancels itself and throws ends with that error', (t) => {
  const error = new ValueError('wrong');
  const task = cancelsItself(function* () {
    throw error;
  });
  t.false(task.cancelled());
  t.is(task.exception(), error);
});

test('a task that cancels itself and waits cancels what it waits for at once', (t) => {
  let future: Future<void> | undefined;
  let isEarly: boolean | undefined;
  const task = cancelsItself(function* (loop) {
    future = loop.createFuture<void>();
    loop.callSoon(() => (isEarly = future!.cancelled()));
    yield* future;
  });
  t.true(isEarly);
  t.true(task.cancelled());
  t.deepEqual((thrownBy(() => task.result()) as CancelledError).args, ['self']);
});

test('a coroutine that throws a CancelledError of its own ends cancelled', (t) => {
  const loop = new RecordingLoop();
  const error = new CancelledError('own');
  const task = loop.createTask(
    (function* (): Coroutine<void> {
      throw error;
    })(),
  );
  loop.turn();
  t.true(task.cancelled());
  t.is(task.cancelling(), 0);
  t.is(
    thrownBy(() => task.result()),
    error,
  );
});

test('a coroutine that swallows a cancellation goes on, and can be cancelled again', (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(
    (function* (): Coroutine<void> {
      t.true((yield* outcome(sleep(1))) instanceof CancelledError);
      yield* sleep(1);
    })(),
  );
  loop.turn();
  t.true(task.cancel());
  loop.turn();
  t.true(task.cancel('again'));
  t.is(task.cancelling(), 2);
  t.deepEqual((thrownBy(() => loop.runUntilCompleteSync(task)) as CancelledError).args, ['again']);
});

test('uncancel never goes below zero, and at zero drops a cancellation that was not delivered', (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(sleep(1, 'slept'));
  t.is(task.uncancel(), 0);
  task.cancel();
  task.cancel();
  t.is(task.uncancel(), 1);
  t.is(task.uncancel(), 0);
  t.is(loop.runUntilCompleteSync(task), 'slept');
});

test('uncancel above zero leaves the cancellation in force', (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(sleep(1));
  task.cancel();
  task.cancel();
  task.uncancel();
  loop.turn();
  t.true(task.cancelled());
  t.is(task.cancelling(), 1);
});

test('cancelling a finished task is refused, and does not count', (t) => {
  const loop = new RecordingLoop();
  const task = loop.createTask(nothing());
  loop.turn();
  t.false(task.cancel());
  t.is(task.cancelling(), 0);
});

test('the first retrieval from a cancelled task gets the error itself, later ones a fresh one without message', (t) => {
  const loop = new RecordingLoop();
  let thrown: CancelledError | undefined;
  const task = loop.createTask(
    (function* (): Coroutine<void> {
      thrown = (yield* outcome(sleep(1))) as CancelledError;
      throw thrown;
    })(),
  );
  loop.turn();
  task.cancel('enough');
  loop.turn();
  const errors = [1, 2, 3].map(() => thrownBy(() => task.exception()) as CancelledError);
  t.is(errors[0], thrown);
  t.deepEqual(
    errors.map((error) => error.args),
    [['enough'], [], []],
  );
  t.not(errors[1], errors[2]);
});

test('cancelling tasks that wait for each other names the cycle, and changes nothing', (t) => {
  const loop = new RecordingLoop();
  const tasks: Task<void>[] = [];
  const body = function* (next: number): Coroutine<void> {
    yield* tasks[next]!;
  };
  for (const [name, next] of [
    ['a', 1],
    ['b', 2],
    ['c', 1],
  ] as const) {
    tasks.push(loop.createTask(body(next), { name }));
  }
  loop.turn();
  const message = /^tasks wait for each other in a cycle: (b -> c -> b|c -> b -> c)$/;
  t.throws(() => tasks[0]!.cancel(), { instanceOf: RuntimeError, message });
  t.throws(() => tasks[1]!.cancel(), { instanceOf: RuntimeError, message });
  t.deepEqual(
    tasks.map((task) => task.cancelling()),
    [0, 0, 0],
  );
});

test('a long chain of tasks is cancelled to its end', (t) => {
  const loop = new RecordingLoop();
  const end = loop.createFuture<void>();
  let last = loop.createTask(wrap(end));
  for (let length = 0; length < 1000; length++) last = loop.createTask(wrap(last));
  loop.turn();
  t.true(last.cancel('enough'));
  t.true(end.cancelled());
  t.deepEqual((thrownBy(() => loop.runUntilCompleteSync(last)) as CancelledError).args, ['enough']);
});

test('a future may cancel the task that waits for it again, in the midst of its own cancel', (t) => {
  class Eager extends Future<void> {
    calls = 0;
    override cancel(msg?: unknown): boolean {
      if (++this.calls < 3) task.cancel(`again ${this.calls}`);
      return super.cancel(msg);
    }
  }
  const loop = new RecordingLoop();
  const future = new Eager({ loop });
  const task = loop.createTask(wrap(future));
  loop.turn();
  t.true(task.cancel('first'));
  loop.turn();
  t.true(task.cancelled());
  t.is(task.cancelling(), 3);
  t.is(future.calls, 3);
});

test('a gather that is cancelled while a child of another make fails ends cancelled', (t) => {
  class Refusing extends ForeignFuture<number> {
    override cancel(): boolean {
      return true;
    }
  }
  const loop = new RecordingLoop();
  const child = new Refusing(loop);
  const outer = gather([child], { returnExceptions: true, loop: loop });
  t.true(outer.cancel());
  child.setException(new ValueError('wrong'));
  loop.turn();
  t.true(outer.exception() instanceof CancelledError);
});

test.serial('cancelling from outside of a hosted run reaches the task', async (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<void>();
  const task = loop.createTask(outcome(future));
  loop.callSoon(() => loop.callLater(1, () => task.cancel('enough')));
  t.deepEqual(((await loop.runUntilComplete(task)) as CancelledError).args, ['enough']);
});
