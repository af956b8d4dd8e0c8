import test from 'ava';
import { Future, Task, ValueError, logger, sleep } from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';
import { RecordingLoop, logOf } from './support.js';

/** A loop in debug mode that calls every callback slow, or none. */
function slowLoop(seconds: number): RecordingLoop {
  const loop = new RecordingLoop();
  loop.setDebug(true);
  loop.slowCallbackDuration = seconds;
  return loop;
}

/** What the warnings name. */
function warned(action: () => void): string[] {
  return logOf(action).map(([level, message]) => {
    const match = /^Executing (.*) took \d+\.\d{3} seconds$/s.exec(message);
    return level === 'warning' && match !== null ? match[1]! : `${level}: ${message}`;
  });
}

test('debug mode is off at first, and calls a tenth of a second slow', (t) => {
  const loop = new RecordingLoop();
  t.false(loop.getDebug());
  t.is(loop.slowCallbackDuration, 0.1);
  loop.setDebug(true);
  t.true(loop.getDebug());
});

test('a handle that takes as long as a slow callback is warned of by name, once', (t) => {
  const loop = slowLoop(0);
  const handle = loop.callSoon(function tardy() {});
  const text = handle.toString();
  t.regex(text, /tardy\(\).* created at .*debug-mode\.test/);
  t.deepEqual(
    warned(() => loop.turn()),
    [text],
  );
});

test('a handle that is quick enough is not warned of, nor is any without debug mode', (t) => {
  const quick = slowLoop(Infinity);
  quick.callSoon(() => {});
  const plain = new RecordingLoop();
  plain.slowCallbackDuration = 0;
  plain.callSoon(() => {});
  t.deepEqual(
    warned(() => {
      quick.turn();
      plain.turn();
    }),
    [],
  );
});

test('a slow step is warned of by the name of its task, be it the first or a later one', (t) => {
  const loop = slowLoop(0);
  let task: Task<void> | undefined;
  let awaited: Task<void> | undefined;
  const warnings = warned(() => {
    awaited = loop.createTask(sleep(0), { name: 'the awaited' });
    task = loop.createTask(wrap(awaited), { name: 'the slow' });
    for (let turn = 0; turn < 3; turn++) loop.turn();
  });
  t.true(task!.done());
  t.deepEqual(
    warnings.map((text) => /name='([^']*)'/.exec(text)?.[1]),
    ['the awaited', 'the slow', 'the awaited', 'the slow'],
  );
});

test('a slow done callback is warned of by its own name, though it gets a task', (t) => {
  const loop = slowLoop(0);
  const warnings = warned(() => {
    const task = loop.createTask(nothing());
    task.addDoneCallback(function whenDone() {});
    loop.turn();
    loop.turn();
  });
  t.is(warnings.length, 2);
  t.regex(warnings[0]!, /^<Task /);
  t.regex(warnings[1]!, /^<Handle whenDone\(\)/);
});

test('debug mode can be switched while the loop runs, and counts from the next handle on', (t) => {
  const loop = new RecordingLoop();
  loop.slowCallbackDuration = 0;
  loop.callSoon(function first() {
    loop.setDebug(true);
  });
  loop.callSoon(function second() {});
  loop.callSoon(function third() {
    loop.setDebug(false);
  });
  loop.callSoon(function fourth() {});
  t.deepEqual(
    warned(() => loop.turn()).map((text) => /(\w+)\(\)/.exec(text)?.[1]),
    ['second', 'third'],
  );
});

test('in debug mode coroutines, coroutine functions and what is no function are refused as callbacks', (t) => {
  const loop = slowLoop(Infinity);
  for (const wrong of [nothing(), nothing, 42, null, {}]) {
    const refused = { instanceOf: TypeError };
    t.throws(() => loop.callSoon(wrong as never), refused);
    t.throws(() => loop.callSoonThreadsafe(wrong as never), refused);
    t.throws(() => loop.callLater(1, wrong as never), refused);
    t.throws(() => loop.callAt(1, wrong as never), refused);
  }
  t.false(loop._isReady());
  t.deepEqual(loop._scheduled, []);
});

