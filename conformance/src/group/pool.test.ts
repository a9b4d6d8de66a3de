// SPDX-License-Identifier: Apache-2.0
// Publish-only connections beside a client's own (S-093, S-105, V-126, T-276 … T-285).
import { Client, scramAuthenticator } from '@mqttv5/core';
import type { ClientOptions, MessageHandler } from '@mqttv5/core';
import { scramMethod, startBroker } from '@mqttv5/testing';
import type { Broker, BrokerOptions } from '@mqttv5/testing';
import type { ConnectPacket, PublishPacket } from '@mqttv5/wire';
import { describe, expect, onTestFinished, test } from 'vitest';
import { NOBODY } from './setup.ts';

/** What the members and the client of a pool have sent one broker. */
interface Seen {
  readonly connects: ConnectPacket[];
  /** By client identifier. */
  readonly publishes: { readonly from: string; readonly packet: PublishPacket }[];
}

async function poolBroker(options: BrokerOptions = {}): Promise<Broker & Seen> {
  const seen: Seen = { connects: [], publishes: [] };
  const broker = await startBroker({
    ...options,
    intercept: (direction, packet, client) => {
      if (direction === 'in' && packet.type === 'connect') seen.connects.push(packet);
      if (direction === 'in' && packet.type === 'publish') seen.publishes.push({ from: client.clientId, packet });
      return options.intercept?.(direction, packet, client);
    },
  });
  onTestFinished(() => broker.close());
  return Object.assign(broker, seen);
}

const connectedCount = (broker: Broker): number => broker.clients.filter(({ connected }) => connected).length;

/** Connected, with every member of its pool. */
async function pooled(
  brokers: ClientOptions['brokers'],
  options: Partial<ClientOptions> = {},
  broker?: Broker,
): Promise<Client> {
  const client = new Client({
    brokers,
    clientId: 'main',
    reconnect: () => 5,
    stats: true,
    publisherPool: { size: 2 },
    ...options,
  });
  onTestFinished(() => client.disconnect());
  await client.connect();
  const size = options.publisherPool?.size ?? 2;
  if (broker) await expect.poll(() => connectedCount(broker)).toBe(size + 1);
  await membersHaveHeard(client);
  return client;
}

/** What the broker counts as connected has not read its CONNACK yet; by the end of a round trip that begins later it has. */
async function membersHaveHeard(client: Client): Promise<void> {
  await client.ping();
  await client.ping();
}

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

