// @ts-check
/**
 * Datagrams echoed a second, and the server's processor time for each: `npm run bench:udp`. Options: `--rounds N` (5),
 * `--seconds S` (0.5).
 *
 * Rounds are interleaved; server and client share one core, as in `run.mjs`.
 */
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, pinned } from './machine.mjs';
import { startServer } from './servers.mjs';
import { spread, whole } from './statistics.mjs';
import { table } from './table.mjs';

const KINDS = ['dgram', 'miolo-hosted', 'miolo-blocking'];
const SCENARIOS = [
  { name: '64 B, 1 in flight', size: 64, inFlight: 1 },
  { name: '64 B, 64 in flight', size: 64, inFlight: 64 },
  { name: '1200 B, 64 in flight', size: 1200, inFlight: 64 },
];

function measure({ name, port, child }, { size, inFlight }, seconds) {
  const args = [port, size, inFlight, seconds, child.pid].map(String);
  const [program = '', ...rest] = pinned(['target/release/udp', ...args]);
  const { stdout, status } = spawnSync(program, rest, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`measuring ${name} failed`);
  return JSON.parse(stdout);
}

/**
 * The tables.
 *
 * @param {{ rounds: number, seconds: number }} options
 */
export async function compareDatagrams({ rounds, seconds }) {
  const servers = [];
  const parts = [];
  try {
    for (const name of KINDS) {
      const command = [process.execPath, 'bench/udp-server.mjs', name];
      servers.push(await startServer({ name }, pinned(command)));
    }
    for (const scenario of SCENARIOS) {
      const found = [];
      for (let round = 0; round < rounds; round++) {
        found.push(servers.map((server) => measure(server, scenario, seconds)));
      }
      const rows = KINDS.map((kind, at) => {
        const of = (key) => found.map((figures) => figures[at][key]);
        const ratio = (key) => spread(found.map((figures) => figures[at][key] / figures[0][key]));
        return [kind, ratio('cpu'), ratio('rate'), spread(of('cpu'), whole), spread(of('rate'), whole)];
      });
      const head = ['server', 'CPU / node:dgram', 'rate / node:dgram', 'CPU a datagram, ns', 'datagrams/s'];
      parts.push(`### ${scenario.name}`, table(head, rows));
    }
  } finally {
    for (const { child } of servers) child.kill('SIGKILL');
  }
  return parts.join('\n\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '0.5' } },
  });
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  console.log(await compareDatagrams({ rounds, seconds }));
  console.log(`\n${rounds} interleaved rounds of ${seconds} s; median (smallest-largest). ${machine()}`);
}
