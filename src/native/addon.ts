/**
 * Finds and loads the native binary.
 *
 * It is looked for, in this order: where `MIOLO_NATIVE_LIBRARY_PATH` says, beside this file (a build from
 * source), and in the package of this platform that npm installs as an optional dependency.
 */
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Host, port, flow information, scope of an IP address; path and -1 (and twice 0) of a Unix socket's. */
export type NativeAddress = [host: string, port: number, flowinfo: number, scopeid: number];

/** What a message brought. */
export interface NativeMessage {
  readonly count: number;
  readonly flags: number;
  readonly descriptors: number[];
  readonly address?: NativeAddress | null;
}

/** A socket. Numbers below zero are errnos. */
export interface NativeSocket {
  /** Opens a socket in an object that has none. */
  reopen(family: number, type: number, proto: number): number;
  bind(host: string, port: number, flowinfo: number, scopeid: number): number;
  listen(backlog: number): number;
  connect(host: string, port: number, flowinfo: number, scopeid: number): number;
  accept(): NativeSocket | number;
  receive(buffer: Uint8Array, flags: number): number;
  receiveFrom(buffer: Uint8Array, flags: number): number;
  sender(): NativeAddress | null;
  receiveMessage(buffer: Uint8Array, most: number, flags: number): NativeMessage;
  send(data: Uint8Array, flags: number): number;
  sendTo(data: Uint8Array, flags: number, address: NativeAddress): number;
  sendMessage(data: Uint8Array, descriptors: number[], flags: number, address: NativeAddress | null): number;
  shutdown(how: number): number;
  fileno(): number;
  sockname(): NativeAddress | null;
  peername(): NativeAddress | null;
  kind(): number[];
  duplicate(): NativeSocket | number;
  inheritable(): number;
  setInheritable(on: boolean): number;
  setOption(level: number, name: number, value: number): number;
  setOptionBytes(level: number, name: number, value: Uint8Array): number;
  getOption(level: number, name: number): number[];
  getOptionBytes(level: number, name: number, length: number): number[] | number;
  multicast(group: string, networkInterface: string, join: boolean): number;
  close(): void;
  detach(): number;
}

/** What became of a lookup. */
export interface NativeAnswer {
  readonly id: number;
  readonly code?: string | null;
  readonly number: number;
  readonly message: string;
  readonly found: readonly {
    readonly family: number;
    readonly kind: number;
    readonly protocol: number;
    readonly canonicalName: string;
    readonly address: NativeAddress;
  }[];
  readonly names: string[];
}

/** The reactor with its rings. Numbers below zero are errnos. */
export interface NativeCore {
  enter(timeout: number): void;
  flush(): void;
  send(token: number, data: Uint8Array): number;
  backlog(token: number): number;
  setArena(arena: Uint8Array): void;
  now(): number;
  listen(socket: NativeSocket, accepts: number): number;
  /** Number of sockets that the core has, for tests. */
  sockets(): number;
  /** Whether to make another turn before waiting. */
  shouldBusyPoll(): boolean;
  /** Number of polls made in place of a wait, for tests. */
  busyPolls(): number;
  adopt(socket: NativeSocket): number;
  adoptDatagrams(socket: NativeSocket): number;
  sendDatagram(token: number, address: Uint8Array, data: Uint8Array): number;
  release(token: number): void;
  sockname(token: number): NativeAddress | null;
  peername(token: number): NativeAddress | null;
  fileno(token: number): number;
  view(token: number): NativeSocket;
  watch(fd: number, interest: number): number;
  owner(fd: number): number;
  lookup(
    id: number,
    host: string | null,
    service: string | null,
    hints: readonly [family: number, kind: number, protocol: number, flags: number],
  ): number;
  lookupNames(id: number, address: NativeAddress, flags: number): number;
  answers(): NativeAnswer[];
  /** Libuv calls `turn` with what it polled. */
  hostStart(turn: () => void): void;
  /** A thread waits when it is armed, and has `turn` called, which polls. */
  guestStart(turn: () => void): void;
  /** Has the thread wait for one call, up to `timeout` seconds (negative: without limit). */
  guestArm(timeout: number): void;
  /** Ends either. */
  hostStop(): void;
  /** From now on the signal wakes the poll instead of doing what it did. */
  watchSignal(signal: number): number;
  /** Restores what the signal did. */
  unwatchSignal(signal: number): void;
  /** The watched signals that came since the last call. */
  takeSignals(): number[];
  close(): void;
  /** Only in builds with the feature `inject-panic`. */
  injectPanic?(): void;
}

