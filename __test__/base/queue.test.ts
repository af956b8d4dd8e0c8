import test from 'ava';
import { CancelledError, Queue, QueueEmpty, QueueFull, RuntimeError, ValueError, sleep } from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { errorOf, runHosted, runOn, turns, turnsOf } from './harness.js';

/** A queue of these items. */
function filled<T>(maxsize: number, ...items: T[]): Queue<T> {
  const queue = new Queue<T>(maxsize);
  for (const item of items) queue.putNowait(item);
  return queue;
}

test.serial('what was put in first comes out first', (t) => {
  const queue = filled(0, 1, 2, 3);
  t.is(queue.qsize(), 3);
  t.deepEqual([queue.getNowait(), queue.getNowait(), queue.getNowait()], [1, 2, 3]);
  t.true(queue.empty());
});

test.serial('the order survives thousands of items, and any item can be kept', (t) => {
  const queue = new Queue<unknown>();
  for (let i = 0; i < 5000; i++) queue.putNowait(i);
  for (let i = 0; i < 4000; i++) t.true(queue.getNowait() === i);
  for (const item of [undefined, null, 0, '']) queue.putNowait(item);
  for (let i = 4000; i < 5000; i++) t.true(queue.getNowait() === i);
  t.deepEqual(
    [1, 2, 3, 4].map(() => queue.getNowait()),
    [undefined, null, 0, ''],
  );
  t.throws(() => queue.getNowait(), { instanceOf: QueueEmpty });
});

test.serial('put and get do not wait when they need not', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<number>(1);
    t.is(yield* turnsOf(loop, queue.put(1)), 0);
    t.is(yield* turnsOf(loop, queue.get()), 0);
  });
});

test.serial('an empty queue refuses getNowait, a full one putNowait', (t) => {
  const queue = new Queue<number>(1);
  t.throws(() => queue.getNowait(), { instanceOf: QueueEmpty });
  queue.putNowait(1);
  t.true(queue.full());
  t.throws(() => queue.putNowait(2), { instanceOf: QueueFull });
  t.is(queue.getNowait(), 1);
});

test.serial('a maxsize of 0 or less sets no limit', (t) => {
  for (const maxsize of [0, -1]) {
    const queue = filled(maxsize, ...Array.from({ length: 100 }).keys());
    t.false(queue.full());
    t.is(queue.maxsize, maxsize);
  }
});

test.serial('a maxsize may be a fraction', (t) => {
  const queue = filled(1.5, 1);
  t.false(queue.full());
  queue.putNowait(2);
  t.true(queue.full());
  t.is(queue.maxsize, 1.5);
});

test.serial('get waits for an item', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    loop.callLater(2, () => queue.putNowait('x'));
    t.is(yield* queue.get(), 'x');
    t.is(loop.time(), 2);
  });
});

test.serial('put waits for room', (t) => {
  runOn(function* (loop) {
    const queue = filled(1, 'a');
    loop.callLater(2, () => queue.getNowait());
    yield* queue.put('b');
    t.is(loop.time(), 2);
    t.is(queue.getNowait(), 'b');
  });
});

test.serial('those who wait are served in the order of asking', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>(1);
    const getters = [1, 2, 3].map(() => loop.createTask(queue.get()));
    yield;
    for (const item of ['a', 'b', 'c']) yield* queue.put(item);
    const got: string[] = [];
    for (const getter of getters) got.push(yield* getter);
    t.deepEqual(got, ['a', 'b', 'c']);
  });
});

test.serial('a put wakes one getter but reserves nothing: whoever comes first has it', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    const getter = loop.createTask(queue.get());
    yield;
    queue.putNowait('a');
    t.is(queue.getNowait(), 'a');
    yield* turns(3);
    t.false(getter.done());
    queue.putNowait('b');
    t.is(yield* getter, 'b');
  });
});

test.serial('a get wakes one putter but reserves no room', (t) => {
  runOn(function* (loop) {
    const queue = filled(1, 'a');
    const putter = loop.createTask(queue.put('late'));
    yield;
    queue.getNowait();
    queue.putNowait('quick');
    yield* turns(3);
    t.false(putter.done());
    t.is(queue.getNowait(), 'quick');
    yield* putter;
    t.is(queue.getNowait(), 'late');
  });
});

test.serial('a getter that is cancelled after it was woken wakes the next', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    const [a, b] = [loop.createTask(queue.get()), loop.createTask(queue.get())];
    yield;
    queue.putNowait('x');
    a!.cancel();
    t.true((yield* errorOf(a!)) instanceof CancelledError);
    t.is(yield* b!, 'x');
  });
});

