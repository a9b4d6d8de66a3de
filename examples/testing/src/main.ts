// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';

await test('a reading reaches whoever subscribed to its room', async () => {
  const broker = await startBroker();
  const client = await connect(broker.url);

  const readings = await client.subscribe('house/+/temperature', { qos: 1 });
  await client.publish('house/kitchen/temperature', '21.5', { qos: 1 });
  assert.equal((await readings.receive())?.text(), '21.5');

  await client.disconnect();
  await broker.close();
});
