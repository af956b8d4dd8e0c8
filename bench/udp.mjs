// @ts-check
/**
 * Datagrams echoed a second, and the server's processor time for each: `npm run bench:udp`.
 *
 * Rounds are interleaved; server and client share one core, as in `run.mjs`.
 */
import { spawnSync } from 'node:child_process';
import { pinned } from './machine.mjs';
import { startServer } from './servers.mjs';
import { median, spread, whole } from './statistics.mjs';

const ROUNDS = 5;
const SECONDS = 0.5;
const kinds = ['dgram', 'miolo-hosted', 'miolo-blocking'];
const scenarios = [
  { name: '64 B, 1 in flight', size: 64, inFlight: 1 },
  { name: '64 B, 64 in flight', size: 64, inFlight: 64 },
  { name: '1200 B, 64 in flight', size: 1200, inFlight: 64 },
];

const servers = [];
for (const name of kinds) {
  servers.push(await startServer({ name }, pinned([process.execPath, 'bench/udp-server.mjs', name])));
}
try {
  for (const { name, size, inFlight } of scenarios) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      const figures = {};
      for (const server of servers) {
        const args = [server.port, size, inFlight, SECONDS, server.child.pid].map(String);
        const [program, ...rest] = pinned(['target/release/udp', ...args]);
        const { stdout, status } = spawnSync(program, rest, { encoding: 'utf8' });
        if (status !== 0) throw new Error(`measuring ${server.name} failed`);
        figures[server.name] = JSON.parse(stdout);
      }
      rounds.push(figures);
    }
    console.log(`\n### ${name}\n`);
    console.log('| server | CPU a datagram / node:dgram | rate / node:dgram | CPU, ns | datagrams/s |');
    console.log('|---|---|---|---|---|');
    for (const kind of kinds) {
      const of = (key) => rounds.map((figures) => figures[kind][key]);
      const ratio = (key) => rounds.map((figures) => figures[kind][key] / figures.dgram[key]);
      console.log(
        `| ${kind} | ${spread(ratio('cpu'))} | ${spread(ratio('rate'))} | ${whole(median(of('cpu')))} | ` +
          `${whole(median(of('rate')))} |`,
      );
    }
  }
} finally {
  for (const { child } of servers) child.kill('SIGKILL');
}
console.log(
  `\n${ROUNDS} interleaved rounds of ${SECONDS} s; median (smallest-largest). Node ${process.versions.node}.`,
);