/** What the binary exports. */
export interface Addon {
  NativeCore: {
    new (
      control: Int32Array,
      submissions: Int32Array,
      completions: Int32Array,
      outgoing: Uint8Array,
      arena: Uint8Array,
      busyPoll: number,
    ): NativeCore;
    /** Whether the functions that `hostStart` needs are there; they may still abort. */
    hasUvPoll(): boolean;
  };
  openSocket(family: number, type: number, proto: number): NativeSocket | number;
  openSocketPair(family: number, type: number, proto: number): NativeSocket[] | number;
  takeDescriptor(fd: number): NativeSocket | number;
  packAddress(address: NativeAddress, target: Uint8Array): number;
  unpackAddress(source: Uint8Array): NativeAddress | null;
  socketConstants(): Record<string, number>;
  descriptorRead(fd: number, buffer: Uint8Array): number;
  descriptorWrite(fd: number, data: Uint8Array): number;
  descriptorSetNonblocking(fd: number): number;
  descriptorClose(fd: number): number;
  /** Sends from a file at `offset` to a socket. */
  descriptorSendfile(out: number, file: number, offset: number, length: number): number;
  descriptorSeek(fd: number, position: number): number;
}

const load = createRequire(import.meta.url);

/** Linux binaries differ by C library: glibc names itself in the process report. */
function isMusl(): boolean {
  try {
    return readFileSync('/usr/bin/ldd', 'utf8').includes('musl');
  } catch {
    // No ldd to read (distroless images): ask Node.
    const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
    return report?.header?.glibcVersionRuntime === undefined;
  }
}

/** The name of this platform as the binaries are named, `linux-x64-gnu` for example. */
export function platformName(): string {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  if (platform === 'win32') return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
}

/** The places where the binary may be, in order. */
function candidates(platform: string): string[] {
  const chosen = process.env['MIOLO_NATIVE_LIBRARY_PATH'];
  if (chosen !== undefined && chosen !== '') return [chosen];
  return [fileURLToPath(new URL(`miolo.${platform}.node`, import.meta.url)), `@miolo/binding-${platform}`];
}

let loaded: Addon | null = null;

/**
 * The native binary, loaded at the first call.
 *
 * @throws Error (code `ERR_MIOLO_NATIVE_BINARY`) naming the files looked for, the platform and what to do; its
 * `cause` is what the last attempt threw.
 */
export function addon(): Addon {
  if (loaded !== null) return loaded;
  const platform = platformName();
  const tried: string[] = [];
  let cause: unknown;
  for (const place of candidates(platform)) {
    try {
      const found = load(place) as Partial<Addon>;
      if (typeof found.NativeCore !== 'function') throw new TypeError('it is no binary of miolo');
      loaded = found as Addon;
      return loaded;
    } catch (error) {
      // Any failure to load counts; a file that is there but wrong says more than one that is missing.
      const what = existsSync(place) ? 'is there but does not load' : 'not found';
      tried.push(
        `  ${place}: ${what} (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`,
      );
      if (cause === undefined || what !== 'not found') cause = error;
    }
  }
  throw Object.assign(
    new Error(
      `miolo has no usable native binary for ${platform} (Node ${process.version}, Node-API ` +
        `${process.versions['napi']}). Looked for:\n${tried.join('\n')}\n` +
        `Install with optional dependencies allowed (npm install --include=optional), build it from source ` +
        `(npm run build:native, needs Rust), or set MIOLO_NATIVE_LIBRARY_PATH to a binary. ` +
        `'miolo/base' works without it.`,
      { cause },
    ),
    { code: 'ERR_MIOLO_NATIVE_BINARY' },
  );
}
