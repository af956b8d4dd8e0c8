import test from 'ava';
import { CancelledError, Lock, RuntimeError, TimeoutError, ValueError, sleep, waitFor } from 'miolo/base';
import type { Coroutine, Task } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { errorOf, fails, runHosted, runOn, turns, turnsOf } from './harness.js';

/** Acquires, notes it, holds the lock for some turns. */
function* holder(lock: Lock, log: string[], name: string, hold = 1): Coroutine<void> {
  yield* lock.acquire();
  log.push(name);
  try {
    yield* turns(hold);
  } finally {
    lock.release();
  }
}

test.serial('a free lock is taken at once', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    t.false(lock.locked());
    t.is(yield* turnsOf(loop, lock.acquire()), 0);
    t.true(lock.locked());
    lock.release();
    t.false(lock.locked());
    t.is(yield* lock.acquire(), true);
  });
});

test.serial('whoever waits gets it in the order of asking', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    const log: string[] = [];
    const tasks = ['a', 'b', 'c'].map((name) => loop.createTask(holder(lock, log, name, 2)));
    for (const task of tasks) yield* task;
    t.deepEqual(log, ['a', 'b', 'c']);
    t.false(lock.locked());
  });
});

test.serial('a release unlocks before the one that was woken runs', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    yield* lock.acquire();
    const waiting = loop.createTask(lock.acquire());
    yield;
    lock.release();
    t.false(lock.locked());
    yield* waiting;
    t.true(lock.locked());
  });
});

test.serial('a newcomer queues behind one that was woken and has not run yet', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    const log: string[] = [];
    yield* lock.acquire();
    const first = loop.createTask(holder(lock, log, 'first'));
    yield;
    lock.release();
    yield* holder(lock, log, 'newcomer');
    yield* first;
    t.deepEqual(log, ['first', 'newcomer']);
  });
});

test.serial('a newcomer does not queue behind those that were cancelled', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    yield* lock.acquire();
    const waiting = loop.createTask(lock.acquire());
    yield;
    lock.release();
    yield* waiting;
    const cancelled = loop.createTask(lock.acquire());
    yield;
    cancelled.cancel();
    lock.release();
    // The one that was cancelled has not run yet: it still stands in line.
    t.is(lock._waiters.size, 1);
    t.is(yield* turnsOf(loop, lock.acquire()), 0);
    yield* errorOf(cancelled);
  });
});

test.serial('one that is cancelled while it waits is passed over', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    const log: string[] = [];
    yield* lock.acquire();
    const tasks = ['a', 'b'].map((name) => loop.createTask(holder(lock, log, name)));
    yield;
    tasks[0]!.cancel();
    t.true((yield* errorOf(tasks[0]!)) instanceof CancelledError);
    lock.release();
    yield* tasks[1]!;
    t.deepEqual(log, ['b']);
  });
});

test.serial('one that is cancelled after it was woken wakes the next', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    const log: string[] = [];
    yield* lock.acquire();
    const tasks = ['a', 'b'].map((name) => loop.createTask(holder(lock, log, name)));
    yield;
    lock.release();
    tasks[0]!.cancel();
    t.true((yield* errorOf(tasks[0]!)) instanceof CancelledError);
    yield* tasks[1]!;
    t.deepEqual(log, ['b']);
    t.false(lock.locked());
  });
});

test.serial('one that gives up wakes nobody while somebody holds the lock', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    yield* lock.acquire();
    const [gone, next]: Task<true>[] = [loop.createTask(lock.acquire()), loop.createTask(lock.acquire())];
    yield;
    gone!.cancel();
    yield* errorOf(gone!);
    yield* turns(3);
    t.false(next!.done());
    lock.release();
    yield* next!;
  });
});

test.serial('releasing what nobody holds is a RuntimeError', (t) => {
  t.throws(() => new Lock().release(), { instanceOf: RuntimeError });
});

test.serial('run() releases whatever happens in the body', (t) => {
  runOn(function* () {
    const lock = new Lock();
    const result = yield* lock.run(function* (value) {
      t.is(value, undefined);
      t.true(lock.locked());
      yield* sleep(1);
      return 'x';
    });
    t.is(result, 'x');
    t.false(lock.locked());
    t.true((yield* errorOf(lock.run(() => fails(new ValueError('y'))))) instanceof ValueError);
    t.false(lock.locked());
    t.true((yield* errorOf(waitFor(lock.run(sleep(9)), 1))) instanceof TimeoutError);
    t.false(lock.locked());
  });
});

test.serial('a lock is not reentrant', (t) => {
  runOn(function* () {
    const lock = new Lock();
    const error = yield* errorOf(waitFor(lock.run(lock.run(sleep(0))), 1));
    t.true(error instanceof TimeoutError);
    t.false(lock.locked());
  });
});

test.serial('a lock is bound to a loop by the first that has to wait, and refuses others then', (t) => {
  const lock = new Lock();
  runOn(() => lock.run(sleep(1)));
  // Nobody had to wait: it is free for any loop.
  runOn(function* (loop) {
    t.is(lock._loop, null);
    yield* lock.acquire();
    const waiting = loop.createTask(lock.acquire());
    yield;
    lock.release();
    yield* waiting;
    t.is<unknown, unknown>(lock._loop, loop);
  });
  runOn(function* () {
    const error = yield* errorOf(lock.acquire());
    t.true(error instanceof RuntimeError);
    t.regex((error as Error).message, /is bound to a different event loop/);
    lock.release();
    // Without a wait it serves any loop still.
    yield* lock.run(sleep(1));
  });
});

test.serial('tasks of any make wait for it', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    const log: string[] = [];
    const mini = (name: string): MiniTask => new MiniTask(holder(lock, log, name), { loop, name });
    const [a, b, c] = [mini('a'), mini('b'), mini('c')];
    yield* turns(1);
    b.cancel();
    yield* errorOf(b);
    yield* a;
    yield* c;
    t.deepEqual(log, ['a', 'c']);
  });
});

test.serial('toString tells whether it is locked, and how many wait', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    t.is(String(lock), '<Lock [unlocked]>');
    yield* lock.acquire();
    t.is(String(lock), '<Lock [locked]>');
    const waiting = loop.createTask(lock.acquire());
    yield;
    t.is(String(lock), '<Lock [locked, waiters:1]>');
    lock.release();
    yield* waiting;
  });
});

test.serial('async functions await it', async (t) => {
  const log: string[] = [];
  await runHosted(async () => {
    const lock = new Lock();
    const work = async (name: string): Promise<void> => {
      await lock.acquire();
      log.push(`${name} in`);
      await sleep(1);
      log.push(`${name} out`);
      lock.release();
    };
    await Promise.all([work('a'), work('b'), lock.run(sleep(1, 'x'))]);
  });
  t.deepEqual(log, ['a in', 'a out', 'b in', 'b out']);
});

test.serial('without a loop a wait is a RuntimeError', (t) => {
  const lock = new Lock();
  lock._locked = true;
  t.throws(() => lock.acquire().next(), { instanceOf: RuntimeError, message: /no running event loop/ });
});
