// @ts-check
/**
 * The whole, counted in a process of its own: border crossings, turns, system calls, and bytes of memory a message.
 *
 * One process counts crossings while strace notes its system calls, another one memory: to count crossings takes memory.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SCENARIO = 'bench/guard/scenario.mjs';

/**
 * One thread compiles and collects, so that it is done at the same place each time. There is room for what a run leaves,
 * so that little is collected.
 */
const FLAGS = ['--single-threaded', '--min-semi-space-size=64', '--max-semi-space-size=64', '--expose-gc'];

/** Calls by which V8 manages memory and threads, at times of its own. */
const OWN_CALLS = new Set(['brk', 'futex', 'madvise', 'mmap', 'mprotect', 'munmap']);

/** A turn brings 64 KiB at most, so that no batch is split. */
const loads = [
  { name: '64 B, 1 connection', connections: 1, bytes: 64, inFlight: 1, window: 1024 },
  { name: '1 KiB, 16 connections, 4 in flight', connections: 16, bytes: 4096, inFlight: 4, window: 64 },
  { name: '16 KiB, 4 connections', connections: 4, bytes: 16384, inFlight: 1, window: 64 },
];

/** Ticks in a window of the run that is traced. */
const TRACED = 40;

/** A run takes a second; one that hangs fails. */
const LIMIT = { timeout: 120_000, killSignal: /** @type {const} */ ('SIGKILL') };

export const wholeCases = ['protocol', 'buffered', 'borrowed', 'streams'].flatMap((api) =>
  ['hosted', 'blocking'].flatMap((drive) =>
    loads.map((load) => ({ ...load, name: `${api}, ${drive}: ${load.name}`, api, drive })),
  ),
);

/** The system calls of the main thread between the two marks. @param {string} trace */
export function readTrace(trace) {
  const [, middle = '', ...rest] = trace.split(/^.*miolo-guard-(?:begins|ends).*$/m);
  if (rest.length !== 1) throw new Error('the trace of the system calls has no marks');
  /** @type {Map<string, number>} */
  const calls = new Map();
  for (const [, name = ''] of middle.matchAll(/^(?:\d+ +)?([a-z]\w*)\(/gm)) {
    if (!OWN_CALLS.has(name)) calls.set(name, (calls.get(name) ?? 0) + 1);
  }
  return calls;
}

/** @param {string[]} command */
async function scenario(command) {
  const [program = '', ...args] = command;
  const { stdout } = await promisify(execFile)(program, args, LIMIT);
  return JSON.parse(stdout);
}

/** Runs `command` and counts its system calls; null where the system does not let strace see them. */
async function traced(/** @type {string[]} */ command) {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-guard-'));
  try {
    const log = join(folder, 'log');
    // Without -f: threads other than the loop's are not looked at.
    const options = ['-o', log, '-e', 'signal=none', '-s', '40'];
    try {
      const counted = await scenario(['strace', ...options, ...command]);
      return { counted, calls: readTrace(readFileSync(log, 'utf8')) };
    } catch (error) {
      if (!/ptrace/i.test(/** @type {{ stderr?: string }} */ (error).stderr ?? '')) throw error;
      return { counted: await scenario(command), calls: null };
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const sum = (/** @type {Iterable<number>} */ numbers) => [...numbers].reduce((total, one) => total + one, 0);

/**
 * The figures of one case, and the system calls by name, a message.
 *
 * @param {typeof wholeCases[number]} work
 * @param {string} [plant] what is to make it dearer
 */
export async function measureWhole(work, plant) {
  const command = (/** @type {string} */ mode, /** @type {number} */ window) => [
    ...[process.execPath, ...FLAGS, SCENARIO, mode, work.api, work.drive],
    ...[work.connections, work.bytes, window].map(String),
    ...(plant === undefined ? [] : [plant]),
  ];
  const [{ counted, calls }, memory] = await Promise.all([
    traced(command('crossings', TRACED)),
    scenario(command('memory', work.window)),
  ]);
  const messages = counted.messages * work.inFlight;
  return {
    'crossings a turn': counted.crossings / counted.turns,
    'turns a message': counted.turns / messages,
    // The client's own are known.
    'system calls': calls === null ? null : (sum(calls.values()) - counted.calls) / messages,
    'heap bytes': memory.heap / work.inFlight,
    'buffer bytes': memory.arrayBuffers / work.inFlight,
  };
}
