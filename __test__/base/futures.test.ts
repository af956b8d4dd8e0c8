import test from 'ava';
import {
  CancelledError,
  ContextVar,
  Future,
  InvalidStateError,
  RuntimeError,
  StopIteration,
  ValueError,
  ensureFuture,
  gather,
  isFuture,
  setEventLoop,
  shield,
  sleep,
  wait,
} from 'miolo/base';
import { ForeignFuture } from './foreign-future.js';
import { MinimalLoop, RecordingLoop, collectUntil, outcome, thrownBy } from './support.js';

function failed(loop: RecordingLoop, error: Error = new ValueError('wrong')): Future<void> {
  const future = loop.createFuture<void>();
  future.setException(error);
  return future;
}

test('done callbacks never run inside of the call that completes, and run in the order they were added', (t) => {
  for (const complete of [
    (future: Future<number>) => future.setResult(1),
    (future: Future<number>) => future.setException(new ValueError('wrong')),
    (future: Future<number>) => future.cancel(),
  ]) {
    const loop = new RecordingLoop();
    const future = loop.createFuture<number>();
    const log: string[] = [];
    for (const what of ['a', 'b', 'c']) {
      future.addDoneCallback((done) => {
        t.is(done, future as never);
        log.push(what);
      });
    }
    complete(future);
    t.deepEqual(log, []);
    t.is(future._callbacks, null);
    loop.turn();
    loop.turn();
    t.deepEqual(log, ['a', 'b', 'c']);
    future.cancel();
  }
});

test('a callback added to a finished future is queued at once', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<number>();
  future.setResult(1);
  const log: string[] = [];
  future.addDoneCallback(() => log.push('called'));
  t.deepEqual(log, []);
  loop.turn();
  t.deepEqual(log, ['called']);
});

test('a failing done callback is reported and keeps no other from running', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<void>();
  const log: string[] = [];
  future.addDoneCallback(() => {
    throw new ValueError('wrong');
  });
  future.addDoneCallback(() => log.push('next'));
  future.setResult();
  loop.turn();
  t.deepEqual(log, ['next']);
  t.is(loop.reports.length, 1);
});

test('the context of a callback is copied when it is added, not when the future is done', (t) => {
  const loop = new RecordingLoop();
  const variable = new ContextVar<string>('variable');
  const seen: string[] = [];
  loop.complete(function* () {
    const future = loop.createFuture<void>();
    variable.set('added');
    future.addDoneCallback(() => {
      seen.push(variable.get());
      variable.set('changed by the first');
    });
    future.addDoneCallback(() => seen.push(variable.get()));
    variable.set('completed');
    future.setResult();
    yield* sleep(0);
    yield* sleep(0);
    t.is(variable.get(), 'completed');
  });
  t.deepEqual(seen, ['added', 'added']);
});

test('removing a callback removes all equal ones and counts them, but recalls none that is queued', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<void>();
  const log: string[] = [];
  const twice = (): number => log.push('twice');
  future.addDoneCallback(twice);
  future.addDoneCallback(() => log.push('once'));
  future.addDoneCallback(twice);
  t.is(future.removeDoneCallback(twice), 2);
  t.is(future.removeDoneCallback(twice), 0);
  future.addDoneCallback(twice);
  future.setResult();
  t.is(future.removeDoneCallback(twice), 0);
  loop.turn();
  t.deepEqual(log, ['once', 'twice']);
});

test('cancelling a finished future is refused, yet its error counts as retrieved', (t) => {
  const loop = new RecordingLoop();
  const future = failed(loop);
  t.false(future.cancel());
  t.false(future.cancelled());
  loop.close();
  t.deepEqual(loop.reports, []);
});

test('the stored error itself comes out, each time', (t) => {
  const loop = new RecordingLoop();
  const error = new ValueError('wrong');
  const stack = error.stack;
  const future = failed(loop, error);
  t.is(future.exception(), error);
  t.is(
    thrownBy(() => future.result()),
    error,
  );
  t.is(
    thrownBy(() => future.result()),
    error,
  );
  t.is(error.stack, stack);
});

