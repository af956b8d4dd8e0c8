import test from 'ava';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as miolo from 'miolo/base';
import {
  BaseException,
  BaseExceptionGroup,
  BrokenBarrierError,
  CancelledError,
  Exception,
  ExceptionGroup,
  GeneratorExit,
  IncompleteReadError,
  KeyboardInterrupt,
  LimitOverrunError,
  NotImplementedError,
  OSError,
  RuntimeError,
  SystemExit,
  TimeoutError,
  ValueError,
  gather,
  isException,
  isExit,
  waitFor,
} from 'miolo/base';
import { errorOf, runOn } from './harness.js';

/** A second copy of the package, as another version of it in the same program would be. */
async function secondCopy(): Promise<typeof miolo> {
  const root = dirname(createRequire(import.meta.url).resolve('miolo/package.json'));
  const folder = mkdtempSync(join(tmpdir(), 'miolo-'));
  try {
    cpSync(join(root, 'dist', 'base'), join(folder, 'base'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    return (await import(pathToFileURL(join(folder, 'base', 'index.js')).href)) as typeof miolo;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('what asyncio lets pass as no Exception has a root of its own', (t) => {
  for (const error of [
    new CancelledError(),
    new SystemExit(),
    new KeyboardInterrupt(),
    new GeneratorExit(),
  ]) {
    t.true(error instanceof BaseException);
    t.true(error instanceof Error);
    t.false(error instanceof Exception);
    t.false(isException(error));
  }
  for (const error of [new RuntimeError('x'), new TimeoutError('x'), new ValueError('x')]) {
    t.true(error instanceof Exception);
    t.false(error instanceof BaseException);
    t.true(isException(error));
  }
});

test("JavaScript's errors, and whatever else is thrown, count as exceptions", (t) => {
  for (const error of [new TypeError('x'), new Error('x'), 'text', 5, null, undefined, {}]) {
    t.true(isException(error));
    t.false(isExit(error));
  }
});

test('SystemExit and KeyboardInterrupt are exits, cancellation is none', (t) => {
  t.true(isExit(new SystemExit(1)));
  t.true(isExit(new KeyboardInterrupt()));
  t.false(isExit(new CancelledError()));
  t.false(isExit(new GeneratorExit()));
  t.is(new SystemExit(7).exitCode, 7);
});

test('the classes are related as in Python', (t) => {
  t.true(new BrokenBarrierError('x') instanceof RuntimeError);
  t.true(new NotImplementedError('x') instanceof RuntimeError);
  t.true(new TimeoutError('x') instanceof OSError);
  t.false(new RuntimeError('x') instanceof ValueError);
});

test('a cancellation has its message as the only argument, and none at all without', (t) => {
  t.deepEqual(new CancelledError().args, []);
  t.deepEqual(new CancelledError(null).args, []);
  t.is(new CancelledError().message, '');
  const reason = { why: 'because' };
  t.is(new CancelledError(reason).args[0], reason);
  t.deepEqual(new CancelledError('').args, ['']);
  t.deepEqual(new CancelledError(0).args, [0]);
});

test('stream errors carry what belongs to them', (t) => {
  const partial = Buffer.of(1, 2);
  const incomplete = new IncompleteReadError(partial, 5);
  t.is(incomplete.partial, partial);
  t.is(incomplete.expected, 5);
  t.is(incomplete.message, '2 bytes read on a total of 5 expected bytes');
  t.is(new IncompleteReadError(partial, null).message, '2 bytes read on a total of undefined expected bytes');
  t.is(new LimitOverrunError('x', 9).consumed, 9);
});

test('every class of errors has its name and a stable code', (t) => {
  const codes = new Set<string>();
  let classes = 0;
  for (const [name, value] of Object.entries(miolo)) {
    if (typeof value !== 'function' || !(value.prototype instanceof Error)) continue;
    classes++;
    const { name: own, code } = value.prototype as Error & { code: string };
    t.is(own, name);
    t.regex(code, /^E[A-Z_]+$/);
    codes.add(code);
  }
  t.true(classes > 30);
  t.is(codes.size, classes);
});

test('a group of exceptions is both a group and an exception', (t) => {
  const group = new BaseExceptionGroup('several', [new ValueError('x'), new TypeError('y')]);
  t.true(group instanceof ExceptionGroup);
  t.true(group instanceof BaseExceptionGroup);
  t.true(group instanceof Exception);
  t.false(group instanceof BaseException);
  t.true(isException(group));
  t.is(group.name, 'ExceptionGroup');
  t.is(group.message, 'several (2 sub-exceptions)');
  t.is(new ExceptionGroup('one', [new ValueError('x')]).message, 'one (1 sub-exception)');
});

test('a group with something else is no exception', (t) => {
  const group = new BaseExceptionGroup('several', [new ValueError('x'), new CancelledError()]);
  t.false(group instanceof ExceptionGroup);
  t.false(group instanceof Exception);
  t.true(group instanceof BaseException);
  t.false(isException(group));
  // So is a group of such a group.
  t.false(new BaseExceptionGroup('outer', [group]) instanceof ExceptionGroup);
});

test('bad arguments of groups', (t) => {
  t.throws(() => new BaseExceptionGroup('x', []), { instanceOf: ValueError });
  t.throws(() => new ExceptionGroup('x', []), { instanceOf: ValueError });
  t.throws(() => new BaseExceptionGroup('x', 5 as never), { instanceOf: TypeError });
  t.throws(() => new BaseExceptionGroup(5 as never, [new ValueError('x')]), { instanceOf: TypeError });
  t.throws(() => new ExceptionGroup('x', [new CancelledError()]), { instanceOf: TypeError });
});

test('the members are those of the moment', (t) => {
  const members = [new ValueError('x')];
  const group = new ExceptionGroup('x', members);
  members.push(new ValueError('y'));
  t.is(group.exceptions.length, 1);
});

test('split parts a group, keeping the shape of groups inside', (t) => {
  const [a, b, c] = [new ValueError('a'), new RuntimeError('b'), new ValueError('c')];
  const group = new ExceptionGroup('outer', [a, new ExceptionGroup('inner', [b, c])]);
  const [matching, rest] = group.split((error) => error instanceof ValueError);
  t.is(matching!.message, 'outer (2 sub-exceptions)');
  t.is(matching!.exceptions[0], a);
  const inner = matching!.exceptions[1] as ExceptionGroup;
  t.is(inner.message, 'inner (1 sub-exception)');
  t.deepEqual(inner.exceptions, [c]);
  t.deepEqual((rest!.exceptions[0] as ExceptionGroup).exceptions, [b]);
  t.is(rest!.exceptions.length, 1);
  // The group itself is what it was.
  t.is(group.exceptions.length, 2);
});

test('split takes a class, several classes, or a function', (t) => {
  const [a, b, c] = [new ValueError('a'), new RuntimeError('b'), new TypeError('c')];
  const group = new ExceptionGroup('g', [a, b, c]);
  t.deepEqual(group.split(ValueError)[0]!.exceptions, [a]);
  t.deepEqual(group.split([ValueError, TypeError])[0]!.exceptions, [a, c]);
  t.deepEqual(group.split([ValueError, TypeError])[1]!.exceptions, [b]);
  t.deepEqual(group.subgroup((error) => error === b)!.exceptions, [b]);
  t.is(group.subgroup(OSError), null);
  t.deepEqual(group.split(OSError)[1]!.exceptions, [a, b, c]);
  for (const bad of [5, 'x', null, undefined, [ValueError, 5], [() => true]]) {
    t.throws(() => group.split(bad as never), { instanceOf: TypeError });
  }
});

test('a group that matches itself is taken as a whole', (t) => {
  const inner = new ExceptionGroup('inner', [new ValueError('x')]);
  const group = new BaseExceptionGroup('outer', [inner, new CancelledError()]);
  t.deepEqual(group.split(BaseExceptionGroup), [group, null]);
  t.is(group.subgroup(Error), group);
  const [matching, rest] = group.split(ExceptionGroup);
  t.is(matching!.exceptions[0], inner);
  t.true(rest!.exceptions[0] instanceof CancelledError);
});

test('a part without what is no exception is an ExceptionGroup', (t) => {
  const group = new BaseExceptionGroup('g', [new ValueError('x'), new CancelledError()]);
  const [cancelled, rest] = group.split(CancelledError);
  t.false(cancelled instanceof ExceptionGroup);
  t.true(rest instanceof ExceptionGroup);
});

test('parts keep cause and context, and are made by derive', (t) => {
  class Marked extends ExceptionGroup {
    override derive(exceptions: readonly unknown[]): Marked {
      return new Marked('derived', exceptions);
    }
  }
  const group = new Marked('g', [new ValueError('x'), new RuntimeError('y')]);
  group.cause = new Error('cause');
  group.context = new Error('context');
  const [part, rest] = group.split(ValueError);
  for (const each of [part!, rest!]) {
    t.true(each instanceof Marked);
    t.is(each.message, 'derived (1 sub-exception)');
    t.is(each.cause, group.cause);
    t.is(each.context, group.context);
  }
});

test('a class that a user derives is told from its parent', (t) => {
  class Mine extends ValueError {}
  t.true(new Mine('x') instanceof Mine);
  t.true(new Mine('x') instanceof ValueError);
  t.false(new ValueError('x') instanceof Mine);
  t.true(isException(new Mine('x')));
  t.is(new Mine('x').name, 'ValueError');
});

test('instanceof works across two copies of the package', async (t) => {
  const other = await secondCopy();
  t.not(other.CancelledError, CancelledError);
  t.true(new other.CancelledError('x') instanceof CancelledError);
  t.true(new other.CancelledError('x') instanceof BaseException);
  t.true(new CancelledError('x') instanceof other.CancelledError);
  t.false(new other.CancelledError('x') instanceof ValueError);
  t.true(new other.TimeoutError('x') instanceof OSError);
  t.false(new other.OSError('x') instanceof TimeoutError);
  t.false(isException(new other.CancelledError()));
  t.true(isExit(new other.SystemExit()));
  const group = new other.BaseExceptionGroup('g', [new ValueError('x'), new CancelledError()]);
  t.true(group instanceof BaseExceptionGroup);
  t.false(group instanceof ExceptionGroup);
  t.true(group.subgroup(ValueError) instanceof ExceptionGroup);
  t.true(new BaseExceptionGroup('g', [new other.ValueError('x')]) instanceof other.ExceptionGroup);
  t.false(isException(new BaseExceptionGroup('g', [new other.CancelledError()])));
});

test('futures, coroutines and errors of another copy work in this one', async (t) => {
  const other = await secondCopy();
  runOn(function* (loop) {
    const future = new other.Future<string>({ loop: loop as never });
    loop.callLater(1, () => future.setResult('x'));
    t.deepEqual(yield* gather([future as never, other.sleep(2, 'y') as never]), ['x', 'y'] as never);
    const never = new other.Future<string>({ loop: loop as never });
    t.true((yield* errorOf(waitFor(never as never, 1))) instanceof TimeoutError);
    t.true(never.cancelled());
  });
});
