/** Every hook of sockets, servers, transports, descriptors and executors that breaks its contract, and what is said. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { AF_UNIX, OSError, sleep } from 'miolo/base';
import type { SocketLike } from 'miolo/base';
import { ROOT } from '../helpers.js';
import {
  type Call,
  NullLoop,
  Quiet,
  accept,
  connect,
  connectName,
  connectRacing,
  connectSock,
  connectSsl,
  connectUnix,
  datagrams,
  messageOf,
  misuse,
  protocol,
  readPipe,
  receive,
  send,
  sendfile,
  serve,
  serveAndClose,
  sockSendfile,
  writePipe,
} from './hook-misuse.js';
import { outcome } from './support.js';

/** Every hook below, and the calls in which it is missed. */
const HOOKS: Record<
  string,
  { section: string; calls: readonly Call[]; kind: 'value' | 'coroutine' | 'void' }
> = {
  _makeSocket: {
    section: 'sockets-and-names',
    calls: [connect, connectRacing, connectUnix, serve, datagrams],
    kind: 'value',
  },
  _ensureResolved: {
    section: 'sockets-and-names',
    calls: [connect, serve, datagrams, connectSock],
    kind: 'coroutine',
  },
  getaddrinfo: { section: 'sockets-and-names', calls: [connectName], kind: 'coroutine' },
  _connectSock: { section: 'sockets-and-names', calls: [connect, connectRacing], kind: 'coroutine' },
  _createConnectionTransport: {
    section: 'sockets-and-names',
    calls: [connect, connectUnix, accept],
    kind: 'coroutine',
  },
  _createServerGetaddrinfo: { section: 'servers', calls: [serve], kind: 'coroutine' },
  _startServing: { section: 'servers', calls: [serve], kind: 'void' },
  _stopServing: { section: 'servers', calls: [serveAndClose], kind: 'void' },
  _removeStaleSocket: {
    section: 'sockets-and-names',
    calls: [(loop) => loop.createDatagramEndpoint(protocol as never, '/x', null, { family: AF_UNIX })],
    kind: 'void',
  },
  _makeSocketTransport: { section: 'transports', calls: [connect, connectUnix, accept], kind: 'value' },
  _makeSslTransport: { section: 'transports', calls: [connectSsl], kind: 'value' },
  _makeDatagramTransport: { section: 'transports', calls: [datagrams], kind: 'value' },
  _makeReadPipeTransport: { section: 'transports', calls: [readPipe], kind: 'value' },
  _makeWritePipeTransport: { section: 'transports', calls: [writePipe], kind: 'value' },
  _sendfileNative: { section: 'transports', calls: [sendfile], kind: 'coroutine' },
  _sendfileFallback: { section: 'transports', calls: [sendfile], kind: 'coroutine' },
  _sockSendfileNative: { section: 'transports', calls: [sockSendfile], kind: 'coroutine' },
  _sockSendfileFallback: { section: 'transports', calls: [sockSendfile], kind: 'coroutine' },
  _addReader: { section: 'descriptors', calls: [receive], kind: 'value' },
  _addWriter: { section: 'descriptors', calls: [send], kind: 'value' },
};

