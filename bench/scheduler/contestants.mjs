// @ts-check
/** All peers as commands: what a case is measured with, a process each. */
import { fileURLToPath } from 'node:url';
import { memory as memoryCases } from './cases/memory.mjs';
import { peers, variants } from './peers/index.mjs';
import { pythonPeers } from './peers/python.mjs';

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {string} [version]
 * @property {(work: { name: string }) => readonly [string, ...string[]] | null} command what answers rounds of a case;
 *   null if it does not have the case
 * @property {(what: 'pending' | 'finished', count: number) => readonly [string, ...string[]] | null} memory likewise
 * @property {number} [pendingLimit] pending tasks beyond which it would take gigabytes or minutes
 */

const here = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url));

/**
 * Megabytes of heap that a process may use for a million tasks; by default V8 ends it at two to four thousand,
 * depending on the machine.
 */
const HEAP_MEGABYTES = 8192;

/**
 * @param {(name: string, reason: string) => void} reportAbsent
 * @param {boolean} ofVariants whether miolo is compared with variants of itself
 * @param {boolean} install whether peers that are missing may be installed
 * @returns {Contestant[]}
 */
export function contestants(reportAbsent, ofVariants, install) {
  const node = (ofVariants ? variants : peers).map(({ name, shape, ...rest }) => ({
    name,
    pendingLimit: 'pendingLimit' in rest ? rest.pendingLimit : undefined,
    command: (work) =>
      work[shape] === undefined ? null : [process.execPath, here('worker.mjs'), name, work.name],
    memory(what, count) {
      if (memoryCases[what][shape] === undefined) return null;
      const options = ['--expose-gc', `--max-old-space-size=${HEAP_MEGABYTES}`];
      return [process.execPath, ...options, here('memory.mjs'), name, what, String(count)];
    },
  }));
  return ofVariants ? node : [...node, ...pythonPeers(reportAbsent, install)];
}
