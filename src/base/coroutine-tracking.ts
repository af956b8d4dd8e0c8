/**
 * Coroutines that nobody awaits: while a loop runs in debug mode, those of {@link coroutine} functions are watched,
 * and reported when they are collected before anybody drove them.
 */
import type { Coroutine } from './coroutine.ts';
import { CreationStack } from './creation-stack.ts';
import { warn } from './warnings.ts';

/** What is known of a coroutine that is watched. */
interface Origin {
  readonly name: string;
  readonly stack: readonly string[];
}

/** Loops in debug mode that run. */
let trackers = 0;

/** Made with the first coroutine that is watched. */
let registry: FinalizationRegistry<Origin> | null = null;

/** Whether coroutines are watched. */
export function isTracking(): boolean {
  return trackers > 0;
}

/** One loop more, or fewer, wants coroutines watched. */
export function setTracking(enabled: boolean): void {
  trackers += enabled ? 1 : -1;
}

const DRIVING = ['next', 'throw', 'return'] as const;

/** Watches `coro` until somebody drives it, by whatever means. */
export function trackCoroutine<C extends Coroutine<unknown>>(coro: C, name: string): C {
  registry ??= new FinalizationRegistry(report);
  // In text at once: the frames may hold on to the coroutine.
  registry.register(coro, { name, stack: new CreationStack().lines }, coro);
  for (const method of DRIVING) {
    Object.defineProperty(coro, method, {
      configurable: true,
      value(this: C, argument: never): unknown {
        untrackCoroutine(this);
        return this[method](argument);
      },
    });
  }
  return coro;
}

/** Somebody drives `coro`. */
export function untrackCoroutine(coro: Coroutine<unknown>): void {
  if (registry === null || !registry.unregister(coro)) return;
  // What the prototype has shows again.
  for (const method of DRIVING) delete (coro as Partial<Coroutine<unknown>>)[method];
}

function report({ name, stack }: Origin): void {
  const lines = [`coroutine '${name}' was never awaited`, 'Coroutine created at (most recent call first):'];
  warn([...lines, ...stack.map((line) => `  ${line}`)].join('\n'), 'RuntimeWarning');
}
