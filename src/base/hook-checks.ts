/** What the callers of a loop's hooks hold against hooks that break their contract. */
import { type Coroutine, isCoroutine } from './coroutine.ts';
import { CancelledError, NotImplementedError, RuntimeError, ValueError, isExit } from './exceptions.ts';
import { isFuture } from './future-like.ts';
import type { Handle } from './handle.ts';
import type { ExceptionContext } from './loop.ts';
import { OSError } from './os-error.ts';
import type { AddrInfo, SocketLike } from './socket-like.ts';

/** Sections of the guide about hooks. */
export type HookSection =
  | 'the-turn-hooks'
  | 'sockets-and-names'
  | 'servers'
  | 'transports'
  | 'a-stream-transport'
  | 'descriptors'
  | 'protocols-executors-resolvers'
  | 'tasks-and-futures';

/** A hook that this loop does not provide was needed. */
export function missingHook(hook: string, section: HookSection): never {
  throw new NotImplementedError(
    `this event loop does not implement the hook ${hook}(); what it has to do: docs/extending.md#${section}`,
  );
}

/** What these functions need of a loop. */
export interface HookLoop {
  getDebug(): boolean;
  callExceptionHandler(context: ExceptionContext): void;
}

/** The report that names a hook and its rule. */
export function broken(hook: string, rule: string, section: HookSection): string {
  return `the hook ${hook}() broke its contract: ${rule} (docs/extending.md#${section})`;
}

const contractErrors = new WeakSet<object>();

/** The same as an error. */
export function contractError(hook: string, rule: string, section: HookSection): RuntimeError {
  const error = new RuntimeError(broken(hook, rule, section));
  contractErrors.add(error);
  return error;
}

/** Whether an error names a hook that broke its contract: it is to be told, also where others are dropped. */
export function isContractError(error: unknown): boolean {
  return contractErrors.has(error as object);
}

