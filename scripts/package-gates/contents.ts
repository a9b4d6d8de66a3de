// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSourceFile } from '../boundaries/source-file.ts';

/** What is wrong with the files of an unpacked package; nothing is a good answer. */
export function contentProblems(directory: string): string[] {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.join(entry.parentPath.slice(directory.length + 1).replaceAll('\\', '/'), entry.name));
  const problems = ['LICENSE', 'NOTICE', 'README.md', 'package.json']
    .filter((name) => !files.includes(name))
    .map((name) => `lacks ${name}`);
  const reached = reachable(directory, entryPoints(readFileSync(join(directory, 'package.json'), 'utf8')));
  for (const file of files.filter((name) => name.startsWith('dist/'))) {
    // Every module is reached from an entry point, at run time or for its types: tests and leftovers are not.
    const module = file.replace(/\.(d\.ts|js)$/, '');
    if (!reached.has(module)) problems.push(`${file} is reached from no entry point`);
    if (file.endsWith('.d.ts') && importsNode(join(directory, file))) problems.push(`${file} names types of Node`);
  }
  return problems;
}

function importsNode(path: string): boolean {
  return parseSourceFile(path, readFileSync(path, 'utf8')).imports.some(({ specifier }) =>
    specifier.startsWith('node:'),
  );
}

/** Sum of the sizes of all files, in bytes. */
export function installedSize(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Every path that `exports` and `imports` mention, without its extension. */
function entryPoints(manifestText: string): string[] {
  const targets: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === 'string' && /\.(js|d\.ts)$/.test(value)) targets.push(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect);
  };
  // Any JSON value may be walked.
  const { exports, imports } = JSON.parse(manifestText) as Record<string, unknown>;
  collect([exports, imports]);
  return targets.map((path) => posix.normalize(path).replace(/\.(d\.ts|js)$/, ''));
}

function reachable(directory: string, entries: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const queue = [...entries];
  for (let module = queue.pop(); module !== undefined; module = queue.pop()) {
    if (reached.has(module)) continue;
    reached.add(module);
    for (const extension of ['.js', '.d.ts']) {
      const path = join(directory, `${module}${extension}`);
      if (!existsSync(path)) continue;
      for (const { specifier } of parseSourceFile(path, readFileSync(path, 'utf8')).imports) {
        if (!specifier.startsWith('.')) continue;
        queue.push(posix.join(posix.dirname(module), specifier).replace(/(\.d)?\.(ts|js)$/, ''));
      }
    }
  }
  return reached;
}
