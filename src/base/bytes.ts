/**
 * For a platform to say, by declaring `received` here, what kind of Uint8Array its allocator makes. `miolo` declares
 * Node's Buffer.
 */
// oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-empty-interface -- others fill it
export interface ByteKinds {}

/** What readers return: with `miolo` a Buffer, with `miolo/base` alone a Uint8Array. */
export type Bytes = ByteKinds extends { readonly received: infer Kind extends Uint8Array }
  ? Kind
  : Uint8Array;

/** Makes room for `size` bytes, the content of which is arbitrary. */
export type ByteAllocator = (size: number) => Bytes;

let allocate: ByteAllocator = (size) => new Uint8Array(size) as Bytes;

/** Sets what readers put their results into: a platform may have something richer, or cheaper, than Uint8Array. */
export function setByteAllocator(allocator: ByteAllocator): void {
  allocate = allocator;
}

/** Room for `size` bytes that somebody is going to keep. */
export function allocateBytes(size: number): Bytes {
  return allocate(size);
}

/** A copy of `bytes` from `start` to `end`. */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Bytes {
  const copy = allocate(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

/** Where `pattern` begins in `bytes`, searched from `start` up to `end`; -1 if nowhere. */
export function findBytes(bytes: Uint8Array, pattern: Uint8Array, start: number, end: number): number {
  const first = pattern[0]!;
  const last = end - pattern.length;
  let at = start;
  while (at <= last) {
    at = bytes.indexOf(first, at);
    if (at < 0 || at > last) return -1;
    let same = 1;
    while (same < pattern.length && bytes[at + same] === pattern[same]) same++;
    if (same === pattern.length) return at;
    at++;
  }
  return -1;
}

let encoder: InstanceType<typeof TextEncoder> | null = null;

/** The pieces in one: strings as UTF-8. @throws TypeError for what is neither */
export function joinBytes(pieces: Iterable<Uint8Array | string>): Bytes {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    if (!(piece instanceof Uint8Array) && typeof piece !== 'string') {
      throw new TypeError('data: must be bytes or a string');
    }
    const part = typeof piece === 'string' ? (encoder ??= new TextEncoder()).encode(piece) : piece;
    parts.push(part);
    size += part.length;
  }
  const joined = allocate(size);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
