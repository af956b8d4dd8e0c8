// @ts-check
/**
 * The comparison: every server is up at once, round after round each is measured in turn, and ratios are taken within
 * a round.
 *
 * `npm run bench` prints the core table in about two minutes; `npm run bench -- --full` takes everything that
 * `RESULTS.md` shows, writes it, and `results.json` and `plots/` beside it. README.md says what the options are.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compare, comparisonTable } from './compare.mjs';
import { measureGrowth } from './growth.mjs';
import { compareKv } from './kv.mjs';
import { machine, pinned, withDescriptors } from './machine.mjs';
import { writeReport } from './report.mjs';
import { BY_CONNECTIONS, BY_SIZE, CORE } from './scenarios.mjs';
import { YARDSTICK, echoServers, startServer, variantServers } from './servers.mjs';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const options = {
  rounds: Number(values.rounds ?? (values.full ? 5 : 3)),
  seconds: Number(values.seconds ?? 0.3),
};

/** Of the curves: few enough to tell them apart. */
const CURVES = new Set([
  YARDSTICK,
  'miolo protocol, hosted',
  'miolo buffered, hosted',
  'miolo streams, hosted',
  `node:net, Node ${process.versions.node.split('.')[0]}`,
  'node:net, newest Node',
  'uvloop protocol',
  'uvloop streams',
]);

const absent = [];
const servers = echoServers().filter(({ name, command, missing }) => {
  if (name !== YARDSTICK && !name.includes(values.only)) return false;
  if (missing === null) return true;
  absent.push(`${name} (${missing ?? command[0]})`);
  return false;
});
for (const each of absent) console.error(`absent: ${each}`);

const running = [];
async function take(scenarios, among) {
  const results = [];
  for (const scenario of scenarios) {
    const result = await compare(among, scenario, options);
    results.push(result);
    console.log(`\n${comparisonTable(result)}`);
  }
  return results;
}

try {
  for (const server of servers) {
    running.push(await startServer(server, pinned(withDescriptors(server.command))));
  }
  const core = await take(CORE, running);
  const curves = running.filter(({ name }) => CURVES.has(name));
  const byConnections = values.full ? await take(BY_CONNECTIONS, curves) : [];
  const bySize = values.full ? await take(BY_SIZE, curves) : [];
  const about =
    `${options.rounds} interleaved rounds of ${options.seconds} s; median (smallest-largest). ${machine()}` +
    (absent.length > 0 ? ` Absent: ${absent.join(', ')}.` : '');
  console.log(`\n${about}`);
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(core, null, 2));
  if (values.full) {
    const variants = running.filter(({ name }) => name === YARDSTICK);
    for (const server of variantServers()) {
      variants.push(await startServer(server, pinned(server.command)));
      running.push(variants.at(-1));
    }
    const overrides = await take(CORE.slice(0, 3), variants);
    const growth = await measureGrowth({ rounds: 3, seconds: 0.2 });
    const kv = await compareKv({ rounds: options.rounds, requests: 50_000 });
    writeReport({ core, byConnections, bySize, overrides, growth, kv, about });
  }
} finally {
  for (const { child } of running) child.kill('SIGKILL');
}