for (const debug of [false, true]) {
  const mode = debug ? 'in debug mode' : 'in production';

  for (const [hook, { section, calls, kind }] of Object.entries(HOOKS)) {
    const rule = `(docs/extending.md#${section})`;
    const name = `the hook ${hook}() broke its contract: it must`;

    if (kind !== 'void') {
      test(`${mode}: ${hook}() that returns nothing, a number, or a promise is named by the error`, (t) => {
        for (const call of calls) {
          for (const wrong of [undefined, 5, Promise.resolve()]) {
            const [error, , open] = misuse(call, { [hook]: () => wrong }, debug);
            t.is(open, 0);
            t.true(messageOf(error).startsWith(name), `${String(wrong)}: ${String(error)}`);
            t.true(messageOf(error).endsWith(rule), messageOf(error));
          }
        }
      });
    }

    test(`${mode}: what ${hook}() throws goes to the caller${debug ? ', and is reported by its name' : ''}`, (t) => {
      const hooks: (() => unknown)[] = [
        () => {
          throw new ReferenceError('mine');
        },
      ];
      if (kind === 'coroutine') {
        hooks.push(function* () {
          yield* sleep(1);
          throw new ReferenceError('mine');
        });
      }
      for (const call of calls) {
        for (const failing of hooks) {
          const [error, reports, open] = misuse(call, { [hook]: failing }, debug);
          t.is(messageOf(error), 'mine');
          // The socket is this hook's from the beginning.
          if (hook !== '_createConnectionTransport') t.is(open, 0);
          // What makes a connection calls the factory of the user's, whose errors are no hook's.
          if (!debug || hook === '_createConnectionTransport') t.deepEqual(reports, []);
          else {
            t.true(reports.length >= 1);
            const text = `the hook ${hook}() failed, which it may only to refuse its arguments ${rule}`;
            t.true(
              reports.every((report) => report === text),
              reports[0],
            );
          }
          const refusing = (): never => {
            throw new OSError('refused');
          };
          const [refusal, silence] = misuse(call, { [hook]: refusing }, debug);
          t.true(refusal instanceof OSError);
          t.deepEqual(silence, []);
        }
      }
    });
  }

  test(`${mode}: lists of addresses that are none are named by the error, an empty one is an OSError`, (t) => {
    const lists = [
      'x',
      ['127.0.0.1'],
      [['127.0.0.1', 1]],
      [['2', 1, 6, '', ['x', 1]]],
      [[2, 1, 6, '', null]],
    ];
    const named = {
      _ensureResolved: [connect, serve, datagrams, connectSock],
      _createServerGetaddrinfo: [serve],
    };
    for (const [hook, calls] of Object.entries(named)) {
      for (const call of calls) {
        for (const list of lists) {
          // oxlint-disable-next-line require-yield -- answers at once
          const [error] = misuse(
            call,
            {
              *[hook]() {
                return list;
              },
            },
            debug,
          );
          t.true(
            messageOf(error).startsWith(`the hook ${hook}() broke its contract: it must return an array`),
          );
        }
        // oxlint-disable-next-line require-yield -- answers at once
        const [error] = misuse(
          call,
          {
            *[hook]() {
              return [];
            },
          },
          debug,
        );
        t.true(error instanceof OSError, String(error));
        t.regex(messageOf(error), /returned empty list/);
      }
    }
  });

  test(`${mode}: coroutines that return no socket, and no pair, are named by the error`, (t) => {
    const cases: [hook: string, calls: readonly Call[], wrongs: unknown[]][] = [
      ['_connectSock', [connect, connectRacing], [undefined, {}]],
      [
        '_createConnectionTransport',
        [connect, connectUnix, accept],
        [undefined, [], [null, null], new Quiet()],
      ],
    ];
    for (const [hook, calls, wrongs] of cases) {
      for (const call of calls) {
        for (const wrong of wrongs) {
          // oxlint-disable-next-line require-yield -- answers at once
          const [error] = misuse(
            call,
            {
              *[hook]() {
                return wrong;
              },
            },
            debug,
          );
          t.true(messageOf(error).startsWith(`the hook ${hook}() broke its contract: it must return`));
        }
      }
    }
  });

  test(`${mode}: a server that cannot stop one of its sockets stops the others, and ends`, (t) => {
    const stopped: SocketLike[] = [];
    const hooks = {
      _stopServing(sock: SocketLike): void {
        stopped.push(sock);
        sock.close();
        if (stopped.length === 1) throw new ReferenceError('mine');
      },
    };
    const [error] = misuse(serveAndClose, hooks, debug);
    t.is(messageOf(error), 'mine');
    t.is(stopped.length, 2);
  });

  test(`${mode}: an executor that returns no outcome is named by the error`, (t) => {
    const loop = new NullLoop();
    loop.setDebug(debug);
    for (const wrong of [undefined, null, 5, {}]) {
      const executor = { worksWhileBlocking: true, submit: () => wrong, shutdown: () => null };
      const error = loop.complete(() =>
        outcome(
          (function* () {
            yield* loop.runInExecutor(executor as never, () => 1);
          })(),
        ),
      );
      t.true(messageOf(error).startsWith('the hook executor.submit() broke its contract: it must return'));
      t.true(messageOf(error).endsWith('(docs/extending.md#protocols-executors-resolvers)'));
      loop.setDefaultExecutor(executor as never);
    }
    // What shutdown() returns is waited for only if it can be.
    loop.complete(() => loop.shutdownDefaultExecutor());
    loop.close();
    t.deepEqual(loop.reports, []);
  });

  test(`${mode}: a task factory that makes no task is named by the error`, (t) => {
    const loop = new NullLoop();
    loop.setDebug(debug);
    for (const wrong of [undefined, Promise.resolve(), {}]) {
      loop.setTaskFactory(() => wrong as never);
      const error = t.throws(() => loop.createTask(sleep(0)));
      t.true(
        error.message.startsWith('the hook setTaskFactory() broke its contract: the factory must return'),
      );
    }
    loop.setTaskFactory(null);
    loop.close();
  });
}

test('in debug mode hooks of servers that are async are reported', (t) => {
  for (const [hook, call] of [
    ['_startServing', serve],
    ['_stopServing', serveAndClose],
  ] as const) {
    const [error, reports] = misuse(call, { [hook]: async () => {} }, true);
    t.is(error, null);
    t.true(reports.length > 0);
    const text = `the hook ${hook}() broke its contract: it must be done when it returns, and no async function (docs/extending.md#servers)`;
    t.true(reports.every((report) => report === text));
  }
});

test('every hook of these tables of the guide is misused here, or is no hook that a call waits for', (t) => {
  const guide = readFileSync(join(ROOT, 'docs/extending.md'), 'utf8');
  const start = guide.indexOf('### Sockets and names');
  const tables = guide.slice(start, guide.indexOf('### When a hook breaks its contract'));
  const names = [...tables.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(\w[\w.]*)\(/g)].map(([, name]) => name!),
  );
  const others = new Set([
    // Called by users, who get what they return.
    'getnameinfo',
    'createUnixServer',
    // Called by transports.
    'server._attach',
    'server._detach',
    // Called by nobody yet.
    '_makeSubprocessTransport',
    // They refuse, or say whether there was a watch.
    '_checkSendfileParams',
    '_ensureFdNoTransport',
    '_removeReader',
    '_removeWriter',
  ]);
  t.true(names.length > 25);
  t.deepEqual(
    names.filter((name) => !(name in HOOKS) && !others.has(name)),
    [],
  );
});

test('every hook of the tables of the guide has a type test with a wrong signature', (t) => {
  const guide = readFileSync(join(ROOT, 'docs/extending.md'), 'utf8');
  const tables = guide.slice(
    guide.indexOf('### The turn hooks'),
    guide.indexOf('### When a hook breaks its contract'),
  );
  const types = readFileSync(join(ROOT, '__test__/types/hooks.types.ts'), 'utf8');
  const names = [...tables.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(?:_selector\.|server\.)?(\w+)[?(`]/g)].map(([, name]) => name!),
  );
  t.true(names.length > 60);
  t.deepEqual(
    names.filter((name) => !new RegExp(`\\b${name}\\b`).test(types)),
    [],
  );
});
