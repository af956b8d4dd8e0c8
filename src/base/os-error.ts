import { Exception, brandError } from './exceptions.ts';

/** What a system failure is about. */
export interface OSErrorDetails {
  readonly errno?: number | undefined;
  readonly code?: string | undefined;
  readonly syscall?: string | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly cause?: unknown;
}

/** A failure that the operating system reported. Python: `OSError`; the properties are Node's. */
export class OSError extends Exception {
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
  readonly address: string | undefined;
  readonly port: number | undefined;

  constructor(message: string = '', details: OSErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.errno = details.errno;
    this.syscall = details.syscall;
    this.address = details.address;
    this.port = details.port;
    if (details.code !== undefined) this.code = details.code;
  }
}

/** Python: `ConnectionError`. */
export class ConnectionError extends OSError {}
/** The peer closed while data was under way. Python: `BrokenPipeError`. */
export class BrokenPipeError extends ConnectionError {}
/** Python: `ConnectionAbortedError`. */
export class ConnectionAbortedError extends ConnectionError {}
/** Nobody listens. Python: `ConnectionRefusedError`. */
export class ConnectionRefusedError extends ConnectionError {}
/** The peer reset the connection. Python: `ConnectionResetError`. */
export class ConnectionResetError extends ConnectionError {}
/** Python: `FileExistsError`. */
export class FileExistsError extends OSError {}
/** Python: `FileNotFoundError`. */
export class FileNotFoundError extends OSError {}
/** Python: `InterruptedError`. */
export class InterruptedError extends OSError {}
/** Python: `PermissionError`. */
export class PermissionError extends OSError {}
/** Python: `ProcessLookupError`. */
export class ProcessLookupError extends OSError {}
/** It would have to wait. Python: `BlockingIOError`. */
export class BlockingIOError extends OSError {}
/** Time ran out. Python: `TimeoutError`, which asyncio's is. */
export class TimeoutError extends OSError {}
/** A name could not be resolved. Python: `socket.gaierror`. */
export class GaiError extends OSError {}

brandError(OSError, 'OSError', 'ERR_MIOLO_OS');
brandError(ConnectionError, 'ConnectionError', 'ERR_MIOLO_CONNECTION');
brandError(BrokenPipeError, 'BrokenPipeError', 'EPIPE');
brandError(ConnectionAbortedError, 'ConnectionAbortedError', 'ECONNABORTED');
brandError(ConnectionRefusedError, 'ConnectionRefusedError', 'ECONNREFUSED');
brandError(ConnectionResetError, 'ConnectionResetError', 'ECONNRESET');
brandError(FileExistsError, 'FileExistsError', 'EEXIST');
brandError(FileNotFoundError, 'FileNotFoundError', 'ENOENT');
brandError(InterruptedError, 'InterruptedError', 'EINTR');
brandError(PermissionError, 'PermissionError', 'EACCES');
brandError(ProcessLookupError, 'ProcessLookupError', 'ESRCH');
brandError(BlockingIOError, 'BlockingIOError', 'EAGAIN');
brandError(TimeoutError, 'TimeoutError', 'ETIMEDOUT');
brandError(GaiError, 'GaiError', 'EAI_FAIL');

type OSErrorClass = new (message?: string, details?: OSErrorDetails) => OSError;

/** What is known of errnos: code, text, and the class that Python gives the error. */
export type ErrnoTable = ReadonlyMap<number, readonly [code: string, text: string, errorClass: OSErrorClass]>;

