// @ts-check
/** A task that gives way: the least that a task can do in a turn. */

const alone = {
  name: 'step',
  title: 'step of one task (a bare yield)',
  miolo: () =>
    function* (n) {
      for (let i = 0; i < n; i++) yield;
    },
  promises: () => async (n) => {
    for (let i = 0; i < n; i++) await undefined;
  },
  effect:
    ({ Effect }) =>
    (n) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* Effect.yieldNow;
      }),
};

const TASKS = 100;

const many = {
  name: 'step-100',
  title: `step of each of ${TASKS} tasks`,
  miolo: ({ loop }) => {
    function* steps(k) {
      for (let i = 0; i < k; i++) yield;
    }
    return function* (n) {
      const tasks = Array.from({ length: TASKS }, () => loop.createTask(steps(n / TASKS)));
      for (const task of tasks) yield* task;
    };
  },
  promises: () => {
    async function steps(k) {
      for (let i = 0; i < k; i++) await undefined;
    }
    return async (n) => {
      const tasks = Array.from({ length: TASKS }, () => steps(n / TASKS));
      for (const task of tasks) await task;
    };
  },
  effect: ({ Effect, Fiber }) => {
    const steps = (k) =>
      Effect.gen(function* () {
        for (let i = 0; i < k; i++) yield* Effect.yieldNow;
      });
    return (n) =>
      Effect.gen(function* () {
        const fibers = [];
        for (let i = 0; i < TASKS; i++) fibers.push(yield* Effect.forkChild(steps(n / TASKS)));
        for (const fiber of fibers) yield* Fiber.join(fiber);
      });
  },
};

const done = {
  name: 'done',
  title: 'await of a done future',
  miolo: ({ loop }) =>
    function* (n) {
      const future = loop.createFuture();
      future.setResult(1);
      for (let i = 0; i < n; i++) yield* future;
    },
  promises: () => async (n) => {
    const promise = Promise.resolve(1);
    for (let i = 0; i < n; i++) await promise;
  },
  effect:
    ({ Effect, Deferred }) =>
    (n) =>
      Effect.gen(function* () {
        const deferred = Deferred.makeUnsafe();
        Deferred.doneUnsafe(deferred, Effect.succeed(1));
        for (let i = 0; i < n; i++) yield* Deferred.await(deferred);
      }),
  effection: ({ withResolvers }) =>
    function* (n) {
      const { operation, resolve } = withResolvers();
      resolve(1);
      for (let i = 0; i < n; i++) yield* operation;
    },
};

export default [alone, many, done];
