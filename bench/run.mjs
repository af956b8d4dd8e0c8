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
import { idleMemory } from './idle-memory.mjs';
import { compareKv } from './kv.mjs';
import { OTHER_CORE, machine, pinned, withDescriptors } from './machine.mjs';
import { writeReport } from './report.mjs';
import { BY_CONNECTIONS, BY_SIZE, CORE } from './scenarios.mjs';
import { YARDSTICK, echoServers, inPieces, startServer, variantServers } from './servers.mjs';
import { compareDatagrams } from './udp.mjs';

/** @typedef {import('./servers.mjs').Running} Running */

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'string' },
    only: { type: 'string', default: '' },
    verify: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
  },
});
const options = {
  rounds: Number(values.rounds ?? (values.full ? 5 : 3)),
  seconds: Number(values.seconds ?? (values.full ? 0.3 : 0.2)),
  verify: values.verify,
};

/** Of the curves: few enough to tell them apart. */
const CURVES = new Set([
  YARDSTICK,
  'miolo protocol, hosted',
  'miolo buffered, hosted',
  'miolo streams, hosted',
  `node:net, Node ${process.versions.node.split('.')[0]}`,
  'node:net, newest Node',
  'Bun.listen',
  'tokio',
  'uvloop protocol',
  'uvloop streams',
]);

/** @type {Set<string>} */
const absent = new Set();
function leaveOut(/** @type {string} */ name, /** @type {string} */ reason) {
  const text = `${name} (${reason})`;
  if (!absent.has(text)) console.error(`absent: ${text}`);
  absent.add(text);
}

const servers = echoServers({ install: !values['no-install'] }).filter((server) => {
  if (server.fullOnly === true && !values.full) return false;
  if (server.name !== YARDSTICK && !server.name.includes(values.only)) return false;
  if (server.missing !== null) leaveOut(server.name, server.missing);
  return server.missing === null;
});

/** All that run. @type {Set<Running>} */
const running = new Set();

async function startAll(/** @type {readonly import('./servers.mjs').Server[]} */ wanted) {
  const started = [];
  for (const server of wanted) {
    try {
      started.push(await startServer(server, pinned(withDescriptors(server.command))));
      running.add(/** @type {Running} */ (started.at(-1)));
    } catch (error) {
      if (!server.peer) throw error;
      leaveOut(server.name, 'did not start');
    }
  }
  return started;
}

function stop(/** @type {Iterable<Running>} */ stopping) {
  for (const server of stopping) {
    server.child.kill('SIGKILL');
    running.delete(server);
  }
}

/** As wide as the terminal; whole where nobody looks. */
const width = process.stdout.columns;

async function take(
  /** @type {readonly import('./scenarios.mjs').Scenario[]} */ scenarios,
  /** @type {Running[]} */ among,
) {
  const results = [];
  for (const scenario of scenarios) {
    if (scenario.apart === true && OTHER_CORE === undefined) {
      leaveOut(scenario.name, 'no second core, or no taskset');
      continue;
    }
    const fitting = among.filter(({ apartOnly }) => apartOnly !== true || scenario.apart === true);
    const own = scenario.pieces === undefined ? [] : await startAll(inPieces(fitting, scenario.pieces));
    const result = await compare(scenario.pieces === undefined ? fitting : own, scenario, options, leaveOut);
    stop(own);
    results.push(result);
    console.log(`\n${comparisonTable(result, width)}`);
  }
  return results;
}

try {
  const all = await startAll(servers);
  const core = await take(CORE, all);
  const curves = all.filter(({ name }) => CURVES.has(name));
  const byConnections = values.full ? await take(BY_CONNECTIONS, curves) : [];
  const bySize = values.full ? await take(BY_SIZE, curves) : [];
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(core, null, 2));
  const versions = all.flatMap(({ name, version }) =>
    version === undefined ? [] : [`${name}: ${version}.`],
  );
  const about = () =>
    [
      `${options.rounds} interleaved rounds of ${options.seconds} s; median (smallest-largest). ${machine()}`,
      ...versions,
      ...[...absent].map((text) => `Absent: ${text}.`),
    ].join('\n');
  if (values.full) {
    const variants = await startAll(variantServers());
    const overrides = await take(CORE.slice(0, 3), [
      ...all.filter(({ name }) => name === YARDSTICK),
      ...variants,
    ]);
    stop([...running]);
    const growth = await measureGrowth({ rounds: 3, seconds: 0.2 });
    const kv = await compareKv({ rounds: options.rounds, requests: 50_000 });
    const datagrams = await compareDatagrams({ rounds: options.rounds, seconds: options.seconds });
    const idle = await idleMemory({ servers, rounds: 3, connections: 10_000, leaveOut });
    writeReport({ core, byConnections, bySize, overrides, growth, kv, datagrams, idle, about: about() });
  }
  console.log(`\n${about()}`);
} finally {
  stop([...running]);
}
