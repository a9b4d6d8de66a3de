// SPDX-License-Identifier: Apache-2.0
import type { Repository, Violation } from './repository.ts';

const SPDX = 'SPDX-License-Identifier: Apache-2.0';

export function sourcesHaveHeader(repository: Repository): Violation[] {
  return [...repository.files]
    .filter(([path]) => /\.(ts|mts|js|mjs|cjs|sh)$/.test(path) || path.startsWith('.ci/'))
    .filter(([, text]) => !text.split('\n', 2).some((line) => line.endsWith(SPDX)))
    .map(([path]) => ({ path, line: 1, message: `lacks "${SPDX}" in its first line` }));
}

// Written so that this file does not contain what it looks for.
const LOCAL: readonly { pattern: RegExp; message: string }[] = [
  { pattern: /(?<![\w.])\/(work\/(main|shared)|root|home\/\w+|Users\/\w+)\//, message: 'names a path of a machine' },
  { pattern: /\bregistry\.[\w-]+\.\w+|\/\/[\w.-]*registry[\w.-]*\//, message: 'names a registry' },
  { pattern: /_auth[T]oken|\bnpm_[A-Za-z0-9]{36}\b/, message: 'looks like a token' },
  { pattern: /-----BEGIN [A-Z ]*PRIVATE[ ]KEY-----\n/, message: 'contains a private key' },
];

export function nothingLocal(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  for (const [path, text] of repository.files) {
    for (const { pattern, message } of LOCAL) {
      const match = pattern.exec(text);
      if (match === null) continue;
      violations.push({
        path,
        line: text.slice(0, match.index).split('\n').length,
        message: `${message}: ${match[0]}`,
      });
    }
  }
  return violations;
}

export function lockfileHasNoAddresses(repository: Repository): Violation[] {
  const text = repository.files.get('pnpm-lock.yaml') ?? '';
  return text.split('\n').flatMap((line, index) =>
    // A `tarball:` is written for packages that come from somewhere else than the configured registry.
    /\btarball:|https?:\/\//.test(line) ? [{ path: 'pnpm-lock.yaml', line: index + 1, message: line.trim() }] : [],
  );
}
