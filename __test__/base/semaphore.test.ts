import test from 'ava';
import {
  BoundedSemaphore,
  CancelledError,
  RuntimeError,
  Semaphore,
  TimeoutError,
  ValueError,
  gather,
  sleep,
  waitFor,
} from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { errorOf, fails, runHosted, runOn, turns, turnsOf } from './harness.js';

/** Takes a permit and notes it. */
function* taker(semaphore: Semaphore, log: string[], name: string): Coroutine<void> {
  yield* semaphore.acquire();
  log.push(name);
}

test.serial('permits are taken at once while there are some', (t) => {
  runOn(function* (loop) {
    const semaphore = new Semaphore(2);
    t.is(yield* turnsOf(loop, semaphore.acquire()), 0);
    t.false(semaphore.locked());
    t.is(yield* semaphore.acquire(), true);
    t.true(semaphore.locked());
    semaphore.release();
    t.false(semaphore.locked());
  });
});

test.serial('it has one permit by default, and may have none', (t) => {
  runOn(function* () {
    const semaphore = new Semaphore();
    yield* semaphore.acquire();
    t.true(semaphore.locked());
    const none = new Semaphore(0);
    t.true(none.locked());
    t.true((yield* errorOf(waitFor(none.acquire(), 1))) instanceof TimeoutError);
    none.release();
    yield* none.acquire();
  });
});

test.serial('no more run at once than there are permits', (t) => {
  runOn(function* () {
    const semaphore = new Semaphore(2);
    let inside = 0;
    let most = 0;
    const work = function* (): Coroutine<void> {
      most = Math.max(most, ++inside);
      yield* sleep(1);
      inside--;
    };
    yield* gather([1, 2, 3, 4, 5].map(() => semaphore.run(work)));
    t.is(most, 2);
  });
});

test.serial('a release hands the permit to the first who waits: nobody can take it in between', (t) => {
  runOn(function* (loop) {
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    yield* semaphore.acquire();
    const first = loop.createTask(taker(semaphore, log, 'first'));
    yield;
    semaphore.release();
    // It belongs to the one that has not run yet.
    t.true(semaphore.locked());
    t.is(semaphore._value, 0);
    const newcomer = loop.createTask(taker(semaphore, log, 'newcomer'));
    yield* first;
    yield* turns(3);
    t.deepEqual(log, ['first']);
    semaphore.release();
    yield* newcomer;
    t.deepEqual(log, ['first', 'newcomer']);
  });
});

test.serial('a newcomer queues behind those that wait, even if there are permits', (t) => {
  runOn(function* (loop) {
    const semaphore = new Semaphore(0);
    const log: string[] = [];
    const waiting = loop.createTask(taker(semaphore, log, 'waiting'));
    yield;
    semaphore.release();
    semaphore.release();
    t.is(semaphore._value, 1);
    t.true(semaphore.locked());
    yield* taker(semaphore, log, 'newcomer');
    yield* waiting;
    t.deepEqual(log, ['waiting', 'newcomer']);
  });
});

test.serial('one that is cancelled after it was given a permit hands it to the next', (t) => {
  runOn(function* (loop) {
    const semaphore = new Semaphore(0);
    const log: string[] = [];
    const tasks = ['a', 'b'].map((name) => loop.createTask(taker(semaphore, log, name)));
    yield;
    semaphore.release();
    tasks[0]!.cancel();
    t.true((yield* errorOf(tasks[0]!)) instanceof CancelledError);
    yield* tasks[1]!;
    t.deepEqual(log, ['b']);
    t.is(semaphore._value, 0);
  });
});

test.serial('with nobody waiting the permit of one that was cancelled is free again', (t) => {
  runOn(function* (loop) {
    const semaphore = new Semaphore(0);
    const task = loop.createTask(semaphore.acquire());
    yield;
    semaphore.release();
    task.cancel();
    yield* errorOf(task);
    t.is(semaphore._value, 1);
    t.false(semaphore.locked());
    t.is(yield* turnsOf(loop, semaphore.acquire()), 0);
  });
});

