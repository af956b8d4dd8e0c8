/** What a loop did against asyncio's rules: the message says what was expected, which rule that is, and what happened. */
export class ContractError extends Error {
  /** The rule of asyncio that was broken. */
  readonly rule: string;

  constructor(rule: string, expected: string, happened: string, options?: ErrorOptions) {
    super(`expected ${expected}\nrule of asyncio: ${rule}\nwhat happened: ${happened}`, options);
    this.name = 'ContractError';
    this.rule = rule;
  }
}

/** A value as a message shows it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => show(item)).join(', ')}]`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value === 'function') return `function ${value.name}`;
  return String(value);
}

/** Equality of plain values and of arrays of them. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => isSame(item, b[at]));
  }
  return Object.is(a, b);
}
