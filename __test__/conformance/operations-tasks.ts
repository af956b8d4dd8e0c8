import {
  RuntimeError,
  Task,
  _enterTask,
  _leaveTask,
  _registerTask,
  _unregisterTask,
  allTasks,
  createTask,
  currentTask,
  ensureFuture,
  gather,
} from 'miolo/base';
import type { Interpreter } from './interpreter.ts';
import { MiniTask } from './mini-task.ts';
import { contextOption } from './operations-control.ts';
import type { Section, Thing } from './operations.ts';

/** The options of `spawn` and `gspawn`; those that are absent are not passed on. */
export function taskOptions(it: Interpreter, options: Thing): Thing {
  const passed = contextOption(it, options);
  if (options.name !== undefined && options.name !== null) passed.name = options.name;
  if (options.eager !== undefined && options.eager !== null) passed.eagerStart = options.eager;
  return passed;
}

function spawn(it: Interpreter, block: string, options: Thing): Thing {
  const coro = it.coroutine(block);
  const passed = taskOptions(it, options);
  switch (options.via ?? 'create_task') {
    case 'create_task':
      return createTask(coro, passed);
    case 'loop':
      return it.loop.createTask(coro, passed);
    case 'ensure_future':
      return ensureFuture(coro);
    case 'ctor':
      return new Task(coro, { loop: it.loop, ...passed });
    default:
      return new MiniTask(coro, {
        loop: it.loop,
        name: options.name ?? 'mini',
        context: passed.context ?? null,
      });
  }
}

/** Tasks (7.4). */
export const taskOperations: Section = {
  spawn: [
    'nb',
    'value',
    (it, [name, block], options) => {
      const task = it.bind(name, spawn(it, block, options));
      it.spawned.push(task);
      return it.taskLabel(task);
    },
  ],
  uncancel: ['r', 'value', (it, [task]) => it.get(task).uncancel()],
  cancelling: ['r', 'value', (it, [task]) => it.get(task).cancelling()],
  get_name: ['r', 'value', (it, [task]) => it.taskLabel(it.get(task))],
  set_name: ['rv', 'name', (it, [task, name]) => it.get(task).setName(name)],
  current: ['', 'value', (it) => it.currentLabel()],
  all_tasks: [
    '',
    'value',
    (it) => {
      const names = [...allTasks(it.loop)].map((task) => task.getName!());
      const named = names.filter((name) => !/^Task-\d+$/.test(name)).sort();
      return [named, names.length - named.length];
    },
  ],
  visit: [
    'rB',
    'name',
    (it, [name, steps]) => {
      const task = it.get(name);
      _enterTask(it.loop, task);
      try {
        for (const step of steps) it.stepSync(step);
      } finally {
        _leaveTask(it.loop, task);
      }
    },
  ],
  leave_task: [
    'r',
    'name',
    (it, [name]) => {
      const task = it.get(name);
      if (task === currentTask()) throw new RuntimeError('not attempted');
      _leaveTask(it.loop, task);
    },
  ],
  register_task: ['r', 'name', (it, [task]) => _registerTask(it.get(task))],
  unregister_task: ['r', 'name', (it, [task]) => _unregisterTask(it.get(task))],
  finish: [
    '',
    'name',
    function* (it) {
      const current = currentTask();
      const rest = it.spawned.filter((task) => !task.done() && task !== current);
      it.log(
        'finishing',
        rest.map((task) => it.taskLabel(task)),
      );
      for (const task of rest) task.cancel('finish');
      yield* gather(rest, { returnExceptions: true });
    },
  ],
};
