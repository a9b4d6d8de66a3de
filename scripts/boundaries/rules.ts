// SPDX-License-Identifier: Apache-2.0
import { browserEntriesReachNoNode } from './browser-rule.ts';
import {
  importsPointDown,
  indexIsExplicit,
  packagesKeepOut,
  sessionIsPure,
  wireImportsNothing,
} from './import-rules.ts';
import { dependenciesPointDown, publishedExportsHaveNoSources } from './manifest-rules.ts';
import type { Repository, Violation } from './repository.ts';
import { lockfileHasNoAddresses, nothingLocal, sourcesHaveHeader } from './text-rules.ts';

export interface Rule {
  name: string;
  check: (repository: Repository) => Violation[];
}

export const rules: readonly Rule[] = [
  { name: 'wire imports nothing', check: wireImportsNothing },
  { name: 'the session engine is pure', check: sessionIsPure },
  { name: 'imports in core point down', check: importsPointDown },
  { name: 'no package reaches into another', check: packagesKeepOut },
  { name: 'packages depend downwards', check: dependenciesPointDown },
  { name: 'browser entries reach no Node', check: browserEntriesReachNoNode },
  { name: 'an index is an explicit list', check: indexIsExplicit },
  { name: 'what is published names no sources', check: publishedExportsHaveNoSources },
  { name: 'every source file has its SPDX header', check: sourcesHaveHeader },
  { name: 'nothing tells where it was written', check: nothingLocal },
  { name: 'the lockfile records no download addresses', check: lockfileHasNoAddresses },
];
