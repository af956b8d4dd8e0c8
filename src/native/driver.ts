import { RuntimeError, ValueError } from '../base/index.ts';
import { addon } from './addon.ts';

/**
 * What calls the turns of a hosted native loop: Node's own loop, which watches the poll descriptor (`uv_poll`), or a
 * thread that waits in the loop's place.
 */
export type HostedDriver = 'uv' | 'guest';

/** Bun and Deno may have libuv's functions, but only to abort when they are called. */
function isForeignRuntime(): boolean {
  return process.versions['bun'] !== undefined || process.versions['deno'] !== undefined;
}

/** Whether libuv can watch a descriptor for us here, and timers by it: on Linux, under Node. */
function canUseUv(): boolean {
  return !isForeignRuntime() && addon().NativeCore.hasUvPoll();
}

/**
 * The driver of a loop: the one asked for, else that of the environment variable `MIOLO_DRIVER`, else `uv` wherever it
 * works and `guest` elsewhere.
 *
 * @throws ValueError for names of no driver; RuntimeError for `uv` where it does not work
 */
export function chooseDriver(asked: HostedDriver | undefined): HostedDriver {
  const name = asked ?? (process.env['MIOLO_DRIVER'] || undefined);
  if (name === undefined) return canUseUv() ? 'uv' : 'guest';
  if (name !== 'uv' && name !== 'guest')
    throw new ValueError(`driver: must be 'uv' or 'guest', got '${name}'`);
  if (name === 'uv' && !canUseUv()) {
    throw new RuntimeError("driver: this runtime has no libuv to be hosted by; 'guest' works here");
  }
  return name;
}