describe('routing', () => {
  test('round robin spreads over the members (T-277)', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, { publisherPool: { size: 3 } }, broker);
    for (let round = 0; round < 6; round += 1) await client.publish('a', 'x', { qos: 1 });
    expect(broker.publishes.map(({ from }) => from)).toEqual([1, 2, 3, 1, 2, 3].map((number) => `main-pub-${number}`));
  });

  test('hashByTopic keeps a topic on one member (T-276)', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, { publisherPool: { size: 3, routing: 'hashByTopic' } }, broker);
    const topics = ['a', 'b', 'c', 'd', 'e'];
    for (let round = 0; round < 3; round += 1) for (const topic of topics) await client.publish(topic, 'x', { qos: 1 });
    for (const topic of topics) {
      const senders = broker.publishes.filter(({ packet }) => packet.topicName === topic).map(({ from }) => from);
      expect(new Set(senders).size).toBe(1);
      expect(senders).toHaveLength(3);
    }
    expect(new Set(broker.publishes.map(({ from }) => from)).size).toBeGreaterThan(1);
  });

  test('tryPublish goes over the pool too', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    expect(client.tryPublish('a', 'x')).toBe(true);
    await expect.poll(() => broker.publishes.map(({ from }) => from)).toEqual(['main-pub-1']);
    expect(client.stats().poolFallbacks).toBe(0);
  });

  test('a refusal is the end: it is not sent on another connection (T-283)', async () => {
    const broker = await poolBroker({ authorize: ({ action }) => (action === 'publish' ? 0x97 : true) });
    const client = await pooled(broker.url, {}, broker);
    await expect(client.publish('a', 'x', { qos: 1 })).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      reasonCode: 0x97,
    });
    expect(broker.publishes).toHaveLength(1);
    expect(client.stats().poolFallbacks).toBe(0);
  });

  test('with one member down the next one sends (T-284)', async () => {
    const broker = await poolBroker({ authenticate: ({ clientId }) => clientId !== 'main-pub-1' });
    const client = await pooled(broker.url);
    await expect.poll(() => connectedCount(broker)).toBe(2);
    await membersHaveHeard(client);
    for (let round = 0; round < 4; round += 1) await client.publish('a', 'x', { qos: 1 });
    expect(new Set(broker.publishes.map(({ from }) => from))).toEqual(new Set(['main-pub-2']));
    expect(client.stats().poolFallbacks).toBe(0);
  });

  test('with all members down the client itself sends, and counts it (S-105, T-282)', async () => {
    const broker = await poolBroker({ authenticate: ({ clientId }) => clientId === 'main' });
    const client = await pooled(broker.url);
    const payload = Uint8Array.of(1);
    const publishing = client.publish('a', payload, { qos: 1 });
    // What is published is what the call was given.
    payload[0] = 2;
    await publishing;
    expect(client.tryPublish('a', 'x')).toBe(true);
    await expect.poll(() => broker.publishes.length).toBe(2);
    expect(broker.publishes.map(({ from }) => from)).toEqual(['main', 'main']);
    expect(broker.publishes[0]?.packet.payload).toEqual(Uint8Array.of(1));
    expect(client.stats().poolFallbacks).toBe(2);
  });

  test("a wrong argument is nobody's fallback", async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    await expect(client.publish('a/#', 'x')).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
    await expect(client.publish('a', 5 as unknown as string)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(client.stats().poolFallbacks).toBe(0);
  });

  test('tryPublish counts a fallback when there was one: not what the client could not send either', async () => {
    const broker = await poolBroker();
    const options = { publisherPool: { size: 1 }, writeHighWaterMark: 1 };
    const client = await pooled(broker.url, options, broker);
    // Full with the first message, until the end of this turn.
    expect([1, 2, 3].map(() => client.tryPublish('a', 'x'))).toEqual([true, true, false]);
    expect(client.stats().poolFallbacks).toBe(1);
    await expect.poll(() => broker.publishes.map(({ from }) => from).toSorted()).toEqual(['main', 'main-pub-1']);
  });

  test('before the client is connected there is no pool, and nothing is counted', async () => {
    const client = new Client({ brokers: NOBODY, clientId: 'main', stats: true, publisherPool: { size: 2 } });
    await expect(client.publish('a', 'x', { qos: 1 })).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
    expect(client.tryPublish('a', 'x')).toBe(false);
    expect(client.stats().poolFallbacks).toBe(0);
  });
});

