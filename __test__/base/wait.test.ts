import test from 'ava';
import {
  ALL_COMPLETED,
  CancelledError,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  Future,
  ValueError,
  sleep,
  wait,
} from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { ForeignFuture } from './foreign-future.js';
import { errorOf, fails, gives, runHosted, runOn, turns, turnsOf } from './harness.js';

test.serial('waits for all by default, and returns sets', (t) => {
  runOn(function* (loop) {
    const tasks = [loop.createTask(sleep(1, 'a')), loop.createTask(sleep(2, 'b'))];
    const [done, pending] = yield* wait(tasks);
    t.is(loop.time(), 2);
    t.deepEqual(done, new Set(tasks));
    t.is(pending.size, 0);
  });
});

test.serial('an error of a member is not thrown', (t) => {
  runOn(function* (loop) {
    const bad = loop.createTask(fails(new ValueError('x')));
    const [done] = yield* wait([bad], { returnWhen: ALL_COMPLETED });
    t.true(done.has(bad));
    t.true(bad.exception() instanceof ValueError);
  });
});

test.serial('the end of time is no error and cancels nothing', (t) => {
  runOn(function* (loop) {
    const quick = loop.createTask(sleep(1));
    const slow = loop.createTask(sleep(9));
    const [done, pending] = yield* wait([quick, slow], { timeout: 3 });
    t.is(loop.time(), 3);
    t.deepEqual([...done], [quick]);
    t.deepEqual([...pending], [slow]);
    t.is(slow.cancelling(), 0);
    yield* slow;
  });
});

test.serial('a timeout of 0 gives what is done a turn later', (t) => {
  runOn(function* (loop) {
    const quick = loop.createTask(gives(1));
    const slow = loop.createTask(sleep(9));
    const [done, pending] = yield* wait([quick, slow], { timeout: 0 });
    t.deepEqual([...done], [quick]);
    t.deepEqual([...pending], [slow]);
    slow.cancel();
    yield* errorOf(slow);
  });
});

test.serial('cancelling the wait leaves its members alone', (t) => {
  runOn(function* (loop) {
    const member = new ForeignFuture(loop);
    const waiting = loop.createTask(wait([member], { timeout: 50 }));
    yield;
    t.is(member.callbackCount, 1);
    waiting.cancel();
    t.true((yield* errorOf(waiting)) instanceof CancelledError);
    t.false(member.done());
    t.is(member.callbackCount, 0);
    // Nor is a timer left.
    yield;
    t.is(loop._scheduled.length, 0);
  });
});

test.serial('with FIRST_COMPLETED it ends with the first', (t) => {
  runOn(function* (loop) {
    const tasks = [3, 1, 2].map((seconds) => loop.createTask(sleep(seconds)));
    const [done, pending] = yield* wait(tasks, { returnWhen: FIRST_COMPLETED });
    t.is(loop.time(), 1);
    t.deepEqual([...done], [tasks[1]!]);
    t.is(pending.size, 2);
    yield* wait(tasks);
  });
});

test.serial('with FIRST_EXCEPTION results and cancellations do not end it, an error does', (t) => {
  runOn(function* (loop) {
    const result = loop.createTask(sleep(1));
    const cancelled = loop.createFuture<void>();
    const error = loop.createFuture<void>();
    const slow = loop.createTask(sleep(9));
    loop.callLater(2, () => cancelled.cancel());
    loop.callLater(3, () => error.setException(new ValueError('x')));
    const members: Future<void>[] = [result, cancelled, error, slow];
    const [done, pending] = yield* wait(members, { returnWhen: FIRST_EXCEPTION });
    t.is(loop.time(), 3);
    t.deepEqual(done, new Set([result, cancelled, error] as Future<void>[]));
    t.deepEqual([...pending], [slow]);
    yield* slow;
  });
});

test.serial('with FIRST_EXCEPTION and no error it waits for all', (t) => {
  runOn(function* (loop) {
    const cancelled = loop.createTask(sleep(9));
    const slow = loop.createTask(sleep(3));
    loop.callLater(1, () => cancelled.cancel());
    const [done] = yield* wait([cancelled, slow], { returnWhen: FIRST_EXCEPTION });
    t.is(loop.time(), 3);
    t.is(done.size, 2);
  });
});

