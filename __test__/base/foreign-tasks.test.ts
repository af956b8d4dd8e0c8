/** Tasks that share no class with ours, made by a task factory, do whatever ours do. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import {
  Barrier,
  CancelledError,
  Condition,
  ContextVar,
  Event,
  KeyboardInterrupt,
  Lock,
  Queue,
  Runner,
  Semaphore,
  TaskGroup,
  TimeoutError,
  ValueError,
  allTasks,
  captureCallGraph,
  copyContext,
  createEagerTaskFactory,
  createTask,
  currentTask,
  ensureFuture,
  formatCallGraph,
  gather,
  run,
  runCoroutineThreadsafe,
  runSync,
  sleep,
  timeout,
} from 'miolo/base';
import type { BaseExceptionGroup, Coroutine, Task } from 'miolo/base';
import { type AnyLoop, LOOPS, runOnLoop } from './foreign-loops.js';
import { ForeignTask } from './foreign-task.js';
import { errorOf, failsAfter, gives, messagesOf, turns } from './harness.js';

interface Bench {
  readonly t: ExecutionContext;
  readonly loop: AnyLoop;
}

/** The current task, which is one of another make. */
function me(): ForeignTask & Task {
  return currentTask() as never;
}

const ERROR = new ValueError('foreign');

const CASES: Record<string, (bench: Bench) => Coroutine<void>> = {
  *'are made by createTask, groups and ensureFuture, with every option'({ t }) {
    const context = copyContext();
    const made = createTask(gives('a'), { name: 'A', context });
    const ensured = ensureFuture(gives('b'));
    const [grouped, value] = yield* new TaskGroup().run(function* (group) {
      const task = group.createTask(gives('c'), { name: 'C' });
      return [task, yield* task];
    });
    for (const task of [made, ensured, grouped]) t.true((task as unknown) instanceof ForeignTask);
    t.deepEqual([made.getName(), grouped.getName()], ['A', 'C']);
    t.is(made.getContext(), context);
    t.deepEqual([yield* made, yield* ensured, value], ['a', 'b', 'c']);
  },

  *'are the current task in their steps, and among all tasks until they are done'({ t }) {
    const before = allTasks();
    t.true(before.has(me()));
    let steps = 0;
    const task = createTask(
      (function* (): Coroutine<void> {
        for (; steps < 2; steps++) {
          t.is(me().getName(), 'stepping');
          yield* sleep(1);
        }
      })(),
      { name: 'stepping' },
    );
    t.is(allTasks().size, before.size + 1);
    t.true(allTasks().has(task));
    yield* task;
    t.is(steps, 2);
    t.is(allTasks().size, before.size);
  },

  *'run in their context, step for step'({ t }) {
    const variable = new ContextVar<string>('variable');
    variable.set('outside');
    const given = copyContext();
    function* child(): Coroutine<string> {
      yield* sleep(1);
      const before = variable.get();
      variable.set('inside');
      yield* sleep(1);
      return `${before}, ${variable.get()}`;
    }
    t.is(yield* createTask(child()), 'outside, inside');
    t.is(variable.get(), 'outside');
    t.is(yield* createTask(child(), { context: given }), 'outside, inside');
    t.is(given.get(variable), 'inside');
  },

  *'are cancelled where they wait, with the message, and may take it back'({ t }) {
    const task = createTask(
      (function* (): Coroutine<string> {
        const error = yield* errorOf(sleep(60_000));
        t.deepEqual((error as CancelledError).args, ['why']);
        t.is(me().cancelling(), 1);
        t.is(me().uncancel(), 0);
        yield* sleep(1);
        return 'went on';
      })(),
    );
    yield* sleep(1);
    t.true(task.cancel('why'));
    t.is(yield* task, 'went on');
    t.false(task.cancelled());
    const early = createTask(gives('never begun'));
    early.cancel();
    t.true((yield* errorOf(early)) instanceof CancelledError);
    t.true(early.cancelled());
  },

  *'end with their timeouts: the inner one, the outer one, and a cancellation from outside'({ t }) {
    const forever = 60_000;
    function* nested(inner: number, outer: number): Coroutine<string> {
      try {
        yield* timeout(outer).run(function* () {
          const error = yield* errorOf(timeout(inner).run(sleep(forever)));
          if (error instanceof TimeoutError) throw new ValueError('inner');
          throw error;
        });
      } catch (error) {
        // The test looks at it.
        return (error as Error).constructor.name;
      } finally {
        t.is(me().cancelling(), 0);
      }
      return 'none';
    }
    t.is(yield* createTask(nested(1, forever)), 'ValueError');
    t.is(yield* createTask(nested(forever, 1)), 'TimeoutError');
    const cancelled = createTask(timeout(forever).run(sleep(forever)));
    yield* sleep(1);
    cancelled.cancel();
    t.true((yield* errorOf(cancelled)) instanceof CancelledError);
  },

  *'make groups: one that fails cancels the others and the block, and the parent is not left cancelled'(
    bench,
  ) {
    const { t } = bench;
    const others: Task<void>[] = [];
    const error = yield* errorOf(
      new TaskGroup().run(function* (group) {
        others.push(group.createTask(sleep(60_000)));
        group.createTask(failsAfter(1, ERROR));
        yield* sleep(60_000);
      }),
    );
    t.deepEqual(messagesOf(error as BaseExceptionGroup), ['foreign']);
    t.true(others[0]!.cancelled());
    t.is(me().cancelling(), 0);
    yield* sleep(0);
  },

  *'wait for queues, locks, events, conditions, semaphores and barriers'({ t }) {
    const queue = new Queue<number>(1);
    const producer = createTask(
      (function* (): Coroutine<void> {
        for (const item of [1, 2, 3]) yield* queue.put(item);
      })(),
    );
    const got: number[] = [];
    for (let count = 0; count < 3; count++) {
      got.push(yield* queue.get());
      queue.taskDone();
    }
    yield* producer;
    yield* queue.join();
    t.deepEqual(got, [1, 2, 3]);

    const log: string[] = [];
    const [lock, semaphore, condition] = [new Lock(), new Semaphore(1), new Condition()];
    const [event, barrier] = [new Event(), new Barrier(3)];
    function* worker(name: string): Coroutine<void> {
      yield* event.wait();
      yield* lock.run(() => sleep(1));
      yield* semaphore.run(() => sleep(1));
      yield* condition.run(() => condition.wait());
      yield* barrier.wait();
      log.push(name);
    }
    const workers = ['a', 'b'].map((name) => createTask(worker(name)));
    event.set();
    while (condition._waiters.size < 2) yield* sleep(1);
    yield* condition.run(() => gives(condition.notifyAll()));
    yield* barrier.wait();
    yield* gather(workers);
    t.deepEqual(log.sort(), ['a', 'b']);

    // One that is cancelled in a wait leaves the primitive to the others.
    yield* lock.acquire();
    const [first, second] = [createTask(lock.acquire()), createTask(lock.acquire())];
    yield* turns(3);
    first.cancel();
    lock.release();
    t.true(yield* second);
    t.true(first.cancelled());
  },

  *'stand in call graphs: from inside, of one that waits, and through a group'({ t }) {
    const inside = captureCallGraph()!;
    t.is<unknown, unknown>(inside.future, me());
    t.true(inside.callStack.some(({ frame }) => frame.filename.includes('foreign-tasks.test')));
    yield* new TaskGroup().run(function* (group) {
      const inner = group.createTask(sleep(2), { name: 'inner' });
      group.createTask(
        (function* (): Coroutine<void> {
          yield* inner;
        })(),
        { name: 'outer' },
      );
      yield* turns(2);
      const names = captureCallGraph(inner)!.awaitedBy.map(({ future }) => (future as Task).getName());
      t.deepEqual(names.sort(), ['main', 'outer']);
      t.regex(formatCallGraph(inner), /^\* Task\(name='inner', id=0x[\s\S]*\* Task\(name='outer', id=0x/);
    });
  },

  *'start at once where they are asked to, and are current and visible meanwhile'({ t, loop }) {
    loop.setTaskFactory(
      createEagerTaskFactory(
        (coro, { loop: its, ...options }) => new ForeignTask(coro, its, options) as never,
      ),
    );
    const outer = me();
    const before = allTasks().size;
    let current: unknown = null;
    function* body(): Coroutine<string> {
      current = currentTask();
      t.true(allTasks().has(currentTask()!));
      yield* sleep(1);
      return 'late';
    }
    const task = loop.createTask(body());
    t.is<unknown, unknown>(current, task);
    t.is<unknown, unknown>(currentTask(), outer);
    t.true(allTasks().has(task));
    t.is(yield* task, 'late');
    const done = loop.createTask(gives('early'));
    t.true(done.done());
    t.deepEqual(yield* gather([done, gives('gathered')]), ['early', 'gathered']);
    t.is(
      yield* new TaskGroup().run(function* (group) {
        return yield* group.createTask(gives('grouped'));
      }),
      'grouped',
    );
    t.is(allTasks().size, before);
  },
};

for (const [loopName, make] of LOOPS) {
  for (const debug of [false, true]) {
    for (const [what, body] of Object.entries(CASES)) {
      const mode = debug ? ', in debug mode' : '';
      test(`tasks of another make, on ${loopName}${mode}, ${what}`, (t) => {
        runOnLoop(make, function* (loop) {
          loop.setDebug(debug);
          loop.slowCallbackDuration = Infinity;
          // In the loop that makes no others it changes nothing.
          loop.setTaskFactory((its, coro, options) => new ForeignTask(coro, its, options) as never);
          yield* loop.createTask(body({ t, loop }), { name: 'main' });
        });
      });
    }
  }

  test.serial(
    `tasks of another make, on ${loopName}, are cancelled and awaited when a runner ends`,
    async (t) => {
      for (const hosted of [false, true]) {
        const loop = make();
        loop.setTaskFactory((its, coro, options) => new ForeignTask(coro, its, options) as never);
        const log: string[] = [];
        function* left(): Coroutine<void> {
          try {
            yield* sleep(60_000);
          } finally {
            yield* sleep(1);
            log.push('cleaned up');
          }
        }
        function* failing(): Coroutine<void> {
          yield* errorOf(left());
          throw ERROR;
        }
        function* main(): Coroutine<string> {
          createTask(left());
          createTask(failing());
          yield* sleep(1);
          return 'main';
        }
        const options = { loopFactory: () => loop };
        t.is(hosted ? await run(main(), options) : runSync(main(), options), 'main');
        t.deepEqual(log, ['cleaned up', 'cleaned up']);
        t.deepEqual(
          loop.reports.map(({ message, exception }) => [message, exception]),
          [['unhandled exception during asyncio.run() shutdown', ERROR]],
        );
        t.true(loop.isClosed());
      }
    },
  );

  test(`a coroutine that another thread's call brings is a task of another make, on ${loopName}`, (t) => {
    const loop = make();
    loop.setTaskFactory((its, coro, options) => new ForeignTask(coro, its, options) as never);
    const [good, bad, never] = [
      runCoroutineThreadsafe(sleep(1, 'x'), loop as never),
      runCoroutineThreadsafe(failsAfter(1, ERROR), loop as never),
      runCoroutineThreadsafe(sleep(60_000), loop as never),
    ];
    loop.runUntilCompleteSync(sleep(10));
    t.is(good.result(), 'x');
    t.is(bad.exception(), ERROR);
    never.cancel();
    loop.runUntilCompleteSync(sleep(1));
    t.is(allTasks(loop as never).size, 0);
    loop.close();
    t.deepEqual(loop.reports, []);
  });
}

test('a main task that does not count its cancellations is cancelled by Ctrl-C as any other', (t) => {
  for (const counts of [true, false]) {
    const [, make] = LOOPS[0]!;
    const loop = make();
    const runner = new Runner({ loopFactory: () => loop });
    loop.setTaskFactory((its, coro, options) => {
      const task = new ForeignTask(coro, its, options);
      if (!counts) Object.assign(task, { uncancel: undefined, cancelling: undefined });
      loop.setTaskFactory(null);
      loop.callSoon(() => runner._onSigint(2, task as never));
      return task as never;
    });
    const Expected = counts ? KeyboardInterrupt : CancelledError;
    // The source of Ctrl-C is not there: what it would do is done by hand, and counted by the runner.
    t.throws(() => runner.runSync(sleep(60_000)), { instanceOf: Expected, any: true } as never);
    runner.closeSync();
  }
});
