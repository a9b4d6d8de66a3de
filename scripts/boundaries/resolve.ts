// SPDX-License-Identifier: Apache-2.0
import { posix } from 'node:path';
import { packageFolder } from './repository.ts';
import type { Repository, Target } from './repository.ts';

/**
 * The file of this repository a specifier leads to, the way Node and bundlers resolve under these conditions;
 * undefined for everything outside: built-in modules and packages from the registry.
 */
export function resolveImport(
  repository: Repository,
  from: string,
  specifier: string,
  conditions: readonly string[],
): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  if (specifier.startsWith('#')) {
    const folder = packageFolder(from);
    const path = choose(repository.manifest(folder)?.imports?.[specifier], conditions);
    // An import of `#x` may lead to another package or a built-in module.
    if (path === undefined || path.startsWith('./')) return path && posix.join(folder, path);
    return resolveImport(repository, from, path, conditions);
  }
  for (const folder of repository.packageFolders()) {
    const manifest = repository.manifest(folder);
    if (manifest?.name === undefined || (specifier !== manifest.name && !specifier.startsWith(`${manifest.name}/`)))
      continue;
    const entry = `.${specifier.slice(manifest.name.length)}`;
    const { exports } = manifest;
    const path = choose(typeof exports === 'object' && exports !== null ? exports[entry] : undefined, conditions);
    return path && posix.join(folder, path);
  }
  return undefined;
}

/** The first condition, in the order of the manifest, that is asked for. */
export function choose(target: Target | undefined, conditions: readonly string[]): string | undefined {
  if (typeof target === 'string') return target;
  if (target === undefined || target === null) return undefined;
  for (const [condition, value] of Object.entries(target)) {
    if (condition !== 'default' && !conditions.includes(condition)) continue;
    const path = choose(value, conditions);
    if (path !== undefined) return path;
  }
  return undefined;
}
