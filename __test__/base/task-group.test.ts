import test from 'ava';
import {
  ContextVar,
  ExceptionGroup,
  RuntimeError,
  TaskGroup,
  ValueError,
  copyContext,
  eagerTaskFactory,
  sleep,
} from 'miolo/base';
import type { Coroutine, Future, Task } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { ForeignFuture } from './foreign-future.js';
import {
  TestLoop,
  errorOf,
  fails,
  failsAfter,
  gives,
  me,
  messagesOf,
  noted,
  runHosted,
  runOn,
  turns,
} from './harness.js';

test.serial('the block ends when every task has ended', (t) => {
  runOn(function* (loop) {
    const group = new TaskGroup();
    const result = yield* group.run(function* (same) {
      t.is(same, group);
      const task = group.createTask(sleep(1, 'x'));
      group.createTask(sleep(3));
      return yield* task;
    });
    t.is(result, 'x');
    t.is(loop.time(), 3);
  });
});

test.serial('an empty block ends at once', (t) => {
  runOn(function* (loop) {
    const before = loop.turns;
    t.is(yield* new TaskGroup().run(gives('x')), 'x');
    t.is(loop.turns, before);
  });
});

test.serial('leaving with tasks that never wait takes three turns', (t) => {
  runOn(function* (loop) {
    const before = loop.turns;
    yield* new TaskGroup().run(function* (group) {
      group.createTask(gives(1));
    });
    t.is(loop.turns - before, 3);
  });
});

test.serial(
  'a task before the block, after it, or while it aborts is refused and its coroutine closed',
  (t) => {
    runOn(function* () {
      const closed: string[] = [];
      const work = function* (name: string): Coroutine<void> {
        try {
          yield* sleep(1);
        } finally {
          closed.push(name);
        }
      };
      const started = (name: string): Coroutine<void> => {
        const coro = work(name);
        coro.next();
        return coro;
      };
      const group = new TaskGroup();
      t.throws(() => group.createTask(started('before')), {
        instanceOf: RuntimeError,
        message: /not been entered/,
      });
      const error = yield* errorOf(
        group.run(function* () {
          group.createTask(
            (function* () {
              yield* errorOf(sleep(9));
              t.throws(() => group.createTask(started('aborting')), {
                instanceOf: RuntimeError,
                message: /shutting down/,
              });
            })(),
          );
          yield;
          throw new ValueError('x');
        }),
      );
      t.deepEqual(messagesOf(error), ['x']);
      t.throws(() => group.createTask(started('after')), { instanceOf: RuntimeError, message: /finished/ });
      t.deepEqual(closed, ['before', 'aborting', 'after']);
    });
  },
);

test.serial('children may make tasks while the exit waits', (t) => {
  runOn(function* (loop) {
    const log: string[] = [];
    yield* new TaskGroup().run(function* (group) {
      group.createTask(
        (function* () {
          yield* sleep(1);
          group.createTask(noted(log, 'grandchild', 5));
        })(),
      );
    });
    t.deepEqual(log, ['grandchild ended']);
    t.is(loop.time(), 6);
  });
});

test.serial('a group is entered once, and only inside of a task', (t) => {
  runOn(function* () {
    const group = new TaskGroup();
    yield* group.run(gives(1));
    t.true((yield* errorOf(group.run(gives(1)))) instanceof RuntimeError);
  });
  const loop = new TestLoop();
  let error: unknown;
  loop.callSoon(() => {
    try {
      new TaskGroup().aenter().next();
    } catch (thrown) {
      error = thrown;
    }
    loop.stop();
  });
  loop.runForeverSync();
  t.true(error instanceof RuntimeError);
  t.throws(() => new TaskGroup().aenter().next(), { instanceOf: RuntimeError });
  loop.closeSilently();
});

