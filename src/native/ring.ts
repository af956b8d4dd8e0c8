/**
 * The submission and completion rings, seen from JavaScript: flat integers shared with Rust.
 *
 * Submissions are written without a call; one crossing takes them all and brings completions back. The
 * invariants stand at the head of `ring.rs`; the numbers below are the same as there.
 */
import { markAsUntransferable } from 'node:worker_threads';
import type { Addon, NativeCore } from './addon.ts';
import { AddressBook, type PackedAddress } from './address-book.ts';
import { keptMemory } from './kept-memory.ts';

/** Integers an entry has: opcode or kind, subject, two values. */
const WORDS = 4;

const SUBMITTED = 0;
const COMPLETED = 1;
const MORE = 2;
const BACKLOG_CHANGED = 3;
const POISONED = 4;
const CROSSINGS = 5;
const EPOCH = 6;
const CONTROL_WORDS = 16;

const SUBMISSIONS = 4096;
const COMPLETIONS = 2048;

/** Bytes that may wait for the end of the turn. */
const OUTGOING_BYTES = 256 * 1024;

/** A batch stops after 64 KiB; the receive that crosses this may bring up to 256 KiB. */
const ARENA_BYTES = 320 * 1024;

/** A borrowed read up to this is copied: that costs less than replacing the arena that it would be a view of. */
const COPIED_BYTES = 4 * 1024;

const SEND = 1;
const PAUSE = 2;
const RESUME = 3;
const SHUTDOWN = 4;
const RELEASE = 5;
const LOW_MARK = 6;
const TIMER_ADD = 7;
const TIMER_CANCEL = 8;
const SEND_TO = 9;

/** Kinds of completions. The first is what has been taken before its turn. */
export const TAKEN = 0;
export const ACCEPTED = 1;
export const ACCEPT_FAILED = 2;
export const CONNECTED = 3;
export const RECEIVED = 4;
export const EOF = 5;
export const LOST = 6;
export const BACKLOG = 7;
export const TIMER = 8;
export const WOKEN = 9;
export const READY = 10;
export const DATAGRAM = 11;
export const RECEIVE_FAILED = 12;
export const SEND_FAILED = 13;

/** The part of a token that is an index into tables; the rest is its generation. */
export const TOKEN_INDEX_MASK = 0xfffff;

/** What takes part in the ring under a token. */
export interface RingSubject {
  readonly _token: number;
}

/** What a flush may leave bytes of behind. */
export interface BacklogSubject extends RingSubject {
  _backlog: number;
}

/** Rings whose loops are not closed: what they hold is sent before the process exits. */
const openRings = new Set<Ring>();

function flushAll(): void {
  for (const ring of openRings) if (!ring.poisoned) ring.core.flush();
}

function untransferable(buffer: ArrayBuffer): ArrayBuffer {
  markAsUntransferable(buffer);
  return buffer;
}

/** The rings of one loop. */
export class Ring {
  readonly core: NativeCore;
  /** Completion entries; valid are the first {@link completed}. */
  readonly completions: Int32Array;
  /** Received bytes, valid until the turn's handles have run. */
  arena: Buffer;
  /** The same, in words: addresses of datagrams are read from it. */
  arenaWords: Int32Array;
  /** The addresses of datagrams. */
  readonly addresses: AddressBook = new AddressBook();
  /** By a token's index: whose it is. */
  readonly subjects: (RingSubject | null)[] = [];
  /** Called at the first submission after a crossing. */
  onSubmission: (() => void) | null = null;

  readonly #control: Int32Array;
  readonly #submissions: Int32Array;
  readonly #deadlines: Float64Array;
  readonly #outgoing: Buffer;
  readonly #outgoingWords: Int32Array;
  /** Whether views of the arena are in someone's hands. */
  lent = false;
  #outgoingUsed = 0;
  /** The stream of the last entry if that is a SEND: further bytes for it extend the entry. */
  #lastSender = -1;

