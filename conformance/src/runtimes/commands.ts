// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Programs run here, and find the built packages from here. */
export const conformance: string = join(import.meta.dirname, '..', '..');

/** Every runtime that docs/runtimes.md promises beside the browser, from its npm package, and how it runs a program. */
export function runtimes(
  denoPermissions: readonly string[],
): readonly (readonly [name: string, command: readonly string[]])[] {
  const modules = join(conformance, 'node_modules');
  return [
    ['Node 22', [join(modules, 'node-22', 'bin', 'node')]],
    ['Node 24', [process.execPath]],
    ['Node 26', [join(modules, 'node-26', 'bin', 'node')]],
    ['Bun', [join(modules, '.bin', 'bun')]],
    ['Deno', [denoBinary(join(modules, '.bin', 'deno')), 'run', '--no-prompt', ...denoPermissions]],
  ];
}

/** What npm calls `deno` is a program of Node that starts Deno and waits for it: a signal would end the wrong process. */
function denoBinary(command: string): string {
  return execFileSync(command, ['eval', 'console.log(Deno.execPath())'], { encoding: 'utf8' }).trim();
}

/** What is published is what runs. */
export function assertBuilt(): void {
  for (const name of ['core', 'queue-file', 'store-sqlite', 'transport-ws']) {
    const built = join(conformance, '..', 'packages', name, 'dist', 'index.js');
    if (!existsSync(built)) throw new Error('the packages are not built: npm run build');
  }
}
