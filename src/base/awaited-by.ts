import { type FutureLike, isFuture } from './future-like.ts';

/** Who awaits a future: nobody, one future, or several. */
export type Awaiter = FutureLike | Set<FutureLike> | null;

interface Awaited {
  _awaitedBy?: Awaiter;
}

/** The same of futures of other makes, which have no place for it. */
const others = new WeakMap<object, Awaited>();

/** Where it is kept who awaits `future`; null for what is no future, and for others of which nobody has noted it. */
function placeOf(future: unknown): Awaited | null {
  if ((future as Awaited)._awaitedBy !== undefined) return future as Awaited;
  return others.get(future as object) ?? null;
}

/** Notes that `waiter` awaits `future`. asyncio: `future_add_to_awaited_by`. */
export function futureAddToAwaitedBy(future: unknown, waiter: FutureLike): void {
  let awaited = placeOf(future);
  if (awaited === null) {
    if (!isFuture(future)) return;
    awaited = { _awaitedBy: null };
    others.set(future, awaited);
  }
  const known = awaited._awaitedBy!;
  if (known === null || known === waiter) awaited._awaitedBy = waiter;
  else if (known instanceof Set) known.add(waiter);
  else awaited._awaitedBy = new Set([known, waiter]);
}

/** Notes that `waiter` no longer awaits `future`. asyncio: `future_discard_from_awaited_by`. */
export function futureDiscardFromAwaitedBy(future: unknown, waiter: FutureLike): void {
  const awaited = placeOf(future);
  if (awaited === null) return;
  const known = awaited._awaitedBy;
  if (known === waiter) awaited._awaitedBy = null;
  else if (known instanceof Set) {
    known.delete(waiter);
    if (known.size === 0) awaited._awaitedBy = null;
  }
}

/** Who awaits `future`, in the order they began. */
export function awaitersOf(future: unknown): readonly FutureLike[] {
  const known = placeOf(future)?._awaitedBy;
  if (known === undefined || known === null) return [];
  return known instanceof Set ? [...known] : [known];
}
