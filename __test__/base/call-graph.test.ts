import test from 'ava';
import {
  CancelledError,
  Future,
  RuntimeError,
  TaskGroup,
  _buildGraphForFuture,
  captureCallGraph,
  coroutine,
  currentTask,
  formatCallGraph,
  futureAddToAwaitedBy,
  gather,
  getRunningLoop,
  printCallGraph,
  runSync,
  setCoroutineLocator,
  sleep,
  staggeredRace,
} from 'miolo/base';
import type { Coroutine, FutureCallGraph, Task } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

function drive<T>(coro: Coroutine<T>, debug = false): T {
  return runSync(coro, { debug, loopFactory: () => new VirtualClockLoop() });
}

function spawn(coro: Coroutine<unknown>, name: string): Task {
  return getRunningLoop().createTask(coro, { name }) as Task;
}

function names(graph: FutureCallGraph): string[] {
  return graph.callStack.map(({ frame }) => frame.name);
}

function awaiters(graph: FutureCallGraph): string[] {
  return graph.awaitedBy.map(({ future }) => (future as Task).getName());
}

function* inner(): Coroutine<void> {
  yield* sleep(10);
}

function* outer(): Coroutine<void> {
  yield* inner();
}

function* join(task: Task): Coroutine<void> {
  yield* task;
}

test('the current task has its real frames, innermost first, up to its outermost coroutine', (t) => {
  function helper(): FutureCallGraph | null {
    return captureCallGraph();
  }
  function* nested(): Coroutine<FutureCallGraph | null> {
    yield* sleep(0);
    return helper();
  }
  function* main(): Coroutine<FutureCallGraph | null> {
    return yield* nested();
  }
  const graph = drive(main())!;
  t.deepEqual(names(graph), ['helper', 'nested', 'main']);
  t.deepEqual(
    graph.callStack.map(({ frame }) => frame.isCoroutine),
    [false, true, true],
  );
  t.true(
    graph.callStack.every(({ frame }) => /call-graph\.test\.[jt]s$/.test(frame.filename) && frame.lineno > 0),
  );
});

test('depth skips frames of the current task, limit keeps the outermost, or negative the innermost', (t) => {
  function helper(): (FutureCallGraph | null)[] {
    return [
      captureCallGraph(null, { depth: 2 }),
      captureCallGraph(null, { limit: 2 }),
      captureCallGraph(null, { limit: -2 }),
      captureCallGraph(null, { limit: 0 }),
    ];
  }
  function* nested(): Coroutine<(FutureCallGraph | null)[]> {
    return helper();
  }
  function* main(): Coroutine<(FutureCallGraph | null)[]> {
    return yield* nested();
  }
  t.deepEqual(
    drive(main()).map((graph) => names(graph!)),
    [['nested', 'main'], ['nested', 'main'], ['helper', 'nested'], []],
  );
});

test('in debug mode a task that waits has all its coroutines, each where it waits', (t) => {
  drive(
    (function* main() {
      const task = spawn(outer(), 'waiting');
      yield* sleep(1);
      const graph = captureCallGraph(task as Future)!;
      t.deepEqual(names(graph).slice(-2), ['inner', 'outer']);
      t.true(graph.callStack.every(({ frame }) => frame.isCoroutine && frame.lineno > 0));
      t.deepEqual(names(_buildGraphForFuture(task as Future, { limit: 1 })), ['outer']);
      t.deepEqual(names(_buildGraphForFuture(task as Future, { limit: -2 })).at(-1), 'inner');
      t.deepEqual(names(_buildGraphForFuture(task as Future, { limit: 0 })), []);
    })(),
    true,
  );
});

test('what was noted of an earlier wait is not shown for a later one', (t) => {
  drive(
    (function* main() {
      const found: string[][] = [];
      const note = (): void => void found.push(names(captureCallGraph(task as Future)!));
      function* twice(): Coroutine<void> {
        yield* inner();
        getRunningLoop().callSoon(note);
        yield;
      }
      const task = spawn(twice(), 'twice');
      yield* sleep(1);
      note();
      yield* task;
      t.true(found[0]!.includes('inner'));
      t.deepEqual(found[1], ['<coroutine>']);
    })(),
    true,
  );
});