/** Linux's numbers; a platform layer replaces them with {@link setErrnoTable} where they differ. */
let table: ErrnoTable = new Map([
  [1, ['EPERM', 'operation not permitted', PermissionError]],
  [2, ['ENOENT', 'no such file or directory', FileNotFoundError]],
  [3, ['ESRCH', 'no such process', ProcessLookupError]],
  [4, ['EINTR', 'interrupted system call', InterruptedError]],
  [5, ['EIO', 'input/output error', OSError]],
  [9, ['EBADF', 'bad file descriptor', OSError]],
  [11, ['EAGAIN', 'resource temporarily unavailable', BlockingIOError]],
  [12, ['ENOMEM', 'cannot allocate memory', OSError]],
  [13, ['EACCES', 'permission denied', PermissionError]],
  [17, ['EEXIST', 'file exists', FileExistsError]],
  [21, ['EISDIR', 'is a directory', OSError]],
  [22, ['EINVAL', 'invalid argument', OSError]],
  [23, ['ENFILE', 'too many open files in system', OSError]],
  [24, ['EMFILE', 'too many open files', OSError]],
  [32, ['EPIPE', 'broken pipe', BrokenPipeError]],
  [19, ['ENODEV', 'no such device', OSError]],
  [20, ['ENOTDIR', 'not a directory', OSError]],
  [88, ['ENOTSOCK', 'socket operation on non-socket', OSError]],
  [89, ['EDESTADDRREQ', 'destination address required', OSError]],
  [90, ['EMSGSIZE', 'message too long', OSError]],
  [91, ['EPROTOTYPE', 'protocol wrong type for socket', OSError]],
  [92, ['ENOPROTOOPT', 'protocol not available', OSError]],
  [93, ['EPROTONOSUPPORT', 'protocol not supported', OSError]],
  [95, ['EOPNOTSUPP', 'operation not supported', OSError]],
  [97, ['EAFNOSUPPORT', 'address family not supported by protocol', OSError]],
  [98, ['EADDRINUSE', 'address already in use', OSError]],
  [99, ['EADDRNOTAVAIL', 'cannot assign requested address', OSError]],
  [101, ['ENETUNREACH', 'network is unreachable', OSError]],
  [103, ['ECONNABORTED', 'software caused connection abort', ConnectionAbortedError]],
  [104, ['ECONNRESET', 'connection reset by peer', ConnectionResetError]],
  [105, ['ENOBUFS', 'no buffer space available', OSError]],
  [106, ['EISCONN', 'socket is already connected', OSError]],
  [107, ['ENOTCONN', 'socket is not connected', OSError]],
  [108, ['ESHUTDOWN', 'cannot send after transport endpoint shutdown', BrokenPipeError]],
  [110, ['ETIMEDOUT', 'connection timed out', TimeoutError]],
  [111, ['ECONNREFUSED', 'connection refused', ConnectionRefusedError]],
  [113, ['EHOSTUNREACH', 'no route to host', OSError]],
  [114, ['EALREADY', 'operation already in progress', BlockingIOError]],
  [115, ['EINPROGRESS', 'operation now in progress', BlockingIOError]],
]);

/** Replaces the table of errnos with a platform's own. */
export function setErrnoTable(next: ErrnoTable): void {
  table = next;
}

/** The table in use. */
export function _errnoTable(): ErrnoTable {
  return table;
}

/** The error for the symbol of a system's number, whatever the number is on this platform. */
export function osErrorFromCode(
  code: string,
  syscall: string,
  details: { readonly address?: string; readonly port?: number } = {},
): OSError {
  for (const [errno, entry] of table) {
    if (entry[0] === code) return osErrorFromErrno(errno, syscall, details);
  }
  return new OSError(`${code}: ${syscall}`, { code, syscall, ...details });
}

/** The error for a system's number, of the class that Python gives it. */
export function osErrorFromErrno(
  errno: number,
  syscall: string,
  details: { readonly address?: string; readonly port?: number } = {},
): OSError {
  const [code, text, ErrorClass] = table.get(errno) ?? [`E${errno}`, `error ${errno}`, OSError];
  const where =
    details.address === undefined
      ? ''
      : ` ${details.address}${details.port === undefined ? '' : `:${details.port}`}`;
  return new ErrorClass(`[Errno ${errno}] ${text}: ${syscall}${where}`, { errno, code, syscall, ...details });
}
