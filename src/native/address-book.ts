/**
 * Addresses as they stand in the rings' arenas, in front of a datagram's bytes (the form stands at the head of
 * `packed.rs`), and the objects that users have.
 *
 * # Invariants
 *
 * 1. A peer that sends many datagrams costs one object: found ones are kept in tables of a fixed size, each at the
 *    place that its packed form gives it. Another peer with the same place takes it over; nothing grows.
 * 2. What is handed out is frozen, since several datagrams share it.
 * 3. A packed form is found by identity only for the address handed out last, else by value: users' arrays may change.
 */
import { AF_INET, AF_INET6, AF_UNIX, ValueError } from '../base/index.ts';
import type { Address } from '../base/index.ts';
import { addon } from './addon.ts';
import { fromNativeAddress, toNativeAddress } from './socket-address.ts';

/** Families, as the first word of a packed address names them. */
const UNIX = 1;
const V4 = 4;
const V6 = 6;

/** Places of IPv4 addresses. */
const V4_PLACES = 1024;
const V4_WORDS = 2;

/** Places of all others, and the words of the longest. */
const OTHER_PLACES = 128;
const OTHER_WORDS = 28;

/** Addresses to send to that are remembered. */
const REMEMBERED = 1024;

/** Words that are a packed address. */
export interface PackedAddress {
  readonly words: Int32Array;
  readonly start: number;
  readonly count: number;
}

/** What stands in front of a datagram of a connected socket. */
export const NOWHERE: PackedAddress = { words: new Int32Array(2), start: 0, count: 2 };

/** The number of words that the packed address with this first word has. */
export function packedWords(first: number): number {
  switch (first & 0xffff) {
    case V6:
      return 8;
    case UNIX:
      return ((4 + (first >>> 16) + 7) >> 3) << 1;
    default:
      return 2;
  }
}

/** A packed address as bytes. */
export function packedBytes(packed: PackedAddress): Uint8Array {
  return new Uint8Array(packed.words.buffer, packed.start * 4, packed.count * 4);
}

/** The addresses that one loop deals with. */
export class AddressBook {
  readonly #v4Keys = new Int32Array(V4_PLACES * V4_WORDS);
  readonly #v4Addresses: (Address | null)[] = Array.from({ length: V4_PLACES }, () => null);
  #otherKeys: Int32Array | null = null;
  #otherAddresses: (Address | null)[] = [];

  /** The address that was handed out last, and where its packed form is. */
  #last: Address | null = null;
  readonly #lastPacked: { words: Int32Array; start: number; count: number } = {
    words: this.#v4Keys,
    start: 0,
    count: V4_WORDS,
  };

  readonly #byHost = new Map<string, Map<number, PackedAddress>>();
  #remembered = 0;

  /** The address that begins at a word; null for a Unix socket without a name. */
  read(words: Int32Array, at: number): Address | null {
    const first = words[at]!;
    if ((first & 0xffff) !== V4) return this.#readOther(words, at, packedWords(first));
    const host = words[at + 1]!;
    const place = (Math.imul(host ^ first, 0x9e3779b1) >>> 22) & (V4_PLACES - 1);
    const keys = this.#v4Keys;
    const start = place * V4_WORDS;
    let address = this.#v4Addresses[place]!;
    if (address === null || keys[start] !== first || keys[start + 1] !== host) {
      const text = `${host >>> 24}.${(host >>> 16) & 255}.${(host >>> 8) & 255}.${host & 255}`;
      address = Object.freeze([text, first >>> 16] as const);
      keys[start] = first;
      keys[start + 1] = host;
      this.#v4Addresses[place] = address;
    }
    return this.#handOut(address, keys, start, V4_WORDS);
  }

  #readOther(words: Int32Array, at: number, count: number): Address | null {
    if ((words[at]! & 0xffff) === 0) return null;
    let hash = 0;
    for (let word = 0; word < count; word++) hash = Math.imul(hash ^ words[at + word]!, 0x9e3779b1);
    const place = (hash >>> 16) & (OTHER_PLACES - 1);
    const keys = (this.#otherKeys ??= new Int32Array(OTHER_PLACES * OTHER_WORDS));
    const start = place * OTHER_WORDS;
    let address = this.#otherAddresses[place] ?? null;
    let same = address !== null;
    for (let word = 0; same && word < count; word++) same = keys[start + word] === words[at + word];
    if (!same) {
      keys.set(words.subarray(at, at + count), start);
      const bytes = new Uint8Array(keys.buffer, start * 4, count * 4);
      const native = addon().unpackAddress(bytes);
      // The bytes are the core's own.
      address = fromNativeAddress(AF_INET6, native) ?? '';
      if (typeof address === 'object') Object.freeze(address);
      this.#otherAddresses[place] = address;
    }
    return this.#handOut(address!, keys, start, count);
  }

  #handOut(address: Address, words: Int32Array, start: number, count: number): Address {
    this.#last = address;
    const packed = this.#lastPacked;
    packed.words = words;
    packed.start = start;
    packed.count = count;
    return address;
  }

  /**
   * The packed form of a user's address, to be used before the next call.
   *
   * @throws as `toNativeAddress`
   */
  find(family: number, address: Address): PackedAddress {
    if (address === this.#last && typeof address === 'object' && family === this.#lastFamily()) {
      return this.#lastPacked;
    }
    let host: string;
    let port = -1;
    if (typeof address === 'string') host = address;
    else if (Array.isArray(address) && address.length === 2) [host, port] = address as [string, number];
    else return pack(family, address);
    const known = this.#byHost.get(host)?.get(port);
    if (known !== undefined && familyOf(known) === family) return known;
    const packed = pack(family, address);
    if (this.#remembered++ >= REMEMBERED) {
      this.#byHost.clear();
      this.#remembered = 1;
    }
    const ports = this.#byHost.get(host);
    if (ports === undefined) this.#byHost.set(host, new Map([[port, packed]]));
    else ports.set(port, packed);
    return packed;
  }

  #lastFamily(): number {
    return familyOf(this.#lastPacked);
  }
}

function familyOf(packed: PackedAddress): number {
  const tag = packed.words[packed.start]! & 0xffff;
  if (tag === V4) return AF_INET;
  return tag === V6 ? AF_INET6 : AF_UNIX;
}

/** Packs an address after checking it. */
export function pack(family: number, address: Address): PackedAddress {
  const words = new Int32Array(OTHER_WORDS);
  const bytes = addon().packAddress(toNativeAddress(family, address), new Uint8Array(words.buffer));
  // A zone that names no interface.
  if (bytes === 0) throw new ValueError(`address: ${String(address)} is no address here`);
  return { words, start: 0, count: bytes >> 2 };
}
