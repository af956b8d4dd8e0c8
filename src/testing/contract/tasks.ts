/** Futures and tasks on the loop: what goes through `callSoon`, and how many turns it takes. */
import {
  CancelledError,
  ContextVar,
  TaskGroup,
  ValueError,
  allTasks,
  currentTask,
  gather,
  shield,
  sleep,
  wait,
  waitFor,
} from '../../base/index.ts';
import type { Awaitable, Coroutine, TaskOptions, TimerHandle } from '../../base/index.ts';
import type { Bench, ContractLoop, Spec } from './bench.ts';

function* gives(): Coroutine<number> {
  return 1;
}

function* waitsFor(awaitable: Awaitable): Coroutine<void> {
  yield* awaitable;
}

const COSTS: readonly [what: string, turns: number, make: (loop: ContractLoop) => Coroutine<unknown>][] = [
  [
    'a finished future',
    0,
    (loop) => {
      const future = loop.createFuture<number>();
      future.setResult(1);
      return waitsFor(future);
    },
  ],
  ['sleep(0)', 1, () => waitsFor(sleep(0))],
  ['sleep(-1)', 1, () => waitsFor(sleep(-1))],
  [
    'a future that a queued callback resolves',
    2,
    function* (loop) {
      const future = loop.createFuture<number>();
      loop.callSoon(() => future.setResult(1));
      yield* future;
    },
  ],
  ['a task that never suspends', 2, (loop) => waitsFor(loop.createTask(gives()))],
  ['gather of such tasks', 3, () => delayed(() => gather([gives(), gives()]))],
  ['wait for such tasks', 3, (loop) => delayed(() => wait([loop.createTask(gives())]))],
  ['shield of such a task', 3, () => delayed(() => shield(gives()))],
  [
    'a task group of such tasks',
    3,
    () =>
      new TaskGroup().run(function* (group: TaskGroup) {
        group.createTask(gives());
        group.createTask(gives());
      }),
  ],
  ['waitFor of a coroutine that never suspends', 0, () => waitsFor(waitFor(gives(), 1))],
];

/** Made when it is awaited, inside of the loop. */
function* delayed(make: () => Awaitable): Coroutine<void> {
  yield* make();
}

