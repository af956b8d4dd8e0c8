import test from 'ava';
import {
  BaseExceptionGroup,
  CancelledError,
  ExceptionGroup,
  KeyboardInterrupt,
  SystemExit,
  TaskGroup,
  ValueError,
  sleep,
} from 'miolo/base';
import type { Coroutine, Task } from 'miolo/base';
import { TestLoop, errorOf, fails, failsAfter, me, messagesOf, noted, runOn } from './harness.js';

test.serial('the first failure cancels the siblings and the block, and the exit waits for all', (t) => {
  runOn(function* (loop) {
    const log: string[] = [];
    const error = yield* errorOf(
      new TaskGroup().run(function* (group) {
        group.createTask(failsAfter(1, new ValueError('x')));
        group.createTask(noted(log, 'sibling', 9));
        group.createTask(
          (function* () {
            yield* errorOf(sleep(9));
            yield* sleep(2);
            log.push('slow one cleaned up');
          })(),
        );
        yield* noted(log, 'block', 9);
      }),
    );
    t.true(error instanceof ExceptionGroup);
    t.regex((error as Error).message, /^unhandled errors in a TaskGroup/);
    t.deepEqual(messagesOf(error), ['x']);
    // Which of the cancelled ones notices first is not part of the contract.
    t.deepEqual(log.slice(0, 2).sort(), ['block cancelled', 'sibling cancelled']);
    t.deepEqual(log.slice(2), ['slow one cleaned up']);
    t.is(loop.time(), 3);
    t.is(me().cancelling(), 0);
  });
});

test.serial('a failure while the block is being left does not cancel the parent', (t) => {
  runOn(function* () {
    const group = new TaskGroup();
    const error = yield* errorOf(
      group.run(function* () {
        group.createTask(failsAfter(1, new ValueError('x')));
      }),
    );
    t.deepEqual(messagesOf(error), ['x']);
    t.is(me().cancelling(), 0);
    yield* sleep(1);
  });
});

test.serial("the children's errors come in order of completion, then the body's own", (t) => {
  runOn(function* () {
    const cleanUp = function* (seconds: number, name: string): Coroutine<void> {
      yield* errorOf(sleep(9));
      yield* sleep(seconds);
      throw new ValueError(name);
    };
    const error = yield* errorOf(
      new TaskGroup().run(function* (group) {
        group.createTask(cleanUp(3, 'last'));
        group.createTask(cleanUp(1, 'first'));
        yield* sleep(1);
        throw new ValueError('body');
      }),
    );
    t.deepEqual(messagesOf(error), ['first', 'last', 'body']);
  });
});

test.serial('a lone error of the body is wrapped, and cancels the tasks', (t) => {
  runOn(function* (loop) {
    let task: Task<void> | undefined;
    const error = yield* errorOf(
      new TaskGroup().run(function* (group) {
        task = group.createTask(sleep(9));
        yield;
        throw new ValueError('body');
      }),
    );
    t.true(error instanceof ExceptionGroup);
    t.deepEqual(messagesOf(error), ['body']);
    t.true(task!.cancelled());
    t.is(loop.time(), 0);
  });
});

test.serial('a member that is no exception makes it a BaseExceptionGroup', (t) => {
  runOn(function* () {
    const inner = new BaseExceptionGroup('inner', [new CancelledError()]);
    const error = yield* errorOf(
      new TaskGroup().run(function* (group) {
        group.createTask(fails(inner));
      }),
    );
    t.true(error instanceof BaseExceptionGroup);
    t.false(error instanceof ExceptionGroup);
    t.deepEqual((error as BaseExceptionGroup).exceptions, [inner]);
  });
});

test.serial('an exit of the body is thrown bare, after all tasks have ended', (t) => {
  const log: string[] = [];
  const exit = new SystemExit(4);
  t.is(
    t.throws(() =>
      runOn(function* () {
        yield* new TaskGroup().run(function* (group) {
          group.createTask(noted(log, 'child', 9));
          yield;
          throw exit;
        });
      }),
    ),
    exit as Error,
  );
  t.deepEqual(log, ['child cancelled']);
});

test.serial('an exit of a child is thrown bare by the block, after it has ended the run', (t) => {
  for (const exit of [new KeyboardInterrupt(), new SystemExit(2)]) {
    const loop = new TestLoop();
    const task = loop.createTask(
      (function* () {
        yield* new TaskGroup().run(function* (group) {
          group.createTask(failsAfter(1, exit));
          group.createTask(failsAfter(1, new ValueError('dropped')));
          yield* sleep(9);
        });
      })(),
    );
    t.is(
      t.throws(() => loop.runUntilCompleteSync(task)),
      exit as Error,
    );
    t.false(task.done());
    // The run may be taken up again.
    t.is(
      t.throws(() => loop.runUntilCompleteSync(task)),
      exit as Error,
    );
    t.is(task.exception(), exit);
    loop.closeSilently();
  }
});

test.serial('an outside cancellation beside errors comes at the next wait', (t) => {
  runOn(function* (loop) {
    let group: unknown;
    const log: string[] = [];
    const task: Task = loop.createTask(
      (function* () {
        group = yield* errorOf(
          new TaskGroup().run(function* (scope) {
            scope.createTask(
              (function* () {
                yield* errorOf(sleep(9));
                throw new ValueError('x');
              })(),
            );
            yield* sleep(9);
          }),
        );
        log.push(`count ${me().cancelling()}`);
        yield* sleep(1);
        log.push('not reached');
      })(),
    );
    yield* sleep(1);
    task.cancel();
    t.true((yield* errorOf(task)) instanceof CancelledError);
    t.deepEqual(messagesOf(group), ['x']);
    t.deepEqual(log, ['count 1']);
    t.is(loop.time(), 1);
  });
});

test.serial('cancelling the parent cancels the children and stays a cancellation', (t) => {
  runOn(function* (loop) {
    const log: string[] = [];
    const task: Task = loop.createTask(
      new TaskGroup().run(function* (group) {
        group.createTask(noted(log, 'child', 9));
      }),
    );
    yield* sleep(1);
    task.cancel('why');
    const error = yield* errorOf(task);
    t.true(error instanceof CancelledError);
    t.deepEqual((error as CancelledError).args, ['why']);
    t.deepEqual(log, ['child cancelled']);
  });
});

test.serial('cancelling again while the group ends does not hurry it', (t) => {
  runOn(function* (loop) {
    const task: Task = loop.createTask(
      new TaskGroup().run(function* (group) {
        group.createTask(
          (function* () {
            yield* errorOf(sleep(9));
            yield* sleep(3);
          })(),
        );
        yield* sleep(9);
      }),
    );
    yield* sleep(1);
    task.cancel();
    yield* sleep(1);
    task.cancel();
    t.true((yield* errorOf(task)) instanceof CancelledError);
    t.is(loop.time(), 4);
    t.is(task.cancelling(), 2);
  });
});

test.serial('cancelling a child alone is no error', (t) => {
  runOn(function* (loop) {
    yield* new TaskGroup().run(function* (group) {
      const child = group.createTask(sleep(9));
      const other = group.createTask(sleep(2, 'other'));
      yield;
      child.cancel();
      t.is(yield* other, 'other');
    });
    t.is(loop.time(), 2);
  });
});
