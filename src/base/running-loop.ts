import { RuntimeError } from './exceptions.ts';
import type { CurrentLoop, Loop } from './loop.ts';
import { DefaultEventLoopPolicy, _BaseDefaultEventLoopPolicy, _getEventLoopPolicy } from './policies.ts';

/** What all copies of this package in a thread share. */
interface Registry {
  /** The loop whose turn is under way. */
  running: Loop | null;
  /** Loops with a hosted run pending. */
  readonly hosted: Loop[];
}

const KEY = Symbol.for('miolo.loops');

type Shared = { [KEY]?: Registry };

const registry: Registry = ((globalThis as Shared)[KEY] ??= { running: null, hosted: [] });

/** Sets what {@link newEventLoop} makes. */
export function setDefaultLoopFactory(factory: () => Loop): void {
  DefaultEventLoopPolicy._setLoopFactory(factory);
}

/**
 * The running loop of this thread, or null. asyncio: `_get_running_loop`.
 *
 * During a turn it is the loop whose turn it is; outside of turns the only hosted loop, if there is just one.
 */
export function _getRunningLoop(): Loop | null {
  if (registry.running !== null) return registry.running;
  return registry.hosted.length === 1 ? registry.hosted[0]! : null;
}

/** Sets the loop whose turn is under way. asyncio: `_set_running_loop`. For loops. */
export function _setRunningLoop(loop: Loop | null): void {
  registry.running = loop;
}

/** The loop whose turn is under way, whatever is hosted. */
export function _loopInTurn(): Loop | null {
  return registry.running;
}

/** Notes a hosted run. */
export function _addHosted(loop: Loop): void {
  registry.hosted.push(loop);
}

/** Forgets a hosted run. */
export function _removeHosted(loop: Loop): void {
  const at = registry.hosted.indexOf(loop);
  if (at >= 0) registry.hosted.splice(at, 1);
}

/** Whether any loop of this thread runs. */
export function _anyRunning(): boolean {
  return registry.running !== null || registry.hosted.length > 0;
}

/**
 * The running loop. asyncio: `get_running_loop`.
 *
 * @throws RuntimeError when none runs, and outside of turns when several hosted loops share the thread
 */
export function getRunningLoop(): CurrentLoop {
  const loop = _getRunningLoop();
  if (loop !== null) return loop as CurrentLoop;
  if (registry.hosted.length > 1) {
    throw new RuntimeError('several event loops run in this thread: pass the one you mean as `loop`');
  }
  throw new RuntimeError('no running event loop');
}

/**
 * The running loop, else the one that the policy has: the one that `setEventLoop` set. asyncio: `get_event_loop`.
 *
 * @throws RuntimeError when there is neither; nothing is made implicitly
 */
export function getEventLoop(): CurrentLoop {
  return (_getRunningLoop() ?? _getEventLoopPolicy().getEventLoop()) as CurrentLoop;
}

/**
 * Sets, through the policy, what {@link getEventLoop} returns outside of runs. asyncio: `set_event_loop`.
 *
 * @throws TypeError when `loop` is neither an event loop nor null
 */
export function setEventLoop(loop: Loop | null): void {
  _getEventLoopPolicy().setEventLoop(loop);
}

/** What `setEventLoop` set, or null; policies of other makes do not tell. */
export function _currentLoop(): Loop | null {
  const policy = _getEventLoopPolicy();
  return policy instanceof _BaseDefaultEventLoopPolicy ? policy._local : null;
}

/**
 * Makes, through the policy, an event loop; by default of the kind that this installation has.
 * asyncio: `new_event_loop`.
 *
 * @throws RuntimeError with `miolo/base` alone, which has no concrete loop
 */
export function newEventLoop(): CurrentLoop {
  return _getEventLoopPolicy().newEventLoop() as CurrentLoop;
}
