import test from 'ava';
import {
  CancelledError,
  Context,
  ContextVar,
  KeyboardInterrupt,
  BaseException,
  SystemExit,
  ValueError,
} from 'miolo/base';
import type { ExceptionContext } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';
import { RecordingLoop, logOf, thrownBy } from './support.js';

class Odd extends BaseException {}

for (const [what, error] of [
  ['an error', new ValueError('wrong')],
  ['a CancelledError', new CancelledError('stop')],
  ['a BaseException of the user', new Odd('odd')],
  ['a string', 'thrown text'],
] as const) {
  test(`${what} thrown by a callback is reported, and the loop goes on`, (t) => {
    const loop = new RecordingLoop();
    const log: string[] = [];
    const handle = loop.callSoon(function failing() {
      throw error;
    });
    loop.callSoon(() => log.push('next'));
    loop.turn();
    t.deepEqual(log, ['next']);
    t.is(loop.reports.length, 1);
    const [report] = loop.reports;
    t.deepEqual(Object.keys(report!).sort(), ['exception', 'handle', 'message']);
    t.is(report!.message, 'Exception in callback failing()');
    t.is(report!.exception, error);
    t.is(report!.handle, handle);
  });
}

test('an exit thrown by a callback is not reported but escapes', (t) => {
  for (const exit of [SystemExit, KeyboardInterrupt]) {
    const loop = new RecordingLoop();
    loop.callSoon(() => {
      throw new exit();
    });
    t.throws(() => loop.runForeverSync(), { instanceOf: exit });
    t.deepEqual(loop.reports, []);
  }
});

test('the default handler prints the keys in sorted order behind the message, and the error beside them', (t) => {
  const loop = new VirtualClockLoop();
  const exception = new ValueError('wrong');
  const lines = logOf(() =>
    loop.defaultExceptionHandler({
      transport: 'T',
      message: 'It broke',
      exception,
      asyncgen: 'G',
      sourceTraceback: ['at a', 'at b'],
    }),
  );
  t.deepEqual(lines, [
    [
      'error',
      'It broke\nasyncgen: G\nsourceTraceback (most recent call first):\n  at a\n  at b\ntransport: T',
      exception,
    ],
  ]);
});

test('the default handler names the class of what has no text of its own', (t) => {
  class Chat {
    readonly name = 'chat';
  }
  const transport = { toString: () => '<transport>' };
  const lines = logOf(() =>
    new VirtualClockLoop().defaultExceptionHandler({ message: 'It broke', protocol: new Chat(), transport }),
  );
  t.regex(lines.join('\n'), /protocol: <Chat object>\ntransport: <transport>/);
});

test('the default handler has a text for a report without a message', (t) => {
  const loop = new VirtualClockLoop();
  for (const context of [{}, { message: '' }, { message: '', exception: null }]) {
    t.deepEqual(
      logOf(() => loop.defaultExceptionHandler(context)),
      [['error', 'Unhandled exception in event loop']],
    );
  }
});

test('a handler that was set gets the loop and the report, and null restores the default', (t) => {
  const loop = new RecordingLoop();
  const seen: unknown[] = [];
  const handler = (...args: unknown[]): void => void seen.push(args);
  t.is(loop.getExceptionHandler(), null);
  loop.setExceptionHandler(handler);
  t.is(loop.getExceptionHandler(), handler);
  const context = { message: 'M' };
  loop.callExceptionHandler(context);
  t.deepEqual(seen, [[loop, context]]);
  t.deepEqual(loop.reports, []);
  loop.setExceptionHandler(null);
  loop.callExceptionHandler(context);
  t.deepEqual(loop.reports, [context]);
  t.is(seen.length, 1);
});

test('only a function or null can be a handler', (t) => {
  const loop = new RecordingLoop();
  t.throws(() => loop.setExceptionHandler({} as never), { instanceOf: TypeError });
  t.is(loop.getExceptionHandler(), null);
});

