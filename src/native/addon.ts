/**
 * Finds and loads the native binary.
 *
 * It is looked for, in this order: where `MIOLO_NATIVE_LIBRARY_PATH` says, beside this file (a build from
 * source), and in the package of this platform that npm installs as an optional dependency.
 */
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Host, port, flow information, scope of an IP address. */
export type NativeAddress = [host: string, port: number, flowinfo: number, scopeid: number];

/** A socket that no loop owns yet. Numbers below zero are errnos. */
export interface NativeSocket {
  bind(host: string, port: number, flowinfo: number, scopeid: number): number;
  listen(backlog: number): number;
  shutdown(how: number): number;
  fileno(): number;
  sockname(): NativeAddress | null;
  peername(): NativeAddress | null;
  setOption(level: number, name: number, value: number): number;
  getOption(level: number, name: number): number[];
  close(): void;
}

/** The reactor with its rings. Numbers below zero are errnos. */
export interface NativeCore {
  enter(timeout: number): void;
  flush(): void;
  send(token: number, data: Uint8Array): number;
  backlog(token: number): number;
  setArena(arena: Uint8Array): void;
  now(): number;
  listen(socket: NativeSocket): number;
  adopt(socket: NativeSocket): number;
  connect(socket: NativeSocket, host: string, port: number, flowinfo: number, scopeid: number): number;
  release(token: number): void;
  sockname(token: number): NativeAddress | null;
  peername(token: number): NativeAddress | null;
  fileno(token: number): number;
  setOption(token: number, level: number, name: number, value: number): number;
  getOption(token: number, level: number, name: number): number[];
  hostStart(turn: () => void): void;
  hostStop(): void;
  close(): void;
  /** Only in builds with the feature `inject-panic`. */
  injectPanic?(): void;
}

/** What the binary exports. */
export interface Addon {
  NativeCore: new (
    control: Int32Array,
    submissions: Int32Array,
    completions: Int32Array,
    outgoing: Uint8Array,
    arena: Uint8Array,
  ) => NativeCore;
  NativeSocket: new (family: number, type: number, proto: number) => NativeSocket;
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
