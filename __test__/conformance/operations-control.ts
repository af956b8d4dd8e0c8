import { Task, TimerHandle, eagerTaskFactory, sleep } from 'miolo/base';
import type { ExceptionContext, TaskFactory } from 'miolo/base';
import { type Interpreter, Return, type Signal } from './interpreter.ts';
import { MiniTask } from './mini-task.ts';
import type { Section, Thing } from './operations.ts';
import { UserError, makeException } from './values.ts';

/** The option `ctx` as an argument. */
export function contextOption(it: Interpreter, options: Thing): Thing {
  const name = options.ctx ?? null;
  return name === null ? {} : { context: it.get(name) };
}

function taskFactory(it: Interpreter, kind: string): TaskFactory | null {
  if (kind === 'none') return null;
  if (kind === 'eager') return eagerTaskFactory;
  if (kind === 'log') {
    return (loop, coro, options) => {
      it.log('factory', options.name ?? null);
      return new Task(coro, { ...options, loop });
    };
  }
  return (loop, coro, options) => {
    const task = new MiniTask(coro, {
      loop,
      name: options.name ?? 'mini',
      context: options.context ?? null,
    });
    // The registry holds foreign tasks weakly.
    it.keep.push(task);
    return task;
  };
}

/** Control, time and loop (7.1, 7.2). */
export const controlOperations: Section = {
  pass: ['', 'control', () => null],
  log: ['v', 'value', (_it, [value]) => value],
  return: ['v', 'control', (_it, [value]) => new Return(value)],
  raise: [
    'v',
    'control',
    (_it, [spec]) => {
      throw makeException(spec);
    },
  ],
  seq: [
    'B',
    'control',
    function* (it, [steps]) {
      return yield* it.steps(steps);
    },
  ],
  call: [
    'b',
    'value',
    function* (it, [block]) {
      return yield* it.block(block);
    },
  ],
  repeat: [
    'vB',
    'control',
    function* (it, [count, steps]) {
      for (let i = 0; i < count; i++) {
        const signal: Signal = yield* it.steps(steps);
        if (signal !== null) return signal;
      }
      return null;
    },
  ],
  if: [
    'vBB',
    'control',
    function* (it, [condition, yes, no]) {
      return yield* it.steps(it.holds(condition) ? yes : no);
    },
  ],
  try: [
    'v',
    'control',
    function* (it, [parts]) {
      return yield* it.attempt(parts);
    },
  ],
  inc: [
    'vv',
    'value',
    (it, [counter, n]) => {
      const count = (it.counters.get(counter) ?? 0) + n;
      it.counters.set(counter, count);
      return count;
    },
  ],

  sleep: [
    'v',
    'value',
    function* (_it, [delay], options) {
      return yield* sleep(delay, options.value ?? null);
    },
  ],
  yield: [
    '',
    'name',
    function* () {
      yield;
    },
  ],
  bad_yield: [
    'v',
    'name',
    function* (it, [value]) {
      yield typeof value === 'object' && value !== null ? it.get(value.ref) : value;
    },
  ],
  turn: ['', 'value', (it) => it.loop.turns],
  stop: ['', 'name', (it) => it.loop.stop()],
  task_factory: ['v', 'name', (it, [kind]) => it.loop.setTaskFactory(taskFactory(it, kind))],
  exc_handler: [
    'v',
    'name',
    (it, [kind]) => {
      const raising = (_loop: unknown, context: ExceptionContext): void => {
        if (it.logContext('exc_handler', context)) throw new UserError('handler');
      };
      it.loop.setExceptionHandler(kind === 'default' ? null : kind === 'log' ? it.onException : raising);
    },
  ],
  report: [
    'v',
    'name',
    (it, [spec]) => {
      const context: ExceptionContext = { message: 'custom' };
      if (spec !== null) context.exception = makeException(spec);
      it.loop.callExceptionHandler(context);
    },
  ],
  call_soon: [
    'nc',
    'name',
    (it, [name, callback], options) => {
      const method = options.threadsafe === true ? 'callSoonThreadsafe' : 'callSoon';
      it.bind(name, it.loop[method](it.callback(callback), [], contextOption(it, options)));
    },
  ],
  call_later: [
    'nvc',
    'name',
    (it, [name, delay, callback], options) => {
      it.bind(name, it.loop.callLater(delay, it.callback(callback), [], contextOption(it, options)));
    },
  ],
  call_at: [
    'nvc',
    'name',
    (it, [name, when, callback], options) => {
      it.bind(name, it.loop.callAt(when, it.callback(callback), [], contextOption(it, options)));
    },
  ],
  cancel_handle: ['r', 'name', (it, [handle]) => it.get(handle).cancel()],
  handle_info: [
    'r',
    'value',
    (it, [name]) => {
      const handle = it.get(name);
      return handle instanceof TimerHandle ? [handle.cancelled(), handle.when()] : [handle.cancelled()];
    },
  ],
  timers: [
    'vvvvc',
    'name',
    (it, [count, delay, step, keep, callback]) => {
      const handles = Array.from({ length: count }, (_, i) =>
        it.loop.callLater(delay + i * step, it.callback(callback)),
      );
      for (const [i, handle] of handles.entries()) if (i % keep !== 0) handle.cancel();
    },
  ],
};
