// @ts-check
/**
 * What tasks take and give back: `node --expose-gc memory.mjs PEER pending COUNT` measures COUNT tasks that sleep,
 * `... finished COUNT` makes and finishes COUNT tasks in batches and measures the heap before and after.
 */
import { memory as bodies } from './cases/memory.mjs';
import { findPeer } from './peers/index.mjs';

const [peerName = '', what = '', count = '0'] = process.argv.slice(2);
const collect = /** @type {() => void} */ (globalThis.gc);
const peer = findPeer(peerName);
const { api, start } = await peer.open();
const make = bodies[what][peer.shape];

function measure() {
  // Twice: what finalizers of the first let go is collected by the second.
  collect();
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}

/** In the body, at the moments that count. @type {{ heap: number, resident: number }[]} */
const marks = [];
const mark = () => marks.push(measure());
const run = start(make(api, mark), Number(count));

/** Before the tasks are there, and while all are or after all are gone. */
function report() {
  const [before, after] = marks;
  if (before === undefined || after === undefined) throw new Error('the body did not mark twice');
  console.log(JSON.stringify({ before, after }));
  // What still sleeps is not worth waiting for.
  process.exit(0);
}
await run;
report();