test('a handler runs in the context of the task, else of the future, else of the handle', (t) => {
  const loop = new RecordingLoop();
  const where = new ContextVar<string>('where', { default: 'nowhere' });
  const inContext = (name: string): { getContext(): Context } => {
    const context = new Context();
    context.run(() => where.set(name));
    return { getContext: () => context };
  };
  const task = inContext('task');
  const future = inContext('future');
  const handle = inContext('handle') as never;
  const seen: string[] = [];
  loop.setExceptionHandler(() => seen.push(where.get()));
  loop.callExceptionHandler({ message: 'M', task, future, handle });
  loop.callExceptionHandler({ message: 'M', future, handle });
  loop.callExceptionHandler({ message: 'M', handle });
  loop.callExceptionHandler({ message: 'M', task: null, handle });
  loop.callExceptionHandler({ message: 'M', task: 'without context', future, handle });
  loop.callExceptionHandler({ message: 'M', task: { getContext: () => undefined } });
  loop.callExceptionHandler({ message: 'M' });
  t.deepEqual(seen, ['task', 'future', 'handle', 'handle', 'nowhere', 'nowhere', 'nowhere']);
});

test('a handler is told of a failed callback in the context of that callback', (t) => {
  const loop = new RecordingLoop();
  const where = new ContextVar<string>('where', { default: 'nowhere' });
  const seen: string[] = [];
  loop.setExceptionHandler(() => seen.push(where.get()));
  loop.callSoon(() => {
    where.set('the callback');
    throw new ValueError('wrong');
  });
  loop.turn();
  t.deepEqual(seen, ['the callback']);
  t.is(where.get(), 'nowhere');
});

test('a failing handler is reported by the default one, with the report it had', (t) => {
  const loop = new RecordingLoop();
  const error = new CancelledError('even this');
  loop.setExceptionHandler(() => {
    throw error;
  });
  const context: ExceptionContext = { message: 'M', exception: new ValueError('first') };
  loop.callExceptionHandler(context);
  t.deepEqual(loop.reports, [{ message: 'Unhandled error in exception handler', exception: error, context }]);
});

test('a default handler that fails is only logged', (t) => {
  const error = new ValueError('broken handler');
  class BrokenLoop extends VirtualClockLoop {
    override defaultExceptionHandler(): void {
      throw error;
    }
  }
  const loop = new BrokenLoop();
  t.deepEqual(
    logOf(() => loop.callExceptionHandler({ message: 'M' })),
    [['error', 'Exception in default exception handler', error]],
  );
  loop.setExceptionHandler(() => {
    throw new ValueError('broken as well');
  });
  const lines = logOf(() => loop.callExceptionHandler({ message: 'M' }));
  t.is(lines.length, 1);
  t.regex(lines[0]![1], /while handling an unexpected error in custom exception handler/);
  t.is(lines[0]![2], error);
});

test('exits pass through every handler', (t) => {
  for (const exit of [new SystemExit(1), new KeyboardInterrupt()]) {
    class ExitingLoop extends VirtualClockLoop {
      override defaultExceptionHandler(): void {
        throw exit;
      }
    }
    const fail = (): never => {
      throw exit;
    };
    const loop = new ExitingLoop();
    t.is(
      thrownBy(() => loop.callExceptionHandler({ message: 'M' })),
      exit,
    );
    loop.setExceptionHandler(fail);
    t.is(
      thrownBy(() => loop.callExceptionHandler({ message: 'M' })),
      exit,
    );
    loop.setExceptionHandler(() => {
      throw new ValueError('wrong');
    });
    t.is(
      thrownBy(() => loop.callExceptionHandler({ message: 'M' })),
      exit,
    );
  }
});

test.serial('a failing callback is reported in a hosted run, which goes on', async (t) => {
  const loop = new RecordingLoop();
  loop.callSoon(() => {
    throw new ValueError('wrong');
  });
  loop.callLater(1, () => loop.stop());
  await loop.runForever();
  t.is(loop.reports.length, 1);
  t.is(loop.time(), 1);
});
