/**
 * Whether the thread or window at the other end still lives, for browsers whose ports do not tell.
 *
 * Each realm holds a Web Lock while it has connections, and says its name; it is free when the realm has ended, however
 * it has. Locks are an origin's own, and there only for `https:` and this machine: elsewhere nobody is told.
 */

/** The part of `navigator.locks` that is used. */
interface Locks {
  request(
    name: string,
    options: { readonly mode: 'exclusive' | 'shared'; readonly signal?: AbortSignal },
    callback: () => Promise<void> | void,
  ): Promise<unknown>;
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>;
}

/** What the names of these locks begin with. */
export const LIFE_PREFIX = 'miolo/browser ';

/** Milliseconds that messages sent before the end may take: they come another way than the lock. */
const GRACE = 100;

function locks(): Locks | null {
  return (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks ?? null;
}

/** This realm's lock. */
interface Held {
  readonly name: Promise<string>;
  readonly release: () => void;
  users: number;
}

let held: Held | null = null;

function hold(manager: Locks): Held {
  const name = `${LIFE_PREFIX}${crypto.randomUUID()}`;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const granted = new Promise<string>((resolve, reject) => {
    const request = manager.request(name, { mode: 'exclusive' }, () => {
      resolve(name);
      return released;
    });
    request.catch(reject);
  });
  return { name: granted, release, users: 0 };
}

/** Holds this realm's lock until the function returned is called, and tells its name when it is held. */
export function announceLife(tell: (lock: string) => void): () => void {
  const manager = locks();
  if (manager === null) return () => {};
  const mine = (held ??= hold(manager));
  mine.users++;
  // A realm that gets no lock, such as a sandboxed frame, does without.
  mine.name.then(tell, () => {});
  return () => {
    if (--mine.users > 0) return;
    mine.release();
    if (held === mine) held = null;
  };
}

/** Has `ended` called when the realm that holds the lock has ended; the function returned ends the watch. */
export function watchLife(lock: string, ended: () => void): () => void {
  const manager = locks();
  const watch = new AbortController();
  if (manager !== null) void waitFor(manager, lock, watch.signal, ended);
  return () => watch.abort();
}

async function waitFor(manager: Locks, lock: string, signal: AbortSignal, ended: () => void): Promise<void> {
  try {
    // The other end may be of another origin, whose locks are not seen here: they look free.
    const { held: all = [] } = await manager.query();
    if (!all.some(({ name }) => name === lock)) return;
    await manager.request(lock, { mode: 'shared', signal }, () => {});
  } catch {
    // The watch was ended, or locks are refused here: nothing will be told.
    return;
  }
  setTimeout(() => {
    if (!signal.aborted) ended();
  }, GRACE);
}
