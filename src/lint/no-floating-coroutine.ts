import {
  type Fix,
  type Fixer,
  type Node,
  type Rule,
  type RuleContext,
  type Suggestion,
  enclosingFunction,
  isFunction,
  isGenerator,
  outer,
  unwrap,
} from './ast.ts';
import { Calls, type Made } from './calls.ts';
import { Generators } from './generators.ts';
import { COROUTINE_TAKERS, COROUTINE_TAKING_METHODS } from './names.ts';

/** Options of the rule. */
export interface Options {
  /** Further functions whose call makes a coroutine. */
  readonly functions?: readonly string[];
  /** Further methods whose call makes a coroutine, whatever they are called on. */
  readonly methods?: readonly string[];
}

const NAMES = { type: 'array', items: { type: 'string' }, uniqueItems: true } as const;

const LOOPS: ReadonlySet<string> = new Set([
  'DoWhileStatement',
  'ForInStatement',
  'ForOfStatement',
  'ForStatement',
  'WhileStatement',
]);

/** What a place is for those who would wait there. */
type Where = 'generator' | 'async' | 'plain';

/** Where `node` stands: what can be written there to wait. */
function placeOf(node: Node): Where {
  const fn = enclosingFunction(node);
  if (fn === null) return 'plain';
  if (fn.async === true) return 'async';
  return fn.generator === true ? 'generator' : 'plain';
}

class Check {
  readonly #context: RuleContext;
  readonly #calls: Calls;
  readonly #generators: Generators;

  constructor(context: RuleContext) {
    const { functions = [], methods = [] } = (context.options[0] ?? {}) as Options;
    this.#context = context;
    this.#calls = new Calls(context.sourceCode, {
      functions: new Set(functions),
      methods: new Set(methods),
    });
    this.#generators = new Generators(context.sourceCode, this.#calls);
  }

  /** `sleep(1);` */
  statement(node: Node): void {
    const expression = unwrap(node);
    if (expression.type === 'SequenceExpression') {
      for (const part of expression.expressions as Node[]) this.statement(part);
    } else if (expression.type === 'LogicalExpression') this.statement(expression.right as Node);
    else if (expression.type === 'ConditionalExpression') {
      this.statement(expression.consequent as Node);
      this.statement(expression.alternate as Node);
    } else {
      const made = this.#calls.made(expression);
      if (made?.what === 'coroutine') this.#dropped(expression, made);
    }
  }

  /** `const line = reader.readline();` */
  declaration(node: Node): void {
    const made = node.init === null ? null : this.#calls.made(node.init as Node);
    if (made?.what !== 'coroutine') return;
    const where = placeOf(node);
    if (where === 'plain') return;
    const init = unwrap(node.init as Node);
    const data = { name: this.#calls.nameOf(init) };
    if (node.id.type === 'ArrayPattern') {
      // Other generators give their items to a pattern.
      if (made.where === 'file') return;
      this.#report(init, 'destructured', data, this.#waiting(init, made, where));
      return;
    }
    if (node.id.type !== 'Identifier' || String(node.parent.kind).endsWith('using')) return;
    const variable = this.#calls.imports.resolve(node.id as Node);
    if (variable?.defs.length !== 1 || variable.references.some((reference) => reference.init !== true))
      return;
    this.#report(
      init,
      'unused',
      { ...data, variable: node.id.name as string },
      this.#waiting(init, made, where),
    );
  }

  /** `yield sleep(1)`, `yield fetch(url)`, `yield* fetch(url)` */
  yielded(node: Node): void {
    const fn = enclosingFunction(node);
    if (!node.argument || fn === null || !isGenerator(fn)) return;
    const argument = unwrap(node.argument as Node);
    const made = this.#calls.made(argument);
    if (made === null) return;
    const data = { name: this.#calls.nameOf(argument) };
    if (node.delegate === true) {
      if (made.what === 'promise') this.#report(node, 'promise', data, this.#bringingIn(node, argument));
      return;
    }
    if (!this.#isWait(node, fn, made)) return;
    if (made.what === 'promise') this.#report(node, 'promise', data, this.#bringingIn(node, argument));
    else {
      const start = node.range[0] + 'yield'.length;
      this.#report(node, 'yielded', data, [
        { messageId: 'delegate', fix: (fixer) => fixer.insertTextAfterRange([node.range[0], start], '*') },
      ]);
    }
  }

  /** `await step()`, of a generator function that was not given to `coroutine` */
  awaited(node: Node): void {
    const { imports } = this.#calls;
    if (
      !imports.any ||
      imports.spelling('coroutine') !== null ||
      imports.spelling('coroutineMethods') !== null
    ) {
      return;
    }
    const made = this.#calls.made(node.argument as Node);
    if (made?.what !== 'coroutine' || made.fn === null || made.isAwaitable) return;
    this.#report(node, 'awaited', { name: this.#calls.nameOf(node.argument as Node) }, []);
  }

  /** `run(main)`, `loop.createTask(main)` */
  call(node: Node): void {
    const argument = node.arguments[0] === undefined ? null : unwrap(node.arguments[0] as Node);
    if (argument === null || !this.#takesCoroutine(unwrap(node.callee as Node))) return;
    if (argument.type !== 'Identifier' && argument.type !== 'MemberExpression' && !isFunction(argument))
      return;
    const made = this.#calls.makes(argument);
    if (made?.what !== 'coroutine') return;
    const isCallable = made.fn !== null && (made.fn.params as unknown[]).length === 0;
    const data = {
      taker: this.#calls.nameOf(node),
      name: this.#calls.nameOf(argument),
    };
    this.#report(
      argument,
      'uncalled',
      data,
      isCallable ? [{ messageId: 'call', fix: (fixer) => fixer.insertTextAfter(argument, '()') }] : [],
    );
  }

  #takesCoroutine(callee: Node): boolean {
    const { imports, classes } = this.#calls;
    const exported = imports.exported(callee);
    if (exported !== null) return COROUTINE_TAKERS.has(exported);
    if (callee.type !== 'MemberExpression' || callee.computed === true || !imports.any) return false;
    const name = callee.property.name as string;
    if (COROUTINE_TAKING_METHODS.has(name)) return true;
    if (name !== 'run' && name !== 'runSync') return false;
    const receiver = classes.instanceOf(callee.object as Node);
    return receiver !== null && 'ours' in receiver && receiver.ours === 'Runner';
  }

  /** Whether a `yield` without `*` is meant to wait; a generator that makes coroutines for others is not. */
  #isWait(node: Node, fn: Node, made: Made): boolean {
    if (!this.#calls.imports.any && made.where === 'file') return false;
    const isCoroutine = this.#generators.isCoroutine(fn);
    if (isCoroutine !== null) return isCoroutine;
    if (made.where !== 'file' || outer(node).type !== 'ExpressionStatement') return true;
    // Whatever yields one after the other, and looks at no answer, may well be read by a loop.
    for (let at = node.parent; at !== fn; at = at.parent) if (LOOPS.has(at.type)) return false;
    return true;
  }

  #dropped(node: Node, made: Made): void {
    const where = placeOf(node);
    const messageId = where === 'async' && !made.isAwaitable ? 'dropped-plain' : `dropped-${where}`;
    this.#report(node, messageId, { name: this.#calls.nameOf(node) }, this.#waiting(node, made, where));
  }

  /** Puts what waits before a call. */
  #waiting(node: Node, made: Made, where: Where): Suggestion[] {
    if (where === 'generator') {
      const isOperand = node.parent.type === 'LogicalExpression' || outer(node).type === 'LogicalExpression';
      return [
        {
          messageId: 'wait',
          fix: (fixer) =>
            isOperand
              ? [fixer.insertTextBefore(node, '(yield* '), fixer.insertTextAfter(node, ')')]
              : fixer.insertTextBefore(node, 'yield* '),
        },
      ];
    }
    if (where === 'async' && made.isAwaitable) {
      return [{ messageId: 'await', fix: (fixer) => fixer.insertTextBefore(node, 'await ') }];
    }
    return [];
  }

  /** Wraps the promise of a `yield`, and imports what that needs. */
  #bringingIn(node: Node, argument: Node): Suggestion[] {
    const { imports } = this.#calls;
    const spelling = imports.spelling('fromPromise');
    const { declaration } = imports;
    if (spelling === null && declaration === null) return [];
    const last = (declaration?.specifiers as Node[] | undefined)?.at(-1);
    return [
      {
        messageId: 'bringIn',
        fix: (fixer: Fixer): Fix[] => [
          ...(spelling === null ? [fixer.insertTextAfter(last!, ', fromPromise')] : []),
          ...(node.delegate === true
            ? []
            : [fixer.insertTextAfterRange([node.range[0], node.range[0] + 'yield'.length], '*')]),
          fixer.insertTextBefore(argument, `${spelling ?? 'fromPromise'}(`),
          fixer.insertTextAfter(argument, ')'),
        ],
      },
    ];
  }

  #report(
    node: Node,
    messageId: string,
    data: Readonly<Record<string, string>>,
    suggest: readonly Suggestion[],
  ): void {
    this.#context.report({ node, messageId, data, suggest });
  }
}

