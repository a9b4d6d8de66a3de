// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium, driven by playwright-core, which brings no browser of its own.
import { accessSync, constants } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

/** Where Debian and others put it. */
const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Nothing leaves this machine, and there is neither a display nor, as root in a container, a sandbox. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The program, or undefined where it is not installed. */
function findChromium(): string | undefined {
  return PATHS.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Whether tests in a browser can run. Without one they are skipped, loudly and counted; where `MQTTV5_REQUIRE_BROKERS` is 1,
 * as in CI, its absence is an error instead.
 */
export function requireChromium(): boolean {
  if (findChromium() !== undefined) return true;
  if (process.env['MQTTV5_REQUIRE_BROKERS'] === '1') {
    throw new Error('MQTTV5_REQUIRE_BROKERS is 1, but chromium is not installed');
  }
  console.warn('\n*** chromium is not installed: the tests in it are SKIPPED (Debian: apt-get install chromium) ***\n');
  return false;
}

/** A headless Chromium with an empty profile of its own, removed at `close()`. */
export async function startChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('chromium is not installed');
  return chromium.launch({ executablePath, args: FLAGS, headless: true, timeout: 30_000 });
}
