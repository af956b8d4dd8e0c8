import { type Node, type SourceCode, isFunction, isGenerator, memberName, unwrap } from './ast.ts';
import { Classes, type Member, isReassigned, memberFunction } from './classes.ts';
import { Imports } from './imports.ts';
import { COROUTINE_FUNCTIONS, METHODS_BY_RECEIVER, UNMISTAKABLE_METHODS } from './names.ts';

/** What the user adds to the names that the rule knows. */
export interface ExtraNames {
  readonly functions: ReadonlySet<string>;
  readonly methods: ReadonlySet<string>;
}

/** What calling something makes. */
export interface Made {
  readonly what: 'coroutine' | 'promise';
  /** Where it is defined: in the file, in the package, or somewhere that the user named. */
  readonly where: 'file' | 'package' | 'named';
  /** Whether `await` in an async function drives it. */
  readonly isAwaitable: boolean;
  /** The function, if it stands in the file. */
  readonly fn: Node | null;
}

const OURS: Made = { what: 'coroutine', where: 'package', isAwaitable: true, fn: null };
const NAMED: Made = { what: 'coroutine', where: 'named', isAwaitable: true, fn: null };
const PROMISE: Made = { what: 'promise', where: 'file', isAwaitable: true, fn: null };

/** Statics of Promise that return one. */
const PROMISE_MAKERS: ReadonlySet<string> = new Set([
  'all',
  'allSettled',
  'any',
  'race',
  'reject',
  'resolve',
  'try',
]);

/** Tells calls that make coroutines and promises from all others, by what stands in the file. */
export class Calls {
  readonly imports: Imports;
  readonly classes: Classes;
  readonly #code: SourceCode;
  readonly #extra: ExtraNames;

  constructor(code: SourceCode, extra: ExtraNames) {
    this.#code = code;
    this.#extra = extra;
    this.imports = new Imports(code);
    this.classes = new Classes(this.imports);
  }

  /** What evaluating an expression makes anew; null if that is unknown, or neither coroutine nor promise. */
  made(node: Node): Made | null {
    const expression = unwrap(node);
    if (expression.type === 'ImportExpression') return PROMISE;
    if (expression.type === 'NewExpression')
      return this.#isGlobal(expression.callee as Node, 'Promise') ? PROMISE : null;
    return expression.type === 'CallExpression' ? this.makes(expression.callee as Node) : null;
  }

  /** What calling `node` makes. */
  makes(node: Node): Made | null {
    const callee = unwrap(node);
    const exported = this.imports.exported(callee);
    if (exported !== null) return COROUTINE_FUNCTIONS.has(exported) ? OURS : null;
    if (callee.type === 'Identifier') return this.#byName(callee);
    if (callee.type === 'MemberExpression') return this.#byMember(callee);
    return isFunction(callee) ? this.#byFunction(callee) : null;
  }

  /** A short name of what is called. */
  nameOf(node: Node): string {
    const expression = unwrap(node);
    const callee = unwrap((expression.callee ?? expression) as Node);
    if (isFunction(callee)) return (callee.id?.name ?? 'the function') as string;
    const text = this.#code.getText(callee);
    return text.length <= 40 && !text.includes('\n') ? text : `...${text.slice(text.lastIndexOf('.'))}`;
  }

  #byName(callee: Node): Made | null {
    const name = callee.name as string;
    const variable = this.imports.resolve(callee);
    if (this.#isGlobal(callee, 'fetch')) return PROMISE;
    const definition = variable?.defs.length === 1 ? variable.defs[0]! : null;
    if (definition !== null) {
      if (definition.type === 'FunctionName') {
        return isReassigned(variable!) ? null : this.#byFunction(definition.node);
      }
      const value =
        definition.type === 'Variable' && definition.node.id.type === 'Identifier' && !isReassigned(variable!)
          ? (definition.node.init as Node | null)
          : null;
      if (value !== null) {
        const made = this.#byValue(value);
        if (made !== null) return made;
      }
      const declared = this.#byAnnotation(definition.node, name);
      if (declared !== null) return declared;
    }
    return this.#extra.functions.has(name) ? NAMED : null;
  }

