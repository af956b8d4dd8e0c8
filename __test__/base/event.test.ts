import test from 'ava';
import { CancelledError, Event, RuntimeError, sleep } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { errorOf, runHosted, runOn, turns, turnsOf } from './harness.js';

test.serial('a set event is not waited for', (t) => {
  runOn(function* (loop) {
    const event = new Event();
    t.false(event.isSet());
    event.set();
    t.true(event.isSet());
    t.is(yield* event.wait(), true);
    t.is(yield* turnsOf(loop, event.wait()), 0);
  });
});

test.serial('setting releases everybody who waits', (t) => {
  runOn(function* (loop) {
    const event = new Event();
    const tasks = [1, 2, 3].map(() => loop.createTask(event.wait()));
    yield* turns(3);
    t.true(tasks.every((task) => !task.done()));
    event.set();
    for (const task of tasks) t.is(yield* task, true);
    t.is(event._waiters.size, 0);
  });
});

test.serial('set and clear at once release everybody who waits already', (t) => {
  runOn(function* (loop) {
    const event = new Event();
    const before = loop.createTask(event.wait());
    yield;
    event.set();
    event.clear();
    const after = loop.createTask(event.wait());
    yield* turns(3);
    t.true(before.done());
    t.false(after.done());
    t.false(event.isSet());
    event.set();
    yield* after;
  });
});

test.serial('setting twice is the same as once, and harmless to those that were cancelled', (t) => {
  runOn(function* (loop) {
    const event = new Event();
    const [gone, stays] = [loop.createTask(event.wait()), loop.createTask(event.wait())];
    yield;
    gone!.cancel();
    event.set();
    event.set();
    t.true((yield* errorOf(gone!)) instanceof CancelledError);
    yield* stays!;
    t.is(event._waiters.size, 0);
  });
});

test.serial('an event is bound to a loop by the first that waits', (t) => {
  const event = new Event();
  event.set();
  runOn(() => event.wait());
  t.is(event._loop, null);
  event.clear();
  runOn(function* (loop) {
    loop.callLater(1, () => event.set());
    yield* event.wait();
  });
  event.clear();
  runOn(function* () {
    const error = yield* errorOf(event.wait());
    t.true(error instanceof RuntimeError);
    t.regex((error as Error).message, /different event loop/);
  });
});

test.serial('tasks of any make wait for it', (t) => {
  runOn(function* (loop) {
    const event = new Event();
    const task = new MiniTask(event.wait(), { loop, name: 'mini' });
    yield;
    event.set();
    t.is(yield* task, true);
  });
});

test.serial('toString tells whether it is set, and how many wait', (t) => {
  runOn(function* (loop) {
    const event = new Event();
    t.is(String(event), '<Event [unset]>');
    const waiting = loop.createTask(event.wait());
    yield;
    t.is(String(event), '<Event [unset, waiters:1]>');
    event.set();
    yield* waiting;
    t.is(String(event), '<Event [set]>');
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async (loop) => {
    const event = new Event();
    loop.callLater(3, () => event.set());
    t.is(await event.wait(), true);
    t.is(loop.time(), 3);
    await sleep(0);
  });
});
