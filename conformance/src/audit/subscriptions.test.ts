// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Subscriptions", and api.md, "Receiving", sentence by sentence, over the whole client.

import { Client, type ClientOptions, MemorySessionStore, type Message, type SessionStore } from '@mqttv5/core';
import { type ScriptedConnection } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from '../lifecycle/setup.ts';

const encoder = new TextEncoder();

interface Inbound {
  readonly id?: number;
  readonly qos?: 0 | 1 | 2;
  readonly dup?: boolean;
  readonly topic?: string;
  readonly text?: string;
  readonly identifiers?: readonly number[];
}

function inbound({ id = 0, qos = id === 0 ? 0 : 1, dup = false, topic = 'in', text = 'x', identifiers }: Inbound = {}) {
  const packet = {
    type: 'publish',
    topicName: topic,
    payload: encoder.encode(text),
    qos,
    retain: false,
    dup,
    packetIdentifier: id,
  } as const;
  return identifiers === undefined ? packet : { ...packet, properties: { subscriptionIdentifiers: identifiers } };
}

/** Answers the next SUBSCRIBE with what it asks for, or with these codes. */
async function grant(connection: ScriptedConnection, ...codes: number[]) {
  const packet = await connection.expect('subscribe');
  const reasonCodes = codes.length > 0 ? codes : packet.filters.map(({ qos }) => qos);
  connection.send({ type: 'suback', packetIdentifier: packet.packetIdentifier, reasonCodes });
  return packet;
}

const types = (connection: ScriptedConnection): string[] => connection.received.map(({ type }) => type);
function ignore(): void {}

const texts = (messages: readonly (Message | undefined)[]) => messages.map((message) => message?.text());

async function subscribed(
  options: Parameters<Awaited<ReturnType<typeof connected>>['client']['subscribe']>[1] = {},
  clientOptions: Partial<ClientOptions> = {},
) {
  const start = await connected(clientOptions);
  const subscribing = start.client.subscribe('in', options);
  await grant(start.connection);
  return { ...start, subscription: await subscribing };
}

describe('one broker subscription per exact filter', () => {
  test('shared by the subscriptions with it, UNSUBSCRIBE when the last one ends', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('f', { qos: 1 }), client.subscribe('f', { qos: 2 })];
    const one = await grant(connection);
    const two = await grant(connection);
    const [a, b] = await Promise.all(opening);
    expect([one.filters[0]?.qos, two.filters[0]?.qos]).toEqual([1, 2]);
    const identifier = two.properties?.subscriptionIdentifier ?? 0;
    connection.send(inbound({ topic: 'f', identifiers: [identifier] }));
    await turn();
    expect([a?.size, b?.size]).toEqual([1, 1]);
    await b?.unsubscribe();
    expect(types(connection)).not.toContain('unsubscribe');
    const ending = a?.unsubscribe();
    const { packetIdentifier, topicFilters } = await connection.expect('unsubscribe');
    expect(topicFilters).toEqual(['f']);
    connection.send({ type: 'unsuback', packetIdentifier, reasonCodes: [0] });
    await ending;
  });
});

