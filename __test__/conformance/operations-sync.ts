import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  LifoQueue,
  Lock,
  PriorityQueue,
  Queue,
  Semaphore,
  asyncWith,
} from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import type { Signal } from './interpreter.ts';
import type { Section } from './operations.ts';

const QUEUES: Record<string, new (maxsize: number) => Queue> = {
  fifo: Queue,
  lifo: LifoQueue,
  priority: PriorityQueue,
};

/** Locks and their kin, queues (7.7, 7.8). */
export const syncOperations: Section = {
  lock: ['n', 'name', (it, [name]) => void it.bind(name, new Lock())],
  event: ['n', 'name', (it, [name]) => void it.bind(name, new Event())],
  condition: [
    'n',
    'name',
    (it, [name], options) => {
      const lock = options.lock ?? null;
      it.bind(name, new Condition(lock === null ? null : it.get(lock)));
    },
  ],
  semaphore: ['nv', 'name', (it, [name, value]) => void it.bind(name, new Semaphore(value))],
  bounded: ['nv', 'name', (it, [name, value]) => void it.bind(name, new BoundedSemaphore(value))],
  barrier: ['nv', 'name', (it, [name, parties]) => void it.bind(name, new Barrier(parties))],
  acquire: [
    'r',
    'value',
    function* (it, [name]) {
      return yield* it.get(name).acquire();
    },
  ],
  release: ['r', 'name', (it, [name]) => it.get(name).release()],
  locked: ['r', 'value', (it, [name]) => it.get(name).locked()],
  with: [
    'rB',
    'control',
    function* (it, [name, steps]) {
      const signal: Signal = yield* asyncWith(it.get(name), function* (value): Coroutine<Signal> {
        it.log('enter', name, it.render(value));
        return yield* it.steps(steps);
      });
      it.log('exit', name);
      return signal;
    },
  ],
  set: ['r', 'name', (it, [event]) => it.get(event).set()],
  clear: ['r', 'name', (it, [event]) => it.get(event).clear()],
  is_set: ['r', 'value', (it, [event]) => it.get(event).isSet()],
  ev_wait: [
    'r',
    'value',
    function* (it, [event]) {
      return yield* it.get(event).wait();
    },
  ],
  cond_wait: [
    'r',
    'value',
    function* (it, [condition]) {
      return yield* it.get(condition).wait();
    },
  ],
  cond_wait_for: [
    'rvv',
    'value',
    function* (it, [condition, counter, n]) {
      return yield* it.get(condition).waitFor(() => (it.counters.get(counter) ?? 0) >= n);
    },
  ],
  notify: ['rv', 'name', (it, [condition, n]) => it.get(condition).notify(n)],
  notify_all: ['r', 'name', (it, [condition]) => it.get(condition).notifyAll()],
  b_wait: [
    'r',
    'value',
    function* (it, [barrier]) {
      return yield* it.get(barrier).wait();
    },
  ],
  b_reset: [
    'r',
    'name',
    function* (it, [barrier]) {
      yield* it.get(barrier).reset();
    },
  ],
  b_abort: [
    'r',
    'name',
    function* (it, [barrier]) {
      yield* it.get(barrier).abort();
    },
  ],
  b_info: [
    'r',
    'value',
    (it, [name]) => {
      const barrier: Barrier = it.get(name);
      return [barrier.parties, barrier.nWaiting, barrier.broken];
    },
  ],

  queue: ['nvv', 'name', (it, [name, kind, maxsize]) => void it.bind(name, new QUEUES[kind]!(maxsize))],
  put: [
    'rv',
    'name',
    function* (it, [queue, item]) {
      yield* it.get(queue).put(item);
    },
  ],
  get: [
    'r',
    'value',
    function* (it, [queue]) {
      return yield* it.get(queue).get();
    },
  ],
  put_nowait: ['rv', 'name', (it, [queue, item]) => it.get(queue).putNowait(item)],
  get_nowait: ['r', 'value', (it, [queue]) => it.get(queue).getNowait()],
  task_done: ['r', 'name', (it, [queue]) => it.get(queue).taskDone()],
  join: [
    'r',
    'name',
    function* (it, [queue]) {
      yield* it.get(queue).join();
    },
  ],
  q_info: [
    'r',
    'value',
    (it, [name]) => {
      const queue: Queue = it.get(name);
      return [queue.qsize(), queue.empty(), queue.full(), queue.maxsize];
    },
  ],
  shutdown: ['rv', 'name', (it, [queue, immediate]) => it.get(queue).shutdown(immediate)],
};
