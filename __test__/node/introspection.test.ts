import test from 'ava';
import { _formatCallbackSource, captureCallGraph, getEventLoopPolicy, run, setEventLoop, sleep } from 'miolo';
import type { Coroutine, Future } from 'miolo';
import { once } from 'node:events';
import { theLoop } from '../helpers.js';

/** The line of this file that is the innermost of a stack. */
function lineOf(stack: string | undefined): number {
  return Number(/introspection\.test\.[jt]s:(\d+):/.exec(stack ?? '')![1]);
}

test('the frame of a task that waits is found by the inspector, with its line', async (t) => {
  let before = 0;
  function* waits(): Coroutine<void> {
    before = lineOf(new Error().stack);
    yield* sleep(1000);
  }
  await run(
    (function* main(): Coroutine<void> {
      const task = theLoop().createTask(waits());
      yield* sleep(0.001);
      const [entry, ...others] = captureCallGraph(task as Future)!.callStack;
      t.deepEqual(others, []);
      t.like(entry!.frame, { name: 'waits', lineno: before + 1, isCoroutine: true });
      t.regex(entry!.frame.filename, /introspection\.test\.[jt]s$/);
      task.cancel();
    })(),
  );
});

test('a callback is shown with its place, that of the function when it is bound', (t) => {
  // oxlint-disable-next-line func-style -- one line, that of its declaration
  const place = (): number => lineOf(new Error().stack);
  const shown = /^place\(\) at .*introspection\.test\.[jt]s:(\d+)$/.exec(_formatCallbackSource(place, []));
  t.is(Number(shown![1]), place());
  const bound = /^bound place\(\) at .*:(\d+)$/.exec(_formatCallbackSource(place.bind(null), []));
  t.is(bound![1], shown![1]);
  t.is(_formatCallbackSource(Math.max, []), 'max()');
});

test('a deprecation is a warning of the process', async (t) => {
  setEventLoop(null);
  const warned = once(process, 'warning');
  getEventLoopPolicy();
  const [warning] = (await warned) as [Error];
  t.is(warning.name, 'DeprecationWarning');
  t.regex(warning.message, /getEventLoopPolicy/);
});
