// @ts-check
/** Measures servers that are all up at once, round after round each in turn; ratios are taken within a round. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pinned, withDescriptors } from './machine.mjs';
import { YARDSTICK } from './servers.mjs';
import { median, spread, whole } from './statistics.mjs';

/** @typedef {import('./scenarios.mjs').Scenario} Scenario */
/** @typedef {Record<string, { rate: number, cpu: number, p50: number, p99: number, p999: number }>} Round figures by server */
/** @typedef {{ scenario: Scenario, rounds: Round[] }} Result */

const LOADGEN = 'target/release/miolo-loadgen';

async function measure(server, { size, connections, pipeline, connect }, seconds) {
  const [program, ...args] = pinned(
    withDescriptors([
      ...[LOADGEN, '--port', server.port, '--pid', String(server.child.pid)],
      ...['--size', String(size), '--connections', String(connections), '--pipeline', String(pipeline)],
      ...['--warmup', '0.15', '--seconds', String(seconds), ...(connect === true ? ['--connect'] : [])],
    ]),
  );
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data) => (text += data));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`measuring ${server.name} failed`);
  return JSON.parse(text);
}

/**
 * @param {readonly { name: string }[]} servers that run
 * @param {Scenario} scenario
 * @param {{ rounds: number, seconds: number }} options
 * @returns {Promise<Result>}
 */
export async function compare(servers, scenario, { rounds, seconds }) {
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const figures = {};
    for (const server of servers) figures[server.name] = await measure(server, scenario, seconds);
    found.push(figures);
  }
  return { scenario, rounds: found };
}

/** The names of the servers of a result. @param {Result} result */
export const namesOf = ({ rounds }) => Object.keys(rounds[0] ?? {});

/** Each round's figure of a server. @param {Result} result */
export const figuresOf = ({ rounds }, name, key) => rounds.map((figures) => figures[name][key]);

/** The same as a multiple of the yardstick's. @param {Result} result */
export const ratiosOf = ({ rounds }, name, key) =>
  rounds.map((figures) => figures[name][key] / figures[YARDSTICK][key]);

/** @param {Result} result */
export function comparisonTable(result) {
  const lines = [
    `### ${result.scenario.name}`,
    '',
    '| server | CPU a message / bare mio | rate / bare mio | CPU, ns | messages/s | p50, us | p99, us | p999, us |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const name of namesOf(result)) {
    const of = (key) => median(figuresOf(result, name, key));
    lines.push(
      `| ${name} | ${spread(ratiosOf(result, name, 'cpu'))} | ${spread(ratiosOf(result, name, 'rate'))} | ` +
        `${whole(of('cpu'))} | ${whole(of('rate'))} | ${of('p50')} | ${of('p99')} | ${of('p999')} |`,
    );
  }
  return lines.join('\n');
}
