import test from 'ava';
import {
  BaseEventLoop,
  CancelledError,
  ConcurrentFuture,
  ContextVar,
  RuntimeError,
  logger,
  setDefaultExecutorFactory,
  sleep,
  toThread,
} from 'miolo/base';
import type { Context, Coroutine, Executor, RunInExecutorOptions } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

interface Job {
  readonly future: ConcurrentFuture;
  readonly run: () => unknown;
}

/** Keeps jobs until it is told to run them, in this thread. */
class ManualExecutor implements Executor {
  readonly jobs: Job[] = [];
  readonly shutdowns: unknown[] = [];
  readonly worksWhileBlocking: boolean = true;
  end: (() => void) | null = null;

  submit<A extends readonly unknown[], R>(
    fn: (...args: A) => R,
    args: A = [] as never,
    options: RunInExecutorOptions = {},
  ): ConcurrentFuture<Awaited<R>> {
    if (this.shutdowns.length > 0) throw new RuntimeError('cannot schedule new futures after shutdown');
    const future = new ConcurrentFuture<Awaited<R>>();
    const context: Context | null = options.context ?? null;
    this.jobs.push({
      future: future as ConcurrentFuture,
      run: () => (context === null ? fn(...args) : context.run(() => fn(...args))),
    });
    return future;
  }

  begin(): Job | null {
    const job = this.jobs.shift();
    return job !== undefined && job.future.setRunningOrNotifyCancel() ? job : null;
  }

  step(): void {
    const job = this.begin();
    if (job === null) return;
    try {
      job.future.setResult(job.run());
    } catch (error) {
      // What the job throws is its outcome.
      job.future.setException(error);
    }
  }

  shutdown(options: { readonly wait?: boolean } = {}): Promise<void> | void {
    this.shutdowns.push(options.wait ?? true);
    if (options.wait === false) return;
    return new Promise((resolve) => (this.end = resolve));
  }
}

const inLoop = async <T>(body: (loop: VirtualClockLoop) => Coroutine<T>): Promise<T> => {
  const loop = new VirtualClockLoop();
  try {
    return await loop.runUntilComplete(body(loop));
  } finally {
    loop.close();
  }
};

test.serial(
  'a job is submitted at once, with its arguments, and its outcome comes through the loop',
  async (t) => {
    const executor = new ManualExecutor();
    await inLoop(function* (loop) {
      const sum = loop.runInExecutor(executor, (a: number, b: number) => a + b, [1, 2]);
      t.is(executor.jobs.length, 1);
      executor.step();
      t.false(sum.done());
      t.is(yield* sum, 3);
      const bad = loop.runInExecutor(executor, () => {
        throw new RangeError('of the job');
      });
      executor.step();
      try {
        yield* bad;
        t.fail();
      } catch (error) {
        t.true(error instanceof RangeError);
      }
    });
  },
);

test.serial('executors may return promises', async (t) => {
  const executor: Executor = {
    submit: (fn, args) => Promise.resolve(fn(...(args as never))) as never,
    shutdown: () => {},
  };
  t.is(await inLoop((loop) => loop.runInExecutor(executor, (x: number) => x * 2, [21]) as never), 42);
});

test.serial('cancelling takes a queued job back, and only detaches from one that runs', async (t) => {
  const executor = new ManualExecutor();
  await inLoop(function* (loop) {
    const queued = loop.runInExecutor(executor, () => t.fail('must not run'));
    queued.cancel();
    yield;
    t.is(executor.begin(), null);
    const running = loop.runInExecutor(executor, () => 'late');
    const job = executor.begin()!;
    running.cancel();
    yield;
    t.true(job.future.running());
    job.future.setResult(job.run());
    yield;
    t.true(running.cancelled());
  });
});

test.serial(
  'runInExecutor carries no context variables; toThread does, and begins only when it is awaited',
  async (t) => {
    const executor = new ManualExecutor();
    const variable = new ContextVar<string>('variable', { default: 'default' });
    await inLoop(function* (loop) {
      loop.setDefaultExecutor(executor);
      variable.set('of the caller');
      const coro = toThread(() => variable.get());
      t.is(executor.jobs.length, 0);
      const task = loop.createTask(coro);
      yield;
      t.is(executor.jobs.length, 1);
      executor.step();
      t.is(yield* task, 'of the caller');
      const plain = loop.runInExecutor(null, (value: number) => value, [7]);
      t.is(executor.jobs.length, 1);
      executor.step();
      t.is(yield* plain, 7);
    });
  },
);

test.serial('cancelling a task in toThread ends the wait', async (t) => {
  const executor = new ManualExecutor();
  await inLoop(function* (loop) {
    loop.setDefaultExecutor(executor);
    const task = loop.createTask(toThread(() => 1));
    yield;
    task.cancel();
    try {
      yield* task;
      t.fail();
    } catch (error) {
      t.true(error instanceof CancelledError);
    }
    t.true(executor.jobs[0]!.future.cancelled());
  });
});

test.serial('the default executor is made at the first use, once', async (t) => {
  const made: ManualExecutor[] = [];
  setDefaultExecutorFactory(() => {
    made.push(new ManualExecutor());
    return made.at(-1)!;
  });
  try {
    await inLoop(function* (loop) {
      t.is(made.length, 0);
      const one = loop.runInExecutor(null, () => 1);
      const two = loop.runInExecutor(null, () => 2);
      t.is(made.length, 1);
      made[0]!.step();
      made[0]!.step();
      t.deepEqual([yield* one, yield* two], [1, 2]);
    });
    t.deepEqual(made[0]!.shutdowns, [false], 'closing the loop shuts it down without waiting');
  } finally {
    setDefaultExecutorFactory(null);
  }
});

