import { StopAsyncIteration, StreamReader } from 'miolo/base';
import { readerOf } from './interpreter.ts';
import { Endpoint, MemoryTransport } from './memory-pipe.ts';
import type { Section } from './operations.ts';
import { bytesOf, makeException } from './values.ts';

/** Streams (7.10). */
export const streamOperations: Section = {
  reader: ['nv', 'name', (it, [name, limit]) => void it.bind(name, new StreamReader(limit, it.loop))],
  feed: [
    'rv',
    'value',
    (it, [name, text]) => {
      const reader: StreamReader = it.get(name);
      if (it.ended.has(reader)) return false;
      reader.feedData(bytesOf(text));
      return true;
    },
  ],
  feed_eof: [
    'r',
    'name',
    (it, [name]) => {
      it.ended.add(it.get(name));
      it.get(name).feedEof();
    },
  ],
  r_exc: ['rv', 'name', (it, [reader, spec]) => it.get(reader).setException(makeException(spec))],
  at_eof: ['r', 'value', (it, [reader]) => readerOf(it.get(reader)).atEof()],
  read: [
    'rv',
    'value',
    function* (it, [reader, n]) {
      return yield* readerOf(it.get(reader)).read(n);
    },
  ],
  readline: [
    'r',
    'value',
    function* (it, [reader]) {
      return yield* readerOf(it.get(reader)).readline();
    },
  ],
  readexactly: [
    'rv',
    'value',
    function* (it, [reader, n]) {
      return yield* readerOf(it.get(reader)).readexactly(n);
    },
  ],
  readuntil: [
    'rv',
    'value',
    function* (it, [reader, separator]) {
      const bytes = Array.isArray(separator) ? separator.map(bytesOf) : bytesOf(separator);
      return yield* readerOf(it.get(reader)).readuntil(bytes);
    },
  ],
  readlines: [
    'r',
    'name',
    function* (it, [name]) {
      const reader: StreamReader = readerOf(it.get(name));
      for (;;) {
        let line: Uint8Array;
        try {
          line = yield* reader.anext();
        } catch (error) {
          if (error instanceof StopAsyncIteration) return;
          throw error;
        }
        it.log('line', it.render(line));
      }
    },
  ],
  pipe: [
    'nn',
    'name',
    (it, [first, second], options) => {
      const { limit = 64, delay = 0, high = 64, low = 16 } = options;
      const one = new MemoryTransport(it.loop, { limit, delay, high, low });
      const other = new MemoryTransport(it.loop, { limit, delay, high, low });
      one.peer = other;
      other.peer = one;
      it.bind(first, new Endpoint(it.loop, one, limit));
      it.bind(second, new Endpoint(it.loop, other, limit));
    },
  ],
  write: ['rv', 'name', (it, [end, text]) => it.get(end).writer.write(bytesOf(text))],
  writelines: ['rv', 'name', (it, [end, texts]) => it.get(end).writer.writelines(texts.map(bytesOf))],
  write_eof: ['r', 'name', (it, [end]) => it.get(end).writer.writeEof()],
  drain: [
    'r',
    'name',
    function* (it, [end]) {
      yield* it.get(end).writer.drain();
    },
  ],
  w_close: ['r', 'name', (it, [end]) => it.get(end).writer.close()],
  w_abort: ['r', 'name', (it, [end]) => it.get(end).transport.abort()],
  wait_closed: [
    'r',
    'name',
    function* (it, [end]) {
      yield* it.get(end).writer.waitClosed();
    },
  ],
  p_info: [
    'r',
    'value',
    (it, [end]) => {
      const { transport } = it.get(end) as Endpoint;
      return [transport.closing, transport.writingPaused, transport.readingPaused, transport.outSize];
    },
  ],
};
