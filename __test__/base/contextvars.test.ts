import test from 'ava';
import {
  Context,
  ContextVar,
  LookupError,
  RuntimeError,
  Token,
  ValueError,
  copyContext,
  sleep,
} from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { MinimalLoop, RecordingLoop } from './support.js';
import { Future, Task } from 'miolo/base';

test('a variable has its value, else the fallback, else its default, else an error', (t) => {
  const plain = new ContextVar<number | undefined>('plain');
  const defaulted = new ContextVar<number | undefined>('defaulted', { default: 1 });
  new Context().run(() => {
    t.throws(() => plain.get(), { instanceOf: LookupError, message: /'plain'/ });
    t.is(plain.get(5), 5);
    t.is(plain.get(undefined), undefined);
    t.is(defaulted.get(), 1);
    t.is(defaulted.get(5), 5);
    defaulted.set(undefined);
    t.is(defaulted.get(5), undefined);
  });
  t.is(defaulted.get(), 1);
  t.is(new ContextVar('undefined', { default: undefined }).get(), undefined);
  t.throws(() => new ContextVar(1 as never), { instanceOf: TypeError });
});

test('a token restores the value before, or none', (t) => {
  const variable = new ContextVar<number>('variable');
  new Context().run(() => {
    const first = variable.set(1);
    const second = variable.set(2);
    t.is(first.oldValue, Token.MISSING);
    t.is(second.oldValue, 1);
    t.is(second.var, variable);
    variable.reset(second);
    t.is(variable.get(), 1);
    variable.reset(first);
    t.is(variable.get(0), 0);
  });
});

test('a token works once, for its variable, in its context', (t) => {
  const variable = new ContextVar<number>('variable');
  const other = new ContextVar<number>('other');
  new Context().run(() => {
    const token = variable.set(1);
    t.throws(() => other.reset(token), { instanceOf: ValueError });
    t.throws(() => copyContext().run(() => variable.reset(token)), { instanceOf: ValueError });
    t.throws(() => variable.reset({} as never), { instanceOf: TypeError });
    t.is(variable.get(), 1);
    variable.reset(token);
    t.throws(() => variable.reset(token), { instanceOf: RuntimeError });
  });
});

test('a copy and its original do not see each other’s changes', (t) => {
  const variable = new ContextVar<string>('variable');
  const original = new Context();
  original.run(() => variable.set('common'));
  const copy = original.copy();
  const copyOfCopy = copy.copy();
  original.run(() => variable.set('original'));
  copy.run(() => variable.set('copy'));
  t.deepEqual(
    [original, copy, copyOfCopy].map((context) => context.get(variable)),
    ['original', 'copy', 'common'],
  );
});

test('a context can be read like a map', (t) => {
  const [a, b] = [new ContextVar<number>('a'), new ContextVar<number>('b')];
  const context = new Context();
  t.is(context.size, 0);
  context.run(() => a.set(1));
  t.true(context.has(a as ContextVar<unknown>));
  t.false(context.has(b as ContextVar<unknown>));
  t.is(context.get(b), undefined);
  t.is(context.get(b, 7), 7);
  t.deepEqual([...context.entries()], [[a as ContextVar<unknown>, 1]]);
  t.deepEqual([...context.keys()], [a as ContextVar<unknown>]);
});

test('run passes arguments and the result, and leaves the context also by an error', (t) => {
  const context = new Context();
  t.is(
    context.run((x: number, y: number) => x + y, 1, 2),
    3,
  );
  const fail = (): never => {
    throw new ValueError('wrong');
  };
  t.throws(() => context.run(fail), { instanceOf: ValueError });
  t.is(
    context.run(() => 'again'),
    'again',
  );
});

test('a context that is entered cannot be entered again', (t) => {
  const context = new Context();
  context.run(() => {
    t.throws(() => context.run(() => t.fail()), { instanceOf: RuntimeError, message: /already entered/ });
    new Context().run(() => t.throws(() => context.run(() => t.fail()), { instanceOf: RuntimeError }));
  });
});

test('handles, timers, done callbacks and tasks get a copy of the context they are made in', (t) => {
  const loop = new RecordingLoop();
  const variable = new ContextVar<string>('variable', { default: 'none' });
  const seen: Record<string, string> = {};
  const note = (what: string): void => {
    seen[what] = variable.get();
    variable.set(what);
  };
  const future = loop.createFuture<void>();
  new Context().run(() => {
    variable.set('made');
    loop.callSoon(note, ['soon']);
    loop.callSoonThreadsafe(note, ['threadsafe']);
    loop.callLater(1, note, ['later']);
    loop.callAt(1, note, ['at']);
    future.addDoneCallback(() => note('done'));
    loop.createTask(
      (function* (): Coroutine<void> {
        note('task');
        yield* sleep(1);
        t.is(variable.get(), 'task');
      })(),
    );
    variable.set('changed after');
  });
  loop.callLater(2, () => future.setResult());
  loop.callLater(3, () => loop.stop());
  loop.runForeverSync();
  const made = Object.fromEntries(
    ['soon', 'threadsafe', 'task', 'later', 'at', 'done'].map((key) => [key, 'made']),
  );
  t.deepEqual(seen, made);
  t.is(variable.get(), 'none');
  t.deepEqual(loop.reports, []);
});

test('a task sees no change of the one that made it, nor the other way round', (t) => {
  const loop = new RecordingLoop();
  const variable = new ContextVar<string>('variable');
  loop.complete(function* () {
    variable.set('parent');
    const child = loop.createTask(
      (function* (): Coroutine<void> {
        t.is(variable.get(), 'parent');
        variable.set('child');
        yield* sleep(1);
        t.is(variable.get(), 'child');
      })(),
    );
    variable.set('parent later');
    yield* child;
    t.is(variable.get(), 'parent later');
  });
});

