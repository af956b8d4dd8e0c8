/** Everything that takes a future or a task takes one that shares no class with ours. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import {
  ALL_COMPLETED,
  CancelledError,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  TaskGroup,
  TimeoutError,
  ValueError,
  asCompleted,
  captureCallGraph,
  ensureFuture,
  formatCallGraph,
  fromPromise,
  gather,
  isFuture,
  printCallGraph,
  shield,
  sleep,
  timeout,
  wait,
  waitFor,
  wrapFuture,
} from 'miolo/base';
import type { Coroutine, FutureLike, Loop } from 'miolo/base';
import { ForeignFuture } from './foreign-future.js';
import { type AnyLoop, LOOPS, runOnLoop } from './foreign-loops.js';
import { ForeignTask } from './foreign-task.js';
import { errorOf, failsAfter, turns } from './harness.js';

/** How to make a future that will be done after some seconds. */
interface Kind {
  readonly name: string;
  giving<T>(loop: Loop, seconds: number, value: T): FutureLike<T>;
  failing(loop: Loop, seconds: number, error: Error): FutureLike<never>;
}

const KINDS: readonly Kind[] = [
  {
    name: 'a future of another make',
    giving(loop, seconds, value) {
      const future = new ForeignFuture<typeof value>(loop);
      loop.callLater(seconds, () => future.done() || future.setResult(value));
      return future;
    },
    failing(loop, seconds, error) {
      const future = new ForeignFuture<never>(loop);
      loop.callLater(seconds, () => future.done() || future.setException(error));
      return future;
    },
  },
  {
    name: 'a task of another make',
    giving: (loop, seconds, value) => new ForeignTask(sleep(seconds, value), loop),
    failing: (loop, seconds, error) => new ForeignTask(failsAfter(seconds, error), loop),
  },
];

/** What a case is given: futures that are done after some seconds, and one that never is unless it is cancelled. */
interface Bench {
  readonly t: ExecutionContext;
  readonly loop: AnyLoop;
  giving<T>(seconds: number, value: T): FutureLike<T>;
  failing(seconds: number): FutureLike<never>;
  never(): FutureLike<void>;
}

const ERROR = new ValueError('foreign');

/** Longer than anything takes. */
const EVER = 60_000;

