// @ts-check
/**
 * The demo: a key-value server and its clients in one process, over real sockets.
 *
 * Every reply is checked. Prints live progress, throughput, latency and the final state; exits 0 if all was right.
 */
import { gather, getRunningLoop, run, sleep } from 'miolo';
import { performance } from 'node:perf_hooks';

import { KvClient } from './client.mjs';
import { startKvServer } from './server.mjs';

const SECONDS = 4;
const CLIENTS = 16;
const PIPELINE = 16;

let requests = 0;
/** @type {number[]} Milliseconds of each batch of a client. */
const latencies = [];

/** @param {boolean} right @param {string} what */
function check(right, what) {
  if (!right) throw new Error(`wrong reply: ${what}`);
}

/**
 * One client: batches of pipelined requests whose replies it knows.
 *
 * @param {string} host @param {number} port @param {number} number @param {number} until
 */
function* client(host, port, number, until) {
  const kv = yield* KvClient.connect(host, port);
  const counter = `counter:${number}`;
  let count = 0;
  for (let round = 0; performance.now() < until; round++) {
    const start = performance.now();
    const key = `key:${number}:${round % 100}`;
    const value = `value ${round} of client ${number}`;
    const pending = [kv.send('SET', key, value), kv.send('GET', key)];
    while (pending.length < PIPELINE - 2) pending.push(kv.send('INCR', counter));
    pending.push(kv.send('RPUSH', `list:${number}`, round), kv.send('LRANGE', `list:${number}`, -1, -1));
    const replies = yield* gather(pending);
    latencies.push(performance.now() - start);
    check(replies[0] === 'OK', 'SET');
    check(String(replies[1]) === value, 'GET');
    for (const reply of replies.slice(2, -2)) check(reply === ++count, 'INCR');
    check(replies.at(-2) === round + 1, 'RPUSH');
    check(String(replies.at(-1)) === String(round), 'LRANGE');
    requests += PIPELINE;
  }
  kv.close();
  return count;
}

function* progress() {
  const live = process.stdout.isTTY;
  let last = 0;
  for (let second = 1; ; second++) {
    yield* sleep(1);
    const line = `${second} s: ${(requests - last).toLocaleString('en')} requests/s, ${requests.toLocaleString('en')} in all`;
    process.stdout.write(live ? `\r${line}   ` : `${line}\n`);
    last = requests;
  }
}

/** @param {number} share */
function percentile(share) {
  return /** @type {number} */ (
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]
  );
}

function* main() {
  const loop = /** @type {any} */ (getRunningLoop());
  const server = yield* startKvServer('127.0.0.1', 0);
  const [host, port] = /** @type {any} */ (server.sockets[0]).getsockname();
  console.log(`kv-server on ${host}:${port}, ${CLIENTS} clients, ${PIPELINE} requests in flight each`);

  const watcher = loop.createTask(progress());
  const start = performance.now();
  const until = start + SECONDS * 1000;
  const counts = yield* gather(
    Array.from({ length: CLIENTS }, (_, number) => client(host, port, number, until)),
  );
  const seconds = (performance.now() - start) / 1000;
  watcher.cancel();
  if (process.stdout.isTTY) process.stdout.write('\n');

  latencies.sort((a, b) => a - b);
  console.log(`\n${Math.round(requests / seconds).toLocaleString('en')} requests/s, every reply checked`);
  const shares = /** @type {const} */ ([
    ['p50', 0.5],
    ['p90', 0.9],
    ['p99', 0.99],
    ['p99.9', 0.999],
    ['max', 1],
  ]);
  console.log(
    `latency of a batch of ${PIPELINE}: ${shares.map(([name, share]) => `${name} ${percentile(share).toFixed(2)} ms`).join(', ')}`,
  );

  const kv = yield* KvClient.connect(host, port);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const counters = /** @type {Buffer[]} */ (
    yield* kv.send('MGET', ...counts.map((_, number) => `counter:${number}`))
  );
  check(counters.reduce((sum, count) => sum + Number(count), 0) === total, 'the counters');
  yield* kv.send('SET', 'session', 'expires', 'PX', 50);
  console.log(
    `\nfinal state: ${yield* kv.send('DBSIZE')} keys; the counters sum up to ${total.toLocaleString('en')}, as they must`,
  );
  console.log(
    `list:0 has ${yield* kv.send('LLEN', 'list:0')} elements, the first ${yield* kv.send('LRANGE', 'list:0', 0, 2)}`,
  );
  console.log(`session lives for ${yield* kv.send('PTTL', 'session')} ms more ...`);
  yield* sleep(0.06);
  check((yield* kv.send('EXISTS', 'session')) === 0, 'the expiry of session');
  console.log('... and is gone');
  kv.close();
  server.close();
  yield* server.waitClosed();
}

await run(main());
