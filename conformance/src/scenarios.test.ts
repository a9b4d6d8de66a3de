// SPDX-License-Identifier: Apache-2.0
// One client, several brokers: what holds against the embedded broker has to hold against a real one, and the other way round.
import { connect } from '@mqttv5/core';
import type { Client, ClientOptions, Message, Subscription } from '@mqttv5/core';
import { webSocketDial } from '@mqttv5/transport-ws';
import { afterEach, describe, expect, test } from 'vitest';
import { brokers } from './brokers.ts';
import type { BrokerUnderTest, Demands } from './brokers.ts';
import { createAuthority } from '@mqttv5/support/certificates';

// A real broker shares two cores with everything else. Nothing here waits for time to pass; this only bounds a failure.
const LIMIT_MS = 20_000;

for (const kind of brokers) {
  describe.runIf(kind.available)(`against ${kind.name}`, { timeout: LIMIT_MS }, () => {
    const open: { close(): Promise<void> }[] = [];

    const start = async (demands?: Demands): Promise<BrokerUnderTest> => {
      const broker = await kind.start(demands);
      open.unshift({ close: async () => broker[Symbol.asyncDispose]() });
      return broker;
    };
    const join = async (url: string, options: Omit<ClientOptions, 'brokers'> = {}): Promise<Client> => {
      const client = await connect(url, { reconnect: () => 10, ...options, signal: AbortSignal.timeout(LIMIT_MS) });
      open.unshift({ close: () => client.disconnect() });
      return client;
    };
    afterEach(async () => {
      // Clients were opened after their broker, and close before it.
      for (const each of open.splice(0)) await each.close();
    });

    test.each([0, 1, 2] as const)('a message at QoS %i arrives as it was sent, properties included', async (qos) => {
      const client = await join((await start()).url);
      const subscription = await client.subscribe('a/+', { qos: 2 });
      const payload = Uint8Array.from({ length: 256 }, (_, index) => index);
      const properties = {
        contentType: 'application/octet-stream',
        responseTopic: 'replies/1',
        correlationData: new Uint8Array([1, 2, 3]),
        userProperties: [
          ['name', 'first'],
          ['name', 'second'],
        ],
      } as const;
      await client.publish('a/b', payload, { qos, ...properties });
      const message = await next(subscription);
      expect(message).toMatchObject({ topic: 'a/b', qos, retain: false });
      expect([...message.payload]).toEqual([...payload]);
      expect(message.properties).toMatchObject({ ...properties, correlationData: expect.anything() });
      expect([...(message.properties.correlationData ?? [])]).toEqual([1, 2, 3]);
    });

    test('a payload of a megabyte arrives whole', async () => {
      const client = await join((await start()).url);
      const subscription = await client.subscribe('large', { qos: 1 });
      const payload = new Uint8Array(1 << 20).fill(0xa5);
      await client.publish('large', payload, { qos: 1 });
      expect(Buffer.compare((await next(subscription)).payload, payload)).toBe(0);
    });

    test('messages of one topic and QoS stay in order [MQTT-4.6.0-5]', async () => {
      const client = await join((await start()).url);
      const subscription = await client.subscribe('ordered', { qos: 1 });
      const numbers = Array.from({ length: 500 }, (_, index) => String(index));
      await Promise.all(numbers.map((each) => client.publish('ordered', each, { qos: 1 })));
      expect(await take(subscription, numbers.length)).toEqual(numbers);
    });

    test('a retained message meets a new subscription, until an empty one takes it away', async () => {
      const client = await join((await start()).url);
      await client.publish('state', 'on', { qos: 1, retain: true });
      const first = await client.subscribe('state', { qos: 1 });
      expect(await next(first)).toMatchObject({ retain: true });
      await first.unsubscribe();
      await client.publish('state', '', { qos: 1, retain: true });
      const second = await client.subscribe('state', { qos: 1 });
      // Whatever the broker kept would come before this.
      await client.publish('state', 'fresh', { qos: 1 });
      const message = await next(second);
      expect([message.text(), message.retain]).toEqual(['fresh', false]);
    });

    test('noLocal keeps a client from its own messages, retainAsPublished keeps the flag', async () => {
      const { url } = await start();
      const [one, two] = [await join(url), await join(url)];
      const subscription = await one.subscribe('a', { qos: 1, noLocal: true, retainAsPublished: true });
      await one.publish('a', 'own', { qos: 1 });
      await two.publish('a', 'other', { qos: 1, retain: true });
      const message = await next(subscription);
      expect([message.text(), message.retain]).toEqual(['other', true]);
    });

    test('a shared subscription gives each message to one of its members', async () => {
      const { url } = await start();
      const members = [await join(url), await join(url)];
      const streams = await Promise.all(members.map((member) => member.subscribe('$share/group/work', { qos: 1 })));
      const publisher = await join(url);
      const numbers = Array.from({ length: 40 }, (_, index) => String(index));
      for (const each of numbers) await publisher.publish('work', each, { qos: 1 });
      const received: string[] = [];
      await Promise.all(
        streams.map(async (stream) => {
          for await (const message of stream) {
            received.push(message.text());
            if (received.length === numbers.length) await Promise.all(streams.map((each) => each.unsubscribe()));
          }
        }),
      );
      expect(received.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers);
    });

    test('after unsubscribe nothing arrives any more', async () => {
      const { url } = await start();
      const client = await join(url);
      const [ended, kept] = [await client.subscribe('a', { qos: 1 }), await client.subscribe('b', { qos: 1 })];
      await ended.unsubscribe();
      await client.publish('a', 'late', { qos: 1 });
      await client.publish('b', 'last', { qos: 1 });
      expect((await next(kept)).text()).toBe('last');
      expect(await ended.receive()).toBeUndefined();
    });

    test('a will is published when the client says so [MQTT-3.1.2-8]', async () => {
      const { url } = await start();
      const watcher = await join(url);
      const subscription = await watcher.subscribe('status/+', { qos: 1 });
      const mortal = await join(url, { will: { topic: 'status/1', payload: 'gone', qos: 1 } });
      await mortal.disconnect({ reasonCode: 0x04 });
      expect((await next(subscription)).text()).toBe('gone');
      const polite = await join(url, { will: { topic: 'status/2', payload: 'gone', qos: 1 } });
      await polite.disconnect();
      await watcher.publish('status/3', 'here', { qos: 1 });
      expect((await next(subscription)).topic).toBe('status/3');
    });

    test('request and respond find each other', async () => {
      const { url } = await start();
      const [server, client] = [await join(url), await join(url)];
      await server.respond('sum/+', (request) => String(request.json<number[]>().reduce((a, b) => a + b, 0)), {
        qos: 1,
      });
      const replies = await Promise.all(
        [1, 2, 3].map((each) => client.request('sum/x', JSON.stringify([each, 10]), { qos: 1, timeoutMs: LIMIT_MS })),
      );
      expect(replies.map((each) => each.text())).toEqual(['11', '12', '13']);
    });

    test('a session keeps what arrives while its client is away [MQTT-3.1.2-5]', async () => {
      const { url } = await start();
      const options = { clientId: 'traveller', sessionExpiryInterval: 60 };
      const client = await join(url, options);
      const subscription = client.declare('news', { qos: 2 });
      await subscription.ready();
      await client.disconnect();
      const publisher = await join(url);
      for (const each of ['1', '2', '3']) await publisher.publish('news', each, { qos: 2 });
      const resumed = client.declare('news', { qos: 2 });
      expect(await client.connect()).toMatchObject({ sessionPresent: true });
      expect(await take(resumed, 3)).toEqual(['1', '2', '3']);
    });

    test('connections cut again and again lose nothing at QoS 1 and double nothing at QoS 2', async () => {
      const broker = await start();
      const receiver = await join(broker.url, { sessionExpiryInterval: 60 });
      const sender = await join(broker.url, { sessionExpiryInterval: 60 });
      const atLeastOnce = await receiver.subscribe('once/1', { qos: 1 });
      const exactlyOnce = await receiver.subscribe('once/2', { qos: 2 });
      const numbers = Array.from({ length: 300 }, (_, index) => String(index));
      const collect = async (subscription: Subscription, until: (received: string[]) => boolean): Promise<string[]> => {
        const received: string[] = [];
        for await (const message of subscription) {
          received.push(message.text());
          // The cuts follow the traffic, so that each of them falls into it.
          if (received.length % 60 === 0) broker.cut();
          if (until(received)) break;
        }
        return received;
      };
      const complete = (received: string[]): boolean => new Set(received).size === numbers.length;
      const [first, second] = await Promise.all([
        collect(atLeastOnce, complete),
        collect(exactlyOnce, complete),
        ...numbers.map((each) => sender.publish('once/1', each, { qos: 1 })),
        ...numbers.map((each) => sender.publish('once/2', each, { qos: 2 })),
      ]);
      expect(new Set(first)).toEqual(new Set(numbers));
      expect(second).toEqual(numbers);
    });

    test('wrong credentials are refused with the reason the broker gives', async () => {
      const { url } = await start({ users: { ada: 'secret' } });
      const client = await join(url, { username: 'ada', password: 'secret' });
      expect(client.connected).toBe(true);
      await expect(join(url, { username: 'ada', password: 'guess' })).rejects.toMatchObject({
        code: 'CONNECT_REFUSED',
        reasonCode: 0x87,
      });
    });

    test('the same client identifier takes the session over, and the first client stops [MQTT-3.1.4-3]', async () => {
      const { url } = await start();
      const first = await join(url, { clientId: 'twin', reconnect: false });
      const closed = new Promise<unknown>((resolve) => void first.on('close', resolve));
      const second = await join(url, { clientId: 'twin' });
      expect(await closed).toMatchObject({ error: { code: kind.codeOfTakeover } });
      expect(second.connected).toBe(true);
    });

    test('a client without an identifier is given one, and keeps it over a cut', async () => {
      const broker = await start();
      const client = await join(broker.url);
      const assigned = client.clientId;
      expect(assigned).not.toBe('');
      const again = new Promise((resolve) => void client.on('connect', resolve));
      broker.cut();
      expect(await again).toMatchObject({ sessionPresent: true, clientId: assigned });
    });

    test('TLS: a private authority is trusted when it is named', async () => {
      const broker = await start({ tls: true });
      const client = await join(broker.tlsUrl, { tls: { ca: broker.ca } });
      const subscription = await client.subscribe('secret', { qos: 2 });
      await client.publish('secret', 'x'.repeat(100_000), { qos: 2 });
      expect((await next(subscription)).payload.length).toBe(100_000);
    });

    test('TLS: a broker nobody vouches for is refused before anything is sent', async () => {
      const broker = await start({ tls: true });
      const stranger = { ca: (await createAuthority()).ca };
      await expect(join(broker.tlsUrl, { tls: stranger })).rejects.toMatchObject({ code: 'DIAL_FAILED' });
      await expect(join(broker.tlsUrl)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    });

    test('TLS: a certificate for another name is refused', async () => {
      const broker = await start({ tls: true });
      const tls = { ca: broker.ca, servername: 'elsewhere.example' };
      await expect(join(broker.tlsUrl, { tls })).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    });

    test.each(['ws', 'wss'] as const)('%s: messages at every QoS', async (scheme) => {
      const broker = await start({ tls: scheme === 'wss', webSocket: true });
      const url = scheme === 'ws' ? broker.webSocketUrl : broker.secureWebSocketUrl;
      const client = await join(url, { dial: webSocketDial(), ...(scheme === 'wss' && { tls: { ca: broker.ca } }) });
      const subscription = await client.subscribe('web', { qos: 2 });
      for (const qos of [0, 1, 2] as const) await client.publish('web', String(qos), { qos });
      expect((await take(subscription, 3)).toSorted()).toEqual(['0', '1', '2']);
    });
  });
}

async function next(subscription: Subscription): Promise<Message> {
  const message = await subscription.receive({ signal: AbortSignal.timeout(LIMIT_MS / 2) });
  if (message === undefined) throw new Error('the stream ended');
  message.ack();
  return message;
}

async function take(subscription: Subscription, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) texts.push((await next(subscription)).text());
  return texts;
}