describe('what the client says of its pool', () => {
  test('stats() counts publishes over every connection; connects and losses are its own (S-092)', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    const before = client.stats();
    expect(before).toMatchObject({ connects: 1, connectFailures: 0, publishesSent: 0 });
    // Two connections that say CONNECT, and what pooled() has pinged.
    expect(before.packetsSent - before.pingsSent).toBe(3);
    for (const qos of [0, 1, 2] as const) await client.publish('a', 'x', { qos });
    await expect.poll(() => broker.publishes.length).toBe(3);
    expect(client.stats()).toMatchObject({ publishesSent: 3, publishesAcked: 2, publishesFailed: 0, poolFallbacks: 0 });
    // PUBLISH three times and PUBREL; PUBACK, PUBREC and PUBCOMP.
    expect(client.stats().packetsSent - before.packetsSent).toBe(4);
    expect(client.stats().packetsReceived - before.packetsReceived).toBe(3);

    await client.disconnect();
    await client.connect();
    expect(client.stats()).toMatchObject({ publishesSent: 3, publishesAcked: 2 });
  });

  test('stats() shows what is in flight on any of them', async () => {
    const broker = await poolBroker({
      connackProperties: { receiveMaximum: 1 },
      intercept: (direction, { type }) => (direction === 'out' && type === 'puback' ? 'discard' : undefined),
    });
    const client = await pooled(broker.url, {}, broker);
    for (let number = 0; number < 4; number += 1) client.publish('a', 'x', { qos: 1 }).catch(() => undefined);
    // Counted as in flight while they wait for the quota, as on one connection.
    expect(client.stats()).toMatchObject({ publishesSent: 2, publishesInflight: 2, publishesQueued: 2, sendQuota: 1 });
  });

  test('publishSettled: the end of an exchange that nobody waits for any more', async () => {
    const held = Promise.withResolvers<void>();
    const broker = await poolBroker({
      intercept: async (direction, { type }) => {
        if (direction === 'out' && type === 'puback') await held.promise;
      },
    });
    const client = await pooled(broker.url, {}, broker);
    const settled = Promise.withResolvers<unknown>();
    client.on('publishSettled', settled.resolve);
    const controller = new AbortController();
    const publishing = client.publish('a', 'x', { qos: 1, signal: controller.signal });
    await expect.poll(() => broker.publishes.length).toBe(1);
    controller.abort(new Error('enough'));
    await expect(publishing).rejects.toThrow('enough');
    held.resolve();
    expect(await settled.promise).toMatchObject({ topic: 'a', qos: 1, result: { reasonCode: 0x10 } });
  });

  test('a member that gives up before it was ever connected is reported', async () => {
    const broker = await poolBroker({ authenticate: ({ clientId }) => clientId === 'main' });
    const reported: { message: string; error: unknown }[] = [];
    const nothing = (): void => undefined;
    const error = (message: string, details?: object): void =>
      void reported.push({ message, error: undefined, ...details });
    await pooled(broker.url, {
      maximumReconnectAttempts: 1,
      publisherPool: { size: 1 },
      logger: { debug: nothing, info: nothing, warn: nothing, error },
    });
    await expect
      .poll(() => reported)
      .toMatchObject([{ message: 'mqtt: publisherPool', error: { code: 'CONNECT_REFUSED', reasonCode: 0x86 } }]);
  });

  test('a function for identifiers that fails costs the pool, not the connection, and is reported', async () => {
    const broker = await poolBroker();
    const reported: unknown[] = [];
    const nothing = (): void => undefined;
    const client = await pooled(broker.url, {
      logger: { debug: nothing, info: nothing, warn: nothing, error: (_message, details) => reported.push(details) },
      publisherPool: {
        size: 1,
        clientId: () => {
          throw new Error('no name');
        },
      },
    });
    expect(reported).toEqual([{ error: new Error('no name') }]);
    await client.publish('a', 'x', { qos: 1 });
    expect(client.stats().poolFallbacks).toBe(1);
    const back = new Promise((resolve) => {
      client.on('connect', resolve);
    });
    broker.dropConnections();
    await back;
    expect(connectedCount(broker)).toBe(1);
    await client.publish('a', 'x', { qos: 1 });
  });
});

