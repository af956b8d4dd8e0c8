// No test asks a name server: the machine knows these names itself.
import test from 'ava';
import {
  AF_INET,
  AF_INET6,
  AI_CANONNAME,
  AI_NUMERICHOST,
  AI_PASSIVE,
  CancelledError,
  GaiError,
  IPPROTO_TCP,
  IPPROTO_UDP,
  MioEventLoop,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
  OSError,
  SOCK_DGRAM,
  SOCK_STREAM,
  Socket,
  ValueError,
  createTask,
  gather,
  run,
  runSync,
  sleep,
} from 'miolo';
import type { AddrInfo, Address, Coroutine, ResolveOptions } from 'miolo';
import { Echo, Recorder, portOf, program, serve, theLoop } from '../helpers.js';

/** Runs `main` under both drives. */
async function both(main: () => Coroutine<void>): Promise<void> {
  await run(main());
  runSync(main());
}

/** What a coroutine failed with. */
function* failure(coro: Coroutine<unknown>): Coroutine<unknown> {
  try {
    yield* coro;
  } catch (error) {
    return error;
  }
  return null;
}

test.serial('a name is looked up for the family, type, protocol and flags that are asked for', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const tcp = yield* loop.getaddrinfo('localhost', 80, { family: AF_INET, type: SOCK_STREAM });
    t.deepEqual(tcp, [[AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', 80]]]);
    const udp = yield* loop.getaddrinfo('127.0.0.1', '53', { proto: IPPROTO_UDP });
    t.deepEqual(udp, [[AF_INET, SOCK_DGRAM, IPPROTO_UDP, '', ['127.0.0.1', 53]]]);
    const six = yield* loop.getaddrinfo('::1', 80, { family: AF_INET6, type: SOCK_STREAM });
    t.deepEqual(six, [[AF_INET6, SOCK_STREAM, IPPROTO_TCP, '', ['::1', 80, 0, 0]]]);
    const every = yield* loop.getaddrinfo('127.0.0.1', 80);
    t.deepEqual(new Set(every.map((info) => info[1])), new Set([SOCK_STREAM, SOCK_DGRAM, 3]));
    const named = yield* loop.getaddrinfo('localhost', 'http', { type: SOCK_STREAM, flags: AI_CANONNAME });
    t.is(named[0]![3], 'localhost');
    t.is((named[0]![4] as readonly [string, number])[1], 80);
    const passive = yield* loop.getaddrinfo(null, 80, {
      family: AF_INET,
      type: SOCK_STREAM,
      flags: AI_PASSIVE,
    });
    t.deepEqual(passive[0]![4], ['0.0.0.0', 80]);
    const portless = yield* loop.getaddrinfo('127.0.0.1', null, { type: SOCK_STREAM });
    t.deepEqual(portless[0]![4], ['127.0.0.1', 0]);
  });
});

test.serial('an address has the names of its host and service', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    t.deepEqual(yield* loop.getnameinfo(['127.0.0.1', 80], numeric), ['127.0.0.1', '80']);
    t.deepEqual(yield* loop.getnameinfo(['::1', 80, 0, 0], numeric), ['::1', '80']);
    t.is((yield* loop.getnameinfo(['127.0.0.1', 80]))[1], 'http');
  });
});

test.serial('failures have the resolver’s codes', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const cases: [Coroutine<unknown>, string][] = [
      [loop.getaddrinfo('not an address', 80, { flags: AI_NUMERICHOST }), 'EAI_NONAME'],
      [loop.getaddrinfo(null, null), 'EAI_NONAME'],
      [loop.getaddrinfo('127.0.0.1', 'no-such-service'), 'EAI_SERVICE'],
      [loop.getaddrinfo('127.0.0.1', 80, { family: 9999 }), 'EAI_FAMILY'],
      [loop.getaddrinfo('127.0.0.1', 80, { type: 9999 }), 'EAI_SOCKTYPE'],
    ];
    for (const [coro, code] of cases) {
      const error = (yield* failure(coro)) as GaiError;
      t.true(error instanceof GaiError && error instanceof OSError);
      t.is(error.code, code);
      t.is(error.syscall, 'getaddrinfo');
    }
    const error = (yield* failure(loop.getaddrinfo('x y', 80, { flags: AI_NUMERICHOST }))) as GaiError;
    t.is(error.address, 'x y');
    t.regex(error.message, /x y/);
  });
});