test.serial('an eager child that fails does not cancel the line that makes it', (t) => {
  runOn(function* (loop) {
    loop.setTaskFactory(eagerTaskFactory);
    const log: string[] = [];
    const error = yield* errorOf(
      new TaskGroup().run(function* (group) {
        const child = group.createTask(fails(new ValueError('x')));
        t.true(child.done());
        log.push('made');
        t.is(me().cancelling(), 0);
        group.createTask(gives(1));
        yield* noted(log, 'block', 9);
      }),
    );
    t.deepEqual(messagesOf(error), ['x']);
    t.deepEqual(log, ['made', 'block cancelled']);
  });
});

test.serial('names, contexts and what else is given reach the task', (t) => {
  runOn(function* (loop) {
    const variable = new ContextVar<string>('v');
    const context = copyContext();
    let options: unknown;
    yield* new TaskGroup().run(function* (group) {
      const task = group.createTask(
        (function* () {
          variable.set('inner');
        })(),
        { name: 'worker', context },
      );
      t.is(task.getName(), 'worker');
      yield* task;
      t.is(context.get(variable), 'inner');
      loop.setTaskFactory((its, coro, given) => {
        options = given;
        return new MiniTask(coro, { loop: its, name: 'mini' });
      });
      group.createTask(gives(1), { name: 'other', special: 7 });
      loop.setTaskFactory(null);
    });
    t.deepEqual(options, { name: 'other', special: 7 });
  });
});

test.serial("tasks of somebody else's make, in the group and as its parent", (t) => {
  runOn(function* (loop) {
    loop.setTaskFactory((its, coro) => new MiniTask(coro, { loop: its, name: 'mini' }));
    const parent = loop.createTask(
      new TaskGroup().run(function* (group) {
        const sibling = group.createTask(sleep(9));
        group.createTask(failsAfter(1, new ValueError('x')));
        yield* errorOf(new ForeignFuture(loop));
        t.true(sibling.cancelled() || (sibling as Task).cancelling() === 1);
      }),
    );
    loop.setTaskFactory(null);
    t.true(parent instanceof MiniTask);
    const error = yield* errorOf(parent as Future);
    t.deepEqual(messagesOf(error), ['x']);
    t.is(parent.cancelling(), 0);
  });
});

test.serial('what is no coroutine is a TypeError, and the group goes on', (t) => {
  runOn(function* () {
    const result = yield* new TaskGroup().run(function* (group) {
      for (const bad of [1, null, undefined, () => {}, new Promise(() => {})]) {
        t.throws(() => group.createTask(bad as never), { instanceOf: TypeError });
      }
      return 'x';
    });
    t.is(result, 'x');
    t.throws(() => new TaskGroup().createTask(1 as never), { instanceOf: TypeError });
  });
});

test.serial('groups nest, and a failure inside reaches the outside as a group in a group', (t) => {
  runOn(function* () {
    const log: string[] = [];
    const error = yield* errorOf(
      new TaskGroup().run(function* (outer) {
        outer.createTask(noted(log, 'outer', 9));
        yield* new TaskGroup().run(function* (inner) {
          inner.createTask(failsAfter(1, new ValueError('x')));
        });
      }),
    );
    const [inner] = (error as ExceptionGroup).exceptions;
    t.true(inner instanceof ExceptionGroup);
    t.deepEqual(messagesOf(inner), ['x']);
    t.deepEqual(log, ['outer cancelled']);
    t.is(me().cancelling(), 0);
  });
});

test.serial('toString names what is going on', (t) => {
  runOn(function* () {
    const group = new TaskGroup();
    t.is(String(group), '<TaskGroup>');
    yield* group.run(function* () {
      t.is(String(group), '<TaskGroup entered>');
      group.createTask(sleep(1));
      t.is(String(group), '<TaskGroup tasks=1 entered>');
      yield* turns(1);
    });
    t.is(String(group), '<TaskGroup entered>');
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async () => {
    const results = await new TaskGroup().run(function* (group) {
      const [one, two] = [group.createTask(sleep(1, 'a')), group.createTask(sleep(2, 'b'))];
      return [yield* one, yield* two];
    });
    t.deepEqual(results, ['a', 'b']);
    await t.throwsAsync(
      async () =>
        await new TaskGroup().run(function* (group) {
          group.createTask(fails(new ValueError('x')));
        }),
      { instanceOf: ExceptionGroup },
    );
  });
});