test('a pending future has neither result nor error', (t) => {
  const future = new RecordingLoop().createFuture<void>();
  t.throws(() => future.result(), { instanceOf: InvalidStateError, message: 'Result is not ready.' });
  t.throws(() => future.exception(), { instanceOf: InvalidStateError, message: 'Exception is not set.' });
});

test('a finished future has a result and no error', (t) => {
  const future = new RecordingLoop().createFuture<number | null>();
  future.setResult(null);
  t.is(future.result(), null);
  t.is(future.exception(), null);
  t.true(future.done());
  t.false(future.cancelled());
});

for (const [message, args] of [
  [undefined, []],
  [null, []],
  ['', ['']],
  [0, [0]],
  ['enough', ['enough']],
] as const) {
  test(`a future cancelled with ${JSON.stringify(message)} throws an error with the arguments ${JSON.stringify(args)}, a fresh one each time`, (t) => {
    const future = new RecordingLoop().createFuture<void>();
    t.true(future.cancel(message));
    t.false(future.cancel('again'));
    const errors = [
      thrownBy(() => future.result()),
      thrownBy(() => future.exception()),
      thrownBy(() => future.result()),
    ];
    for (const error of errors) {
      t.true(error instanceof CancelledError);
      t.deepEqual((error as CancelledError).args, args);
    }
    t.is(new Set(errors).size, 3);
    t.is(future._cancelMessage, message ?? null);
  });
}

test('setException makes an error of a class, and refuses what is no error', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<void>();
  for (const wrong of ['text', null, undefined, {}, Map]) {
    t.throws(() => future.setException(wrong), { instanceOf: TypeError });
  }
  t.false(future.done());
  future.setException(ValueError);
  t.true(future.exception() instanceof ValueError);
});

test('a CancelledError that is set is an error like another: the future is not cancelled', (t) => {
  const future = new RecordingLoop().createFuture<void>();
  const error = new CancelledError('set');
  future.setException(error);
  t.false(future.cancelled());
  t.is(future.exception(), error);
});

test('StopIteration cannot be set: it becomes the cause of a RuntimeError', (t) => {
  const future = new RecordingLoop().createFuture<void>();
  const stop = new StopIteration(1);
  future.setException(stop);
  const error = future.exception() as RuntimeError;
  t.true(error instanceof RuntimeError);
  t.is(error.cause, stop);
});

test('a second completion is refused', (t) => {
  const loop = new RecordingLoop();
  const done = loop.createFuture<number>();
  done.setResult(1);
  const cancelled = loop.createFuture<number>();
  cancelled.cancel();
  for (const future of [done, cancelled]) {
    t.throws(() => future.setResult(2), { instanceOf: InvalidStateError });
    t.throws(() => future.setException(new ValueError('late')), { instanceOf: InvalidStateError });
  }
  t.is(done.result(), 1);
});

test('an error that nobody retrieved is reported once when the loop closes, by the name of the class', (t) => {
  class Named extends Future<void> {}
  const loop = new RecordingLoop();
  const future = new Named({ loop });
  const error = new ValueError('lost');
  future.setException(error);
  future.addDoneCallback(() => {});
  loop.turn();
  loop.close();
  loop.close();
  t.deepEqual(loop.reports, [{ message: 'Named exception was never retrieved', exception: error, future }]);
});

for (const [how, retrieve] of [
  ['result()', (future: Future<void>) => thrownBy(() => future.result())],
  ['exception()', (future: Future<void>) => future.exception()],
  ['awaiting', (future: Future<void>) => thrownBy(() => future[Symbol.iterator]().next())],
] as const) {
  test(`an error that was retrieved by ${how} is not reported`, (t) => {
    const loop = new RecordingLoop();
    const future = failed(loop);
    t.true(retrieve(future) instanceof ValueError);
    loop.close();
    t.deepEqual(loop.reports, []);
  });
}

test.serial('an error that nobody retrieved is reported when its future is collected', async (t) => {
  const loop = new RecordingLoop();
  failed(loop, new ValueError('lost'));
  t.true(await collectUntil(() => loop.reports.length > 0));
  t.is(loop.reports[0]!.message, 'Future exception was never retrieved');
  loop.close();
  t.is(loop.reports.length, 1);
});

