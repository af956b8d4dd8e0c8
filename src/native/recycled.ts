/**
 * Memory that receives are made into before their bytes are copied out: one piece a thread, so that it stays in
 * the processor's cache.
 */

/** Bytes that one receive into the memory takes. */
export const RECYCLED_BYTES: number = 256 * 1024;

/** Above this a copy has memory of its own; below, it is cut from Node's pool. */
const POOLED_BYTES = 4 * 1024;

let memory: Buffer | null = null;

/** The memory. Nothing of it may be handed out: the next receive overwrites it. */
export function recycledMemory(): Buffer {
  return (memory ??= Buffer.allocUnsafeSlow(RECYCLED_BYTES));
}

/** The first `count` bytes as memory of their own, safe to keep. */
export function keepRecycled(count: number): Buffer {
  const copy = count > POOLED_BYTES ? Buffer.allocUnsafeSlow(count) : Buffer.allocUnsafe(count);
  recycledMemory().copy(copy, 0, 0, count);
  return copy;
}
