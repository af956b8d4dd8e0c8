import { LookupError, copyContext } from 'miolo/base';
import { stateOf } from './interpreter.ts';
import { contextOption } from './operations-control.ts';
import type { Section } from './operations.ts';
import { makeException } from './values.ts';

/** Futures and context variables (7.3, 7.9). */
export const futureOperations: Section = {
  future: ['n', 'name', (it, [name]) => void it.bind(name, it.loop.createFuture())],
  set_result: ['rv', 'name', (it, [future, value]) => it.get(future).setResult(value)],
  set_exception: ['rv', 'name', (it, [future, spec]) => it.get(future).setException(makeException(spec))],
  cancel: ['r', 'value', (it, [future], options) => it.get(future).cancel(options.msg ?? null)],
  state: ['r', 'value', (it, [future]) => stateOf(it.get(future))],
  done: ['r', 'value', (it, [future]) => it.get(future).done()],
  cancelled: ['r', 'value', (it, [future]) => it.get(future).cancelled()],
  result: ['r', 'value', (it, [future]) => it.get(future).result()],
  exception: ['r', 'value', (it, [future]) => it.get(future).exception()],
  add_cb: [
    'rc',
    'name',
    (it, [future, callback], options) =>
      it.get(future).addDoneCallback(it.callback(callback), contextOption(it, options)),
  ],
  remove_cb: [
    'rc',
    'value',
    (it, [future, callback]) => it.get(future).removeDoneCallback(it.callback(callback)),
  ],
  await: [
    'a',
    'value',
    function* (it, [expression]) {
      return yield* it.awaitable(expression);
    },
  ],

  cv_get: [
    'v',
    'value',
    (it, [name]) => {
      try {
        return it.variable(name).get();
      } catch (error) {
        if (error instanceof LookupError) return null;
        throw error;
      }
    },
  ],
  cv_set: [
    'vv',
    'name',
    (it, [name, value], options) => {
      const token = it.variable(name).set(value);
      if (options.token !== undefined && options.token !== null) it.bind(options.token, token);
    },
  ],
  cv_reset: ['vr', 'name', (it, [name, token]) => it.variable(name).reset(it.get(token))],
  ctx_copy: ['n', 'name', (it, [name]) => void it.bind(name, copyContext())],
  task_ctx: ['nr', 'name', (it, [name, task]) => void it.bind(name, it.get(task).getContext())],
  ctx_run: ['rc', 'name', (it, [context, callback]) => it.get(context).run(it.callback(callback))],
};
