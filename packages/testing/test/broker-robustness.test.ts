// SPDX-License-Identifier: Apache-2.0
//
// What clients and programs may do to the broker: bounds, illegal data, any bytes, closing in the middle of it all.
import fc from 'fast-check';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Decoder, encode, topicMatches } from '@mqttv5/wire';
import type { Connection } from '@mqttv5/core';
import type { ConnectPacket, Packet } from '@mqttv5/wire';
import { createAuthority } from '@mqttv5/support/certificates';
import { startBroker } from '../src/index.ts';
import type { Broker, BrokerOptions } from '../src/index.ts';
import { FilterTrie } from '../src/broker/filter-trie.ts';
import { RetainedMessages } from '../src/broker/retained-messages.ts';
import { gate, until } from './events.ts';
import { RawClient } from './raw-client.ts';

const connectPacket: ConnectPacket = { type: 'connect', clientId: 'm', cleanStart: true, keepAlive: 0 };

/** A client in memory, whose reading stops for certain when it pauses. */
async function memoryClient(
  broker: Broker,
): Promise<{ connection: Connection; packets: Packet[]; ended: () => boolean }> {
  const connection = await broker.dial(new URL('mqtt://memory'), { signal: new AbortController().signal });
  const decoder = new Decoder({ from: 'server' });
  const packets: Packet[] = [];
  let ended = false;
  connection.start({
    data: (chunk) => {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet);
    },
    drain: () => {},
    close: () => {
      ended = true;
    },
  });
  return { connection, packets, ended: () => ended };
}

function warnings(): { logger: NonNullable<BrokerOptions['logger']>; lines: string[] } {
  const lines: string[] = [];
  const line = (message: string): void => void lines.push(message);
  return { lines, logger: { debug: () => {}, info: () => {}, warn: line, error: line } };
}

describe('a client that does not read', () => {
  test('loses QoS 0 above maximumUnsentBytes, is told of once, and goes on afterwards', async () => {
    const { logger, lines } = warnings();
    await using broker = await startBroker({ maximumUnsentBytes: 10_000, logger });
    const { connection, packets } = await memoryClient(broker);
    connection.write(encode(connectPacket));
    connection.write(
      encode({
        type: 'subscribe',
        packetIdentifier: 1,
        filters: [{ topicFilter: 'a', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      }),
    );
    await until(() => packets.length === 2);
    connection.pause?.();
    for (let count = 0; count < 100; count++) broker.publish('a', new Uint8Array(1_000));
    expect(lines).toEqual(['m does not read: its QoS 0 messages are dropped']);
    connection.resume?.();
    await until(() => packets.length > 10);
    const survivors = packets.length - 2;
    expect(survivors).toBeLessThan(12);
    broker.publish('a', 'after');
    await until(() => packets.length === survivors + 3);
  });

  test('and sends all the same is cut off above twice as many', async () => {
    const { logger, lines } = warnings();
    await using broker = await startBroker({ maximumUnsentBytes: 1_000, logger });
    const { connection, packets, ended } = await memoryClient(broker);
    connection.write(encode(connectPacket));
    await until(() => packets.length === 1);
    connection.pause?.();
    for (let count = 0; count < 1_200; count++) connection.write(encode({ type: 'pingreq' }));
    await until(ended);
    expect(lines).toEqual(['m does not read and was cut off']);
    expect(broker.clients).toEqual([]);
  });
});

describe('illegal data of the program', () => {
  test.each([
    [{ connackProperties: { reasonString: 'a\0' } }],
    [{ connackProperties: { responseInformation: 'x'.repeat(70_000) } }],
  ])('%# is refused when the broker starts', async (options) => {
    await expect(startBroker(options)).rejects.toMatchObject({ code: 'INVALID_OPTION', cause: { name: 'WireError' } });
  });

  test('in publish and disconnect is refused where it is given', async () => {
    await using broker = await startBroker();
    const illegal = expect.objectContaining({ code: 'INVALID_OPTION' });
    expect(() => broker.publish('a', '', { contentType: '\0' })).toThrow(illegal);
    expect(() => broker.publish('a', '', { messageExpiryInterval: -1 })).toThrow(illegal);
    expect(() => broker.publish('a', '', { responseTopic: '#' })).toThrow(illegal);
    expect(() => broker.disconnect('c', 0x98, { reasonString: '\0' })).toThrow(illegal);
    expect(() => broker.disconnect('c', 0x98, { reason: 'x' } as object)).toThrow(illegal);
  });

  test('from a hook costs the connection, 0x83, and is logged', async () => {
    const { logger, lines } = warnings();
    await using broker = await startBroker({
      logger,
      intercept: (_direction, packet) => (packet.type === 'suback' ? { ...packet, reasonCodes: [3] } : undefined),
      redirect: ({ clientId }) => (clientId === 'r' ? { serverReference: '\0' } : undefined),
    });
    const [client] = await RawClient.connect(broker.url);
    await expect(client.subscribe('a')).rejects.toThrow('"reasonCode":131');
    await client.expectEnd();
    const redirected = await RawClient.open(broker.url);
    redirected.send({ ...connectPacket, clientId: 'r' });
    await redirected.expectEnd();
    expect(lines).toEqual(['encoding suback threw', 'encoding connack threw']);
  });

  test('on purpose: bytes of the hook go out as they are, and cannot come in', async () => {
    await using broker = await startBroker({
      intercept: (_direction, packet) =>
        packet.type === 'pingresp' || packet.type === 'unsubscribe' ? Uint8Array.of(0x40, 2, 0, 9) : undefined,
    });
    const [client] = await RawClient.connect(broker.url);
    client.send({ type: 'pingreq' });
    expect(await client.expect('puback')).toMatchObject({ packetIdentifier: 9 });
    client.send({ type: 'unsubscribe', packetIdentifier: 1, topicFilters: ['a'] });
    await client.expectDisconnect(0x83);
  });
});

test('a Reason String quotes a long topic only in part [MQTT-1.5.4-1]', async () => {
  await using broker = await startBroker({ authorize: () => false });
  const [client] = await RawClient.connect(broker.url);
  client.publish('😀'.repeat(16_000), 'x', { qos: 1, packetIdentifier: 1 });
  const { properties } = await client.expect('puback');
  expect(properties?.reasonString).toMatch(/^refused: publishing to (😀)+…$/u);
});

describe('close', () => {
  test('waits for no hook that holds a DISCONNECT, and for no client that does not read', async () => {
    const held = gate<undefined>();
    const broker = await startBroker({
      intercept: (_direction, packet) => (packet.type === 'disconnect' ? held.promise : undefined),
    });
    const [client] = await RawClient.connect(broker.url);
    const stalled = await memoryClient(broker);
    stalled.connection.write(encode(connectPacket));
    await until(() => stalled.packets.length === 1);
    stalled.connection.pause?.();
    await broker.close();
    await client.expectEnd();
    held.open(undefined);
  });

  test('ends connections that are still in their TLS or HTTP handshake', async () => {
    const { cert, key } = await (await createAuthority()).issue({ commonName: 'x', names: ['127.0.0.1'] });
    for (const tls of [undefined, { cert, key }]) {
      const broker = await startBroker({ tls, webSocketPort: 0 });
      const waiting = [await RawClient.open(broker.url), await RawClient.open(broker.webSocketUrl)];
      waiting[1]?.sendBytes(new TextEncoder().encode('GET /mqtt HT'));
      await broker.close();
      for (const client of waiting) await client.expectEnd();
    }
  });

  test('leaves no socket, server or timer behind', async () => {
    const before = handles();
    const broker = await startBroker({ webSocketPort: 0 });
    const [client] = await RawClient.connect(broker.url, {
      keepAlive: 10,
      properties: { sessionExpiryInterval: 100 },
      will: {
        topicName: 'w',
        payload: new Uint8Array(0),
        qos: 0,
        retain: false,
        properties: { willDelayInterval: 50 },
      },
    });
    await client.drop();
    const [other] = await RawClient.connect(broker.url, { clientId: 'other', keepAlive: 10 });
    const closing = broker.close();
    await other.expectDisconnect(0x8b);
    await closing;
    await until(() => handles() <= before);
  });
});

test('any bytes, behind a CONNECT or instead of it, at most end the connection', async () => {
  await using broker = await startBroker();
  const [witness] = await RawClient.connect(broker.url, { clientId: 'witness' });
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
      async (polite, chunks) => {
        const { connection } = await memoryClient(broker);
        if (polite) connection.write(encode(connectPacket));
        for (const chunk of chunks) connection.write(chunk);
        await new Promise<void>((resolve) => void setImmediate(resolve));
        connection.destroy();
      },
    ),
    { numRuns: 300 },
  );
  await witness.expectQuiet();
});

