import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import {
  RuntimeError,
  _getRunningLoop,
  fromPromise,
  getEventLoop,
  getRunningLoop,
  setEventLoop,
  sleep,
} from 'miolo/base';
import type { Coroutine, Loop } from 'miolo/base';
import { MinimalLoop, RecordingLoop } from './support.js';

test('the current loop is the running one, else the one that was set, else an error', (t) => {
  const loop = new RecordingLoop();
  const other = new MinimalLoop();
  t.is(_getRunningLoop(), null);
  t.throws(() => getRunningLoop(), { instanceOf: RuntimeError, message: 'no running event loop' });
  t.throws(() => getEventLoop(), {
    instanceOf: RuntimeError,
    message: /no current event loop in this thread/,
  });
  setEventLoop(other);
  try {
    t.is<Loop, Loop>(getEventLoop(), other);
    loop.complete(function* () {
      t.is(getEventLoop(), loop);
      t.is(getRunningLoop(), loop);
    });
    t.throws(() => setEventLoop(1 as never), { instanceOf: TypeError });
    t.throws(() => getRunningLoop(), { instanceOf: RuntimeError });
  } finally {
    setEventLoop(null);
  }
  t.throws(() => getEventLoop(), { instanceOf: RuntimeError });
});

test.serial(
  'outside of turns the running loop is the only hosted one; with several it is an error',
  async (t) => {
    const loop = new RecordingLoop();
    const other = new RecordingLoop();
    const run = loop.runUntilComplete(sleep(1, 'slept'));
    t.is(getRunningLoop(), loop);
    const second = other.runUntilComplete(
      (function* (): Coroutine<Loop> {
        yield* sleep(0);
        return getRunningLoop();
      })(),
    );
    t.throws(() => getRunningLoop(), { instanceOf: RuntimeError, message: /several event loops/ });
    t.is(await run, 'slept');
    t.is(await second, other);
    t.is(_getRunningLoop(), null);
  },
);

test.serial('a loop that runs in one thread is not the running one of another', async (t) => {
  const loop = new RecordingLoop();
  const base = import.meta.resolve('miolo/base');
  const code = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(base)}).then(({ _getRunningLoop, getEventLoop }) => {
      try { getEventLoop(); } catch (error) { parentPort.postMessage([_getRunningLoop(), error.message]); }
    });
  `;
  const seen = await loop.runUntilComplete(
    (function* (): Coroutine<unknown> {
      const worker = new Worker(code, { eval: true });
      const [message] = yield* fromPromise(once(worker, 'message'));
      t.is(getRunningLoop(), loop);
      return message;
    })(),
  );
  t.deepEqual(seen, [null, 'There is no current event loop in this thread.']);
});
