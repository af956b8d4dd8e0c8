import type { FutureLike } from './future-like.ts';

/** Who awaits a future: nobody, one future, or several. */
export type Awaiter = FutureLike | Set<FutureLike> | null;

interface Awaited {
  _awaitedBy?: Awaiter;
}

/** Notes that `waiter` awaits `future`. asyncio: `future_add_to_awaited_by`. */
export function futureAddToAwaitedBy(future: unknown, waiter: FutureLike): void {
  const awaited = future as Awaited;
  const known = awaited._awaitedBy;
  // Futures that are not ours need not take part.
  if (known === undefined) return;
  if (known === null || known === waiter) awaited._awaitedBy = waiter;
  else if (known instanceof Set) known.add(waiter);
  else awaited._awaitedBy = new Set([known, waiter]);
}

/** Notes that `waiter` no longer awaits `future`. asyncio: `future_discard_from_awaited_by`. */
export function futureDiscardFromAwaitedBy(future: unknown, waiter: FutureLike): void {
  const awaited = future as Awaited;
  const known = awaited._awaitedBy;
  if (known === waiter) awaited._awaitedBy = null;
  else if (known instanceof Set) {
    known.delete(waiter);
    if (known.size === 0) awaited._awaitedBy = null;
  }
}

/** Who awaits `future`, in the order they began. */
export function awaitersOf(future: unknown): readonly FutureLike[] {
  const known = (future as Awaited)._awaitedBy;
  if (known === undefined || known === null) return [];
  return known instanceof Set ? [...known] : [known];
}
