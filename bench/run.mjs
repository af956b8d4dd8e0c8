// @ts-check
/**
 * The comparison: every server is up at once, round after round each is measured in turn, and ratios are taken within
 * a round. `npm run bench` (about two minutes); `-- --rounds N --seconds S --json FILE`.
 *
 * Server and client share one core, so that no figure hides behind an idle one: rates then include the client's own
 * work, and the CPU time a message is the figure to compare.
 */
import { spawn, spawnSync } from 'node:child_process';
import { on, once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.4' },
    json: { type: 'string' },
    only: { type: 'string' },
  },
});

const LOADGEN = 'target/release/miolo-loadgen';
const NEWEST = process.env['NODE_NEWEST'] ?? 'bench/peers/node_modules/node/bin/node';

const scenarios = [
  { name: '64 B, 128 connections', size: 64, connections: 128, pipeline: 1 },
  { name: '1 KiB, 128 connections', size: 1024, connections: 128, pipeline: 1 },
  { name: '1 KiB, 128 connections, 16 in flight', size: 1024, connections: 128, pipeline: 16 },
  { name: '16 KiB, 128 connections', size: 16384, connections: 128, pipeline: 1 },
  { name: '64 B, 1 connection', size: 64, connections: 1, pipeline: 1 },
];

const major = process.versions.node.split('.')[0];
const miolo = (api, drive) => [process.execPath, 'bench/echo-server.mjs', '--api', api, '--drive', drive];
const servers = [
  { name: 'bare mio', command: ['target/release/mio-echo'] },
  { name: 'miolo (Rust)', command: ['target/release/examples/echo'] },
  { name: 'miolo protocol, hosted', command: miolo('protocol', 'hosted') },
  { name: 'miolo buffered, hosted', command: miolo('buffered', 'hosted') },
  { name: 'miolo borrowed, hosted', command: miolo('borrowed', 'hosted') },
  { name: 'miolo protocol, blocking', command: miolo('protocol', 'sync') },
  { name: 'miolo borrowed, blocking', command: miolo('borrowed', 'sync') },
  { name: `node:net, Node ${major}`, command: [process.execPath, 'bench/node-net-echo.mjs'] },
  { name: 'node:net, newest Node', command: [NEWEST, 'bench/node-net-echo.mjs'] },
].filter(({ name, command }) => {
  if (values.only !== undefined && name !== 'bare mio' && !name.includes(values.only)) return false;
  if (existsSync(command[0])) return true;
  console.error(`absent: ${name} (${command[0]})`);
  return false;
});

const hasTaskset = spawnSync('taskset', ['-V']).status === 0;
const pinned = (command) => (hasTaskset ? ['taskset', '-c', '0', ...command] : command);

async function start(server) {
  const [program, ...args] = pinned(server.command);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const [data] of on(child.stdout, 'data', { close: ['end'] })) {
    text += data;
    const match = /^ready (\d+)/m.exec(text);
    if (match !== null) return { ...server, child, port: match[1] };
  }
  throw new Error(`${server.name} did not start`);
}

async function measure(server, { size, connections, pipeline }) {
  const [program, ...args] = pinned([
    ...[LOADGEN, '--port', server.port, '--pid', String(server.child.pid)],
    ...['--size', String(size), '--connections', String(connections), '--pipeline', String(pipeline)],
    ...['--warmup', '0.15', '--seconds', values.seconds],
  ]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data) => (text += data));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`measuring ${server.name} failed`);
  return JSON.parse(text);
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const spread = (numbers) =>
  `${median(numbers).toFixed(2)} (${Math.min(...numbers).toFixed(2)}-${Math.max(...numbers).toFixed(2)})`;

const running = [];
for (const server of servers) running.push(await start(server));
const results = [];
try {
  for (const scenario of scenarios) {
    const rounds = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      const figures = {};
      for (const server of running) figures[server.name] = await measure(server, scenario);
      rounds.push(figures);
    }
    results.push({ scenario: scenario.name, rounds });
    console.log(`\n### ${scenario.name}\n`);
    console.log(
      '| server | CPU a message / bare mio | rate / bare mio | CPU, ns | messages/s | p50, us | p99, us |',
    );
    console.log('|---|---|---|---|---|---|---|');
    for (const { name } of running) {
      const of = (key) => rounds.map((figures) => figures[name][key]);
      const ratio = (key) => rounds.map((figures) => figures[name][key] / figures['bare mio'][key]);
      console.log(
        `| ${name} | ${spread(ratio('cpu'))} | ${spread(ratio('rate'))} | ${Math.round(median(of('cpu')))} | ` +
          `${Math.round(median(of('rate'))).toLocaleString('en')} | ${median(of('p50'))} | ${median(of('p99'))} |`,
      );
    }
  }
} finally {
  for (const { child } of running) child.kill('SIGKILL');
}
console.log(
  `\n${values.rounds} interleaved rounds of ${values.seconds} s; median (smallest-largest). ` +
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, server and client ` +
    `${hasTaskset ? 'on one core' : 'not pinned (no taskset)'}. Node ${process.versions.node}.`,
);
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, null, 2));