test.serial('without a factory the error says what to do', async (t) => {
  await inLoop(function* (loop) {
    t.throws(() => loop.runInExecutor(null, () => 1), { message: /no executor of its own/ });
    yield;
  });
});

test.serial('setDefaultExecutor wants an executor, and leaves the former one alone', (t) => {
  const loop = new VirtualClockLoop();
  for (const wrong of [null, undefined, {}, { submit() {} }, () => {}]) {
    t.throws(() => loop.setDefaultExecutor(wrong as never), { instanceOf: TypeError });
  }
  const former = new ManualExecutor();
  loop.setDefaultExecutor(former);
  loop.setDefaultExecutor(new ManualExecutor());
  t.deepEqual(former.shutdowns, []);
  loop.close();
});

test.serial(
  'shutdownDefaultExecutor waits for the threads; afterwards only explicit executors work',
  async (t) => {
    const executor = new ManualExecutor();
    const other = new ManualExecutor();
    await inLoop(function* (loop) {
      loop.setDefaultExecutor(executor);
      let isOver = false;
      const ending = loop.createTask(loop.shutdownDefaultExecutor());
      ending.addDoneCallback(() => (isOver = true));
      yield* sleep(1);
      t.false(isOver);
      t.throws(() => loop.runInExecutor(null, () => 1), { message: 'Executor shutdown has been called' });
      executor.end!();
      yield* ending;
      t.deepEqual(executor.shutdowns, [true]);
      const still = loop.runInExecutor(other, () => 'works');
      other.step();
      t.is(yield* still, 'works');
    });
  },
);

test.serial('shutdownDefaultExecutor without a default executor ends at once and forbids one', async (t) => {
  await inLoop(function* (loop) {
    yield* loop.shutdownDefaultExecutor();
    t.throws(() => loop.runInExecutor(null, () => 1), { message: 'Executor shutdown has been called' });
  });
});

test.serial('after its timeout shutdownDefaultExecutor warns and abandons the threads', async (t) => {
  const executor = new ManualExecutor();
  const logged: string[] = [];
  const former = logger.setSink((level, message) => logged.push(`${level} ${message}`));
  try {
    await inLoop(function* (loop) {
      loop.setDefaultExecutor(executor);
      const start = loop.time();
      yield* loop.shutdownDefaultExecutor(5);
      t.is(loop.time() - start, 5);
    });
  } finally {
    logger.setSink(former);
  }
  t.deepEqual(executor.shutdowns, [true, false, false]);
  t.is(logged.length, 1);
  t.regex(
    logged[0]!,
    /^warning RuntimeWarning: The executor did not finish joining its threads within 5 seconds/,
  );
});

test.serial('a shutdown that fails is the error of shutdownDefaultExecutor', async (t) => {
  const executor = new ManualExecutor();
  executor.shutdown = (options) => {
    if (options?.wait !== false) throw new RangeError('cannot');
  };
  await t.throwsAsync(
    inLoop(function* (loop) {
      loop.setDefaultExecutor(executor);
      yield* loop.shutdownDefaultExecutor();
    }),
    { instanceOf: RangeError },
  );
});

test.serial('a subclass that overrides _doShutdown and _checkDefaultExecutor is asked', async (t) => {
  const calls: string[] = [];
  class Loop extends VirtualClockLoop {
    override _checkDefaultExecutor(): void {
      calls.push('check');
      super._checkDefaultExecutor();
    }

    override _doShutdown(future: Parameters<BaseEventLoop['_doShutdown']>[0]): void {
      calls.push('shutdown');
      future.setResult();
    }
  }
  const loop = new Loop();
  const executor = new ManualExecutor();
  loop.setDefaultExecutor(executor);
  void loop.runInExecutor(null, () => 1);
  void loop.runInExecutor(executor, () => 1);
  await loop.runUntilComplete(loop.shutdownDefaultExecutor());
  t.deepEqual(calls, ['check', 'shutdown']);
  t.deepEqual(executor.shutdowns, []);
  loop.close();
});

test.serial(
  'an executor of worker threads is refused in a blocking run, before the job begins; others are not',
  (t) => {
    const loop = new VirtualClockLoop();
    const threads = new (class extends ManualExecutor {
      override readonly worksWhileBlocking = false;
    })();
    const inline = new ManualExecutor();
    function* main(): Coroutine<number> {
      t.throws(() => loop.runInExecutor(threads, () => 1), { message: /use run\(\) instead of runSync\(\)/ });
      t.is(threads.jobs.length, 0);
      const future = loop.runInExecutor(inline, () => 2);
      inline.step();
      return yield* future;
    }
    t.is(loop.runUntilCompleteSync(main()), 2);
    loop.setDefaultExecutor(threads);
    loop.runUntilCompleteSync(loop.shutdownDefaultExecutor());
    t.deepEqual(threads.shutdowns, [false], 'nothing could be waited for');
    loop.close();
  },
);

test.serial('a closed loop takes no jobs, and in debug mode no coroutine functions', (t) => {
  const loop = new VirtualClockLoop();
  const executor = new ManualExecutor();
  loop.setDebug(true);
  t.throws(() => loop.runInExecutor(executor, function* () {}), { instanceOf: TypeError });
  loop.close();
  t.throws(() => loop.runInExecutor(executor, () => 1), { message: 'Event loop is closed' });
  t.is(executor.jobs.length, 0);
});

test.serial('a job keeps the run alive, and nothing does after it', async (t) => {
  const executor = new ManualExecutor();
  await inLoop(function* (loop) {
    const future = loop.runInExecutor(executor, () => 1);
    t.true(loop._isAlive());
    yield;
    t.true(loop._isAlive());
    executor.step();
    yield* future;
    t.false(loop._isAlive());
  });
});
