import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { ROOT } from '../helpers.js';

const server = spawn(
  process.execPath,
  [
    join(ROOT, 'examples/dns-server/server.mjs'),
    ...['--host', 'example.test=192.0.2.1', '--host', 'other.test=198.51.100.7'],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
let port = 0;

test.before(async () => {
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  port = Number(/ready (\d+)/.exec(String(line))![1]);
});

test.after.always(() => server.kill());

test.serial('a real resolver gets the addresses of the table, and no such name for others', async (t) => {
  const resolver = new Resolver({ timeout: 2_000, tries: 5 });
  resolver.setServers([`127.0.0.1:${port}`]);
  const names = Array.from({ length: 200 }, (_, at) => (at % 2 === 0 ? 'example.test' : 'OTHER.test'));
  t.deepEqual(
    await Promise.all(names.map((name) => resolver.resolve4(name))),
    names.map((name) => [name === 'example.test' ? '192.0.2.1' : '198.51.100.7']),
  );
  await t.throwsAsync(resolver.resolve4('missing.test'), { code: 'ENOTFOUND' });
});

test.serial('what is no question is dropped, and the server goes on', async (t) => {
  const socket = dgram.createSocket('udp4');
  const send = (data: Buffer): void => socket.send(data, port, '127.0.0.1');
  for (let length = 0; length < 64; length++) send(Buffer.alloc(length, 0xff));
  send(Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, 97]));
  const question = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 120, 0, 0, 1, 0, 1]);
  // A datagram may be lost to a full receive buffer: a client of DNS asks again.
  send(question);
  const again = setInterval(() => send(question), 500);
  const [reply] = (await once(socket, 'message')) as [Buffer];
  clearInterval(again);
  t.is(reply.readUInt16BE(0), 7);
  t.is(reply[3]! & 0x0f, 3);
  socket.close();
});
