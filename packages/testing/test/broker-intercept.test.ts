// SPDX-License-Identifier: Apache-2.0
//
// The hook that makes a strict or a poor broker.
import { expect, test } from 'vitest';
import { startBroker } from '../src/index.ts';
import type { BrokerOptions } from '../src/index.ts';
import { gate, untilGone } from './events.ts';
import { RawClient } from './raw-client.ts';

test('sees every packet of a connection, both ways, with its client', async () => {
  const seen: string[] = [];
  await using broker = await startBroker({
    intercept: (direction, packet, client) => void seen.push(`${direction} ${packet.type} ${client.clientId}`),
  });
  const [client] = await RawClient.connect(broker.url, { clientId: 'c' });
  await client.subscribe('a');
  client.publish('a', 'x');
  await client.expectPublish();
  broker.disconnect('c');
  await client.expectDisconnect(0x98);
  expect(seen).toEqual([
    'in connect ',
    'out connack c',
    'in subscribe c',
    'out suback c',
    'in publish c',
    'out publish c',
    'out disconnect c',
  ]);
});

test('holds an acknowledgement while later packets overtake it', async () => {
  const held = gate<undefined>();
  await using broker = await startBroker({
    intercept: (_direction, packet) =>
      packet.type === 'puback' && packet.packetIdentifier === 1 ? held.promise : undefined,
  });
  const [client] = await RawClient.connect(broker.url);
  client.publish('a', 'x', { qos: 1, packetIdentifier: 1 });
  client.publish('a', 'x', { qos: 1, packetIdentifier: 2 });
  expect((await client.expect('puback')).packetIdentifier).toBe(2);
  held.open(undefined);
  expect((await client.expect('puback')).packetIdentifier).toBe(1);
});

test('holds an incoming packet and everything behind it', async () => {
  const held = gate<undefined>();
  await using broker = await startBroker({
    intercept: (direction, packet) => (direction === 'in' && packet.type === 'publish' ? held.promise : undefined),
  });
  const [client] = await RawClient.connect(broker.url);
  await client.subscribe('a');
  client.publish('a', 'x');
  client.send({ type: 'pingreq' });
  broker.publish('a', 'from elsewhere');
  expect((await client.expectPublish()).text).toBe('from elsewhere');
  held.open(undefined);
  expect((await client.expectPublish()).text).toBe('x');
  await client.expect('pingresp');
});

test('holds CONNACK, and nothing overtakes that [MQTT-3.2.0-1]', async () => {
  const held = gate<undefined>();
  await using broker = await startBroker({
    intercept: (_direction, packet) => (packet.type === 'connack' ? held.promise : undefined),
  });
  const client = await RawClient.open(broker.url);
  client.send({ type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 0 }, { type: 'pingreq' });
  held.open(undefined);
  await client.expect('connack');
  await client.expect('pingresp');
});

test('replaces a packet, in and out', async () => {
  await using broker = await startBroker({
    intercept: (direction, packet) => {
      if (direction === 'in' && packet.type === 'publish') return { ...packet, topicName: 'other' };
      if (packet.type === 'puback') return { ...packet, reasonCode: 0x97 };
      return undefined;
    },
  });
  const [client] = await RawClient.connect(broker.url);
  await client.subscribe([{ topicFilter: 'other', qos: 0 }]);
  client.publish('a', 'x', { qos: 1, packetIdentifier: 1 });
  expect((await client.expectPublish()).topicName).toBe('other');
  expect((await client.expect('puback')).reasonCode).toBe(0x97);
});

test('discards a packet: a PUBLISH that is lost on the way comes again with the next connection', async () => {
  let lose = true;
  await using broker = await startBroker({
    intercept: (direction, packet) =>
      direction === 'out' && packet.type === 'publish' && lose ? 'discard' : undefined,
  });
  const [first] = await RawClient.persistent(broker.url, 'c', true);
  await first.subscribe('a');
  broker.publish('a', 'x', { qos: 1 });
  await first.expectQuiet();
  await first.drop();
  await untilGone(broker, 'c');
  lose = false;
  const [second] = await RawClient.persistent(broker.url, 'c', false);
  expect(await second.expectPublish()).toMatchObject({ text: 'x', dup: true });
});

