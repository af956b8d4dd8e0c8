const PLACE = Symbol.for('miolo.workerFunction');

/** Where a worker thread finds a function. */
export interface FunctionPlace {
  readonly url: string;
  readonly name: string;
}

interface Placed {
  readonly [PLACE]?: FunctionPlace;
}

/**
 * A function that another thread finds by module and name.
 *
 * Called in this thread it imports the module and calls the function.
 */
export type WorkerFunction<F extends (...args: never) => unknown> = (
  ...args: Parameters<F>
) => Promise<Awaited<ReturnType<F>>>;

/**
 * Names an exported function, so that a {@link ThreadPoolExecutor} can call it in a worker thread: the worker
 * imports the module. A module that also starts a program has to ask `isMainThread` (of `node:worker_threads`) first.
 *
 * @param url the module's: `import.meta.url` for the one this stands in
 * @param name the export; default: `default`
 * @throws TypeError when one of them is no string
 *
 * @example
 * ```ts
 * export function checksum(data: Uint8Array): number { ... }
 *
 * const job = workerFunction<typeof checksum>(import.meta.url, 'checksum');
 * const sum = yield* loop.runInExecutor(null, job, [data]);
 * ```
 */
export function workerFunction<F extends (...args: never) => unknown>(
  url: string | URL,
  name: string = 'default',
): WorkerFunction<F> {
  if (typeof url !== 'string' && !(url instanceof URL)) throw new TypeError('url: must be a URL');
  if (typeof name !== 'string') throw new TypeError('name: must be the name of an export');
  const place: FunctionPlace = { url: String(url), name };
  const call = async (...args: Parameters<F>): Promise<Awaited<ReturnType<F>>> =>
    (await importFunction(place))(...(args as unknown as never[])) as Awaited<ReturnType<F>>;
  return Object.defineProperties(call, { [PLACE]: { value: place }, name: { value: name } });
}

/** Where `fn` is found, null for other functions. */
export function placeOf(fn: unknown): FunctionPlace | null {
  return (fn as Placed)[PLACE] ?? null;
}

/** The modules that this thread imports for jobs at this moment. */
const importing = new Set<string>();

/**
 * {@link importFunction} for a job of this worker.
 *
 * @throws as that
 */
export async function importForJob(place: FunctionPlace): Promise<(...args: never[]) => unknown> {
  importing.add(place.url);
  try {
    return await importFunction(place);
  } finally {
    importing.delete(place.url);
  }
}

/** Whether this thread, a worker, is importing the module of `place` for a job: it is the module that asks. */
export function isImporting(place: FunctionPlace): boolean {
  return importing.has(place.url);
}

/** @throws TypeError when the module has no such function; what the module throws */
export async function importFunction(place: FunctionPlace): Promise<(...args: never[]) => unknown> {
  const module = (await import(place.url)) as Readonly<Record<string, unknown>>;
  const fn = module[place.name];
  if (typeof fn !== 'function') throw new TypeError(`${place.url} exports no function ${place.name}`);
  return fn as (...args: never[]) => unknown;
}
