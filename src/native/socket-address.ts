import { AF_INET, AF_INET6, AF_UNIX, UNIX_PATH_MAX, ValueError, osErrorFromCode } from '../base/index.ts';
import type { Address } from '../base/index.ts';
import { isIPv4, isIPv6 } from '../base/ip-address.ts';
import type { NativeAddress } from './addon.ts';

/** What stands for the port in the native form of a Unix socket's address. */
const UNIX_PORT = -1;

/**
 * Checks an address for sockets of `family` and turns it into what the native side takes.
 *
 * @param what the argument's name, for the errors
 * @throws TypeError for an address of another form; RangeError for a port, flow or scope out of range; ValueError
 * for a host that is no literal of the family, for NUL characters, and for paths that are too long
 */
export function toNativeAddress(family: number, address: unknown, what = 'address'): NativeAddress {
  if (family === AF_UNIX) return [checkUnixPath(address, what), UNIX_PORT, 0, 0];
  if (family === AF_INET || family === AF_INET6) return internetAddress(family, address, what);
  throw osErrorFromCode('EAFNOSUPPORT', what);
}

/** Checks the path, or the abstract name, of a Unix socket. */
export function checkUnixPath(path: unknown, what: string): string {
  if (typeof path !== 'string') {
    throw new TypeError(`${what}: must be a path or an abstract name for a Unix socket, not ${show(path)}`);
  }
  if (path.indexOf('\0') > 0 && path[0] !== '\0') {
    throw new ValueError(`${what}: a path must not contain a NUL character`);
  }
  const length = Buffer.byteLength(path);
  if (length > UNIX_PATH_MAX) {
    throw new ValueError(`${what}: the path has ${length} bytes, ${UNIX_PATH_MAX} are possible`);
  }
  return path;
}

function internetAddress(family: number, address: unknown, what: string): NativeAddress {
  const most = family === AF_INET6 ? 4 : 2;
  if (!Array.isArray(address) || address.length < 2 || address.length > most) {
    const form = family === AF_INET6 ? '[host, port, flowinfo?, scopeid?]' : '[host, port]';
    throw new TypeError(`${what}: must be ${form} for this family of socket, not ${show(address)}`);
  }
  const [host, port, flowinfo = 0, scopeid = 0] = address as readonly unknown[];
  if (typeof host !== 'string') throw new TypeError(`${what}: the host must be a string, not ${show(host)}`);
  if (host.includes('\0')) throw new ValueError(`${what}: the host must not contain a NUL character`);
  return [
    literal(family, host, what),
    checkRange(`${what}: the port`, port, 0xffff),
    checkRange(`${what}: the flow information`, flowinfo, 0xfffff),
    checkRange(`${what}: the scope`, scopeid, 0xffffffff),
  ];
}

function literal(family: number, host: string, what: string): string {
  if (host === '') return family === AF_INET6 ? '::' : '0.0.0.0';
  if (family === AF_INET && host === '<broadcast>') return '255.255.255.255';
  const known = family === AF_INET6 ? isIPv6(host.split('%', 1)[0]!) : isIPv4(host);
  if (known) return host;
  const version = family === AF_INET6 ? 'IPv6' : 'IPv4';
  throw new ValueError(
    `${what}: the host must be an ${version} address, not '${host}' (loop.getaddrinfo() looks names up)`,
  );
}

/** Checks an integer between 0 and `most`. */
export function checkRange(what: string, value: unknown, most: number): number {
  checkInteger(what, value);
  if (value < 0 || value > most) throw new RangeError(`${what} must be 0 to ${most}, not ${value}`);
  return value;
}

/** Checks an integer. */
export function checkInteger(what: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new TypeError(`${what}: must be an integer, not ${show(value)}`);
  }
}

/**
 * Checks an integer that the system takes as a C `int`. Node-API would make another number of a greater one, and of a
 * descriptor another descriptor.
 */
export function checkInt(what: string, value: unknown): asserts value is number {
  checkInteger(what, value);
  if (value !== (value | 0)) throw new RangeError(`${what}: must fit in 32 bits, not ${value}`);
}

/** What a native address is for users: a path, `[host, port]`, or `[host, port, flowinfo, scopeid]`. */
export function fromNativeAddress(family: number, native: NativeAddress): Address;
export function fromNativeAddress(family: number, native: NativeAddress | null): Address | null;
export function fromNativeAddress(family: number, native: NativeAddress | null): Address | null {
  if (native === null) return null;
  const [host, port, flowinfo, scopeid] = native;
  if (port === UNIX_PORT) return host;
  return family === AF_INET6 ? [host, port, flowinfo, scopeid] : [host, port];
}

function show(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object'
    ? (value.constructor?.name ?? 'an object')
    : `${typeof value} ${String(value)}`;
}