describe('Subscription Identifiers', () => {
  test('each overlapping subscription gets one copy for each copy the broker addresses to it', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('a/b'), client.subscribe('a/#'), client.subscribe(['a/+', 'a/b/#'])];
    const ids: number[] = [];
    for (const _ of opening) ids.push((await grant(connection)).properties?.subscriptionIdentifier ?? 0);
    expect(new Set(ids).size).toBe(3);
    const subscriptions = await Promise.all(opening);
    connection.send(inbound({ topic: 'a/b', identifiers: [ids[0] ?? 0] }));
    connection.send(inbound({ topic: 'a/b', identifiers: [ids[1] ?? 0, ids[2] ?? 0] }));
    connection.send(inbound({ topic: 'a/b', identifiers: [ids[2] ?? 0] }));
    await turn();
    expect(subscriptions.map(({ size }) => size)).toEqual([1, 1, 2]);
  });

  test('all identifiers unknown: routed by topic; some known: only those', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('a/b'), client.subscribe('a/#')];
    const ids: number[] = [];
    for (const _ of opening) ids.push((await grant(connection)).properties?.subscriptionIdentifier ?? 0);
    const subscriptions = await Promise.all(opening);
    const unknown = Math.max(...ids) > 1000 ? 7 : 268_000_000;
    connection.send(inbound({ topic: 'a/b', identifiers: [unknown] }));
    await turn();
    expect(subscriptions.map(({ size }) => size)).toEqual([1, 1]);
    connection.send(inbound({ topic: 'a/b', identifiers: [unknown, ids[1] ?? 0] }));
    await turn();
    expect(subscriptions.map(({ size }) => size)).toEqual([1, 2]);
  });

  test('without them each matching subscription gets each copy, and a call is one SUBSCRIBE', async () => {
    const { client, connection } = await connected({}, { properties: { subscriptionIdentifierAvailable: false } });
    const opening = [client.subscribe(['a/b', 'a/+']), client.subscribe('a/#')];
    expect((await grant(connection)).filters).toHaveLength(2);
    await grant(connection);
    const subscriptions = await Promise.all(opening);
    connection.send(inbound({ topic: 'a/b' }));
    connection.send(inbound({ topic: 'a/b' }));
    await turn();
    expect(subscriptions.map(({ size }) => size)).toEqual([2, 2]);
  });
});

describe('open and refused', () => {
  test('subscribe is whole or nothing: the granted filters are unsubscribed again, `results` has all', async () => {
    const { client, connection } = await connected();
    const subscribing = client.subscribe(['a', 'b', 'c'], { qos: 1 });
    const outcome = subscribing.catch((error: unknown) => error);
    await grant(connection, 1, 0x87, 0);
    expect((await connection.expect('unsubscribe')).topicFilters).toEqual(['a', 'c']);
    expect(await outcome).toMatchObject({
      code: 'SUBSCRIBE_REFUSED',
      results: [
        { filter: 'a', reasonCode: 1 },
        { filter: 'b', reasonCode: 0x87 },
        { filter: 'c', reasonCode: 0 },
      ],
    });
  });

  test('declare keeps the granted part: ready() rejects, the rest is live; with none granted it is closed', async () => {
    const { client, connection } = await connected();
    const events = record(client, 'subscribeError');
    const subscription = client.declare(['a', 'b']);
    const ready = subscription.ready().catch((error: unknown) => error);
    await grant(connection, 0, 0x87);
    expect(await ready).toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    expect(subscription.closed).toBe(false);
    expect(events).toEqual([]);
    connection.send(inbound({ topic: 'a' }));
    connection.send(inbound({ topic: 'b' }));
    await turn();
    expect(subscription.size).toBe(1);
    const none = client.declare('c');
    await grant(connection, 0x87);
    await turn();
    expect(none.closed).toBe(true);
    expect(none.error).toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    expect(events).toHaveLength(1);
    await expect(none.receive()).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  });

  test('open SUBSCRIBE and UNSUBSCRIBE are sent again after a drop, in call order', async () => {
    const { broker, client, connection, subscription } = await subscribed();
    const first = client.subscribe('one');
    const ending = subscription.unsubscribe();
    const second = client.subscribe('two');
    const before = [
      await connection.expect('subscribe'),
      await connection.expect('unsubscribe'),
      await connection.expect('subscribe'),
    ];
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    const one = await grant(again);
    const un = await again.expect('unsubscribe');
    again.send({ type: 'unsuback', packetIdentifier: un.packetIdentifier, reasonCodes: [0] });
    const two = await grant(again);
    expect([one, un, two].map((p) => p.packetIdentifier)).toEqual(before.map((p) => p.packetIdentifier));
    await Promise.all([first, ending, second]);
  });

  test('an aborted subscribe that is granted later is unsubscribed again', async () => {
    const { client, connection } = await connected();
    const abort = new AbortController();
    const subscribing = client.subscribe('a', { signal: abort.signal });
    const outcome = subscribing.catch((error: unknown) => error);
    await connection.expect('subscribe');
    abort.abort('no');
    expect(await outcome).toBe('no');
    const first = connection.received.at(-1);
    if (first?.type !== 'subscribe') throw new Error('SUBSCRIBE expected');
    connection.send({ type: 'suback', packetIdentifier: first.packetIdentifier, reasonCodes: [0] });
    expect((await connection.expect('unsubscribe')).topicFilters).toEqual(['a']);
  });

  test('declare before connect(): its SUBSCRIBE is sent though the session was resumed, and first messages find it', async () => {
    const store = new MemorySessionStore();
    const first = await connected({ store, clientId: 'c' });
    await first.client.disconnect();
    const { broker, client } = scripted({ store, clientId: 'c' });
    const subscription = client.declare('in', { qos: 1 });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    connection.send(inbound({ id: 1 }));
    await connecting;
    expect((await subscription.receive())?.text()).toBe('x');
    await grant(connection);
    await subscription.ready();
    expect(subscription.results).toEqual([{ filter: 'in', reasonCode: 1 }]);
  });

  test('what was refused when everything was subscribed again raises subscribeError', async () => {
    const { broker, client, connection, subscription } = await subscribed();
    const refused = next(client, 'subscribeError');
    connection.drop();
    const again = await broker.accept();
    await again.handshake();
    await grant(again, 0x87);
    expect(await refused).toMatchObject({ error: { code: 'SUBSCRIBE_REFUSED' } });
    expect(subscription.closed).toBe(true);
  });

  test('offline unsubscribe() resolves at once and the UNSUBSCRIBE follows', async () => {
    const { broker, client, connection, subscription } = await subscribed();
    connection.drop();
    await next(client, 'disconnect');
    await subscription.unsubscribe();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    expect((await again.expect('unsubscribe')).topicFilters).toEqual(['in']);
  });

  test('SUBSCRIBE never exceeds the Maximum Packet Size of the broker, on later connections too', async () => {
    const filters = Array.from({ length: 10 }, (_, i) => `filter/${i}/${'x'.repeat(40)}`);
    const { broker, client, connection } = await connected();
    const subscribing = client.subscribe(filters);
    expect((await grant(connection)).filters).toHaveLength(10);
    await subscribing;
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ properties: { maximumPacketSize: 128 } });
    const asked: string[] = [];
    while (asked.length < 10) {
      const packet = await grant(again);
      expect(packet.filters.length).toBeLessThanOrEqual(2);
      asked.push(...packet.filters.map(({ topicFilter }) => topicFilter));
    }
    expect(asked).toEqual(filters);
  });
});

