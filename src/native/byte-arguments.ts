import { ValueError } from '../base/index.ts';
import { checkInteger } from './socket-address.ts';

/**
 * Checks a user's byte array at the moment it is used.
 *
 * @throws TypeError naming the argument for what is no `Uint8Array`, is detached, or is shared between threads
 */
export function checkBytes(what: string, value: unknown): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`${what}: must be a Uint8Array, not ${value === null ? 'null' : typeof value}`);
  }
  if (value.length > 0) {
    if (typeof SharedArrayBuffer !== 'undefined' && value.buffer instanceof SharedArrayBuffer) {
      throw new TypeError(`${what}: must not be shared between threads`);
    }
  } else if (isDetached(value.buffer as ArrayBuffer)) {
    throw new TypeError(`${what}: its memory is detached`);
  }
}

/**
 * What a transport is given to write, as bytes.
 *
 * @throws TypeError for what is neither a `Uint8Array` nor a string, and for memory that is detached, of which the bytes
 * would be missed by nobody but the peer
 */
export function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) {
    if (data.length === 0) checkBytes('data', data);
    return data;
  }
  if (typeof data === 'string') return Buffer.from(data);
  throw new TypeError(`data: must be a Uint8Array or a string, not ${describe(data)}`);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
}

/** `bytes`, or a copy if other threads could change them while the native core reads them. */
export function unshared(bytes: Uint8Array): Uint8Array {
  return bytes.buffer instanceof SharedArrayBuffer ? new Uint8Array(bytes) : bytes;
}

function isDetached(buffer: ArrayBuffer & { readonly detached?: boolean }): boolean {
  if (buffer.detached !== undefined) return buffer.detached;
  if (buffer.byteLength > 0) return false;
  try {
    return new Uint8Array(buffer).length < 0;
  } catch {
    // The constructor's TypeError: there is no memory any more.
    return true;
  }
}

/** Checks a number of bytes to receive. */
export function checkSize(what: string, value: unknown): asserts value is number {
  checkInteger(what, value);
  if (value < 0) throw new ValueError(`${what}: must not be negative, not ${value}`);
}

/** The part of `buffer` that a receive of `nbytes` (0: all) may fill. */
export function receivePart(buffer: Uint8Array, nbytes: number): Uint8Array {
  checkBytes('buffer', buffer);
  checkSize('nbytes', nbytes);
  if (nbytes > buffer.length) {
    throw new ValueError(`nbytes: ${nbytes} is greater than the length of the buffer, ${buffer.length}`);
  }
  return nbytes === 0 || nbytes === buffer.length ? buffer : buffer.subarray(0, nbytes);
}
