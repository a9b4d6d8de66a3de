// SPDX-License-Identifier: Apache-2.0
//
// api.md, "Receiving", sentence by sentence: loops, receive() and handlers, and when what they took is acknowledged.

import type { Message } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, record, stateOf, turn } from '../../lifecycle/setup.ts';
import { grant, types } from '../setup.ts';
import { inbound, subscribed, texts } from './setup.ts';

describe('leaving a loop', () => {
  for (const how of ['break', 'return', 'throw'] as const) {
    test(`${how} puts what is in hand back at the front; the next consumer gets it, and no answer leaves`, async () => {
      const { connection, subscription } = await subscribed({ qos: 1 });
      for (const id of [1, 2, 3]) connection.send(inbound({ id, text: String(id) }));
      await turn();
      const leave = async (): Promise<void> => {
        for await (const message of subscription) {
          expect(message.text()).toBe('1');
          if (how === 'break') break;
          if (how === 'return') return;
          throw new Error('out');
        }
      };
      await leave().catch(() => undefined);
      expect(subscription.size).toBe(3);
      expect(types(connection)).not.toContain('puback');
      expect(texts([await subscription.receive()])).toEqual(['1']);
    });
  }

  test('what was acknowledged by hand is not put back', async () => {
    const { connection, subscription } = await subscribed({ qos: 1 });
    connection.send(inbound({ id: 1 }));
    for await (const message of subscription) {
      message.ack();
      break;
    }
    expect(subscription.size).toBe(0);
    await connection.expect('puback');
  });

  test('a batch goes back in order, also to somebody who waits', async () => {
    const { connection, subscription } = await subscribed({ qos: 1 });
    for (const id of [1, 2, 3]) connection.send(inbound({ id, text: String(id) }));
    await turn();
    const batches = subscription.batches()[Symbol.asyncIterator]();
    expect(texts((await batches.next()).value ?? [])).toEqual(['1', '2', '3']);
    const waiting = subscription.receive();
    await batches.return?.();
    expect((await waiting)?.text()).toBe('1');
    expect(texts([subscription.tryReceive(), subscription.tryReceive()])).toEqual(['2', '3']);
  });

  test('ack "manual": no put-back', async () => {
    const { connection, subscription } = await subscribed({ qos: 1, ack: 'manual' });
    connection.send(inbound({ id: 1 }));
    let kept: Message | undefined;
    for await (const message of subscription) {
      kept = message;
      break;
    }
    expect(subscription.size).toBe(0);
    kept?.ack(0x83);
    expect(await connection.expect('puback')).toMatchObject({ reasonCode: 0x83 });
  });
});

describe('acknowledgement modes', () => {
  test('"auto" in for await: when the loop asks for the next one', async () => {
    const { connection, subscription } = await subscribed({ qos: 1 });
    connection.send(inbound({ id: 1 }));
    const loop = subscription[Symbol.asyncIterator]();
    await loop.next();
    await turn();
    expect(types(connection)).not.toContain('puback');
    const second = loop.next();
    await connection.expect('puback');
    connection.send(inbound({ id: 2 }));
    expect((await second).value?.packetIdentifier).toBe(2);
  });

  test('"auto": a message taken with receive() is its taker\'s', async () => {
    const { connection, subscription } = await subscribed({ qos: 1 });
    connection.send(inbound({ id: 1 }));
    const message = await subscription.receive();
    const waiting = subscription.receive();
    await turn();
    expect(types(connection)).not.toContain('puback');
    message?.ack();
    await connection.expect('puback');
    connection.send(inbound({ id: 2 }));
    expect((await waiting)?.acknowledged).toBe(false);
  });

  test('"onReceipt": before delivery, in every shape', async () => {
    const { client, connection } = await connected();
    const handled: boolean[] = [];
    const opening = client.subscribeCallback('cb', (message) => handled.push(message.acknowledged), {
      qos: 1,
      ack: 'onReceipt',
    });
    await grant(connection);
    await opening;
    connection.send(inbound({ id: 1, topic: 'cb' }));
    await connection.expect('puback');
    expect(handled).toEqual([true]);
    const streaming = client.subscribe('st', { qos: 1, ack: 'onReceipt' });
    await grant(connection);
    const stream = await streaming;
    connection.send(inbound({ id: 2, topic: 'st' }));
    await connection.expect('puback');
    expect((await stream.receive())?.acknowledged).toBe(true);
  });

  test('a callback: when the handler returns or its promise resolves; "manual": only message.ack()', async () => {
    const { client, connection } = await connected();
    const done = Promise.withResolvers<void>();
    const opening = client.subscribeCallback('cb', () => done.promise, { qos: 1 });
    await grant(connection);
    await opening;
    connection.send(inbound({ id: 1, topic: 'cb' }));
    await turn();
    expect(types(connection)).not.toContain('puback');
    done.resolve();
    await connection.expect('puback');
    let kept: Message | undefined;
    const manual = client.subscribeCallback('m', (message) => (kept = message), { qos: 1, ack: 'manual' });
    await grant(connection);
    await manual;
    connection.send(inbound({ id: 2, topic: 'm' }));
    await turn();
    expect(kept?.acknowledged).toBe(false);
    kept?.ack();
    await connection.expect('puback');
  });

  test('a handler that throws refuses with 0x83 and raises handlerError; "hold" leaves it', async () => {
    const { client, connection } = await connected();
    const errors = record(client, 'handlerError');
    const handler = (): never => {
      throw new Error('bad');
    };
    const opening = [
      client.subscribeCallback('refuse', handler, { qos: 1 }),
      client.subscribeCallback('hold', handler, { qos: 1, onHandlerError: 'hold' }),
    ];
    await grant(connection);
    await grant(connection);
    await Promise.all(opening);
    connection.send(inbound({ id: 1, topic: 'refuse' }));
    expect(await connection.expect('puback')).toMatchObject({ reasonCode: 0x83 });
    connection.send(inbound({ id: 2, topic: 'hold' }));
    await turn();
    expect(errors).toHaveLength(2);
    expect(types(connection).filter((type) => type === 'puback')).toHaveLength(1);
  });
});

