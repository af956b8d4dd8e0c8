import type { Future } from './future.ts';

/** Ends the wait for `waiter` unless it has ended. asyncio: `_release_waiter`. */
export function _releaseWaiter(waiter: Future<void>): void {
  if (!waiter.done()) waiter.setResult();
}
