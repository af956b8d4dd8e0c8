import type { ExecutionContext } from 'ava';
import test from 'ava';
import { ConnectionError, RuntimeError, fromPromise, gather, run, runSync, startServer } from 'miolo';
import type { Coroutine, Future, Server } from 'miolo';
import { ROOT, portOf } from '../helpers.js';
import { output, patterned } from '../peers/programs.js';
import { until } from '../native/pair.js';

interface Client {
  call(...words: (string | number | Buffer)[]): Future<unknown>;
  close(): Coroutine<void>;
}

const { RedisClient, RedisError } = (await import(`${ROOT}/examples/redis-client/redis.mjs`)) as {
  RedisClient: new (host: string, port: number) => Client;
  RedisError: new () => Error;
};
const { startKvServer } = (await import(`${ROOT}/examples/kv-server/server.mjs`)) as {
  startKvServer: (host: string, port: number) => Coroutine<Server>;
};

function* failure(future: Future<unknown>): Coroutine<unknown> {
  try {
    yield* future;
  } catch (error) {
    return error;
  }
  throw new RuntimeError('it did not fail');
}

function* stop(server: Server): Coroutine<void> {
  server.close();
  server.abortClients();
  yield* server.waitClosed();
}

function inBoth(title: string, body: (t: ExecutionContext) => Coroutine<void>): void {
  test.serial(`hosted: ${title}`, (t) => run(body(t)));
  test.serial(`blocking: ${title}`, (t) => runSync(body(t)));
}

inBoth('requests made together are answered in order, errors among them', function* (t) {
  const server = yield* startKvServer('127.0.0.1', 0);
  const client = new RedisClient('127.0.0.1', portOf(server));
  const counts = Array.from({ length: 1000 }, () => client.call('INCR', 'count'));
  t.deepEqual(
    yield* gather(counts),
    Array.from({ length: 1000 }, (_, at) => at + 1),
  );
  const big = patterned(3_000_000);
  const [set, wrong, got, missing, list] = [
    client.call('SET', 'big', big),
    client.call('LPUSH', 'big', 'x'),
    client.call('GET', 'big'),
    client.call('GET', 'missing'),
    client.call('MGET', 'count', 'missing'),
  ];
  t.is(yield* set!, 'OK');
  t.true((yield* failure(wrong!)) instanceof RedisError);
  t.true(big.equals((yield* got!) as Buffer));
  t.is(yield* missing!, null);
  t.deepEqual(yield* list!, [Buffer.from('1000'), null]);
  yield* client.close();
  yield* stop(server);
});

inBoth('a cancelled request leaves the replies of the others in place', function* (t) {
  const server = yield* startKvServer('127.0.0.1', 0);
  const client = new RedisClient('127.0.0.1', portOf(server));
  yield* client.call('SET', 'a', '1');
  const first = client.call('GET', 'a');
  const second = client.call('INCR', 'a');
  first.cancel();
  t.is(yield* second, 2);
  yield* client.close();
  yield* stop(server);
});

inBoth('what was sent when the connection is lost fails, what comes later waits for the next', function* (t) {
  let asked = 0;
  const deaf = yield* startServer(
    function* (reader, writer) {
      yield* reader.read(100);
      asked++;
      yield* reader.read();
      writer.close();
    },
    '127.0.0.1',
    0,
  );
  const port = portOf(deaf);
  const client = new RedisClient('127.0.0.1', port);
  const lost = client.call('PING');
  yield* until(() => asked === 1);
  yield* stop(deaf);
  t.true((yield* failure(lost)) instanceof ConnectionError);
  const waiting = client.call('PING');
  const server = yield* startKvServer('127.0.0.1', port);
  t.is(yield* waiting, 'PONG');
  yield* client.close();
  yield* stop(server);
});

inBoth('a client that is closed fails what waits, and what is asked of it later', function* (t) {
  const server = yield* startKvServer('127.0.0.1', 0);
  const port = portOf(server);
  yield* stop(server);
  const client = new RedisClient('127.0.0.1', port);
  const waiting = client.call('PING');
  yield* client.close();
  t.true((yield* failure(waiting)) instanceof ConnectionError);
  t.true((yield* failure(client.call('PING'))) instanceof ConnectionError);
});

test.serial('the program prints the reply to one command', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const server = yield* startKvServer('127.0.0.1', 0);
      const main = `${ROOT}/examples/redis-client/main.mjs`;
      const ask = (...words: string[]): Promise<Buffer> =>
        output(process.execPath, [main, '--port', String(portOf(server)), ...words]);
      t.is(String(yield* fromPromise(ask('SET', 'key', 'a value'))), 'OK\n');
      t.is(String(yield* fromPromise(ask('GET', 'key'))), 'a value\n');
      yield* stop(server);
    })(),
  );
});
