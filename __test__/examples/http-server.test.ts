import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import test from 'ava';
import { example, patterned } from '../peers/programs.js';

const [server, port] = await example('http-server/server.mjs');

test.after.always(() => server.kill('SIGKILL'));

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly reused: boolean;
}

/** Asks by Node's client, which sends a body in chunks if `pieces` are several. */
async function ask(agent: http.Agent, method: string, path: string, pieces: Buffer[] = []): Promise<Answer> {
  const headers = pieces.length === 1 ? { 'Content-Length': pieces[0]!.length } : {};
  const request = http.request({ host: '127.0.0.1', port, agent, method, path, headers });
  for (const piece of pieces) request.write(piece);
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const body = await buffer(response);
  return { status: response.statusCode!, headers: response.headers, body, reused: request.reusedSocket };
}

test('one connection carries pages, heads, bodies of both kinds, and 404', async (t) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const first = await ask(agent, 'GET', '/');
  t.like(first, { status: 200, reused: false });
  t.is(String(first.body), 'hello\n');
  const head = await ask(agent, 'HEAD', '/');
  t.like(head, { status: 200, reused: true });
  t.is(head.headers['content-length'], '6');
  t.is(head.body.length, 0);
  const content = patterned(300_000);
  const whole = await ask(agent, 'POST', '/echo', [content]);
  t.true(whole.reused && whole.body.equals(content));
  const cut = [content.subarray(0, 1), content.subarray(1, 70_000), content.subarray(70_000)];
  const chunked = await ask(agent, 'POST', '/echo', cut);
  t.true(chunked.reused && chunked.body.equals(content));
  t.like(await ask(agent, 'GET', '/missing'), { status: 404, reused: true });
});

test('a head that is too long is refused', async (t) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.write(`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  t.regex(await text(socket), /^HTTP\/1\.1 431 /);
});

test('a request that stays unfinished is given up after the idle time', async (t) => {
  const [impatient, its] = await example('http-server/server.mjs', '--idle', '0.05');
  t.teardown(() => impatient.kill('SIGKILL'));
  for (const start of ['', 'GET / HT', 'POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf']) {
    const socket = net.connect(its, '127.0.0.1');
    socket.write(start);
    t.is(await text(socket), '', start);
  }
});

test('SIGTERM closes resting connections, answers the request that has begun, and ends the server', async (t) => {
  const [other, its] = await example('http-server/server.mjs');
  t.teardown(() => other.kill('SIGKILL'));
  const resting = net.connect(its, '127.0.0.1');
  resting.write('GET / HTTP/1.1\r\n\r\n');
  await once(resting, 'data');
  const busy = net.connect(its, '127.0.0.1');
  busy.write('POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
  const [hint] = (await once(busy, 'data')) as [Buffer];
  t.regex(String(hint), /^HTTP\/1\.1 100 /);
  const ended = once(other, 'close') as Promise<[number | null]>;
  other.kill('SIGTERM');
  await once(resting, 'close');
  busy.write('late');
  t.regex(await text(busy), /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\nlate$/);
  t.deepEqual((await ended)[0], 0);
});
