import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { BaseEventLoop, NotImplementedError, Protocol, RuntimeError, Transport, sleep } from 'miolo/base';
import type { AddrInfo, BaseProtocol, Coroutine, Future, SocketLike } from 'miolo/base';
import { ROOT } from '../helpers.js';
import { NullSocket } from './null-socket.js';
import { RecordingLoop, outcome } from './support.js';

const SECTION = 'docs/extending.md#transports';

class Quiet extends Transport {
  override close(): void {}
}

type Hook = (loop: HookLoop, protocol: BaseProtocol, waiter: Future<void>) => Transport;

class HookLoop extends RecordingLoop {
  hook: Hook = () => new Quiet();

  override _makeSocketTransport(
    _sock: SocketLike,
    protocol: BaseProtocol,
    waiter?: Future<void> | null,
  ): Transport {
    return this.hook(this, protocol, waiter!);
  }
}

/** A transport as it has to be made. */
const right: Hook = (loop, protocol, waiter) => {
  const transport = new Quiet();
  loop.callSoon(() => protocol.connectionMade(transport));
  loop.callSoon(() => waiter.setResult());
  return transport;
};

/** Connects by `hook`; returns what that throws, the reports, and the loop's socket. */
function connectBy(hook: Hook, options: { debug: boolean }): [unknown, RecordingLoop['reports'], NullSocket] {
  const loop = new HookLoop();
  loop.hook = hook;
  loop.setDebug(options.debug);
  const sock = new NullSocket();
  const error = loop.complete(function* (): Coroutine<unknown> {
    const thrown = yield* outcome(loop.createConnection(() => new Protocol(), null, null, { sock }));
    yield* sleep(0);
    yield* sleep(0);
    return thrown;
  });
  return [error, loop.reports, sock];
}

for (const debug of [false, true]) {
  const mode = debug ? 'in debug mode' : 'in production';

  test(`${mode}: a hook that keeps its contract is not reported`, (t) => {
    const [error, reports, sock] = connectBy(right, { debug });
    t.is(error, null);
    t.deepEqual(reports, []);
    t.false(sock.closed);
  });

  test(`${mode}: a hook that returns no transport is named by the error, and the socket is closed`, (t) => {
    for (const wrong of [undefined, null, 5, {}]) {
      const [error, , sock] = connectBy(() => wrong as never, { debug });
      t.true(error instanceof RuntimeError);
      t.true(
        (error as Error).message.startsWith('the hook _makeSocketTransport() broke its contract: it must'),
      );
      t.true((error as Error).message.includes(SECTION));
      t.true(sock.closed);
    }
  });

  test(`${mode}: a hook that completes its waiter at once is reported`, (t) => {
    const [, reports] = connectBy(
      (loop, protocol, waiter) => {
        const transport = new Quiet();
        loop.callSoon(() => protocol.connectionMade(transport));
        waiter.setResult();
        return transport;
      },
      { debug },
    );
    t.is(reports.length, 1);
    t.true(reports[0]!.message!.includes('_makeSocketTransport() broke its contract: the waiter must be'));
  });
}

test('in debug mode a hook that calls the protocol by itself is reported, with the callback', (t) => {
  for (const callback of ['connectionMade', 'dataReceived', 'connectionLost'] as const) {
    const hook: Hook = (loop, protocol, waiter) => {
      (protocol as Protocol)[callback](new Quiet() as never);
      return right(loop, protocol, waiter);
    };
    const [error, reports] = connectBy(hook, { debug: true });
    t.is(error, null);
    t.is(reports.length, 1);
    t.true(reports[0]!.message!.includes(`${callback}() must be called by callSoon`), reports[0]!.message);
  }
});

test('in debug mode a waiter that is completed twice is reported', (t) => {
  const hook: Hook = (loop, protocol, waiter) => {
    loop.callSoon(() => waiter.setResult());
    return right(loop, protocol, waiter);
  };
  const [, reports] = connectBy(hook, { debug: true });
  t.true(reports.some((report) => report.message!.includes('the waiter must be completed once')));
});

test('in debug mode a hook that fails is reported by its name; a refusal is not', (t) => {
  const failing = (error: Error): Hook => {
    return () => {
      throw error;
    };
  };
  const [thrown, reports, sock] = connectBy(failing(new ReferenceError('mine')), { debug: true });
  t.is((thrown as Error).message, 'mine');
  t.deepEqual(
    reports.map((report) => [report.message, report.exception]),
    [
      [
        `the hook _makeSocketTransport() failed, which it may only to refuse its arguments (${SECTION})`,
        thrown,
      ],
    ],
  );
  t.true(sock.closed);
  t.deepEqual(connectBy(failing(new TypeError('not this socket')), { debug: true })[1], []);
});

test('the watch of debug mode leaves the protocol as it was, a frozen one too', (t) => {
  const loop = new HookLoop();
  loop.hook = right;
  loop.setDebug(true);
  const own = (): void => {};
  const protocols = [
    new Protocol(),
    Object.assign(new Protocol(), { connectionMade: own }),
    Object.freeze(new Protocol()),
  ];
  loop.complete(function* () {
    for (const protocol of protocols) {
      yield* loop.createConnection(() => protocol, null, null, { sock: new NullSocket() });
    }
  });
  t.deepEqual(
    protocols.map((protocol) => Object.keys(protocol)),
    [[], ['connectionMade'], []],
  );
  t.is(protocols[1]!.connectionMade, own);
  t.deepEqual(loop.reports, []);
});

