import {
  type Node,
  type Variable,
  classOfThis,
  isFunction,
  memberName,
  nameOfFunction,
  outer,
  unwrap,
} from './ast.ts';
import type { Imports } from './imports.ts';
import { AWAITED_CLASSES, COROUTINE_METHODS, RETURNED_CLASSES } from './names.ts';

/** What an expression is an instance of: a class of the file, one of the package, a tuple, or the class itself. */
export type Instance =
  | { readonly own: Node; readonly isStatic: boolean }
  | { readonly ours: string }
  | { readonly tuple: readonly string[] };

/** What a member of a class is: the node that defines it, or a coroutine method of the package. */
export type Member = { readonly node: Node } | 'coroutine' | null;

function ours(name: string | null | undefined): Instance | null {
  return name !== null && name !== undefined && Object.hasOwn(COROUTINE_METHODS, name)
    ? { ours: name }
    : null;
}

function lookUp<T>(record: Readonly<Record<string, T>>, name: string | null): T | undefined {
  return name !== null && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Finds what expressions are instances of, where the file shows it plainly; otherwise says nothing. */
export class Classes {
  readonly #imports: Imports;
  /** Variables that are being looked at: `let a = b, b = a` must not go round. */
  readonly #open = new Set<Variable>();

  constructor(imports: Imports) {
    this.#imports = imports;
  }

  instanceOf(node: Node): Instance | null {
    const expression = unwrap(node);
    switch (expression.type) {
      case 'ThisExpression': {
        const found = classOfThis(expression);
        return found === null ? null : { own: found.node, isStatic: found.isStatic };
      }
      case 'NewExpression':
        return this.#madeBy(expression.callee as Node);
      case 'CallExpression':
        return ours(lookUp(RETURNED_CLASSES, this.#imports.exported(expression.callee as Node)));
      case 'YieldExpression':
        return expression.delegate === true ? this.#awaited(expression.argument as Node) : null;
      case 'AwaitExpression':
        return this.#awaited(expression.argument as Node);
      case 'Identifier':
        return this.#variable(expression);
      case 'MemberExpression':
        return this.#property(expression);
      default:
        return null;
    }
  }

  /** What `name` is in instances (or, if so, static members) of a class, inherited members too. */
  member(instance: Instance, name: string): Member {
    if ('tuple' in instance) return null;
    if ('ours' in instance) return COROUTINE_METHODS[instance.ours]!.includes(name) ? 'coroutine' : null;
    const seen = new Set<Node>();
    for (let at: Node = instance.own; !seen.has(at);) {
      seen.add(at);
      for (const member of at.body.body as Node[]) {
        if (member.key === undefined || (member.static === true) !== instance.isStatic) continue;
        if (memberName(member.key as Node, member.computed as boolean) === name) return { node: member };
      }
      if (at.superClass === null || at.superClass === undefined) return null;
      const base = this.#madeBy(at.superClass as Node);
      if (base === null) return null;
      if (!('own' in base)) return instance.isStatic ? null : this.member(base, name);
      at = base.own;
    }
    return null;
  }

  #madeBy(callee: Node): Instance | null {
    const constructor = unwrap(callee);
    const exported = this.#imports.exported(constructor);
    if (exported !== null) return ours(exported);
    const own = constructor.type === 'Identifier' ? this.#ownClass(constructor) : null;
    return own === null ? null : { own, isStatic: false };
  }

  #ownClass(identifier: Node): Node | null {
    const variable = this.#imports.resolve(identifier);
    if (variable?.defs.length !== 1) return null;
    const definition = variable.defs[0]!;
    if (definition.type === 'ClassName') return definition.node;
    if (definition.type !== 'Variable' || definition.node.init === null || isReassigned(variable))
      return null;
    const init = unwrap(definition.node.init as Node);
    return init.type === 'ClassExpression' ? init : null;
  }

  #awaited(argument: Node): Instance | null {
    const call = unwrap(argument);
    if (call.type !== 'CallExpression') return null;
    const callee = unwrap(call.callee as Node);
    const awaited = lookUp(AWAITED_CLASSES, this.#imports.exported(callee));
    if (awaited !== undefined) return typeof awaited === 'string' ? ours(awaited) : { tuple: awaited };
    if (callee.type !== 'MemberExpression') return null;
    if (memberName(callee.property as Node, callee.computed as boolean) !== 'createServer') return null;
    const loop = this.instanceOf(callee.object as Node);
    return loop !== null && this.member(loop, 'createServer') === 'coroutine' ? ours('Server') : null;
  }

  #variable(identifier: Node): Instance | null {
    const variable = this.#imports.resolve(identifier);
    if (variable?.defs.length !== 1 || this.#open.has(variable)) return null;
    const definition = variable.defs[0]!;
    if (definition.type === 'ClassName') return { own: definition.node, isStatic: true };
    if (definition.type === 'Parameter') return this.#parameter(definition.node, identifier.name as string);
    if (definition.type !== 'Variable') return null;
    const id = definition.node.id as Node;
    const annotated = this.#annotated(id);
    if (annotated !== null) return annotated;
    if (!definition.node.init || isReassigned(variable)) return null;
    this.#open.add(variable);
    try {
      const value = this.instanceOf(definition.node.init as Node);
      if (id.type === 'Identifier') return value;
      if (id.type !== 'ArrayPattern' || value === null || !('tuple' in value)) return null;
      const at = (id.elements as (Node | null)[]).findIndex((element) => element?.name === identifier.name);
      return ours(value.tuple[at]);
    } finally {
      this.#open.delete(variable);
    }
  }

  #parameter(fn: Node, name: string): Instance | null {
    const parameters = fn.params as Node[];
    const at = parameters.findIndex((parameter) => parameter.name === name);
    if (at < 0) return null;
    const annotated = this.#annotated(parameters[at]!);
    if (annotated !== null) return annotated;
    return this.#servesClients(fn) ? ours(['StreamReader', 'StreamWriter'][at]) : null;
  }

  /** `startServer(function* (reader, writer) { ... })`, or `startServer(handle)` */
  #servesClients(fn: Node): boolean {
    const name = nameOfFunction(fn);
    const references = name === null ? [] : (this.#imports.resolve(name)?.references ?? []);
    return [fn, ...references.map((reference) => reference.identifier)].some((value) => {
      const call = outer(value);
      if (call.type !== 'CallExpression' || call.arguments[0] !== (value as unknown)) return false;
      return this.#imports.exported(call.callee as Node) === 'startServer';
    });
  }

  #property(member: Node): Instance | null {
    const name = memberName(member.property as Node, member.computed as boolean);
    if (name === null) return null;
    const object = unwrap(member.object as Node);
    const instance = object.type === 'ThisExpression' ? this.instanceOf(object) : null;
    if (instance === null || !('own' in instance)) return null;
    const found = this.member(instance, name);
    if (found !== null) {
      if (found === 'coroutine' || found.node.type !== 'PropertyDefinition') return null;
      const annotated = this.#annotated(found.node);
      if (annotated !== null) return annotated;
      if (found.node.value !== null) return this.instanceOf(found.node.value as Node);
    }
    return this.#assignedByConstructor(instance.own, name);
  }

  /** `this.queue = new Queue()` among the statements of the constructor, or a parameter property. */
  #assignedByConstructor(own: Node, name: string): Instance | null {
    const constructor = (own.body.body as Node[]).find((member) => member.kind === 'constructor');
    if (!constructor?.value.body) return null;
    for (const parameter of constructor.value.params as Node[]) {
      if (parameter.type === 'TSParameterProperty' && parameter.parameter.name === name) {
        return this.#annotated(parameter.parameter as Node);
      }
    }
    for (const statement of constructor.value.body.body as Node[]) {
      const assignment = statement.type === 'ExpressionStatement' ? (statement.expression as Node) : null;
      if (assignment?.type !== 'AssignmentExpression' || assignment.operator !== '=') continue;
      const target = assignment.left as Node;
      if (target.type !== 'MemberExpression' || target.object.type !== 'ThisExpression') continue;
      if (memberName(target.property as Node, target.computed as boolean) !== name) continue;
      return this.instanceOf(assignment.right as Node);
    }
    return null;
  }

  /** What a type annotation `: StreamReader` says. */
  #annotated(node: Node): Instance | null {
    const type = node.typeAnnotation?.typeAnnotation as Node | undefined;
    if (type?.type !== 'TSTypeReference' || type.typeName.type !== 'Identifier') return null;
    const exported = this.#imports.exportedType(type.typeName.name as string);
    if (exported !== null) return ours(exported);
    const own = this.#ownClass(type.typeName as Node);
    return own === null ? null : { own, isStatic: false };
  }
}

/** Whether a variable gets another value than its first. */
export function isReassigned(variable: Variable): boolean {
  return variable.references.some((reference) => reference.isWrite() && reference.init !== true);
}

/** The function that a class member holds, null if it is none. */
export function memberFunction(member: Node): Node | null {
  const value = (member.value ?? null) as Node | null;
  return value !== null && (isFunction(value) || value.type === 'TSEmptyBodyFunctionExpression')
    ? value
    : null;
}