test('awaiting a pending future yields it once, marked', (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<number>();
  t.false(future._asyncioFutureBlocking);
  const waiting = future[Symbol.iterator]();
  t.deepEqual(waiting.next(), { value: future as never, done: false });
  t.true(future._asyncioFutureBlocking);
  t.throws(() => waiting.next(), { instanceOf: RuntimeError, message: "await wasn't used with future" });
  future.setResult(1);
  t.deepEqual(future[Symbol.iterator]().next(), { value: 1, done: true });
});

test('a future knows its loop, and takes the current one if it is given none', (t) => {
  const loop = new RecordingLoop();
  t.is(new Future({ loop }).getLoop(), loop);
  t.throws(() => new Future(), { instanceOf: RuntimeError, message: /no current event loop/ });
  const minimal = new MinimalLoop();
  setEventLoop(minimal);
  try {
    t.is(new Future({ loop: null }).getLoop(), minimal);
  } finally {
    setEventLoop(null);
  }
});

test('a future of a loop that is not ours calls back through that loop', (t) => {
  const loop = new MinimalLoop();
  const future = new Future<number>({ loop });
  const seen: number[] = [];
  future.addDoneCallback((done: Future<number>) => seen.push(done.result()));
  future.setResult(5);
  t.deepEqual(seen, []);
  loop.drain();
  t.deepEqual(seen, [5]);
});

test('what makes a future is the mark alone', (t) => {
  const loop = new RecordingLoop();
  t.true(isFuture(loop.createFuture()));
  t.true(isFuture(new ForeignFuture(loop)));
  t.true(isFuture({ _asyncioFutureBlocking: false }));
  for (const other of [{ _asyncioFutureBlocking: null }, {}, null, undefined, 1, 'text', sleep(0)]) {
    t.false(isFuture(other));
  }
});

test('futures of another make can be awaited by tasks, gather, wait, shield and ensureFuture', (t) => {
  const loop = new RecordingLoop();
  loop.complete(function* () {
    const foreign = (): ForeignFuture<number> => {
      const future = new ForeignFuture<number>(loop);
      loop.callSoon(() => future.setResult(7));
      return future;
    };
    t.is(yield* foreign(), 7);
    t.deepEqual(yield* gather([foreign(), sleep(0, 8)]), [7, 8]);
    t.is(yield* shield(foreign()), 7);
    const waited = foreign();
    t.is((yield* wait([waited] as never))[0].size, 1);
    t.is(ensureFuture(waited) as unknown, waited);
    t.is(yield* waited, 7);
  });
});

test('errors and cancellations of futures of another make arrive as those of ours', (t) => {
  const loop = new RecordingLoop();
  const error = new ValueError('wrong');
  const failing = (): ForeignFuture<number> => {
    const future = new ForeignFuture<number>(loop);
    loop.callSoon(() => future.setException(error));
    return future;
  };
  const cancelled = (): ForeignFuture<number> => {
    const future = new ForeignFuture<number>(loop);
    loop.callSoon(() => future.cancel('enough'));
    return future;
  };
  loop.complete(function* () {
    for (const await_ of [
      (future: ForeignFuture<number>) => future,
      (future: ForeignFuture<number>) => gather([future]),
      (future: ForeignFuture<number>) => shield(future),
    ] as ((future: ForeignFuture<number>) => Future<unknown>)[]) {
      t.is(yield* outcome(await_(failing())), error);
      t.true((yield* outcome(await_(cancelled()))) instanceof CancelledError);
    }
    const results = yield* gather([failing(), cancelled()], { returnExceptions: true });
    t.is(results[0], error as never);
    t.true((results[1] as unknown) instanceof CancelledError);
  });
});

test.serial('a future can be awaited by async functions, once finished also without its loop', async (t) => {
  const loop = new RecordingLoop();
  const future = loop.createFuture<string>();
  loop.callLater(5, () => future.setResult('there'));
  const [seen] = await Promise.all([future, loop.runUntilComplete(future)]);
  t.is(seen, 'there');
  const broken = failed(loop);
  loop.close();
  t.is(await future, 'there');
  await t.throwsAsync(async () => await broken, { instanceOf: ValueError });
});
