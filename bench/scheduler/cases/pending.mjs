// @ts-check
/** A future that is pending when it is awaited, and completed by a callback of the next turn. */

const makeMiolo = ({ loop }) => {
  const complete = (future) => future.setResult(1);
  return function* (n) {
    for (let i = 0; i < n; i++) {
      const future = loop.createFuture();
      loop.callSoon(complete, [future]);
      yield* future;
    }
  };
};

const makePromises = (defer) => () => async (n) => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => defer(() => resolve(1)));
};

const makeEffect =
  ({ Effect, Deferred }) =>
  (n) =>
    Effect.gen(function* () {
      for (let i = 0; i < n; i++) {
        const deferred = Deferred.makeUnsafe();
        queueMicrotask(() => Deferred.doneUnsafe(deferred, Effect.succeed(1)));
        yield* Deferred.await(deferred);
      }
    });

const makeEffection = ({ withResolvers }) =>
  function* (n) {
    for (let i = 0; i < n; i++) {
      const { operation, resolve } = withResolvers();
      queueMicrotask(() => resolve(1));
      yield* operation;
    }
  };

const alone = {
  name: 'pending',
  title: 'round of one pending future',
  miolo: makeMiolo,
  promises: makePromises(queueMicrotask),
  nextTick: makePromises(process.nextTick),
  setImmediate: makePromises(setImmediate),
  effect: makeEffect,
  effection: makeEffection,
};

const TASKS = 100;

const many = {
  name: 'pending-100',
  title: `round of a pending future in each of ${TASKS} tasks`,
  miolo: (api) => {
    const rounds = makeMiolo(api);
    return function* (n) {
      const tasks = Array.from({ length: TASKS }, () => api.loop.createTask(rounds(n / TASKS)));
      for (const task of tasks) yield* task;
    };
  },
  promises: fanOut(queueMicrotask),
  nextTick: fanOut(process.nextTick),
  setImmediate: fanOut(setImmediate),
  effect: (api) => {
    const { Effect, Fiber } = api;
    const rounds = makeEffect(api);
    return (n) =>
      Effect.gen(function* () {
        const fibers = [];
        for (let i = 0; i < TASKS; i++) fibers.push(yield* Effect.forkChild(rounds(n / TASKS)));
        for (const fiber of fibers) yield* Fiber.join(fiber);
      });
  },
  effection: (api) => {
    const rounds = makeEffection(api);
    return function* (n) {
      const tasks = [];
      for (let i = 0; i < TASKS; i++) tasks.push(yield* api.spawn(() => rounds(n / TASKS)));
      for (const task of tasks) yield* task;
    };
  },
};

function fanOut(defer) {
  return () => {
    const rounds = makePromises(defer)();
    return async (n) => {
      const tasks = Array.from({ length: TASKS }, () => rounds(n / TASKS));
      for (const task of tasks) await task;
    };
  };
}

export default [alone, many];
