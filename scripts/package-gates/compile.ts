// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, run } from '../lib/run.ts';

/** The compilers a user may have. The names are those of the root's devDependencies; `typescript` is the newest. */
export const COMPILERS = ['typescript-5.6', 'typescript-5.9', 'typescript'] as const;
export type Compiler = (typeof COMPILERS)[number];

export interface Project {
  directory: string;
  /** File name to text. */
  files: Readonly<Record<string, string>>;
  compilerOptions: Readonly<Record<string, unknown>>;
}

const STRICT = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  target: 'es2022',
};

/** Type-checks a project outside the workspace. Resolves to what the compiler says; nothing means it is content. */
export async function compile(compiler: Compiler, { directory, files, compilerOptions }: Project): Promise<string> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "type": "module", "private": true }\n');
  const config = { compilerOptions: { ...STRICT, ...compilerOptions }, files: Object.keys(files) };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config, undefined, 2));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  const tsc = join(root, 'node_modules', compiler, 'bin', 'tsc');
  const { code, output } = await run('node', [tsc, '-p', directory, '--pretty', 'false'], {
    cwd: directory,
    capture: true,
  });
  return code === 0 ? '' : output || `exited with ${code}`;
}

/** Makes installed packages visible to a project, except those of this workspace: it sees the packed ones. */
export function linkDependencies(from: string, nodeModules: string): void {
  const source = join(from, 'node_modules');
  if (!existsSync(source)) return;
  for (const name of readdirSync(source)) {
    if (name.startsWith('.') || name === '@mqttv5') continue;
    const names = name.startsWith('@') ? readdirSync(join(source, name)).map((each) => join(name, each)) : [name];
    for (const each of names) {
      const link = join(nodeModules, each);
      if (existsSync(link)) continue;
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(source, each), link, 'junction');
    }
  }
}
