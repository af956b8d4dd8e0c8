// @ts-check
/**
 * One peer at one case, in a process of its own: no case inherits what the JIT learned from another.
 *
 * `node worker.mjs PEER CASE`; each line on standard input is the length of a round in seconds and is answered with
 * a line of JSON. The Python peer speaks the same.
 */
import { createInterface } from 'node:readline';
import { findCase } from './cases/index.mjs';
import { measurer } from './measure.mjs';
import { findPeer } from './peers/index.mjs';

const [peerName = '', caseName = ''] = process.argv.slice(2);
const peer = findPeer(peerName);
const work = findCase(caseName);
const { api, start, version } = await peer.open();
const body = work[peer.shape](api);
const round = measurer((operations) => start(body, operations), work);

console.log(JSON.stringify({ ready: true, version }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await round(Number(line))));
}
