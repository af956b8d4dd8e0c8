import { KeyboardInterrupt, SystemExit, osErrorFromErrno } from '../base/index.ts';
import type { Address, OSError } from '../base/index.ts';

/** The error for an errno that the native core reported (positive or negative). */
export function osErrorFromNative(errno: number, syscall: string, address?: Address | null): OSError {
  const number = Math.abs(errno);
  if (address == null) return osErrorFromErrno(number, syscall);
  if (typeof address === 'string') return osErrorFromErrno(number, syscall, { address });
  return osErrorFromErrno(number, syscall, { address: address[0], port: address[1] });
}

/** The error for a failed call of node:fs; what is no system failure stays what it is. */
export function osErrorFromNode(error: unknown): unknown {
  const { errno, syscall } = error as NodeJS.ErrnoException;
  return errno === undefined ? error : osErrorFromNative(errno, syscall ?? 'fs');
}

/** Passes what is not negative; throws the error for a negative errno. */
export function checkNative(result: number, syscall: string, address?: Address | null): number {
  if (result < 0) throw osErrorFromNative(result, syscall, address);
  return result;
}

/** Errors that end the run: no transport and no listener may keep them. */
export function isExit(error: unknown): boolean {
  return error instanceof SystemExit || error instanceof KeyboardInterrupt;
}
