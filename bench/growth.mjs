// @ts-check
/** What a timer and a task cost, by how many of them there are. */
import { fileURLToPath } from 'node:url';
import { growth } from './scheduler/cases/growth.mjs';
import { startChild } from './scheduler/child.mjs';
import { median, spread } from './statistics.mjs';
import { table } from './table.mjs';

const WORKER = fileURLToPath(new URL('scheduler/worker.mjs', import.meta.url));
const PEERS = ['miolo base', 'miolo blocking'];
/** The heap of a million tasks; V8's default ends the process on small machines. */
const HEAP = '--max-old-space-size=8192';

/**
 * Nanoseconds of each round, by number, by peer and what is counted. Rounds of different numbers are interleaved.
 *
 * @param {{ rounds: number, seconds: number }} options
 */
export async function measureGrowth({ rounds, seconds }) {
  const results = [];
  for (const [what, family] of Object.entries(growth)) {
    for (const peer of PEERS) {
      /** @type {Map<number, number[]>} */
      const figures = new Map();
      for (let round = 0; round < rounds; round++) {
        for (const { name, count } of family) {
          const child = await startChild(process.execPath, [HEAP, WORKER, peer, name]);
          try {
            await child.round(seconds);
            const { cpu } = await child.round(seconds);
            figures.set(count, [...(figures.get(count) ?? []), cpu]);
          } finally {
            child.stop();
          }
        }
      }
      results.push({ what, title: family[0]?.title ?? what, peer, figures });
    }
  }
  return results;
}

/** @param {Awaited<ReturnType<typeof measureGrowth>>} results */
export function growthTable(results) {
  const counts = [...(results[0]?.figures.keys() ?? [])];
  const rows = results.map(({ title, peer, figures }) => [
    `${title}, ${peer}`,
    ...[...figures.values()].map((all) => spread(all)),
  ]);
  return table(['CPU, ns each', ...counts.map((count) => count.toLocaleString('en'))], rows);
}

/** @param {Awaited<ReturnType<typeof measureGrowth>>} results */
export const growthSeries = (results) =>
  results.map(({ what, peer, figures }) => ({
    name: `${what}, ${peer}`,
    points: [...figures].map(([x, all]) => ({
      x,
      y: median(all),
      low: Math.min(...all),
      high: Math.max(...all),
    })),
  }));
