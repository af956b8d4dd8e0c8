/** Two connected transports with protocols that note, and watch over the order of, every callback. */
import { BufferedProtocol, Protocol, sleep } from '../../base/index.ts';
import type { BaseProtocol, Coroutine, Transport } from '../../base/index.ts';
import type { Bench, ContractLoop } from './bench.ts';
import { ContractError } from './contract-error.ts';

/** How to connect two stream transports of a loop. */
export type ContractTransports =
  | {
      /** An address of this machine, for `createServer` (port 0) and `createConnection`. */
      readonly host: string;
    }
  | {
      /**
       * Connects two transports of `loop`, with a protocol of each factory, and returns when both have been told
       * (`connectionMade`).
       *
       * @returns what ends anything besides the two transports, if there is anything
       */
      pair(
        loop: ContractLoop,
        near: () => BaseProtocol,
        far: () => BaseProtocol,
      ): Coroutine<(() => void) | void>;
      /** Whether `abort()` with bytes unread resets the connection, as TCP's sockets do. Default: false. */
      readonly resets?: boolean;
    };

/** What a recorder does besides noting. */
export interface Reactions {
  made?(transport: Transport): void;
  data?(data: Uint8Array): void;
  eof?(): boolean | void;
  pause?(): void;
  resume?(): void;
  lost?(error: Error | null): void;
  /** In place of a Protocol a BufferedProtocol, which gets its memory from here. */
  buffer?(sizeHint: number): Uint8Array;
}

const ORDER =
  "a protocol's callbacks: connectionMade first and once, connectionLost last and once, pauseWriting and resumeWriting in turns";

/** What a protocol has been told, and whether that was in order. */
export class Recording {
  readonly reactions: Reactions;
  readonly log: string[] = [];
  /** The first callback that was out of order. */
  disorder: ContractError | null = null;
  transport!: Transport;
  isMade = false;
  isLost = false;
  isPaused = false;
  error: Error | null = null;
  bytes: Uint8Array[] = [];
  length = 0;

  constructor(reactions: Reactions) {
    this.reactions = reactions;
  }

  /** All bytes received, as text. */
  get text(): string {
    return this.bytes.map((data) => new TextDecoder('latin1').decode(data)).join('');
  }

  /** How often something was noted. */
  count(line: string): number {
    return this.log.filter((each) => each === line).length;
  }

  made(transport: Transport): void {
    this.#order(!this.isMade, 'connectionMade', 'connectionMade was called before');
    this.isMade = true;
    this.transport = transport;
    this.log.push('made');
    this.reactions.made?.(transport);
  }

  data(data: Uint8Array): void {
    this.#order(this.isMade, 'data', 'connectionMade was not called yet');
    this.bytes.push(data.slice());
    this.length += data.length;
    if (this.log.at(-1) !== 'data') this.log.push('data');
    this.reactions.data?.(data);
  }

  eof(): boolean | void {
    this.#order(this.isMade, 'eofReceived', 'connectionMade was not called yet');
    this.log.push('eof');
    return this.reactions.eof?.();
  }

  pause(): void {
    this.#order(!this.isPaused, 'pauseWriting', 'the protocol was paused already');
    this.isPaused = true;
    this.log.push('pause');
    this.reactions.pause?.();
  }

  resume(): void {
    this.#order(this.isPaused, 'resumeWriting', 'the protocol was not paused');
    this.isPaused = false;
    this.log.push('resume');
    this.reactions.resume?.();
  }

  lost(error: Error | null): void {
    this.#order(this.isMade, 'connectionLost', 'connectionMade was not called yet');
    this.log.push('lost');
    this.error = error;
    // Whatever comes now, the end included, is too late.
    this.#order(!this.isLost, 'connectionLost', 'it was called before');
    this.isLost = true;
    this.reactions.lost?.(error);
  }

  #order(isRight: boolean, callback: string, why: string): void {
    if (this.disorder !== null) return;
    if (this.isLost) {
      this.disorder = new ContractError(
        ORDER,
        'nothing after connectionLost',
        `${callback} was called after it`,
      );
    } else if (!isRight) {
      this.disorder = new ContractError(ORDER, `no ${callback} now: ${why}`, `${callback} was called`);
    }
  }
}

class RecordingProtocol extends Protocol {
  readonly recording: Recording;

  constructor(recording: Recording) {
    super();
    this.recording = recording;
  }

  override connectionMade(transport: Transport): void {
    this.recording.made(transport);
  }

  override dataReceived(data: Uint8Array): void {
    this.recording.data(data);
  }

