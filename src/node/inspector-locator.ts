/**
 * Finds, with Node's own inspector, what JavaScript does not tell: where a suspended generator stands, and where a
 * function was written.
 *
 * A session lives only during one search. Its debugger part is on only while scripts are listed that it has not met
 * before (some ten milliseconds at the first search), so that nothing is slower afterwards.
 */
import { createRequire, findSourceMap } from 'node:module';
import type { InspectorNotification, Runtime, Session } from 'node:inspector';
import type { Coroutine, FunctionLocation, StackEntry } from '../base/index.ts';

/** Where the inspector finds the objects that are asked about, while a search is under way. */
const SUBJECTS = Symbol.for('miolo.inspected');

interface RawLocation {
  readonly scriptId: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

interface Place {
  readonly filename: string;
  readonly lineno: number;
  readonly colno: number;
}

interface InternalProperty {
  readonly name: string;
  readonly value?: Runtime.RemoteObject;
}

/** Addresses of scripts by the engine's number for them. */
const scripts = new Map<string, string>();

/** Names of generator functions by the prototype of their generators; a function's name hardly ever changes. */
const names = new WeakMap<object, string>();

let module: typeof import('node:inspector') | null | undefined;

/** Node's inspector, null in a Node that was built without it and in runtimes that have none. */
function inspector(): typeof import('node:inspector') | null {
  if (module === undefined) {
    try {
      module = createRequire(import.meta.url)('node:inspector') as typeof import('node:inspector');
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code !== 'ERR_INSPECTOR_NOT_AVAILABLE' && code !== 'MODULE_NOT_FOUND') throw error;
      module = null;
    }
  }
  return module;
}

/** A search: a session, and the objects it is about. */
class Search {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Asks the inspector, which answers at once. */
  #post<T>(method: string, params: object = {}): T {
    let failure: Error | null = null;
    let answer: unknown;
    this.#session.post(method, params, (error, result) => {
      failure = error;
      answer = result;
    });
    if (failure !== null) throw failure as Error;
    return answer as T;
  }

  /** The inspector's handles of the subjects. */
  handles(): Runtime.RemoteObject[] {
    const list = this.#post<Runtime.EvaluateReturnType>('Runtime.evaluate', {
      expression: `globalThis[Symbol.for('miolo.inspected')]`,
      objectGroup: 'miolo',
    }).result;
    const { result } = this.#post<Runtime.GetPropertiesReturnType>('Runtime.getProperties', {
      objectId: list.objectId,
      ownProperties: true,
    });
    // Besides the elements there is the length.
    return result.filter(({ name }) => /^\d+$/.test(name)).map(({ value }) => value!);
  }

  internals(object: Runtime.RemoteObject): Map<string, Runtime.RemoteObject | undefined> {
    const found = this.#post<{ internalProperties?: InternalProperty[] }>('Runtime.getProperties', {
      objectId: object.objectId,
      ownProperties: true,
    });
    return new Map((found.internalProperties ?? []).map(({ name, value }) => [name, value]));
  }

  nameOf(fn: Runtime.RemoteObject): string {
    const answer = this.#post<Runtime.CallFunctionOnReturnType>('Runtime.callFunctionOn', {
      objectId: fn.objectId,
      functionDeclaration: 'function () { return String(this.name); }',
      returnByValue: true,
    });
    return String(answer.result.value);
  }

  /** A place as stacks of errors show it: where source maps are in use, the one in the source. */
  place(location: Runtime.RemoteObject | undefined): Place | null {
    const raw = location?.value as RawLocation | undefined;
    if (raw === undefined) return null;
    if (!scripts.has(raw.scriptId)) this.#listScripts();
    const filename = scripts.get(raw.scriptId) ?? '';
    const entry = findSourceMap(filename)?.findEntry(raw.lineNumber, raw.columnNumber);
    if (entry === undefined || !('originalSource' in entry)) {
      return { filename, lineno: raw.lineNumber + 1, colno: raw.columnNumber + 1 };
    }
    return {
      filename: entry.originalSource,
      lineno: entry.originalLine + 1,
      colno: entry.originalColumn + 1,
    };
  }

  #listScripts(): void {
    const note = (message: InspectorNotification<{ scriptId: string; url: string }>): void => {
      scripts.set(message.params.scriptId, message.params.url);
    };
    this.#session.on('Debugger.scriptParsed', note as never);
    this.#post('Debugger.enable');
    this.#post('Debugger.disable');
    this.#session.off('Debugger.scriptParsed', note as never);
  }
}

/** Calls `search` for each of the subjects; null where there is no inspector. */
function inspect<T, R>(
  subjects: readonly T[],
  search: (search: Search, handle: Runtime.RemoteObject, subject: T) => R,
): R[] | null {
  const available = inspector();
  if (available === null) return null;
  const session = new available.Session();
  session.connect();
  const shared = globalThis as { [SUBJECTS]?: readonly T[] };
  shared[SUBJECTS] = subjects;
  try {
    const running = new Search(session);
    return running.handles().map((handle, at) => search(running, handle, subjects[at]!));
  } finally {
    delete shared[SUBJECTS];
    session.disconnect();
  }
}

/** Where suspended generators stand: the outermost level of each. For `setCoroutineLocator`. */
export function locateCoroutines(coros: readonly Coroutine<unknown>[]): (StackEntry | null)[] {
  const found = inspect(coros, (search, handle, coro): StackEntry | null => {
    const internals = search.internals(handle);
    const fn = internals.get('[[GeneratorFunction]]');
    const place = search.place(internals.get('[[GeneratorLocation]]'));
    if (fn === undefined || place === null) return null;
    const prototype = Object.getPrototypeOf(coro) as object;
    let name = names.get(prototype);
    if (name === undefined) {
      name = search.nameOf(fn);
      names.set(prototype, name);
    }
    return { ...place, name };
  });
  return found ?? coros.map(() => null);
}

/** Where a function was written; of a bound one, the function that was bound. For `setFunctionLocator`. */
export function locateFunction(fn: (...args: never[]) => unknown): FunctionLocation | null {
  const found = inspect([fn], (search, handle) => {
    let internals = search.internals(handle);
    for (
      let target = internals.get('[[TargetFunction]]');
      target !== undefined;
      target = internals.get('[[TargetFunction]]')
    ) {
      internals = search.internals(target);
    }
    return search.place(internals.get('[[FunctionLocation]]'));
  });
  const place = found?.[0] ?? null;
  return place === null ? null : { filename: place.filename, lineno: place.lineno };
}
