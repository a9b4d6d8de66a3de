// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from '../lib/run.ts';

/** A published package as a user gets it. */
export interface PackedPackage {
  name: string;
  /** Relative to the root of the repository. */
  folder: string;
  tarball: string;
  /** Where the tarball was unpacked. */
  directory: string;
}

interface Manifest {
  name: string;
  private?: boolean;
}

/** Folders of the packages that are published, sorted. */
export function publishedFolders(): string[] {
  return readdirSync(join(root, 'packages'))
    .map((name) => `packages/${name}`)
    .filter((folder) => readManifest(folder).private !== true);
}

/** Packs with pnpm, which replaces `workspace:` ranges and applies publishConfig, and unpacks into `nodeModules`. */
export async function pack(folder: string, nodeModules: string): Promise<PackedPackage> {
  const { name } = readManifest(folder);
  const directory = join(nodeModules, name);
  mkdirSync(directory, { recursive: true });
  const tarball = join(nodeModules, `${name.replace('/', '-').replace('@', '')}.tgz`);
  const packed = await run('pnpm', ['pack', '--out', tarball], { cwd: join(root, folder), capture: true });
  if (packed.code !== 0) throw new Error(`pnpm pack of ${name} failed:\n${packed.output}`);
  const unpacked = await run('tar', ['-xzf', tarball, '-C', directory, '--strip-components=1'], { capture: true });
  if (unpacked.code !== 0) throw new Error(`tar of ${tarball} failed:\n${unpacked.output}`);
  return { name, folder, tarball, directory };
}

function readManifest(folder: string): Manifest {
  // npm accepts no package without a name, and `private` is a boolean.
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}
