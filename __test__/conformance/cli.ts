/** `npm run conformance -- [--show ID] FILE...` */
import { isDeepStrictEqual } from 'node:util';
import { type Case, MODES, firstDifference, readCases, traceOf } from './check.ts';
import type { TraceEvent } from './interpreter.ts';

const USAGE = `usage: npm run conformance -- [--show ID] FILE...
Runs the programs of each FILE (.jsonl or .jsonl.gz) on the virtual clock loop and on MioEventLoop with a virtual
clock, each blocking and hosted, and compares the traces with those in the file.
  --show ID   print the first difference of one program side by side`;

/** How many events before the first difference are shown. */
const BEFORE = 6;
const AFTER = 3;

function show({ trace }: Case, ours: readonly TraceEvent[]): void {
  const at = trace.findIndex((event, i) => !isDeepStrictEqual(event, ours[i]));
  const first = at < 0 ? trace.length : at;
  for (let i = Math.max(0, first - BEFORE); i < first; i++) console.log(`    ${JSON.stringify(trace[i])}`);
  for (let i = first; i < first + AFTER; i++) {
    console.log(`  - ${JSON.stringify(trace[i]) ?? '(end)'}`);
    const [time, task, event, ...values] = ours[i] ?? [];
    if (event === 'failed') console.log(`  + ${time} ${task} failed\n${String(values[0])}`);
    else console.log(`  + ${JSON.stringify(ours[i]) ?? '(end)'}`);
  }
}

async function showOne(id: string, files: readonly string[]): Promise<number> {
  for (const file of files) {
    for await (const each of readCases(file)) {
      if (each.program.id !== id) continue;
      for (const mode of MODES) {
        const ours = await traceOf(each.program, mode);
        const equal = isDeepStrictEqual(ours, each.trace);
        console.log(`${mode.loop} loop, ${mode.drive}: ${equal ? 'equal' : 'different (- CPython, + ours)'}`);
        if (!equal) {
          show(each, ours);
          return 1;
        }
      }
      return 0;
    }
  }
  console.error(`no program ${id}`);
  return 2;
}

async function checkAll(files: readonly string[]): Promise<number> {
  let equal = 0;
  let all = 0;
  for (const file of files) {
    for await (const each of readCases(file)) {
      all++;
      const difference = await firstDifference(each);
      if (difference === null) equal++;
      else {
        const { loop, drive } = difference.mode;
        console.log(`differs: ${each.program.id} (${loop} loop, ${drive})`);
      }
    }
  }
  console.log(`conformance: ${equal} of ${all} equal`);
  return equal === all && all > 0 ? 0 : 1;
}

const args = process.argv.slice(2);
if (args[0] === '--show' && args.length >= 3) process.exitCode = await showOne(args[1]!, args.slice(2));
else if (args.length > 0 && !args[0]!.startsWith('-')) process.exitCode = await checkAll(args);
else {
  console.error(USAGE);
  process.exitCode = 2;
}
