import test from 'ava';
import {
  CancelledError,
  GeneratorExit,
  SystemExit,
  ValueError,
  asyncWith,
  closeCoroutine,
  sleep,
} from 'miolo/base';
import type { AsyncContextManager, Coroutine } from 'miolo/base';
import { errorOf, fails, gives, runHosted, runOn } from './harness.js';

/** Notes what is done with it. */
class Recorder implements AsyncContextManager<string, boolean | void> {
  readonly log: unknown[] = [];
  readonly #onExit: (error: unknown) => boolean | void;

  constructor(onExit: (error: unknown) => boolean | void = () => {}) {
    this.#onExit = onExit;
  }

  *aenter(): Coroutine<string> {
    yield* sleep(1);
    this.log.push('enter');
    return 'value';
  }

  *aexit(error?: unknown): Coroutine<boolean | void> {
    this.log.push(error === undefined ? 'exit' : error);
    yield* sleep(1);
    return this.#onExit(error);
  }
}

test.serial('the body gets what entering gave, and its result comes back after leaving', (t) => {
  runOn(function* (loop) {
    const manager = new Recorder();
    const result = yield* asyncWith(manager, function* (value) {
      t.is(value, 'value');
      manager.log.push('body');
      return 'result';
    });
    t.is(result, 'result');
    t.deepEqual(manager.log, ['enter', 'body', 'exit']);
    t.is(loop.time(), 2);
  });
});

test.serial('the body may be something to await', (t) => {
  runOn(function* (loop) {
    t.is(yield* asyncWith(new Recorder(), sleep(1, 'x')), 'x');
    t.is(yield* asyncWith(new Recorder(), loop.createTask(gives('y'))), 'y');
    t.is(yield* asyncWith(new Recorder(), () => loop.createTask(gives('z'))), 'z');
  });
});

test.serial('an error of the body is handed to the manager and goes on', (t) => {
  runOn(function* () {
    for (const error of [new ValueError('x'), new CancelledError('y'), new TypeError('z')]) {
      const manager = new Recorder(() => false);
      t.is(yield* errorOf(asyncWith(manager, fails(error))), error);
      t.deepEqual(manager.log, ['enter', error]);
    }
  });
});

test.serial('only true suppresses an error', (t) => {
  runOn(function* () {
    t.is(yield* asyncWith(new Recorder(() => true), fails(new ValueError('x'))), undefined);
    const manager = new Recorder(() => 1 as never);
    t.true((yield* errorOf(asyncWith(manager, fails(new ValueError('x'))))) instanceof ValueError);
  });
});

test.serial('an exit is handed to the manager as well', (t) => {
  const manager = new Recorder();
  const exit = new SystemExit(3);
  t.is(
    t.throws(() =>
      runOn(function* () {
        yield* asyncWith(manager, fails(exit));
      }),
    ),
    exit as Error,
  );
  t.deepEqual(manager.log, ['enter', exit]);
});

test.serial('what leaving throws takes the place of what the body threw', (t) => {
  runOn(function* () {
    const manager = new Recorder(() => {
      throw new ValueError('from leaving');
    });
    const error = yield* errorOf(asyncWith(manager, fails(new ValueError('from the body'))));
    t.is((error as Error).message, 'from leaving');
    const other = yield* errorOf(asyncWith(manager, gives(1)));
    t.is((other as Error).message, 'from leaving');
    t.is(manager.log.filter((entry) => entry === 'enter').length, 2);
    t.is(manager.log.length, 4);
  });
});

test.serial('when entering fails, the body does not run and nothing is left', (t) => {
  runOn(function* () {
    const manager = new Recorder();
    manager.aenter = () => fails(new ValueError('closed'));
    let ran = false;
    const error = yield* errorOf(
      asyncWith(manager, function* (): Coroutine<void> {
        ran = true;
      }),
    );
    t.is((error as Error).message, 'closed');
    t.false(ran);
    t.deepEqual(manager.log, []);
  });
});

test.serial('a coroutine that is closed leaves its manager', (t) => {
  class Immediate extends Recorder {
    override *aenter(): Coroutine<string> {
      return 'value';
    }

    override *aexit(error?: unknown): Coroutine<void> {
      this.log.push(error);
    }
  }
  runOn(function* () {
    const manager = new Immediate();
    const coro = asyncWith(manager, sleep(9))[Symbol.iterator]() as Coroutine<void>;
    coro.next();
    closeCoroutine(coro);
    t.is(manager.log.length, 1);
    t.true(manager.log[0] instanceof GeneratorExit);
  });
});

test.serial('a body that is nothing to await is a TypeError, after leaving', (t) => {
  runOn(function* () {
    for (const bad of [5, 'ab', null, undefined, [], {}, () => 5, async () => {}, () => [sleep(1)]]) {
      const manager = new Recorder();
      t.true((yield* errorOf(asyncWith(manager, bad as never))) instanceof TypeError);
      t.is(manager.log.length, 2);
    }
  });
});

test.serial('something else thrown than an error reaches the manager', (t) => {
  runOn(function* () {
    const manager = new Recorder();
    t.is(yield* errorOf(asyncWith(manager, fails('text'))), 'text');
    t.deepEqual(manager.log, ['enter', 'text']);
    // An error that is nothing must not look like none.
    const other = new Recorder(() => true);
    t.is(yield* asyncWith(other, fails(undefined)), undefined);
    t.true(other.log[1] instanceof Error);
  });
});

test.serial('async functions await it', async (t) => {
  await runHosted(async () => {
    const manager = new Recorder();
    t.is(await asyncWith(manager, gives('x')), 'x');
    t.deepEqual(manager.log, ['enter', 'exit']);
  });
});
