/** What the tests of ThreadPoolExecutor call in other threads. */
import { isMainThread, threadId } from 'node:worker_threads';
import { ConnectionResetError, LimitOverrunError } from 'miolo/base';
import { transferring } from 'miolo/node';

export function where(): { readonly isMain: boolean; readonly thread: number } {
  return { isMain: isMainThread, thread: threadId };
}

/** Blocks the thread until somebody opens the gate. @returns what was left in it */
export function block(gate: Int32Array): number {
  Atomics.add(gate, 1, 1);
  Atomics.notify(gate, 1);
  Atomics.wait(gate, 0, 0);
  return gate[0]!;
}

export function fill(size: number): Uint8Array {
  const data = new Uint8Array(size).fill(7);
  return transferring(data, [data.buffer]);
}

export function sum(data: Uint8Array): number {
  return data.reduce((total, byte) => total + byte, 0);
}

export class Strange extends RangeError {
  readonly detail = { level: 3 };
  readonly hidden = (): void => {};
}

export function fail(kind: string): never {
  if (kind === 'ours') throw new LimitOverrunError('too much', 12);
  if (kind === 'os') {
    throw new ConnectionResetError('gone', { errno: 104, code: 'ECONNRESET', syscall: 'read' });
  }
  if (kind === 'strange') throw new Strange('odd', { cause: new TypeError('the reason') });
  if (kind === 'group') throw new AggregateError([new SyntaxError('one'), 'two'], 'several');
  // oxlint-disable-next-line no-throw-literal -- that is the case
  throw kind;
}

export default function (): string {
  return 'the default export';
}
