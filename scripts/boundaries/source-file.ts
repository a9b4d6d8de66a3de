// SPDX-License-Identifier: Apache-2.0
import { parseSync } from 'oxc-parser';

export interface ImportReference {
  specifier: string;
  line: number;
  /** Erased when compiled: a type is no dependency at run time. */
  typeOnly: boolean;
}

export interface Mention {
  name: string;
  line: number;
}

/** What the rules need to know of a file. Comments and strings are no mentions: explaining why there is no timer is fine. */
export interface SourceFile {
  path: string;
  imports: readonly ImportReference[];
  /** Every identifier, property names included. */
  identifiers: readonly Mention[];
  /** Identifiers that name a variable nobody in the file declares, nor asks for with `typeof`: globals. Types do not count. */
  globals: readonly Mention[];
  /** `async` functions, `await` and `for await`. */
  asynchronous: readonly Mention[];
  /** `export *`. */
  starExports: readonly Mention[];
}

/** A node of the syntax tree. Its fields are only looked at, never relied on. */
interface Node {
  type: string;
  start: number;
  [field: string]: unknown;
}

export function parseSourceFile(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text, { sourceType: 'module' });
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);

  const imports: ImportReference[] = [];
  const identifiers: Mention[] = [];
  const references: Mention[] = [];
  const asynchronous: Mention[] = [];
  const starExports: Mention[] = [];
  const declared = new Set<string>();
  const lineAt = lineFinder(text);

  walk(program as unknown as Node, undefined, '', (node, parent, field) => {
    const line = lineAt(node.start);
    const source = literalValue(node['source']) ?? literalValue(node['argument']);
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
        if (source !== undefined) imports.push({ specifier: source, line, typeOnly: isTypeOnly(node) });
        if (node.type === 'ExportAllDeclaration') starExports.push({ name: '*', line });
        break;
      case 'ImportExpression':
        imports.push({ specifier: source ?? '(computed)', line, typeOnly: false });
        break;
      case 'TSImportType':
        imports.push({ specifier: source ?? '(computed)', line, typeOnly: true });
        break;
      case 'AwaitExpression':
        asynchronous.push({ name: 'await', line });
        break;
      case 'ForOfStatement':
        if (node['await'] === true) asynchronous.push({ name: 'for await', line });
        break;
      case 'Identifier': {
        const name = String(node['name']);
        identifiers.push({ name, line });
        if (declares(parent, field)) declared.add(name);
        else if (parent?.type === 'UnaryExpression' && parent['operator'] === 'typeof') declared.add(name);
        else if (refers(parent, field)) references.push({ name, line });
        break;
      }
      default:
        if (node['async'] === true) asynchronous.push({ name: 'async', line });
    }
  });
  // Scopes are not told apart: a name declared anywhere in the file is taken for that declaration.
  const globals = references.filter(({ name }) => !declared.has(name));
  return { path, imports, identifiers, globals, asynchronous, starExports };
}

function walk(
  node: Node,
  parent: Node | undefined,
  field: string,
  visit: (node: Node, parent: Node | undefined, field: string) => void,
): void {
  visit(node, parent, field);
  for (const [name, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value])
      if (isNode(child)) walk(child, node, name, visit);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function literalValue(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined;
}

/** `import type …`, or braces with nothing but types in them. `import {} from` runs the module. */
function isTypeOnly(node: Node): boolean {
  if (node['importKind'] === 'type' || node['exportKind'] === 'type') return true;
  const specifiers = node['specifiers'];
  if (!Array.isArray(specifiers) || specifiers.length === 0) return false;
  return specifiers.every((each: Node) => each['importKind'] === 'type' || each['exportKind'] === 'type');
}

function declares(parent: Node | undefined, field: string): boolean {
  switch (parent?.type) {
    case 'VariableDeclarator':
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return field === 'id' || field === 'params';
    case 'ImportSpecifier':
    case 'ImportDefaultSpecifier':
    case 'ImportNamespaceSpecifier':
      return field === 'local';
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return field === 'params';
    // Destructuring: `({ process }) =>` and `const { a: process } =` bind the value of the property.
    case 'Property':
      return field === 'value';
    default:
      return false;
  }
}

/** Whether an identifier at that place is evaluated. `x.process`, `{ process: 1 }` and type positions are not. */
function refers(parent: Node | undefined, field: string): boolean {
  if (parent === undefined || parent.type.startsWith('TS')) return isEvaluatedInTypeScriptNode(parent);
  if (parent.type === 'MemberExpression') return field === 'object' || parent['computed'] === true;
  if (/^(Property|MethodDefinition|PropertyDefinition)$/.test(parent.type))
    return field !== 'key' || parent['computed'] === true;
  return !/Specifier$|^LabeledStatement$|^BreakStatement$|^ContinueStatement$/.test(parent.type);
}

function isEvaluatedInTypeScriptNode(parent: Node | undefined): boolean {
  return /^TS(AsExpression|SatisfiesExpression|NonNullExpression)$/.test(parent?.type ?? '');
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
