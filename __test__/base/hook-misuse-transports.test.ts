/** Hooks that make transports and are in a hurry, or leave somebody waiting. */
import test from 'ava';
import { OSError, getRunningLoop } from 'miolo/base';
import type { Future, Protocol, Transport } from 'miolo/base';
import {
  type Call,
  Quiet,
  connect,
  connectSsl,
  datagrams,
  messageOf,
  misuse,
  readPipe,
  writePipe,
} from './hook-misuse.js';

/** The hooks that make transports, with a call, and where the waiter stands among their arguments. */
const MAKING: [hook: string, call: Call, waiterAt: number][] = [
  ['_makeSocketTransport', connect, 2],
  ['_makeSslTransport', connectSsl, 3],
  ['_makeDatagramTransport', datagrams, 3],
  ['_makeReadPipeTransport', readPipe, 2],
  ['_makeWritePipeTransport', writePipe, 2],
];

for (const [hook, call, waiterAt] of MAKING) {
  const makes =
    (what: (protocol: Protocol, waiter: Future<void>, transport: Transport) => void) =>
    (...args: unknown[]): Transport => {
      const transport = new Quiet();
      what(args[1] as Protocol, args[waiterAt] as Future<void>, transport);
      return transport;
    };
  const soon = (callback: () => unknown): unknown => getRunningLoop().callSoon(callback);
  const broken = `the hook ${hook}() broke its contract: `;

  test(`${hook}() that calls the protocol, or completes its waiter, by itself is reported`, (t) => {
    const [error, reports] = misuse(
      call,
      {
        [hook]: makes((its, waiter, transport) => {
          its.connectionMade(transport);
          soon(() => waiter.setResult());
        }),
      },
      true,
    );
    t.is(error, null);
    t.deepEqual(reports, [
      `${broken}connectionMade() must be called by callSoon, not from inside of the hook (docs/extending.md#transports)`,
    ]);
    for (const debug of [false, true]) {
      const [, others] = misuse(call, { [hook]: makes((_its, waiter) => waiter.setResult()) }, debug);
      t.is(others.length, 1);
      t.true(others[0]!.startsWith(`${broken}the waiter must be completed by callSoon`));
    }
  });

  test(`${hook}() that completes its waiter twice is reported, in production by the handle`, (t) => {
    for (const debug of [false, true]) {
      const twice = makes((_its, waiter) => {
        soon(() => waiter.setResult());
        soon(() => waiter.setResult());
      });
      const [error, reports] = misuse(call, { [hook]: twice }, debug);
      t.is(error, null);
      t.is(reports.length, debug ? 2 : 1);
      t.regex(reports.at(-1)!, /Exception in callback/);
      if (debug) t.true(reports[0]!.startsWith(`${broken}the waiter must be completed once`));
    }
  });

  test(`${hook}() in debug mode: nobody waits for good when the connection is lost before the waiter is done`, (t) => {
    const lost = makes((its, _waiter, transport) => {
      soon(() => its.connectionMade(transport));
      soon(() => its.connectionLost(null));
    });
    const [error, reports] = misuse(call, { [hook]: lost }, true);
    t.true(messageOf(error).startsWith(`${broken}the waiter must be completed, also when`));
    t.deepEqual(reports, [messageOf(error)]);
    const failed = makes((its, waiter, transport) => {
      soon(() => its.connectionMade(transport));
      soon(() => waiter.setException(new OSError('handshake')));
      soon(() => its.connectionLost(null));
    });
    const [failure, silence] = misuse(call, { [hook]: failed }, true);
    t.is(messageOf(failure), 'handshake');
    t.deepEqual(silence, []);
  });
}
