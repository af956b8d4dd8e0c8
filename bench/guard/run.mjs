// @ts-check
/**
 * The regression guard: counts, and compares with what is stored. README.md beside this file says what and how.
 *
 * `npm run guard`, or after a build `node bench/guard/run.mjs`; `-- --renew` stores what is counted, `-- --plant NAME`
 * shows how a regression looks, `-- --only WORDS` takes some cases.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compare, summary, table } from './compare.mjs';
import { buildRustHalf, measureRust, rustCases, toolchain } from './rust-half.mjs';
import { measureWhole, wholeCases } from './whole.mjs';

process.chdir(fileURLToPath(new URL('../..', import.meta.url)));
const FILE = 'bench/guard/figures.json';

const { values } = parseArgs({
  options: {
    renew: { type: 'boolean', default: false },
    plant: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});

/** What each plant must show in, in which half. */
const plants = {
  rust: { instructions: 'instructions', allocation: 'allocations', call: 'system calls' },
  whole: {
    crossing: 'crossings a turn',
    call: 'system calls',
    heap: 'heap bytes',
    buffer: 'buffer bytes',
  },
};

/** Says what is in the way, if something is. */
function requireTools() {
  const missing = ['valgrind', 'strace'].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
  const reason =
    process.platform !== 'linux'
      ? 'it counts by valgrind and strace, on Linux'
      : missing.length > 0
        ? `${missing.join(' and ')} not found (apt-get install ${missing.join(' ')})`
        : existsSync('dist/index.js')
          ? null
          : 'there is no build (npm run build)';
  if (reason === null) return;
  console.error(`guard: cannot run: ${reason}`);
  process.exit(2);
}

requireTools();
const { plant: asked } = values;
if (asked !== undefined && !(asked in plants.rust || asked in plants.whole)) {
  throw new Error(`no such plant: ${asked}`);
}
const stored = JSON.parse(readFileSync(FILE, 'utf8'));
const tools = toolchain();
const [node = ''] = process.versions.node.split('.');

/** Another compiler makes other code, as does another C library; other machines have other instructions. */
function rustTolerance(/** @type {string} */ kind) {
  if (kind !== 'instructions') return stored.tolerances[kind];
  const { rustc, target, libc } = stored.rust;
  if (tools.target !== target) return null;
  const same = tools.rustc === rustc && tools.libc === libc;
  return stored.tolerances[same ? kind : 'instructions by other tools'];
}

/** Another Node has another V8 and another libuv; crossings are ours alone. */
const wholeOfNode = stored.whole[node] ?? stored.whole[stored.reference];
function wholeTolerance(/** @type {string} */ kind) {
  const ofNode = kind === 'heap bytes' || kind === 'system calls';
  return ofNode && stored.whole[node] === undefined ? null : stored.tolerances[kind];
}

const chosen = (/** @type {{ name: string }} */ { name }) => name.includes(values.only);
const halves = [
  {
    ...{ name: 'rust', measure: measureRust, cases: rustCases.filter(chosen) },
    ...{ figures: stored.rust.figures, toleranceOf: rustTolerance },
  },
  {
    ...{ name: 'whole', measure: measureWhole, cases: wholeCases.filter(chosen) },
    ...{ figures: wholeOfNode, toleranceOf: wholeTolerance },
  },
];

/** Plants a regression of each kind in the first case: says which the guard does not see. */
async function blindness() {
  const unseen = [];
  for (const { name, measure, toleranceOf } of halves) {
    const work = /** @type {any} */ (name === 'rust' ? rustCases : wholeCases)[0];
    const clean = /** @type {any} */ (await measure(work));
    for (const [plant, kind] of Object.entries(plants[name])) {
      // What is not measured here was told of already.
      if (clean[kind] === null || toleranceOf(kind) === null) continue;
      const rows = compare(work.name, clean, await measure(work, plant), toleranceOf);
      if (rows.find((row) => row.kind === kind)?.verdict !== 'worse') unseen.push(`${name}: ${plant}`);
    }
  }
  return unseen;
}

const planted = (/** @type {string} */ half) =>
  asked !== undefined && asked in plants[half] ? asked : undefined;

const start = performance.now();
console.log(`guard: Node ${process.versions.node}, rustc ${tools.rustc}, ${tools.target}, ${tools.libc}`);
buildRustHalf();
const rows = [];
/** @type {Record<string, Record<string, import('./compare.mjs').Figures>>} */
const counted = {};
for (const { name, measure, cases, figures, toleranceOf } of halves) {
  const half = (counted[name] = {});
  for (const work of cases) {
    const now = await measure(/** @type {any} */ (work), planted(name));
    half[work.name] = now;
    rows.push(...compare(`${name}: ${work.name}`, figures?.[work.name] ?? {}, now, toleranceOf));
  }
}

if (values.renew) {
  if (asked !== undefined) throw new Error('a planted regression is not to be stored');
  // What could not be measured is left out.
  const rounded = (/** @type {any} */ figures) =>
    JSON.parse(JSON.stringify(figures), (_, value) =>
      typeof value === 'number' ? Number(value.toFixed(5)) : (value ?? undefined),
    );
  // Figures by other tools are not to be mixed with these.
  const { figures: former, ...by } = stored.rust;
  const kept = Object.entries(tools).every(([name, value]) => by[name] === value) ? former : {};
  stored.rust = { ...tools, figures: { ...kept, ...rounded(counted['rust']) } };
  stored.whole[node] = { ...stored.whole[node], ...rounded(counted['whole']) };
  writeFileSync(FILE, `${JSON.stringify(stored, null, 2)}\n`);
  console.log(`guard: ${rows.length} figures stored in ${FILE}`);
} else {
  console.log(table(rows));
  const unseen = asked === undefined ? await blindness() : [];
  const { line, passed } = summary(rows);
  for (const row of rows) if (row.verdict === 'worse') console.log(`worse: ${row.name}, ${row.kind}`);
  if (rows.some(({ verdict }) => verdict === 'not measured')) {
    console.log('guard: the system does not let strace see system calls here; those were not measured');
  }
  if (rows.some(({ verdict }) => verdict === 'better' || verdict === 'not stored')) {
    console.log('guard: what is better or not stored asks for `npm run guard -- --renew`');
  }
  for (const plant of unseen) console.log(`guard: BLIND to a planted regression (${plant})`);
  console.log(`guard: ${((performance.now() - start) / 1000).toFixed(0)} s`);
  console.log(line);
  if (!passed || unseen.length > 0) process.exitCode = 1;
}
