import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { ConnectionError, fromPromise, gather, openConnection, run } from 'miolo';
import type { Coroutine, Future, StreamReader, StreamWriter } from 'miolo';
import { ROOT } from '../helpers.js';
import { freePort, launch, listening, patterned, temporaryFolder } from './programs.js';

/** A command as Redis reads it. */
function command(...parts: (string | Buffer)[]): Buffer {
  const pieces = [Buffer.from(`*${parts.length}\r\n`)];
  for (const part of parts) {
    const bytes = Buffer.from(part);
    pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(pieces);
}

/** One reply: a status, a number, or a string. */
function* reply(reader: StreamReader): Coroutine<string | number | Buffer> {
  const line = String(yield* reader.readline()).trimEnd();
  if (line.startsWith('+')) return line.slice(1);
  if (line.startsWith(':')) return Number(line.slice(1));
  if (!line.startsWith('$')) throw new Error(line);
  const bytes = yield* reader.readexactly(Number(line.slice(1)) + 2);
  return Buffer.from(bytes.subarray(0, -2));
}

/** A port, and what starts a redis-server on it. */
async function redis(t: ExecutionContext): Promise<[port: number, start: () => Promise<ChildProcess>]> {
  const [folder, remove] = temporaryFolder();
  t.teardown(remove);
  const port = await freePort();
  const options = Object.entries({ port, save: '', appendonly: 'no', dir: folder });
  const words = options.flatMap(([name, value]) => [`--${name}`, String(value)]);
  return [
    port,
    async () => {
      const server = await launch('redis-server', words);
      t.teardown(() => server.kill('SIGKILL'));
      await listening({ port, host: '127.0.0.1' }, server);
      return server;
    },
  ];
}

test.serial('a client on streams pipelines to a real redis-server, from fifty connections', async (t) => {
  const [port, start] = await redis(t);
  await start();

  function* counting(name: string): Coroutine<void> {
    const [reader, writer] = yield* openConnection('127.0.0.1', port);
    for (let at = 0; at < 200; at++) writer.write(command('INCR', 'shared'));
    writer.write(command('SET', name, `value of ${name}`));
    writer.write(command('GET', name));
    let last = 0;
    for (let at = 0; at < 200; at++) {
      const count = (yield* reply(reader)) as number;
      t.true(count > last);
      last = count;
    }
    t.is(yield* reply(reader), 'OK');
    t.is(String(yield* reply(reader)), `value of ${name}`);
    writer.close();
    yield* writer.waitClosed();
  }

  await run(
    (function* (): Coroutine<void> {
      yield* gather(Array.from({ length: 50 }, (_, at) => counting(`key:${at}`)));
      const [reader, writer] = yield* openConnection('127.0.0.1', port);
      const big = patterned(5_000_000);
      writer.write(command('SET', 'big', big));
      writer.write(command('GET', 'big'));
      writer.write(command('GET', 'shared'));
      t.is(yield* reply(reader), 'OK');
      t.true(((yield* reply(reader)) as Buffer).equals(big));
      t.is(String(yield* reply(reader)), String(50 * 200));
      writer.close();
    })(),
  );
});

test.serial('the example of a client finds a redis-server that was killed and started again', async (t) => {
  const { RedisClient } = (await import(`${ROOT}/examples/redis-client/redis.mjs`)) as {
    RedisClient: new (
      host: string,
      port: number,
    ) => { call(...words: string[]): Future<unknown>; close(): Coroutine<void> };
  };
  const [port, start] = await redis(t);
  const first = await start();
  await run(
    (function* (): Coroutine<void> {
      const client = new RedisClient('127.0.0.1', port);
      t.is(yield* client.call('SET', 'key', 'value'), 'OK');
      // An answer that never comes: the server is gone before.
      const lost = client.call('BLPOP', 'nothing', '0');
      first.kill('SIGKILL');
      yield* fromPromise(once(first, 'close'));
      const waiting = client.call('PING');
      yield* fromPromise(start());
      t.is(yield* waiting, 'PONG');
      t.true(lost.exception() instanceof ConnectionError);
      t.is(yield* client.call('GET', 'key'), null);
      yield* client.close();
    })(),
  );
});

test.serial(
  'a client on streams gets 10 MB from a real nginx, several times over one connection',
  async (t) => {
    const [folder, remove] = temporaryFolder();
    const port = await freePort();
    const content = patterned(10_000_000);
    writeFileSync(join(folder, 'big'), content);
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(' ');
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}
     http { ${paths} access_log off; server { listen 127.0.0.1:${port}; root ${folder}; } }`,
    );
    const server = await launch('/usr/sbin/nginx', ['-c', join(folder, 'nginx.conf')], 'nginx-light');
    t.teardown(remove);
    t.teardown(() => server.kill('SIGKILL'));
    await listening({ port, host: '127.0.0.1' }, server);

    function* get(reader: StreamReader, writer: StreamWriter): Coroutine<Uint8Array> {
      writer.write('GET /big HTTP/1.1\r\nHost: test\r\n\r\n');
      const head = String(yield* reader.readuntil(Buffer.from('\r\n\r\n')));
      t.regex(head, /^HTTP\/1\.1 200 OK/);
      return yield* reader.readexactly(Number(/Content-Length: (\d+)/.exec(head)![1]));
    }

    await run(
      (function* (): Coroutine<void> {
        const [reader, writer] = yield* openConnection('127.0.0.1', port);
        for (let round = 0; round < 3; round++) t.true(content.equals(yield* get(reader, writer)));
        writer.close();
        yield* writer.waitClosed();
      })(),
    );
  },
);
