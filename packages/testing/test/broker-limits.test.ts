// SPDX-License-Identifier: Apache-2.0
//
// Receive Maximum, Maximum Packet Size, Topic Alias Maximum, keep alive and problem information, both ways.
import { describe, expect, test } from 'vitest';
import { encode } from '@mqttv5/wire';
import type { PublishPacket } from '@mqttv5/wire';
import { ManualClock, startBroker } from '../src/index.ts';
import { gate } from './events.ts';
import { RawClient } from './raw-client.ts';

describe('Receive Maximum of the client', () => {
  test('at most so many QoS 1 and 2 publishes are open; PUBACK, PUBCOMP and a failing PUBREC close one [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url, { properties: { receiveMaximum: 2 } });
    await client.subscribe('a');
    for (const [payload, qos] of [
      ['1', 1],
      ['2', 2],
      ['3', 1],
      ['4', 2],
      ['5', 1],
    ] as const) {
      broker.publish('a', payload, { qos });
    }
    const one = await client.expectPublish();
    const two = await client.expectPublish();
    await client.expectQuiet();
    client.send({ type: 'puback', packetIdentifier: one.packetIdentifier, reasonCode: 0 });
    expect((await client.expectPublish()).text).toBe('3');
    client.send({ type: 'pubrec', packetIdentifier: two.packetIdentifier, reasonCode: 0 });
    await client.expect('pubrel');
    await client.expectQuiet(); // PUBREC alone gives nothing back
    client.send({ type: 'pubcomp', packetIdentifier: two.packetIdentifier, reasonCode: 0 });
    const four = await client.expectPublish();
    expect(four.text).toBe('4');
    client.send({ type: 'pubrec', packetIdentifier: four.packetIdentifier, reasonCode: 0x97 });
    expect((await client.expectPublish()).text).toBe('5');
  });

  test('reaching it holds back nothing but QoS 1 and 2 publishes [MQTT-3.3.4-10] [MQTT-4.9.0-3]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url, { properties: { receiveMaximum: 1 } });
    await client.subscribe('a');
    broker.publish('a', 'open', { qos: 1 });
    broker.publish('a', 'waits', { qos: 1 });
    broker.publish('a', 'passes', { qos: 0 });
    expect((await client.expectPublish()).text).toBe('open');
    expect((await client.expectPublish()).text).toBe('passes');
    expect((await client.subscribe('b')).reasonCodes).toEqual([2]);
    client.publish('c', 'x', { qos: 1, packetIdentifier: 1 });
    await client.expect('puback');
    await client.expectQuiet();
  });
});

describe('Receive Maximum of the broker', () => {
  const held = () => {
    const { promise, open } = gate<undefined>();
    return { release: () => open(undefined), promise };
  };

  test('a client that has more publishes open is disconnected with 0x93', async () => {
    const hold = held();
    await using broker = await startBroker({
      connackProperties: { receiveMaximum: 2 },
      intercept: (direction, packet) => (packet.type === 'puback' && direction === 'out' ? hold.promise : undefined),
    });
    const [client] = await RawClient.connect(broker.url);
    client.publish('a', '1', { qos: 1, packetIdentifier: 1 });
    client.publish('a', '2', { qos: 1, packetIdentifier: 2 });
    await client.expectQuiet();
    client.publish('a', '3', { qos: 1, packetIdentifier: 3 });
    await client.expectDisconnect(0x93);
    hold.release();
  });

  test('QoS 2 counts until PUBCOMP; QoS 0 does not count; a repeat counts once', async () => {
    await using broker = await startBroker({ connackProperties: { receiveMaximum: 1 } });
    const [client] = await RawClient.connect(broker.url);
    client.publish('a', '1', { qos: 2, packetIdentifier: 1 });
    await client.expect('pubrec');
    client.publish('a', '1', { qos: 2, packetIdentifier: 1, dup: true });
    await client.expect('pubrec');
    client.publish('a', '0');
    client.send({ type: 'pubrel', packetIdentifier: 1, reasonCode: 0 });
    await client.expect('pubcomp');
    client.publish('a', '2', { qos: 2, packetIdentifier: 2 });
    await client.expect('pubrec');
    client.publish('a', '3', { qos: 2, packetIdentifier: 3 });
    await client.expectDisconnect(0x93);
  });

  test('a failing PUBREC closes the exchange', async () => {
    await using broker = await startBroker({ connackProperties: { receiveMaximum: 1 }, authorize: () => false });
    const [client] = await RawClient.connect(broker.url);
    for (const packetIdentifier of [1, 2, 3]) {
      client.publish('a', 'x', { qos: 2, packetIdentifier });
      expect((await client.expect('pubrec')).reasonCode).toBe(0x87);
    }
    await client.expectQuiet();
  });
});