  /** @param busyPoll seconds of busy polling a wait */
  constructor(addon: Addon, busyPoll: number) {
    this.#control = new Int32Array(untransferable(new ArrayBuffer(CONTROL_WORDS * 4)));
    this.#submissions = new Int32Array(untransferable(new ArrayBuffer(SUBMISSIONS * WORDS * 4)));
    this.#deadlines = new Float64Array(this.#submissions.buffer);
    this.completions = new Int32Array(untransferable(new ArrayBuffer(COMPLETIONS * WORDS * 4)));
    this.#outgoing = Buffer.from(untransferable(new ArrayBuffer(OUTGOING_BYTES)));
    this.#outgoingWords = new Int32Array(this.#outgoing.buffer);
    this.arena = Buffer.from(new ArrayBuffer(ARENA_BYTES));
    this.arenaWords = new Int32Array(this.arena.buffer);
    this.core = new addon.NativeCore(
      this.#control,
      this.#submissions,
      this.completions,
      this.#outgoing,
      this.arena,
      busyPoll,
    );
    if (openRings.size === 0) process.on('exit', flushAll);
    openRings.add(this);
  }

  /** Closes every descriptor, after one attempt to send what was written. */
  close(): void {
    openRings.delete(this);
    if (openRings.size === 0) process.off('exit', flushAll);
    this.core.close();
  }

  /** Number of completions to take. */
  get completed(): number {
    return this.#control[COMPLETED]!;
  }

  /** Says that all completions are taken. */
  taken(): void {
    this.#control[COMPLETED] = 0;
    this.#control[BACKLOG_CHANGED] = 0;
  }

  /** Whether something may be taken without waiting. */
  get more(): boolean {
    return this.#control[MORE] !== 0;
  }

  /** Whether Rust has panicked: every crossing fails. */
  get poisoned(): boolean {
    return this.#control[POISONED] !== 0;
  }

  /** Crossings made so far, for tests and benchmarks. */
  get crossings(): number {
    return this.#control[CROSSINGS]!;
  }

  /** Changes whenever the outgoing bytes written so far have been taken. */
  get epoch(): number {
    return this.#control[EPOCH]!;
  }

  /** Whether submissions wait for a crossing. */
  get waiting(): boolean {
    return this.#control[SUBMITTED] !== 0;
  }

  /** Writes bytes that leave with the next crossing; at most {@link OUTGOING_BYTES} at a time. */
  send(token: number, data: Uint8Array): void {
    const length = data.length;
    const control = this.#control;
    if (control[SUBMITTED] === 0) {
      this.#outgoingUsed = 0;
      this.#lastSender = -1;
    } else if (this.#outgoingUsed + length > OUTGOING_BYTES) {
      this.core.flush();
      this.#outgoingUsed = 0;
      this.#lastSender = -1;
    }
    const offset = this.#outgoingUsed;
    this.#outgoing.set(data, offset);
    this.#outgoingUsed = offset + length;
    if (this.#lastSender === token) {
      const at = (control[SUBMITTED]! - 1) * WORDS + 3;
      this.#submissions[at] = this.#submissions[at]! + length;
      return;
    }
    this.#submit(SEND, token, offset, length);
    this.#lastSender = token;
  }

