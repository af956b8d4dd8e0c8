// @ts-check
/**
 * The Rust half, counted by valgrind: instructions, allocations and system calls a message.
 *
 * Each case runs with few and with many rounds. The difference has no start-up in it, and since callgrind counts what
 * the program executes and not how long that took, it is the same on a busy machine.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PROGRAM = 'target/release/miolo-guard';
const FEW = 100;
const MANY = 600;

/** A run takes a second; one that hangs fails. */
const LIMIT = { timeout: 120_000 };

/** Functions of the C library by which Rust allocates. */
const ALLOCATING = new Set(['malloc', 'calloc', 'realloc', 'posix_memalign', 'aligned_alloc', 'memalign']);

/**
 * What is counted is named by what stands for a message: of a pipelined read of 16 KiB the 16 messages of 1 KiB, of
 * timers each.
 */
export const rustCases = [
  { name: 'echo, 64 B, 1 connection', case: 'single', messages: 1 },
  { name: 'echo, 64 B, 16 connections', case: 'small', messages: 16 },
  { name: 'echo, 1 KiB, 16 connections, 16 in flight', case: 'pipelined', messages: 256 },
  { name: 'echo, 16 KiB, 4 connections', case: 'large', messages: 4 },
  { name: 'connect, echo 64 B, close', case: 'short', messages: 1 },
  { name: 'datagrams, 64 B, 16 in flight', case: 'datagrams', messages: 16 },
  { name: 'timers, added and cancelled', case: 'cancelled', messages: 10 },
  { name: 'timers, added and due', case: 'due', messages: 10 },
];

/** Whose code is counted: the compiler's, for a target, and the C library's. */
export function toolchain() {
  const text = execFileSync('rustc', ['-vV'], { encoding: 'utf8' });
  const field = (/** @type {string} */ name) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '?';
  const { stdout } = spawnSync('getconf', ['GNU_LIBC_VERSION'], { encoding: 'utf8' });
  return { rustc: field('release'), target: field('host'), libc: stdout?.trim() || '?' };
}

export function buildRustHalf() {
  execFileSync('cargo', ['build', '--release', '--quiet', '-p', 'miolo-guard'], { stdio: 'inherit' });
}

/**
 * Instructions and allocations in a file of callgrind's. Names are written once, as `(number) name`.
 *
 * @param {string} text
 */
export function readCallgrind(text) {
  const summary = /^summary: (\d+)/m.exec(text);
  if (summary === null) throw new Error('callgrind told of no instructions');
  /** @type {Map<string, string>} */
  const names = new Map();
  let called = '';
  let allocations = 0;
  for (const line of text.split('\n')) {
    const name = /^c?fn=(\(\d+\))(?: (.+))?$/.exec(line);
    if (name !== null) {
      if (name[2] !== undefined) names.set(name[1] ?? '', name[2]);
      // Recursive callers have names of their own: malloc'2.
      if (line.startsWith('c')) called = names.get(name[1] ?? '')?.replace(/'\d+$/, '') ?? '';
      continue;
    }
    const calls = /^calls=(\d+)/.exec(line);
    if (calls !== null && ALLOCATING.has(called)) allocations += Number(calls[1]);
  }
  return { instructions: Number(summary[1]), allocations };
}

/** @param {string[]} args */
async function count(args) {
  const folder = mkdtempSync(join(tmpdir(), 'miolo-guard-'));
  try {
    const [out, log] = [join(folder, 'out'), join(folder, 'log')];
    const options = [`--callgrind-out-file=${out}`, `--log-file=${log}`, '--trace-syscalls=yes'];
    await promisify(execFile)('valgrind', ['--tool=callgrind', ...options, PROGRAM, ...args], LIMIT);
    // A call that waited has a second line, with its result and without its name.
    const calls = readFileSync(log, 'utf8').match(/^SYSCALL\[\d+,\d+\]\(\s*\d+\) sys_/gm)?.length ?? 0;
    return { ...readCallgrind(readFileSync(out, 'utf8')), calls };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The figures of one case, a message.
 *
 * @param {typeof rustCases[number]} work
 * @param {string} [plant] what is to make it dearer
 */
export async function measureRust(work, plant) {
  const run = (/** @type {number} */ rounds) =>
    count([work.case, String(rounds), ...(plant === undefined ? [] : [plant])]);
  const few = await run(FEW);
  const many = await run(MANY);
  const messages = (MANY - FEW) * work.messages;
  return {
    instructions: (many.instructions - few.instructions) / messages,
    allocations: (many.allocations - few.allocations) / messages,
    'system calls': (many.calls - few.calls) / messages,
  };
}
