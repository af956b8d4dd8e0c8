import type { TransferListItem } from 'node:worker_threads';

/** A value that goes to another thread together with memory it then no longer has here. */
export class Transferring<T> {
  readonly value: T;
  readonly transfer: readonly TransferListItem[];
  /** Told by this and not by class: two copies of the package understand each other. */
  readonly isMioloTransfer = true;

  constructor(value: T, transfer: readonly TransferListItem[]) {
    this.value = value;
    this.transfer = transfer;
  }
}

/**
 * Marks what a job's arguments, or its result, hand over instead of copying: buffers, ports, handles.
 *
 * Works for whole arguments, and for the value that a job's function returns; the other side gets `value` itself.
 *
 * @param value what the other side gets
 * @param transfer what is unusable here afterwards
 *
 * @example
 * ```ts
 * executor.submit(resize, [transferring(image, [image.buffer]), 640]);
 * ```
 */
export function transferring<T>(value: T, transfer: readonly TransferListItem[]): T {
  // The type is the value's: that is what arrives.
  return new Transferring(value, transfer) as unknown as T;
}

/** Takes the marks off `values`, and adds what they hand over to `list`. */
export function unwrapTransfers(values: readonly unknown[], list: TransferListItem[]): unknown[] {
  return values.map((value) => {
    const marked = value as Transferring<unknown> | null | undefined;
    if (marked?.isMioloTransfer !== true) return value;
    list.push(...marked.transfer);
    return marked.value;
  });
}