/** Reports coroutines that nothing drives: a forgotten `yield*`, mostly. */
export const noFloatingCoroutine: Rule = {
  meta: {
    type: 'problem',
    docs: {
      description: 'Report coroutines that nothing drives',
      recommended: true,
    },
    hasSuggestions: true,
    schema: [
      {
        type: 'object',
        properties: { functions: NAMES, methods: NAMES },
        additionalProperties: false,
      },
    ],
    messages: {
      'dropped-generator':
        '{{name}}() only makes a coroutine, which does nothing: write `yield* {{name}}(...)`.',
      'dropped-async': '{{name}}() only makes a coroutine, which does nothing: write `await {{name}}(...)`.',
      'dropped-plain': '{{name}}() only makes a coroutine, which does nothing: make a task of it.',
      awaited:
        '`await` does not drive {{name}}(): make the function with coroutine(function* ...), or await a task of the call.',
      unused: '{{variable}} is a coroutine that nothing drives, not the result of {{name}}().',
      destructured: '{{name}}() makes a coroutine: its result is there after waiting for it.',
      yielded: '`yield` does not wait for a coroutine: write `yield* {{name}}(...)`.',
      promise: 'A coroutine cannot wait for the promise of {{name}}(): write `yield* fromPromise(...)`.',
      uncalled: '{{taker}}() takes a coroutine, not a function: call {{name}}.',
      wait: 'Wait for it with `yield*`.',
      await: 'Wait for it with `await`.',
      delegate: 'Write `yield*`.',
      bringIn: 'Bring the promise in with `fromPromise`.',
      call: 'Call the function.',
    },
  },
  create(context) {
    const check = new Check(context);
    return {
      ExpressionStatement: (node) => check.statement(node.expression as Node),
      VariableDeclarator: (node) => check.declaration(node),
      YieldExpression: (node) => check.yielded(node),
      AwaitExpression: (node) => check.awaited(node),
      CallExpression: (node) => check.call(node),
    };
  },
};
