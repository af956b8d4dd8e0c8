import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ROOT } from '../helpers.js';

/** What a program did. */
export interface Outcome {
  readonly lines: string[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/**
 * Runs a program in a process of its own and sends it signals.
 *
 * @param signals by a line that the program prints: what is sent to it then
 */
export async function converse(
  source: string,
  signals: Readonly<Record<string, NodeJS.Signals>>,
): Promise<Outcome> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: ROOT,
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    const signal = signals[line];
    if (signal !== undefined) child.kill(signal);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { lines, code, signal, stderr };
}

/** The two drives: how a program of theirs is run, and a loop of it. */
export const DRIVES: readonly (readonly [name: string, run: string, runUntilComplete: string])[] = [
  ['a hosted run', 'await run', 'await loop.runUntilComplete'],
  ['a blocking run', 'runSync', 'loop.runUntilCompleteSync'],
];
