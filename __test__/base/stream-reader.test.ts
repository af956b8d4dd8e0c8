import test from 'ava';
import {
  AssertionError,
  CancelledError,
  IncompleteReadError,
  RuntimeError,
  StopAsyncIteration,
  StreamReader,
  ValueError,
  _DEFAULT_LIMIT,
  sleep,
} from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { MiniTask } from '../conformance/mini-task.js';
import { TestLoop, errorOf, runHosted, runOn, turns, turnsOf } from './harness.js';
import { StubTransport, UnpausableTransport, bytes, text } from './stub-transport.js';

/** A reader that these pieces have come to. */
function fed(loop: TestLoop, ...pieces: string[]): StreamReader {
  const reader = new StreamReader(undefined, loop);
  for (const piece of pieces) reader.feedData(bytes(piece));
  return reader;
}

test.serial('read gives what is there, at most what was asked for, without waiting', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 'hello', ' world');
    t.is(text(yield* reader.read(7)), 'hello w');
    t.is(yield* turnsOf(loop, reader.read(1)), 0);
    t.is(text(yield* reader.read(100)), 'rld');
  });
});

test.serial('read waits for the first byte, and gives nothing at the end', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop);
    loop.callLater(1, () => reader.feedData(bytes('x')));
    loop.callLater(2, () => reader.feedEof());
    t.is(text(yield* reader.read(10)), 'x');
    t.is(loop.time(), 1);
    t.false(reader.atEof());
    t.is((yield* reader.read(10)).length, 0);
    t.is(loop.time(), 2);
    t.true(reader.atEof());
    t.is((yield* reader.read(10)).length, 0);
  });
});

test.serial('read of 0 bytes never waits', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop);
    t.is(yield* turnsOf(loop, reader.read(0)), 0);
  });
});

test.serial('read without a number gives everything to the end', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 'a');
    loop.callLater(1, () => reader.feedData(bytes('b')));
    loop.callLater(2, () => {
      reader.feedData(bytes('c'));
      reader.feedEof();
    });
    t.is(text(yield* reader.read()), 'abc');
    t.is((yield* reader.read(-1)).length, 0);
  });
});

test.serial('a cancelled read loses nothing', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 'ab');
    const task = loop.createTask(reader.readexactly(4));
    yield;
    task.cancel();
    t.true((yield* errorOf(task)) instanceof CancelledError);
    reader.feedData(bytes('cd'));
    t.is(text(yield* reader.readexactly(4)), 'abcd');
  });
});

test.serial('bytes that were read stay what they were', (t) => {
  runOn(function* (loop) {
    const reader = new StreamReader(undefined, loop);
    const piece = bytes('first');
    reader.feedData(piece);
    piece.fill(0);
    const first = yield* reader.read(5);
    reader.feedData(bytes('other'));
    yield* reader.read(5);
    t.is(text(first), 'first');
  });
});

test.serial('readexactly waits for all of it', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 'ab');
    loop.callLater(1, () => reader.feedData(bytes('cde')));
    t.is(text(yield* reader.readexactly(4)), 'abcd');
    t.is(text(yield* reader.readexactly(1)), 'e');
    t.is((yield* reader.readexactly(0)).length, 0);
  });
});

test.serial('readexactly beyond the end throws what came, and empties the buffer', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 'abc');
    loop.callLater(1, () => reader.feedEof());
    const error = (yield* errorOf(reader.readexactly(10))) as IncompleteReadError;
    t.true(error instanceof IncompleteReadError);
    t.is(text(error.partial), 'abc');
    t.is(error.expected, 10);
    t.true(reader.atEof());
  });
});

test.serial('the transport is paused above twice the limit and resumed at the limit', (t) => {
  runOn(function* (loop) {
    const reader = new StreamReader(4, loop);
    const transport = new StubTransport();
    reader.setTransport(transport);
    reader.feedData(bytes('12345678'));
    t.deepEqual(transport.log, []);
    reader.feedData(bytes('9'));
    reader.feedData(bytes('0'));
    t.deepEqual(transport.log, ['pause']);
    yield* reader.read(5);
    t.deepEqual(transport.log, ['pause']);
    yield* reader.readexactly(1);
    t.deepEqual(transport.log, ['pause', 'resume']);
  });
});

test.serial('the default limit is 64 KiB', (t) => {
  runOn(function* (loop) {
    t.is(_DEFAULT_LIMIT, 65536);
    const reader = new StreamReader(undefined, loop);
    const transport = new StubTransport();
    reader.setTransport(transport);
    reader.feedData(new Uint8Array(131072));
    t.deepEqual(transport.log, []);
    reader.feedData(new Uint8Array(1));
    t.deepEqual(transport.log, ['pause']);
  });
});

test.serial('waiting for more resumes the transport first: far more than the limit can be read', (t) => {
  runOn(function* (loop) {
    const reader = new StreamReader(4, loop);
    const transport = new StubTransport();
    reader.setTransport(transport);
    const task = loop.createTask(reader.readexactly(30));
    for (let i = 0; i < 3; i++) {
      reader.feedData(bytes('0123456789'));
      yield* turns(2);
    }
    t.is((yield* task).length, 30);
    t.deepEqual(transport.log, ['pause', 'resume', 'pause', 'resume', 'pause', 'resume']);
  });
});

test.serial('a transport that cannot pause is asked once, and everything is kept', (t) => {
  runOn(function* (loop) {
    const reader = new StreamReader(4, loop);
    const transport = new UnpausableTransport();
    reader.setTransport(transport);
    for (let i = 0; i < 3; i++) reader.feedData(bytes('0123456789'));
    t.deepEqual(transport.log, ['pause refused']);
    t.is((yield* reader.readexactly(30)).length, 30);
  });
});

