// @ts-check
/** Tables in Markdown that can be read as they stand: columns are aligned. */

/** @typedef {readonly string[]} Row */

/** @param {readonly Row[]} rows the first of them heads; the first cell of each names the row */
function aligned(rows) {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const line = (/** @type {Row} */ row) => `| ${row.join(' | ')} |`;
  const written = rows.map((row) =>
    line(row.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0)))),
  );
  const rule = line(widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)));
  return [written[0], rule, ...written.slice(1)].join('\n');
}

/**
 * One table, or one below the other where a line would be wider than `width`; each begins with the first column.
 *
 * @param {Row} head
 * @param {readonly Row[]} rows
 * @param {number} [width]
 */
export function table(head, rows, width = Infinity) {
  const all = [head, ...rows];
  const widthOf = (/** @type {number} */ at) => 3 + Math.max(...all.map((row) => (row[at] ?? '').length));
  /** @type {number[][]} */
  const parts = [];
  let used = Infinity;
  for (let at = 1; at < head.length; at++) {
    if (used + widthOf(at) > width || parts.length === 0) {
      parts.push([]);
      used = 1 + widthOf(0);
    }
    parts.at(-1)?.push(at);
    used += widthOf(at);
  }
  return parts
    .map((columns) => aligned(all.map((row) => [0, ...columns].map((at) => row[at] ?? ''))))
    .join('\n\n');
}
