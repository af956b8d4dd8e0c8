// @ts-check
/** Coroutines that await coroutines, down to one that waits for a pending future. */

/** @param {number} depth */
const chain = (depth) => ({
  name: `chain-${depth}`,
  title: `chain of ${depth} coroutines, a pending future at the bottom`,
  miolo: ({ loop }) => {
    const complete = (future) => future.setResult(1);
    function* level(left) {
      if (left > 1) return yield* level(left - 1);
      const future = loop.createFuture();
      loop.callSoon(complete, [future]);
      return yield* future;
    }
    return function* (n) {
      for (let i = 0; i < n; i++) yield* level(depth);
    };
  },
  promises: () => {
    async function level(left) {
      if (left > 1) return await level(left - 1);
      return await new Promise((resolve) => queueMicrotask(() => resolve(1)));
    }
    return async (n) => {
      for (let i = 0; i < n; i++) await level(depth);
    };
  },
  effect: ({ Effect, Deferred }) => {
    const level = (left) =>
      Effect.gen(function* () {
        if (left > 1) return yield* level(left - 1);
        const deferred = Deferred.makeUnsafe();
        queueMicrotask(() => Deferred.doneUnsafe(deferred, Effect.succeed(1)));
        return yield* Deferred.await(deferred);
      });
    return (n) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* level(depth);
      });
  },
  effection: ({ withResolvers }) => {
    function* level(left) {
      if (left > 1) return yield* level(left - 1);
      const { operation, resolve } = withResolvers();
      queueMicrotask(() => resolve(1));
      return yield* operation;
    }
    return function* (n) {
      for (let i = 0; i < n; i++) yield* level(depth);
    };
  },
});

export default [chain(5), chain(20)];
