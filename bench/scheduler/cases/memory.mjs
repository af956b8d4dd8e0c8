// @ts-check
/** Tasks by the million. A body marks before and after. */

const SECONDS = 1e6;
const BATCH = 10_000;

/** Every task sleeps while the second mark is made; then the run ends without them. */
const pending = {
  miolo: ({ loop, sleep }, mark) =>
    function* (n) {
      const tasks = [];
      mark();
      for (let i = 0; i < n; i++) tasks.push(loop.createTask(sleep(SECONDS)));
      yield;
      yield;
      mark();
      return tasks.length;
    },
  promises: (_, mark) => {
    const sleep = async () => {
      await new Promise((resolve) => {
        setTimeout(resolve, SECONDS * 1000);
      });
    };
    return async (n) => {
      const tasks = [];
      mark();
      for (let i = 0; i < n; i++) tasks.push(sleep());
      await new Promise(setImmediate);
      mark();
      return tasks.length;
    };
  },
  effect:
    ({ Effect }, mark) =>
    (n) =>
      Effect.gen(function* () {
        const fibers = [];
        mark();
        for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(Effect.sleep(SECONDS * 1000)));
        yield* Effect.sleep(1);
        mark();
        // Ends the process: interrupting every fiber first would take longer than the measurement.
        return fibers.length;
      }),
  effection: ({ spawn, sleep }, mark) =>
    function* (n) {
      const tasks = [];
      mark();
      for (let i = 0; i < n; i++) tasks.push(yield* spawn(() => sleep(SECONDS * 1000)));
      yield* sleep(1);
      mark();
      return tasks.length;
    },
};

/** Batches of tasks that wait once and end; the marks stand after a first batch and after the last. */
const finished = {
  miolo: ({ loop }, mark) => {
    function* brief() {
      yield;
    }
    function* batch() {
      const tasks = [];
      for (let i = 0; i < BATCH; i++) tasks.push(loop.createTask(brief()));
      for (const task of tasks) yield* task;
    }
    return function* (n) {
      for (let i = 0; i < 10; i++) yield* batch();
      mark();
      for (let i = 0; i < n; i += BATCH) yield* batch();
      mark();
    };
  },
};

export const memory = { pending, finished };
