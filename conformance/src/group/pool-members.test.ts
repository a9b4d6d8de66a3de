// SPDX-License-Identifier: Apache-2.0
// The publish-only connections beside a client's own: their names, and what they have of the client (V-126, T-278 … T-281).

import { scramAuthenticator } from '@mqttv5/core';
import type { ClientOptions, MessageHandler } from '@mqttv5/core';
import { scramMethod } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connectedCount, poolBroker, pooled } from './pool-setup.ts';

describe('the members of a pool', () => {
  test('are named <id>-pub-<n> unless told otherwise (S-056)', async () => {
    const broker = await poolBroker();
    await pooled(broker.url, {}, broker);
    expect(broker.clients.map(({ clientId }) => clientId).toSorted()).toEqual(['main', 'main-pub-1', 'main-pub-2']);
  });

  test('are named by a function, which also gets an identifier that the broker assigned (S-056)', async () => {
    const broker = await poolBroker();
    const clientId = (base: string, index: number): string => `${index} of ${base}`;
    const client = await pooled(broker.url, { clientId: undefined, publisherPool: { size: 1, clientId } }, broker);
    expect(broker.clients.map((each) => each.clientId)).toContain(`1 of ${client.clientId}`);
    expect(client.clientId).not.toBe('');
  });

  test('inherit how to connect, and neither will nor session (V-126, T-278)', async () => {
    const broker = await poolBroker();
    await pooled(
      broker.url,
      {
        username: 'user',
        password: 'secret',
        userProperties: { tenant: 'a' },
        keepAlive: 17,
        receiveMaximum: 7,
        sessionExpiryInterval: 500,
        will: { topic: 'gone', payload: 'x' },
      },
      broker,
    );
    const members = broker.connects.filter(({ clientId }) => clientId !== 'main');
    expect(members).toHaveLength(2);
    for (const member of members) {
      expect(member).toMatchObject({
        username: 'user',
        password: new TextEncoder().encode('secret'),
        keepAlive: 17,
        cleanStart: true,
        properties: { userProperties: [['tenant', 'a']], receiveMaximum: 7 },
      });
      expect(member.will).toBeUndefined();
      expect(member.properties?.sessionExpiryInterval ?? 0).toBe(0);
    }
    expect(broker.connects.find(({ clientId }) => clientId === 'main')).toMatchObject({ will: { topicName: 'gone' } });
  });

  test("use the credentials of the broker's URL", async () => {
    const broker = await poolBroker();
    await pooled(broker.url.replace('//', '//us%40er:p%2Fw@'), {}, broker);
    for (const connect of broker.connects) {
      expect(connect).toMatchObject({ username: 'us@er', password: new TextEncoder().encode('p/w') });
    }
  });

  test('authenticate as the client does, at the same time (V-126)', async () => {
    const broker = await poolBroker({
      enhancedAuth: { 'SCRAM-SHA-256': scramMethod({ hash: 'SHA-256', users: { user: 'pencil' } }) },
    });
    const authenticator = scramAuthenticator({ username: 'user', password: 'pencil', hash: 'SHA-256' });
    await pooled(broker.url, { authenticator, publisherPool: { size: 4 } }, broker);
    expect(connectedCount(broker)).toBe(5);
  });

  test("use the client's dial (V-126, T-279)", async () => {
    const broker = await poolBroker();
    let dials = 0;
    const dial: ClientOptions['dial'] = (url, options) => {
      dials += 1;
      return broker.dial(url, options);
    };
    const client = await pooled('memory://broker', { dial }, broker);
    expect(dials).toBe(3);
    await client.publish('a', 'x', { qos: 1 });
    expect(broker.publishes.map(({ from }) => from)).toEqual(['main-pub-1']);
  });

  test('lower the QoS, and alias topics, as the client would (V-126, T-280, T-281)', async () => {
    const broker = await poolBroker({ connackProperties: { maximumQoS: 0, topicAliasMaximum: 5 } });
    const client = await pooled(
      broker.url,
      { qosDowngrade: true, outboundTopicAliases: true, publisherPool: { size: 1 } },
      broker,
    );
    await client.publish('a', 'x', { qos: 2 });
    await client.publish('a', 'x');
    await expect.poll(() => broker.publishes.length).toBe(2);
    expect(broker.publishes.map(({ from, packet }) => [from, packet.qos, packet.properties?.topicAlias])).toEqual([
      ['main-pub-1', 0, 1],
      ['main-pub-1', 0, 1],
    ]);
  });

  test("receive nothing: subscriptions are the client's", async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    const heard: string[] = [];
    const handler: MessageHandler = (message) => void heard.push(message.text());
    await client.subscribeCallback('a', handler, { qos: 1 });
    for (const text of ['1', '2', '3']) await client.publish('a', text, { qos: 1 });
    await expect.poll(() => heard).toEqual(['1', '2', '3']);
    expect(broker.clients.filter(({ filters }) => filters.length > 0).map(({ clientId }) => clientId)).toEqual([
      'main',
    ]);
  });
});
