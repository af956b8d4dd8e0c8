import test from 'ava';
import {
  AbstractEventLoopPolicy,
  DefaultEventLoopPolicy,
  NotImplementedError,
  RuntimeError,
  _AbstractEventLoopPolicy,
  _BaseDefaultEventLoopPolicy,
  _getEventLoopPolicy,
  _setEventLoopPolicy,
  getEventLoop,
  getEventLoopPolicy,
  getRunningLoop,
  logger,
  newEventLoop,
  runSync,
  setEventLoop,
  setEventLoopPolicy,
  setWarningSink,
} from 'miolo/base';
import type { Coroutine, Loop } from 'miolo/base';
import { VirtualClockLoop } from 'miolo/testing';

test.afterEach(() => {
  _setEventLoopPolicy(null);
  setWarningSink(null);
});

const makeLoop = (): Loop => new VirtualClockLoop() as unknown as Loop;

test.serial(
  'the default policy is made at first use, once, and null restores it without a current loop',
  (t) => {
    const policy = _getEventLoopPolicy();
    t.true(policy instanceof DefaultEventLoopPolicy);
    t.is(_getEventLoopPolicy(), policy);
    setEventLoop(makeLoop());
    _setEventLoopPolicy(null);
    t.not(_getEventLoopPolicy(), policy);
    t.throws(() => getEventLoop(), {
      instanceOf: RuntimeError,
      message: 'There is no current event loop in this thread.',
    });
  },
);

test.serial('getEventLoop, setEventLoop and newEventLoop go through the policy', (t) => {
  const calls: unknown[] = [];
  const loop = makeLoop();
  class Recording extends AbstractEventLoopPolicy {
    override getEventLoop(): Loop {
      calls.push('get');
      return loop;
    }
    override setEventLoop(next: Loop | null): void {
      calls.push(['set', next]);
    }
    override newEventLoop(): Loop {
      calls.push('new');
      return loop;
    }
  }
  _setEventLoopPolicy(new Recording());
  t.is<Loop, Loop>(getEventLoop(), loop);
  setEventLoop(null);
  t.is<Loop, Loop>(newEventLoop(), loop);
  t.deepEqual(calls, ['get', ['set', null], 'new']);
});

test.serial(
  'a runner without a loop factory gets its loop from the policy, and sets it as the current one',
  (t) => {
    const calls: string[] = [];
    class Virtual extends _BaseDefaultEventLoopPolicy {
      protected static override _loopFactory = makeLoop;
      override setEventLoop(loop: Loop | null): void {
        calls.push(loop === null ? 'unset' : 'set');
        super.setEventLoop(loop);
      }
    }
    _setEventLoopPolicy(new Virtual());
    function* main(): Coroutine<Loop> {
      return getRunningLoop();
    }
    t.true((runSync(main()) as unknown) instanceof VirtualClockLoop);
    t.deepEqual(calls, ['set', 'unset']);
  },
);

test.serial('inside of a run the running loop comes before that of the policy', (t) => {
  setEventLoop(makeLoop());
  function* main(): Coroutine<boolean> {
    return getEventLoop() === getRunningLoop();
  }
  t.true(runSync(main(), { loopFactory: makeLoop as never }));
});

test.serial('what is no loop, and what is no policy, is refused', (t) => {
  for (const wrong of [1, 'loop', {}, undefined]) {
    t.throws(() => setEventLoop(wrong as never), { instanceOf: TypeError });
    t.throws(() => _setEventLoopPolicy(wrong as never), { instanceOf: TypeError });
  }
  t.true(_getEventLoopPolicy() instanceof DefaultEventLoopPolicy);
});

test.serial('the abstract policy implements nothing', (t) => {
  class Empty extends _AbstractEventLoopPolicy {}
  const policy = new Empty();
  t.is(_AbstractEventLoopPolicy, AbstractEventLoopPolicy);
  t.throws(() => policy.getEventLoop(), { instanceOf: NotImplementedError });
  t.throws(() => policy.setEventLoop(null), { instanceOf: NotImplementedError });
  t.throws(() => policy.newEventLoop(), { instanceOf: NotImplementedError });
});

test.serial('a policy whose class has no factory says what to do', (t) => {
  class Bare extends _BaseDefaultEventLoopPolicy {}
  t.throws(() => new Bare().newEventLoop(), { instanceOf: RuntimeError, message: /loopFactory/ });
});

test.serial('the public functions warn that they are deprecated, the private ones do not', (t) => {
  const warnings: unknown[] = [];
  setWarningSink((message, category) => warnings.push([category, /^\w+\(\)/.exec(message)?.[0]]));
  const policy = _getEventLoopPolicy();
  _setEventLoopPolicy(policy);
  t.deepEqual(warnings, []);
  t.is(getEventLoopPolicy(), policy);
  setEventLoopPolicy(null);
  t.deepEqual(warnings, [
    ['DeprecationWarning', 'getEventLoopPolicy()'],
    ['DeprecationWarning', 'setEventLoopPolicy()'],
  ]);
});

test.serial('without a host, warnings go to the log', (t) => {
  const logged: unknown[] = [];
  const former = logger.setSink((level, message) => logged.push([level, message.split(':')[0]]));
  getEventLoopPolicy();
  logger.setSink(former);
  t.deepEqual(logged, [['warning', 'DeprecationWarning']]);
});