describe('a session this object did not subscribe in', () => {
  const stored = async () => {
    const store = new MemorySessionStore();
    const first = await connected({ store, clientId: 'c' });
    await first.client.disconnect();
    return store;
  };

  test('an unmatched QoS 1 message is held; a subscription made in that time is given it', async () => {
    const { broker, client } = scripted({ store: await stored(), clientId: 'c' });
    const unmatched = record(client, 'unmatched');
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await connecting;
    connection.send(inbound({ id: 1 }));
    connection.send(inbound());
    await turn();
    expect(unmatched).toHaveLength(1);
    expect(types(connection)).toEqual(['connect']);
    const subscription = client.declare('in', { qos: 1 });
    const message = await subscription.receive();
    expect(message?.qos).toBe(1);
    message?.ack();
    await connection.expect('subscribe');
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });

  test('when the time is over it is reported and acknowledged with 0x00', async () => {
    const { broker, client } = scripted({ store: await stored(), clientId: 'c', unmatchedHoldMs: 20 });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await connecting;
    const unmatched = next(client, 'unmatched');
    connection.send(inbound({ id: 1, text: 'lost' }));
    expect((await unmatched).text()).toBe('lost');
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });

  test('also when the connection is lost and resumed before anybody has subscribed', async () => {
    const { broker, client } = scripted({ store: await stored(), clientId: 'c' });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await connecting;
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    again.send(inbound({ id: 1 }));
    await turn();
    expect(types(again)).toEqual(['connect']);
    expect((await client.declare('in', { qos: 1 }).receive())?.packetIdentifier).toBe(1);
  });

  test('and after disconnect(), which has ended its Subscriptions', async () => {
    const { broker, client, connection } = await subscribed({ qos: 1 });
    connection.send(inbound({ id: 1 }));
    await turn();
    await client.disconnect();
    const connecting = client.connect();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await connecting;
    again.send(inbound({ id: 1, dup: true }));
    await turn();
    expect(types(again)).toEqual(['connect']);
    expect((await client.declare('in', { qos: 1 }).receive())?.packetIdentifier).toBe(1);
  });

  test('in every other session it is acknowledged at once and reported', async () => {
    const { client, connection } = await connected();
    const unmatched = next(client, 'unmatched');
    connection.send(inbound({ id: 1 }));
    expect((await unmatched).packetIdentifier).toBe(1);
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });
});

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

