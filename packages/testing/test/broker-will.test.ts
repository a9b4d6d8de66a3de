// SPDX-License-Identifier: Apache-2.0
//
// Will messages (§3.1.2.5, §3.1.3.2).
import { expect, test } from 'vitest';
import type { ConnectProperties, Will } from '@mqttv5/wire';
import { ManualClock, startBroker } from '../src/index.ts';
import type { Broker } from '../src/index.ts';
import { untilGone } from './events.ts';
import { RawClient } from './raw-client.ts';

const will: Will = { topicName: 'will', payload: Buffer.from('gone'), qos: 1, retain: false };

async function connectWithWill(
  broker: Broker,
  fields: Partial<Will> = {},
  properties: ConnectProperties = {},
): Promise<RawClient> {
  const [client] = await RawClient.connect(broker.url, { clientId: 'c', will: { ...will, ...fields }, properties });
  return client;
}

async function watch(broker: Broker): Promise<RawClient> {
  const [watcher] = await RawClient.connect(broker.url, { clientId: 'watcher' });
  await watcher.subscribe([{ topicFilter: '#', qos: 0, retainAsPublished: true }]);
  return watcher;
}

test('a connection that breaks publishes the will, once [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-10]', async () => {
  await using broker = await startBroker();
  const watcher = await watch(broker);
  const client = await connectWithWill(broker, {}, { sessionExpiryInterval: 100 });
  await client.drop();
  expect(await watcher.expectPublish()).toMatchObject({ topicName: 'will', text: 'gone' });
  const [again] = await RawClient.persistent(broker.url, 'c', false);
  await again.drop();
  await untilGone(broker, 'c');
  await watcher.expectQuiet();
});

test('DISCONNECT 0x00 drops the will [MQTT-3.14.4-3] [MQTT-3.1.2-10]', async () => {
  await using broker = await startBroker();
  const watcher = await watch(broker);
  const client = await connectWithWill(broker);
  await client.disconnect();
  await untilGone(broker, 'c');
  await watcher.expectQuiet();
});

test.each([0x04, 0x80])('DISCONNECT 0x%i publishes the will', async (reasonCode) => {
  await using broker = await startBroker();
  const watcher = await watch(broker);
  const client = await connectWithWill(broker);
  await client.disconnect({ reasonCode });
  expect((await watcher.expectPublish()).text).toBe('gone');
});

test('a client that breaks the protocol has its will published', async () => {
  await using broker = await startBroker();
  const watcher = await watch(broker);
  const client = await connectWithWill(broker);
  client.sendHex('00 00');
  await client.expectDisconnect(0x81);
  expect((await watcher.expectPublish()).text).toBe('gone');
});

test('Will Retain 0 is not retained, Will Retain 1 is [MQTT-3.1.2-14] [MQTT-3.1.2-15]', async () => {
  await using broker = await startBroker();
  const watcher = await watch(broker);
  for (const retain of [false, true]) {
    const client = await connectWithWill(broker, { retain });
    await client.drop();
    expect((await watcher.expectPublish()).retain).toBe(retain);
    const [late] = await RawClient.connect(broker.url, { clientId: 'late' });
    await late.subscribe('will');
    if (retain) expect((await late.expectPublish()).retain).toBe(true);
    await late.expectQuiet();
  }
});

test('the will carries its properties, User Properties in order [MQTT-3.1.3-10]', async () => {
  await using broker = await startBroker();
  const watcher = await watch(broker);
  const properties = {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 30,
    contentType: 'text/plain',
    responseTopic: 'r',
    correlationData: Uint8Array.of(1, 2),
    userProperties: [
      ['b', '2'],
      ['a', '1'],
      ['b', '1'],
    ],
  } as const;
  const client = await connectWithWill(broker, { properties: { ...properties, willDelayInterval: 0 } });
  await client.drop();
  expect((await watcher.expectPublish()).properties).toEqual(properties);
});

test('with a delay it is published when the delay is over [MQTT-3.1.2-8]', async () => {
  const clock = new ManualClock();
  await using broker = await startBroker({ clock });
  const watcher = await watch(broker);
  const client = await connectWithWill(
    broker,
    { properties: { willDelayInterval: 5 } },
    { sessionExpiryInterval: 100 },
  );
  await client.drop();
  await untilGone(broker, 'c');
  clock.advance(4_999);
  await watcher.expectQuiet();
  clock.advance(1);
  expect((await watcher.expectPublish()).text).toBe('gone');
  clock.advance(100_000); // the end of the session has no will left to send
  expect(broker.clients).toHaveLength(1);
  await watcher.expectQuiet();
});

test('the end of the session comes first if the delay is longer [MQTT-3.1.2-8]', async () => {
  const clock = new ManualClock();
  await using broker = await startBroker({ clock });
  const watcher = await watch(broker);
  const client = await connectWithWill(broker, { properties: { willDelayInterval: 50 } }, { sessionExpiryInterval: 5 });
  await client.drop();
  await untilGone(broker, 'c');
  clock.advance(4_999);
  await watcher.expectQuiet();
  clock.advance(1);
  expect((await watcher.expectPublish()).text).toBe('gone');
  clock.advance(100_000);
  await watcher.expectQuiet();
});

test('a client that comes back within the delay cancels it [MQTT-3.1.3-9]', async () => {
  const clock = new ManualClock();
  await using broker = await startBroker({ clock });
  const watcher = await watch(broker);
  const client = await connectWithWill(
    broker,
    { properties: { willDelayInterval: 5 } },
    { sessionExpiryInterval: 100 },
  );
  await client.drop();
  await untilGone(broker, 'c');
  clock.advance(4_000);
  const [back] = await RawClient.persistent(broker.url, 'c', false);
  clock.advance(60_000);
  await back.expectQuiet();
  await watcher.expectQuiet();
});

test('Clean Start 1 ends the session, and a delayed will goes out', async () => {
  const clock = new ManualClock();
  await using broker = await startBroker({ clock });
  const watcher = await watch(broker);
  const client = await connectWithWill(
    broker,
    { properties: { willDelayInterval: 5 } },
    { sessionExpiryInterval: 100 },
  );
  await client.drop();
  await untilGone(broker, 'c');
  await RawClient.connect(broker.url, { clientId: 'c' });
  expect((await watcher.expectPublish()).text).toBe('gone');
});

test('a session taken over publishes the will of the older connection', async () => {
  await using broker = await startBroker();
  const watcher = await watch(broker);
  const client = await connectWithWill(broker);
  await RawClient.connect(broker.url, { clientId: 'c' });
  await client.expectDisconnect(0x8e);
  expect((await watcher.expectPublish()).text).toBe('gone');
});

test('a will that authorize refuses vanishes', async () => {
  await using broker = await startBroker({
    authorize: ({ action, topic }) => action === 'subscribe' || topic !== 'will',
  });
  const watcher = await watch(broker);
  const client = await connectWithWill(broker);
  await client.drop();
  await untilGone(broker, 'c');
  await watcher.expectQuiet();
});
