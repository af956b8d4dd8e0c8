import test from 'ava';
import {
  Barrier,
  BrokenBarrierError,
  CancelledError,
  RuntimeError,
  TimeoutError,
  ValueError,
  gather,
  sleep,
  waitFor,
} from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { errorOf, fails, runHosted, runOn, turns, turnsOf } from './harness.js';

test.serial('everybody is let go when the last has come, each with the index of arrival', (t) => {
  runOn(function* (loop) {
    const barrier = new Barrier(3);
    const tasks = [0, 1].map(() => loop.createTask(barrier.wait()));
    yield* turns(5);
    t.is(barrier.nWaiting, 2);
    t.is(barrier.parties, 3);
    t.true(tasks.every((task) => !task.done()));
    t.is(yield* barrier.wait(), 2);
    t.deepEqual(yield* gather(tasks), [0, 1]);
    t.is(barrier.nWaiting, 0);
  });
});

test.serial('the last one does not wait at all', (t) => {
  runOn(function* (loop) {
    t.is(yield* turnsOf(loop, new Barrier(1).wait()), 0);
  });
});

test.serial('it can be used again and again', (t) => {
  runOn(function* () {
    const barrier = new Barrier(2);
    for (let round = 0; round < 3; round++) {
      t.deepEqual(yield* gather([barrier.wait(), barrier.wait()]), [0, 1]);
    }
  });
});

test.serial('whoever comes while a round leaves waits for the next one', (t) => {
  runOn(function* (loop) {
    const barrier = new Barrier(2);
    const first = loop.createTask(barrier.wait());
    yield* turns(2);
    // Both begin in the same turn: when the newcomer comes, the first one has not left yet.
    const last = loop.createTask(barrier.wait());
    const newcomer = loop.createTask(barrier.wait());
    yield* turns(8);
    t.deepEqual([first.result(), last.result()], [0, 1]);
    t.false(newcomer.done());
    t.is(barrier.nWaiting, 1);
    t.is(yield* barrier.wait(), 1);
    t.is(yield* newcomer, 0);
  });
});

test.serial('one that is cancelled only lowers the count', (t) => {
  runOn(function* (loop) {
    const barrier = new Barrier(3);
    const [a, b] = [loop.createTask(barrier.wait()), loop.createTask(barrier.wait())];
    yield* turns(3);
    a.cancel();
    t.true((yield* errorOf(a)) instanceof CancelledError);
    t.is(barrier.nWaiting, 1);
    t.false(barrier.broken);
    const c = loop.createTask(barrier.wait());
    yield* turns(3);
    t.false(b.done());
    yield* barrier.wait();
    yield* gather([b, c]);
  });
});

test.serial('reset sends those who wait away and leaves the barrier usable', (t) => {
  runOn(function* (loop) {
    const barrier = new Barrier(3);
    const tasks = [0, 1].map(() => loop.createTask(errorOf(barrier.wait())));
    yield* turns(3);
    yield* barrier.reset();
    for (const task of tasks) t.true((yield* task) instanceof BrokenBarrierError);
    t.false(barrier.broken);
    t.is(barrier.nWaiting, 0);
    yield* gather([barrier.wait(), barrier.wait(), barrier.wait()]);
  });
});

test.serial('whoever comes during a reset belongs to the next round', (t) => {
  runOn(function* (loop) {
    const barrier = new Barrier(2);
    const waiting = loop.createTask(errorOf(barrier.wait()));
    yield* turns(3);
    const resetting = loop.createTask(barrier.reset());
    const newcomer = loop.createTask(barrier.wait());
    yield* resetting;
    t.true((yield* waiting) instanceof BrokenBarrierError);
    yield* turns(5);
    t.is(barrier.nWaiting, 1);
    yield* barrier.wait();
    t.is(yield* newcomer, 0);
  });
});

test.serial('a reset of an empty barrier does nothing', (t) => {
  runOn(function* () {
    const barrier = new Barrier(2);
    yield* barrier.reset();
    t.deepEqual(yield* gather([barrier.wait(), barrier.wait()]), [0, 1]);
  });
});

test.serial('abort breaks it for those who wait and those who come, until a reset', (t) => {
  runOn(function* (loop) {
    const barrier = new Barrier(3);
    const waiting = loop.createTask(errorOf(barrier.wait()));
    yield* turns(3);
    yield* barrier.abort();
    t.true(barrier.broken);
    t.true((yield* waiting) instanceof BrokenBarrierError);
    t.true((yield* errorOf(barrier.wait())) instanceof BrokenBarrierError);
    t.true((yield* errorOf(barrier.wait())) instanceof RuntimeError);
    t.is(barrier.nWaiting, 0);
    yield* barrier.reset();
    t.false(barrier.broken);
    yield* gather([barrier.wait(), barrier.wait(), barrier.wait()]);
  });
});

test.serial('run() waits, gives the index to the body, and does nothing when it ends', (t) => {
  runOn(function* () {
    const barrier = new Barrier(2);
    const body = function* (index: number) {
      yield* sleep(1);
      return index * 10;
    };
    t.deepEqual(yield* gather([barrier.run(body), barrier.run(body)]), [0, 10]);
    const errors = yield* gather([
      errorOf(barrier.run(() => fails(new ValueError('x')))),
      errorOf(barrier.run(body)),
    ]);
    t.true(errors[0] instanceof ValueError);
    t.is(errors[1], undefined);
    t.false(barrier.broken);
  });
});

test.serial('fewer than one party is a ValueError, what is no integer a TypeError', (t) => {
  t.throws(() => new Barrier(0), { instanceOf: ValueError });
  t.throws(() => new Barrier(-1), { instanceOf: ValueError });
  for (const bad of ['2', null, undefined, {}, NaN, 1.5]) {
    t.throws(() => new Barrier(bad as never), { instanceOf: TypeError });
  }
});

test.serial('a barrier is bound to a loop by the first that has to wait', (t) => {
  const barrier = new Barrier(2);
  runOn(function* () {
    yield* gather([barrier.wait(), barrier.wait()]);
  });
  runOn(function* () {
    const error = yield* errorOf(waitFor(barrier.wait(), 1));
    t.true(error instanceof RuntimeError);
    t.regex((error as Error).message, /different event loop/);
  });
  const single = new Barrier(1);
  runOn(() => single.wait());
  runOn(() => single.wait());
});

test.serial('tasks of any make wait for it', (t) => {
  runOn(function* (loop) {
    const barrier = new Barrier(2);
    const task = new MiniTask(barrier.wait(), { loop, name: 'mini' });
    yield* turns(2);
    t.is(yield* barrier.wait(), 1);
    t.is(yield* task, 0);
  });
});

test.serial('toString tells the state and how many wait', (t) => {
  runOn(function* (loop) {
    const barrier = new Barrier(2);
    t.is(String(barrier), '<Barrier [filling, waiters:0/2]>');
    const waiting = loop.createTask(errorOf(barrier.wait()));
    yield* turns(2);
    t.is(String(barrier), '<Barrier [filling, waiters:1/2]>');
    yield* barrier.abort();
    yield* waiting;
    t.is(String(barrier), '<Barrier [broken]>');
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async () => {
    const barrier = new Barrier(2);
    t.deepEqual(await Promise.all([barrier.wait(), barrier.wait()]), [0, 1]);
    await t.throwsAsync(async () => await waitFor(barrier.wait(), 1), { instanceOf: TimeoutError });
    await barrier.abort();
    await t.throwsAsync(async () => await barrier.wait(), { instanceOf: BrokenBarrierError });
    await barrier.reset();
    t.false(barrier.broken);
  });
});
