/** The little that the rule needs of ESTree and of scope analysis, as ESLint and oxlint both give it. */

/** A node of the syntax tree. Linters disagree on types; the rule asks for `type` before anything else. */
export interface Node {
  readonly type: string;
  readonly parent: Node;
  readonly range: readonly [start: number, end: number];
  // oxlint-disable-next-line typescript/no-explicit-any -- what else there is depends on the type
  readonly [property: string]: any;
}

/** Where a name is used. */
export interface Reference {
  readonly identifier: Node;
  readonly init?: boolean | null;
  isWrite(): boolean;
}

/** A name, with its definitions and uses. */
export interface Variable {
  readonly name: string;
  readonly defs: readonly { readonly type: string; readonly node: Node; readonly parent: Node | null }[];
  readonly references: readonly Reference[];
}

/** A scope, in its surrounding one. */
export interface Scope {
  readonly set: ReadonlyMap<string, Variable>;
  readonly upper: Scope | null;
}

/** The text of a file with what is known about it. */
export interface SourceCode {
  readonly ast: Node;
  /** The properties that hold nodes, by type. */
  readonly visitorKeys: Readonly<Record<string, readonly string[]>>;
  getScope(node: Node): Scope;
  getText(node: Node): string;
}

/** One change of the text. */
export interface Fix {
  readonly range: readonly [start: number, end: number];
  readonly text: string;
}

/** What makes changes. */
export interface Fixer {
  insertTextBefore(node: Node, text: string): Fix;
  insertTextAfter(node: Node, text: string): Fix;
  insertTextAfterRange(range: readonly [start: number, end: number], text: string): Fix;
}

/** A report of the rule. */
export interface Report {
  readonly node: Node;
  readonly messageId: string;
  readonly data: Readonly<Record<string, string>>;
  readonly suggest: readonly Suggestion[];
}

/** A change that a user may accept. */
export interface Suggestion {
  readonly messageId: string;
  fix(fixer: Fixer): Fix | Fix[];
}

/** What a linter gives to a rule. */
export interface RuleContext {
  readonly options: readonly unknown[];
  readonly sourceCode: SourceCode;
  report(report: Report): void;
}

/** A rule, as ESLint and oxlint load it. */
export interface Rule {
  readonly meta: {
    readonly type: 'problem';
    readonly docs: { readonly description: string; readonly recommended: boolean };
    readonly hasSuggestions: true;
    readonly schema: object[];
    readonly messages: Record<string, string>;
  };
  // oxlint-disable-next-line typescript/no-explicit-any -- each linter has a type of its own
  create(context: any): Record<string, (node: any) => void>;
}

const WRAPPERS: ReadonlySet<string> = new Set([
  'ChainExpression',
  'ParenthesizedExpression',
  'TSAsExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
  'TSTypeAssertion',
]);

/** The expression inside of what does not change its value. */
export function unwrap(node: Node): Node {
  let inner = node;
  while (WRAPPERS.has(inner.type)) inner = inner.expression as Node;
  return inner;
}

/** The node around `node` and what does not change its value. */
export function outer(node: Node): Node {
  let parent = node.parent;
  while (WRAPPERS.has(parent.type)) parent = parent.parent;
  return parent;
}

export function isFunction(node: Node): boolean {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  );
}

/** The function that `node` stands in, null at the top of the file and where a class is initialised. */
export function enclosingFunction(node: Node): Node | null {
  for (let at: Node | null = node.parent; at !== null; at = at.parent ?? null) {
    if (isFunction(at)) return at;
    if (at.type === 'PropertyDefinition' || at.type === 'StaticBlock') return null;
  }
  return null;
}

/** The identifier by which a function is called elsewhere in the file, null if it has no name there. */
export function nameOfFunction(fn: Node): Node | null {
  const declaration = fn.type === 'FunctionDeclaration' ? fn : outer(fn);
  if (declaration.type !== 'FunctionDeclaration' && declaration.type !== 'VariableDeclarator') return null;
  const id = declaration.id as Node | null;
  return id?.type === 'Identifier' ? id : null;
}

/** Whether `node` is a generator that may be a coroutine: async ones never are. */
export function isGenerator(node: Node | null): boolean {
  return node !== null && node.generator === true && node.async !== true;
}

/** The name of a member that is not computed, `#` included; null for any other. */
export function memberName(key: Node, computed: boolean): string | null {
  if (computed) return null;
  if (key.type === 'PrivateIdentifier' || key.type === 'PrivateName') return `#${String(key.name)}`;
  return key.type === 'Identifier' ? (key.name as string) : null;
}

/** The class whose instance, or, in static members, which itself, `this` is at `node`. */
export function classOfThis(node: Node): { readonly node: Node; readonly isStatic: boolean } | null {
  for (let at: Node | null = node; at !== null; at = at.parent ?? null) {
    if (at.type === 'PropertyDefinition' || at.type === 'MethodDefinition') {
      return { node: at.parent.parent, isStatic: at.static === true };
    }
    if (at.type === 'StaticBlock') return { node: at.parent.parent, isStatic: true };
    if (at.type === 'FunctionDeclaration') return null;
    if (
      at.type === 'FunctionExpression' &&
      (at.parent.type !== 'MethodDefinition' || at.parent.value !== (at as unknown))
    ) {
      return null;
    }
  }
  return null;
}