test('several loops over one subscription are competing consumers, each with its own message in hand', async () => {
  const { connection, subscription } = await subscribed({ qos: 1 });
  const one = subscription[Symbol.asyncIterator]();
  const two = subscription[Symbol.asyncIterator]();
  const first = one.next();
  const second = two.next();
  connection.send(inbound({ id: 1 }));
  connection.send(inbound({ id: 2 }));
  expect((await first).value?.packetIdentifier).toBe(1);
  expect((await second).value?.packetIdentifier).toBe(2);
  const third = two.next();
  await turn();
  expect(types(connection)).not.toContain('puback');
  const fourth = one.next();
  expect((await connection.expect('puback')).packetIdentifier).toBe(1);
  expect((await connection.expect('puback')).packetIdentifier).toBe(2);
  expect(await stateOf(third)).toBe('pending');
  expect(await stateOf(fourth)).toBe('pending');
});

test('concurrency allows more handlers; acknowledgements still leave in order', async () => {
  const { client, connection } = await connected();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  let running = 0;
  const opening = client.subscribeCallback('in', () => gates[running++]?.promise, { qos: 1, concurrency: 2 });
  await grant(connection);
  await opening;
  for (const id of [1, 2, 3]) connection.send(inbound({ id }));
  await turn();
  expect(running).toBe(2);
  gates[1].resolve();
  await turn();
  expect(running).toBe(3);
  expect(types(connection)).not.toContain('puback');
  gates[0].resolve();
  expect((await connection.expect('puback')).packetIdentifier).toBe(1);
  expect((await connection.expect('puback')).packetIdentifier).toBe(2);
  gates[2].resolve();
});

test('properties are what publish accepts: a message can be forwarded', async () => {
  const { client, connection, subscription } = await subscribed();
  connection.send({
    ...inbound(),
    properties: {
      payloadFormatIndicator: 1,
      messageExpiryInterval: 5,
      responseTopic: 'r',
      correlationData: Uint8Array.of(1),
      userProperties: [
        ['a', '1'],
        ['a', '2'],
      ],
      contentType: 'text/plain',
      subscriptionIdentifiers: [1],
    },
  });
  const message = await subscription.receive();
  expect(message?.payload.buffer).toBeInstanceOf(ArrayBuffer);
  expect(message?.userProperty('a')).toBe('1');
  if (message) await client.publish('out', message.payload, { ...message.properties });
  const { properties } = await connection.expect('publish');
  expect(properties).toEqual({
    payloadFormatIndicator: 1,
    messageExpiryInterval: 5,
    responseTopic: 'r',
    correlationData: Uint8Array.of(1),
    userProperties: [
      ['a', '1'],
      ['a', '2'],
    ],
    contentType: 'text/plain',
  });
});
