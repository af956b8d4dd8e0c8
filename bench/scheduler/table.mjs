// @ts-check
/** Figures as Markdown tables. */

/** @param {readonly number[]} numbers */
export const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? NaN;

/** @param {number} ns */
export const format = (ns) => (ns < 100 ? ns.toFixed(1) : Math.round(ns).toLocaleString('en'));

/** @param {number} ratio */
const formatRatio = (ratio) => (ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0));

/**
 * One case: each peer's nanoseconds with the spread, and how many times those of each reference they are, taken
 * round by round.
 *
 * @param {string} title
 * @param {Map<string, number[]>} figures nanoseconds of each round, by peer
 * @param {readonly string[]} references peers that the others are compared with
 */
export function caseTable(title, figures, references) {
  const present = references.filter((name) => figures.has(name));
  const lines = [
    `### ${title}`,
    '',
    `| | ns (smallest-largest) |${present.map((name) => ` / ${name} |`).join('')}`,
    `|---|---|${'---|'.repeat(present.length)}`,
  ];
  for (const [name, rounds] of figures) {
    const range = `${format(Math.min(...rounds))}-${format(Math.max(...rounds))}`;
    const ratios = present.map((reference) => {
      const others = figures.get(reference) ?? [];
      return ` ${formatRatio(median(rounds.map((ns, at) => ns / (others[at] ?? NaN))))} |`;
    });
    lines.push(`| ${name} | ${format(median(rounds))} (${range}) |${ratios.join('')}`);
  }
  return lines.join('\n');
}

/**
 * All cases: the medians.
 *
 * @param {readonly { title: string, figures: Map<string, number[]> }[]} results
 * @param {readonly string[]} order of the peers
 */
export function summaryTable(results, order) {
  const names = order.filter((name) => results.some(({ figures }) => figures.has(name)));
  const lines = [`| ns | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`];
  for (const { title, figures } of results) {
    const cells = names.map((name) => (figures.has(name) ? format(median(figures.get(name) ?? [])) : ''));
    lines.push(`| ${title} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}
