/** Runs programs and compares their traces with those that CPython gave. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { createGunzip } from 'node:zlib';
import { Interpreter, type Program, type TraceEvent } from './interpreter.ts';
import { type LoopKind, makeLoop } from './loops.ts';

export interface Case {
  readonly program: Program;
  readonly trace: readonly TraceEvent[];
}

/** A loop, and what drives it. */
export interface Mode {
  readonly loop: LoopKind;
  readonly drive: 'blocking' | 'hosted';
}

/** Every way to run a program. All must give the same trace. */
export const MODES: readonly Mode[] = [
  { loop: 'virtual', drive: 'blocking' },
  { loop: 'virtual', drive: 'hosted' },
  { loop: 'mio', drive: 'blocking' },
  { loop: 'mio', drive: 'hosted' },
];

/** The cases of a `.jsonl` or `.jsonl.gz` file. */
export async function* readCases(path: string): AsyncGenerator<Case> {
  const file = createReadStream(path);
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    if (line.trim() !== '') yield JSON.parse(line) as Case;
  }
}

/** The trace of a program; what went wrong stands as its last event. */
export async function traceOf(program: Program, mode: Mode): Promise<readonly TraceEvent[]> {
  const interpreter = new Interpreter(program, (it) => makeLoop(mode.loop, it));
  try {
    const trace = mode.drive === 'blocking' ? interpreter.runBlocking() : await interpreter.runHosted();
    // As values of JSON: -0 and 0 are the same there.
    return JSON.parse(JSON.stringify(trace)) as readonly TraceEvent[];
  } catch (error) {
    return [...interpreter.trace, [0, null, 'failed', String((error as Error).stack)]];
  }
}

/** The first mode in which a program's trace differs, null if it differs in none. */
export async function firstDifference(
  { program, trace }: Case,
  modes: readonly Mode[] = MODES,
): Promise<{ readonly mode: Mode; readonly ours: readonly TraceEvent[] } | null> {
  for (const mode of modes) {
    const ours = await traceOf(program, mode);
    if (!isDeepStrictEqual(ours, trace)) return { mode, ours };
  }
  return null;
}
