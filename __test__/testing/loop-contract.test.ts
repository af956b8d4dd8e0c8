import test from 'ava';
import { MioEventLoop } from 'miolo';
import type { Coroutine } from 'miolo';
import { SimulatedLoop, SimulatedNetwork, VirtualClockLoop, loopContract } from 'miolo/testing';
import type { ContractCheck, ContractLoop } from 'miolo/testing';

function register(loop: string, checks: readonly ContractCheck[]): void {
  for (const check of checks) {
    test.serial(`${loop}: ${check.name}`, async (t) => {
      await check.run();
      t.pass();
    });
  }
}

register(
  'VirtualClockLoop',
  loopContract(() => new VirtualClockLoop(), { hosted: true }),
);

register(
  'MioEventLoop',
  loopContract(() => new MioEventLoop(), { hosted: true, transports: { host: '127.0.0.1' } }),
);

/** A loop with two hosts on its network. */
function simulated(): ContractLoop {
  const network = new SimulatedNetwork({ seed: 7, latency: 0.001 });
  network.host('near', '10.0.0.1');
  network.host('far', '10.0.0.2');
  return network.loop;
}

register(
  'SimulatedLoop',
  loopContract(simulated, {
    hosted: true,
    transports: {
      resets: true,
      *pair(loop, near, far): Coroutine<() => void> {
        const { network } = loop as SimulatedLoop;
        const server = yield* network.host('near').run(function* () {
          return yield* loop.createServer(near, '10.0.0.1', 0);
        });
        const [, port] = server.sockets[0]!.getsockname() as readonly [string, number];
        yield* network.host('far').run(function* () {
          yield* loop.createConnection(far, '10.0.0.1', port);
        });
        return () => server.close();
      },
    },
  }),
);

test('every check has a name of its own, and a rule', (t) => {
  const checks = loopContract(() => new VirtualClockLoop(), { hosted: true, transports: { host: 'x' } });
  t.is(new Set(checks.map((check) => check.name)).size, checks.length);
  t.true(checks.every((check) => check.rule.length > 20));
});

test('what a loop does not offer is not checked', (t) => {
  const names = (options: object): string => {
    const checks = loopContract(() => new VirtualClockLoop(), options);
    return [...new Set(checks.map((check) => /\((\w+)\)$/.exec(check.name)![1]))].join(' ');
  };
  t.is(names({}), 'blocking');
  t.is(names({ hosted: true }), 'blocking hosted');
  t.is(names({ blocking: false, hosted: true }), 'hosted');
  t.is(names({ blocking: false }), '');
  t.false(loopContract(() => new VirtualClockLoop()).some((check) => check.name.startsWith('transports')));
});

test.serial('a hosted check is driven by the host that is given', async (t) => {
  let asked = 0;
  const host = {
    soon(fn: () => void): void {
      asked++;
      setImmediate(fn);
    },
    later: () => () => {},
    hold(): void {},
    release(): void {},
  };
  const checks = loopContract(() => new VirtualClockLoop(), {
    blocking: false,
    hosted: { host: () => host },
  });
  await checks[0]!.run();
  t.true(asked > 0);
});

test.serial('a failure says what was expected, which rule it is, and what happened', async (t) => {
  class Wrong extends VirtualClockLoop {
    override time(): number {
      throw new Error('no clock');
    }
  }
  const check = loopContract(() => new Wrong()).find((each) => each.name.startsWith('timers'))!;
  const error = await t.throwsAsync(check.run());
  t.is(
    error.message,
    'expected that a due timer comes behind everything ready\n' +
      'rule of asyncio: a due timer is appended after everything that is ready already, although it was made before\n' +
      'what happened: it threw Error: no clock',
  );
  t.is((error.cause as Error).message, 'no clock');
});
