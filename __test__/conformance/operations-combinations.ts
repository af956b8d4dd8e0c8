import {
  ALL_COMPLETED,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  StopAsyncIteration,
  TaskGroup,
  TimeoutError,
  asCompleted,
  gather,
  isException,
  shield,
  timeout,
  timeoutAt,
  wait,
  waitFor,
} from 'miolo/base';
import type { Coroutine, FutureLike, Timeout } from 'miolo/base';
import { type Interpreter, type Signal, stateOf } from './interpreter.ts';
import { taskOptions } from './operations-tasks.ts';
import type { Section, Thing } from './operations.ts';
import { isNative, renderException } from './values.ts';

const MODES = { all: ALL_COMPLETED, first: FIRST_COMPLETED, exception: FIRST_EXCEPTION } as const;

function* runTimeout(it: Interpreter, name: string, scope: Timeout, steps: Thing): Coroutine<Signal> {
  const signal = yield* it.scope(it.bind(name, scope), steps);
  it.log('timeout_end', scope.expired());
  return signal;
}

function* completions(it: Interpreter, expressions: Thing[], options: Thing): Coroutine<void> {
  const iterator = asCompleted<unknown>(
    expressions.map((each) => it.awaitable(each)),
    { timeout: options.timeout ?? null },
  );
  if (options.style === 'async') {
    for (;;) {
      let future: FutureLike;
      try {
        future = yield* iterator.anext();
      } catch (error) {
        if (error instanceof StopAsyncIteration) return;
        throw error;
      }
      it.log('completed', it.label(future), stateOf(future));
    }
  }
  for (const next of iterator) {
    try {
      it.log('completed', it.render(yield* next));
    } catch (error) {
      if (error instanceof TimeoutError || !isException(error) || isNative(error)) throw error;
      it.log('completed', { exc: renderException(error) });
    }
  }
}

/** Combinations, timeouts and groups (7.5, 7.6). */
export const combinationOperations: Section = {
  gather: [
    'nA',
    'value',
    (it, [name, expressions], options) => {
      const awaitables = expressions.map((each: Thing) => it.awaitable(each));
      return stateOf(it.bind(name, gather(awaitables, { returnExceptions: options.re === true })));
    },
  ],
  wait: [
    'R',
    'value',
    function* (it, [names], options) {
      const futures = new Map<string, FutureLike>(names.map((name: string) => [name, it.get(name)]));
      const returnWhen = MODES[(options.mode ?? 'all') as keyof typeof MODES];
      const [done, pending] = yield* wait([...futures.values()], {
        timeout: options.timeout ?? null,
        returnWhen,
      });
      const namesOf = (set: Set<FutureLike>): string[] =>
        [...futures.keys()].filter((name) => set.has(futures.get(name)!)).sort();
      return [namesOf(done), namesOf(pending)];
    },
  ],
  wait_for: [
    'av',
    'value',
    function* (it, [expression, seconds]) {
      return yield* waitFor(it.awaitable(expression), seconds);
    },
  ],
  shield: [
    'na',
    'value',
    (it, [name, expression]) => stateOf(it.bind(name, shield(it.awaitable(expression)))),
  ],
  as_completed: [
    'A',
    'name',
    function* (it, [expressions], options) {
      yield* completions(it, expressions, options);
    },
  ],

  timeout: [
    'nvB',
    'control',
    function* (it, [name, delay, steps]) {
      return yield* runTimeout(it, name, timeout(delay), steps);
    },
  ],
  timeout_at: [
    'nvB',
    'control',
    function* (it, [name, when, steps]) {
      return yield* runTimeout(it, name, timeoutAt(when), steps);
    },
  ],
  new_timeout: ['nv', 'name', (it, [name, delay]) => void it.bind(name, timeout(delay))],
  reschedule: [
    'rv',
    'name',
    (it, [scope, delay]) => it.get(scope).reschedule(delay === null ? null : it.loop.time() + delay),
  ],
  expired: ['r', 'value', (it, [scope]) => it.get(scope).expired()],
  when: ['r', 'value', (it, [scope]) => it.get(scope).when()],
  group: [
    'nB',
    'control',
    function* (it, [name, steps]) {
      const signal = yield* it.scope(it.bind(name, new TaskGroup()), steps);
      it.log('group_end');
      return signal;
    },
  ],
  new_group: ['n', 'name', (it, [name]) => void it.bind(name, new TaskGroup())],
  enter: [
    'rB',
    'control',
    function* (it, [scope, steps]) {
      const signal = yield* it.scope(it.get(scope), steps);
      it.log('enter_end');
      return signal;
    },
  ],
  gspawn: [
    'rnb',
    'value',
    (it, [group, name, block], options) => {
      const task = it.get(group).createTask(it.coroutine(block), taskOptions(it, options));
      it.spawned.push(it.bind(name, task));
      return it.taskLabel(task);
    },
  ],
};