test.serial('it wakes nobody when the item is gone', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    const [a, b] = [loop.createTask(queue.get()), loop.createTask(queue.get())];
    yield;
    queue.putNowait('x');
    a!.cancel();
    queue.getNowait();
    yield;
    // It has run, and the other one stands in line still.
    t.true(a!.done());
    t.is(queue._getters.size, 1);
    yield* turns(3);
    t.false(b!.done());
    queue.putNowait('y');
    t.is(yield* b!, 'y');
  });
});

test.serial('a putter that is cancelled after it was woken wakes the next', (t) => {
  runOn(function* (loop) {
    const queue = filled(1, 'x');
    const [a, b] = [loop.createTask(queue.put('a')), loop.createTask(queue.put('b'))];
    yield;
    queue.getNowait();
    a!.cancel();
    t.true((yield* errorOf(a!)) instanceof CancelledError);
    yield* b!;
    t.is(queue.getNowait(), 'b');
    t.true(queue.empty());
  });
});

test.serial('those that are cancelled do not stay in line', (t) => {
  runOn(function* (loop) {
    const queue = filled(1, 'x');
    const putter = loop.createTask(queue.put('y'));
    const empty = new Queue();
    const getter = loop.createTask(empty.get());
    yield;
    t.is(queue._putters.size + empty._getters.size, 2);
    putter.cancel();
    getter.cancel();
    yield* errorOf(putter);
    yield* errorOf(getter);
    t.is(queue._putters.size + empty._getters.size, 0);
    t.is(queue.qsize(), 1);
  });
});

test.serial('join waits until every item has been dealt with', (t) => {
  runOn(function* (loop) {
    const queue = filled(0, 1, 2);
    const joined = loop.createTask(queue.join());
    queue.getNowait();
    queue.getNowait();
    queue.taskDone();
    yield* turns(3);
    t.false(joined.done());
    queue.taskDone();
    yield* joined;
  });
});

test.serial('join of a queue that nothing was put into returns at once', (t) => {
  runOn(function* (loop) {
    t.is(yield* turnsOf(loop, new Queue().join()), 0);
  });
});

test.serial('taskDone for more than was put in is a ValueError', (t) => {
  const queue = new Queue<number>();
  t.throws(() => queue.taskDone(), { instanceOf: ValueError });
  queue.putNowait(1);
  // The item need not have been taken out.
  queue.taskDone();
  t.throws(() => queue.taskDone(), { instanceOf: ValueError });
});

test.serial('a maxsize that is no number is a TypeError', (t) => {
  for (const bad of ['1', null, {}, NaN]) t.throws(() => new Queue(bad as never), { instanceOf: TypeError });
});

test.serial('a queue is bound to a loop by the first that has to wait', (t) => {
  const queue = new Queue<number>();
  runOn(function* () {
    yield* queue.put(1);
    yield* queue.get();
    t.is(queue._loop, null);
  });
  runOn(function* (loop) {
    loop.callLater(1, () => queue.putNowait(1));
    yield* queue.get();
  });
  runOn(function* () {
    const error = yield* errorOf(queue.get());
    t.true(error instanceof RuntimeError);
    t.regex((error as Error).message, /different event loop/);
    yield* queue.put(2);
    t.is(yield* queue.get(), 2);
  });
});

test.serial('tasks of any make put and get', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>(1);
    const consumer = function* (): Coroutine<string[]> {
      return [yield* queue.get(), yield* queue.get()];
    };
    const producer = function* (): Coroutine<void> {
      yield* queue.put('a');
      yield* queue.put('b');
    };
    const task = new MiniTask(consumer(), { loop, name: 'consumer' });
    const other = new MiniTask(producer(), { loop, name: 'producer' });
    t.deepEqual(yield* task, ['a', 'b']);
    yield* other;
  });
});

test.serial('toString tells what is inside', (t) => {
  const queue = filled(5, 1, 2);
  t.is(String(queue), '<Queue maxsize=5 size=2 tasks=2>');
});

test.serial('async functions put and get', async (t) => {
  const got: number[] = [];
  await runHosted(async () => {
    const queue = new Queue<number>(1);
    const consume = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        got.push(await queue.get());
        queue.taskDone();
      }
    };
    const produce = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await sleep(1);
        await queue.put(i);
      }
      await queue.join();
    };
    await Promise.all([consume(), produce()]);
  });
  t.deepEqual(got, [0, 1, 2]);
});
