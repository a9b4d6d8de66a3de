// SPDX-License-Identifier: Apache-2.0
import { posix } from 'node:path';
import { CORE, layerOf } from './layers.ts';
import { packageFolder, SOURCE_CONDITION } from './repository.ts';
import type { Repository, Violation } from './repository.ts';
import { resolveImport } from './resolve.ts';
import type { ImportReference, SourceFile } from './source-file.ts';

export function wireImportsNothing(repository: Repository): Violation[] {
  return eachImport(repository.sources('packages/wire/'), ({ specifier }) =>
    specifier.startsWith('.') ? undefined : `imports ${specifier}`,
  );
}

// `handleTimeout(now)` is how the engine hears of time; `now` goes in, a deadline comes out (style §2).
const IMPURE = /socket|timer|clock|logger|promise/i;
const IMPURE_GLOBALS = new Set(
  `Date performance Temporal setTimeout setInterval setImmediate clearTimeout clearInterval queueMicrotask scheduler
  requestAnimationFrame AbortSignal AbortController Event EventTarget AsyncIterable AsyncIterator AsyncDisposable
  console process Buffer fetch globalThis crypto random`.split(/\s+/),
);

export function sessionIsPure(repository: Repository): Violation[] {
  const files = repository.sources(`${CORE}session/`);
  const mentions = files.flatMap(({ path, identifiers, asynchronous }) => [
    ...identifiers
      .filter(({ name }) => IMPURE.test(name) || IMPURE_GLOBALS.has(name))
      .map(({ name, line }) => ({ path, line, message: `mentions ${name}` })),
    ...asynchronous.map(({ name, line }) => ({ path, line, message: `uses ${name}` })),
  ]);
  const imports = eachImport(files, ({ specifier }) =>
    specifier.startsWith('.') || /^@mqttv5\/wire(\/client-side)?$/.test(specifier) ? undefined : `imports ${specifier}`,
  );
  return [...mentions, ...imports];
}

export function importsPointDown(repository: Repository): Violation[] {
  const files = repository.sources(CORE);
  const homeless = files
    .filter(({ path }) => layerOf(path) === undefined)
    .map(({ path }) => ({ path, message: 'belongs to no layer: give it one in scripts/boundaries/layers.ts' }));
  const upward = eachImport(files, ({ specifier, typeOnly }, { path }) => {
    const target = resolveImport(repository, path, specifier, [SOURCE_CONDITION, 'node']);
    const from = layerOf(path);
    const to = target?.startsWith(CORE) ? layerOf(target) : undefined;
    if (from === undefined || to === undefined || from === to || from.imports.includes(to.name)) return undefined;
    if (typeOnly && from.types?.includes(to.name)) return undefined;
    return `is of the layer "${from.name}" and imports ${specifier} of "${to.name}"`;
  });
  return [...homeless, ...upward];
}

/** Tests too: what a test needs of another package, a user's test may need. */
export function packagesKeepOut(repository: Repository): Violation[] {
  const files = [...repository.files.keys()]
    .filter((path) => /\.(ts|mts)$/.test(path) && !path.endsWith('.d.ts'))
    .map((path) => repository.source(path));
  return eachImport(files, ({ specifier }, { path }) => {
    if (/^@mqttv5\/[^/]+\/(src|dist)\b/.test(specifier)) return `imports ${specifier}`;
    if (!specifier.startsWith('.')) return undefined;
    const target = posix.join(posix.dirname(path), specifier);
    const outside = target.startsWith('packages/') && packageFolder(target) !== packageFolder(path);
    return outside ? `imports ${specifier} instead of the package` : undefined;
  });
}

export function indexIsExplicit(repository: Repository): Violation[] {
  return repository
    .sources()
    .filter(({ path }) => path.endsWith('/src/index.ts'))
    .flatMap(({ path, starExports }) => starExports.map(({ line }) => ({ path, line, message: 'has an export *' })));
}

function eachImport(
  files: readonly SourceFile[],
  judge: (reference: ImportReference, file: SourceFile) => string | undefined,
): Violation[] {
  return files.flatMap((file) =>
    file.imports.flatMap((reference) => {
      const message = judge(reference, file);
      return message === undefined ? [] : [{ path: file.path, line: reference.line, message }];
    }),
  );
}
