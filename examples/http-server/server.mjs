// @ts-check
/**
 * `node examples/http-server/server.mjs --port 8080`, then `curl http://127.0.0.1:8080/`.
 *
 * `/` says hello, `/echo` gives the body back, anything else is not found. SIGTERM ends it when the
 * requests that it is at have their answers.
 */
import { getRunningLoop, run } from 'miolo';
import { parseArgs } from 'node:util';
import { HttpServer } from './http.mjs';

// oxlint-disable-next-line require-yield -- a handler may wait
function* handle({ method, target, headers, body }) {
  if (target === '/') return { body: `hello\n` };
  if (target === '/echo' && method === 'POST') return { type: headers.get('content-type'), body };
  return { status: 404, body: 'there is no such page\n' };
}

function* main() {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '0' }, idle: { type: 'string', default: '60' } },
  });
  const server = new HttpServer(handle, { idle: Number(values.idle) });
  console.log(`ready ${yield* server.start('127.0.0.1', Number(values.port))}`);
  const loop = getRunningLoop();
  loop.addSignalHandler('SIGTERM', () => server.stop());
  yield* server.waitClosed();
  loop.removeSignalHandler('SIGTERM');
}

await run(main());
