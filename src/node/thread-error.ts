/** Errors on their way between threads: structured clones forget classes, codes and most properties. */
/** An error as it travels. */
export interface ThreadError {
  /** Names of the classes, from the error's own to the root. */
  readonly classes: readonly string[];
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Other properties that can be cloned. */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly cause: ThrownValue | null;
  /** The members of a group. */
  readonly members: { readonly key: 'errors' | 'exceptions'; readonly values: readonly ThrownValue[] } | null;
}

/** What was thrown: an error, or any other value. */
export type ThrownValue = { readonly error: ThreadError } | { readonly value: unknown };

/** Causes of causes that are taken along; a circle ends there. */
const DEPTH = 8;

/** Makes something that can be cloned of what a job threw. */
export function packThrown(thrown: unknown, depth: number = DEPTH): ThrownValue {
  if (!(thrown instanceof Error)) return { value: isCloneable(thrown) ? thrown : String(thrown) };
  const classes: string[] = [];
  for (let at = Object.getPrototypeOf(thrown) as object; at !== null && at !== Object.prototype;) {
    const name = Object.hasOwn(at, 'constructor') ? at.constructor.name : '';
    if (name !== '') classes.push(name);
    at = Object.getPrototypeOf(at) as object;
  }
  const properties: Record<string, unknown> = {};
  const skipped = new Set(['message', 'stack', 'cause', 'errors', 'exceptions']);
  for (const key of Object.getOwnPropertyNames(thrown)) {
    const value = (thrown as unknown as Record<string, unknown>)[key];
    if (!skipped.has(key) && isCloneable(value)) properties[key] = value;
  }
  const code = (thrown as { code?: unknown }).code;
  if (typeof code === 'string') properties['code'] = code;
  return {
    error: {
      classes,
      name: thrown.name,
      message: thrown.message,
      stack: thrown.stack,
      properties,
      cause: depth > 0 && thrown.cause !== undefined ? packThrown(thrown.cause, depth - 1) : null,
      members: packMembers(thrown, depth),
    },
  };
}

function packMembers(error: Error, depth: number): ThreadError['members'] {
  if (depth <= 0) return null;
  for (const key of ['errors', 'exceptions'] as const) {
    const values = (error as { errors?: unknown; exceptions?: unknown })[key];
    if (Array.isArray(values)) return { key, values: values.map((member) => packThrown(member, depth - 1)) };
  }
  return null;
}

function isCloneable(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null) return true;
  try {
    structuredClone(value);
    return true;
  } catch {
    // A DataCloneError, or what a getter throws: the property stays behind.
    return false;
  }
}
