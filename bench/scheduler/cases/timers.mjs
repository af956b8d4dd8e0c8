// @ts-check
/** Timers: those that never fire, those that do, and very many of them. */

const BATCH = 1000;
const nothing = () => {};

const cancel = {
  name: 'timer-cancel',
  title: 'timer: add and cancel',
  miolo: ({ loop }) =>
    function* (n) {
      for (let i = 0; i < n; i += BATCH) {
        for (let k = 0; k < BATCH; k++) loop.callLater(10, nothing).cancel();
        yield;
      }
    },
  setTimeout: () => async (n) => {
    for (let i = 0; i < n; i += BATCH) {
      for (let k = 0; k < BATCH; k++) clearTimeout(setTimeout(nothing, 10_000));
      await new Promise(setImmediate);
    }
  },
};

/** Adds all timers, then waits until the last has fired. `delay` gives the milliseconds of each. */
function fire(delay) {
  return {
    miolo: ({ loop }) =>
      function* (n) {
        const future = loop.createFuture();
        let left = n;
        const fired = () => {
          if (--left === 0) future.setResult(null);
        };
        for (let i = 0; i < n; i++) loop.callLater(delay(i) / 1000, fired);
        yield* future;
      },
    setTimeout: () => (n) =>
      new Promise((resolve) => {
        let left = n;
        const fired = () => {
          if (--left === 0) resolve(undefined);
        };
        for (let i = 0; i < n; i++) setTimeout(fired, delay(i));
      }),
  };
}

const fireSoon = {
  name: 'timer-fire',
  title: 'timer: add and fire (20,000 at a time, 1 ms)',
  fixed: 20_000,
  ...fire(() => 1),
};

const million = {
  name: 'timer-million',
  title: 'timer: add and fire, a million with deadlines spread over 100 ms',
  fixed: 1_000_000,
  heavy: true,
  ...fire((i) => 1 + ((i * 7919) % 100)),
};

export default [cancel, fireSoon, million];
