import test from 'ava';
import {
  CancelledError,
  Condition,
  Lock,
  RuntimeError,
  TimeoutError,
  ValueError,
  sleep,
  waitFor,
} from 'miolo/base';
import type { Coroutine, Task } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import type { TestLoop } from './harness.js';
import { errorOf, fails, runHosted, runOn, turns, turnsOf } from './harness.js';

/** Waits once for the condition, and notes that. */
function* waiter(condition: Condition, log: string[], name: string): Coroutine<void> {
  yield* condition.run(function* () {
    yield* condition.wait();
    log.push(name);
  });
}

/** Starts some of them, until all of them wait. */
function* startWaiters(
  loop: TestLoop,
  condition: Condition,
  log: string[],
  names: readonly string[],
): Coroutine<Task<void>[]> {
  const tasks = names.map((name) => loop.createTask(waiter(condition, log, name)));
  yield* turns(2);
  return tasks;
}

test.serial('wait releases the lock, and has it again when it returns', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const waiting = loop.createTask(
      condition.run(function* () {
        t.is(yield* condition.wait(), true);
        t.true(condition.locked());
      }),
    );
    yield* turns(2);
    t.false(condition.locked());
    yield* condition.run(function* () {
      condition.notify();
    });
    yield* waiting;
    t.false(condition.locked());
  });
});

test.serial('notify wakes as many as it is told, in the order of waiting', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const log: string[] = [];
    const tasks = yield* startWaiters(loop, condition, log, ['a', 'b', 'c', 'd']);
    const notify = (n?: number): Coroutine<void> =>
      condition.run(function* () {
        condition.notify(n);
      });
    yield* notify();
    yield* turns(4);
    t.deepEqual(log, ['a']);
    yield* notify(2);
    yield* turns(6);
    t.deepEqual(log, ['a', 'b', 'c']);
    yield* notify(0);
    yield* turns(4);
    t.is(log.length, 3);
    yield* notify(99);
    for (const task of tasks) yield* task;
    t.is(condition._waiters.size, 0);
  });
});

test.serial('notify passes over those that were woken or cancelled already', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const log: string[] = [];
    const [gone, ...others] = yield* startWaiters(loop, condition, log, ['gone', 'a', 'b', 'c']);
    yield* condition.acquire();
    gone!.cancel();
    condition.notify();
    condition.notify();
    condition.release();
    t.true((yield* errorOf(gone!)) instanceof CancelledError);
    yield* others[1]!;
    t.deepEqual(log.slice(0, 2), ['a', 'b']);
    yield* condition.run(function* () {
      condition.notifyAll();
    });
    yield* others[2]!;
  });
});

test.serial('notifyAll wakes everybody', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const log: string[] = [];
    const tasks = yield* startWaiters(loop, condition, log, ['a', 'b', 'c']);
    yield* condition.run(function* () {
      condition.notifyAll();
    });
    for (const task of tasks) yield* task;
    t.deepEqual(log, ['a', 'b', 'c']);
  });
});

test.serial('those that are woken take turns with the lock', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    let inside = 0;
    const tasks = [1, 2].map(() =>
      loop.createTask(
        condition.run(function* () {
          yield* condition.wait();
          t.is(++inside, 1);
          yield* sleep(1);
          inside--;
        }),
      ),
    );
    yield* turns(2);
    yield* condition.run(function* () {
      condition.notifyAll();
    });
    for (const task of tasks) yield* task;
    t.is(loop.time(), 2);
  });
});

test.serial('waitFor waits until the predicate gives something true, and returns that', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    let value = '';
    const waiting = loop.createTask(condition.run(() => condition.waitFor(() => value)));
    for (const next of ['', 'ready']) {
      yield* sleep(1);
      yield* condition.run(function* () {
        value = next;
        condition.notifyAll();
      });
    }
    t.is(yield* waiting, 'ready');
    t.is(
      yield* turnsOf(
        loop,
        condition.run(() => condition.waitFor(() => 7)),
      ),
      0,
    );
  });
});

test.serial('what a predicate throws passes, with the lock held', (t) => {
  runOn(function* () {
    const condition = new Condition();
    yield* condition.acquire();
    const bad = (): never => {
      throw new ValueError('x');
    };
    t.true((yield* errorOf(condition.waitFor(bad))) instanceof ValueError);
    t.true((yield* errorOf(condition.waitFor(5 as never))) instanceof TypeError);
    t.true(condition.locked());
  });
});

test.serial('waiting and notifying without the lock are RuntimeErrors', (t) => {
  runOn(function* () {
    const condition = new Condition();
    t.true((yield* errorOf(condition.wait())) instanceof RuntimeError);
    t.true((yield* errorOf(condition.waitFor(() => false))) instanceof RuntimeError);
    t.throws(() => condition.notify(), { instanceOf: RuntimeError });
    t.throws(() => condition.notifyAll(), { instanceOf: RuntimeError });
    t.throws(() => condition.release(), { instanceOf: RuntimeError });
  });
});

