// @ts-check
/** What `npm run bench -- --full` writes: `RESULTS.md`, `results.json` and the plots. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { comparisonTable, figuresOf, namesOf } from './compare.mjs';
import { growthSeries, growthTable } from './growth.mjs';
import { plot } from './plot.mjs';
import { median } from './statistics.mjs';

const beside = (/** @type {string} */ file) => new URL(file, import.meta.url);

/** Processor time a message of each server along an axis, as lines of a plot. */
function curves(results, axis) {
  return namesOf(results[0]).map((name) => ({
    name,
    points: results.map((result) => {
      const all = figuresOf(result, name, 'cpu');
      return { x: result.scenario[axis], y: median(all), low: Math.min(...all), high: Math.max(...all) };
    }),
  }));
}

/** What somebody wrote by hand below the figures stays. */
const NOTES = '## What stands in the way';

function notes() {
  const file = beside('RESULTS.md');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const at = text.indexOf(NOTES);
  return at < 0 ? `${NOTES}\n\nNothing was noted yet.\n` : text.slice(at);
}

export function writeReport({ core, byConnections, bySize, overrides, growth, kv, datagrams, idle, about }) {
  mkdirSync(beside('plots'), { recursive: true });
  const images = [
    [
      'connections',
      'What a message of 64 B costs, by connections',
      'connections',
      curves(byConnections, 'connections'),
    ],
    ['size', 'What a message costs, by size (16 connections)', 'bytes a message', curves(bySize, 'size')],
    ['growth', 'What a timer and a task cost, by number', 'timers or tasks', growthSeries(growth)],
  ];
  for (const [name, title, xLabel, series] of images) {
    writeFileSync(beside(`plots/${name}.svg`), plot({ title, xLabel, yLabel: 'CPU, ns', series }));
  }
  const image = (at) => `![${images[at][1]}](plots/${images[at][0]}.svg)`;
  const sections = [
    '# Results',
    '',
    'Written by `npm run bench -- --full`, but for the last section. [README.md](README.md) says how figures are taken.',
    '',
    about,
    '',
    '## Echo',
    '',
    ...core.flatMap((result) => [comparisonTable(result), '']),
    '## By connections',
    '',
    image(0),
    '',
    ...byConnections.flatMap((result) => [comparisonTable(result), '']),
    '## By size',
    '',
    image(1),
    '',
    ...bySize.flatMap((result) => [comparisonTable(result), '']),
    '## Overrides and debug mode',
    '',
    ...overrides.flatMap((result) => [comparisonTable(result), '']),
    '## By timers and tasks',
    '',
    image(2),
    '',
    growthTable(growth),
    '',
    '## The key-value server beside redis-server',
    '',
    kv === '' ? 'redis-server or redis-benchmark was absent.' : kv,
    '',
    '## Datagrams',
    '',
    datagrams,
    '',
    '## Idle connections',
    '',
    idle,
    '',
    notes(),
  ];
  writeFileSync(beside('RESULTS.md'), `${sections.join('\n').trimEnd()}\n`);
  const plain = growth.map((each) => ({ ...each, figures: Object.fromEntries(each.figures) }));
  writeFileSync(
    beside('results.json'),
    `${JSON.stringify({ about, core, byConnections, bySize, overrides, growth: plain })}\n`,
  );
}
