import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import type { InterruptSource } from '../base/index.ts';

const { SIGINT } = constants.signals;

/** Marks listeners of runs, of every copy of this package. */
const OURS = Symbol.for('miolo.interrupt');

interface Marked {
  [OURS]?: true;
}

/** What a loop may have: native signals for blocking runs, and handlers of its own. */
interface SignalLoop {
  _interruptBy?(callback: () => void): () => void;
  readonly _signalHandlers?: ReadonlyMap<number, unknown>;
}

/**
 * Ctrl-C of a Node process, as the interrupt of runs in the main thread. It is left alone where the program listens
 * to SIGINT itself. A loop without native signals cannot be told while it blocks: there Ctrl-C ends the process.
 */
export const interruptSource: InterruptSource = (onInterrupt, loop, blocking) => {
  if (!isMainThread) return null;
  // A second hosted run beside the first: both are interrupted.
  if (!process.listeners('SIGINT').every((listener) => (listener as Marked)[OURS] === true)) return null;
  const own = loop as SignalLoop;
  if (blocking) return own._interruptBy?.(onInterrupt) ?? null;
  const listener: (() => void) & Marked = () => {
    // A handler that was added in the run replaces the interrupt.
    if (own._signalHandlers?.has(SIGINT) !== true) onInterrupt();
  };
  listener[OURS] = true;
  process.on('SIGINT', listener);
  return () => {
    process.off('SIGINT', listener);
  };
};