test.serial('one that is cancelled while it waits is passed over', (t) => {
  runOn(function* (loop) {
    const semaphore = new Semaphore(0);
    const log: string[] = [];
    const tasks = ['a', 'b'].map((name) => loop.createTask(taker(semaphore, log, name)));
    yield;
    tasks[0]!.cancel();
    semaphore.release();
    yield* tasks[1]!;
    yield* errorOf(tasks[0]!);
    t.deepEqual(log, ['b']);
  });
});

test.serial('a semaphore takes more releases than it began with, a bounded one does not', (t) => {
  const semaphore = new Semaphore(1);
  semaphore.release();
  t.is(semaphore._value, 2);
  const bounded = new BoundedSemaphore(1);
  t.throws(() => bounded.release(), { instanceOf: ValueError });
  runOn(function* () {
    yield* bounded.acquire();
    bounded.release();
    t.throws(() => bounded.release(), { instanceOf: ValueError });
    t.true(bounded instanceof Semaphore);
  });
});

test.serial('run() gives the permit back whatever happens in the body', (t) => {
  runOn(function* () {
    const semaphore = new BoundedSemaphore(1);
    t.is(yield* semaphore.run(sleep(1, 'x')), 'x');
    t.true((yield* errorOf(semaphore.run(() => fails(new ValueError('y'))))) instanceof ValueError);
    t.true((yield* errorOf(waitFor(semaphore.run(sleep(9)), 1))) instanceof TimeoutError);
    t.false(semaphore.locked());
  });
});

test.serial('a negative number of permits is a ValueError, what is no number a TypeError', (t) => {
  t.throws(() => new Semaphore(-1), { instanceOf: ValueError });
  t.throws(() => new BoundedSemaphore(-5), { instanceOf: ValueError });
  for (const bad of ['1', null, {}, NaN, 1.5]) {
    t.throws(() => new Semaphore(bad as never), { instanceOf: TypeError });
  }
});

test.serial('a semaphore is bound to a loop by the first that has to wait', (t) => {
  const semaphore = new Semaphore(1);
  runOn(() => semaphore.run(sleep(1)));
  t.is(semaphore._loop, null);
  runOn(function* (loop) {
    yield* semaphore.acquire();
    loop.callLater(1, () => semaphore.release());
    yield* semaphore.acquire();
  });
  runOn(function* () {
    const error = yield* errorOf(semaphore.acquire());
    t.true(error instanceof RuntimeError);
    t.regex((error as Error).message, /different event loop/);
  });
});

test.serial('tasks of any make wait for it', (t) => {
  runOn(function* (loop) {
    const semaphore = new Semaphore(0);
    const log: string[] = [];
    const [a, b] = ['a', 'b'].map((name) => new MiniTask(taker(semaphore, log, name), { loop, name }));
    yield;
    semaphore.release();
    a!.cancel();
    yield* b!;
    t.deepEqual(log, ['b']);
    t.true(a!.cancelled());
  });
});

test.serial('toString names the class, the permits and how many wait', (t) => {
  runOn(function* (loop) {
    const semaphore = new Semaphore(1);
    t.is(String(semaphore), '<Semaphore [unlocked, value:1]>');
    yield* semaphore.acquire();
    t.is(String(semaphore), '<Semaphore [locked]>');
    const waiting = loop.createTask(semaphore.acquire());
    yield;
    t.is(String(semaphore), '<Semaphore [locked, waiters:1]>');
    semaphore.release();
    yield* waiting;
    t.is(String(new BoundedSemaphore(3)), '<BoundedSemaphore [unlocked, value:3]>');
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async (loop) => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    loop.callLater(2, () => semaphore.release());
    t.is(await semaphore.acquire(), true);
    t.is(loop.time(), 2);
  });
});