describe('ends', () => {
  test('unsubscribe() acknowledges what nobody has taken, counts it as dropped, and ends the stream at once', async () => {
    const { client, connection, subscription } = await subscribed({ qos: 1 });
    const drops = record(client, 'drop');
    connection.send(inbound({ id: 1 }));
    connection.send(inbound({ id: 2 }));
    await turn();
    const first = await subscription.receive();
    const ending = subscription.unsubscribe();
    expect(subscription.closed).toBe(true);
    expect(await subscription.receive()).toBeUndefined();
    expect(subscription.dropped).toBe(1);
    expect(drops).toHaveLength(1);
    const un = await connection.expect('unsubscribe');
    first?.ack();
    expect((await connection.expect('puback')).packetIdentifier).toBe(1);
    expect((await connection.expect('puback')).packetIdentifier).toBe(2);
    connection.send({ type: 'unsuback', packetIdentifier: un.packetIdentifier, reasonCodes: [0] });
    await ending;
  });

  test('ended for any other reason than unsubscribe() or disconnect(): loop and receive() throw its error', async () => {
    const { connection, subscription } = await subscribed();
    const waiting = subscription.receive();
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    await expect(waiting).rejects.toMatchObject({ code: 'SESSION_TAKEN_OVER' });
    expect(subscription.error).toMatchObject({ code: 'SESSION_TAKEN_OVER' });
    const loop = async (): Promise<void> => {
      for await (const _ of subscription);
    };
    await expect(loop()).rejects.toMatchObject({ code: 'SESSION_TAKEN_OVER' });
    expect(() => subscription.tryReceive()).toThrow(expect.objectContaining({ code: 'SESSION_TAKEN_OVER' }));
  });

  test('disconnect() ends every stream normally; what is buffered or in hand stays unacknowledged and comes again', async () => {
    const { broker, client, connection, subscription } = await subscribed({ qos: 2 });
    connection.send(inbound({ id: 1, qos: 2 }));
    connection.send(inbound({ id: 2, qos: 2 }));
    const inHand = await subscription.receive();
    await client.disconnect();
    expect(await subscription.receive()).toBeUndefined();
    inHand?.ack();
    expect(types(connection)).toEqual(['connect', 'subscribe', 'disconnect']);
    const fresh = client.declare('in', { qos: 2, ack: 'manual' });
    const connecting = client.connect();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await connecting;
    again.send(inbound({ id: 1, qos: 2, dup: true }));
    again.send(inbound({ id: 2, qos: 2, dup: true }));
    expect([(await fresh.receive())?.packetIdentifier, (await fresh.receive())?.packetIdentifier]).toEqual([1, 2]);
  });

  test('a message that arrives while disconnect() waits for the store is not acknowledged', async () => {
    const inner = new MemorySessionStore();
    const hold: { until?: Promise<void> } = {};
    const store: SessionStore = {
      load: () => inner.load(),
      commit: async (operations) => {
        await hold.until;
        inner.commit(operations);
      },
      close: () => inner.close(),
    };
    const { client, connection } = await subscribed({ qos: 1 }, { store, clientId: 'c', disconnectTimeoutMs: 5000 });
    const unmatched = record(client, 'unmatched');
    const gate = Promise.withResolvers<void>();
    hold.until = gate.promise;
    const publishing = client.publish('a', 'x', { qos: 1 }).catch(() => undefined);
    await turn();
    const closing = client.disconnect();
    await turn();
    connection.send(inbound({ id: 1 }));
    await turn();
    gate.resolve();
    await publishing;
    await turn();
    expect(types(connection)).not.toContain('puback');
    expect(unmatched).toEqual([]);
    connection.end();
    await closing;
  });
});