  override eofReceived(): boolean | void {
    return this.recording.eof();
  }

  override pauseWriting(): void {
    this.recording.pause();
  }

  override resumeWriting(): void {
    this.recording.resume();
  }

  override connectionLost(error: Error | null): void {
    this.recording.lost(error);
  }
}

class RecordingBufferedProtocol extends BufferedProtocol {
  readonly recording: Recording;
  #buffer: Uint8Array = new Uint8Array(0);

  constructor(recording: Recording) {
    super();
    this.recording = recording;
  }

  override connectionMade(transport: Transport): void {
    this.recording.made(transport);
  }

  override getBuffer(sizeHint: number): Uint8Array {
    return (this.#buffer = this.recording.reactions.buffer!(sizeHint));
  }

  override bufferUpdated(count: number): void {
    this.recording.data(this.#buffer.subarray(0, count));
  }

  override eofReceived(): boolean | void {
    return this.recording.eof();
  }

  override connectionLost(error: Error | null): void {
    this.recording.lost(error);
  }
}

/** Makes a protocol that notes into `recording`. */
export function protocolOf(recording: Recording): RecordingProtocol | RecordingBufferedProtocol {
  const { buffer } = recording.reactions;
  return buffer === undefined ? new RecordingProtocol(recording) : new RecordingBufferedProtocol(recording);
}

/** A check of transports, before it is bound to a way to make them. */
export interface TransportSpec {
  readonly name: string;
  readonly rule: string;
  body(pairs: Pairs): Coroutine<void>;
}

/** Makes the pairs of one check, and ends them. */
export class Pairs {
  readonly bench: Bench;
  readonly #transports: ContractTransports;
  readonly #recordings: Recording[] = [];
  readonly #endings: (() => void)[] = [];

  constructor(bench: Bench, transports: ContractTransports) {
    this.bench = bench;
    this.#transports = transports;
  }

  /** Connects two recordings; both have been made when it returns. */
  *connect(near: Reactions = {}, far: Reactions = {}): Coroutine<[near: Recording, far: Recording]> {
    const ends: [Recording, Recording] = [new Recording(near), new Recording(far)];
    this.#recordings.push(...ends);
    const factories = ends.map((recording) => () => protocolOf(recording));
    const ending = yield* this.#connect(factories[0]!, factories[1]!);
    if (ending !== undefined) this.#endings.push(ending);
    yield* this.bench.until(() => ends[0].isMade && ends[1].isMade, 'connectionMade at both ends');
    return ends;
  }

  *#connect(near: () => BaseProtocol, far: () => BaseProtocol): Coroutine<(() => void) | void> {
    const { loop } = this.bench;
    if ('pair' in this.#transports) return yield* this.#transports.pair(loop, near, far);
    const { host } = this.#transports;
    const server = yield* loop.createServer(near, host, 0);
    const [, port] = server.sockets[0]!.getsockname() as readonly [string, number];
    yield* loop.createConnection(far, host, port);
    return () => server.close();
  }

  /** After a check that went well: every protocol gets its end, once, and nothing came out of order. */
  *end(): Coroutine<void> {
    this.abandon();
    for (const recording of this.#recordings) {
      yield* this.bench.until(() => recording.isLost, 'connectionLost after abort()');
    }
    yield* sleep(0);
    for (const { disorder } of this.#recordings) if (disorder !== null) throw disorder;
  }

  /** Aborts what there is. */
  abandon(): void {
    for (const recording of this.#recordings) if (recording.isMade) recording.transport.abort();
    for (const ending of this.#endings.splice(0)) ending();
  }
}

/** Runs a check of transports. */
export async function withPair(
  bench: Bench,
  transports: ContractTransports,
  spec: TransportSpec,
): Promise<void> {
  function* main(): Coroutine<void> {
    const pairs = new Pairs(bench, transports);
    try {
      yield* spec.body(pairs);
    } catch (error) {
      pairs.abandon();
      throw error;
    }
    yield* pairs.end();
  }
  await bench.complete(main());
}

/** Bytes of a sequence that counts, so that a piece that is missing or out of place shows. */
export function counting(from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = byteAt(from + at);
  return bytes;
}

function byteAt(at: number): number {
  return (at + (at >> 8)) & 255;
}

/** Where the bytes first differ from {@link counting}'s; -1 if they do not. */
export function firstWrong(pieces: readonly Uint8Array[]): number {
  let at = 0;
  for (const piece of pieces) for (const byte of piece) if (byte !== byteAt(at++)) return at - 1;
  return -1;
}
