// @ts-check
/** How the cost of one grows with the number of all: timers that fire, and tasks that sleep once and are joined. */

const SIZES = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

const timers = ({ loop }) =>
  function* (n) {
    const future = loop.createFuture();
    let left = n;
    const fired = () => {
      if (--left === 0) future.setResult(null);
    };
    // Neither sorted nor all the same.
    for (let i = 0; i < n; i++) loop.callLater(((i * 7919) % 1000) / 1e4, fired);
    yield* future;
  };

const tasks = ({ loop, sleep }) =>
  function* (n) {
    function* nap() {
      yield* sleep(0.001);
    }
    const all = [];
    for (let i = 0; i < n; i++) all.push(loop.createTask(nap()));
    for (const task of all) yield* task;
  };

const family = (name, title, miolo) =>
  SIZES.map((fixed) => ({ name: `${name}-${fixed}`, title, fixed, count: fixed, miolo }));

export const growth = {
  timers: family('grow-timers', 'timers that are added and fire', timers),
  tasks: family('grow-tasks', 'tasks that sleep once and are joined', tasks),
};
