// @ts-check
/** Tasks that are cancelled, and limits of time that are not reached. */

/** Operations between two turns, in which the loop can drop cancelled timers. */
const BATCH = 1000;

const cancel = {
  name: 'cancel',
  title: 'spawn, cancel and join a waiting task',
  miolo: ({ loop, CancelledError }) => {
    function* wait() {
      yield* loop.createFuture();
    }
    return function* (n) {
      for (let i = 0; i < n; i++) {
        const task = loop.createTask(wait());
        yield;
        task.cancel();
        try {
          yield* task;
        } catch (error) {
          if (!(error instanceof CancelledError)) throw error;
        }
      }
    };
  },
  // What comes nearest: work that waits and listens to an AbortSignal.
  promises: () => {
    const wait = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    return async (n) => {
      for (let i = 0; i < n; i++) {
        const controller = new AbortController();
        const task = wait(controller.signal);
        await undefined;
        controller.abort(null);
        try {
          await task;
        } catch (error) {
          if (error !== null) throw error;
        }
      }
    };
  },
  effect:
    ({ Effect, Fiber }) =>
    (n) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) {
          const fiber = yield* Effect.forkChild(Effect.never);
          yield* Effect.yieldNow;
          yield* Fiber.interrupt(fiber);
        }
      }),
  effection: ({ spawn, suspend }) =>
    function* (n) {
      for (let i = 0; i < n; i++) {
        const task = yield* spawn(suspend);
        yield* task.halt();
      }
    },
};

const guard = {
  name: 'timeout',
  title: 'timeout of 10 s around a done body',
  miolo: ({ loop, timeout }) =>
    function* (n) {
      const done = loop.createFuture();
      done.setResult(1);
      for (let i = 0; i < n; i += BATCH) {
        for (let k = 0; k < BATCH; k++) yield* timeout(10).run(done);
        yield;
      }
    },
  promises: () => async (n) => {
    const done = Promise.resolve(1);
    for (let i = 0; i < n; i += BATCH) {
      for (let k = 0; k < BATCH; k++) {
        let timer;
        try {
          await Promise.race([
            done,
            new Promise((_, reject) => {
              timer = setTimeout(reject, 10_000, new Error('timeout'));
            }),
          ]);
        } finally {
          clearTimeout(timer);
        }
      }
      await new Promise(setImmediate);
    }
  },
  effect:
    ({ Effect }) =>
    (n) =>
      Effect.gen(function* () {
        const done = Effect.succeed(1);
        for (let i = 0; i < n; i++) yield* Effect.timeout(done, 10_000);
      }),
  effection: ({ race, sleep, withResolvers }) =>
    function* (n) {
      const { operation, resolve } = withResolvers();
      resolve(1);
      for (let i = 0; i < n; i++) yield* race([operation, sleep(10_000)]);
    },
};

export default [cancel, guard];
