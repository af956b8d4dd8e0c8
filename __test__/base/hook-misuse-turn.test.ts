/** Hooks of the turn and of runs that break their contract: what is said, and that the loop can run again. */
import test from 'ava';
import { BaseEventLoop, NotImplementedError, SystemExit, fromPromise, sleep } from 'miolo/base';
import type { Coroutine, Handle, Host } from 'miolo/base';
import { RecordingLoop } from './support.js';

const SECTION = '(docs/extending.md#the-turn-hooks)';
const broken = (hook: string, rule: string): string =>
  `the hook ${hook}() broke its contract: ${rule} ${SECTION}`;

function messagesOf(loop: RecordingLoop): string[] {
  return loop.reports.splice(0).map((report) => report.message ?? '');
}

/** A loop with some of its hooks replaced; `repair` puts them back. */
function withHooks(
  hooks: Record<string, unknown>,
  debug: boolean,
): [loop: RecordingLoop, repair: () => void] {
  const loop = new RecordingLoop();
  loop.setDebug(debug);
  Object.assign(loop, hooks);
  return [
    loop,
    () => {
      for (const hook of Object.keys(hooks)) delete (loop as unknown as Record<string, unknown>)[hook];
    },
  ];
}

function fail(): never {
  throw new ReferenceError('mine');
}

test.serial('a loop that lacks what every loop must have says so when it is run', async (t) => {
  class Bare extends (BaseEventLoop as unknown as new () => RecordingLoop) {}
  const whole = {
    _selector: { select: () => [] },
    _processEvents(): void {},
    _writeToSelf(): void {},
  };
  for (const [hook, lacking] of Object.entries({
    '_selector.select': { _selector: undefined },
    _processEvents: { _processEvents: undefined },
    _writeToSelf: { _writeToSelf: undefined },
  })) {
    const loop: RecordingLoop = Object.assign(new Bare() as object, whole, lacking) as never;
    const message = `this event loop does not implement the hook ${hook}(); what it has to do: docs/extending.md#the-turn-hooks`;
    t.throws(() => loop.runForeverSync(), { instanceOf: NotImplementedError, message });
    await t.throwsAsync(loop.runForever(), { instanceOf: NotImplementedError, message });
    t.false(loop.isRunning());
    Object.assign(loop, whole);
    loop.stop();
    loop.runForeverSync();
    loop.close();
  }
});

test('what the poll throws ends the run; a poll that returns a promise is named in debug mode', (t) => {
  for (const debug of [false, true]) {
    const [loop] = withHooks({}, debug);
    const selector = loop._selector;
    (loop as { _selector: unknown })._selector = { select: fail };
    t.throws(() => loop.turn(), { message: 'mine' });
    t.false(loop.isRunning());
    (loop as { _selector: unknown })._selector = { select: async () => [] };
    if (debug) {
      t.throws(() => loop.turn(), {
        message: broken('_selector.select', 'it must wait, and return what happened, not a promise'),
      });
    }
    (loop as { _selector: unknown })._selector = selector;
    loop.complete(() => sleep(1));
    t.deepEqual(loop.reports, []);
  }
});

test('in debug mode the report of _processEvents shows what the poll found, and tells of one that is async', (t) => {
  const [loop, repair] = withHooks({}, true);
  (loop as { _selector: unknown })._selector = { select: () => 'garbage' };
  loop._processEvents = (events?: unknown): void => {
    for (const handle of events as Handle[]) handle.cancel();
  };
  t.throws(() => loop.turn(), { instanceOf: TypeError });
  t.is(loop.reports[0]!.events, 'garbage');
  t.deepEqual(messagesOf(loop), [broken('_processEvents', 'it must not throw')]);
  loop._processEvents = (async () => {}) as never;
  loop.turn();
  t.deepEqual(messagesOf(loop), [
    broken('_processEvents', 'it must be done when it returns, and no async function'),
  ]);
  repair();
});

test('what _writeToSelf throws goes to the caller, whose handle runs all the same, and is reported in debug mode', (t) => {
  for (const debug of [false, true]) {
    const [loop, repair] = withHooks({ _writeToSelf: fail }, debug);
    let calls = 0;
    t.throws(() => loop.callSoonThreadsafe(() => calls++), { message: 'mine' });
    loop.turn();
    t.is(calls, 1);
    const text = `the hook _writeToSelf() failed, which it may only to refuse its arguments ${SECTION}`;
    t.deepEqual(messagesOf(loop), debug ? [text] : []);
    loop._writeToSelf = (async () => {}) as never;
    loop.callSoonThreadsafe(() => calls++);
    const rule = 'it must be done when it returns, and no async function';
    t.deepEqual(messagesOf(loop), debug ? [broken('_writeToSelf', rule)] : []);
    repair();
    loop.turn();
    t.is(calls, 2);
  }
});

