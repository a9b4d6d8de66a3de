// SPDX-License-Identifier: Apache-2.0
//
// SUBSCRIBE, UNSUBSCRIBE and who gets what (§3.8 to §3.11, §3.3.4, §4.7).
import { describe, expect, test } from 'vitest';
import { topicMatches } from '@mqttv5/wire';
import type { QoS } from '@mqttv5/wire';
import { startBroker } from '../src/index.ts';
import { RawClient } from './raw-client.ts';

describe('SUBSCRIBE', () => {
  test('is answered by one SUBACK with its identifier and a code per filter, in order [MQTT-2.2.1-6] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2]', async () => {
    await using broker = await startBroker({
      authorize: ({ topic }) => ({ c: false, d: 0x97, e: 0x8e as number })[topic] ?? true,
    });
    const [client] = await RawClient.connect(broker.url);
    const filters = [
      { topicFilter: 'a', qos: 0 },
      { topicFilter: 'b', qos: 1 },
      { topicFilter: 'c', qos: 1 },
      { topicFilter: 'd', qos: 1 },
      { topicFilter: 'e', qos: 1 },
      { topicFilter: 'f', qos: 2 },
    ] as const;
    const suback = await client.subscribe(filters, {}, 4711);
    expect(suback).toMatchObject({ packetIdentifier: 4711, reasonCodes: [0, 1, 0x87, 0x97, 0x83, 2] });
    expect(broker.clients).toMatchObject([{ filters: ['a', 'b', 'f'] }]);
    await client.expectQuiet();
  });

  test('a shared filter is authorized by what is behind the share name', async () => {
    const asked: string[] = [];
    await using broker = await startBroker({
      authorize: ({ action, topic }) => {
        asked.push(`${action} ${topic}`);
        return false;
      },
    });
    const [client] = await RawClient.connect(broker.url);
    expect((await client.subscribe('$share/g/secret/#')).reasonCodes).toEqual([0x87]);
    expect(asked).toEqual(['subscribe secret/#']);
  });

  test('the same filter again replaces the subscription: options, QoS and identifier [MQTT-3.8.4-3]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe([{ topicFilter: 'a', qos: 2 }], { subscriptionIdentifier: 7 });
    await client.subscribe([{ topicFilter: 'a', qos: 0, retainAsPublished: true }]);
    broker.publish('a', 'x', { qos: 2, retain: true });
    const got = await client.expectPublish();
    expect(got).toMatchObject({ qos: 0, retain: true });
    expect(got.properties).toBeUndefined();
    await client.expectQuiet();
    expect(broker.clients).toMatchObject([{ filters: ['a'] }]);
  });

  test('replacing loses nothing, and Retain Handling 0 sends what is retained again [MQTT-3.8.4-4]', async () => {
    await using broker = await startBroker();
    broker.publish('a', 'kept', { retain: true });
    const [client] = await RawClient.connect(broker.url, { properties: { receiveMaximum: 1 } });
    await client.subscribe([{ topicFilter: 'a', qos: 1 }]);
    await client.expectPublish();
    broker.publish('a', 'one', { qos: 1 });
    broker.publish('a', 'two', { qos: 1 });
    const one = await client.expectPublish();
    await client.subscribe([{ topicFilter: 'a', qos: 1 }]);
    expect(await client.expectPublish()).toMatchObject({ text: 'kept', retain: true });
    client.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    expect((await client.expectPublish()).text).toBe('two');
  });

  test('delivery is at the lower of published and granted QoS [MQTT-3.8.4-8]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    for (const granted of [0, 1, 2] as const) {
      await client.subscribe([{ topicFilter: 'a', qos: granted }]);
      for (const published of [0, 1, 2] as const) {
        broker.publish('a', 'x', { qos: published });
        expect((await client.expectPublish()).qos).toBe(Math.min(granted, published));
      }
    }
  });

  test('with Maximum QoS 1 QoS 2 may be asked for, and 1 is granted [MQTT-3.2.2-9] [MQTT-3.2.2-10]', async () => {
    await using broker = await startBroker({ connackProperties: { maximumQoS: 1 } });
    const [client, connack] = await RawClient.connect(broker.url);
    expect(connack.properties?.maximumQoS).toBe(1);
    expect((await client.subscribe([{ topicFilter: 'a', qos: 2 }])).reasonCodes).toEqual([1]);
    broker.publish('a', 'x', { qos: 2 });
    expect((await client.expectPublish()).qos).toBe(1);
    client.publish('a', 'x', { qos: 2, packetIdentifier: 1 });
    await client.expectDisconnect(0x9b);
  });

  test.each([
    ['wildcards', { wildcardSubscriptionAvailable: false }, 'a/+', {}, 0xa2],
    ['wildcards in a share', { wildcardSubscriptionAvailable: false }, '$share/g/#', {}, 0xa2],
    ['Subscription Identifiers', { subscriptionIdentifierAvailable: false }, 'a', { subscriptionIdentifier: 1 }, 0xa1],
    ['shared subscriptions', { sharedSubscriptionAvailable: false }, '$share/g/a', {}, 0x9e],
  ])(
    '%s cost the connection where CONNACK says they are not available',
    async (_name, connackProperties, filter, properties, code) => {
      await using broker = await startBroker({ connackProperties });
      const [client] = await RawClient.connect(broker.url);
      expect((await client.subscribe('plain')).reasonCodes).toEqual([2]);
      client.send({
        type: 'subscribe',
        packetIdentifier: 1,
        properties,
        filters: [{ topicFilter: filter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      });
      await client.expectDisconnect(code);
    },
  );

  test('No Local keeps back what the client itself published, and nothing else [MQTT-3.8.3-3]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe([{ topicFilter: 'a', noLocal: true }]);
    const [other] = await RawClient.connect(broker.url, { clientId: 'other' });
    client.publish('a', 'own', { retain: true });
    other.publish('a', 'from the other');
    expect((await client.expectPublish()).text).toBe('from the other');
    await client.subscribe([{ topicFilter: 'a', noLocal: true }]);
    await client.expectQuiet(); // its own, retained
  });
});

