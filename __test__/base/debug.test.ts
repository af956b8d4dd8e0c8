import test from 'ava';
import {
  DEBUG_STACK_DEPTH,
  _formatCallbackSource,
  _isDebugMode,
  extractStack,
  setFunctionLocator,
} from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

const VARIABLES = ['MIOLO_DEBUG', 'PYTHONASYNCIODEBUG'] as const;

test.beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});

for (const name of VARIABLES) {
  test.serial(`${name} lets loops begin in debug mode, unless it is empty`, (t) => {
    t.false(_isDebugMode());
    t.false(new VirtualClockLoop().getDebug());
    process.env[name] = '';
    t.false(_isDebugMode());
    process.env[name] = '1';
    t.true(_isDebugMode());
    t.true(new VirtualClockLoop().getDebug());
    delete process.env[name];
  });
}

test.serial('without a process there is no debug mode', (t) => {
  const { process: former } = globalThis;
  t.teardown(() => {
    globalThis.process = former;
  });
  Reflect.deleteProperty(globalThis, 'process');
  t.false(_isDebugMode());
});

test('a stack is extracted from the caller on, oldest first, ten frames unless told', (t) => {
  function deep(count: number): ReturnType<typeof extractStack> {
    return count === 0 ? extractStack() : deep(count - 1);
  }
  const stack = deep(30);
  t.is(stack.length, DEBUG_STACK_DEPTH);
  t.true(stack.every(({ name, filename }) => name === 'deep' && /debug\.test\.[jt]s$/.test(filename)));
  function innermost(): ReturnType<typeof extractStack> {
    return extractStack(null, 2);
  }
  function caller(): ReturnType<typeof extractStack> {
    return innermost();
  }
  t.deepEqual(
    caller().map(({ name }) => name),
    ['caller', 'innermost'],
  );
  t.deepEqual(extractStack(null, 0), []);
});

test('the stack of an error is taken as it is, whatever its message looks like and whichever engine wrote it', (t) => {
  function thrower(): Error {
    return new RangeError('no\n    at all (fake.js:1:2)');
  }
  t.is(extractStack(thrower()).at(-1)!.name, 'thrower');
  const other = { stack: 'inner@http://host/a.js:3:4\nouter/<@http://host/b.js:5:6\n' };
  t.deepEqual(extractStack(other), [
    { filename: 'http://host/b.js', lineno: 5, colno: 6, name: 'outer/<' },
    { filename: 'http://host/a.js', lineno: 3, colno: 4, name: 'inner' },
  ]);
  t.deepEqual(extractStack('no error'), []);
});

test('callbacks are shown with their arguments in debug mode only, and with their place if somebody knows it', (t) => {
  function callback(): void {}
  const args = ['secret', 7, [1, [2]], new Map(), 'x'.repeat(40), null];
  t.is(_formatCallbackSource(callback, args), 'callback()');
  t.is(
    _formatCallbackSource(callback, args, { debug: true }),
    'callback("secret", 7, [1, [...]], [object Map], "xxxxxxxxxxxx...xxxxxxxxxxxxx", null)',
  );
  setFunctionLocator((fn) => ((fn as unknown) === callback ? { filename: 'file.js', lineno: 3 } : null));
  t.teardown(() => setFunctionLocator(null));
  t.is(_formatCallbackSource(callback, args), 'callback() at file.js:3');
  t.is(
    _formatCallbackSource(() => {}, []),
    '<anonymous>()',
  );
});