test('in debug mode a timeout that is none is named, and a clock that fails', (t) => {
  for (const wrong of [Number.NaN, undefined, '1', -1]) {
    const [loop, repair] = withHooks({ _nextTimeout: () => wrong }, true);
    t.throws(() => loop.runUntilCompleteSync(loop.createFuture()), {
      message: broken('_nextTimeout', `it must return seconds or null, not ${String(wrong)}`),
    });
    repair();
    loop.complete(() => sleep(1));
  }
  const [loop] = withHooks({ time: fail }, true);
  t.throws(() => loop.callLater(1, () => {}), { message: 'mine' });
  t.regex(messagesOf(loop)[0]!, /^the hook time\(\) failed/);
});

test.serial(
  'runs whose setup or cleanup leaves super out are reported, and the loop can run again',
  async (t) => {
    for (const hook of ['_runForeverSetup', '_runForeverCleanup']) {
      for (const debug of [false, true]) {
        const [loop] = withHooks({ [hook]() {} }, debug);
        for (const run of [1, 2]) {
          t.is(
            loop.complete(() => sleep(1, run)),
            run,
          );
          t.is(await loop.runUntilComplete(sleep(1, run)), run);
          t.false(loop.isRunning());
          t.deepEqual(
            messagesOf(loop),
            Array.from({ length: 2 }, () => broken(hook, 'it must call super')),
          );
        }
        loop.close();
      }
    }
  },
);

test('a release without a hold is reported, and counts for nothing', (t) => {
  const loop = new RecordingLoop();
  loop._release();
  t.deepEqual(messagesOf(loop), [broken('_release', 'it must follow a _hold(), once')]);
  t.false(loop._isAlive());
  loop._hold();
  t.true(loop._isAlive());
  loop._release();
  t.deepEqual(messagesOf(loop), []);
});

for (const hook of ['_isReady', '_isAlive', '_hostTime', '_nextTimeout', '_runOnce', '_runForeverCleanup']) {
  test.serial(`a hosted run ends with what ${hook}() throws, and the loop can run again`, async (t) => {
    const [loop, repair] = withHooks({ [hook]: fail }, false);
    loop._selector.notify = () => {};
    function* main(): Coroutine<void> {
      yield* sleep(0);
    }
    await t.throwsAsync(loop.runUntilComplete(main()), { message: 'mine' });
    t.false(loop.isRunning());
    repair();
    delete loop._selector.notify;
    t.is(await loop.runUntilComplete(sleep(1, 'again')), 'again');
  });
}

for (const method of ['notify', 'pending', 'arm', 'flush'] as const) {
  test.serial(`a hosted run ends with what the selector's ${method}() throws`, async (t) => {
    const loop = new RecordingLoop();
    const selector = loop._selector;
    const faulty = { ...selector, notify: () => {}, [method]: fail };
    (loop as { _selector: unknown })._selector = faulty;
    await t.throwsAsync(loop.runUntilComplete(fromPromise(new Promise(() => {}), { loop })), {
      message: 'mine',
    });
    t.false(loop.isRunning());
    (loop as { _selector: unknown })._selector = selector;
    t.is(await loop.runUntilComplete(sleep(1, 'again')), 'again');
  });
}

for (const method of ['soon', 'later', 'hold', 'stalled'] as const) {
  test.serial(`a hosted run ends with what its host's ${method}() throws`, async (t) => {
    const loop = new RecordingLoop();
    loop._selector.notify = () => {};
    const host: Host = {
      soon: (fn) => void setImmediate(fn),
      later: () => () => {},
      hold() {},
      release() {},
    };
    loop._host = { ...host, [method]: fail };
    await t.throwsAsync(loop.runUntilComplete(sleep(1)), { message: 'mine' });
    t.false(loop.isRunning());
    loop._host = null;
    delete loop._selector.notify;
    t.is(await loop.runUntilComplete(sleep(1, 'again')), 'again');
  });
}

test('a flush that fails after a blocking run leaves a loop that can run again', (t) => {
  const loop = new RecordingLoop();
  loop._selector.flush = fail;
  t.throws(() => loop.turn(), { message: 'mine' });
  t.false(loop.isRunning());
  delete loop._selector.flush;
  loop.turn();
  t.deepEqual(loop.reports, []);
});

test('exits of hooks are passed on, and not reported', (t) => {
  for (const debug of [false, true]) {
    const exit = (): never => {
      throw new SystemExit(1);
    };
    const [loop] = withHooks({ _processEvents: exit, _writeToSelf: exit }, debug);
    t.throws(() => loop.callSoonThreadsafe(() => {}), { instanceOf: SystemExit, any: true } as never);
    t.throws(() => loop.turn(), { instanceOf: SystemExit, any: true } as never);
    t.deepEqual(loop.reports, []);
  }
});
