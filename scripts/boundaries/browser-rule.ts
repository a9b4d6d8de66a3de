// SPDX-License-Identifier: Apache-2.0
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { SOURCE_CONDITION } from './repository.ts';
import type { Repository, Violation } from './repository.ts';
import { choose, resolveImport } from './resolve.ts';

/** Entry points that a bundler for the browser may start from. */
const BROWSER_PACKAGES = ['wire', 'core', 'codec-json', 'codec-msgpack', 'transport-ws'];
const NODE_GLOBALS = new Set('Buffer process global __dirname __filename require setImmediate'.split(' '));

export function browserEntriesReachNoNode(repository: Repository): Violation[] {
  const conditions = [SOURCE_CONDITION, 'browser', 'import'];
  const violations: Violation[] = [];
  const visited = new Set<string>();
  const queue: string[] = [];
  for (const name of BROWSER_PACKAGES) {
    const { exports } = repository.manifest(`packages/${name}`) ?? {};
    const entry = typeof exports === 'object' && exports !== null ? choose(exports['.'], conditions) : undefined;
    if (entry !== undefined) queue.push(posix.join('packages', name, entry));
  }
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (visited.has(path)) continue;
    visited.add(path);
    if (!repository.files.has(path)) {
      violations.push({ path, message: 'is reached from a browser entry and does not exist' });
      continue;
    }
    const file = repository.source(path);
    for (const { specifier, line, typeOnly } of file.imports) {
      const target = typeOnly ? undefined : resolveImport(repository, path, specifier, conditions);
      if (target !== undefined) queue.push(target);
      // `ws` in a browser bundle throws when it is called.
      if (isBuiltin(specifier) || (specifier === 'ws' && !typeOnly)) {
        violations.push({ path, line, message: `imports ${specifier} and is reached from a browser entry` });
      }
    }
    for (const { name, line } of file.globals) {
      if (NODE_GLOBALS.has(name))
        violations.push({ path, line, message: `uses the global ${name} and is reached from a browser entry` });
    }
  }
  return violations;
}
