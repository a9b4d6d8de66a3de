// SPDX-License-Identifier: Apache-2.0
//
// Retained messages (§3.3.1.3).
import { expect, test } from 'vitest';
import { startBroker } from '../src/index.ts';
import type { Broker } from '../src/index.ts';
import { RawClient } from './raw-client.ts';

/** What a new subscriber finds: payloads in the order they come. */
async function retainedFor(broker: Broker, topicFilter: string): Promise<string[]> {
  const [client] = await RawClient.connect(broker.url, { clientId: 'reader' });
  await client.subscribe([{ topicFilter, qos: 0 }]);
  client.send({ type: 'pingreq' });
  const found: string[] = [];
  for (let packet = await client.next(); packet?.type === 'publish'; packet = await client.next()) {
    expect(packet.retain).toBe(true);
    found.push(Buffer.from(packet.payload).toString());
  }
  await client.disconnect();
  return found;
}

test('RETAIN 1 keeps the last message of the topic, whatever its QoS [MQTT-3.3.1-5]', async () => {
  await using broker = await startBroker();
  const [publisher] = await RawClient.connect(broker.url);
  publisher.publish('a', 'first', { retain: true });
  publisher.publish('a', 'second', { retain: true, qos: 1, packetIdentifier: 1 });
  await publisher.expect('puback');
  expect(await retainedFor(broker, 'a')).toEqual(['second']);
});

test('an empty payload is delivered, clears the topic, and is not kept [MQTT-3.3.1-6] [MQTT-3.3.1-7]', async () => {
  await using broker = await startBroker();
  const [client] = await RawClient.connect(broker.url);
  client.publish('a/b', 'x', { retain: true });
  client.publish('a', 'stays', { retain: true });
  await client.expectQuiet();
  await client.subscribe([{ topicFilter: 'a/b', retainHandling: 2 }]);
  client.publish('a/b', '', { retain: true });
  expect(await client.expectPublish()).toMatchObject({ text: '', retain: false });
  client.publish('never/there', '', { retain: true });
  await client.expectQuiet();
  expect(await retainedFor(broker, '#')).toEqual(['stays']);
});

test('RETAIN 0 changes nothing [MQTT-3.3.1-8]', async () => {
  await using broker = await startBroker();
  const [client] = await RawClient.connect(broker.url);
  client.publish('a', 'kept', { retain: true });
  client.publish('a', 'live');
  client.publish('a', '');
  client.publish('b', 'live');
  await client.expectQuiet();
  expect(await retainedFor(broker, '#')).toEqual(['kept']);
});

test('Retain Handling 0 sends them at every subscribe, 1 at a new one, 2 never [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]', async () => {
  await using broker = await startBroker();
  broker.publish('a', 'kept', { retain: true });
  const [client] = await RawClient.connect(broker.url);
  await client.subscribe([{ topicFilter: 'a', retainHandling: 2 }]);
  await client.expectQuiet();
  await client.subscribe([{ topicFilter: 'a', retainHandling: 1 }]);
  await client.expectQuiet();
  await client.subscribe([{ topicFilter: 'a', retainHandling: 0 }]);
  await client.expectPublish();
  await client.subscribe([{ topicFilter: 'a', retainHandling: 0 }]);
  await client.expectPublish();
  await client.subscribe([{ topicFilter: '+', retainHandling: 1 }]);
  expect(await client.expectPublish()).toMatchObject({ text: 'kept', retain: true });
  await client.expectQuiet();
});

test('Retain As Published decides the flag of live messages, RETAIN is always 1 on those kept [MQTT-3.3.1-12] [MQTT-3.3.1-13]', async () => {
  await using broker = await startBroker();
  broker.publish('a', 'kept', { retain: true });
  const [plain] = await RawClient.connect(broker.url, { clientId: 'plain' });
  await plain.subscribe([{ topicFilter: 'a', retainAsPublished: false }]);
  const [asPublished] = await RawClient.connect(broker.url, { clientId: 'asPublished' });
  await asPublished.subscribe([{ topicFilter: 'a', retainAsPublished: true }]);
  broker.publish('a', 'live', { retain: true });
  broker.publish('a', 'live');
  const flags = async (client: RawClient): Promise<boolean[]> => [
    (await client.expectPublish()).retain,
    (await client.expectPublish()).retain,
    (await client.expectPublish()).retain,
  ];
  expect(await flags(plain)).toEqual([true, false, false]);
  expect(await flags(asPublished)).toEqual([true, true, false]);
});

test('filters find the retained messages they match, and $ topics only by name [MQTT-4.7.2-1] [MQTT-3.3.2-3]', async () => {
  await using broker = await startBroker();
  for (const topic of ['a', 'a/b', 'a/b/c', 'a/x', '/a', '$SYS/a', 'b']) broker.publish(topic, topic, { retain: true });
  expect(await retainedFor(broker, '#')).toEqual(['a', 'a/b', 'a/b/c', 'a/x', '/a', 'b']);
  expect(await retainedFor(broker, 'a/#')).toEqual(['a', 'a/b', 'a/b/c', 'a/x']);
  expect(await retainedFor(broker, 'a/+')).toEqual(['a/b', 'a/x']);
  expect(await retainedFor(broker, '+/b/+')).toEqual(['a/b/c']);
  expect(await retainedFor(broker, '+')).toEqual(['a', 'b']);
  expect(await retainedFor(broker, '+/a')).toEqual(['/a']);
  expect(await retainedFor(broker, '$SYS/#')).toEqual(['$SYS/a']);
  expect(await retainedFor(broker, 'A')).toEqual([]);
});

test('without retained messages RETAIN 1 costs the connection: 0x9A', async () => {
  await using broker = await startBroker({ connackProperties: { retainAvailable: false } });
  const [client] = await RawClient.connect(broker.url);
  client.publish('a', 'x', { retain: true });
  await client.expectDisconnect(0x9a);
});