test.serial('many lookups are under way at once, and the loop goes on meanwhile', async (t) => {
  await both(function* () {
    const loop = theLoop();
    let turns = 0;
    let busy = true;
    const spin = (): void => {
      turns++;
      if (busy) loop.callSoon(spin);
    };
    spin();
    const lookups = Array.from({ length: 200 }, (_, at) =>
      loop.getaddrinfo('127.0.0.1', at, { type: SOCK_STREAM }),
    );
    const found = yield* gather(lookups);
    busy = false;
    found.forEach((infos, at) => t.deepEqual(infos[0]![4], ['127.0.0.1', at]));
    t.true(turns > 1);
  });
});

test.serial('cancelling a lookup ends the wait at once; its answer disturbs nobody', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const lookups = Array.from({ length: 20 }, () => createTask(loop.getaddrinfo('localhost', 80)));
    yield* sleep(0);
    for (const lookup of lookups) lookup.cancel();
    for (const lookup of lookups) {
      const error = yield* failure(lookup as never);
      t.true(error instanceof CancelledError);
    }
    t.is((yield* loop.getaddrinfo('127.0.0.1', 1, { type: SOCK_STREAM })).length, 1);
  });
});

test.serial('a loop that is closed while threads look up for it is gone without a trace', (t) => {
  for (let round = 0; round < 20; round++) {
    const loop = new MioEventLoop();
    loop.setExceptionHandler(() => {});
    loop.createTask(loop.getaddrinfo('localhost', 80) as Coroutine<unknown>);
    loop.callSoon(() => loop.stop());
    loop.runForeverSync();
    loop.close();
  }
  t.pass();
});

test.serial('connections and servers take names, and null for every address', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const server = yield* loop.createServer(() => new Echo(), 'localhost', 0, { family: AF_INET });
    const [transport, protocol] = yield* loop.createConnection(
      () => new Recorder(),
      'localhost',
      portOf(server),
      {
        family: AF_INET,
      },
    );
    t.deepEqual(transport.getExtraInfo('peername'), ['127.0.0.1', portOf(server)]);
    transport.close();
    yield* protocol.lost;
    server.close();
    const every = yield* loop.createServer(() => new Echo(), null, 0);
    t.true(every.sockets.length >= 1);
    const port = (
      every.sockets.find((sock) => sock.family === AF_INET)!.getsockname() as [string, number]
    )[1];
    const [second, secondProtocol] = yield* loop.createConnection(() => new Recorder(), '127.0.0.1', port);
    second.close();
    yield* secondProtocol.lost;
    every.close();
  });
});

test.serial(
  'an override of getaddrinfo replaces the resolver, one of _ensureResolved the literals too',
  async (t) => {
    const asked: unknown[] = [];
    class Resolving extends MioEventLoop {
      override *getaddrinfo(
        host: string | null,
        port: number | string | null,
        options: ResolveOptions = {},
      ): Coroutine<readonly AddrInfo[]> {
        asked.push([host, port]);
        return yield* super.getaddrinfo('127.0.0.1', port, options);
      }

      override _ensureResolved(
        address: Address,
        options: ResolveOptions = {},
      ): Coroutine<readonly AddrInfo[]> {
        asked.push(address[0]);
        return super._ensureResolved(address, options);
      }
    }
    const loop = new Resolving();
    await loop.runUntilComplete(
      (function* (): Coroutine<void> {
        const server = yield* serve(() => new Echo());
        const port = portOf(server);
        const [transport, protocol] = yield* loop.createConnection(
          () => new Recorder(),
          'database.internal',
          port,
        );
        t.deepEqual(asked, ['127.0.0.1', 'database.internal', ['database.internal', port], '127.0.0.1']);
        transport.close();
        yield* protocol.lost;
        server.close();
      })(),
    );
    loop.close();
  },
);