/** `value` as it is shown in an error, whatever it is. */
export function show(value: unknown): string {
  if (isThenable(value)) return 'a promise';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function isThenable(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function' && !isFuture(value);
}

// --- hooks that fail -------------------------------------------------------------------------------------

/** What a hook may throw: it refuses its arguments, passes a failure of the system on, or was cancelled. */
const REFUSALS = [OSError, RuntimeError, ValueError, TypeError, RangeError, CancelledError];

/** Errors that are reported already, by the hook that they come from: others only pass them on. */
const reported = new WeakSet<object>();

function reportFailure(loop: HookLoop, hook: string, section: HookSection, exception: unknown): void {
  if (isExit(exception) || REFUSALS.some((each) => exception instanceof each)) return;
  if (typeof exception === 'object' && exception !== null) {
    if (reported.has(exception)) return;
    reported.add(exception);
  }
  const message = `the hook ${hook}() failed, which it may only to refuse its arguments (docs/extending.md#${section})`;
  loop.callExceptionHandler({ message, exception });
}

/**
 * Calls a hook. In debug mode what it throws besides refusals is reported by its name as well.
 *
 * @throws what the hook throws
 */
export function callHook<T>(loop: HookLoop, hook: string, section: HookSection, call: () => T): T {
  if (!loop.getDebug()) return call();
  try {
    return call();
  } catch (error) {
    reportFailure(loop, hook, section, error);
    throw error;
  }
}

/** {@link callHook} for a hook that returns nothing; that it is no async function is seen in debug mode. */
export function runHook(loop: HookLoop, hook: string, section: HookSection, call: () => void): void {
  const returned: unknown = callHook(loop, hook, section, call);
  if (loop.getDebug()) checkNotAsync(loop, hook, section, returned);
}

function checkNotAsync(loop: HookLoop, hook: string, section: HookSection, returned: unknown): void {
  if (!isThenable(returned)) return;
  loop.callExceptionHandler({
    message: broken(hook, 'it must be done when it returns, and no async function', section),
  });
}

/**
 * The coroutine that a hook returns. In debug mode what it throws besides refusals is reported by the hook's name.
 *
 * @throws RuntimeError, with the name of the hook, when it is none: a promise, for example; and what the hook throws
 */
export function coroutineOf<T>(
  loop: HookLoop,
  hook: string,
  section: HookSection,
  make: () => Coroutine<T>,
): Coroutine<T> {
  const coro = checkCoroutine(hook, section, callHook(loop, hook, section, make));
  return loop.getDebug() ? watchedCoroutine(loop, hook, section, coro) : coro;
}

/** @throws RuntimeError, with the name of the hook, when what it returned is no coroutine */
export function checkCoroutine<C>(hook: string, section: HookSection, coro: C): C {
  if (isCoroutine(coro) || isFuture(coro)) return coro;
  throw contractError(hook, `it must return a coroutine, not ${show(coro)}`, section);
}

function* watchedCoroutine<T>(
  loop: HookLoop,
  hook: string,
  section: HookSection,
  coro: Coroutine<T>,
): Coroutine<T> {
  try {
    return yield* coro;
  } catch (error) {
    reportFailure(loop, hook, section, error);
    throw error;
  }
}

// --- the turn --------------------------------------------------------------------------------------------

/** What {@link pollWatched} needs of a loop. */
interface PollingLoop extends HookLoop {
  readonly _selector: { select(timeout: number | null): unknown };
  _processEvents(events: unknown): void;
}

/**
 * In debug mode: polls and processes. What `_processEvents` throws ends the run, and is reported with its name before.
 *
 * @throws RuntimeError, with the name of the hook, for a timeout that is none and for a poll that does not block
 */
export function pollWatched(loop: PollingLoop, timeout: number | null): void {
  const section = 'the-turn-hooks';
  if (timeout !== null && !(typeof timeout === 'number' && timeout >= 0)) {
    throw contractError('_nextTimeout', `it must return seconds or null, not ${show(timeout)}`, section);
  }
  const events = loop._selector.select(timeout);
  if (isThenable(events)) {
    const rule = 'it must wait, and return what happened, not a promise';
    throw contractError('_selector.select', rule, section);
  }
  try {
    checkNotAsync(loop, '_processEvents', section, loop._processEvents(events));
  } catch (error) {
    if (!isExit(error)) {
      const message = broken('_processEvents', 'it must not throw', section);
      loop.callExceptionHandler({ message, exception: error, events });
    }
    throw error;
  }
}

/**
 * In debug mode: asks `time()`.
 *
 * @throws RuntimeError, with the name of the hook, when it returns no number
 */
export function timeWatched(loop: HookLoop & { time(): number }): number {
  const now = callHook(loop, 'time', 'the-turn-hooks', () => loop.time());
  if (typeof now === 'number' && !Number.isNaN(now)) return now;
  throw contractError('time', `it must return seconds, not ${show(now)}`, 'the-turn-hooks');
}

/** In debug mode: calls `_writeToSelf()`. */
export function writeWatched(loop: HookLoop & { _writeToSelf(): void }): void {
  runHook(loop, '_writeToSelf', 'the-turn-hooks', () => loop._writeToSelf());
}

/** What {@link beginRun} and {@link endRun} need of a loop. */
interface RunningLoop extends HookLoop {
  _running: boolean;
  _stopping: boolean;
  _runForeverSetup(): void;
  _runForeverCleanup(): void;
  _setCoroutineOriginTracking(enabled: boolean): void;
}

/**
 * Begins a run, whoever drives it.
 *
 * @throws NotImplementedError when the loop lacks what every loop must have, and no compiler has said so
 */
export function beginRun(loop: RunningLoop): void {
  const section = 'the-turn-hooks';
  const { _selector, _processEvents, _writeToSelf } = loop as unknown as Record<string, unknown>;
  if (typeof (_selector as { select?: unknown } | undefined)?.select !== 'function') {
    missingHook('_selector.select', section);
  }
  if (typeof _processEvents !== 'function') missingHook('_processEvents', section);
  if (typeof _writeToSelf !== 'function') missingHook('_writeToSelf', section);
  loop._runForeverSetup();
  if (loop._running) return;
  loop._running = true;
  loop.callExceptionHandler({ message: broken('_runForeverSetup', 'it must call super', section) });
}

/** Ends a run, whoever drives it. */
export function endRun(loop: RunningLoop): void {
  try {
    loop._runForeverCleanup();
  } finally {
    if (loop._running) {
      // A loop that seems to run could never run again.
      loop._running = false;
      loop._stopping = false;
      loop._setCoroutineOriginTracking(false);
      const message = broken('_runForeverCleanup', 'it must call super', 'the-turn-hooks');
      loop.callExceptionHandler({ message });
    }
  }
}

// --- what hooks return -----------------------------------------------------------------------------------

/**
 * What `_ensureResolved` and its like returned.
 *
 * @throws RuntimeError, with the name of the hook, when it is no array of addresses
 */
export function checkInfos(hook: string, infos: readonly AddrInfo[]): readonly AddrInfo[] {
  if (!Array.isArray(infos) || !infos.every((info) => isAddrInfo(info))) {
    const rule = 'it must return an array of [family, type, proto, canonname, address]';
    throw contractError(hook, rule, 'sockets-and-names');
  }
  return infos;
}

function isAddrInfo(info: unknown): info is AddrInfo {
  if (!Array.isArray(info) || info.length < 5) return false;
  const [family, type, proto, , address] = info as unknown[];
  const isAddress = typeof address === 'string' || Array.isArray(address);
  return isAddress && [family, type, proto].every((each) => typeof each === 'number');
}

/**
 * What `_makeSocket` and `_connectSock` returned.
 *
 * @throws RuntimeError, with the name of the hook, when it is no socket
 */
export function checkMadeSocket<S extends SocketLike>(sock: S, hook: string = '_makeSocket'): S {
  if (typeof (sock as Partial<S> | null | undefined)?.close === 'function') return sock;
  throw contractError(hook, `it must return a socket, not ${show(sock)}`, 'sockets-and-names');
}

/**
 * What `_addReader` and `_addWriter` returned.
 *
 * @throws RuntimeError, with the name of the hook, when it is no handle
 */
export function checkWatch(handle: Handle, hook: string): Handle {
  if (typeof (handle as Partial<Handle> | null | undefined)?.cancelled === 'function') return handle;
  throw contractError(hook, `it must return the watch's handle, not ${show(handle)}`, 'descriptors');
}
