// @ts-check
/** Every case. One has a `name`, a `title`, a body for each shape of peer that can do the same,
 * `fixed` if a batch is always that many operations, and `heavy` if few rounds have to do. */
import callSoon from './call-soon.mjs';
import chain from './chain.mjs';
import { growth } from './growth.mjs';
import handOver from './hand-over.mjs';
import pending from './pending.mjs';
import scopes from './scopes.mjs';
import spawn from './spawn.mjs';
import step from './step.mjs';
import timers from './timers.mjs';

export const cases = [
  ...step,
  ...pending,
  ...callSoon,
  ...spawn,
  ...scopes,
  ...handOver,
  ...chain,
  ...timers,
];

/** @param {string} name */
export function findCase(name) {
  const found = [...cases, ...growth.timers, ...growth.tasks].find((each) => each.name === name);
  if (found === undefined) throw new Error(`no such case: ${name}`);
  return found;
}