describe('the tries agree with a plain matcher', () => {
  const level = fc.constantFrom('a', 'b', '', '$s');
  const topics = fc
    .array(fc.array(level, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 })
    .map((list) => [...new Set(list.map((levels) => levels.join('/')).filter((name) => name !== ''))]);
  const filters = fc
    .array(fc.tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean()), {
      minLength: 1,
      maxLength: 12,
    })
    .map((list) => [
      ...new Set(
        list.map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/')).filter((filter) => filter !== ''),
      ),
    ]);

  test('for filters, some of them removed again', () => {
    fc.assert(
      fc.property(filters, filters, topics, (kept, removed, names) => {
        const trie = new FilterTrie<string>();
        for (const filter of [...removed, ...kept]) trie.set(filter, filter);
        for (const filter of removed) trie.delete(filter);
        const left = kept.filter((filter) => !removed.includes(filter));
        for (const filter of left) expect(trie.get(filter)).toBe(filter);
        for (const name of names) {
          expect(trie.match(name).toSorted()).toEqual(left.filter((filter) => topicMatches(filter, name)).toSorted());
        }
      }),
      { numRuns: 500 },
    );
  });

  test('for retained messages, some of them cleared again', () => {
    const message = (topicName: string, size: number) => ({
      topicName,
      payload: new Uint8Array(size),
      qos: 0 as const,
      retain: true,
      properties: undefined,
      expiryInterval: undefined,
      arrivedAt: 0,
      publisher: undefined,
    });
    fc.assert(
      fc.property(topics, topics, filters, (kept, cleared, wanted) => {
        const retained = new RetainedMessages();
        for (const name of [...kept, ...cleared]) retained.store(message(name, 1));
        for (const name of cleared) retained.store(message(name, 0));
        const left = kept.filter((name) => !cleared.includes(name));
        for (const filter of wanted) {
          const found = retained.matching(filter, 0).map(({ topicName }) => topicName);
          expect(found.toSorted()).toEqual(left.filter((name) => topicMatches(filter, name)).toSorted());
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Sockets, servers and timers that keep this process alive. */
function handles(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|TLS/.test(name)).length;
}

test('a port that is taken says so', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(startBroker({ port })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  await new Promise<void>((resolve) => void server.close(() => resolve()));
});
