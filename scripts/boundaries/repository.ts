// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSourceFile } from './source-file.ts';
import type { SourceFile } from './source-file.ts';

/** The export condition under which packages of this workspace see each other's sources. */
export const SOURCE_CONDITION = '@mqttv5/source';

/** Where a rule was broken, and which one in words. */
export interface Violation {
  path: string;
  line?: number;
  message: string;
}

/** The part of a package.json that rules read. */
export interface Manifest {
  name?: string;
  private?: boolean;
  exports?: Target;
  imports?: Record<string, Target>;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  publishConfig?: { exports?: Target; imports?: Record<string, Target> };
}

/** What `exports` and `imports` map to: a path, or conditions, tried in order. */
export type Target = string | null | { [condition: string]: Target };

/** Every text file of the repository by its path from the root, with `/`. Rules see nothing else, so tests can make one up. */
export class Repository {
  readonly files: ReadonlyMap<string, string>;
  readonly #parsed = new Map<string, SourceFile>();

  constructor(files: Iterable<readonly [path: string, text: string]>) {
    this.files = new Map(files);
  }

  /** The sources of all packages: not their tests, which may import anything. */
  sources(under = 'packages/'): SourceFile[] {
    return [...this.files.keys()]
      .filter((path) => path.startsWith(under) && isSource(path))
      .map((path) => this.source(path));
  }

  source(path: string): SourceFile {
    let file = this.#parsed.get(path);
    if (file === undefined) {
      file = parseSourceFile(path, this.files.get(path) ?? '');
      this.#parsed.set(path, file);
    }
    return file;
  }

  /** The manifest of the package in that folder. */
  manifest(folder: string): Manifest | undefined {
    const text = this.files.get(`${folder}/package.json`);
    // The fields that rules read have these types in every package.json that npm accepts.
    return text === undefined ? undefined : (JSON.parse(text) as Manifest);
  }

  /** The folders directly under packages/. */
  packageFolders(): string[] {
    return [...this.files.keys()]
      .filter((path) => /^packages\/[^/]+\/package\.json$/.test(path))
      .map((path) => posix.dirname(path));
  }
}

function isSource(path: string): boolean {
  return /^packages\/[^/]+\/src\/.*\.ts$/.test(path) && !/\.test(-d)?\.ts$/.test(path);
}

/** `packages/core` of `packages/core/src/index.ts`. */
export function packageFolder(path: string): string {
  return path.split('/').slice(0, 2).join('/');
}

/** What git tracks or would track: the rules hold before `git add` too. */
export function readRepository(root: string): Repository {
  // CI may run as another user than the one who cloned, which git refuses without being told.
  const args = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const paths = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 })
    .split('\0')
    .filter(Boolean);
  const files: [string, string][] = [];
  for (const path of paths) {
    const stats = statSync(join(root, path), { throwIfNoEntry: false });
    if (!stats?.isFile()) continue; // deleted, and not yet committed
    const bytes = readFileSync(join(root, path));
    if (!bytes.includes(0)) files.push([path, bytes.toString('utf8')]);
  }
  return new Repository(files);
}
