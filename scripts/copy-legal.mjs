// SPDX-License-Identifier: Apache-2.0
// `prepack` of every published package: licence and notice live once, at the root, and travel in each tarball.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
for (const name of ['LICENSE', 'NOTICE']) copyFileSync(join(root, name), join(process.cwd(), name));
