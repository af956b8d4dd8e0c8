/** Frames that debug mode keeps of where something was made. asyncio: `constants.DEBUG_STACK_DEPTH`. */
export const DEBUG_STACK_DEPTH = 10;

interface Environment {
  readonly process?: { readonly env?: Record<string, string | undefined> };
}

/**
 * Whether new loops begin in debug mode. asyncio: `coroutines._is_debug_mode`.
 *
 * True when the environment variable `MIOLO_DEBUG` is set and not empty, or asyncio's own `PYTHONASYNCIODEBUG`.
 * Where there is no environment, as in a page, it is false.
 */
export function _isDebugMode(): boolean {
  const env = (globalThis as unknown as Environment).process?.env;
  if (env === undefined) return false;
  try {
    return Boolean(env['MIOLO_DEBUG']) || Boolean(env['PYTHONASYNCIODEBUG']);
  } catch {
    // A runtime that refuses to show the environment; whatever error it has for that.
    return false;
  }
}
