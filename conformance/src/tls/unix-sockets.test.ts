// SPDX-License-Identifier: Apache-2.0
// mqtt+unix: a broker on the same machine, without a port. A Mosquitto listens there like on any other address.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@mqttv5/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { requireMosquitto, startMosquitto } from '../mosquitto.ts';
import { smoke } from '../runtimes/smoke.ts';

function directory(prefix: string): string {
  const path = mkdtempSync(join(tmpdir(), prefix));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

describe.runIf(requireMosquitto())('Mosquitto on a Unix socket', { timeout: 20_000 }, () => {
  test('serves every QoS, and a restart of the broker is survived', async () => {
    const path = join(directory('mqttv5-unix-'), 'mqtt.sock');
    const url = `mqtt+unix:${path}`;
    await using mosquitto = await startMosquitto({ config: [`listener 0 ${path}`] });
    await smoke({ name: 'unix', url, foreign: true });
    const client = await connect(url, { reconnect: () => 20 });
    onTestFinished(() => client.disconnect());
    const subscription = await client.subscribe('a', { qos: 1 });
    await mosquitto.restart();
    await client.awaitConnection();
    await client.publish('a', 'back', { qos: 1 });
    expect((await subscription.receive())?.text()).toBe('back');
  });
});

test('a socket that is not there is DIAL_FAILED, and the message names it', async () => {
  // A blank in a path is written as in any URL.
  const path = join(directory('mqttv5 unix '), 'nobody.sock').replaceAll(' ', '%20');
  await expect(connect(`mqtt+unix:${path}`)).rejects.toMatchObject({
    code: 'DIAL_FAILED',
    message: expect.stringMatching(/mqttv5 unix .*nobody\.sock/),
  });
});

test.each(['mqtt+unix:', 'mqtt+unix:/'])('%s has no path and is refused', async (url) => {
  await expect(connect(url)).rejects.toMatchObject({ code: 'INVALID_BROKER_URL' });
});
