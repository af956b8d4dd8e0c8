// @ts-check
/** Figures beside those that are stored, and what is to be said of each. */

/** @typedef {Record<string, number | null>} Figures what was counted, by kind; null: it could not be */
/** @typedef {{ relative: number, absolute: number }} Tolerance a share of the stored figure, and a part beside it */
/** @typedef {'same' | 'worse' | 'better' | 'not measured' | 'not stored' | 'not comparable'} Verdict */
/**
 * @typedef {object} Row
 * @property {string} name of the case
 * @property {string} kind
 * @property {number | undefined} stored
 * @property {number | null} now
 * @property {Tolerance | undefined} tolerance
 * @property {Verdict} verdict
 */

/**
 * @param {number} stored
 * @param {number} now
 * @param {Tolerance} tolerance
 * @returns {Verdict}
 */
export function judge(stored, now, { relative, absolute }) {
  const margin = stored * relative + absolute;
  // Not `>`: what is not a number is not well.
  if (!(now <= stored + margin)) return 'worse';
  return now < stored - margin ? 'better' : 'same';
}

/**
 * One row for each kind of a case, of those that are stored as well as of those that were counted.
 *
 * @param {string} name
 * @param {Record<string, number>} stored
 * @param {Figures} now
 * @param {(kind: string) => Tolerance | null | undefined} toleranceOf null: figures of this kind are not comparable
 * @returns {Row[]}
 */
export function compare(name, stored, now, toleranceOf) {
  return [...new Set([...Object.keys(stored), ...Object.keys(now)])].map((kind) => {
    const [before, after, tolerance] = [stored[kind], now[kind] ?? null, toleranceOf(kind)];
    const row = { name, kind, stored: before, now: after, tolerance: tolerance ?? undefined };
    if (tolerance === null) return { ...row, verdict: 'not comparable' };
    if (after === null) return { ...row, verdict: 'not measured' };
    if (before === undefined || tolerance === undefined) return { ...row, verdict: 'not stored' };
    return { ...row, verdict: judge(before, after, tolerance) };
  });
}

const number = (/** @type {number | null | undefined} */ value) =>
  value == null ? '-' : value >= 100 ? value.toFixed(1) : String(Number(value.toFixed(4)));

const margin = (/** @type {Tolerance | undefined} */ tolerance) => {
  if (tolerance === undefined) return '-';
  const { relative, absolute } = tolerance;
  const parts = [
    relative > 0 ? `${relative * 100} %` : '',
    absolute > 0 || relative === 0 ? `${absolute}` : '',
  ];
  return `±${parts.filter((part) => part !== '').join(' + ')}`;
};

/** @param {Row[]} rows */
export function table(rows) {
  const head = ['case', 'a message', 'stored', 'now', 'tolerance', 'verdict'];
  const lines = rows.map((row) => [
    ...[row.name, row.kind, number(row.stored), number(row.now), margin(row.tolerance)],
    row.verdict === 'worse' ? 'WORSE' : row.verdict,
  ]);
  const widths = head.map((title, at) =>
    Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)),
  );
  const show = (/** @type {string[]} */ line) =>
    `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [head, widths.map((width) => '-'.repeat(width)), ...lines].map(show).join('\n');
}

/**
 * The last line, and whether the guard lets the change pass. Figures that are not stored do not: a guard without them
 * guards nothing.
 *
 * @param {Row[]} rows
 */
export function summary(rows) {
  const count = (/** @type {Verdict} */ verdict) => rows.filter((row) => row.verdict === verdict).length;
  const others = /** @type {const} */ (['worse', 'better', 'not stored', 'not measured', 'not comparable'])
    .map((verdict) => ({ verdict, times: count(verdict) }))
    .filter(({ times }) => times > 0)
    .map(({ verdict, times }) => `, ${times} ${verdict}`)
    .join('');
  return {
    line: `guard: ${count('same')} of ${rows.length} within tolerance${others}`,
    passed: count('worse') === 0 && count('not stored') === 0 && count('same') + count('better') > 0,
  };
}
