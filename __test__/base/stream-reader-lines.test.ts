import test from 'ava';
import { IncompleteReadError, LimitOverrunError, StreamReader, ValueError } from 'miolo/base';
import type { TestLoop } from './harness.js';
import { errorOf, runOn, turns } from './harness.js';
import { StubTransport, bytes, text } from './stub-transport.js';

/** A reader with a limit that these pieces have come to. */
function fed(loop: TestLoop, limit: number, ...pieces: string[]): StreamReader {
  const reader = new StreamReader(limit, loop);
  for (const piece of pieces) reader.feedData(bytes(piece));
  return reader;
}

test('readline gives a line with its newline, whatever pieces it came in', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100, 'ab', 'c\nde\n', '\n', 'f');
    for (const line of ['abc\n', 'de\n', '\n']) t.is(text(yield* reader.readline()), line);
    const task = loop.createTask(reader.readline());
    yield* turns(2);
    reader.feedData(bytes('g\n'));
    t.is(text(yield* task), 'fg\n');
  });
});

test('readline gives what is left at the end, then nothing', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100, 'rest');
    reader.feedEof();
    t.is(text(yield* reader.readline()), 'rest');
    t.is((yield* reader.readline()).length, 0);
  });
});

test('a line above the limit is a ValueError: the line is dropped when its end is there', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 3, 'toolong\nok\n');
    const error = yield* errorOf(reader.readline());
    t.true(error instanceof ValueError);
    t.true((error as Error).cause instanceof LimitOverrunError);
    t.is(text(yield* reader.readline()), 'ok\n');
  });
});

test('a line above the limit is a ValueError: the whole buffer is dropped when its end is not there', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 3, 'much too long');
    t.true((yield* errorOf(reader.readline())) instanceof ValueError);
    t.is(reader._buffer.length, 0);
    reader.feedData(bytes('ok\n'));
    t.is(text(yield* reader.readline()), 'ok\n');
  });
});

test('dropping a line resumes the transport', (t) => {
  runOn(function* (loop) {
    const reader = new StreamReader(3, loop);
    const transport = new StubTransport();
    reader.setTransport(transport);
    reader.feedData(bytes('much too long'));
    t.deepEqual(transport.log, ['pause']);
    yield* errorOf(reader.readline());
    t.deepEqual(transport.log, ['pause', 'resume']);
  });
});

test('a line of exactly the limit is accepted, the newline does not count', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 3, 'abc\nabcd\n');
    t.is(text(yield* reader.readline()), 'abc\n');
    t.true((yield* errorOf(reader.readline())) instanceof ValueError);
  });
});

test('readuntil gives everything up to and with the separator', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100, 'key: val', 'ue\r', '\nnext');
    t.is(text(yield* reader.readuntil(bytes(': '))), 'key: ');
    t.is(text(yield* reader.readuntil(bytes('\r\n'))), 'value\r\n');
  });
});

test('a separator is found across pieces, also one that begins over and over', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100);
    const task = loop.createTask(reader.readuntil(bytes('aab')));
    for (const piece of ['xa', 'a', 'a', 'b', 'y']) {
      yield* turns(2);
      reader.feedData(bytes(piece));
    }
    t.is(text(yield* task), 'xaaab');
    t.is(text(yield* reader.read(9)), 'y');
  });
});

test('readuntil above the limit throws and keeps the bytes', (t) => {
  runOn(function* (loop) {
    const found = fed(loop, 3, 'abcdef|g');
    const error = (yield* errorOf(found.readuntil(bytes('|')))) as LimitOverrunError;
    t.true(error instanceof LimitOverrunError);
    t.regex(error.message, /found/);
    t.is(error.consumed, 6);
    t.is(text(yield* found.read(99)), 'abcdef|g');

    const missing = fed(loop, 3, 'abcdef');
    const other = (yield* errorOf(missing.readuntil(bytes('||')))) as LimitOverrunError;
    t.true(other instanceof LimitOverrunError);
    t.regex(other.message, /not found/);
    // The last byte may be the beginning of a separator.
    t.is(other.consumed, 5);
    t.is(text(yield* missing.read(99)), 'abcdef');
  });
});

test('readuntil at the end throws what came, and empties the buffer', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100, 'abc');
    loop.callLater(1, () => reader.feedEof());
    const error = (yield* errorOf(reader.readuntil(bytes('|')))) as IncompleteReadError;
    t.true(error instanceof IncompleteReadError);
    t.is(text(error.partial), 'abc');
    t.is(error.expected, null);
    t.true(reader.atEof());
  });
});

test('a separator in the last bytes before the end is found', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100, 'abc|');
    reader.feedEof();
    t.is(text(yield* reader.readuntil(bytes('|'))), 'abc|');
  });
});

test('of several separators the one whose match ends first wins', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100, 'one\r\ntwo\nthree');
    const separators = [bytes('\n'), bytes('\r\n'), bytes('\r')];
    t.is(text(yield* reader.readuntil(separators)), 'one\r');
    t.is(text(yield* reader.readuntil(separators)), '\n');
    t.is(text(yield* reader.readuntil(separators)), 'two\n');
    // The longer one begins earlier, the shorter one ends earlier.
    const nested = fed(loop, 100, 'abcde');
    t.is(text(yield* nested.readuntil([bytes('bcd'), bytes('c')])), 'abc');
  });
});

test('of several separators the longest decides how much may be the beginning of one', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100, 'x\r');
    const task = loop.createTask(reader.readuntil([bytes('|'), bytes('\r\n')]));
    yield* turns(2);
    reader.feedData(bytes('\ny'));
    t.is(text(yield* task), 'x\r\n');
  });
});

test('separators that are none: a ValueError for emptiness, a TypeError for what is no bytes', (t) => {
  runOn(function* (loop) {
    const reader = fed(loop, 100, 'abc');
    for (const bad of [[], bytes(''), [bytes(''), bytes('x')]]) {
      t.true((yield* errorOf(reader.readuntil(bad))) instanceof ValueError);
    }
    for (const bad of ['x', ['x'], 5, null, {}]) {
      t.true((yield* errorOf(reader.readuntil(bad as never))) instanceof TypeError);
    }
    t.is(text(yield* reader.read(9)), 'abc');
  });
});

test('the separators given are not changed', (t) => {
  runOn(function* (loop) {
    const separators = [bytes('long'), bytes('s')];
    yield* fed(loop, 100, 'as').readuntil(separators);
    t.is(text(separators[0]!), 'long');
  });
});