describe('Maximum Packet Size of the client', () => {
  test('what is larger is dropped as if delivered; the rest goes on [MQTT-3.1.2-24] [MQTT-3.1.2-25]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url, { properties: { maximumPacketSize: 50, receiveMaximum: 1 } });
    await client.subscribe('a');
    broker.publish('a', 'x'.repeat(100));
    broker.publish('a', 'y'.repeat(100), { qos: 1 });
    broker.publish('a', 'z'.repeat(100), { qos: 2 });
    const exact: PublishPacket = {
      type: 'publish',
      topicName: 'a',
      payload: Buffer.alloc(50),
      qos: 1,
      retain: false,
      dup: false,
      packetIdentifier: 1,
    };
    const fitting = 50 - (encode(exact).byteLength - 50);
    broker.publish('a', 'e'.repeat(fitting + 1), { qos: 1 });
    broker.publish('a', 'e'.repeat(fitting), { qos: 1 });
    const got = await client.expectPublish();
    expect(encode({ ...got, type: 'publish' }).byteLength).toBe(50);
    client.send({ type: 'puback', packetIdentifier: got.packetIdentifier, reasonCode: 0 });
    await client.expectQuiet();
  });

  test('Reason Strings are left out where they do not fit [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.14.2-3] [MQTT-3.14.2-4]', async () => {
    await using broker = await startBroker({ authorize: () => false });
    const [client] = await RawClient.connect(broker.url, { properties: { maximumPacketSize: 30 } });
    client.publish('a/rather/long/topic/name', 'x', { qos: 1, packetIdentifier: 1 });
    const puback = await client.expect('puback');
    expect(puback).toMatchObject({ reasonCode: 0x87 });
    expect(puback.properties?.reasonString).toBeUndefined();
    client.publish('a/rather/long/topic/name', 'x', { qos: 2, packetIdentifier: 1 });
    expect((await client.expect('pubrec')).properties?.reasonString).toBeUndefined();
    broker.disconnect('raw', 0x98, { reasonString: 'r'.repeat(100), userProperties: [['n', 'v']] });
    const disconnect = await client.expectDisconnect(0x98);
    expect(disconnect.properties?.reasonString).toBeUndefined();
    expect(disconnect.properties?.userProperties).toBeUndefined();
  });

  test('the same holds for every packet that can carry one [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.15.2-2] [MQTT-3.15.2-3]', async () => {
    const explanation = { reasonString: 'r'.repeat(60), userProperties: [['n', 'v'.repeat(60)]] } as const;
    // The broker itself explains little: the hook does.
    await using broker = await startBroker({
      intercept: (direction, packet) => {
        if (direction === 'in') return undefined;
        const { type } = packet;
        if (type === 'pubrel' || type === 'pubcomp' || type === 'suback' || type === 'unsuback') {
          return { ...packet, properties: explanation };
        }
        if (type === 'auth') return { ...packet, properties: { ...packet.properties, ...explanation } };
        return undefined;
      },
      enhancedAuth: { X: { begin: () => ({ type: 'success' }), continue: () => ({ type: 'success' }) } },
    });
    for (const maximumPacketSize of [40, 1000]) {
      const expected = maximumPacketSize === 40 ? undefined : explanation.reasonString;
      const [client] = await RawClient.connect(broker.url, {
        properties: { maximumPacketSize, authenticationMethod: 'X' },
      });
      const reasons: (string | undefined)[] = [(await client.subscribe('a')).properties?.reasonString];
      client.publish('a', 'x', { qos: 2, packetIdentifier: 3 });
      const { packetIdentifier } = await client.expectPublish();
      await client.expect('pubrec');
      client.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
      reasons.push((await client.expect('pubrel')).properties?.reasonString);
      client.send({ type: 'pubrel', packetIdentifier: 3, reasonCode: 0 });
      reasons.push((await client.expect('pubcomp')).properties?.reasonString);
      client.send({ type: 'unsubscribe', packetIdentifier: 1, topicFilters: ['a'] });
      reasons.push((await client.expect('unsuback')).properties?.reasonString);
      client.send({ type: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'X' } });
      reasons.push((await client.expect('auth')).properties?.reasonString);
      expect(reasons).toEqual([expected, expected, expected, expected, expected]);
    }
  });
});

