import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { example, output, patterned } from './programs.js';

const start = (...options: string[]): ReturnType<typeof example> =>
  example('http-server/server.mjs', ...options);

const curl = (...args: string[]): Promise<Buffer> => output('curl', ['-sS', '--max-time', '30', ...args]);

let server: ChildProcess;
let base = '';
let port = 0;

test.before(async () => {
  [server, port] = await start();
  base = `http://127.0.0.1:${port}`;
});

test.after.always(() => server.kill('SIGKILL'));

test('curl gets a page, its head, and 404 for another', async (t) => {
  t.is(String(await curl(`${base}/`)), 'hello\n');
  t.regex(String(await curl('-I', `${base}/`)), /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 6\r\n/);
  t.is(String(await curl('-o', '/dev/null', '-w', '%{http_code}', `${base}/no`)), '404');
});

test('curl reuses a connection, and not with HTTP/1.0', async (t) => {
  const counts = ['-o', '/dev/null', '-w', '%{num_connects} '];
  t.is(String(await curl(...counts, `${base}/`, ...counts, `${base}/`, ...counts, `${base}/`)), '1 0 0 ');
  t.regex(String(await curl('-i', '--http1.0', `${base}/`)), /Connection: close/);
});

test('curl posts bodies, with their length and in chunks, also those it asks for first', async (t) => {
  const body = patterned(3_000_000);
  const post = ['-sS', '--max-time', '30', '--data-binary', '@-'];
  t.true((await output('curl', [...post, `${base}/echo`], 'curl', body)).equals(body));
  t.true(
    (
      await output('curl', [...post, '-H', 'Transfer-Encoding: chunked', `${base}/echo`], 'curl', body)
    ).equals(body),
  );
  t.true(
    (await output('curl', [...post, '-H', 'Expect: 100-continue', `${base}/echo`], 'curl', body)).equals(
      body,
    ),
  );
});

test('curl sends a body slowly, and gets it back', async (t) => {
  const body = patterned(100_000);
  const slow = ['-sS', '--max-time', '30', '--limit-rate', '200K', '--data-binary', '@-', `${base}/echo`];
  t.true((await output('curl', slow, 'curl', body)).equals(body));
});

test('wrk gets nothing but good answers, from fifty connections at once', async (t) => {
  const printed = String(await output('wrk', ['-d1s', '-t1', '-c50', `${base}/`]));
  t.regex(printed, /Requests\/sec/);
  t.notRegex(printed, /Socket errors|Non-2xx/);
});

/** What the server sends until it closes the connection. */
async function raw(request: string | Buffer, to = port): Promise<string> {
  const socket = net.connect(to, '127.0.0.1');
  socket.write(request);
  return text(socket);
}

test('what is malformed gets a status that says so, and the connection ends', async (t) => {
  const cases: [request: string, status: number][] = [
    ['nonsense\r\n\r\n', 400],
    ['GET / HTTP/3.0\r\n\r\n', 505],
    ['GET / HTTP/1.1\r\nno colon\r\n\r\n', 400],
    ['POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n', 400],
    ['POST /echo HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n', 413],
    ['POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n', 501],
    ['POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
    ['POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\n${'x'.repeat(40_000)}`, 431],
  ];
  for (const [request, status] of cases) {
    t.regex(await raw(request), new RegExp(`^HTTP/1\\.1 ${status} `), request.slice(0, 50));
  }
});

test('requests that come together are answered in order', async (t) => {
  const answers = await raw(
    'GET / HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n',
  );
  t.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
});

test('a silent connection is closed after the idle time, and SIGTERM ends the server', async (t) => {
  const [other, its] = await start('--idle', '0.05');
  t.is(await raw('', its), '');
  other.kill('SIGTERM');
  const [code] = (await once(other, 'close')) as [number];
  t.is(code, 0);
});
