import { type Bytes, copyBytes, findBytes } from './bytes.ts';

/** Bytes that an empty buffer keeps room for; a larger room is given back. */
const KEPT = 64 * 1024;

/** Bytes that came and were not asked for yet: appended at the end, taken from the front. */
export class ByteBuffer {
  #room: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies what stands in `memory` from `start` to `end`. */
  append(memory: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#end + length > this.#room.length) this.#makeRoom(length);
    this.#room.set(length === memory.length ? memory : memory.subarray(start, end), this.#end);
    this.#end += length;
  }

  /** Sees to it that `size` bytes fit behind the end. */
  #makeRoom(size: number): void {
    const length = this.length;
    // Grown by doubling, so that each byte moves a bounded number of times.
    const wanted = Math.max(length + size, 1024);
    const room =
      wanted * 2 <= this.#room.length ? this.#room : new Uint8Array(2 ** Math.ceil(Math.log2(wanted)));
    if (room === this.#room) room.copyWithin(0, this.#start, this.#end);
    else room.set(this.#room.subarray(this.#start, this.#end));
    this.#room = room;
    this.#start = 0;
    this.#end = length;
  }

  /** Takes up to `size` bytes out; the copy is the caller's. */
  take(size: number): Bytes {
    const end = Math.min(this.#start + size, this.#end);
    const bytes = copyBytes(this.#room, this.#start, end);
    this.#advance(end);
    return bytes;
  }

  /** All that is there, as a view that the next change makes void. */
  front(): Uint8Array {
    return this.#room.subarray(this.#start, this.#end);
  }

  /** Drops `size` bytes in front. */
  drop(size: number): void {
    this.#advance(Math.min(this.#start + size, this.#end));
  }

  clear(): void {
    this.#advance(this.#end);
  }

  #advance(start: number): void {
    this.#start = start;
    if (start < this.#end) return;
    this.#start = 0;
    this.#end = 0;
    if (this.#room.length > KEPT) this.#room = new Uint8Array(0);
  }

  /** Where `pattern` begins at or behind `from`; -1 if nowhere. */
  find(pattern: Uint8Array, from: number): number {
    const at = findBytes(this.#room, pattern, this.#start + from, this.#end);
    return at < 0 ? -1 : at - this.#start;
  }

  /** Whether `pattern` stands at `at`. */
  startsWith(pattern: Uint8Array, at: number): boolean {
    const from = this.#start + at;
    if (from + pattern.length > this.#end) return false;
    return pattern.every((byte, i) => this.#room[from + i] === byte);
  }
}
