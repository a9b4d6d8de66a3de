// SPDX-License-Identifier: Apache-2.0
//
// What a broker refuses or cannot take: for good, for now, or lowered.

import type { MqttError } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { Bench, deadLetters, expectPublishes, puback } from './bench.ts';

describe('refusals', () => {
  test.each([0x87, 0x90, 0x99])(
    'Reason Code %i is for good: a dead letter, and the queue goes on (T-240)',
    async (code) => {
      const { letters, onDeadLetter } = deadLetters();
      const bench = new Bench({ options: { onDeadLetter } });
      const { delivered } = await bench.publish('a', { id: 'a' });
      await bench.publish('b');
      const connection = await bench.connect();
      const [a, b] = await expectPublishes(connection, 'a', 'b');
      if (a) connection.send(puback(a, code));
      if (b) connection.send(puback(b));
      await expect(delivered()).rejects.toMatchObject({
        code: 'PUBLISH_REFUSED',
        reasonCode: code,
        delivery: 'refused',
      });
      await bench.publisher.flush();
      expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
      expect(await bench.inQueue()).toEqual([]);
    },
  );

  test.each([0x80, 0x83, 0x97])(
    'Reason Code %i is for now: tried again behind later messages (T-241, Q-05)',
    async (code) => {
      const bench = new Bench({ options: { window: 1 } });
      const { delivered } = await bench.publish('a');
      await bench.publish('b');
      const connection = await bench.connect();
      const [a] = await expectPublishes(connection, 'a');
      if (a) connection.send(puback(a, code));
      const [b] = await expectPublishes(connection, 'b');
      if (b) connection.send(puback(b));
      const [again] = await expectPublishes(connection, 'a');
      expect(again?.dup).toBe(false);
      if (again) connection.send(puback(again));
      expect(await delivered()).toEqual({ reasonCode: 0 });
      await bench.publisher.flush();
    },
  );

  test('the backoff grows with each refusal of one message', async () => {
    const attempts: number[] = [];
    const bench = new Bench({ options: { retryBackoff: (attempt) => (attempts.push(attempt), 0) } });
    await bench.publish('a');
    const connection = await bench.connect();
    for (let round = 0; round < 4; round++) {
      const [packet] = await expectPublishes(connection, 'a');
      if (packet) connection.send(puback(packet, round < 3 ? 0x97 : 0));
    }
    await bench.publisher.flush();
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('isPermanent decides instead', async () => {
    const { letters, onDeadLetter } = deadLetters();
    const isPermanent = (error: MqttError): boolean => 'reasonCode' in error && error.reasonCode === 0x97;
    const bench = new Bench({ options: { onDeadLetter, isPermanent } });
    await bench.publish('a', { id: 'a' });
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a, 0x97));
    await bench.publisher.flush();
    expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
  });

  test('a PUBREC that refuses ends the exchange like a PUBACK [MQTT-4.4.0-2]', async () => {
    const { letters, onDeadLetter } = deadLetters();
    const bench = new Bench({ options: { onDeadLetter } });
    await bench.publish('a', { id: 'a', qos: 2 });
    const connection = await bench.connect();
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send({ type: 'pubrec', packetIdentifier: a.packetIdentifier, reasonCode: 0x87 });
    await bench.publisher.flush();
    expect(letters).toEqual([['a', 'PUBLISH_REFUSED']]);
    expect(connection.received.filter(({ type }) => type === 'pubrel')).toEqual([]);
  });

  test.each([
    ['QOS_NOT_SUPPORTED', { maximumQoS: 0 }, { qosDowngrade: false }, {}],
    ['QOS_NOT_SUPPORTED', { maximumQoS: 0 }, { qosDowngrade: true }, {}],
    ['RETAIN_NOT_SUPPORTED', { retainAvailable: false }, {}, { retain: true }],
    ['PACKET_TOO_LARGE', { maximumPacketSize: 19 }, {}, {}],
  ] as const)(
    '%s: what this broker cannot take is a dead letter, not sent lowered (T-249, Q-11): %o %o',
    async (code, properties, client, options) => {
      const { letters, onDeadLetter } = deadLetters();
      const bench = new Bench({ client, options: { onDeadLetter } });
      await bench.publish('a', { id: 'a', ...options });
      const connection = await bench.connect({ properties });
      await bench.publisher.flush();
      expect(letters).toEqual([['a', code]]);
      expect(connection.received.map(({ type }) => type)).toEqual(['connect']);
    },
  );

  test('QoS 2 may be lowered to QoS 1, which a queue can keep', async () => {
    const bench = new Bench({ client: { qosDowngrade: true } });
    await bench.publish('a', { qos: 2 });
    const connection = await bench.connect({ properties: { maximumQoS: 1 } });
    const [a] = await expectPublishes(connection, 'a');
    expect(a?.qos).toBe(1);
    if (a) connection.send(puback(a));
    await bench.publisher.flush();
  });

  test('a client that is full for the moment is no refusal', async () => {
    const bench = new Bench({ client: { maximumQueuedPublishes: 1 } });
    const connection = await bench.connect();
    const own = bench.client.publish('own', '', { qos: 1 });
    const [first] = await expectPublishes(connection, 'own');
    const { delivered } = await bench.publish('a');
    if (first) connection.send(puback(first));
    await own;
    const [a] = await expectPublishes(connection, 'a');
    if (a) connection.send(puback(a));
    await delivered();
    await bench.publisher.flush();
  });
});
