/** A hook that fails for a connection that was accepted costs that connection, is named, and the accepting goes on. */
import test from 'ava';
import { MioEventLoop, Socket } from 'miolo';
import { Protocol, sleep } from 'miolo/base';
import type { BaseEventLoop, Coroutine, ExceptionContext, Server } from 'miolo/base';
import { SimulatedNetwork } from 'miolo/testing';

/** Ends its connection's other end from the start, and says when that is gone. */
class Client extends Protocol {
  isLost = false;

  override connectionLost(): void {
    this.isLost = true;
  }
}

class Greeter extends Protocol {
  static greeted = 0;

  override connectionMade(): void {
    Greeter.greeted++;
  }
}

type AnyLoop = BaseEventLoop<never>;

/** Two connections to a server whose hook fails for the first one, by `wrong`; returns what was reported. */
function* connectTwice(loop: AnyLoop, host: string, wrong: () => unknown): Coroutine<void> {
  const make = loop._makeSocketTransport.bind(loop);
  let accepted = 0;
  loop._makeSocketTransport = (sock, protocol, waiter, options) => {
    if (options?.server && accepted++ === 0) return wrong() as never;
    return make(sock, protocol, waiter, options);
  };
  const server: Server = yield* loop.createServer(() => new Greeter(), host, 0);
  const [, port] = server.sockets[0]!.getsockname() as readonly [string, number];
  const [, first] = yield* loop.createConnection(() => new Client(), host, port);
  while (!first.isLost) yield* sleep(0.001);
  const before = Greeter.greeted;
  const [transport] = yield* loop.createConnection(() => new Client(), host, port);
  while (Greeter.greeted === before) yield* sleep(0.001);
  transport.abort();
  server.close();
  server.abortClients();
  yield* server.waitClosed();
}

const LOOPS: [name: string, make: () => AnyLoop, host: string][] = [
  ['MioEventLoop', () => new MioEventLoop() as never, '127.0.0.1'],
  ['SimulatedLoop', () => new SimulatedNetwork({ seed: 3, latency: 0.001 }).loop as never, '10.0.0.1'],
];

/** Runs a coroutine; on a simulated loop on the host of that address. */
function complete(loop: AnyLoop, host: string, main: () => Coroutine<void>): void {
  const { network } = loop as unknown as { network?: SimulatedNetwork };
  if (network === undefined) loop.runUntilCompleteSync(main());
  else loop.runUntilCompleteSync(network.host('host', host).run(main));
  loop.close();
}

for (const [name, make, host] of LOOPS) {
  for (const debug of [false, true]) {
    const mode = debug ? 'in debug mode' : 'in production';
    test.serial(
      `${name}, ${mode}: a hook that returns no transport for an accepted connection is reported`,
      (t) => {
        const loop = make();
        loop.setDebug(debug);
        loop.slowCallbackDuration = Infinity;
        const reports: ExceptionContext[] = [];
        loop.setExceptionHandler((_loop, context) => reports.push(context));
        complete(loop, host, () => connectTwice(loop, host, () => undefined));
        t.deepEqual(
          reports.map(({ exception }) => (exception as Error).message),
          [
            'the hook _makeSocketTransport() broke its contract: it must return a transport, not undefined (docs/extending.md#transports)',
          ],
        );
      },
    );

    test.serial(
      `${name}, ${mode}: a hook that throws for an accepted connection costs that one only`,
      (t) => {
        const loop = make();
        loop.setDebug(debug);
        loop.slowCallbackDuration = Infinity;
        const messages: unknown[] = [];
        loop.setExceptionHandler((_loop, { message }) => messages.push(message));
        function mine(): never {
          throw new ReferenceError('mine');
        }
        complete(loop, host, () => connectTwice(loop, host, mine));
        if (!debug) return t.pass();
        const text =
          'the hook _makeSocketTransport() failed, which it may only to refuse its arguments (docs/extending.md#transports)';
        t.true(messages.includes(text));
      },
    );
  }
}

test.serial('a protocol factory that fails, or returns no protocol, is reported for each connection', (t) => {
  const loop = new MioEventLoop();
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_loop, context) => reports.push(context));
  function* connect(factory: unknown): Coroutine<void> {
    const server: Server = yield* loop.createServer(factory as never, '127.0.0.1', 0);
    const [, port] = server.sockets[0]!.getsockname() as readonly [string, number];
    const [, client] = yield* loop.createConnection(() => new Client(), '127.0.0.1', port);
    while (!client.isLost) yield* sleep(0.001);
    server.close();
    yield* server.waitClosed();
  }
  const wrong: [unknown, RegExp][] = [
    [Greeter, /^Class constructor Greeter cannot be invoked without 'new'$/],
    // As arrow functions with braces do.
    [() => void new Greeter(), /^protocolFactory: must return a protocol, not undefined$/],
    [() => Promise.resolve(new Greeter()), /^protocolFactory: must return a protocol, not a promise$/],
  ];
  for (const [factory] of wrong) loop.runUntilCompleteSync(connect(factory));
  t.deepEqual(
    reports.map(({ message }) => message),
    wrong.map(() => 'Error on transport creation for incoming connection'),
  );
  for (const [index, [factory, message]] of wrong.entries()) {
    t.regex((reports[index]!.exception as Error).message, message);
    const attempt = loop.createConnection(factory as never, null, null, { sock: new Socket() as never });
    t.throws(() => loop.runUntilCompleteSync(attempt), { instanceOf: TypeError, message });
  }
  loop.close();
});
