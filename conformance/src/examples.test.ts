// SPDX-License-Identifier: Apache-2.0
// Every example, as `pnpm example <name>` runs it, but on the sources: with the embedded broker, and with Mosquitto where the
// broker is not part of what it shows.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples');

/** The demo has tests of its own, with numbers; the dashboard is a page and does not end by itself. */
const ELSEWHERE = new Set(['demo', 'dashboard']);
/**
 * Two need a broker that knows their method, or their certificates. Mosquitto 2.0.11 sends more than Receive Maximum allows: after
 * each PUBACK a whole window, and everything in flight when a session resumes. The client answers that with 0x93 (§3.3.4), which
 * is no way to show back-pressure.
 */
const EMBEDDED_ONLY = new Set(['oauth', 'tls', 'back-pressure']);

const names = readdirSync(examples)
  .filter((name) => existsSync(join(examples, name, 'src', 'main.ts')) && !ELSEWHERE.has(name))
  .sort();

describe('examples, with the embedded broker', { timeout: 40_000 }, () => {
  test.for(names)('%s does what it shows, and ends by itself', async (name) => {
    expect(await run(name, {})).toMatchObject({ code: 0, failure: '' });
  });

  test.for(['basic', 'back-pressure'])('%s fails where there is no broker', async (name) => {
    // Port 1 is nobody's, and not in the range from which the kernel takes ports.
    expect(await run(name, { MQTT_BROKER: 'mqtt://127.0.0.1:1' })).not.toMatchObject({ code: 0 });
  });
});

describe.runIf(requireMosquitto())('examples, with Mosquitto', { timeout: 40_000 }, () => {
  let broker: Mosquitto;
  beforeAll(async () => {
    // Without it Mosquitto holds back every second small packet for the 40 ms of a delayed TCP acknowledgement.
    broker = await startMosquitto({ webSocket: true, config: ['set_tcp_nodelay true'] });
  });
  afterAll(() => broker.close());

  test.for(names.filter((name) => !EMBEDDED_ONLY.has(name)))('%s does what it shows', async (name) => {
    const url = name === 'ws' ? broker.webSocketUrl : broker.url;
    expect(await run(name, { MQTT_BROKER: url })).toMatchObject({ code: 0, failure: '' });
  });
});

/** `failure`: everything on stderr. An example that works has nothing to say there. */
function run(name: string, env: Record<string, string>): Promise<{ code: number; failure: string; output: string }> {
  const args = ['--conditions=@mqttv5/source', join(examples, name, 'src', 'main.ts')];
  const inherited = { ...process.env };
  delete inherited['MQTT_BROKER'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { ...inherited, ...env }, timeout: 35_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), failure: stderr, output: stdout });
    });
  });
}