test.serial('what gets done until the waiting task runs counts as done', (t) => {
  runOn(function* (loop) {
    const [one, two] = [loop.createFuture<void>(), loop.createFuture<void>()];
    loop.callSoon(() => one.setResult());
    loop.callSoon(() => loop.callSoon(() => two.setResult()));
    const [done] = yield* wait([one, two], { returnWhen: FIRST_COMPLETED });
    t.is(done.size, 2);
  });
});

test.serial('members given twice count once, and those done already end it', (t) => {
  runOn(function* (loop) {
    const done = loop.createFuture<void>();
    done.setResult();
    const other = loop.createFuture<void>();
    const [yes, no] = yield* wait([done, other, done], { returnWhen: FIRST_COMPLETED });
    t.deepEqual([...yes], [done]);
    t.deepEqual([...no], [other]);
  });
});

test.serial('waiting for tasks that never wait takes three turns', (t) => {
  runOn(function* (loop) {
    t.is(yield* turnsOf(loop, wait([loop.createTask(gives(1))])), 3);
  });
});

test.serial('a timeout that was not needed leaves no timer', (t) => {
  runOn(function* (loop) {
    yield* wait([loop.createTask(gives(1))], { timeout: 100 });
    yield* turns(2);
    t.is(loop.time(), 0);
    t.is(loop._scheduled.length, 0);
  });
});

test.serial('no members at all are a ValueError', (t) => {
  runOn(function* () {
    t.true((yield* errorOf(wait([]))) instanceof ValueError);
    t.true((yield* errorOf(wait(new Set<Future>()))) instanceof ValueError);
  });
});

test.serial('an unknown returnWhen is a ValueError', (t) => {
  runOn(function* (loop) {
    const members = [loop.createFuture<void>()];
    const error = yield* errorOf(wait(members, { returnWhen: 'SOME' as never }));
    t.true(error instanceof ValueError);
    t.regex((error as Error).message, /SOME/);
  });
});

test.serial('one future, one coroutine, and no iterable at all are TypeErrors', (t) => {
  runOn(function* (loop) {
    const coro = gives(1);
    for (const bad of [loop.createFuture(), coro, new ForeignFuture(loop), 5, null, undefined]) {
      t.true((yield* errorOf(wait(bad as never))) instanceof TypeError, String(bad));
    }
    t.is(yield* coro, 1);
  });
});

test.serial('coroutines and other things among the members are TypeErrors, and no member is touched', (t) => {
  runOn(function* (loop) {
    const member = new ForeignFuture(loop);
    const coro = gives(1);
    for (const bad of [coro, 5, null, {}, Promise.resolve()]) {
      t.true((yield* errorOf(wait([member, bad as never]))) instanceof TypeError, String(bad));
    }
    t.is(member.callbackCount, 0);
    t.is(yield* coro, 1);
  });
});

test.serial('a timeout that is no number is a TypeError', (t) => {
  runOn(function* (loop) {
    const member = loop.createFuture<void>();
    t.true((yield* errorOf(wait([member], { timeout: '1' as never }))) instanceof TypeError);
  });
});

test.serial('futures and tasks of any make are waited for', (t) => {
  runOn(function* (loop) {
    const foreign = new ForeignFuture<number>(loop);
    const task = new MiniTask(sleep(1), { loop, name: 'mini' });
    loop.callLater(2, () => foreign.setException(new ValueError('x')));
    const [first] = yield* wait<Future | ForeignFuture>([foreign, task], { returnWhen: FIRST_COMPLETED });
    t.deepEqual([...first], [task]);
    const [done] = yield* wait<Future | ForeignFuture>([foreign, task], { returnWhen: FIRST_EXCEPTION });
    t.is(done.size, 2);
    t.is(loop.time(), 2);
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async (loop) => {
    const tasks = [loop.createTask(sleep(1)), loop.createTask(sleep(5))];
    const [done, pending] = await wait(tasks, { timeout: 2 });
    t.is(done.size, 1);
    t.is(pending.size, 1);
    await t.throwsAsync(async () => await wait([]), { instanceOf: ValueError });
    await tasks[1];
  });
});
