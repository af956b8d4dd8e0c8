// @ts-check
/** A line plot as SVG: both axes logarithmic, a bar from the smallest to the largest of each point. */

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 210;
const TOP = 40;
const BOTTOM = 50;
const COLOURS = [
  ...[
    '#000000',
    '#c0392b',
    '#2471a3',
    '#1e8449',
    '#b7950b',
    '#7d3c98',
    '#7f8c8d',
    '#d35400',
    '#e377c2',
    '#17becf',
  ],
];

/** @typedef {{ x: number, y: number, low: number, high: number }} Point */

const escape = (/** @type {string} */ text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The powers of ten from below `low` to above `high`. */
function decades(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    found.push(10 ** power);
  return found;
}

const label = (/** @type {number} */ value) =>
  value >= 1e6 ? `${value / 1e6} M` : value >= 1e3 ? `${value / 1e3} k` : String(value);

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.xLabel
 * @param {string} options.yLabel
 * @param {readonly { name: string, points: readonly Point[] }[]} options.series
 */
export function plot({ title, xLabel, yLabel, series }) {
  const points = series.flatMap((each) => each.points);
  const xs = decades(Math.min(...points.map(({ x }) => x)), Math.max(...points.map(({ x }) => x)));
  const ys = decades(Math.min(...points.map(({ low }) => low)), Math.max(...points.map(({ high }) => high)));
  const scale = (value, ticks, from, to) => {
    const [first, last] = [Math.log10(ticks[0]), Math.log10(ticks.at(-1))];
    return (from + ((Math.log10(value) - first) / (last - first || 1)) * (to - from)).toFixed(1);
  };
  const x = (value) => scale(value, xs, LEFT, WIDTH - RIGHT);
  const y = (value) => scale(value, ys, HEIGHT - BOTTOM, TOP);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${LEFT}" y="22" font-size="15">${escape(title)}</text>`,
    `<text x="${LEFT}" y="${HEIGHT - 12}">${escape(xLabel)}</text>`,
    `<text transform="translate(16 ${HEIGHT - BOTTOM}) rotate(-90)">${escape(yLabel)}</text>`,
  ];
  for (const tick of xs) {
    parts.push(
      `<path d="M${x(tick)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#e0e0e0"/>`,
      `<text x="${x(tick)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${label(tick)}</text>`,
    );
  }
  for (const tick of ys) {
    parts.push(
      `<path d="M${LEFT} ${y(tick)}H${WIDTH - RIGHT}" stroke="#e0e0e0"/>`,
      `<text x="${LEFT - 6}" y="${y(tick)}" text-anchor="end" dominant-baseline="middle">${label(tick)}</text>`,
    );
  }
  for (const [at, { name, points: own }] of series.entries()) {
    const colour = COLOURS[at % COLOURS.length];
    const line = own.map((point) => `${x(point.x)} ${y(point.y)}`).join('L');
    parts.push(`<path d="M${line}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const point of own) {
      parts.push(
        `<circle cx="${x(point.x)}" cy="${y(point.y)}" r="3" fill="${colour}"/>`,
        `<path d="M${x(point.x)} ${y(point.low)}V${y(point.high)}" stroke="${colour}"/>`,
      );
    }
    const place = TOP + 10 + at * 18;
    parts.push(
      `<path d="M${WIDTH - RIGHT + 14} ${place}h18" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${WIDTH - RIGHT + 38}" y="${place}" dominant-baseline="middle">${escape(name)}</text>`,
    );
  }
  return `${parts.join('\n')}\n</svg>\n`;
}
