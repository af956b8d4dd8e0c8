import test from 'ava';
import { coroutine, coroutineMethods, isCoroutineFunction, setWarningSink, sleep } from 'miolo/base';
import type { Coroutine } from 'miolo/base';
import { RecordingLoop, collectUntil } from './support.js';

/** Runs `body` on a loop in debug mode (or not) and returns the warnings until `enough` says so, or nothing more comes. */
async function warningsOf(
  body: () => Coroutine<void>,
  debug: boolean,
  enough: (warnings: readonly string[]) => boolean,
): Promise<string[]> {
  const warnings: string[] = [];
  const former = setWarningSink((message) => warnings.push(message));
  try {
    const loop = new RecordingLoop();
    loop.setDebug(debug);
    loop.complete(body);
    await collectUntil(() => enough(warnings));
  } finally {
    setWarningSink(former);
  }
  return warnings;
}

const forgotten = coroutine(function* forgotten(): Coroutine<void> {
  yield* sleep(0);
});

test.serial(
  'in debug mode a coroutine that nobody awaits is reported when it is collected, with its origin',
  async (t) => {
    const warnings = await warningsOf(
      function* () {
        forgotten();
      },
      true,
      ({ length }) => length > 0,
    );
    t.is(warnings.length, 1);
    t.regex(warnings[0]!, /^coroutine 'forgotten' was never awaited\nCoroutine created at/);
    t.regex(warnings[0]!, /coroutine-tracking\.test/);
  },
);

test.serial('the coroutines of the package are watched as well', async (t) => {
  const warnings = await warningsOf(
    function* () {
      sleep(1);
    },
    true,
    ({ length }) => length > 0,
  );
  t.regex(warnings[0]!, /^coroutine 'sleep' was never awaited/);
});

test.serial('what was awaited, made a task, closed, or driven by hand is not reported', async (t) => {
  const last = coroutine(function* last(): Coroutine<void> {});
  const warnings = await warningsOf(
    function* () {
      yield* forgotten();
      const task = new RecordingLoop().createTask(forgotten());
      task.cancel();
      forgotten().return();
      forgotten().next();
      // Collected with the others: when its report is there, theirs would be.
      last();
    },
    true,
    (all) => all.some((each) => each.includes("'last'")),
  );
  t.deepEqual(
    warnings.filter((each) => each.includes("'forgotten'")),
    [],
  );
});

test.serial('outside of debug mode coroutines are not watched', async (t) => {
  const warnings = await warningsOf(
    function* () {
      forgotten();
    },
    false,
    ({ length }) => length > 0,
  );
  t.deepEqual(warnings, []);
});

test('coroutine() keeps name, length and this, and what it makes is a coroutine function', (t) => {
  class Client {
    readonly name = 'client';
    *ask(question: string): Coroutine<string> {
      yield* sleep(0);
      return `${this.name}: ${question}`;
    }
  }
  coroutineMethods(Client.prototype, 'ask');
  t.is(Client.prototype.ask.name, 'ask');
  t.is(Client.prototype.ask.length, 1);
  t.true(isCoroutineFunction(Client.prototype.ask));
  const loop = new RecordingLoop();
  t.is(
    loop.complete(() => new Client().ask('who?')),
    'client: who?',
  );
  t.throws(() => coroutine((() => {}) as never), { instanceOf: TypeError, message: /generator function/ });
});
