// @ts-check
/** Tasks that have nothing to do: what making one and waiting for its end costs. */

function* nothing() {}
async function nothingAsync() {}

const join = {
  name: 'spawn',
  title: 'spawn and join a task',
  miolo: ({ loop }) =>
    function* (n) {
      for (let i = 0; i < n; i++) yield* loop.createTask(nothing());
    },
  // An async function runs at once: to begin in a later turn, as a task does, it has to give way first.
  promises: () => {
    const later = async () => {
      await undefined;
    };
    return async (n) => {
      for (let i = 0; i < n; i++) await later();
    };
  },
  effect:
    ({ Effect, Fiber }) =>
    (n) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* Fiber.join(yield* Effect.forkChild(Effect.void));
      }),
  effection: ({ spawn }) =>
    function* (n) {
      for (let i = 0; i < n; i++) yield* yield* spawn(nothing);
    },
};

const TASKS = 100;

const joinMany = {
  name: 'spawn-100',
  title: `spawn ${TASKS} tasks and join them, each task`,
  miolo: ({ loop }) =>
    function* (n) {
      for (let i = 0; i < n; i += TASKS) {
        const tasks = [];
        for (let k = 0; k < TASKS; k++) tasks.push(loop.createTask(nothing()));
        for (const task of tasks) yield* task;
      }
    },
  promises: () => {
    const later = async () => {
      await undefined;
    };
    return async (n) => {
      for (let i = 0; i < n; i += TASKS) {
        const tasks = [];
        for (let k = 0; k < TASKS; k++) tasks.push(later());
        for (const task of tasks) await task;
      }
    };
  },
  effect:
    ({ Effect, Fiber }) =>
    (n) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i += TASKS) {
          const fibers = [];
          for (let k = 0; k < TASKS; k++) fibers.push(yield* Effect.forkChild(Effect.void));
          for (const fiber of fibers) yield* Fiber.join(fiber);
        }
      }),
  effection: ({ spawn }) =>
    function* (n) {
      for (let i = 0; i < n; i += TASKS) {
        const tasks = [];
        for (let k = 0; k < TASKS; k++) tasks.push(yield* spawn(nothing));
        for (const task of tasks) yield* task;
      }
    },
};

const eager = {
  name: 'spawn-eager',
  title: 'spawn and join a task that starts eagerly',
  miolo: ({ loop }) => {
    const options = { eagerStart: true };
    return function* (n) {
      for (let i = 0; i < n; i++) yield* loop.createTask(nothing(), options);
    };
  },
  promises: () => async (n) => {
    for (let i = 0; i < n; i++) await nothingAsync();
  },
  effect:
    ({ Effect, Fiber }) =>
    (n) =>
      Effect.gen(function* () {
        const options = { startImmediately: true };
        for (let i = 0; i < n; i++) yield* Fiber.join(yield* Effect.forkChild(Effect.void, options));
      }),
};

export default [join, joinMany, eager];