test('a context that is given is used itself, so that changes stay in it', (t) => {
  const loop = new RecordingLoop();
  const variable = new ContextVar<string>('variable');
  const context = new Context();
  const options = { context };
  const future = loop.createFuture<void>();
  t.is(loop.callSoon(() => variable.set('soon'), [], options).getContext(), context);
  loop.callSoonThreadsafe(() => variable.set(`${variable.get()} threadsafe`), [], options);
  loop.callLater(1, () => variable.set(`${variable.get()} later`), [], options);
  loop.callAt(2, () => variable.set(`${variable.get()} at`), [], options);
  future.addDoneCallback(() => variable.set(`${variable.get()} done`), options);
  loop.callAt(3, () => future.setResult());
  loop.runUntilCompleteSync(future);
  loop.turn();
  const task = loop.createTask(
    (function* (): Coroutine<void> {
      variable.set(`${variable.get()} task`);
      yield* sleep(1);
      variable.set(`${variable.get()} again`);
    })(),
    options,
  );
  t.is(task.getContext(), context);
  loop.runUntilCompleteSync(task);
  t.is(context.get(variable), 'soon threadsafe later at done task again');
});

test('callbacks made in one context do not see each other’s changes', (t) => {
  const loop = new MinimalLoop();
  const variable = new ContextVar<string>('variable', { default: 'none' });
  const seen: string[] = [];
  const change = (value: string): void => {
    seen.push(variable.get());
    variable.set(value);
    seen.push(variable.get());
    // Made in the context that was changed.
    if (value === 'first') loop.callSoon(change, ['third']);
  };
  loop.callSoon(change, ['first']);
  loop.callSoon(change, ['second']);
  loop.drain();
  t.deepEqual(seen, ['none', 'first', 'none', 'second', 'first', 'third']);
  t.is(variable.get(), 'none');
});

test('what a callback changed is there when its handle runs again, and in no other', (t) => {
  const loop = new MinimalLoop();
  const variable = new ContextVar<number>('variable', { default: 0 });
  const count = (): void => void variable.set(variable.get() + 1);
  const handle = loop.callSoon(count);
  const other = loop.callSoon(count);
  handle._run();
  handle._run();
  t.is(handle.getContext().get(variable), 2);
  t.is(other.getContext().get(variable, 0), 0);
});

test('a handle’s context is the one that its callback runs in, whenever it is asked for', (t) => {
  const loop = new MinimalLoop();
  const variable = new ContextVar<string>('variable', { default: 'none' });
  const asking = loop.callSoon(() => {
    const context = asking.getContext();
    variable.set('inside');
    t.is(context.get(variable), 'inside');
    t.is(asking.getContext(), context);
    t.not(other.getContext(), context);
    t.throws(() => context.run(() => {}), { instanceOf: RuntimeError });
  });
  const other = loop.callSoon(() => t.is(variable.get(), 'outside'));
  other.getContext().run(() => variable.set('outside'));
  const late = loop.callSoon(() => {
    variable.set('late');
    t.is(late.getContext().get(variable), 'late');
  });
  loop.drain();
  t.is(asking.getContext().get(variable), 'inside');
  t.is(late.getContext().get(variable), 'late');
  t.is(variable.get(), 'none');
});

test('a running handle’s context is its own also while a task takes its eager step, or another context runs', (t) => {
  const loop = new RecordingLoop();
  const variable = new ContextVar<string>('variable', { default: 'none' });
  const handle = loop.callSoon(() => {
    const inEagerStep = new Task(
      // oxlint-disable-next-line require-yield -- it ends in its eager step
      (function* (): Coroutine<Context> {
        variable.set('task');
        return handle.getContext();
      })(),
      { loop, eagerStart: true },
    ).result();
    const inOther = new Context().run(() => handle.getContext());
    variable.set('callback');
    t.is(inEagerStep.get(variable), 'callback');
    t.is(inOther, inEagerStep);
    t.is(handle.getContext(), inEagerStep);
    loop.callSoon(() => variable.set('later'), [], { context: inEagerStep });
  });
  loop.turn();
  loop.turn();
  t.is(handle.getContext().get(variable), 'later');
  t.is(variable.get(), 'none');
  t.deepEqual(loop.reports, []);
});

test('a callback whose context is entered already is reported, and does not run', (t) => {
  const loop = new RecordingLoop();
  const context = new Context();
  loop.callSoon(() => t.fail(), [], { context });
  context.run(() => loop.turn());
  t.is(loop.reports.length, 1);
  t.regex((loop.reports[0]!.exception as RuntimeError).message, /already entered/);
});

test('a task on a loop that is not ours steps in the context it is given', (t) => {
  const loop = new MinimalLoop();
  const variable = new ContextVar<string>('variable', { default: 'none' });
  const context = new Context();
  const future = new Future<void>({ loop });
  const task = new Task(
    (function* (): Coroutine<void> {
      variable.set('first');
      yield* future;
      variable.set(`${variable.get()} second`);
    })(),
    { loop, context },
  );
  loop.drain();
  future.setResult();
  loop.drain();
  t.true(task.done());
  t.is(context.get(variable), 'first second');
  t.is(variable.get(), 'none');
});

test.serial('in a hosted run changes stay in the task that made them, across async functions', async (t) => {
  const loop = new RecordingLoop();
  const variable = new ContextVar<string>('variable', { default: 'none' });
  const body = function* (name: string): Coroutine<string> {
    variable.set(name);
    yield* sleep(1);
    return variable.get();
  };
  const other = loop.createTask(body('other'));
  t.is(await loop.runUntilComplete(body('main')), 'main');
  t.is(other.result(), 'other');
  t.is(variable.get(), 'none');
});