test('Maximum Packet Size of the broker: a larger packet costs the connection, 0x95, before its body is there', async () => {
  await using broker = await startBroker({ connackProperties: { maximumPacketSize: 100 } });
  const [client] = await RawClient.connect(broker.url);
  client.publish('a', 'x'.repeat(90));
  await client.expectQuiet();
  client.sendHex('30 ff ff ff 7f');
  await client.expectDisconnect(0x95);
});

test('with Request Problem Information 0 only PUBLISH, CONNACK and DISCONNECT explain themselves [MQTT-3.1.2-29]', async () => {
  await using broker = await startBroker({
    authorize: ({ topic }) => topic !== 'no',
    connackProperties: { reasonString: 'welcome' },
  });
  const [client, connack] = await RawClient.connect(broker.url, { properties: { requestProblemInformation: false } });
  expect(connack.properties?.reasonString).toBe('welcome');
  client.publish('no', 'x', { qos: 1, packetIdentifier: 1 });
  const puback = await client.expect('puback');
  expect(puback.reasonCode).toBe(0x87);
  expect(puback.properties?.reasonString).toBeUndefined();
  await client.subscribe('yes');
  client.publish('yes', 'x', { properties: { userProperties: [['a', 'b']] } });
  expect((await client.expectPublish()).properties?.userProperties).toEqual([['a', 'b']]);
  client.sendHex('00 00');
  expect((await client.expectDisconnect(0x81)).properties?.reasonString).toEqual(expect.any(String));
});

describe('topic aliases from the client', () => {
  test('every alias up to the announced maximum is accepted, and may be given another topic [MQTT-3.3.2-12]', async () => {
    await using broker = await startBroker({ connackProperties: { topicAliasMaximum: 3 } });
    const [client, connack] = await RawClient.connect(broker.url);
    expect(connack.properties?.topicAliasMaximum).toBe(3);
    await client.subscribe('#');
    for (const topicAlias of [1, 2, 3]) client.publish(`t/${topicAlias}`, 'full', { properties: { topicAlias } });
    client.publish('other', 'full', { properties: { topicAlias: 2 } });
    for (const topicAlias of [1, 2, 3]) client.publish('', 'short', { properties: { topicAlias } });
    const got: string[] = [];
    for (let count = 0; count < 7; count++) {
      const packet = await client.expectPublish();
      expect(packet.properties?.topicAlias).toBeUndefined();
      got.push(packet.topicName);
    }
    expect(got).toEqual(['t/1', 't/2', 't/3', 'other', 't/1', 'other', 't/3']);
  });

  test.each([
    ['above the maximum', 'a', 4, 0x94],
    ['unknown', '', 3, 0x82],
  ])('an alias %s costs the connection', async (_name, topicName, topicAlias, code) => {
    await using broker = await startBroker({ connackProperties: { topicAliasMaximum: 3 } });
    const [client] = await RawClient.connect(broker.url);
    client.publish(topicName, 'x', { properties: { topicAlias } });
    await client.expectDisconnect(code);
  });

  test('alias 0 costs the connection [MQTT-3.3.2-8]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    client.sendHex('30 07 0001 61 03 23 0000');
    await client.expectDisconnect(0x94);
  });

  test('aliases end with the connection [MQTT-3.3.2-7]', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true);
    first.publish('a', 'x', { properties: { topicAlias: 1 } });
    await first.expectQuiet();
    await first.disconnect();
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    second.publish('', 'x', { properties: { topicAlias: 1 } });
    await second.expectDisconnect(0x82);
  });
});