test('without debug mode what is no function fails when it is run', (t) => {
  const loop = new RecordingLoop();
  loop.callSoon(42 as never);
  loop.turn();
  t.is(loop.reports.length, 1);
  t.true(loop.reports[0]!.exception instanceof TypeError);
});

test('in debug mode a report says where the handle was made', (t) => {
  const loop = slowLoop(Infinity);
  const handle = loop.callSoon(() => {
    throw new ValueError('wrong');
  });
  loop.turn();
  const [report] = loop.reports;
  t.is(report!.sourceTraceback, handle._sourceTraceback as readonly string[]);
  t.regex(report!.sourceTraceback![0]!, /debug-mode\.test/);
});

test('creation stacks have ten frames at most', (t) => {
  const loop = slowLoop(Infinity);
  const deep = (levels: number): Future<void> =>
    levels === 0 ? loop.createFuture<void>() : deep(levels - 1);
  const stack = deep(30)._sourceTraceback!;
  for (const line of stack) t.regex(line, /^at deep/);
  t.is(stack.length, 10);
  t.is(new RecordingLoop().createFuture()._sourceTraceback, null);
});

test('creation stacks begin at the caller, whatever makes the handle, future or task', (t) => {
  const loop = slowLoop(Infinity);
  const here = function here(): (readonly string[] | null)[] {
    return [
      loop.callSoon(() => {})._sourceTraceback,
      loop.callSoonThreadsafe(() => {})._sourceTraceback,
      loop.callLater(1, () => {})._sourceTraceback,
      loop.callAt(1, () => {})._sourceTraceback,
      loop.createFuture()._sourceTraceback,
      new Future({ loop })._sourceTraceback,
      loop.createTask(nothing())._sourceTraceback,
      new Task(nothing(), { loop })._sourceTraceback,
    ];
  };
  for (const stack of here()) t.regex(stack![0]!, /^at here \(.*debug-mode\.test/);
});

test('in debug mode reports of futures and tasks say where they were made', (t) => {
  const loop = slowLoop(Infinity);
  loop.createFuture<void>().setException(new ValueError('wrong'));
  loop.createTask(sleep(1));
  loop.close();
  t.deepEqual(
    loop.reports.map((report) => report.message),
    ['Task was destroyed but it is pending!', 'Future exception was never retrieved'],
  );
  for (const report of loop.reports) t.regex(report.sourceTraceback!.join('\n'), /debug-mode\.test/);
});

test('in debug mode a report shows the handle in which it came about', (t) => {
  const loop = new VirtualClockLoop();
  loop.setDebug(true);
  const turn = (): void => {
    loop.stop();
    loop.runForeverSync();
  };
  const context = { message: 'M' };
  loop.callSoon(() => loop.callExceptionHandler(context));
  const [[, text]] = logOf(turn) as [[string, string]];
  t.regex(text, /^M\nhandleTraceback \(most recent call first\):\n {2}at .*debug-mode\.test/);
  t.deepEqual(context, { message: 'M' });
  loop.callSoon(() => loop.callExceptionHandler({ message: 'M', sourceTraceback: ['at home'] }));
  const [[, own]] = logOf(turn) as [[string, string]];
  t.is(own, 'M\nsourceTraceback (most recent call first):\n  at home');
});

test.serial('debug mode warns in hosted runs as well', async (t) => {
  const loop = slowLoop(Infinity);
  const handle = loop.callSoon(function tardy() {
    loop.slowCallbackDuration = 0;
    loop.stop();
  });
  const text = handle.toString();
  const lines: string[] = [];
  const former = logger.setSink((_level, message) => lines.push(message));
  await loop.runForever().finally(() => logger.setSink(former));
  t.is(lines.length, 1);
  t.true(lines[0]!.startsWith(`Executing ${text} took`));
});

function* nothing(): Coroutine<void> {}

function* wrap(task: Task<void>): Coroutine<void> {
  yield* task;
}