describe('overlapping subscriptions', () => {
  test('one copy, at the highest QoS, with every identifier [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe([{ topicFilter: 'a/#', qos: 0 }], { subscriptionIdentifier: 1 });
    await client.subscribe([{ topicFilter: 'a/+', qos: 2 }], { subscriptionIdentifier: 268_435_455 });
    await client.subscribe([{ topicFilter: '+/b', qos: 1, retainAsPublished: true }], { subscriptionIdentifier: 1 });
    await client.subscribe([{ topicFilter: 'a/b', qos: 1 }]);
    broker.publish('a/b', 'x', { qos: 2, retain: true });
    const got = await client.expectPublish();
    expect(got).toMatchObject({ qos: 2, retain: true });
    expect(got.properties?.subscriptionIdentifiers?.toSorted((a, b) => a - b)).toEqual([1, 1, 268_435_455]);
    await client.expectQuiet();
  });

  test('an overlap with a No Local subscription leaves the other', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe([{ topicFilter: '#', qos: 2, noLocal: true }], { subscriptionIdentifier: 1 });
    await client.subscribe([{ topicFilter: 'a', qos: 0 }], { subscriptionIdentifier: 2 });
    client.publish('a', 'x', { qos: 1, packetIdentifier: 1 });
    expect(await client.expectPublish()).toMatchObject({ qos: 0, properties: { subscriptionIdentifiers: [2] } });
    expect((await client.expect('puback')).reasonCode).toBe(0);
    await client.expectQuiet();
  });

  test('a shared and a plain subscription of one client get a copy each [MQTT-3.3.4-5]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe('a', { subscriptionIdentifier: 1 });
    await client.subscribe('$share/g/a', { subscriptionIdentifier: 2 });
    broker.publish('a', 'x');
    const ids = [await client.expectPublish(), await client.expectPublish()].map(
      (packet) => packet.properties?.subscriptionIdentifiers,
    );
    expect(ids).toEqual(expect.arrayContaining([[1], [2]]));
    await client.expectQuiet();
  });
});

