import { NotImplementedError, RuntimeError } from './exceptions.ts';
import type { Loop } from './loop.ts';
import { currentThread } from './thread.ts';
import { warn } from './warnings.ts';

/**
 * What makes loops and keeps the current one. asyncio: `AbstractEventLoopPolicy`.
 *
 * Difference: naming the class does not warn, since modules have no attributes that run code; the functions that
 * get and set the policy do.
 *
 * @deprecated as in asyncio; pass a `loopFactory` to `run` or `Runner`
 */
export abstract class AbstractEventLoopPolicy {
  /** The current loop. Never null. @throws NotImplementedError in the base */
  getEventLoop(): Loop {
    throw new NotImplementedError('getEventLoop');
  }

  /** Sets the current loop. @throws NotImplementedError in the base */
  setEventLoop(_loop: Loop | null): void {
    throw new NotImplementedError('setEventLoop');
  }

  /** Makes a loop, which does not become the current one. @throws NotImplementedError in the base */
  newEventLoop(): Loop {
    throw new NotImplementedError('newEventLoop');
  }
}

/**
 * A policy that keeps one current loop a thread and never makes one by itself.
 * asyncio: `events._BaseDefaultEventLoopPolicy`.
 */
export abstract class _BaseDefaultEventLoopPolicy extends AbstractEventLoopPolicy {
  /** Makes the loops of {@link newEventLoop}. asyncio: `_loop_factory`. */
  protected static _loopFactory: (() => Loop) | null = null;
  /** The current loop. Threads of JavaScript share no objects, so that every thread has its own. */
  _local: Loop | null = null;

  /** @throws RuntimeError naming the thread when no loop was set */
  override getEventLoop(): Loop {
    if (this._local === null) {
      const thread = currentThread();
      const where = thread === null ? 'this thread' : `thread '${thread.name}'`;
      throw new RuntimeError(`There is no current event loop in ${where}.`);
    }
    return this._local;
  }

  /** @throws TypeError when `loop` is neither an event loop nor null */
  override setEventLoop(loop: Loop | null): void {
    if (loop !== null && (typeof loop !== 'object' || typeof loop.callSoon !== 'function')) {
      throw new TypeError(`loop: must be an event loop or null, not ${describe(loop)}`);
    }
    this._local = loop;
  }

  /** @throws RuntimeError when the class has no factory, as with `miolo/base` alone */
  override newEventLoop(): Loop {
    const factory = (this.constructor as typeof _BaseDefaultEventLoopPolicy)._loopFactory;
    if (factory === null) {
      throw new RuntimeError(
        "'miolo/base' has no event loop of its own: import 'miolo', or pass a loopFactory",
      );
    }
    return factory();
  }
}

/**
 * The policy of this installation. asyncio: `DefaultEventLoopPolicy`.
 *
 * @deprecated as in asyncio; pass a `loopFactory` to `run` or `Runner`
 */
export class DefaultEventLoopPolicy extends _BaseDefaultEventLoopPolicy {
  /** Sets what default policies make. For the packages that bring a concrete loop. */
  static _setLoopFactory(factory: () => Loop): void {
    DefaultEventLoopPolicy._loopFactory = factory;
  }
}

/** What all copies of this package in a thread share. */
interface Shared {
  policy: AbstractEventLoopPolicy | null;
}

const KEY = Symbol.for('miolo.policy');

const shared: Shared = ((globalThis as { [KEY]?: Shared })[KEY] ??= { policy: null });

/**
 * The policy, made at the first call. asyncio: `get_event_loop_policy`.
 *
 * Gives a DeprecationWarning.
 *
 * @deprecated as in asyncio; pass a `loopFactory` to `run` or `Runner`
 */
export function getEventLoopPolicy(): AbstractEventLoopPolicy {
  deprecated('getEventLoopPolicy');
  return _getEventLoopPolicy();
}

/**
 * Sets the policy. asyncio: `set_event_loop_policy`.
 *
 * Gives a DeprecationWarning.
 *
 * @param policy null restores the default, without a current loop
 * @throws TypeError when it is neither a policy nor null
 * @deprecated as in asyncio; pass a `loopFactory` to `run` or `Runner`
 */
export function setEventLoopPolicy(policy: AbstractEventLoopPolicy | null): void {
  deprecated('setEventLoopPolicy');
  _setEventLoopPolicy(policy);
}

/** {@link getEventLoopPolicy} without the warning. asyncio: `events._get_event_loop_policy`. */
export function _getEventLoopPolicy(): AbstractEventLoopPolicy {
  return (shared.policy ??= new DefaultEventLoopPolicy());
}

/** {@link setEventLoopPolicy} without the warning. asyncio: `events._set_event_loop_policy`. */
export function _setEventLoopPolicy(policy: AbstractEventLoopPolicy | null): void {
  if (policy !== null && !(policy instanceof AbstractEventLoopPolicy)) {
    throw new TypeError(
      `policy: must be an instance of AbstractEventLoopPolicy or null, not ${describe(policy)}`,
    );
  }
  shared.policy = policy;
}

function deprecated(name: string): void {
  warn(`${name}() is deprecated: pass a loopFactory to run() or Runner instead`, 'DeprecationWarning');
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`;
  return `'${value.constructor?.name ?? 'Object'}'`;
}
