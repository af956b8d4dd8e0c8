import { join } from 'node:path';
import test from 'ava';
import type { ContractCheck } from 'miolo/testing';
import { ROOT } from '../helpers.js';

const contract = (await import(join(ROOT, '__test__/browser/page/contract.mjs'))) as {
  readonly checks: readonly ContractCheck[];
};

for (const check of contract.checks) {
  test.serial(check.name, async (t) => {
    await check.run();
    t.pass();
  });
}
