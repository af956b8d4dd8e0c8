// @ts-check
/** `node examples/redis-client/main.mjs --port 6379 SET key value`: one command, its reply printed. */
import { parseArgs } from 'node:util';
import { run, timeout } from 'miolo';
import { RedisClient, RedisError } from './redis.mjs';

function* main() {
  const { values, positionals } = parseArgs({
    options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '6379' } },
    allowPositionals: true,
  });
  const client = new RedisClient(values.host, Number(values.port));
  try {
    const reply = yield* timeout(10).run(client.call(...positionals));
    console.log(Buffer.isBuffer(reply) ? reply.toString() : reply);
  } catch (error) {
    if (!(error instanceof RedisError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  } finally {
    yield* client.close();
  }
}

await run(main());
