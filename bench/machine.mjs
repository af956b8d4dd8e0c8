// @ts-check
/** What the benchmarks run on, and how their processes share it. */
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

const hasTaskset = spawnSync('taskset', ['-V']).status === 0;

/** The numbers in a list of the operating system, such as `0-3,8`; none where there is no such file. */
function numbersIn(/** @type {string} */ file, pattern = /(.*)/) {
  let text = '';
  try {
    [, text = ''] = pattern.exec(readFileSync(file, 'utf8')) ?? [];
  } catch {
    // Not Linux.
  }
  return text.split(',').flatMap((range) => {
    const [first = NaN, last = first] = range.split('-').map((word) => Number.parseInt(word, 10));
    return Number.isNaN(first) ? [] : Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

const allowed = numbersIn('/proc/self/status', /^Cpus_allowed_list:\s+(.+)$/m);

/** The core that server and client share, so that no figure hides behind an idle one. */
export const SHARED_CORE = allowed[0] ?? 0;

const siblings = numbersIn(`/sys/devices/system/cpu/cpu${SHARED_CORE}/topology/thread_siblings_list`);

/** One that shares nothing with it, where client and server are to be apart; undefined where there is none. */
export const OTHER_CORE = hasTaskset ? allowed.find((core) => !siblings.includes(core)) : undefined;

/** A command that runs on that core. */
export const pinned = (/** @type {readonly string[]} */ command, core = SHARED_CORE) =>
  hasTaskset ? ['taskset', '-c', String(core), ...command] : [...command];

/** A command with as many descriptors as the process may have. */
export const withDescriptors = (/** @type {readonly string[]} */ command) => [
  ...['sh', '-c', 'ulimit -n $(ulimit -H -n); exec "$@"', 'sh'],
  ...command,
];

/** Nanoseconds of processor time that a process has used, all its threads together. */
export function cpuTime(/** @type {number | undefined} */ pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => {
    const [used] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return sum + Number(used);
  }, 0);
}

/** The machine, for below a table. */
export const machine = () =>
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, server and client ` +
  `${hasTaskset ? 'on one core' : 'not pinned (no taskset)'}. Node ${process.versions.node}.`;
