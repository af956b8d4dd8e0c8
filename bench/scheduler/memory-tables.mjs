// @ts-check
/** What tasks take while they are pending, and whether they give it back. */
import { spawnSync } from 'node:child_process';

/**
 * Runs a measurement in a process of its own.
 *
 * @param {readonly [string, ...string[]]} command
 * @returns {{ before: Record<string, number | null>, after: Record<string, number | null> } | string} why not, if not
 */
function measure([program, ...args]) {
  const { status, signal, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout);
  return /out of memory/.test(stderr)
    ? 'out of memory'
    : (stderr.trim().split('\n').at(-1) ?? String(signal));
}

/** @param {number | null | undefined} bytes @param {number} by */
const divided = (bytes, by) => (typeof bytes === 'number' ? Math.round(bytes / by).toLocaleString('en') : '');
const megabytes = (/** @type {number | null | undefined} */ bytes) =>
  typeof bytes === 'number' ? (bytes / 1e6).toFixed(2) : '';
const difference = ({ before, after }, key) =>
  typeof before[key] === 'number' && typeof after[key] === 'number' ? after[key] - before[key] : null;

/**
 * @param {readonly import('./contestants.mjs').Contestant[]} contestants
 * @param {number} count tasks
 */
export function pendingTable(contestants, count) {
  const lines = ['| | sleeping tasks | heap, bytes each | resident, bytes each |', '|---|---|---|---|'];
  for (const { name, memory, pendingLimit } of contestants) {
    const tasks = Math.min(count, pendingLimit ?? count);
    const command = memory('pending', tasks);
    if (command === null) continue;
    const figures = measure(command);
    const cells =
      typeof figures === 'string'
        ? `${figures} | `
        : `${divided(difference(figures, 'heap'), tasks)} | ${divided(difference(figures, 'resident'), tasks)}`;
    lines.push(`| ${name} | ${tasks.toLocaleString('en')} | ${cells} |`);
  }
  return `### Memory of a pending task\n\n${lines.join('\n')}`;
}

/**
 * @param {readonly import('./contestants.mjs').Contestant[]} contestants
 * @param {number} count tasks
 */
export function finishedTable(contestants, count) {
  const lines = ['| | heap before, MB | heap after, MB | bytes kept a task |', '|---|---|---|---|'];
  for (const { name, memory } of contestants) {
    const command = memory('finished', count);
    if (command === null) continue;
    const figures = measure(command);
    if (typeof figures === 'string') {
      lines.push(`| ${name} | ${figures} | | |`);
      continue;
    }
    const kept = (difference(figures, 'heap') ?? NaN) / count;
    const cells = [megabytes(figures.before['heap']), megabytes(figures.after['heap']), kept.toFixed(3)];
    lines.push(`| ${name} | ${cells.join(' | ')} |`);
  }
  return `### Heap before and after ${count.toLocaleString('en')} tasks\n\n${lines.join('\n')}`;
}
