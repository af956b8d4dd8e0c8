import { setTimeout as delay } from 'node:timers/promises';
import {
  ConnectionError,
  RuntimeError,
  TimeoutError,
  coroutine,
  fromPromise,
  snapshotTasks,
} from '../base/index.ts';
import type { AwaitableCoroutine, Coroutine, ThreadTasks } from '../base/index.ts';
import { InspectorClient } from './inspector-client.ts';
import { checkProcess, findInspectors, openInspector, signalInspector } from './inspector-port.ts';

/** Seconds that a process may take to answer. */
const ANSWER = 10;

/** Seconds after which a process that has not answered is taken for asleep. */
const PATIENCE = 0.25;

/** The same where the inspector was open before: the process may have a use of its own for the signal. */
const PATIENCE_IF_OPEN = 1;

/** An inspector may be closed while we connect. */
const ATTEMPTS = 3;

/** Every copy of the package in a thread has left a function there; null if there is none. */
const SNAPSHOTS = `(globalThis[Symbol.for('miolo.snapshots')] ?? null)?.map((take) => take()) ?? null`;

/**
 * The pending tasks of another Node process on this machine, by thread. asyncio: `tools.get_all_awaited_by`.
 *
 * It attaches as a debugger does: if the process has no inspector open, SIGUSR1 opens one (which says so on its
 * standard error), and it is closed again afterwards. That wants the right to send it signals, the inspector's port
 * to be free, and the package to be loaded there. A process that sleeps in a blocking run is woken by the same signal
 * (a handler of its own is called then); one that computes, or blocks elsewhere, answers when it is through. What the
 * stacks can tell is said at `captureCallGraph`.
 *
 * Cancelling it closes the connection. An inspector that was opened stays open then.
 *
 * @param pid this process is allowed, too
 * @throws ProcessLookupError; PermissionError; RuntimeError when it is no Node process, or has not loaded the
 * package; TimeoutError when it does not answer
 */
export const getAllAwaitedBy: (pid: number) => AwaitableCoroutine<ThreadTasks[]> = coroutine(
  function* getAllAwaitedBy(pid: number): Coroutine<ThreadTasks[]> {
    if (pid === process.pid) return [snapshotTasks()];
    const abort = new AbortController();
    try {
      return yield* fromPromise(readTasks(pid, abort.signal));
    } finally {
      abort.abort();
    }
  },
);

async function readTasks(pid: number, signal: AbortSignal): Promise<ThreadTasks[]> {
  checkProcess(pid);
  let failure: unknown = new RuntimeError(`the inspector of process ${pid} was not found`);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let addresses = await findInspectors(pid, signal);
    // Where ports do not tell their process, none of those that are there need be the right one.
    const opened = addresses.length === 0 || attempt > 0;
    if (opened) addresses = await openInspector(pid, signal);
    for (const address of addresses) {
      try {
        const answer = await readAt(address, pid, opened, signal);
        if (answer !== null) return answer;
      } catch (error) {
        // It was about to be closed, perhaps by another reader that had opened it.
        if (!(error instanceof ConnectionError)) throw error;
        failure = error;
      }
    }
  }
  throw failure;
}

/** @returns null when it is another process that answers */
async function readAt(
  address: string,
  pid: number,
  opened: boolean,
  signal: AbortSignal,
): Promise<ThreadTasks[] | null> {
  const client = await InspectorClient.connect(address, signal);
  // There the port is known to be the process's.
  let isIts = process.platform === 'linux';
  const patience = opened ? PATIENCE : PATIENCE_IF_OPEN;
  try {
    isIts = (await answered(client.evaluate('process.pid'), pid, patience, signal)) === pid;
    return isIts ? await answered(read(client, pid), pid, patience, signal) : null;
  } finally {
    // A process that sleeps does it when it wakes. Not to be woken for it: the signal would open it again.
    if (opened && isIts) await Promise.race([client.closeInspector(), delay(PATIENCE * 1000)]);
    client.close();
  }
}

async function read(client: InspectorClient, pid: number): Promise<ThreadTasks[]> {
  const main = (await client.evaluate(SNAPSHOTS)) as ThreadTasks[] | null;
  const workers = (await client.evaluateInWorkers(SNAPSHOTS)) as (ThreadTasks[] | null)[];
  const threads = [main, ...workers].filter((snapshots) => snapshots !== null);
  if (threads.length === 0) throw new RuntimeError(`process ${pid} has not loaded this package`);
  return threads.flat();
}

/** Waits for answers of a process, and wakes it when it has been silent for `patience` seconds: it may sleep. */
async function answered<T>(
  answers: Promise<T>,
  pid: number,
  patience: number,
  signal: AbortSignal,
): Promise<T> {
  const over = new AbortController();
  const late = async (): Promise<never> => {
    for (let waited = 0; waited < ANSWER; waited += patience) {
      await delay(patience * 1000, undefined, { signal: AbortSignal.any([signal, over.signal]) });
      await signalInspector(pid);
    }
    throw new TimeoutError(`process ${pid} does not answer: it computes, or stands at a breakpoint`);
  };
  try {
    return await Promise.race([answers, late()]);
  } finally {
    over.abort();
  }
}