describe('topic aliases to the client', () => {
  test('are used up to its maximum, the topic named longest ago making room [MQTT-3.1.2-26] [MQTT-3.3.2-11]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url, { properties: { topicAliasMaximum: 2 } });
    await client.subscribe('#');
    for (const topic of ['a', 'b', 'a', 'c', 'b', 'a']) broker.publish(topic, topic, { qos: 1 });
    const got: unknown[] = [];
    for (let count = 0; count < 6; count++) {
      const { topicName, text, properties } = await client.expectPublish();
      got.push([text, topicName, properties?.topicAlias]);
    }
    expect(got).toEqual([
      ['a', 'a', 1],
      ['b', 'b', 2],
      ['a', '', 1],
      ['c', 'c', 1],
      ['b', '', 2],
      ['a', 'a', 2],
    ]);
  });

  test('are not used without one [MQTT-3.1.2-27]', async () => {
    await using broker = await startBroker();
    for (const properties of [{}, { topicAliasMaximum: 0 }]) {
      const [client] = await RawClient.connect(broker.url, { properties });
      await client.subscribe('a');
      for (let count = 0; count < 2; count++) broker.publish('a', 'x');
      for (let count = 0; count < 2; count++) {
        const packet = await client.expectPublish();
        expect(packet.topicName).toBe('a');
        expect(packet.properties?.topicAlias).toBeUndefined();
      }
    }
  });

  test('a message sent again on another connection has its topic', async () => {
    await using broker = await startBroker();
    const [first] = await RawClient.persistent(broker.url, 'c', true, { topicAliasMaximum: 5 });
    await first.subscribe('a');
    broker.publish('a', '1', { qos: 1 });
    broker.publish('a', '2', { qos: 1 });
    await first.expectPublish();
    expect((await first.expectPublish()).topicName).toBe('');
    const [second] = await RawClient.persistent(broker.url, 'c', false);
    await first.expectDisconnect(0x8e);
    for (const text of ['1', '2'])
      expect(await second.expectPublish()).toMatchObject({ topicName: 'a', text, dup: true });
  });

  test('a message that only fits without an alias goes without', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url, {
      properties: { topicAliasMaximum: 5, maximumPacketSize: 20 },
    });
    await client.subscribe('abc');
    // 20 bytes are 12 of payload behind the topic or a known alias, and 9 behind both.
    for (const length of [12, 9, 12, 13]) broker.publish('abc', 'x'.repeat(length));
    const shapes: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      const { topicName, payload, properties } = await client.expectPublish();
      shapes.push([topicName, payload.byteLength, properties?.topicAlias]);
    }
    expect(shapes).toEqual([
      ['abc', 12, undefined],
      ['abc', 9, 1],
      ['', 12, 1],
    ]);
    await client.expectQuiet();
  });
});

describe('keep alive', () => {
  test('PINGREQ is answered with PINGRESP [MQTT-3.12.4-1]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    client.send({ type: 'pingreq' }, { type: 'pingreq' });
    await client.expect('pingresp');
    await client.expect('pingresp');
  });

  test('a client silent for 1.5 times the interval is dropped; any packet starts it anew [MQTT-3.1.2-22] [MQTT-3.2.2-22]', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const [client, connack] = await RawClient.connect(broker.url, { keepAlive: 10 });
    expect(connack.properties?.serverKeepAlive).toBeUndefined();
    clock.advance(14_999);
    await client.expectQuiet();
    clock.advance(14_999);
    await client.expectQuiet();
    clock.advance(15_000);
    await client.expectDisconnect(0x8d);
  });

  test('0 is none', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock });
    const [client] = await RawClient.connect(broker.url, { keepAlive: 0 });
    clock.advance(1e9);
    await client.expectQuiet();
  });

  test.each([
    ['shorter', 60, 2, 3_000],
    ['longer', 1, 10, 15_000],
    ['where the client wants none', 0, 10, 15_000],
  ])('serverKeepAlive replaces it, also %s', async (_name, keepAlive, serverKeepAlive, limitMs) => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock, connackProperties: { serverKeepAlive } });
    const [client, connack] = await RawClient.connect(broker.url, { keepAlive });
    expect(connack.properties?.serverKeepAlive).toBe(serverKeepAlive);
    clock.advance(limitMs - 1);
    await client.expectQuiet();
    clock.advance(limitMs);
    await client.expectDisconnect(0x8d);
  });
});