test.serial('happy eyeballs goes on to the next address when the first is refused', async (t) => {
  class TwoAddresses extends MioEventLoop {
    override *getaddrinfo(
      _host: string | null,
      port: number | string | null,
    ): Coroutine<readonly AddrInfo[]> {
      const infos: AddrInfo[] = [
        [AF_INET6, SOCK_STREAM, IPPROTO_TCP, '', ['::1', port as number, 0, 0]],
        [AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', port as number]],
      ];
      return infos;
    }
  }
  const loop = new TwoAddresses();
  await loop.runUntilComplete(
    (function* (): Coroutine<void> {
      const server = yield* serve(() => new Echo());
      const [transport, protocol] = yield* loop.createConnection(
        () => new Recorder(),
        'both',
        portOf(server),
        {
          happyEyeballsDelay: 10,
        },
      );
      t.deepEqual(transport.getExtraInfo('peername'), ['127.0.0.1', portOf(server)]);
      transport.close();
      yield* protocol.lost;
      server.close();
    })(),
  );
  loop.close();
});

test.serial(
  'literals with numeric ports ask no resolver, and a factory that throws closes the socket',
  async (t) => {
    class Deaf extends MioEventLoop {
      override *getaddrinfo(): Coroutine<readonly AddrInfo[]> {
        throw new Error('nobody should ask');
      }
    }
    const loop = new Deaf();
    await loop.runUntilComplete(
      (function* (): Coroutine<void> {
        const listener = new Socket(AF_INET);
        listener.bind(['127.0.0.1', 0]);
        listener.listen();
        const port = (listener.getsockname() as readonly [string, number])[1];
        for (const text of [port, String(port)]) {
          const error = yield* failure(
            loop.createConnection(
              () => {
                throw new RangeError('no protocol');
              },
              '127.0.0.1',
              text,
            ),
          );
          t.true(error instanceof RangeError);
          const [peer] = yield* loop.sockAccept(listener);
          t.is((yield* loop.sockRecv(peer, 1)).length, 0);
          peer.close();
        }
        listener.close();
      })(),
    );
    loop.close();
  },
);

test.serial('what is wrong with an argument is said by name', async (t) => {
  await both(function* () {
    const loop = theLoop();
    const cases: [Coroutine<unknown>, new (...args: never[]) => Error, RegExp][] = [
      [loop.getaddrinfo('a\0b', 80), ValueError, /host/],
      [loop.getaddrinfo('a', '8\0'), ValueError, /port/],
      [loop.getaddrinfo('a', 65536), RangeError, /port/],
      [loop.getaddrinfo('a', -1), RangeError, /port/],
      [loop.getaddrinfo('a', 1.5), TypeError, /port/],
      [loop.getaddrinfo(5 as never, 80), TypeError, /host/],
      [loop.getaddrinfo('a', 80, { family: 'x' as never }), TypeError, /family/],
      [loop.getaddrinfo('ü'.repeat(300) + '\u{10ffff}', 80), ValueError, /host/],
      [loop.getnameinfo(['localhost', 80]), ValueError, /sockaddr/],
      [loop.getnameinfo(['127.0.0.1', 70000]), RangeError, /sockaddr/],
      [loop.getnameinfo('path'), TypeError, /sockaddr/],
      [loop.getnameinfo(['127.0.0.1', 80], 'x' as never), TypeError, /flags/],
    ];
    for (const [coro, instanceOf, message] of cases) {
      const error = yield* failure(coro);
      t.true(error instanceof instanceOf, String(error));
      t.regex((error as Error).message, message);
    }
  });
});

test.serial('a lookup keeps the process alive until it is answered', async (t) => {
  const outcome = await program(`
    import { run, getRunningLoop } from 'miolo';
    function* main() {
      const found = yield* getRunningLoop().getaddrinfo('127.0.0.1', 80, { type: 1 });
      return found[0][4].join();
    }
    console.log(await run(main()));
  `);
  t.like(outcome, { code: 0, stdout: '127.0.0.1,80\n', stderr: '' });
});
