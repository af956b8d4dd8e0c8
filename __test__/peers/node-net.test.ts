import test from 'ava';
import { launch } from './programs.js';
import { SIZE, conversations } from './wire.js';

const CLIENT = `
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { buffer } from 'node:stream/consumers';
const port = Number(process.argv[1]);
const data = Buffer.alloc(${SIZE});
for (let at = 0; at < data.length; at++) data[at] = (at * 13 + (at >> 8) + (at >> 16)) & 0xff;
const echo = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
echo.write('E');
echo.end(data);
const got = await buffer(echo);
console.log('echo', got.length, createHash('sha256').update(got).digest('hex'));
const cut = net.connect(port, '127.0.0.1');
cut.resume().write('R');
await once(cut, 'end').then(
  () => console.log('no reset'),
  (error) => console.log(error.code === 'ECONNRESET' ? 'reset seen' : error),
);
const last = net.connect(port, '127.0.0.1');
last.write('X');
await once(last, 'data');
last.resetAndDestroy();
console.log('reset sent');
`;

const SERVER = `
import { once } from 'node:events';
import net from 'node:net';
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.once('data', (data) => {
    const what = String.fromCharCode(data[0]);
    if (what === 'R') return socket.resetAndDestroy();
    if (what === 'X') {
      socket.on('error', (error) => console.log(error.code === 'ECONNRESET' ? 'reset seen' : error));
      socket.resume().write('x');
      return;
    }
    socket.write(data.subarray(1));
    socket.pipe(socket);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

const node = (...args: string[]): ReturnType<typeof launch> =>
  launch(process.execPath, ['--input-type=module', '-e', ...args]);

conversations(test, {
  name: 'node:net',
  client: (port) => node(CLIENT, String(port)),
  server: () => node(SERVER),
});
