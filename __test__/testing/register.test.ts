import { join } from 'node:path';
import test from 'ava';
import { findFailure, replay, shrink } from 'miolo/testing';
import type { Scenario, SearchOptions } from 'miolo/testing';
import { ROOT } from '../helpers.js';

const { BUGS, TROUBLE, scenario } = (await import(join(ROOT, 'examples/register/register.mjs'))) as {
  BUGS: readonly string[];
  TROUBLE: Omit<SearchOptions, 'seeds'>;
  scenario: (bugs?: readonly string[]) => Scenario;
};
const SEEDS = 60;

test('a correct register keeps its promises under every seed', (t) => {
  const failure = findFailure(scenario(), { seeds: SEEDS, ...TROUBLE });
  t.is(failure === null ? null : String(failure), null);
});

for (const bug of BUGS) {
  test(`the planted bug ${bug} is found, fails again identically, and shrinks`, (t) => {
    const failure = findFailure(scenario([bug]), { seeds: SEEDS, ...TROUBLE });
    t.truthy(failure);
    const again = replay(failure!);
    t.deepEqual(again!.trace, failure!.trace);
    t.is(String(again), String(failure));
    const small = shrink(failure!);
    t.true(small.faults.length <= failure!.faults.length);
    t.truthy(replay(small));
    // Minimal: every fault that is left is needed.
    small.faults.forEach((_, i) => {
      const fewer = replay({ ...small, faults: small.faults.filter((_fault, j) => j !== i) });
      t.not((fewer?.error as Error | undefined)?.constructor, (small.error as Error).constructor);
    });
  });
}