describe('UNSUBSCRIBE', () => {
  test('removes exactly the filter that is named, and is answered in order [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] [MQTT-2.2.1-6]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe([{ topicFilter: 'a/+' }, { topicFilter: 'a/b' }, { topicFilter: '$share/g/a' }]);
    client.send({
      type: 'unsubscribe',
      packetIdentifier: 99,
      topicFilters: ['a/b', 'A/+', '$share/g/a', 'a', 'a/b'],
    });
    expect(await client.expect('unsuback')).toMatchObject({
      packetIdentifier: 99,
      reasonCodes: [0, 0x11, 0, 0x11, 0x11],
    });
    expect(broker.clients).toMatchObject([{ filters: ['a/+'] }]);
    broker.publish('a', 'nobody');
    broker.publish('a/b', 'still');
    expect((await client.expectPublish()).text).toBe('still');
    client.send({ type: 'unsubscribe', packetIdentifier: 1, topicFilters: ['a/+'] });
    await client.expect('unsuback');
    broker.publish('a/b', 'nobody');
    await client.expectQuiet();
  });

  test('deliveries under way are finished [MQTT-3.10.4-3]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    await client.subscribe('a');
    broker.publish('a', 'x', { qos: 2 });
    const { packetIdentifier } = await client.expectPublish();
    client.send({ type: 'unsubscribe', packetIdentifier: 1, topicFilters: ['a'] });
    await client.expect('unsuback');
    client.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
    expect((await client.expect('pubrel')).packetIdentifier).toBe(packetIdentifier);
    client.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0 });
    await client.expectQuiet();
  });
});

describe('matching', () => {
  const names = ['a', '/a', 'a/', 'a/b', 'a/b/c', 'a//c', '/', '//', '$SYS', '$SYS/a', 'a/$b', 'A', 'ä', 'a\u0308'];
  const filters = [
    '#',
    '+',
    '+/+',
    '/+',
    '+/',
    'a/#',
    'a/+',
    'a/+/c',
    '+/+/+',
    '$SYS/#',
    '$SYS/+',
    '+/a',
    'a/$b',
    'A',
    'ä',
    '/#',
    '/',
  ];

  test('every filter gets exactly the names the standard says [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-4] [MQTT-3.3.2-3]', async () => {
    await using broker = await startBroker();
    for (const filter of filters) {
      const [client] = await RawClient.connect(broker.url, { clientId: filter });
      await client.subscribe([{ topicFilter: filter, qos: 0 }]);
      for (const name of names) broker.publish(name, '');
      client.send({ type: 'pingreq' });
      const got: string[] = [];
      for (let packet = await client.next(); packet?.type === 'publish'; packet = await client.next()) {
        got.push(packet.topicName);
      }
      expect([filter, got]).toEqual([filter, names.filter((name) => topicMatches(filter, name))]);
      await client.disconnect();
    }
  });

  test('names and filters of 65,535 bytes are the longest there are [MQTT-4.7.3-3]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    const longest = 'ä'.repeat(32_767) + 'a';
    await client.subscribe(longest);
    client.publish(longest, 'x');
    expect((await client.expectPublish()).topicName).toBe(longest);
    expect(() => broker.publish(`${longest}b`, 'x')).toThrow(expect.objectContaining({ code: 'INVALID_TOPIC' }));
  });

  test('ten thousand subscriptions, and a message finds its own', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    const all = Array.from({ length: 10_000 }, (_, index) => ({ topicFilter: `f/${index}/+`, qos: 0 as QoS }));
    for (let start = 0; start < all.length; start += 2_500) await client.subscribe(all.slice(start, start + 2_500));
    expect(broker.clients[0]?.filters).toHaveLength(10_000);
    broker.publish('f/7777/x', 'found');
    expect(await client.expectPublish()).toMatchObject({ topicName: 'f/7777/x', text: 'found' });
    await client.expectQuiet();
  });
});