describe('the life of a pool', () => {
  test('a drain waits for what is open on its members (drainTimeoutMs)', async () => {
    const held = Promise.withResolvers<void>();
    const broker = await poolBroker({
      intercept: async (direction, { type }) => {
        if (direction === 'out' && type === 'puback') await held.promise;
      },
    });
    const client = await pooled(broker.url, {}, broker);
    const publishing = [client.publish('a', '1', { qos: 1 }), client.publish('a', '2', { qos: 1 })];
    await expect.poll(() => broker.publishes.length).toBe(2);
    const closing = client.disconnect({ drainTimeoutMs: 60_000 });
    expect(client.state).toBe('closing');
    held.resolve();
    await Promise.all(publishing);
    await closing;
    await expect.poll(() => connectedCount(broker)).toBe(0);
  });

  test('a drain ends with its time, and with its signal, whatever a member still waits for', async () => {
    const broker = await poolBroker({
      intercept: (direction, { type }) => (direction === 'out' && type === 'puback' ? 'discard' : undefined),
    });
    const client = await pooled(broker.url, {}, broker);
    const publish = (): Promise<unknown> => client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
    let publishing = publish();
    await client.disconnect({ drainTimeoutMs: 1 });
    expect(await publishing).toMatchObject({ code: 'SESSION_LOST' });

    await client.connect();
    await expect.poll(() => connectedCount(broker)).toBe(3);
    await membersHaveHeard(client);
    publishing = publish();
    const controller = new AbortController();
    const closing = client.disconnect({ drainTimeoutMs: 60_000, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(closing).rejects.toThrow('enough');
    expect(await publishing).toMatchObject({ code: 'SESSION_LOST' });
    await expect.poll(() => connectedCount(broker)).toBe(0);
  });

  test('a member that was dropped comes back', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    broker.dropConnections();
    await expect.poll(() => connectedCount(broker)).toBe(0);
    await expect.poll(() => connectedCount(broker)).toBe(3);
    await client.awaitConnection();
    await membersHaveHeard(client);
    await client.publish('a', 'x', { qos: 1 });
    expect(broker.publishes.map(({ from }) => from)).toEqual(['main-pub-1']);
  });

  test('it fails over with the client, beside a failover list, and takes along what was not finished (S-093)', async () => {
    const [first, second] = [
      await poolBroker({
        intercept: (direction, { type }) => (direction === 'out' && type === 'puback' ? 'discard' : undefined),
      }),
      await poolBroker(),
    ];
    const client = await pooled([first.url, second.url], {}, first);
    const publishing = [client.publish('a', '1', { qos: 1 }), client.publish('a', '2', { qos: 1 })];
    await expect.poll(() => first.publishes.length).toBe(2);
    await first.close();
    await Promise.all(publishing);
    expect(
      second.publishes.map(({ from, packet }) => `${from} ${new TextDecoder().decode(packet.payload)}`).toSorted(),
    ).toEqual(['main-pub-1 1', 'main-pub-2 2']);
    expect(connectedCount(second)).toBe(3);
  });

  test('members that are still connected to the broker the client has left are replaced', async () => {
    const [first, second] = [await poolBroker(), await poolBroker()];
    const client = await pooled(first.url, {}, first);
    client.setBrokers(second.url);
    first.disconnect('main', 0x98);
    await expect.poll(() => connectedCount(second)).toBe(3);
    await expect.poll(() => connectedCount(first)).toBe(0);
    await membersHaveHeard(client);
    await client.publish('a', 'x', { qos: 1 });
    expect(second.publishes.map(({ from }) => from)).toEqual(['main-pub-1']);
  });

  test('a member that has given up is tried again when the client is back', async () => {
    let open = false;
    const broker = await poolBroker({ authenticate: ({ clientId }) => open || clientId === 'main' });
    const client = await pooled(broker.url, {
      maximumReconnectAttempts: 1,
      publisherPool: { size: 1 },
      // The member's end is expected.
      logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    await client.publish('a', 'x', { qos: 1 });
    expect(client.stats().poolFallbacks).toBe(1);
    open = true;
    broker.dropConnections();
    await expect.poll(() => connectedCount(broker)).toBe(2);
  });

  test('disconnect() ends every member, and connect() makes them again', async () => {
    const broker = await poolBroker();
    const client = await pooled(broker.url, {}, broker);
    await client.disconnect();
    await expect.poll(() => connectedCount(broker)).toBe(0);
    await client.connect();
    await expect.poll(() => connectedCount(broker)).toBe(3);
  });

  test('connect, publish and disconnect in any order leave nothing behind and nothing open (T-285)', async () => {
    const broker = await poolBroker();
    const client = new Client({
      brokers: broker.url,
      clientId: 'main',
      reconnect: () => 1,
      publisherPool: { size: 3 },
    });
    const settled: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round += 1) {
      const connecting = client.connect();
      settled.push(connecting.catch(() => undefined));
      if (round % 3 > 0) await connecting;
      for (const qos of [0, 1, 2] as const) {
        settled.push(
          client.publish('a', 'x', { qos }).catch((error: unknown) => expect(error).toHaveProperty('delivery')),
        );
      }
      if (round % 4 === 1) broker.dropConnections();
      if (round % 2 > 0) await Promise.resolve();
      await client.disconnect();
      expect(client.state).toBe('closed');
    }
    await Promise.all(settled);
    await expect.poll(() => connectedCount(broker)).toBe(0);
  });
});
