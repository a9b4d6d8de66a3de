// SPDX-License-Identifier: Apache-2.0
// After tsc: what is published is kept small. Called in a package's folder, with its `dist` as tsc left it.
//
//     node ../../scripts/finish-build.mjs [--minify]
//
// - What no entry point reaches goes: declarations that nobody can import, some of which name types of a runtime, and modules
//   that hold nothing but types.
// - `--minify` shortens the JavaScript: comments (the declarations keep theirs), blanks and the names of local variables go.
//   Names of functions, classes and modules stay, and every statement keeps a line of its own, so that a stack trace still
//   tells where and Node, which prints the line of an uncaught error, prints little. Without it core alone would be larger
//   than all of an install of core may be.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { minifySync } from 'oxc-minify';
import { parseSync, Visitor } from 'oxc-parser';

const minified = process.argv.includes('--minify');
const files = readdirSync('dist', { recursive: true }).map((file) => `dist/${file.replaceAll('\\', '/')}`);

const reached = new Set([...reachable('.d.ts'), ...reachable('.js')]);
for (const file of files) {
  if (/\.(d\.ts|js)$/.test(file) && !reached.has(file)) rmSync(file);
}
if (minified) {
  for (const file of files) {
    if (!file.endsWith('.js') || !reached.has(file)) continue;
    writeFileSync(file, oneStatementALine(minify(file, readFileSync(file, 'utf8'))));
  }
}

/** Files of one kind that lead from the entry points in `exports` and `imports` to one another. */
function reachable(extension) {
  const seen = new Set();
  const queue = entryPoints().filter((file) => file.endsWith(extension));
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const specifier of specifiersOf(file)) {
      if (!specifier.startsWith('.')) continue;
      queue.push(posix.join(posix.dirname(file), specifier).replace(/(\.d)?\.[jt]s$/, extension));
    }
  }
  return seen;
}

function entryPoints() {
  const targets = [];
  const collect = (value) => {
    if (typeof value === 'string') targets.push(posix.normalize(value));
    else Object.values(value).forEach(collect);
  };
  const { exports, imports = {} } = JSON.parse(readFileSync('package.json', 'utf8'));
  collect([exports, imports]);
  return targets.filter((target) => target.startsWith('dist/'));
}

/** What a module imports, re-exports, or names with `import()`. */
function specifiersOf(file) {
  const { program, module } = parse(file, readFileSync(file, 'utf8'));
  const specifiers = [
    ...module.staticImports.map((each) => each.moduleRequest.value),
    ...module.staticExports.flatMap((each) => each.entries.map((entry) => entry.moduleRequest?.value ?? '')),
  ];
  const note = ({ source }) => specifiers.push(source.value);
  new Visitor({ TSImportType: note, ImportExpression: note }).visit(program);
  return specifiers;
}

function minify(file, text) {
  const { code, errors } = minifySync(file, text, {
    module: true,
    // Statements stay statements: a list of them behind commas is no line to set a breakpoint on.
    compress: { target: 'es2023', sequences: false, joinVars: false, keepNames: { function: true, class: true } },
    // Not `toplevel`: those names are what a stack trace and `console.log` show.
    mangle: { toplevel: false, keepNames: true },
    codegen: { removeWhitespace: true, legalComments: 'none' },
  });
  if (errors.length > 0) throw new Error(`${file}: ${errors.map((error) => error.message).join('\n')}`);
  return code;
}

/** A line break before a statement of a block or a member of a class never changes what the code means. */
function oneStatementALine(code) {
  const { program } = parse('minified.js', code);
  const starts = [];
  const note = ({ body }) => starts.push(...body.map((node) => node.start));
  new Visitor({ Program: note, BlockStatement: note, StaticBlock: note, ClassBody: note }).visit(program);
  let text = '';
  let from = 0;
  for (const start of [...new Set(starts)].sort((a, b) => a - b)) {
    if (start === 0) continue;
    text += `${code.slice(from, start)}\n`;
    from = start;
  }
  return `${text}${code.slice(from)}\n`;
}

function parse(file, text) {
  const parsed = parseSync(file, text, { sourceType: 'module' });
  if (parsed.errors.length > 0) throw new Error(`${join(process.cwd(), file)}: ${parsed.errors[0].message}`);
  return parsed;
}
