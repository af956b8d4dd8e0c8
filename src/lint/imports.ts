import { type Node, type Scope, type SourceCode, type Variable, memberName, unwrap } from './ast.ts';

const PACKAGE = /^miolo(?:\/.*)?$/;

function isPackage(source: Node | null | undefined): boolean {
  return typeof source?.value === 'string' && PACKAGE.test(source.value);
}

/** Whether `node` loads the package: `require('miolo')`, `await import('miolo')`. */
function isLoad(node: Node | null): boolean {
  if (node === null) return false;
  const call = unwrap(node);
  if (call.type === 'AwaitExpression') return isLoad(call.argument as Node);
  if (call.type === 'ImportExpression') return isPackage(call.source as Node);
  return (
    call.type === 'CallExpression' &&
    call.callee.type === 'Identifier' &&
    call.callee.name === 'require' &&
    isPackage(call.arguments[0] as Node | undefined)
  );
}

/** The name before a colon, or of an imported thing: an identifier or a string. */
function nameOf(node: Node): string | null {
  return (node.name ?? (typeof node.value === 'string' ? node.value : null)) as string | null;
}

/** What a file takes from the package. */
export class Imports {
  readonly #code: SourceCode;
  /** Exported names by local ones, types included. */
  readonly #names = new Map<string, string>();
  /** The first declaration to which a further name can be added. */
  readonly declaration: Node | null = null;
  /** Whether the file takes anything from the package. */
  readonly any: boolean = false;
  readonly #namespaces = new Set<string>();

  constructor(code: SourceCode) {
    this.#code = code;
    for (const statement of code.ast.body as Node[]) {
      if (statement.type === 'VariableDeclaration') {
        if ((statement.declarations as Node[]).some((declarator) => isLoad(declarator.init as Node | null))) {
          this.any = true;
        }
        continue;
      }
      if (statement.type !== 'ImportDeclaration' || !isPackage(statement.source as Node)) continue;
      this.any = true;
      for (const specifier of statement.specifiers as Node[]) {
        const local = specifier.local.name as string;
        if (specifier.type === 'ImportNamespaceSpecifier') this.#namespaces.add(local);
        else if (specifier.type === 'ImportSpecifier') {
          this.#names.set(local, nameOf(specifier.imported as Node) ?? local);
          if (statement.importKind !== 'type') this.declaration ??= statement;
        }
      }
    }
  }

  /** The variable that an identifier means, null for a global one that is not declared. */
  resolve(identifier: Node): Variable | null {
    for (let scope: Scope | null = this.#code.getScope(identifier); scope !== null; scope = scope.upper) {
      const variable = scope.set.get(identifier.name as string);
      if (variable !== undefined) return variable;
    }
    return null;
  }

  /** The exported name of what `node` (`sleep`, `miolo.sleep`) takes from the package; null if it does not. */
  exported(node: Node): string | null {
    const expression = unwrap(node);
    if (expression.type === 'Identifier') return this.#exportedVariable(expression);
    if (expression.type !== 'MemberExpression') return null;
    const object = unwrap(expression.object as Node);
    if (object.type !== 'Identifier' || !this.#isNamespace(object)) return null;
    return memberName(expression.property as Node, expression.computed as boolean);
  }

  /** The exported name of a type, by its local one. */
  exportedType(local: string): string | null {
    return this.#names.get(local) ?? null;
  }

  /** How the file can write an exported name, null when it would have to import it. */
  spelling(exported: string): string | null {
    for (const [local, name] of this.#names) if (name === exported) return local;
    for (const namespace of this.#namespaces) return `${namespace}.${exported}`;
    return null;
  }

  #exportedVariable(identifier: Node): string | null {
    const definition = this.resolve(identifier)?.defs[0];
    if (definition === undefined) return null;
    if (definition.type === 'ImportBinding') {
      if (definition.node.type !== 'ImportSpecifier') return null;
      return isPackage(definition.parent?.source as Node | undefined)
        ? nameOf(definition.node.imported as Node)
        : null;
    }
    if (definition.type !== 'Variable' || definition.node.id.type !== 'ObjectPattern') return null;
    if (!isLoad(definition.node.init as Node | null)) return null;
    for (const property of definition.node.id.properties as Node[]) {
      if (property.type === 'Property' && property.value.name === identifier.name) {
        return nameOf(property.key as Node);
      }
    }
    return null;
  }

  #isNamespace(identifier: Node): boolean {
    const definition = this.resolve(identifier)?.defs[0];
    if (definition === undefined) return false;
    if (definition.type === 'ImportBinding') {
      return (
        definition.node.type === 'ImportNamespaceSpecifier' &&
        isPackage(definition.parent?.source as Node | undefined)
      );
    }
    return (
      definition.type === 'Variable' &&
      definition.node.id.type === 'Identifier' &&
      isLoad(definition.node.init as Node | null)
    );
  }
}
