// SPDX-License-Identifier: Apache-2.0
// `npm test` and `npm run demo` start here, on whatever Node (20.19 or later) a fresh clone finds. This file fetches the
// pinned pnpm, installs from the lockfile, and hands over to a script beside this one, which then runs on the Node 24 that
// the devDependency `nodejs` placed in node_modules/.bin.
//
//     node scripts/pnpm.mjs test
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';

const PNPM = 'pnpm@12.21.0';
const root = join(import.meta.dirname, '..');
const windows = process.platform === 'win32';

const env = {
  ...process.env,
  // Nothing phones home.
  DO_NOT_TRACK: '1',
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  npm_config_update_notifier: 'false',
};

/** Runs the pinned pnpm and resolves to its exit code; a signal counts as 128 + its number, as in a shell. */
function pnpm(...args) {
  return new Promise((resolve, reject) => {
    // npx is a .cmd file on Windows, which only a shell starts.
    const child = spawn('npx', ['-y', PNPM, ...args], { cwd: root, env, stdio: 'inherit', shell: windows });
    // The terminal signals the whole group; this process only has to outlive the child to report its exit code.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

const [script, ...rest] = process.argv.slice(2);
if (script !== 'test' && script !== 'demo') {
  console.error('usage: node scripts/pnpm.mjs test|demo');
  process.exit(2);
}
// Without a terminal to ask on, pnpm would refuse to replace the node_modules of another version.
const installed = await pnpm('install', '--frozen-lockfile', '--config.confirmModulesPurge=false');
if (installed === 0) {
  // `exec` and not `run`: after a failure `run` adds lines, and the last one is the script's.
  process.exitCode = await pnpm('exec', 'node', `scripts/${script}.ts`, ...rest);
} else {
  process.exitCode = installed;
  if (script === 'test') console.log('0 passed, 1 failed, 0 skipped');
}
