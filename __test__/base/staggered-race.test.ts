import test from 'ava';
import { CancelledError, RuntimeError, currentTask, sleep, staggeredRace } from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { TestLoop } from './harness.js';

interface Attempt {
  readonly began: number;
  ended: number | null;
}

/** Attempts that take the seconds given, or fail after them if those are negative. */
function attempts(loop: TestLoop, seconds: readonly number[], log: Attempt[]): (() => Coroutine<number>)[] {
  return seconds.map(
    (each) =>
      function* (): Coroutine<number> {
        const attempt: Attempt = { began: loop.time(), ended: null };
        log.push(attempt);
        try {
          yield* sleep(Math.abs(each));
        } finally {
          attempt.ended = loop.time();
        }
        if (each < 0) throw new RuntimeError(`failed after ${-each}`);
        return each;
      },
  );
}

test('the first result wins, with its number; the others are cancelled and awaited', (t) => {
  const loop = new TestLoop();
  const log: Attempt[] = [];
  const [winner, index, exceptions] = loop.runUntilCompleteSync(
    staggeredRace(attempts(loop, [9, 2, 9], log), 1),
  );
  t.is(winner, 2);
  t.is(index, 1);
  t.deepEqual(
    log.map(({ began, ended }) => [began, ended]),
    [
      [0, 3],
      [1, 3],
      [2, 3],
    ],
  );
  t.true(exceptions[0] instanceof CancelledError);
  t.is(exceptions[1], null);
});

test('the next attempt begins when the one before it fails, not when an older one does', (t) => {
  const loop = new TestLoop();
  const log: Attempt[] = [];
  loop.runUntilCompleteSync(staggeredRace(attempts(loop, [-1.5, 3, 9], log), 1));
  t.deepEqual(
    log.map(({ began }) => began),
    [0, 1, 2],
  );
});

test('without a delay each attempt waits for the failure of the one before', (t) => {
  const loop = new TestLoop();
  const log: Attempt[] = [];
  const [winner, index, exceptions] = loop.runUntilCompleteSync(
    staggeredRace(attempts(loop, [-4, -2, 1, 1], log), null),
  );
  t.is(winner, 1);
  t.is(index, 2);
  t.deepEqual(
    log.map(({ began }) => began),
    [0, 4, 6],
  );
  t.deepEqual(
    exceptions.map((error) => (error === null ? null : (error as Error).message)),
    ['failed after 4', 'failed after 2', null],
  );
});

test('when every attempt fails there is no winner, and all errors are told', (t) => {
  const loop = new TestLoop();
  const [winner, index, exceptions] = loop.runUntilCompleteSync(
    staggeredRace(attempts(loop, [-1, -1], []), 5),
  );
  t.is(winner, null);
  t.is(index, null);
  t.is(exceptions.length, 2);
});

test('a race that is cancelled cancels its attempts and waits for their end', (t) => {
  const loop = new TestLoop();
  const log: Attempt[] = [];
  const main = function* (): Coroutine<void> {
    const race = loop.createTask(staggeredRace(attempts(loop, [9, 9], log), 1));
    yield* sleep(1.5);
    race.cancel('enough');
    try {
      yield* race;
      t.fail();
    } catch (error) {
      t.true(error instanceof CancelledError);
      t.is((error as CancelledError).args[0], 'enough');
    }
    t.deepEqual(
      log.map(({ ended }) => ended),
      [1.5, 1.5],
    );
    t.not(currentTask(), null);
  };
  loop.runUntilCompleteSync(main());
});
