// @ts-check
/** Measures servers that are all up at once, round after round each in turn; ratios are taken within a round. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { OTHER_CORE, SHARED_CORE, cpuTime, pinned, withDescriptors } from './machine.mjs';
import { YARDSTICK } from './servers.mjs';
import { spread, tenths, whole } from './statistics.mjs';
import { table } from './table.mjs';

/** @typedef {import('./scenarios.mjs').Scenario} Scenario */
/** @typedef {{ rate: number, cpu: number, p50: number, p99: number, p999: number }} Figures */
/** @typedef {Record<string, Figures>} Round figures by server */
/** @typedef {{ scenario: Scenario, rounds: Round[] }} Result */
/** @typedef {{ rounds: number, seconds: number, verify?: boolean }} Options */

const LOADGEN = 'target/release/miolo-loadgen';

/** Of a round's length, before what counts: what others did meanwhile left the caches, and new connections grow buffers. */
const WARM_UP = 0.5;

/** Waits while a server still closes what the client has left: it would take the core from the one that is next. */
async function untilIdle(/** @type {import('./servers.mjs').Running} */ { child }) {
  const [SLICE, WORKING, PATIENCE] = [5, 0.1, 2000];
  const end = performance.now() + PATIENCE;
  let last = cpuTime(child.pid);
  while (performance.now() < end) {
    await delay(SLICE);
    const now = cpuTime(child.pid);
    if (now - last < SLICE * 1e6 * WORKING) return;
    last = now;
  }
}

async function measure(server, { size, connections, pipeline, connect, apart }, { warmUp, seconds, verify }) {
  const command = withDescriptors([
    ...[LOADGEN, '--port', server.port, '--pid', String(server.child.pid)],
    ...['--size', String(size), '--connections', String(connections), '--pipeline', String(pipeline)],
    ...['--warmup', String(warmUp), '--seconds', String(seconds)],
    ...(connect === true ? ['--connect'] : []),
    ...(verify === true ? ['--verify'] : []),
  ]);
  const [program, ...args] = pinned(command, apart === true ? OTHER_CORE : SHARED_CORE);
  const child = spawn(program ?? '', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data) => (text += data));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`measuring ${server.name} failed`);
  await untilIdle(server);
  return JSON.parse(text);
}

/**
 * @param {readonly import('./servers.mjs').Running[]} servers
 * @param {Scenario} scenario
 * @param {Options} options
 * @param {(name: string, reason: string) => void} leaveOut told of a peer that fails at the scenario
 * @returns {Promise<Result>}
 */
export async function compare(servers, scenario, { rounds, seconds, verify }, leaveOut) {
  const found = [];
  let entrants = [...servers];
  for (let round = 0; round < rounds; round++) {
    /** @type {Round} */
    const figures = {};
    // In the first round a server meets the scenario for the first time.
    const warmUp = round === 0 ? seconds : seconds * WARM_UP;
    for (const server of entrants) {
      try {
        figures[server.name] = await measure(server, scenario, { warmUp, seconds, verify });
      } catch (error) {
        if (!server.peer) throw error;
        leaveOut(server.name, `failed at ${scenario.name}`);
        entrants = entrants.filter(({ name }) => name !== server.name);
      }
    }
    found.push(figures);
  }
  const stayed = new Set(entrants.map(({ name }) => name));
  const complete = found.map((figures) =>
    Object.fromEntries(Object.entries(figures).filter(([name]) => stayed.has(name))),
  );
  return { scenario, rounds: complete };
}

/** The names of the servers of a result. @param {Result} result */
export const namesOf = ({ rounds }) => Object.keys(rounds[0] ?? {});

/**
 * Each round's figure of a server.
 *
 * @param {Result} result
 * @param {string} name
 * @param {keyof Figures} key
 */
export const figuresOf = ({ rounds }, name, key) => rounds.map((figures) => figures[name]?.[key] ?? NaN);

/**
 * The same as a multiple of the yardstick's.
 *
 * @param {Result} result
 * @param {string} name
 * @param {keyof Figures} key
 */
export function ratiosOf(result, name, key) {
  const yardstick = figuresOf(result, YARDSTICK, key);
  return figuresOf(result, name, key).map((figure, round) => figure / (yardstick[round] ?? NaN));
}

/** @typedef {readonly [head: string, key: keyof Figures, write?: (number: number) => string]} Column a ratio if nothing writes */

/** @type {readonly Column[]} */
const LATENCY = [
  ['p50, us', 'p50', tenths],
  ['p99, us', 'p99', tenths],
  ['p999, us', 'p999', tenths],
];
/** @type {readonly Column[]} */
const SHARING = [
  ['CPU / bare mio', 'cpu'],
  ['rate / bare mio', 'rate'],
  ['CPU a message, ns', 'cpu', whole],
  ['messages/s', 'rate', whole],
  ...LATENCY,
];
/** Client and server work at the same time: what counts is how soon an answer is there. @type {readonly Column[]} */
const APART = [
  ['p50 / bare mio', 'p50'],
  ['rate / bare mio', 'rate'],
  ['messages/s', 'rate', whole],
  ...LATENCY,
];

/**
 * @param {Result} result
 * @param {number} [width] of the terminal
 */
export function comparisonTable(result, width) {
  const columns = result.scenario.apart === true ? APART : SHARING;
  const rows = namesOf(result).map((name) => [
    name,
    ...columns.map(([, key, write]) =>
      write === undefined ? spread(ratiosOf(result, name, key)) : spread(figuresOf(result, name, key), write),
    ),
  ]);
  return `### ${result.scenario.name}\n\n${table(['server', ...columns.map(([head]) => head)], rows, width)}`;
}