  #byMember(callee: Node): Made | null {
    const name = memberName(callee.property as Node, callee.computed as boolean);
    if (name === null) return null;
    if (PROMISE_MAKERS.has(name) && this.#isGlobal(callee.object as Node, 'Promise')) return PROMISE;
    const object = unwrap(callee.object as Node);
    const instance = this.classes.instanceOf(object);
    if (instance !== null) {
      const member: Member = this.classes.member(instance, name);
      if (member === 'coroutine') return OURS;
      if (member !== null) return this.#byClassMember(member.node);
    }
    if (this.#extra.methods.has(name)) return NAMED;
    // Of a class that the file shows, everything is known.
    if (!this.imports.any || instance !== null) return null;
    if (UNMISTAKABLE_METHODS.has(name)) return OURS;
    const receiver =
      object.type === 'MemberExpression'
        ? memberName(object.property as Node, object.computed as boolean)
        : object.name;
    if (typeof receiver !== 'string') return null;
    return METHODS_BY_RECEIVER.some(([pattern, methods]) => pattern.test(receiver) && methods.includes(name))
      ? OURS
      : null;
  }

  #byClassMember(member: Node): Made | null {
    // Others make something else of their generators: `@flow *load()`, or `makeAutoObservable(this)`.
    const own = member.parent.parent;
    if (isDecorated(member) || isDecorated(own)) return null;
    if (!this.imports.any && constructorGivesThisAway(own)) return null;
    const fn = memberFunction(member);
    if (fn !== null) return member.kind === 'get' ? null : this.#byFunction(fn);
    return member.type === 'PropertyDefinition' && member.value !== null
      ? this.#byValue(member.value as Node)
      : null;
  }

  /** A function that a variable or a field holds: `function* () {}`, `coroutine(function* () {})`. */
  #byValue(node: Node): Made | null {
    const value = unwrap(node);
    if (isFunction(value)) return this.#byFunction(value);
    if (value.type !== 'CallExpression' || this.imports.exported(value.callee as Node) !== 'coroutine')
      return null;
    const fn = value.arguments[0] === undefined ? null : unwrap(value.arguments[0] as Node);
    return {
      what: 'coroutine',
      where: 'file',
      isAwaitable: true,
      fn: fn !== null && isFunction(fn) ? fn : null,
    };
  }

  #byFunction(fn: Node): Made | null {
    if (isGenerator(fn)) return { what: 'coroutine', where: 'file', isAwaitable: false, fn };
    if (fn.generator === true) return null;
    if (fn.async === true) return { ...PROMISE, fn };
    return this.#byType(fn.returnType?.typeAnnotation as Node | undefined);
  }

  /** `body: () => Coroutine<void>` */
  #byAnnotation(definition: Node, name: string): Made | null {
    const id = isFunction(definition)
      ? (definition.params as Node[]).find((parameter) => parameter.name === name)
      : (definition.id as Node | undefined);
    const type = id?.typeAnnotation?.typeAnnotation as Node | undefined;
    return type?.type === 'TSFunctionType'
      ? this.#byType(type.returnType?.typeAnnotation as Node | undefined)
      : null;
  }

  #byType(type: Node | undefined): Made | null {
    const name = this.typeName(type);
    if (name !== 'Coroutine' && name !== 'AwaitableCoroutine') return null;
    return { what: 'coroutine', where: 'file', isAwaitable: name === 'AwaitableCoroutine', fn: null };
  }

  /** The exported name of a type of the package, the plain name of any other; null for what has none. */
  typeName(type: Node | undefined): string | null {
    if (type?.type !== 'TSTypeReference' || type.typeName.type !== 'Identifier') return null;
    const name = type.typeName.name as string;
    return this.imports.exportedType(name) ?? name;
  }

  #isGlobal(node: Node, name: string): boolean {
    const identifier = unwrap(node);
    if (identifier.type !== 'Identifier' || identifier.name !== name) return false;
    const variable = this.imports.resolve(identifier);
    return variable === null || variable.defs.length === 0;
  }
}

function isDecorated(node: Node): boolean {
  return ((node.decorators as unknown[] | undefined)?.length ?? 0) > 0;
}

/** Whether the constructor of a class has a statement that passes `this` to a function. */
function constructorGivesThisAway(own: Node): boolean {
  const constructor = (own.body.body as Node[]).find((member) => member.kind === 'constructor');
  const statements = (constructor?.value.body?.body ?? []) as Node[];
  return statements.some((statement) => {
    const call = statement.type === 'ExpressionStatement' ? unwrap(statement.expression as Node) : null;
    if (call?.type !== 'CallExpression') return false;
    return (call.arguments as Node[]).some((argument) => unwrap(argument).type === 'ThisExpression');
  });
}
