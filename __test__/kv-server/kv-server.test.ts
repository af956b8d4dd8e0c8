import test from 'ava';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fromPromise, run, sleep } from 'miolo';
import type { Coroutine, Server } from 'miolo';
import { VirtualClockLoop } from 'miolo/testing';
import { ROOT, portOf } from '../helpers.js';

interface Parser {
  feed(data: Uint8Array, onRequest: (request: Buffer[]) => void): void;
}

const { RespParser, ProtocolError } = (await import(`${ROOT}/examples/kv-server/resp-parser.mjs`)) as {
  RespParser: new (limit?: number) => Parser;
  ProtocolError: new () => Error;
};
const { startKvServer } = (await import(`${ROOT}/examples/kv-server/server.mjs`)) as {
  startKvServer: (host: string, port: number) => Coroutine<Server>;
};
const { Store } = (await import(`${ROOT}/examples/kv-server/store.mjs`)) as {
  Store: new (clock: unknown) => {
    set(key: string, value: Buffer): void;
    expire(key: string, seconds: number): boolean;
    has(key: string): boolean;
    ttl(key: string): number;
  };
};

function parsed(pieces: readonly Buffer[]): string[][] {
  const parser = new RespParser();
  const requests: string[][] = [];
  for (const piece of pieces) parser.feed(piece, (request) => requests.push(request.map(String)));
  return requests;
}

/** Runs `client` with the port of a server. */
async function withServer(client: (port: number) => Promise<void>): Promise<void> {
  await run(
    (function* (): Coroutine<void> {
      const server = yield* startKvServer('127.0.0.1', 0);
      yield* fromPromise(client(portOf(server)));
      server.close();
      server.closeClients();
      yield* server.waitClosed();
    })(),
  );
}

/** Everything that the server answers to `request`, until it closes. */
async function answer(port: number, request: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.end(request);
  let text = '';
  socket.setEncoding('latin1').on('data', (data: string) => (text += data));
  await once(socket, 'close');
  return text;
}

test('requests are the same wherever the network cuts them', (t) => {
  const bytes = Buffer.from('*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\nPING "two words"\r\n*1\r\n$0\r\n\r\n');
  const whole = [['GET', 'a\r\nb'], ['PING', 'two words'], ['']];
  for (let cut = 0; cut <= bytes.length; cut++) {
    t.deepEqual(parsed([bytes.subarray(0, cut), bytes.subarray(cut)]), whole);
  }
  t.deepEqual(parsed([...bytes].map((byte) => Buffer.from([byte]))), whole);
});

test('random bytes are requests or a protocol error, never anything else', (t) => {
  let seed = 1;
  const random = (): number => (seed = (seed * 48271) % 2147483647);
  const alphabet = Buffer.from('*$+-:0123456789\r\n "\'abc\0\xff', 'latin1');
  for (let round = 0; round < 3000; round++) {
    const parser = new RespParser();
    const bytes = Buffer.from(
      Array.from({ length: random() % 60 }, () => alphabet[random() % alphabet.length]!),
    );
    try {
      parser.feed(bytes, () => {});
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  t.pass();
});

test.serial('malformed and over-long input gets a protocol error and a closed connection', async (t) => {
  await withServer(async (port) => {
    for (const [request, error] of [
      ['*x\r\n', /invalid multibulk length/],
      ['*1\r\n+PING\r\n', /expected '\$', got '\+'/],
      ['*1\r\n$-5\r\n', /invalid bulk length/],
      ['*1\r\n$99999999999\r\n', /invalid bulk length/],
      ['*1\r\n$4\r\nPINGxx', /expected CRLF/],
      [`*${'1'.repeat(100)}`, /too big mbulk count/],
      ['x'.repeat(70_000), /too big inline/],
    ] as const) {
      t.regex(await answer(port, request), error);
    }
    t.is(await answer(port, 'PING\r\n'), '+PONG\r\n', 'the server goes on');
  });
});

test.serial('commands answer as Redis does', async (t) => {
  await withServer(async (port) => {
    for (const [request, reply] of [
      ['SET a 1', '+OK'],
      ['INCR a', ':2'],
      ['DECR a', ':1'],
      ['SET a x NX', '$-1'],
      ['SET b x XX', '$-1'],
      ['SET a five XX GET', '$1\r\n1'],
      ['GET a', '$4\r\nfive'],
      ['INCR a', '-ERR value is not an integer or out of range'],
      ['SET n 9223372036854775807', '+OK'],
      ['INCR n', '-ERR increment or decrement would overflow'],
      ['RPUSH l 1 2 3', ':3'],
      ['LPUSH l 0', ':4'],
      ['LRANGE l 0 -1', '*4\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3'],
      ['LRANGE l -2 -1', '*2\r\n$1\r\n2\r\n$1\r\n3'],
      ['LPOP l', '$1\r\n0'],
      ['GET l', '-WRONGTYPE Operation against a key holding the wrong kind of value'],
      ['MSET p 1 q 2', '+OK'],
      ['MGET p q none l', '*4\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n$-1'],
      ['EXISTS p q none', ':2'],
      ['DEL p none', ':1'],
      ['TTL q', ':-1'],
      ['EXPIRE q 100', ':1'],
      ['TTL q', ':100'],
      ['TTL none', ':-2'],
      ['SET t x EX 0', "-ERR invalid expire time in 'set' command"],
      ['SET t x EX', '-ERR syntax error'],
      ['ECHO hello', '$5\r\nhello'],
      ['GET', "-ERR wrong number of arguments for 'get' command"],
      ['CONFIG GET save', '*2\r\n$4\r\nsave\r\n$0\r\n'],
      ['FLUSHALL', '+OK'],
      ['DBSIZE', ':0'],
    ] as const) {
      t.is(await answer(port, `${request}\r\n`), `${reply}\r\n`, request);
    }
    t.regex(await answer(port, 'NOSUCH\r\n'), /^-ERR unknown command 'NOSUCH'/);
    const pipelined = Array.from({ length: 5000 }, () => 'INCR c\r\n').join('');
    const replies = (await answer(port, pipelined)).split('\r\n');
    t.is(replies[4999], ':5000');
  });
});

test.serial('keys expire by the clock of the loop', async (t) => {
  await run(
    (function* (): Coroutine<void> {
      const { getRunningLoop } = yield* fromPromise(import('miolo'));
      const store = new Store(getRunningLoop());
      store.set('a', Buffer.from('x'));
      store.expire('a', 3600);
      yield* sleep(3599);
      t.true(store.has('a'));
      t.is(store.ttl('a'), 1);
      yield* sleep(1);
      t.false(store.has('a'));
      t.is(store.ttl('a'), -2);
    })(),
    { loopFactory: () => new VirtualClockLoop() },
  );
});