describe('bounds', () => {
  test('"dropNewest": QoS 0 beyond bufferSize is dropped, counted and reported; QoS 1 never', async () => {
    const seen: string[] = [];
    const { client, connection, subscription } = await subscribed({
      qos: 1,
      bufferSize: 2,
      onDrop: (message) => seen.push(message.text()),
    });
    const drops = record(client, 'drop');
    for (let i = 1; i <= 4; i++) connection.send(inbound({ text: `zero ${i}` }));
    for (let id = 1; id <= 4; id++) connection.send(inbound({ id, text: `one ${id}` }));
    await turn();
    expect(seen).toEqual(['zero 3', 'zero 4']);
    expect(drops).toHaveLength(2);
    expect(subscription.dropped).toBe(2);
    expect(subscription.size).toBe(6);
  });

  test('"dropOldest" acknowledges what it evicts, after it was reported', async () => {
    const order: string[] = [];
    const { connection, subscription } = await subscribed({
      qos: 1,
      bufferSize: 2,
      overflow: 'dropOldest',
      onDrop: (message) => order.push(`${message.text()} ${message.acknowledged}`),
    });
    for (let id = 1; id <= 3; id++) connection.send(inbound({ id, text: String(id) }));
    expect((await connection.expect('puback')).packetIdentifier).toBe(1);
    expect(order).toEqual(['1 false']);
    expect(texts([subscription.tryReceive(), subscription.tryReceive()])).toEqual(['2', '3']);
  });

  test('bufferBytes bounds the same messages; whichever is reached first applies', async () => {
    const { connection, subscription } = await subscribed({ bufferSize: 100, bufferBytes: 10 });
    for (let i = 0; i < 4; i++) connection.send(inbound({ text: 'xxxx' }));
    await turn();
    expect([subscription.size, subscription.dropped]).toEqual([2, 2]);
  });

  test('"onReceipt": every QoS is bounded', async () => {
    const { connection, subscription } = await subscribed({ qos: 1, ack: 'onReceipt', bufferSize: 1 });
    connection.send(inbound({ id: 1 }));
    connection.send(inbound({ id: 2 }));
    await connection.expect('puback');
    await connection.expect('puback');
    expect([subscription.size, subscription.dropped]).toEqual([1, 1]);
  });

  test('"pause" on a connection that cannot: INVALID_OPTION by subscribe and ready(), by connect() as the default', async () => {
    const { broker, client } = scripted();
    const unpausable: ClientOptions['dial'] = async (url, options) => {
      const connection = await broker.dial(url, options);
      return {
        start: (handlers) => connection.start(handlers),
        write: (bytes, written) => connection.write(bytes, written),
        end: () => connection.end(),
        destroy: () => connection.destroy(),
      };
    };
    const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
    const options = {
      brokers: 'mqtt://x',
      dial: unpausable,
      reconnect: false,
      disconnectTimeoutMs: 50,
      logger,
    } as const;
    const other = new Client(options);
    const events = record(other, 'subscribeError');
    const connecting = other.connect();
    const waiting = other.subscribe('early', { overflow: 'pause' }).catch((error: unknown) => error);
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    expect(await waiting).toMatchObject({ code: 'INVALID_OPTION' });
    await expect(other.subscribe('a', { overflow: 'pause' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(other.declare('a', { overflow: 'pause' }).ready()).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(events).toEqual([]);
    await other.disconnect();
    const byDefault = new Client({ ...options, overflow: 'pause' });
    const refused = byDefault.connect();
    const outcome = refused.catch((error: unknown) => error);
    await (await broker.accept()).handshake();
    expect(await outcome).toMatchObject({ code: 'INVALID_OPTION' });
    await client.disconnect();
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
