import test from 'ava';
import { Queue, QueueShutDown, gather } from 'miolo/base';
import { errorOf, runHosted, runOn, turns } from './harness.js';

test.serial('after shutdown puts fail at once, also when there is room', (t) => {
  runOn(function* () {
    const queue = new Queue<number>();
    queue.shutdown();
    t.throws(() => queue.putNowait(1), { instanceOf: QueueShutDown });
    t.true((yield* errorOf(queue.put(1))) instanceof QueueShutDown);
  });
});

test.serial('puts that wait fail as well', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<number>(1);
    queue.putNowait(0);
    const putters = [1, 2].map((item) => loop.createTask(errorOf(queue.put(item))));
    yield;
    queue.shutdown();
    for (const putter of putters) t.true((yield* putter) instanceof QueueShutDown);
    t.is(queue.qsize(), 1);
  });
});

test.serial('gets drain what is inside and fail then', (t) => {
  runOn(function* () {
    const queue = new Queue<string>();
    queue.putNowait('a');
    queue.putNowait('b');
    queue.shutdown();
    t.is(yield* queue.get(), 'a');
    t.is(queue.getNowait(), 'b');
    t.true((yield* errorOf(queue.get())) instanceof QueueShutDown);
    t.throws(() => queue.getNowait(), { instanceOf: QueueShutDown });
  });
});

test.serial('gets that wait fail', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    const getters = [1, 2].map(() => loop.createTask(errorOf(queue.get())));
    yield;
    queue.shutdown();
    for (const getter of getters) t.true((yield* getter) instanceof QueueShutDown);
  });
});

test.serial('a getter that was woken for an item before the shutdown still gets it', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    const getter = loop.createTask(queue.get());
    yield;
    queue.putNowait('x');
    queue.shutdown();
    t.is(yield* getter, 'x');
  });
});

test.serial('an immediate shutdown drops what is inside', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>(2);
    queue.putNowait('a');
    queue.putNowait('b');
    const putter = loop.createTask(errorOf(queue.put('c')));
    yield;
    queue.shutdown(true);
    t.is(queue.qsize(), 0);
    t.true((yield* putter) instanceof QueueShutDown);
    t.throws(() => queue.getNowait(), { instanceOf: QueueShutDown });
  });
});

test.serial('an immediate shutdown releases join only when nothing is being dealt with', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    for (const item of ['a', 'b', 'c']) queue.putNowait(item);
    queue.getNowait();
    const joined = loop.createTask(queue.join());
    yield;
    queue.shutdown(true);
    yield* turns(3);
    // One item was taken out and is not done.
    t.is(queue._unfinishedTasks, 1);
    t.false(joined.done());
    queue.taskDone();
    yield* joined;
  });
});

test.serial('an immediate shutdown of items that were all waiting releases join', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    queue.putNowait('a');
    const joined = loop.createTask(queue.join());
    yield;
    queue.shutdown(true);
    yield* joined;
    t.is(queue._unfinishedTasks, 0);
  });
});

test.serial('a shutdown that is not immediate leaves join waiting', (t) => {
  runOn(function* (loop) {
    const queue = new Queue<string>();
    queue.putNowait('a');
    const joined = loop.createTask(queue.join());
    yield;
    queue.shutdown();
    yield* turns(3);
    t.false(joined.done());
    queue.getNowait();
    queue.taskDone();
    yield* joined;
  });
});

test.serial('shutting down twice is harmless, and the second time may be immediate', (t) => {
  const queue = new Queue<string>();
  queue.putNowait('a');
  queue.shutdown();
  queue.shutdown();
  t.is(queue.qsize(), 1);
  queue.shutdown(true);
  t.is(queue.qsize(), 0);
});

test.serial('async functions see the shutdown', async (t) => {
  await runHosted(async (loop) => {
    const queue = new Queue<string>();
    loop.callLater(1, () => queue.shutdown());
    await t.throwsAsync(async () => await queue.get(), { instanceOf: QueueShutDown });
    await gather([]);
  });
});