test('outside of debug mode there is one frame: from the locator, else by the name of the coroutine function', (t) => {
  const named = coroutine(function* named(): Coroutine<void> {
    yield* sleep(10);
  });
  const place = { filename: 'somewhere.js', lineno: 7, colno: 1, name: 'located' };
  t.teardown(() => setCoroutineLocator(null));
  drive(
    (function* main() {
      const known = spawn(named(), 'known');
      const unknown = spawn(outer(), 'unknown');
      yield* sleep(1);
      t.deepEqual(names(captureCallGraph(known as Future)!), ['named']);
      t.deepEqual(names(captureCallGraph(unknown as Future)!), ['<coroutine>']);
      setCoroutineLocator((coros) => coros.map((coro) => (coro === unknown.getCoro() ? place : null)));
      t.like(captureCallGraph(unknown as Future)!.callStack[0]!.frame, place);
      t.deepEqual(names(captureCallGraph(known as Future)!), ['named']);
    })(),
  );
});

test('who awaits stands in the graph, through gather and groups, and no longer once it is over', (t) => {
  drive(
    (function* main() {
      const task = spawn(inner(), 'task');
      const joining = spawn(join(task), 'joining');
      const gathering = spawn(
        (function* gathered() {
          yield* gather([task, joining]);
        })(),
        'gathering',
      );
      yield* sleep(1);
      const graph = captureCallGraph(task as Future)!;
      t.deepEqual(awaiters(graph), ['joining', 'gathering']);
      t.deepEqual(awaiters(graph.awaitedBy[0]!), ['gathering']);
      yield* gathering;
      t.deepEqual(captureCallGraph(task as Future)!.awaitedBy, []);
      yield* new TaskGroup().run(function* (group) {
        const child = group.createTask(inner(), { name: 'child' }) as Task;
        yield* sleep(1);
        t.deepEqual(
          captureCallGraph(child as Future)!.awaitedBy.map(({ future }) => future as unknown),
          [currentTask()],
        );
      });
    })(),
  );
});

test('attempts of a staggered race are awaited by who holds it, until they have ended', (t) => {
  drive(
    (function* main() {
      const attempts: Task[] = [];
      function* attempt(): Coroutine<string> {
        attempts.push(currentTask() as unknown as Task);
        yield* sleep(10);
        return 'won';
      }
      const racing = spawn(staggeredRace([attempt, attempt], 1), 'racing');
      yield* sleep(2);
      t.deepEqual(
        attempts.map((task) => awaiters(captureCallGraph(task as Future)!)),
        [['racing'], ['racing']],
      );
      yield* racing;
      t.deepEqual(
        attempts.map((task) => awaiters(captureCallGraph(task as Future)!)),
        [[], []],
      );
    })(),
  );
});

test('the running task is shown where it is when it awaits another one in a group', (t) => {
  drive(
    (function* main() {
      yield* new TaskGroup().run(function* body(group) {
        const child = group.createTask(inner(), { name: 'child' }) as Task;
        yield* sleep(1);
        const awaiting = captureCallGraph(child as Future)!.awaitedBy[0]!;
        t.is(names(awaiting)[0], 'body');
        t.is(names(awaiting).at(-1), 'main');
      });
    })(),
  );
});

test('awaits that form a circle are cut where it closes', (t) => {
  drive(
    (function* main() {
      const loop = getRunningLoop();
      const [one, other] = [loop.createFuture(), loop.createFuture()];
      futureAddToAwaitedBy(one, other);
      futureAddToAwaitedBy(other, one);
      const graph = captureCallGraph(one)!;
      t.is(graph.awaitedBy[0]!.future, other);
      t.is(graph.awaitedBy[0]!.awaitedBy[0]!.future, one);
      t.deepEqual(graph.awaitedBy[0]!.awaitedBy[0]!.awaitedBy, []);
    })(),
  );
});

test('a waiter that is no future of ours leaves no edge', (t) => {
  const loop = new VirtualClockLoop();
  const future = new Future({ loop: loop as never });
  futureAddToAwaitedBy(future, {} as never);
  t.deepEqual(_buildGraphForFuture(future).awaitedBy, []);
  loop.close();
});

