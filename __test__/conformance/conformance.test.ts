import { fileURLToPath } from 'node:url';
import test from 'ava';
import { firstDifference, readCases } from './check.ts';

/** The corpora are data: they stay where they are when the tests are compiled. */
const corpus = (name: string): string =>
  fileURLToPath(new URL(`../../../__test__/conformance/${name}.jsonl.gz`, import.meta.url));

for (const name of ['handwritten', 'random']) {
  // One after the other: a loop cannot block while another one is hosted.
  test.serial(`every ${name} program gives CPython's trace on both loops, blocking and hosted`, async (t) => {
    const differing: string[] = [];
    let programs = 0;
    for await (const each of readCases(corpus(name))) {
      programs++;
      const difference = await firstDifference(each);
      if (difference === null) continue;
      differing.push(`${each.program.id} (${difference.mode.loop} loop, ${difference.mode.drive})`);
    }
    t.deepEqual(differing, []);
    t.true(programs > 0);
  });
}