  /** Writes a datagram that leaves with the next crossing; less than {@link OUTGOING_BYTES}. */
  sendTo(token: number, address: PackedAddress, data: Uint8Array): void {
    const { words, start, count } = address;
    const length = count * 4 + data.length;
    let offset = 0;
    if (this.#control[SUBMITTED] !== 0) {
      // Addresses are whole words.
      offset = (this.#outgoingUsed + 7) & ~7;
      if (offset + length > OUTGOING_BYTES) {
        this.core.flush();
        offset = 0;
      }
    }
    const target = this.#outgoingWords;
    for (let word = 0; word < count; word++) target[(offset >> 2) + word] = words[start + word]!;
    this.#outgoing.set(data, offset + count * 4);
    this.#outgoingUsed = offset + length;
    this.#submit(SEND_TO, token, offset, length);
  }

  pause(token: number): void {
    this.#submit(PAUSE, token, 0, 0);
  }

  resume(token: number): void {
    this.#submit(RESUME, token, 0, 0);
  }

  /** Half-closes a stream when everything written before has left. */
  shutdown(token: number): void {
    this.#submit(SHUTDOWN, token, 0, 0);
  }

  /** Closes the descriptor; the token is used no more. */
  release(token: number): void {
    this.#submit(RELEASE, token, 0, 0);
    this.subjects[token & TOKEN_INDEX_MASK] = null;
  }

  lowMark(token: number, bytes: number): void {
    this.#submit(LOW_MARK, token, bytes, 0);
  }

  /** @param deadline seconds of the loop's clock */
  addTimer(id: number, deadline: number): void {
    const at = this.#submit(TIMER_ADD, id, 0, 0);
    this.#deadlines[(at + 2) >> 1] = deadline;
  }

  cancelTimer(id: number): void {
    this.#submit(TIMER_CANCEL, id, 0, 0);
  }

  /** Puts `subject` under its token. */
  register(subject: RingSubject): void {
    const index = subject._token & TOKEN_INDEX_MASK;
    while (this.subjects.length <= index) this.subjects.push(null);
    this.subjects[index] = subject;
  }

  /** Whose `token` is, or null if it is stale. */
  subject(token: number): RingSubject | null {
    const found = this.subjects[token & TOKEN_INDEX_MASK];
    return found != null && found._token === token ? found : null;
  }

  /** Applies what flushes outside of turns said of backlogs, without waiting for the next turn. */
  absorbBacklogs(): void {
    if (this.#control[BACKLOG_CHANGED] === 0) return;
    this.#control[BACKLOG_CHANGED] = 0;
    const entries = this.completions;
    for (let at = 0, end = this.completed * WORDS; at < end; at += WORDS) {
      if (entries[at] !== BACKLOG) continue;
      const subject = this.subject(entries[at + 1]!) as BacklogSubject | null;
      if (subject !== null) subject._backlog = entries[at + 2]!;
      // Taken. A later value must not be overwritten by this one.
      entries[at] = TAKEN;
    }
  }

  /** Received bytes as memory of their own, safe to keep. */
  keep(offset: number, length: number): Buffer {
    const kept = keptMemory(length);
    this.arena.copy(kept, 0, offset, offset + length);
    return kept;
  }

  /** Received bytes as a view that is detached when the turn is over, unless they are few. */
  lend(offset: number, length: number): Buffer {
    if (length <= COPIED_BYTES) return this.keep(offset, length);
    this.lent = true;
    return Buffer.from(this.arena.buffer, offset, length);
  }

  /** Replaces an arena whose bytes were lent out: views of it must not show what comes next. */
  replaceArena(): void {
    const buffer = this.arena.buffer as ArrayBuffer & { transfer?: () => ArrayBuffer };
    const next = buffer.transfer?.() ?? structuredClone(buffer, { transfer: [buffer] });
    this.arena = Buffer.from(next);
    this.arenaWords = new Int32Array(next);
    this.lent = false;
    this.core.setArena(this.arena);
  }

  #submit(operation: number, subject: number, first: number, second: number): number {
    const control = this.#control;
    let count = control[SUBMITTED]!;
    if (count === SUBMISSIONS) {
      this.core.flush();
      count = 0;
    }
    if (count === 0) this.onSubmission?.();
    const at = count * WORDS;
    const entries = this.#submissions;
    entries[at] = operation;
    entries[at + 1] = subject;
    entries[at + 2] = first;
    entries[at + 3] = second;
    control[SUBMITTED] = count + 1;
    this.#lastSender = -1;
    return at;
  }
}