const onSubscribe = (direction: 'in' | 'out', action: number | 'cut' | 'cutAfter'): BrokerOptions['intercept'] => {
  const type = direction === 'in' ? 'subscribe' : 'suback';
  return (_direction, packet) => (packet.type === type ? action : undefined);
};

test.each(['in', 'out'] as const)('disconnects with a code: %s', async (direction) => {
  await using broker = await startBroker({ intercept: onSubscribe(direction, 0x96) });
  const [client] = await RawClient.connect(broker.url);
  await expect(client.subscribe('a')).rejects.toThrow('"reasonCode":150');
  await client.expectEnd();
});

test.each(['in', 'out'] as const)('cuts the connection off with the packet: %s', async (direction) => {
  await using broker = await startBroker({ intercept: onSubscribe(direction, 'cut') });
  const [client] = await RawClient.persistent(broker.url, 'c', true);
  await expect(client.subscribe('a')).rejects.toThrow('the end');
  expect(broker.clients).toMatchObject([{ connected: false, filters: direction === 'in' ? [] : ['a'] }]);
});

test('cuts the connection off after the packet', async () => {
  await using broker = await startBroker({ intercept: onSubscribe('out', 'cutAfter') });
  const [client] = await RawClient.connect(broker.url);
  expect((await client.subscribe('a')).reasonCodes).toEqual([2]);
  await client.expectEnd();
  await using strict = await startBroker({ intercept: onSubscribe('in', 'cutAfter') });
  const [other] = await RawClient.connect(strict.url);
  expect((await other.subscribe('a')).reasonCodes).toEqual([2]);
  await other.expectEnd();
});

test.each(['connect', 'connack'])('a code at %s becomes a CONNACK, and no session is left', async (type) => {
  await using broker = await startBroker({
    intercept: (_direction, packet) => (packet.type === type ? 0x88 : undefined),
  });
  const [client, connack] = await RawClient.connect(broker.url);
  expect(connack).toMatchObject({ reasonCode: 0x88, sessionPresent: false });
  await client.expectEnd();
  expect(broker.clients).toEqual([]);
});

test('a hook that throws, now or later, costs the connection: 0x83', async () => {
  await using broker = await startBroker({
    intercept: (_direction, packet) => {
      if (packet.type === 'pingreq') throw new Error('now');
      return packet.type === 'subscribe' ? Promise.reject(new Error('later')) : undefined;
    },
  });
  const [first] = await RawClient.connect(broker.url, { clientId: 'first' });
  first.send({ type: 'pingreq' });
  await first.expectDisconnect(0x83);
  const [second] = await RawClient.connect(broker.url, { clientId: 'second' });
  await expect(second.subscribe('a')).rejects.toThrow('"reasonCode":131');
});

test('connections that drop after n packets are a hook that counts', async () => {
  let left = 3;
  await using broker = await startBroker({
    intercept: (direction, packet) =>
      direction === 'in' && packet.type === 'pingreq' && --left === 0 ? 'cut' : undefined,
  });
  const [client] = await RawClient.connect(broker.url);
  await client.expectQuiet();
  await client.expectQuiet();
  client.send({ type: 'pingreq' });
  await client.expectEnd();
});

test('an async hook that lets everything pass changes nothing, order included [MQTT-4.6.0-5]', async () => {
  await using broker = await startBroker({ intercept: async () => {} });
  const [client] = await RawClient.connect(broker.url);
  await client.subscribe('a');
  for (let index = 1; index <= 50; index++) {
    client.publish('a', String(index), { qos: index % 2 === 0 ? 0 : 1, packetIdentifier: index % 2 === 0 ? 0 : index });
  }
  const got: Record<string, string[]> = { 0: [], 1: [], puback: [] };
  for (let left = 75; left > 0; left--) {
    const packet = await client.next();
    if (packet?.type === 'publish') got[packet.qos]?.push(Buffer.from(packet.payload).toString());
    else if (packet?.type === 'puback') got['puback']?.push(String(packet.packetIdentifier));
  }
  const odd = Array.from({ length: 25 }, (_, index) => String(2 * index + 1));
  expect(got).toEqual({ 0: odd.map((text) => String(Number(text) + 1)), 1: odd, puback: odd });
});
