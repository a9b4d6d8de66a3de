// SPDX-License-Identifier: Apache-2.0
import { SOURCE_CONDITION } from './repository.ts';
import type { Repository, Target, Violation } from './repository.ts';

/** An adapter takes core as a peer: two copies of it in one program would not know each other's classes. */
export function dependenciesPointDown(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  for (const folder of repository.packageFolders()) {
    const { name, dependencies = {}, peerDependencies = {} } = repository.manifest(folder) ?? {};
    const own = Object.keys(dependencies).filter(
      (dependency) => name !== '@mqttv5/testing' || !dependency.startsWith('@mqttv5/'),
    );
    const report = (message: string): number => violations.push({ path: `${folder}/package.json`, message });
    if (name === '@mqttv5/wire') {
      if (own.length > 0) report(`depends on ${own.join(', ')}: wire depends on nothing`);
    } else if (name === '@mqttv5/core') {
      const others = own.filter((dependency) => dependency !== '@mqttv5/wire');
      if (others.length > 0) report(`depends on ${others.join(', ')}: core depends on wire alone`);
    } else if (name !== '@mqttv5/testing') {
      const siblings = own.filter((dependency) => dependency.startsWith('@mqttv5/'));
      if (siblings.length > 0) report(`depends on ${siblings.join(', ')}: adapters know core, as a peer`);
      if (!('@mqttv5/core' in peerDependencies)) report('lacks core among its peer dependencies');
    }
  }
  return violations;
}

/** `publishConfig` is `exports` without the source condition: src is not in the tarball. */
export function publishedExportsHaveNoSources(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  for (const folder of repository.packageFolders()) {
    const manifest = repository.manifest(folder);
    if (manifest === undefined || manifest.private === true) continue;
    for (const field of ['exports', 'imports'] as const) {
      const expected = JSON.stringify(withoutSources(manifest[field]));
      if (JSON.stringify(manifest.publishConfig?.[field]) !== expected) {
        violations.push({ path: `${folder}/package.json`, message: `publishConfig.${field} should be ${expected}` });
      }
    }
  }
  return violations;
}

function withoutSources(target: Target | undefined): Target | undefined {
  if (typeof target !== 'object' || target === null) return target;
  const kept = Object.entries(target).filter(([condition]) => condition !== SOURCE_CONDITION);
  return Object.fromEntries(kept.map(([condition, value]) => [condition, withoutSources(value) ?? null]));
}
