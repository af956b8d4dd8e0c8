// @ts-check
/**
 * The key-value example beside a real redis-server, both asked by `redis-benchmark`: `npm run bench:kv`.
 *
 * Rounds are interleaved; server and client share one core. The processor time is the server's, as the operating system
 * accounts it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { pathToFileURL } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuTime, machine, pinned } from './machine.mjs';
import { startServer } from './servers.mjs';
import { spread, whole } from './statistics.mjs';
import { table } from './table.mjs';

const COMMANDS = ['SET', 'GET', 'INCR'];
const REDIS = 'redis-server';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  return port;
}

async function startRedis() {
  const port = String(await freePort());
  const [program, ...args] = pinned([REDIS, '--port', port, '--save', '', '--appendonly', 'no']);
  const child = spawn(program, args, { stdio: 'ignore' });
  for (;;) {
    const socket = connect(Number(port), '127.0.0.1');
    const listens = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (listens) return { name: REDIS, child, port };
    if (child.exitCode !== null) throw new Error(`${REDIS} did not start`);
    await delay(20);
  }
}

function ask({ child, port }, command, pipeline, requests) {
  const before = cpuTime(child.pid);
  const [program, ...args] = pinned([
    ...['redis-benchmark', '-p', port, '-t', command.toLowerCase(), '-P', String(pipeline)],
    ...['-n', String(requests), '-c', '50', '--csv'],
  ]);
  const { stdout, status } = spawnSync(program, args, { encoding: 'utf8' });
  const [, rate] = new RegExp(`^"${command}","([\\d.]+)"`, 'm').exec(stdout) ?? [];
  if (status !== 0 || rate === undefined) throw new Error(`redis-benchmark ${command} failed`);
  return { rate: Number(rate), cpu: (cpuTime(child.pid) - before) / requests };
}

/**
 * The tables; an empty text where there is no redis.
 *
 * @param {{ rounds: number, requests: number }} options requests at a pipeline of 1; sixteen times as many at 16
 */
export async function compareKv({ rounds, requests }) {
  for (const tool of [REDIS, 'redis-benchmark']) {
    if (spawnSync(tool, ['--version']).status !== 0) {
      console.error(`absent: ${tool}`);
      return '';
    }
  }
  const servers = [await startRedis()];
  const parts = [];
  try {
    for (const drive of ['hosted', 'sync']) {
      const command = [process.execPath, 'examples/kv-server/server.mjs', '--port', '0', '--drive', drive];
      const name = `kv-server, ${drive === 'sync' ? 'blocking' : drive}`;
      servers.push(await startServer({ name }, pinned(command)));
    }
    for (const pipeline of [1, 16]) {
      const rows = [];
      for (const command of COMMANDS) {
        const found = [];
        for (let round = 0; round < rounds; round++) {
          found.push(servers.map((server) => ask(server, command, pipeline, requests * pipeline)));
        }
        for (const [at, { name }] of servers.entries()) {
          const ratio = (key) => spread(found.map((round) => round[at][key] / round[0][key]));
          const rates = found.map((round) => round[at].rate);
          rows.push([name, command, ratio('rate'), ratio('cpu'), spread(rates, whole)]);
        }
      }
      const head = ['server', 'command', 'rate / redis-server', 'CPU / redis-server', 'requests/s'];
      parts.push(`### redis-benchmark -P ${pipeline}, 50 connections`, table(head, rows));
    }
  } finally {
    for (const { child } of servers) child.kill('SIGKILL');
  }
  return parts.join('\n\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(await compareKv({ rounds: 3, requests: 50_000 }));
  console.log(`\n3 interleaved rounds; median (smallest-largest). ${machine()}`);
}
