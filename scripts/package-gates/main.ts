// SPDX-License-Identifier: Apache-2.0
// Checks the packages as they would be published: packed, unpacked, and looked at from the outside. Wants them built.
//
//     npx -y pnpm@12.21.0 run packages
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { root, run } from '../lib/run.ts';
import { sum } from '../lib/tally.ts';
import type { Tally } from '../lib/tally.ts';
import { compile, COMPILERS, linkDependencies } from './compile.ts';
import type { Compiler } from './compile.ts';
import { contentProblems, installedSize } from './contents.ts';
import { checkDocuments } from './documents.ts';
import { gate } from '../lib/gate.ts';
import { pack, publishedFolders } from './pack.ts';
import type { PackedPackage } from './pack.ts';

/** Bytes. Half a megabyte: what an install of the client may cost a user. */
const LARGEST_INSTALL = 500_000;

/** Prints every problem; each gate of each package counts as one check. */
export async function checkPackages(): Promise<Tally> {
  const directory = mkdtempSync(join(tmpdir(), 'mqttv5-packages-'));
  try {
    const tallies: Tally[] = [await gate('knip: nothing unused, nothing undeclared', checkKnip)];
    const packed: PackedPackage[] = [];
    const nodeModules = join(directory, 'node_modules');
    for (const folder of publishedFolders()) {
      tallies.push(await gate(`pack: ${folder}`, async () => void packed.push(await pack(folder, nodeModules))));
    }
    for (const each of packed) {
      tallies.push(await gate(`contents: ${each.name}`, () => contentProblems(each.directory).join('\n')));
      tallies.push(await gate(`publint: ${each.name}`, () => checkPublint(each)));
      tallies.push(await gate(`attw: ${each.name}`, () => checkTypes(each)));
    }
    tallies.push(await gate('size of an install of core', () => checkInstalledSize(packed)));
    for (const compiler of COMPILERS) tallies.push(...(await checkConsumers(compiler, packed, directory)));
    linkDependencies(root, nodeModules);
    for (const folder of readdirSync(join(root, 'packages')))
      linkDependencies(join(root, 'packages', folder), nodeModules);
    tallies.push(...(await checkDocuments(packed, directory)));
    return sum(tallies);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What `npm install @mqttv5/core` brings: that package and wire. */
function checkInstalledSize(packed: readonly PackedPackage[]): string {
  const installed = packed.filter(({ name }) => name === '@mqttv5/core' || name === '@mqttv5/wire');
  const size = installed.reduce((bytes, { directory }) => bytes + installedSize(directory), 0);
  return size <= LARGEST_INSTALL ? '' : `${size} bytes, more than ${LARGEST_INSTALL}`;
}

async function checkKnip(): Promise<string> {
  const { code, output } = await run('knip', ['--no-progress', '--no-config-hints'], { capture: true });
  return code === 0 ? '' : output;
}

async function checkPublint({ directory }: PackedPackage): Promise<string> {
  const { messages, pkg } = await publint({ pkgDir: directory, pack: false, strict: true });
  // A manifest is a record of anything, to publint as well.
  return messages.map((message) => formatMessage(message, pkg as Record<string, unknown>, { color: false })).join('\n');
}

/** The packages are ES modules only, on purpose: Node 22 and later `require` those as well. */
async function checkTypes({ tarball }: PackedPackage): Promise<string> {
  const args = [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii', '--no-color'];
  const { code, output } = await run('attw', args, { capture: true });
  return code === 0 ? '' : output;
}

/** A program that uses the packages, under every compiler and resolution, with and without Node's types. */
async function checkConsumers(
  compiler: Compiler,
  packed: readonly PackedPackage[],
  directory: string,
): Promise<Tally[]> {
  // Everything is imported, and declarations are checked: each of them has to stand on its own.
  const everything = packed.map(({ name }, index) => `import * as p${index} from '${name}';\nexport { p${index} };\n`);
  const files = {
    'everything.ts': everything.join(''),
    'consumer.ts': readFileSync(join(root, 'conformance', 'src', 'consumer.ts'), 'utf8'),
  };
  const browser = { lib: ['es2022', 'dom'], types: [], skipLibCheck: false };
  const variants = [
    { name: 'nodenext', options: { ...browser, module: 'nodenext' } },
    { name: 'bundler', options: { ...browser, module: 'esnext', moduleResolution: 'bundler' } },
    {
      name: 'nodenext, with the types of Node and without those of the browser',
      options: {
        module: 'nodenext',
        lib: ['es2022'],
        types: ['node'],
        typeRoots: [join(root, 'node_modules', '@types')],
        // @types/node has its own opinion of the oldest compilers.
        skipLibCheck: true,
      },
    },
  ];
  const tallies: Tally[] = [];
  for (const [index, { name, options }] of variants.entries()) {
    const project = { directory: join(directory, `${compiler}-${index}`), files, compilerOptions: options };
    tallies.push(await gate(`consumer: ${compiler}, ${name}`, () => compile(compiler, project)));
  }
  return tallies;
}

if (import.meta.main) process.exitCode = (await checkPackages()).failed > 0 ? 1 : 0;
