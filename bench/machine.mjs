// @ts-check
/** What the benchmarks run on, and how their processes share it. */
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';

const hasTaskset = spawnSync('taskset', ['-V']).status === 0;

/** A command that runs on the core that server and client share, so that no figure hides behind an idle one. */
export const pinned = (/** @type {readonly string[]} */ command) =>
  hasTaskset ? ['taskset', '-c', '0', ...command] : [...command];

/** A command with as many descriptors as the process may have. */
export const withDescriptors = (/** @type {readonly string[]} */ command) => [
  ...['sh', '-c', 'ulimit -n $(ulimit -H -n); exec "$@"', 'sh'],
  ...command,
];

/** The machine, for below a table. */
export const machine = () =>
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, server and client ` +
  `${hasTaskset ? 'on one core' : 'not pinned (no taskset)'}. Node ${process.versions.node}.`;
