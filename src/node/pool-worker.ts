/** What runs in the threads of a ThreadPoolExecutor: takes a job, answers, takes the next. */
import { parentPort } from 'node:worker_threads';
import type { TransferListItem } from 'node:worker_threads';
import { type ThrownValue, packThrown } from './thread-error.ts';
import { unwrapTransfers } from './transferring.ts';
import { type FunctionPlace, importForJob } from './worker-function.ts';

/** A job on its way to a worker. */
export interface JobMessage {
  readonly id: number;
  /** A function to import, or the source text of one. */
  readonly job: FunctionPlace | string;
  readonly args: readonly unknown[];
}

/** A job's outcome on its way back. */
export type AnswerMessage =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly thrown: ThrownValue };

type AnyFunction = (...args: never[]) => unknown;

/** Functions made of source text. */
const made = new Map<string, AnyFunction>();

/** Sources kept; programs have few, unless they make them up. */
const MADE_LIMIT = 200;

function make(source: string): AnyFunction {
  let fn = made.get(source);
  if (fn === undefined) {
    if (made.size >= MADE_LIMIT) made.clear();
    // oxlint-disable-next-line no-eval -- the source is a function of the program's own
    fn = (0, eval)(`(${source})`) as AnyFunction;
    made.set(source, fn);
  }
  return fn;
}

/** A function that came as text has lost what stood around it: says so. */
function explain(error: unknown): unknown {
  if (error instanceof ReferenceError && error.message.endsWith(' is not defined')) {
    const message =
      `${error.message}: a function goes to a worker thread as source text, without the names around it. ` +
      'Pass what it needs as arguments, or name an exported function with workerFunction()';
    error.stack = error.stack?.replace(error.message, () => message) ?? '';
    error.message = message;
  }
  return error;
}

async function answer({ id, job, args }: JobMessage): Promise<void> {
  const isText = typeof job === 'string';
  try {
    const fn = isText ? make(job) : await importForJob(job);
    const list: TransferListItem[] = [];
    const [result] = unwrapTransfers([await fn(...(args as never[]))], list);
    parentPort!.postMessage({ id, result } satisfies AnswerMessage, list);
  } catch (error) {
    // Whatever the job threw, or that its result cannot be sent.
    const thrown = packThrown(isText ? explain(error) : error);
    parentPort!.postMessage({ id, thrown } satisfies AnswerMessage);
  }
}

parentPort!.on('message', (message: JobMessage) => void answer(message));