test.serial('one that is cancelled takes the lock again before it throws', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const log: string[] = [];
    const [task] = yield* startWaiters(loop, condition, log, ['a']);
    yield* condition.acquire();
    task!.cancel();
    yield* turns(5);
    t.false(task!.done());
    condition.release();
    t.true((yield* errorOf(task!)) instanceof CancelledError);
    t.false(condition.locked());
    t.deepEqual(log, []);
  });
});

test.serial(
  'cancelled again while it waits for the lock, it goes on waiting and throws the last one',
  (t) => {
    runOn(function* (loop) {
      const condition = new Condition();
      const [task] = yield* startWaiters(loop, condition, [], ['a']);
      yield* condition.acquire();
      for (const message of ['first', 'second', 'third']) {
        task!.cancel(message);
        yield* turns(3);
        t.false(task!.done());
      }
      condition.release();
      const error = yield* errorOf(task!);
      t.deepEqual((error as CancelledError).args, ['third']);
      t.false(condition.locked());
    });
  },
);

test.serial('cancelled while it takes the lock after a notification, it passes that on', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const log: string[] = [];
    const [a, b] = yield* startWaiters(loop, condition, log, ['a', 'b']);
    yield* condition.acquire();
    condition.notify();
    yield* turns(2);
    a!.cancel();
    yield* turns(2);
    condition.release();
    t.true((yield* errorOf(a!)) instanceof CancelledError);
    yield* b!;
    t.deepEqual(log, ['b']);
  });
});

test.serial('cancelled in the turn of its notification, it passes that on', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const log: string[] = [];
    const [a, b] = yield* startWaiters(loop, condition, log, ['a', 'b']);
    yield* condition.acquire();
    condition.notify();
    a!.cancel();
    condition.release();
    t.true((yield* errorOf(a!)) instanceof CancelledError);
    yield* b!;
    t.deepEqual(log, ['b']);
  });
});

test.serial('cancelled without a notification, it may wake another one for nothing', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const log: string[] = [];
    const [a, b] = yield* startWaiters(loop, condition, log, ['a', 'b']);
    a!.cancel();
    yield* errorOf(a!);
    yield* b!;
    t.deepEqual(log, ['b']);
  });
});

test.serial('several conditions can share a lock', (t) => {
  runOn(function* (loop) {
    const lock = new Lock();
    const [full, empty] = [new Condition(lock), new Condition(lock)];
    yield* full.acquire();
    t.true(empty.locked());
    t.true(lock.locked());
    lock.release();
    const log: string[] = [];
    const [onFull] = yield* startWaiters(loop, full, log, ['full']);
    const [onEmpty] = yield* startWaiters(loop, empty, log, ['empty']);
    yield* lock.run(function* () {
      empty.notify();
    });
    yield* onEmpty!;
    t.deepEqual(log, ['empty']);
    yield* lock.run(function* () {
      full.notify();
    });
    yield* onFull!;
  });
});

test.serial('a lock that is none is a TypeError', (t) => {
  for (const bad of [5, 'lock', {}]) {
    t.throws(() => new Condition(bad as never), { instanceOf: TypeError });
  }
});

test.serial('run() releases the lock whatever happens in the body', (t) => {
  runOn(function* () {
    const condition = new Condition();
    t.true((yield* errorOf(condition.run(() => fails(new ValueError('x'))))) instanceof ValueError);
    t.false(condition.locked());
    t.true(
      (yield* errorOf(
        waitFor(
          condition.run(() => condition.wait()),
          1,
        ),
      )) instanceof TimeoutError,
    );
    t.false(condition.locked());
  });
});

test.serial('a condition is bound to a loop by the first that waits', (t) => {
  const condition = new Condition();
  runOn(function* (loop) {
    t.is(condition._loop, null);
    const [task] = yield* startWaiters(loop, condition, [], ['a']);
    yield* condition.run(function* () {
      condition.notify();
    });
    yield* task!;
  });
  runOn(function* () {
    const error = yield* errorOf(condition.run(() => condition.wait()));
    t.true(error instanceof RuntimeError);
    t.regex((error as Error).message, /different event loop/);
    t.false(condition.locked());
  });
});

test.serial('tasks of any make wait for it', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    const log: string[] = [];
    const task = new MiniTask(waiter(condition, log, 'mini'), { loop, name: 'mini' });
    yield* turns(2);
    yield* condition.run(function* () {
      condition.notify();
    });
    yield* task;
    t.deepEqual(log, ['mini']);
  });
});

test.serial('toString tells whether it is locked, and how many wait', (t) => {
  runOn(function* (loop) {
    const condition = new Condition();
    t.is(String(condition), '<Condition [unlocked]>');
    const [task] = yield* startWaiters(loop, condition, [], ['a']);
    yield* condition.acquire();
    t.is(String(condition), '<Condition [locked, waiters:1]>');
    condition.notify();
    condition.release();
    yield* task!;
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async (loop) => {
    const condition = new Condition();
    let ready = false;
    loop.callLater(1, () => {
      ready = true;
      loop.createTask(
        condition.run(function* () {
          condition.notifyAll();
        }),
      );
    });
    await condition.acquire();
    t.is(await condition.waitFor(() => ready), true);
    condition.release();
    t.is(loop.time(), 1);
  });
});