test('what _ensureResolved and _makeSocket return is looked at', (t) => {
  class Resolving extends HookLoop {
    infos: unknown = [];

    // oxlint-disable-next-line require-yield -- answers at once
    override *_ensureResolved(): Coroutine<readonly AddrInfo[]> {
      return this.infos as never;
    }

    override _makeSocket(): SocketLike {
      return null as never;
    }
  }
  const loop = new Resolving();
  const message = (): string =>
    loop.complete(function* () {
      const error = yield* outcome(loop.createConnection(() => new Protocol(), 'name', 1));
      return (error as Error).message;
    });
  for (const wrong of [undefined, 'x', ['127.0.0.1'], [['127.0.0.1', 1]]]) {
    loop.infos = wrong;
    t.true(message().startsWith('the hook _ensureResolved() broke its contract: it must return an array'));
  }
  loop.infos = [[2, 1, 6, '', ['127.0.0.1', 1]]];
  t.true(message().startsWith('the hook _makeSocket() broke its contract: it must return a socket'));
});

test('a hook that is missing is named, with a section of the guide that is there', (t) => {
  const loop = new RecordingLoop();
  const protocol = new Protocol();
  const sock = new NullSocket();
  const hooks: [name: string, call: () => unknown][] = [
    ['_makeSocket', () => loop._makeSocket(2, 1, 0)],
    ['getaddrinfo', () => loop.getaddrinfo('x', 1)],
    ['getnameinfo', () => loop.getnameinfo(['127.0.0.1', 1])],
    ['createUnixServer', () => loop.createUnixServer(() => protocol, '/x')],
    ['_startServing', () => loop._startServing(() => protocol, sock)],
    ['_stopServing', () => loop._stopServing(sock)],
    ['_makeSocketTransport', () => loop._makeSocketTransport(sock, protocol)],
    ['_makeSslTransport', () => loop._makeSslTransport(sock, protocol, null)],
    ['_makeDatagramTransport', () => loop._makeDatagramTransport(sock, protocol as never)],
    ['_makeReadPipeTransport', () => loop._makeReadPipeTransport(1, protocol)],
    ['_makeWritePipeTransport', () => loop._makeWritePipeTransport(1, protocol)],
    [
      '_makeSubprocessTransport',
      () => loop._makeSubprocessTransport(protocol as never, 'x', false, null, null, null, 0),
    ],
    ['_addReader', () => loop._addReader(1, () => {}, [])],
    ['_removeReader', () => loop._removeReader(1)],
    ['_addWriter', () => loop._addWriter(1, () => {}, [])],
    ['_removeWriter', () => loop._removeWriter(1)],
  ];
  const guide = readFileSync(join(ROOT, 'docs/extending.md'), 'utf8');
  const titles = [...guide.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title!);
  const anchors = new Set(titles.map((title) => title.toLowerCase().replaceAll(' ', '-')));
  for (const [name, call] of hooks) {
    const error = t.throws(call, { instanceOf: NotImplementedError });
    const [, hook, section] = /the hook (\w+)\(\).*docs\/extending\.md#([\w-]+)/.exec(error.message)!;
    t.is(hook, name);
    t.true(anchors.has(section!), section);
    t.true(guide.includes(`\`${name}(`), `the guide's table has ${name}`);
  }
});

test("the guide's tables have every hook", (t) => {
  const guide = readFileSync(join(ROOT, 'docs/extending.md'), 'utf8');
  const tables = guide.indexOf('## The hooks');
  const missing: string[] = [];
  let prototype = BaseEventLoop.prototype as object;
  for (; prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype) as object) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (name.startsWith('_') && !guide.includes(`\`${name}(`, tables)) missing.push(name);
    }
  }
  t.deepEqual(missing, []);
});

test('in debug mode an error of _processEvents is reported by its name, and ends the run', (t) => {
  class Failing extends RecordingLoop {
    override _processEvents(): void {
      throw new RangeError('mine');
    }
  }
  const loop = new Failing();
  t.throws(() => loop.turn(), { instanceOf: RangeError, message: 'mine' });
  t.deepEqual(loop.reports, []);
  loop.setDebug(true);
  t.throws(() => loop.turn(), { instanceOf: RangeError, message: 'mine' });
  t.is(loop.reports.length, 1);
  t.true(
    loop.reports[0]!.message!.startsWith('the hook _processEvents() broke its contract: it must not throw'),
  );
  t.false(loop.isRunning());
});

test('in debug mode a clock that gives no number is named', (t) => {
  for (const wrong of [Number.NaN, undefined, '1']) {
    class Stopped extends RecordingLoop {
      override time(): number {
        return wrong as number;
      }
    }
    const loop = new Stopped();
    loop.setDebug(true);
    const error = t.throws(() => loop.callLater(1, () => {}), { instanceOf: RuntimeError });
    t.true(error.message.startsWith('the hook time() broke its contract: it must return seconds'));
  }
});