test.serial('only one coroutine may wait: the error names what the other one called', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop);
    const waiting = loop.createTask(reader.read(1));
    yield;
    const calls: [string, Coroutine<unknown>][] = [
      ['read', reader.read(1)],
      ['readexactly', reader.readexactly(2)],
      ['readuntil', reader.readline()],
    ];
    for (const [name, call] of calls) {
      const error = yield* errorOf(call);
      t.true(error instanceof RuntimeError);
      t.regex((error as Error).message, new RegExp(`^${name}\\(\\) called while another coroutine`));
    }
    reader.feedData(bytes('x'));
    t.is(text(yield* waiting), 'x');
  });
});

test.serial('a stored error comes before any bytes', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 'line\n');
    t.is(reader.exception(), null);
    const broken = new ValueError('broken');
    reader.setException(broken);
    t.is(reader.exception(), broken);
    for (const call of [reader.read(1), reader.read(), reader.read(0), reader.readexactly(0)]) {
      t.is(yield* errorOf(call), broken);
    }
    t.is(yield* errorOf(reader.readline()), broken);
    t.is(yield* errorOf(reader.readuntil(bytes('n'))), broken);
  });
});

test.serial('an error and the end wake whoever waits', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop);
    const broken = new ValueError('broken');
    loop.callLater(1, () => reader.setException(broken));
    t.is(yield* errorOf(reader.read(1)), broken);
    const other = fed(loop);
    loop.callLater(1, () => other.feedEof());
    t.is((yield* other.read(1)).length, 0);
  });
});

test.serial('an error, bytes and the end do not trip over a waiter that was cancelled', (t) => {
  runOn(function* (loop) {
    const ends: ((reader: StreamReader) => void)[] = [
      (reader) => reader.setException(new ValueError('x')),
      (reader) => reader.feedData(bytes('x')),
      (reader) => reader.feedEof(),
    ];
    for (const end of ends) {
      const reader = fed(loop);
      const task = loop.createTask(reader.read(1));
      yield;
      task.cancel();
      end(reader);
      t.true((yield* errorOf(task)) instanceof CancelledError);
    }
  });
});

test.serial('bytes after the end are an AssertionError, and no bytes are nothing', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, '');
    const waiting = loop.createTask(reader.read(1));
    yield;
    reader.feedData(new Uint8Array(0));
    yield* turns(2);
    t.false(waiting.done());
    reader.feedEof();
    yield* waiting;
    t.throws(() => reader.feedData(bytes('x')), { instanceOf: AssertionError });
  });
});

test.serial('a second transport is an AssertionError', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop);
    reader.setTransport(new StubTransport());
    t.throws(() => reader.setTransport(new StubTransport()), { instanceOf: AssertionError });
  });
});

test.serial('bad arguments: a limit not above 0, numbers that are none, what is no bytes', (t) => {
  runOn(function* (loop) {
    for (const bad of [0, -1, NaN]) t.throws(() => new StreamReader(bad, loop), { instanceOf: ValueError });
    t.throws(() => new StreamReader('5' as never, loop), { instanceOf: TypeError });
    const reader = fed(loop, 'abc');
    t.true((yield* errorOf(reader.readexactly(-1))) instanceof ValueError);
    for (const bad of ['1', 1.5, NaN, null, {}]) {
      t.true((yield* errorOf(reader.read(bad as never))) instanceof TypeError);
      t.true((yield* errorOf(reader.readexactly(bad as never))) instanceof TypeError);
    }
    for (const bad of ['text', [1, 2]])
      t.throws(() => reader.feedData(bad as never), { instanceOf: TypeError });
    t.is(text(yield* reader.read(10)), 'abc');
  });
});

test.serial('without a loop given there must be a current one', (t) => {
  t.throws(() => new StreamReader(), { instanceOf: RuntimeError });
  runOn(function* (loop) {
    t.is<unknown, unknown>(new StreamReader()._loop, loop);
  });
});

test.serial('tasks of any make read', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop);
    const task = new MiniTask(reader.readline(), { loop, name: 'mini' });
    yield;
    reader.feedData(bytes('line\n'));
    t.is(text((yield* task) as Uint8Array), 'line\n');
  });
});

test.serial('anext gives lines, and StopAsyncIteration at the end', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 'a\nb');
    reader.feedEof();
    t.is(reader.aiter(), reader);
    t.is(text(yield* reader.anext()), 'a\n');
    t.is(text(yield* reader.anext()), 'b');
    t.true((yield* errorOf(reader.anext())) instanceof StopAsyncIteration);
  });
});

test.serial('for await gives lines to the end', async (t) => {
  const lines: string[] = [];
  await runHosted(async (loop) => {
    const reader = new StreamReader(undefined, loop);
    for (const [at, piece] of ['a\nb', 'c\n', 'last'].entries()) {
      loop.callLater(at + 1, () => reader.feedData(bytes(piece)));
    }
    loop.callLater(9, () => reader.feedEof());
    for await (const line of reader) lines.push(text(line));
    await sleep(0);
  });
  t.deepEqual(lines, ['a\n', 'bc\n', 'last']);
});

test.serial('async functions await reads', async (t) => {
  await runHosted(async (loop) => {
    const reader = fed(loop, 'line\nrest');
    t.is(text(await reader.readline()), 'line\n');
    t.is(text(await reader.readexactly(2)), 're');
    t.is(text(await reader.read(9)), 'st');
  });
});
