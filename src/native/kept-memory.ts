import { KeptChunk } from './kept-chunk.ts';

/**
 * Small and middling pieces share chunks, each with their like: a small one that is held for long pins little. Middling
 * ones with memory of their own cost up to twice the processor time a message (bench, 16 KiB), all in the allocator;
 * chunks of 1 MiB cost the same as these, and pin four times as much.
 */
const SMALL_BYTES = 4 * 1024;
const SMALL_CHUNK_BYTES = 64 * 1024;
const MIDDLING_BYTES = 64 * 1024;
const MIDDLING_CHUNK_BYTES = 256 * 1024;

const small = new KeptChunk(SMALL_CHUNK_BYTES);
const middling = new KeptChunk(MIDDLING_CHUNK_BYTES);

/** Room for `size` bytes that somebody is going to keep; its content is arbitrary. */
export function keptMemory(size: number): Buffer {
  if (size > MIDDLING_BYTES) return Buffer.allocUnsafeSlow(size);
  // No bytes need no memory, and would pin some.
  if (size === 0) return Buffer.alloc(0);
  return (size <= SMALL_BYTES ? small : middling).take(size);
}
