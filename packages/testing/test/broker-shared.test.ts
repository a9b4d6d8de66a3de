// SPDX-License-Identifier: Apache-2.0
//
// Shared Subscriptions (§4.8.2).
import { expect, test } from 'vitest';
import { startBroker } from '../src/index.ts';
import type { Broker } from '../src/index.ts';
import { until, untilGone } from './events.ts';
import { RawClient } from './raw-client.ts';

async function member(broker: Broker, clientId: string, qos: 0 | 1 | 2 = 2): Promise<RawClient> {
  const [client] = await RawClient.persistent(broker.url, clientId, true);
  await client.subscribe([{ topicFilter: '$share/g/jobs/#', qos }]);
  return client;
}

test('members take turns, every message goes to one of them, under its own topic name', async () => {
  await using broker = await startBroker();
  const members = [await member(broker, 'a'), await member(broker, 'b'), await member(broker, 'c')];
  for (let job = 0; job < 9; job++) broker.publish(`jobs/${job}`, String(job));
  for (const [index, client] of members.entries()) {
    for (const job of [index, index + 3, index + 6]) {
      expect(await client.expectPublish()).toMatchObject({ topicName: `jobs/${job}`, text: String(job) });
    }
    await client.expectQuiet();
  }
});

test('groups of other names get the message too; each share name is a group of its own [MQTT-4.8.2-1] [MQTT-4.8.2-2]', async () => {
  await using broker = await startBroker();
  const [first] = await RawClient.connect(broker.url, { clientId: 'first' });
  await first.subscribe('$share/one/a');
  const [second] = await RawClient.connect(broker.url, { clientId: 'second' });
  await second.subscribe('$share/two/a');
  const [plain] = await RawClient.connect(broker.url, { clientId: 'plain' });
  await plain.subscribe('a');
  broker.publish('a', 'x');
  for (const client of [first, second, plain]) {
    expect((await client.expectPublish()).text).toBe('x');
    await client.expectQuiet();
  }
});

test('each member gets messages within its own QoS [MQTT-4.8.2-3]', async () => {
  await using broker = await startBroker();
  const low = await member(broker, 'low', 0);
  const high = await member(broker, 'high', 2);
  broker.publish('jobs/1', 'x', { qos: 2 });
  broker.publish('jobs/2', 'x', { qos: 2 });
  expect((await low.expectPublish()).qos).toBe(0);
  expect((await high.expectPublish()).qos).toBe(2);
});

test('no retained messages are sent for a shared subscription', async () => {
  await using broker = await startBroker();
  broker.publish('jobs/1', 'kept', { retain: true });
  const client = await member(broker, 'a');
  await client.expectQuiet();
});

test('connected members go before absent ones; with all absent one of them keeps it', async () => {
  await using broker = await startBroker();
  const away = await member(broker, 'away');
  const here = await member(broker, 'here');
  await away.drop();
  await untilGone(broker, 'away');
  broker.publish('jobs/1', '1', { qos: 1 });
  broker.publish('jobs/2', '2', { qos: 1 });
  expect([(await here.expectPublish()).text, (await here.expectPublish()).text]).toEqual(['1', '2']);
  await here.disconnect({ properties: { sessionExpiryInterval: 0 } });
  await until(() => broker.clients.length === 1);
  broker.publish('jobs/3', '3', { qos: 1 });
  broker.publish('jobs/4', 'lost', { qos: 0 });
  const [back] = await RawClient.persistent(broker.url, 'away', false);
  // What `here` had not acknowledged came over when its session ended.
  expect([(await back.expectPublish()).text, (await back.expectPublish()).text]).toEqual(['1', '2']);
  expect((await back.expectPublish()).text).toBe('3');
  await back.expectQuiet();
});

test('a QoS 2 delivery broken off is completed to the same client on its return [MQTT-4.8.2-4]', async () => {
  await using broker = await startBroker();
  const first = await member(broker, 'first');
  broker.publish('jobs/1', 'x', { qos: 2 });
  const { packetIdentifier } = await first.expectPublish();
  const second = await member(broker, 'second');
  await first.drop();
  await untilGone(broker, 'first');
  const [back] = await RawClient.persistent(broker.url, 'first', false);
  expect(await back.expectPublish()).toMatchObject({ packetIdentifier, dup: true });
  await second.expectQuiet();
});

test('if its session ends first, no other member gets the QoS 2 message [MQTT-4.8.2-5]', async () => {
  await using broker = await startBroker();
  const first = await member(broker, 'first');
  broker.publish('jobs/1', 'x', { qos: 2 });
  await first.expectPublish();
  const second = await member(broker, 'second');
  await first.disconnect({ properties: { sessionExpiryInterval: 0 } });
  await until(() => broker.clients.length === 1);
  await second.expectQuiet();
});

test('if its session ends first, a QoS 1 message that was not acknowledged goes to another member', async () => {
  await using broker = await startBroker();
  const first = await member(broker, 'first');
  broker.publish('jobs/1', 'x', { qos: 1 });
  await first.expectPublish();
  const second = await member(broker, 'second');
  await first.disconnect({ properties: { sessionExpiryInterval: 0 } });
  expect(await second.expectPublish()).toMatchObject({ text: 'x', dup: false });
});

test('a message that is refused is offered to nobody else [MQTT-4.8.2-6]', async () => {
  await using broker = await startBroker();
  const first = await member(broker, 'first');
  broker.publish('jobs/1', '1', { qos: 1 });
  broker.publish('jobs/2', '2', { qos: 2 });
  const second = await member(broker, 'second');
  const one = await first.expectPublish();
  const two = await first.expectPublish();
  first.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0x97 });
  first.send({ type: 'pubrec', packetIdentifier: two.packetIdentifier, reasonCode: 0x97 });
  await first.expectQuiet();
  await first.disconnect({ properties: { sessionExpiryInterval: 0 } });
  await until(() => broker.clients.length === 1);
  await second.expectQuiet();
});
