// @ts-check
/** Callbacks: handed in and run. */

/** Each callback hands in the next: a turn for every one. */
const chain = {
  name: 'call-soon-chain',
  title: 'callSoon and run, one a turn',
  miolo: ({ loop }) => {
    const next = (left, future) => {
      if (left === 0) future.setResult(null);
      else loop.callSoon(next, [left - 1, future]);
    };
    return function* (n) {
      const future = loop.createFuture();
      loop.callSoon(next, [n, future]);
      yield* future;
    };
  },
  promises: makeChain(queueMicrotask),
  nextTick: makeChain(process.nextTick),
  setImmediate: makeChain(setImmediate),
};

function makeChain(defer) {
  return () => (n) =>
    new Promise((resolve) => {
      let left = n;
      const next = () => {
        if (left-- === 0) resolve(undefined);
        else defer(next);
      };
      defer(next);
    });
}

const BATCH = 1000;

/** A thousand are handed in, then run: the turn's own cost is spread thin. */
const batch = {
  name: 'call-soon',
  title: `callSoon and run, ${BATCH} a turn`,
  miolo: ({ loop }) => {
    let ran = 0;
    const count = (by) => {
      ran += by;
    };
    return function* (n) {
      ran = 0;
      const args = [1];
      while (ran < n) {
        for (let i = 0; i < BATCH; i++) loop.callSoon(count, args);
        yield;
      }
    };
  },
  promises: makeBatch(queueMicrotask),
  nextTick: makeBatch(process.nextTick),
  setImmediate: makeBatch(setImmediate),
};

function makeBatch(defer) {
  return () => (n) =>
    new Promise((resolve) => {
      let ran = 0;
      const count = () => {
        ran++;
      };
      const refill = () => {
        if (ran >= n) {
          resolve(undefined);
          return;
        }
        for (let i = 0; i < BATCH; i++) defer(count);
        defer(refill);
      };
      refill();
    });
}

export default [chain, batch];
