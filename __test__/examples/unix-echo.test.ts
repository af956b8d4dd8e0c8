import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { ROOT } from '../helpers.js';
import { patterned, temporaryFolder } from '../peers/programs.js';

async function start(path: string): Promise<ChildProcess> {
  const program = spawn(process.execPath, [join(ROOT, 'examples/unix-echo/server.mjs'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(program.stdout!, 'data');
  return program;
}

test('it echoes to the end of each connection, whether or not another was cut off', async (t) => {
  const [folder, remove] = temporaryFolder();
  t.teardown(remove);
  const path = join(folder, 'socket');
  const server = await start(path);
  t.teardown(() => server.kill('SIGKILL'));
  const cut = net.connect(path);
  cut.write(patterned(1_000_000));
  await once(cut, 'data');
  cut.destroy();
  const content = patterned(2_000_000);
  const echoes = Array.from({ length: 10 }, () => {
    const socket = net.connect({ path, allowHalfOpen: true });
    socket.end(content);
    return buffer(socket);
  });
  for (const echo of await Promise.all(echoes)) t.true(echo.equals(content));
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} closes what is open, removes the path, and the path can be used again`, async (t) => {
    const [folder, remove] = temporaryFolder();
    t.teardown(remove);
    const path = join(folder, 'socket');
    for (let round = 0; round < 2; round++) {
      const server = await start(path);
      t.teardown(() => server.kill('SIGKILL'));
      const socket = net.connect(path);
      socket.write('hello');
      await once(socket, 'data');
      const ended = once(server, 'close') as Promise<[number | null]>;
      server.kill(signal);
      await once(socket, 'close');
      t.is((await ended)[0], 0);
      t.false(existsSync(path));
    }
  });
}
