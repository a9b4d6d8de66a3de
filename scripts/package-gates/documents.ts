// SPDX-License-Identifier: Apache-2.0
// What the documentation says compiles, and its links lead somewhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from '../lib/run.ts';
import type { Tally } from '../lib/tally.ts';
import { codeBlocks, commentBlocks } from './code-blocks.ts';
import type { CodeBlock } from './code-blocks.ts';
import { compile } from './compile.ts';
import { gate } from '../lib/gate.ts';
import { publishedFolders } from './pack.ts';
import type { PackedPackage } from './pack.ts';

interface LocatedBlock extends CodeBlock {
  path: string;
}

/** The TypeScript blocks of READMEs, docs and comments, compiled against the packed packages in `directory`. */
export async function checkDocuments(packed: readonly PackedPackage[], directory: string): Promise<Tally[]> {
  const inDocuments = documents().flatMap((path) => codeBlocks(read(path)).map((block) => ({ path, ...block })));
  const inComments = sources().flatMap((path) => commentBlocks(read(path)).map((block) => ({ path, ...block })));
  return [
    ...(await checkBlocks(join(directory, 'documents'), inDocuments, {})),
    ...(await checkBlocks(join(directory, 'comments'), inComments, { 'globals.d.ts': exampleGlobals(packed) })),
    await gate('links between documents', brokenLinks),
  ];
}

async function checkBlocks(
  directory: string,
  blocks: readonly LocatedBlock[],
  others: Readonly<Record<string, string>>,
): Promise<Tally[]> {
  if (blocks.length === 0) return [];
  // Each is a module, also one that imports nothing.
  const named = blocks.map(({ path, line, code }) => [`${path}.${line}.ts`, `${code}\nexport {};\n`] as const);
  const problems = await compile('typescript', {
    directory,
    files: { ...Object.fromEntries(named), ...others },
    compilerOptions: {
      module: 'nodenext',
      lib: ['esnext', 'dom'],
      types: ['node'],
      skipLibCheck: true,
    },
  });
  const lines = problems.split('\n').filter((line) => line !== '');
  const of = (name: string): string => lines.filter((line) => line.startsWith(`${name}(`)).join('\n');
  const elsewhere = lines.filter(
    (line) => !line.startsWith(' ') && !named.some(([name]) => line.startsWith(`${name}(`)),
  );
  const tallies: Tally[] = [];
  for (const [name] of named) tallies.push(await gate(`code block: ${name}`, () => of(name)));
  if (elsewhere.length > 0) tallies.push(await gate('code blocks: what they share', () => elsewhere.join('\n')));
  return tallies;
}

/**
 * An example in a comment is a fragment: it says `connect()` and `client` without an import or a declaration. What the
 * packages export is global to it, and so are a client and what one gets from it.
 */
function exampleGlobals(packed: readonly PackedPackage[]): string {
  // core exports some of wire again: a map declares it once.
  const exported = new Map(
    packed.flatMap(({ name, directory }) => exportedValues(directory).map((value) => [value, name] as const)),
  );
  const objects = {
    client: 'Client',
    group: 'ClientGroup',
    queue: 'PublisherQueue',
    store: 'SessionStore',
    message: 'Message',
    subscription: 'Subscription',
  };
  const declarations = [
    ...[...exported].map(([value, name]) => `const ${value}: typeof import('${name}').${value};`),
    ...Object.entries(objects).map(([name, type]) => `const ${name}: import('@mqttv5/core').${type};`),
    "const z: typeof import('zod').z;",
    'const signal: AbortSignal;',
    "const socket: import('node:net').Socket;",
    'function handle(...values: unknown[]): void;',
    "const expect: typeof import('vitest').expect;",
  ];
  return `declare global {\n${declarations.join('\n')}\n}\nexport {};\n`;
}

/** The names in the export lists of an index; in the JavaScript one there are no types. */
function exportedValues(directory: string): string[] {
  const index = join(directory, 'dist', 'index.js');
  if (!existsSync(index)) return [];
  const lists = [...readFileSync(index, 'utf8').matchAll(/^export ?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
    list.split(','),
  );
  return lists.map((entry) => entry.trim().split(' as ').at(-1) ?? '').filter((name) => name !== '');
}

/** Relative links lead to something. Others are not followed: tests talk to nobody. */
function brokenLinks(): string {
  return documents()
    .flatMap((path) =>
      [...read(path).matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)]
        .filter(([, target = '']) => !existsSync(join(root, posix.dirname(path), target)))
        .map(([, target]) => `${path}: ${target}`),
    )
    .join('\n');
}

function documents(): string[] {
  const readmes = ['.', ...publishedFolders()].map((folder) => posix.join(folder, 'README.md'));
  const docs = existsSync(join(root, 'docs')) ? filesUnder('docs') : [];
  // A package without a README is reported with its contents.
  return ['CONTRIBUTING.md', ...readmes, ...docs].filter(
    (path) => path.endsWith('.md') && existsSync(join(root, path)),
  );
}

function sources(): string[] {
  return publishedFolders()
    .flatMap((folder) => filesUnder(`${folder}/src`))
    .filter((path) => path.endsWith('.ts') && !/\.test(-d)?\.ts$/.test(path));
}

function filesUnder(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names.map((name) => `${folder}/${name.replaceAll('\\', '/')}`);
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
