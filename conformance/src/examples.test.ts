// SPDX-License-Identifier: Apache-2.0
// Every example, as `pnpm example <name>` runs it, but on the sources: with the embedded broker, and with Mosquitto.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Mosquitto, requireMosquitto, startMosquitto } from './mosquitto.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples');

/** The demo has tests of its own, with numbers; the dashboard is a page and does not end by itself. */
const ELSEWHERE = new Set(['demo', 'dashboard']);
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
    const config = ['set_tcp_nodelay true'];
    broker = await startMosquitto({ webSocket: true, tls: 'clientCertificate', config });
  });
  afterAll(() => broker.close());

  test.for(names)('%s does what it shows', async (name) => {
    expect(await run(name, await environmentFor(name, broker))).toMatchObject({ code: 0, failure: '' });
  });

  test('oauth says what this broker has no part in', async () => {
    const { output } = await run('oauth', { MQTT_BROKER: broker.url });
    expect(output).toContain('connected again, with token 2');
    expect(output).toContain('NOT SHOWN');
  });
});

/** What tells an example to use the broker. */
async function environmentFor(name: string, broker: Mosquitto): Promise<Record<string, string>> {
  if (name === 'ws') return { MQTT_BROKER: broker.webSocketUrl };
  if (name !== 'tls') return { MQTT_BROKER: broker.url };
  const { cert, key } = await broker.authority.issue({ commonName: 'meter-7' });
  const file = (base: string, content: string): string => {
    const path = join(broker.directory, base);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  return {
    MQTT_BROKER: broker.tlsUrl,
    MQTT_CA: file('example-ca.pem', broker.authority.ca),
    MQTT_CERT: file('example-client.pem', cert),
    MQTT_KEY: file('example-client.key', key),
  };
}

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
