// SPDX-License-Identifier: Apache-2.0
// The main job, as `npm run demo` runs it, but on the sources.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireMosquitto, startMosquitto } from './mosquitto.ts';

const program = join(import.meta.dirname, '..', '..', 'examples', 'demo', 'src', 'main.ts');

describe('the demo', { timeout: 40_000 }, () => {
  test('loses nothing with its own broker, and ends by itself', async () => {
    expect(await demo({})).toMatchObject({ code: 0, lost: '0', duplicates: '0' });
  });

  test.runIf(requireMosquitto())('loses nothing with Mosquitto, and ends by itself', async () => {
    await using broker = await startMosquitto();
    expect(await demo({ MQTT_BROKER: broker.url })).toMatchObject({ code: 0, lost: '0', duplicates: '0' });
  });

  test('fails where there is no broker', async () => {
    // Port 1 is nobody's, and not in the range from which the kernel takes ports.
    expect(await demo({ MQTT_BROKER: 'mqtt://127.0.0.1:1' })).not.toMatchObject({ code: 0 });
  });
});

function demo(
  env: Record<string, string>,
): Promise<{ code: number; lost: string | undefined; duplicates: string | undefined }> {
  const args = ['--conditions=@mqttv5/source', program];
  const inherited = { ...process.env };
  delete inherited['MQTT_BROKER'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { ...inherited, ...env }, timeout: 35_000 }, (error, stdout) => {
      resolve({
        code: error === null ? 0 : Number(error.code ?? 1),
        lost: /^lost\s+(\d+)$/m.exec(stdout)?.[1],
        duplicates: /^duplicates at QoS 2\s+(\d+)$/m.exec(stdout)?.[1],
      });
    });
  });
}
