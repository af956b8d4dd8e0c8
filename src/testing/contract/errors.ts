/** What is reported, to whom, and what debug mode adds. */
import {
  BaseException,
  CancelledError,
  ContextVar,
  SystemExit,
  copyContext,
  isException,
} from '../../base/index.ts';
import type { Coroutine, ExceptionContext } from '../../base/index.ts';
import type { Spec } from './bench.ts';

class OwnBaseException extends BaseException {}

/** Frames that debug mode keeps of where a handle was made. */
const FRAMES = 10;

export const ERRORS: readonly Spec[] = [
  {
    name: 'a callback that throws is reported, and the loop goes on',
    rule: 'a throwing callback is reported with message, exception and handle, and the loop goes on',
    async body(bench) {
      const error = new Error('expected');
      const log: string[] = [];
      const handle = bench.loop.callSoon(() => {
        throw error;
      });
      bench.loop.callSoon(() => log.push('next'));
      await bench.turn();
      bench.same(log, ['next'], 'what ran after it');
      const reports = bench.takeReports();
      bench.same(reports.length, 1, 'reports');
      const [report] = reports as [ExceptionContext];
      bench.same([report.exception, report.handle], [error, handle], 'exception and handle of the report');
      const message = String(report.message);
      bench.ok(
        message.startsWith('Exception in callback '),
        'the message "Exception in callback ..."',
        message,
      );
    },
  },
  {
    name: 'cancellations and base exceptions of callbacks are reported too',
    rule: 'only SystemExit and KeyboardInterrupt escape from callbacks; every other exception is reported',
    async body(bench) {
      const errors = [new CancelledError(), new OwnBaseException('expected'), new TypeError('expected')];
      for (const error of errors) {
        bench.loop.callSoon(() => {
          throw error;
        });
      }
      bench.loop.callLater(-1, () => {
        throw errors[2]!;
      });
      await bench.turn();
      bench.same(
        bench.takeReports().map((report) => report.exception),
        [...errors, errors[2]],
        'what was reported',
      );
      bench.same([isException(errors[0]), isException(errors[2])], [false, true], 'which are exceptions');
    },
  },
  {
    name: 'a handler runs in the context of the task, the future or the handle',
    rule: 'a custom handler runs inside of the context of task, else future, else handle',
    async body(bench) {
      const { loop } = bench;
      const variable = new ContextVar<string>('contract', { default: 'none' });
      const seen: string[] = [];
      loop.setExceptionHandler(() => void seen.push(variable.get()));
      const context = copyContext();
      context.run(() => variable.set('its own'));
      loop.callSoon(
        () => {
          throw new Error('expected');
        },
        [],
        { context },
      );
      await bench.turn();
      const withContext = { getContext: () => context };
      const other = { getContext: () => copyContext() };
      loop.callExceptionHandler({ message: 'of a task', task: withContext, future: other });
      loop.callExceptionHandler({ message: 'of a future', future: withContext });
      loop.callExceptionHandler({ message: 'of nothing' });
      bench.same(seen, ['its own', 'its own', 'its own', 'none'], 'what the handler saw in four reports');
      bench.keepReports();
    },
  },
  {
    name: 'a handler that throws is reported to the default one, with what it was given',
    rule: 'if a custom handler throws, the default one gets "Unhandled error in exception handler" and the context',
    body(bench) {
      const { loop } = bench;
      const error = new Error('of the handler');
      const given: ExceptionContext[] = [];
      loop.defaultExceptionHandler = (context) => void given.push(context);
      loop.setExceptionHandler(() => {
        throw error;
      });
      const context = { message: 'the first' };
      loop.callExceptionHandler(context);
      bench.keepReports();
      bench.same(given.length, 1, 'reports to the default handler');
      bench.same(
        [given[0]!.message, given[0]!.exception, given[0]!['context']],
        ['Unhandled error in exception handler', error, context],
        'message, exception and context',
      );
    },
  },
  {
    name: 'a default handler that throws is only logged',
    rule: 'if the default handler throws, that is only logged; call_exception_handler itself never raises',
    async body(bench) {
      const { loop } = bench;
      loop.defaultExceptionHandler = () => {
        throw new Error('of the default handler');
      };
      const lines = await bench.logOf(() => {
        loop.setExceptionHandler(null);
        loop.callExceptionHandler({ message: 'one' });
        loop.setExceptionHandler(() => {
          throw new Error('of the handler');
        });
        loop.callExceptionHandler({ message: 'two' });
      });
      bench.keepReports();
      bench.same(
        lines.map((line) => line.level),
        ['error', 'error'],
        'the levels of what was logged',
      );
    },
  },
  {
    name: 'an exit in a handler is not held back',
    rule: 'call_exception_handler raises nothing but SystemExit and KeyboardInterrupt',
    async body(bench) {
      const { loop } = bench;
      loop.setExceptionHandler(() => {
        throw new SystemExit(3);
      });
      await bench.throws(
        () => loop.callExceptionHandler({ message: 'x' }),
        SystemExit,
        'an exit in the handler',
      );
      bench.keepReports();
    },
  },
  {
    name: 'a handler is a function, and null brings the default one back',
    rule: 'a handler that cannot be called is a TypeError when it is set; None restores the default',
    async body(bench) {
      const { loop } = bench;
      await bench.throws(() => loop.setExceptionHandler(5 as never), TypeError, 'setExceptionHandler(5)');
      const handler = (): void => {};
      loop.setExceptionHandler(handler);
      bench.same(loop.getExceptionHandler(), handler, 'the handler that was set');
      loop.setExceptionHandler(null);
      bench.same(loop.getExceptionHandler(), null, 'the handler after null');
      const lines = await bench.logOf(() => loop.callExceptionHandler({ message: 'of the default handler' }));
      bench.keepReports();
      bench.same(lines.length, 1, 'lines logged by the default handler');
    },
  },
  {
    name: 'the default handler logs the message, then the other keys in sorted order',
    rule: 'the default handler prints the keys in sorted order, and a stock text when the message is missing',
    async body(bench) {
      const { loop } = bench;
      loop.setExceptionHandler(null);
      const lines = await bench.logOf(() => {
        loop.callExceptionHandler({
          zebra: 1,
          message: 'something',
          apple: 2,
          exception: new Error('expected'),
        });
        loop.callExceptionHandler({});
      });
      bench.keepReports();
      bench.same(
        lines.map((line) => [line.level, line.message]),
        [
          ['error', 'something\napple: 2\nzebra: 1'],
          ['error', 'Unhandled exception in event loop'],
        ],
        'what was logged',
      );
    },
  },
  {
    name: 'debug mode logs slow callbacks, by the name of the task if it is a step',
    rule: 'a handle that takes slow_callback_duration or longer is a warning that names the handle, or the task',
    async body(bench) {
      const { loop } = bench;
      const lines = await bench.logOf(async () => {
        loop.setDebug(true);
        // Everything is slow now.
        loop.slowCallbackDuration = 0;
        loop.callSoon(function slowOne() {});
        loop.createTask(empty(), { name: 'slow task' });
        await bench.turn();
        loop.setDebug(false);
        loop.callSoon(function notLooked() {});
        await bench.turn();
      });
      const warnings = lines.filter((line) => line.level === 'warning').map((line) => line.message);
      bench.same(warnings.length, 2, 'warnings');
      bench.ok(warnings[0]!.includes('slowOne'), 'the first to name the callback slowOne', warnings[0]!);
      bench.ok(warnings[1]!.includes('slow task'), 'the second to name the task "slow task"', warnings[1]!);
    },
  },
  {
    name: 'debug mode can be switched while the loop runs',
    rule: 'the debug flag is read for each handle',
    async body(bench) {
      const { loop } = bench;
      loop.slowCallbackDuration = 0;
      const lines = await bench.logOf(async () => {
        loop.callSoon(() => loop.setDebug(true));
        loop.callSoon(function looked() {});
        loop.callSoon(() => loop.setDebug(false));
        loop.callSoon(function notLooked() {});
        await bench.turn();
      });
      const text = lines.map((line) => line.message).join('\n');
      bench.ok(text.includes('looked()'), 'a warning that names looked()', text);
      bench.ok(!text.includes('notLooked'), 'no warning about notLooked()', text);
    },
  },
  {
    name: 'debug mode refuses what is no callback; otherwise it fails when it is run',
    rule: 'in debug mode coroutines, coroutine functions and what cannot be called are TypeErrors as callbacks',
    async body(bench) {
      const { loop } = bench;
      loop.callSoon(5 as never);
      await bench.turn();
      bench.same(bench.takeReports().length, 1, 'reports of a callback that cannot be called');
      loop.setDebug(true);
      for (const wrong of [5, empty, empty()]) {
        for (const call of ['callSoon', 'callSoonThreadsafe'] as const) {
          await bench.throws(() => loop[call](wrong as never), TypeError, `${call}(${typeof wrong})`);
        }
        await bench.throws(() => loop.callLater(1, wrong as never), TypeError, `callLater(${typeof wrong})`);
        await bench.throws(() => loop.callAt(1, wrong as never), TypeError, `callAt(${typeof wrong})`);
      }
      loop.setDebug(false);
    },
  },
  {
    name: 'debug mode notes where handles were made',
    rule: 'in debug mode handles have creation stacks of at most 10 frames, which reports carry as source_traceback',
    async body(bench) {
      const { loop } = bench;
      bench.same(loop.callSoon(() => {})._sourceTraceback, null, 'the stack outside of debug mode');
      loop.setDebug(true);
      loop.slowCallbackDuration = Infinity;
      const handle = loop.callSoon(() => {
        throw new Error('expected');
      });
      const frames = handle._sourceTraceback?.length ?? 0;
      bench.ok(frames > 0 && frames <= FRAMES, `1 to ${FRAMES} frames`, `${frames} frames`);
      await bench.turn();
      const [report] = bench.takeReports();
      bench.same(report?.sourceTraceback, handle._sourceTraceback, 'the stack in the report');
      loop.setDebug(false);
    },
  },
];

function* empty(): Coroutine<void> {}
