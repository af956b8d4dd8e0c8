// @ts-check
/**
 * What scheduling costs: tasks, futures, callbacks and timers of miolo beside the same shapes of its peers.
 *
 * `npm run bench:scheduler`, or after a build `node bench/scheduler/run.mjs`. README.md beside this file says what
 * the options are and what is compared.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cases } from './cases/index.mjs';
import { startChild } from './child.mjs';
import { contestants } from './contestants.mjs';
import { finishedTable, pendingTable } from './memory-tables.mjs';
import { installPeers } from './peers/installed.mjs';
import { caseTable, summaryTable } from './table.mjs';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    cpu: { type: 'boolean', default: false },
    variants: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds ?? (values.full ? 9 : 3));
const seconds = Number(values.seconds ?? (values.full ? 0.25 : 0.05));
const HEAVY_ROUNDS = values.full ? 3 : 1;
const PENDING_TASKS = values.full ? 1_000_000 : 100_000;
const FINISHED_TASKS = values.full ? 10_000_000 : 1_000_000;
/** Warming up goes on in slices until one is not this much faster than the one before, or time is up. */
const WARM = 0.95;
const WARM_UP = values.full ? { slice: 0.25, limit: 5 } : { slice: 0.06, limit: 0.5 };
const REFERENCES = ['miolo base', 'miolo blocking', 'miolo hosted'];

const matches = (/** @type {string} */ name, /** @type {string} */ words) =>
  words.split(',').some((word) => name.includes(word));

/** Peers that are not to be had, and why. @type {Map<string, string>} */
const absent = new Map();
function reportAbsent(/** @type {string} */ name, /** @type {string} */ reason) {
  absent.set(name, reason);
  console.error(`absent: ${name} (${reason})`);
}

const install = !values['no-install'] && !values.variants;
if (install) installPeers(['effect', 'effection']);
const entrants = contestants(reportAbsent, values.variants, install).filter(({ name }) =>
  matches(name, values.peers),
);
/** @type {Map<string, string>} */
const versions = new Map();

/** Every contestant that has this case, started. All start at once; none works until it is asked to. */
async function startAll(work) {
  const started = new Map();
  const entering = entrants.map(async ({ name, version, command }) => {
    const line = absent.has(name) ? null : command(work);
    if (line === null) return null;
    try {
      const [program, ...args] = line;
      const child = await startChild(program, args);
      versions.set(name, version ?? child.version);
      return /** @type {const} */ ([name, child]);
    } catch (error) {
      reportAbsent(name, error.message);
      return null;
    }
  });
  for (const entry of await Promise.all(entering)) if (entry !== null) started.set(...entry);
  return started;
}

async function warmUp(child) {
  let last = Infinity;
  for (let spent = 0; spent < WARM_UP.limit; spent += WARM_UP.slice) {
    const { cpu } = await child.round(WARM_UP.slice);
    if (cpu > last * WARM) return;
    last = cpu;
  }
}

/** Nanoseconds of every round, by contestant. */
async function measure(work) {
  const started = await startAll(work);
  /** @type {Map<string, number[]>} */
  const figures = new Map();
  try {
    // Rounds of a heavy case are so long that what happens before the first is warm matters little.
    if (work.heavy !== true) for (const child of started.values()) await warmUp(child);
    for (let round = 0; round < (work.heavy === true ? HEAVY_ROUNDS : rounds); round++) {
      for (const [name, child] of started) {
        const { wall, cpu } = await child.round(seconds);
        if (round === 0) figures.set(name, []);
        figures.get(name)?.push(values.cpu ? cpu : wall);
      }
    }
  } finally {
    for (const child of started.values()) child.stop();
  }
  return figures;
}

const results = [];
const tables = [];
function show(/** @type {string} */ table) {
  tables.push(table);
  console.log(`\n${table}`);
}

for (const work of cases.filter(({ name }) => matches(name, values.only))) {
  const figures = await measure(work);
  results.push({ name: work.name, title: work.title, figures });
  show(caseTable(work.title, figures, REFERENCES));
}
const present = entrants.filter(({ name }) => !absent.has(name));
if (matches('memory-pending', values.only)) show(pendingTable(present, PENDING_TASKS));
if (matches('memory-finished', values.only)) show(finishedTable(present, FINISHED_TASKS));

const names = entrants.map(({ name }) => name);
const about = [
  `${rounds} interleaved rounds of ${seconds} s (of a million timers: ${HEAVY_ROUNDS}), ` +
    `${values.cpu ? 'CPU' : 'wall'} time, median (smallest-largest).`,
  `Node ${process.versions.node}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores.`,
  ...names
    .filter((name) => versions.get(name) !== undefined)
    .map((name) => `${name}: ${versions.get(name)}.`),
  ...[...absent].map(([name, reason]) => `Absent: ${name} (${reason}).`),
].join('\n');
const summary = `${summaryTable(results, names)}\n\n${about}`;
console.log(`\n### Medians\n\n${summary}`);

if (values.json !== undefined) {
  const plain = results.map((result) => ({ ...result, figures: Object.fromEntries(result.figures) }));
  writeFileSync(values.json, JSON.stringify(plain, null, 2));
}
if (values.write) {
  const file = fileURLToPath(new URL('RESULTS.md', import.meta.url));
  writeFileSync(file, `# What scheduling costs: results\n\n${summary}\n\n${tables.join('\n\n')}\n`);
}
