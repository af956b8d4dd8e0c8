/** Calls the hooks that make transports, and watches, in debug mode, over what they do. */
import type { Future } from './future.ts';
import { type HookLoop, broken, callHook, contractError, show } from './hook-checks.ts';
import type { BaseProtocol } from './protocols.ts';
import type { BaseTransport } from './transports.ts';

/** Callbacks that may only come from a handle of their own. */
const CALLBACKS = ['connectionMade', 'dataReceived', 'datagramReceived', 'connectionLost'];

/** Whether a factory made a protocol. One that forgets its `return`, or is async, did not. */
export function isProtocol(made: unknown): made is BaseProtocol {
  return typeof (made as Partial<BaseProtocol> | null | undefined)?.connectionMade === 'function';
}

/**
 * Calls a `_make...Transport` hook.
 *
 * Checked always: that it returns a transport, and leaves the waiter to a later turn. In debug mode also: that it fails
 * only to refuse its arguments, calls no callback of the protocol by itself, and that the waiter is completed once, and
 * before the connection is lost.
 *
 * @param waiter null where nobody waits
 * @throws TypeError when `protocol` is none; RuntimeError, with the name of the hook, when what it returns is no
 * transport; and what the hook throws
 */
export function makeByHook<T extends BaseTransport>(
  loop: HookLoop,
  hook: string,
  protocol: BaseProtocol,
  waiter: Future<void> | null,
  make: () => T,
): T {
  if (!isProtocol(protocol)) {
    throw new TypeError(`protocolFactory: must return a protocol, not ${show(protocol)}`);
  }
  const transport = loop.getDebug() ? makeWatched(loop, hook, protocol, waiter, make) : make();
  if (typeof (transport as Partial<T> | null | undefined)?.close !== 'function') {
    throw contractError(hook, `it must return a transport, not ${show(transport)}`, 'transports');
  }
  if (waiter !== null && waiter.done() && !waiter.cancelled()) {
    loop.callExceptionHandler({
      message: broken(hook, 'the waiter must be completed by callSoon, after connectionMade', 'transports'),
      transport,
      protocol,
    });
  }
  return transport;
}

function makeWatched<T>(
  loop: HookLoop,
  hook: string,
  protocol: BaseProtocol,
  waiter: Future<void> | null,
  make: () => T,
): T {
  const report = (rule: string): void =>
    loop.callExceptionHandler({ message: broken(hook, rule, 'transports'), protocol });
  let inside = true;
  const unwatch = watchCallbacks(protocol, CALLBACKS, (callback) => {
    if (inside) report(`${callback}() must be called by callSoon, not from inside of the hook`);
  });
  try {
    const made = callHook(loop, hook, 'transports', make);
    unwatch();
    if (waiter !== null) watchWaiter(hook, protocol, waiter, report);
    return made;
  } finally {
    inside = false;
    unwatch();
  }
}

/** Sees to it that a waiter is completed, once, before the connection is lost: whoever waits would wait for good. */
function watchWaiter(
  hook: string,
  protocol: BaseProtocol,
  waiter: Future<void>,
  report: (rule: string) => void,
): void {
  const unwatch = watchCallbacks(protocol, ['connectionLost'], () => {
    unwatch();
    if (waiter.done()) return;
    const rule = 'the waiter must be completed, also when the connection is lost at once';
    report(rule);
    waiter.setException(contractError(hook, rule, 'transports'));
  });
  const setResult = waiter.setResult.bind(waiter);
  waiter.setResult = (...result) => {
    unwatch();
    if (waiter.done() && !waiter.cancelled()) report('the waiter must be completed once');
    setResult(...result);
  };
}

/** Has `seen` called before each of those callbacks of the protocol, until the function returned is called. */
function watchCallbacks(
  protocol: BaseProtocol,
  names: readonly string[],
  seen: (callback: string) => void,
): () => void {
  const target = protocol as unknown as Record<string, unknown>;
  const undo: (() => void)[] = [];
  for (const name of names) {
    const callback = target[name];
    if (typeof callback !== 'function' || !Object.isExtensible(target)) continue;
    const former = Object.getOwnPropertyDescriptor(target, name);
    if (former?.configurable === false) continue;
    const value = function (this: unknown, ...args: unknown[]): unknown {
      seen(name);
      return callback.apply(this, args) as unknown;
    };
    const enumerable = former?.enumerable ?? false;
    Object.defineProperty(target, name, { configurable: true, writable: true, enumerable, value });
    undo.push(() => {
      // Whoever has put another one there meanwhile keeps it.
      if (target[name] !== value) return;
      if (former === undefined) delete target[name];
      else Object.defineProperty(target, name, former);
    });
  }
  return () => {
    for (const each of undo.splice(0)) each();
  };
}