export const TASKS: readonly Spec[] = [
  ...COSTS.map(([what, cost, make]): Spec => ({
    name: `awaiting ${what} takes ${cost} ${cost === 1 ? 'turn' : 'turns'}`,
    rule: 'what is awaited costs a known number of iterations, since each step goes through call_soon once',
    async body(bench) {
      function* main(): Coroutine<number> {
        const before = bench.polls;
        yield* make(bench.loop);
        return bench.polls - before;
      }
      bench.same(await bench.complete(main()), cost, 'turns');
    },
  })),
  {
    name: 'a sleep that is cancelled cancels its timer, and one of NaN is refused',
    rule: 'a cancelled sleep cancels its timer; sleep(nan) is a ValueError',
    async body(bench) {
      const { loop } = bench;
      const timers: TimerHandle[] = [];
      const { callAt } = loop;
      loop.callAt = function (this: ContractLoop, ...args: Parameters<typeof callAt>): TimerHandle {
        const timer = callAt.apply(this, args);
        timers.push(timer);
        return timer;
      } as typeof callAt;
      function* main(): Coroutine<void> {
        const task = loop.createTask(sleep(3600));
        yield* sleep(0);
        yield* sleep(0);
        task.cancel();
        yield* sleep(0);
        yield* sleep(0);
        bench.same(task.cancelled(), true, 'cancelled() of the task');
      }
      await bench.complete(main());
      bench.same(
        timers.map((timer) => timer.cancelled()),
        [true],
        'cancelled() of the only timer that was made',
      );
      await bench.throws(() => bench.complete(sleep(Number.NaN)), ValueError, 'sleep(NaN)');
    },
  },
  {
    name: 'done callbacks never run inside of what completes the future',
    rule: 'each done callback goes through call_soon, in the order of registration and with its own context',
    async body(bench) {
      const variable = new ContextVar<string>('contract', { default: 'none' });
      const log: string[] = [];
      const future = bench.loop.createFuture<number>();
      for (const name of ['a', 'b', 'c']) {
        variable.set(name);
        future.addDoneCallback(() => log.push(`${name} in ${variable.get()}`));
      }
      variable.set('none');
      future.setResult(1);
      bench.same(log, [], 'what ran inside of setResult()');
      future.addDoneCallback(() => log.push(`late in ${variable.get()}`));
      bench.same(log, [], 'what ran inside of addDoneCallback() of a future that is done');
      await bench.turn();
      bench.same(log, ['a in a', 'b in b', 'c in c', 'late in none'], 'what ran in the next turn');
    },
  },
  {
    name: 'each step of a task goes through callSoon of the loop',
    rule: 'a task is stepped from call_soon only, so that a loop which overrides it sees every step',
    async body(bench) {
      const { loop } = bench;
      let calls = 0;
      const { callSoon } = loop;
      loop.callSoon = function (this: ContractLoop, ...args: Parameters<typeof callSoon>) {
        calls++;
        return callSoon.apply(this, args);
      } as typeof callSoon;
      function* main(): Coroutine<void> {
        for (let step = 0; step < 4; step++) yield;
      }
      const task = loop.createTask(main());
      bench.same(calls, 1, 'calls when the task is made');
      for (let turn = 0; turn < 5; turn++) await bench.turn();
      bench.same([calls, task.done()], [5, true], 'calls for five steps, and done()');
    },
  },
  {
    name: 'the current task is the one that steps, and pending tasks are in allTasks',
    rule: 'current_task is set for the length of a step; all_tasks has the tasks of the loop that are not done',
    async body(bench) {
      const { loop, asLoop } = bench;
      const seen: boolean[] = [];
      function* body(): Coroutine<void> {
        seen.push(currentTask(asLoop) === task);
        yield;
        seen.push(currentTask(asLoop) === task);
      }
      const task = loop.createTask(body());
      loop.callSoon(() => seen.push(currentTask(asLoop) === null));
      bench.same([...allTasks(asLoop)], [task], 'allTasks() before');
      await bench.turn();
      await bench.turn();
      bench.same(seen, [true, true, true], 'whether currentTask() was right in a step, a callback, a step');
      bench.same([...allTasks(asLoop)], [], 'allTasks() after');
    },
  },
  {
    name: 'a cancel is thrown where the task waits, and goes to what it waits for first',
    rule: 'cancel() cancels what the task waits for; the CancelledError is thrown there in a later turn',
    body: cancelling,
  },
  {
    name: 'a task keeps its context, and changes nobody else sees',
    rule: 'a task runs in a copy of the context it was made in; its changes stay there',
    async body(bench) {
      const variable = new ContextVar<number>('contract', { default: 0 });
      function* count(): Coroutine<number> {
        for (let step = 0; step < 3; step++) {
          variable.set(variable.get() + 1);
          yield* sleep(0);
        }
        return variable.get();
      }
      const tasks = [bench.loop.createTask(count()), bench.loop.createTask(count())];
      for (const task of tasks) bench.same(await bench.complete(task), 3, 'what the task counted');
      bench.same(variable.get(), 0, 'what whoever made it sees');
    },
  },
  {
    name: 'a task factory gets the loop, the coroutine and the options unchanged',
    rule: 'create_task hands everything to the task factory if one is set; None restores the default',
    async body(bench) {
      const { loop, asLoop } = bench;
      const given: unknown[] = [];
      const future = loop.createFuture();
      loop.setTaskFactory((itsLoop, coro, options) => {
        given.push(itsLoop, coro, options);
        return future;
      });
      const coro = gives();
      const options: TaskOptions = { name: 'named', extra: 1 };
      bench.same(loop.createTask(coro, options), future, 'what createTask() returns');
      bench.same(given, [asLoop, coro, options], 'what the factory was given');
      loop.setTaskFactory(null);
      bench.same(loop.getTaskFactory(), null, 'the factory after null');
      bench.same(await bench.complete(loop.createTask(coro)), 1, 'the result of a task by default');
      await bench.throws(() => loop.setTaskFactory(5 as never), TypeError, 'setTaskFactory(5)');
    },
  },
];

async function cancelling(bench: Bench): Promise<void> {
  const future = bench.loop.createFuture<void>();
  const log: string[] = [];
  function* body(): Coroutine<void> {
    try {
      yield* future;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      log.push('thrown');
      throw error;
    }
  }
  const task = bench.loop.createTask(body());
  await bench.turn();
  bench.same(task.cancel(), true, 'cancel()');
  bench.same([future.cancelled(), ...log], [true], 'cancelled() of the future, and what has run yet');
  await bench.turn();
  bench.same(log, ['thrown'], 'what the coroutine saw');
  bench.same(
    [task.done(), task.cancelled(), task.cancel()],
    [true, true, false],
    'done(), cancelled(), cancel()',
  );
}
