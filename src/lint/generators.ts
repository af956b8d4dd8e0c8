import {
  type Node,
  type SourceCode,
  enclosingFunction,
  isFunction,
  isGenerator,
  nameOfFunction,
  outer,
  unwrap,
} from './ast.ts';
import type { Calls } from './calls.ts';
import { COROUTINE_TAKERS, COROUTINE_TAKING_METHODS } from './names.ts';

/** Exported functions that take a list of coroutines. */
const LIST_TAKERS: ReadonlySet<string> = new Set(['asCompleted', 'gather', 'wait']);

/** Exported functions that take a coroutine function. */
const FUNCTION_TAKERS: ReadonlySet<string> = new Set(['asyncWith', 'coroutine', 'startServer']);

/** Objects whose methods take iterables: `Promise.all(requests())`. */
const ITERABLE_TAKERS: ReadonlySet<string> = new Set(['Array', 'Iterator', 'Object', 'Promise']);

/** Types that only iterators have. */
const ITERATOR_TYPES: ReadonlySet<string> = new Set([
  'Iterable',
  'IterableIterator',
  'Iterator',
  'IteratorObject',
]);

/** Tells generators that are coroutines from those that are iterators. */
export class Generators {
  readonly #code: SourceCode;
  readonly #calls: Calls;
  readonly #known = new Map<Node, boolean | null>();

  constructor(code: SourceCode, calls: Calls) {
    this.#code = code;
    this.#calls = calls;
  }

  /** Whether `fn` is a coroutine function; null when the file does not tell. */
  isCoroutine(fn: Node): boolean | null {
    const known = this.#known.get(fn);
    if (known !== undefined) return known;
    // While it is being looked at: what calls itself proves nothing.
    this.#known.set(fn, null);
    const found = this.#judge(fn);
    this.#known.set(fn, found);
    return found;
  }

  #judge(fn: Node): boolean | null {
    const declared = this.#calls.typeName(fn.returnType?.typeAnnotation as Node | undefined);
    if (declared === 'Coroutine' || declared === 'AwaitableCoroutine') return true;
    if (declared !== null && ITERATOR_TYPES.has(declared)) return false;
    const { parent } = fn;
    // `*[Symbol.iterator]() { ... }`
    if (parent.value === (fn as unknown) && parent.computed === true) return false;
    // Written into a call: `lock.run(function* () { ... })`.
    if (parent.type === 'CallExpression' && (parent.arguments as unknown[]).includes(fn)) return true;
    if (this.#awaits(fn.body as Node)) return true;

    let verdict: boolean | null = null;
    for (const reference of this.#references(fn)) {
      const user = outer(reference);
      if (user.type !== 'CallExpression') continue;
      // `f()`, or `lock.run(f)`
      const use =
        user.callee === (reference as unknown) ? this.#use(user) : this.#takesFunction(user) || null;
      if (use === true) return true;
      verdict ??= use;
    }
    return verdict;
  }

  /** Whether a body waits, by `yield*`, for something that can only be a coroutine. */
  #awaits(node: Node): boolean {
    if (node.type === 'YieldExpression' && node.delegate === true) {
      const made = this.#calls.made(node.argument as Node);
      if (made !== null && made.what === 'coroutine') {
        if (made.where !== 'file' || made.isAwaitable) return true;
        if (made.fn !== null && this.isCoroutine(made.fn) === true) return true;
      }
    }
    for (const key of this.#code.visitorKeys[node.type] ?? []) {
      const value = node[key] as Node | null | undefined | readonly (Node | null)[];
      for (const child of Array.isArray(value) ? (value as (Node | null)[]) : [value as Node | null]) {
        if (child && !isFunction(child) && this.#awaits(child)) return true;
      }
    }
    return false;
  }

  /** Where the file names a function. */
  #references(fn: Node): Node[] {
    const name = nameOfFunction(fn);
    if (name === null) return [];
    return (this.#calls.imports.resolve(name)?.references ?? []).map((reference) => reference.identifier);
  }

  /** What a call of a generator function shows of it. */
  #use(call: Node): boolean | null {
    const user = outer(call);
    switch (user.type) {
      case 'CallExpression':
        return this.#takesCoroutine(user, call) ? true : this.#takesIterable(user) ? false : null;
      case 'ArrayExpression': {
        const taker = outer(user);
        const exported =
          taker.type === 'CallExpression' ? this.#calls.imports.exported(taker.callee as Node) : null;
        return exported !== null && LIST_TAKERS.has(exported) ? true : null;
      }
      case 'ForOfStatement':
      case 'NewExpression':
      case 'SpreadElement':
        return false;
      case 'YieldExpression': {
        const fn = enclosingFunction(user);
        return user.delegate === true && fn !== null && isGenerator(fn) ? this.isCoroutine(fn) : null;
      }
      default:
        return null;
    }
  }

  /** `startServer(handle)`, `lock.run(step)` */
  #takesFunction(taker: Node): boolean {
    const exported = this.#calls.imports.exported(taker.callee as Node);
    if (exported !== null) return FUNCTION_TAKERS.has(exported);
    const callee = unwrap(taker.callee as Node);
    return callee.type === 'MemberExpression' && callee.computed !== true && isScopeRun(callee);
  }

  /** `Array.from(jobs())`, `asCompleted(jobs())` */
  #takesIterable(taker: Node): boolean {
    const exported = this.#calls.imports.exported(taker.callee as Node);
    if (exported !== null) return LIST_TAKERS.has(exported);
    const object = taker.callee.object as Node | undefined;
    return object?.type === 'Identifier' && ITERABLE_TAKERS.has(object.name as string);
  }

  #takesCoroutine(taker: Node, call: Node): boolean {
    if (taker.arguments[0] !== (call as unknown)) return false;
    const exported = this.#calls.imports.exported(taker.callee as Node);
    if (exported !== null) return COROUTINE_TAKERS.has(exported);
    const callee = taker.callee as Node;
    return (
      callee.type === 'MemberExpression' &&
      callee.computed !== true &&
      (COROUTINE_TAKING_METHODS.has(callee.property.name as string) || isScopeRun(callee))
    );
  }
}

/** `lock.run(step())`, `new Runner().run(main())` */
function isScopeRun(callee: Node): boolean {
  return callee.property.name === 'run' || callee.property.name === 'runSync';
}
