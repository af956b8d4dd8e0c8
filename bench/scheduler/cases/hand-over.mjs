// @ts-check
/** Two tasks that wait for each other all the time. */

const lock = {
  name: 'lock',
  title: 'lock handed over between two tasks',
  miolo: ({ loop, Lock }) => {
    function* contend(mutex, n) {
      for (let i = 0; i < n; i++) {
        yield* mutex.acquire();
        // Once, so that the other one stands in line; from then on one of them always does.
        if (i === 0) yield;
        mutex.release();
      }
    }
    return function* (n) {
      const mutex = new Lock();
      const tasks = [loop.createTask(contend(mutex, n / 2)), loop.createTask(contend(mutex, n / 2))];
      for (const task of tasks) yield* task;
    };
  },
  promises: () => {
    class Mutex {
      #locked = false;
      #waiters = [];
      async acquire() {
        if (!this.#locked) this.#locked = true;
        else await new Promise((resolve) => this.#waiters.push(resolve));
      }
      release() {
        const next = this.#waiters.shift();
        if (next === undefined) this.#locked = false;
        else next();
      }
    }
    async function contend(mutex, n) {
      for (let i = 0; i < n; i++) {
        await mutex.acquire();
        if (i === 0) await undefined;
        mutex.release();
      }
    }
    return async (n) => {
      const mutex = new Mutex();
      await Promise.all([contend(mutex, n / 2), contend(mutex, n / 2)]);
    };
  },
  effect: ({ Effect, Fiber, Semaphore }) => {
    const contend = (mutex, n) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) {
          yield* mutex.take(1);
          if (i === 0) yield* Effect.yieldNow;
          yield* mutex.release(1);
        }
      });
    return (n) =>
      Effect.gen(function* () {
        const mutex = Semaphore.makeUnsafe(1);
        const first = yield* Effect.forkChild(contend(mutex, n / 2));
        const second = yield* Effect.forkChild(contend(mutex, n / 2));
        yield* Fiber.join(first);
        yield* Fiber.join(second);
      });
  },
};

const queue = {
  name: 'queue',
  title: 'queue of one place: put by one task, got by another',
  miolo: ({ loop, Queue }) => {
    function* produce(items, n) {
      for (let i = 0; i < n; i++) yield* items.put(i);
    }
    function* consume(items, n) {
      for (let i = 0; i < n; i++) yield* items.get();
    }
    return function* (n) {
      const items = new Queue(1);
      const tasks = [loop.createTask(produce(items, n)), loop.createTask(consume(items, n))];
      for (const task of tasks) yield* task;
    };
  },
  promises: () => {
    class Channel {
      #items = [];
      #getters = [];
      #putters = [];
      async put(item) {
        while (this.#items.length > 0) await new Promise((resolve) => this.#putters.push(resolve));
        this.#items.push(item);
        this.#getters.shift()?.();
      }
      async get() {
        while (this.#items.length === 0) await new Promise((resolve) => this.#getters.push(resolve));
        const item = this.#items.shift();
        this.#putters.shift()?.();
        return item;
      }
    }
    async function produce(items, n) {
      for (let i = 0; i < n; i++) await items.put(i);
    }
    async function consume(items, n) {
      for (let i = 0; i < n; i++) await items.get();
    }
    return async (n) => {
      const items = new Channel();
      await Promise.all([produce(items, n), consume(items, n)]);
    };
  },
  effect: ({ Effect, Fiber, Queue }) => {
    const produce = (items, n) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* Queue.offer(items, i);
      });
    const consume = (items, n) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* Queue.take(items);
      });
    return (n) =>
      Effect.gen(function* () {
        const items = yield* Queue.bounded(1);
        const producer = yield* Effect.forkChild(produce(items, n));
        const consumer = yield* Effect.forkChild(consume(items, n));
        yield* Fiber.join(producer);
        yield* Fiber.join(consumer);
      });
  },
};

export default [lock, queue];