const CASES: Record<string, (bench: Bench) => Coroutine<void>> = {
  *'is awaited: its result, its error, its cancellation'({ t, giving, failing, never }) {
    t.is(yield* giving(1, 'result'), 'result');
    t.is(yield* errorOf(failing(1)), ERROR);
    const cancelled = never();
    cancelled.cancel('why');
    const error = yield* errorOf(cancelled);
    t.true(error instanceof CancelledError);
    t.deepEqual((error as CancelledError).args, ['why']);
  },

  *'is a future: ensureFuture and wrapFuture return it as it is'({ t, loop, giving }) {
    const future = giving(1, 'x');
    t.true(isFuture(future));
    t.is<unknown, unknown>(ensureFuture(future), future);
    t.is<unknown, unknown>(wrapFuture(future), future);
    t.throws(() => ensureFuture(future, { loop: LOOPS[0]![1]() as never }), {
      message: /belongs to a different loop/,
    });
    t.is<unknown, unknown>(ensureFuture(future, { loop: loop as never }), future);
    yield* future;
  },

  *'is gathered: results in order, the first error, errors as results'({ t, giving, failing, never }) {
    t.deepEqual(yield* gather([giving(2, 'a'), sleep(0, 'ours'), giving(1, 'b')]), ['a', 'ours', 'b']);
    const left = never();
    t.is(yield* errorOf(gather([failing(1), left])), ERROR);
    t.false(left.done());
    left.cancel();
    const cancelled = never();
    cancelled.cancel();
    const results = yield* gather([failing(1), giving(2, 'x'), cancelled], { returnExceptions: true });
    t.is(results[0], ERROR);
    t.is(results[1], 'x');
    t.true(results[2] instanceof CancelledError);
    t.true((yield* errorOf(gather([cancelled]))) instanceof CancelledError);
  },

  *'is cancelled with the gathering'({ t, giving, never }) {
    const members = [never(), never(), giving(0, 'done')];
    const all = gather(members);
    yield* members[2]!;
    t.true(all.cancel('all'));
    t.true((yield* errorOf(all)) instanceof CancelledError);
    t.deepEqual(
      members.map((member) => member.cancelled()),
      [true, true, false],
    );
  },

  *'is waited for, until the first, the first error, all, or a time'({ t, giving, failing, never }) {
    const [a, b] = [giving(1, 'a'), giving(3, 'b')];
    t.deepEqual(yield* wait([a, b], { returnWhen: FIRST_COMPLETED }), [new Set([a]), new Set([b])]);
    t.deepEqual(yield* wait([a, b], { returnWhen: ALL_COMPLETED }), [new Set([a, b]), new Set()]);
    const [bad, open] = [failing(1), never()];
    t.deepEqual(yield* wait([bad, open], { returnWhen: FIRST_EXCEPTION }), [new Set([bad]), new Set([open])]);
    t.deepEqual(yield* wait([open], { timeout: 1 }), [new Set(), new Set([open])]);
    t.false(open.done());
    open.cancel();
    t.deepEqual(yield* wait([open], { timeout: EVER }), [new Set([open]), new Set()]);
  },

  *'is waited for with a limit: its result, its error, or the end of it'({ t, giving, failing, never }) {
    t.is(yield* waitFor(giving(1, 'x'), EVER), 'x');
    t.is(yield* waitFor(giving(1, 'x'), null), 'x');
    t.is(yield* errorOf(waitFor(failing(1), EVER)), ERROR);
    for (const limit of [1, 0]) {
      const late = never();
      t.true((yield* errorOf(waitFor(late, limit))) instanceof TimeoutError);
      t.true(late.cancelled());
    }
    const done = giving(0, 'x');
    yield* done;
    t.is(yield* waitFor(done, 0), 'x');
  },

  *'is shielded: a cancelled shield leaves it alone, and its own end goes through'(bench) {
    const { t, giving, failing, never } = bench;
    t.is(yield* shield(giving(1, 'x')), 'x');
    t.is(yield* errorOf(shield(failing(1))), ERROR);
    const inner = giving(2, 'goes on');
    const outer = shield(inner);
    outer.cancel();
    t.true((yield* errorOf(outer)) instanceof CancelledError);
    t.is(yield* inner, 'goes on');
    t.is<unknown, unknown>(shield(inner), inner);
    const cancelled = never();
    const shielded = shield(cancelled);
    cancelled.cancel();
    t.true((yield* errorOf(shielded)) instanceof CancelledError);
    t.true(shielded.cancelled());
  },

  *'is given as it completes, as a coroutine'({ t, giving, failing, never }) {
    const results: unknown[] = [];
    for (const next of asCompleted([giving(3, 'c'), giving(1, 'a'), failing(2)])) {
      const error = yield* errorOf(
        (function* (): Coroutine<void> {
          results.push(yield* next);
        })(),
      );
      if (error !== undefined) results.push(error);
    }
    t.deepEqual(results, ['a', ERROR, 'c']);
    const late = never();
    const [next] = asCompleted([late], { timeout: 1 });
    t.true((yield* errorOf(next!)) instanceof TimeoutError);
    t.false(late.done());
    late.cancel();
  },

  *'is given as it completes, itself'({ t, giving }) {
    const futures = [giving(2, 'b'), giving(1, 'a')];
    const completed = asCompleted(futures);
    t.is<unknown, unknown>(yield* completed.anext(), futures[1]);
    t.is<unknown, unknown>(yield* completed.anext(), futures[0]);
  },

  *'ends with the scope of a timeout, which leaves nothing behind'({ t, giving, never }) {
    t.is(yield* timeout(EVER).run(giving(1, 'x')), 'x');
    const late = never();
    const scope = timeout(1);
    const error = yield* errorOf(scope.run(late));
    t.true(error instanceof TimeoutError);
    t.true((error as TimeoutError).cause instanceof CancelledError);
    t.true(scope.expired());
    t.true(late.cancelled());
    yield* turns(2);
  },

  *'is awaited inside of a group, whose failure cancels it'({ t, giving, failing, never }) {
    const value = yield* new TaskGroup().run(function* (group) {
      const ours = group.createTask(waitFor(giving(1, 'task'), null));
      return [yield* giving(2, 'block'), yield* ours];
    });
    t.deepEqual(value, ['block', 'task']);
    const late = never();
    const group = new TaskGroup().run(function* (its) {
      its.createTask(waitFor(failing(1), null));
      yield* late;
    });
    const error = (yield* errorOf(group)) as AggregateError & { exceptions: unknown[] };
    t.deepEqual(error.exceptions, [ERROR]);
    t.true(late.cancelled());
  },

  *'stands in call graphs, below whoever awaits it'({ t, loop, giving }) {
    const future = giving(2, 'x');
    const waiting = loop.createTask(waitFor(future, null), { name: 'waiting' });
    const gathering = gather([future]);
    yield* turns(2);
    const graph = captureCallGraph(future)!;
    t.is<unknown, unknown>(graph.future, future);
    t.deepEqual(graph.awaitedBy.map((entry) => (entry.future as { getName?(): string }).getName?.()).sort(), [
      'main',
      'waiting',
    ]);
    const text = formatCallGraph(future);
    t.regex(text, /^\* (Task\(name='foreign', |Future\()id=0x/);
    t.regex(text, /\+ Awaited by:\n(.*\n)* +\* Task\(name='waiting', id=0x/);
    let printed = '';
    printCallGraph(future, { file: { write: (piece: string) => void (printed += piece) } as never });
    const withoutLines = (lines: string): string => lines.replaceAll(/, line \d+/g, '').trimEnd();
    t.is(withoutLines(printed), withoutLines(text));
    yield* gather([waiting, gathering]);
    t.deepEqual(captureCallGraph(future)!.awaitedBy, []);
  },
};

for (const kind of KINDS) {
  for (const [loopName, make] of LOOPS) {
    for (const [what, body] of Object.entries(CASES)) {
      test(`${kind.name}, on ${loopName}, ${what}`, (t) => {
        runOnLoop(make, function* (loop) {
          const asLoop = loop as unknown as Loop;
          const main = loop.createTask(
            body({
              t,
              loop,
              giving: (seconds, value) => kind.giving(asLoop, seconds, value),
              failing: (seconds) => kind.failing(asLoop, seconds, ERROR),
              never: () => kind.giving(asLoop, EVER, undefined),
            }),
            { name: 'main' },
          );
          yield* main;
        });
      });
    }
  }

  for (const [loopName, make] of LOOPS) {
    test.serial(`${kind.name} is given as it completes in async functions, on ${loopName}`, async (t) => {
      const loop = make();
      const asLoop = loop as unknown as Loop;
      const seen: unknown[] = [];
      const futures = [kind.giving(asLoop, 2, 'b'), kind.giving(asLoop, 1, 'a')];
      async function main(): Promise<void> {
        for await (const future of asCompleted(futures)) seen.push(future);
      }
      function* inLoop(): Coroutine<void> {
        yield* fromPromise(main());
      }
      await loop.runUntilComplete(inLoop());
      t.deepEqual(seen, futures.toReversed());
      // The loop takes such a future as what is to be run, too.
      t.is(await loop.runUntilComplete(kind.giving(asLoop, 1, 'hosted')), 'hosted');
      t.is(loop.runUntilCompleteSync(kind.giving(asLoop, 1, 'blocking')), 'blocking');
      await t.throwsAsync(loop.runUntilComplete(kind.failing(asLoop, 1, ERROR)), { is: ERROR });
      loop.close();
      t.deepEqual(loop.reports, []);
    });
  }
}