test('without a future: an error without a loop, nothing outside of a task; what is no future is refused', (t) => {
  t.throws(() => captureCallGraph(), { instanceOf: RuntimeError });
  t.throws(() => captureCallGraph({} as never), { instanceOf: TypeError });
  t.throws(() => _buildGraphForFuture(1 as never), { instanceOf: TypeError });
  const loop = new VirtualClockLoop();
  const found: unknown[] = [];
  loop.callSoon(() => {
    found.push(captureCallGraph(), formatCallGraph());
    loop.stop();
  });
  loop.runForeverSync();
  loop.close();
  t.deepEqual(found, [null, '']);
});

test('the text has the frames and, deeper, the awaiters', (t) => {
  const written: string[] = [];
  const text = drive(
    (function* main() {
      const task = spawn(inner(), 'the task');
      spawn(join(task), 'joining');
      yield* sleep(1);
      const file = { write: (piece: string) => written.push(piece) };
      printCallGraph(task as Future, { file });
      return formatCallGraph(task as Future);
    })(),
    true,
  );
  const [head, ...lines] = text.split('\n');
  t.regex(head!, /^\* Task\(name='the task', id=0x[0-9a-f]+\)$/);
  t.is(lines[0], '  + Call stack:');
  t.true(lines.some((line) => /^ {2}\| {3}File '.*', line \d+, in async inner\(\)$/.test(line)));
  const at = lines.indexOf('  + Awaited by:');
  t.regex(lines[at + 1]!, /^ {4}\* Task\(name='joining', id=0x[0-9a-f]+\)$/);
  t.is(lines[at + 2], '      + Call stack:');
  t.regex(lines[at + 3]!, /^ {6}\| {3}File '.*', line \d+, in async join\(\)$/);
  t.deepEqual(written, [`${text}\n`]);
});

test('printing the current task begins with the caller', (t) => {
  let text = '';
  function caller(): void {
    printCallGraph(null, { file: { write: (piece: string) => (text += piece) } });
  }
  drive(
    (function* main(): Coroutine<void> {
      caller();
    })(),
  );
  t.regex(text, /Call stack:\n {2}\| {3}File '.*', line \d+, in caller\(\)\n.*in async main\(\)\n$/);
});

test('the stack of a task: where it waits, oldest first; where it failed; none once it is done', (t) => {
  function* fail(): Coroutine<void> {
    yield* sleep(0);
    throw new Error('a message\n    at first sight (like.js:1:1)');
  }
  function* failing(): Coroutine<void> {
    yield* fail();
  }
  drive(
    (function* main() {
      const waiting = spawn(outer(), 'waiting');
      const failed = spawn(failing(), 'failed');
      const cancelled = spawn(outer(), 'cancelled');
      yield* sleep(1);
      cancelled.cancel();
      const stack = waiting.getStack().map(({ name }) => name);
      t.deepEqual(stack.slice(0, 2), ['outer', 'inner']);
      t.is(waiting.getStack({ limit: 1 }).length, 1);
      t.not(waiting.getStack({ limit: 1 })[0]!.name, 'outer', 'the newest are kept');
      t.deepEqual(waiting.getStack({ limit: 0 }), []);
      t.deepEqual(
        failed.getStack().map(({ name }) => name),
        ['failing', 'fail'],
      );
      t.deepEqual(
        failed.getStack({ limit: 1 }).map(({ name }) => name),
        ['failing'],
        'the oldest are kept',
      );
      yield* waiting;
      t.throws(() => cancelled.result(), { instanceOf: CancelledError });
      t.deepEqual([waiting.getStack(), cancelled.getStack()], [[], []]);
      t.truthy(failed.exception());
    })(),
    true,
  );
});

test('a printed stack says what it is of', (t) => {
  function* failing(): Coroutine<void> {
    throw new TypeError('wrong');
  }
  drive(
    (function* main() {
      const text = (task: Task): string => {
        let written = '';
        task.printStack({ file: { write: (piece: string) => (written += piece) } });
        return written;
      };
      const failed = spawn(failing(), 'failed');
      const waiting = spawn(outer(), 'waiting');
      yield* sleep(1);
      t.regex(
        text(waiting),
        /^Stack for <Task pending name='waiting'.*\n {2}File ".*", line \d+, in outer\n/,
      );
      t.regex(
        text(failed),
        /^Traceback for <Task finished .*\n {2}File ".*", line \d+, in failing\nTypeError: wrong\n$/,
      );
      yield* waiting;
      t.regex(text(waiting), /^No stack for <Task finished name='waiting' .*>\n$/);
      failed.exception();
    })(),
    true,
  );
});
