// SPDX-License-Identifier: Apache-2.0
//
// api.md, "Typed, request/response, topics", sentence by sentence, over whole clients: request() and respond().

import { Client } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, next, record, turn } from '../lifecycle/setup.ts';
import { error, ignore, logger } from './setup.ts';

const encoder = new TextEncoder();

async function overBroker(count = 2) {
  const broker = await startBroker();
  const clients = Array.from({ length: count }, () => new Client({ brokers: broker.url, logger }));
  onTestFinished(async () => {
    await Promise.all(clients.map((client) => client.disconnect()));
    await broker.close();
  });
  await Promise.all(clients.map((client) => client.connect()));
  const [one, two] = clients;
  if (one === undefined || two === undefined) throw new Error('two clients');
  return { broker, one, two };
}

describe('request and respond', () => {
  test("a reply goes out at the request's QoS unless the body says otherwise; undefined says nothing", async () => {
    const { one, two } = await overBroker();
    const seen: number[] = [];
    one.on('unmatched', ignore);
    await one.respond('echo', (request) => ({ payload: request.payload, qos: undefined, contentType: 'x' }), {
      qos: 2,
    });
    await one.respond('loud', (request) => ({ payload: request.payload, qos: 2 }), { qos: 2 });
    await one.respond('bare', (request) => request.text().toUpperCase(), { qos: 2 });
    for (const [topic, qos] of [
      ['echo', 1],
      ['echo', 0],
      ['bare', 1],
      ['loud', 0],
    ] as const) {
      const response = await two.request(topic, 'hi', { qos, responseQos: 2 });
      seen.push(response.qos);
      // The rest of the body are the reply's properties.
      expect(response.properties.contentType).toBe(topic === 'echo' ? 'x' : undefined);
    }
    expect(seen).toEqual([1, 0, 1, 2]);
  });

  test('requests at the same time get their own responses; responses of others and late ones harm nobody', async () => {
    const { one, two } = await overBroker();
    await one.respond('slow', async (request) => {
      await turn();
      return request.payload;
    });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => two.request('slow', String(i))));
    expect(answers.map((answer) => answer.text())).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
  });

  test('REQUEST_TIMEOUT after timeoutMs; the signal ends it with its reason; disconnect() with CLOSED', async () => {
    const { one, two } = await overBroker();
    expect(await error(one.request('nobody', '', { timeoutMs: 20 }))).toMatchObject({ code: 'REQUEST_TIMEOUT' });
    const abort = new AbortController();
    const aborted = error(one.request('nobody', '', { signal: abort.signal, timeoutMs: false }));
    abort.abort('why');
    expect(await aborted).toBe('why');
    const open = error(two.request('nobody', '', { timeoutMs: false }));
    await turn();
    await two.disconnect();
    expect(await open).toMatchObject({ code: 'CLOSED' });
  });

  test('Response Information of the broker is the prefix; the response topic is subscribed at QoS 0', async () => {
    const { client, connection } = await connected(
      { requestResponseInformation: true },
      { properties: { responseInformation: 'answers/me' } },
    );
    const asking = client.request('q', 'x', { timeoutMs: false });
    const { filters, packetIdentifier } = await connection.expect('subscribe');
    expect(filters[0]).toMatchObject({ qos: 0 });
    expect(filters[0]?.topicFilter).toMatch(/^answers\/me\/.{16,}$/);
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
    const { properties } = await connection.expect('publish');
    expect(properties?.responseTopic).toBe(filters[0]?.topicFilter);
    connection.send({
      type: 'publish',
      topicName: properties?.responseTopic ?? '',
      payload: encoder.encode('a'),
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
      properties: { correlationData: properties?.correlationData ?? new Uint8Array() },
    });
    expect((await asking).text()).toBe('a');
  });

  test('a higher responseQos subscribes the same topic again; its SUBACK is waited for, and later requests ask no more', async () => {
    const { client, connection } = await connected();
    const ask = async (responseQos: 0 | 1, granted?: 0 | 1) => {
      const asking = client.request('q', 'x', { responseQos, timeoutMs: false });
      const subscribe = granted === undefined ? undefined : await connection.expect('subscribe');
      if (subscribe !== undefined) {
        await turn();
        expect(connection.received.at(-1)).toBe(subscribe);
        connection.send({ type: 'suback', packetIdentifier: subscribe.packetIdentifier, reasonCodes: [granted ?? 0] });
      }
      const { properties } = await connection.expect('publish');
      connection.send({
        type: 'publish',
        topicName: properties?.responseTopic ?? '',
        payload: encoder.encode('answer'),
        qos: 0,
        retain: false,
        dup: false,
        packetIdentifier: 0,
        properties: { correlationData: properties?.correlationData ?? new Uint8Array(0) },
      });
      expect((await asking).text()).toBe('answer');
      return { topic: properties?.responseTopic, asked: subscribe?.filters[0] };
    };
    const first = await ask(0, 0);
    const second = await ask(1, 1);
    expect([first.asked?.qos, second.asked?.qos]).toEqual([0, 1]);
    expect(second.asked?.topicFilter).toBe(first.topic);
    expect(await ask(0)).toEqual({ topic: first.topic, asked: undefined });
    expect(await ask(1)).toEqual({ topic: first.topic, asked: undefined });
    await turn();
    expect(connection.received.map(({ type }) => type)).not.toContain('unsubscribe');
  });

  test('a broker that gives another Response Information gets another response topic, and the old one back', async () => {
    const { broker, client, connection } = await connected(
      { requestResponseInformation: true },
      { properties: { responseInformation: 'old' } },
    );
    const first = error(client.request('q', 'x', { timeoutMs: false }));
    const before = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier: before.packetIdentifier, reasonCodes: [0] });
    await connection.expect('publish');
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true, properties: { responseInformation: 'new' } });
    await next(client, 'connect');
    const second = error(client.request('q', 'x', { timeoutMs: false }));
    const after = await again.expect('subscribe');
    expect(after.filters[0]?.topicFilter).toMatch(/^new\/[0-9a-f]{32}$/);
    again.send({ type: 'suback', packetIdentifier: after.packetIdentifier, reasonCodes: [0] });
    expect((await again.expect('unsubscribe')).topicFilters).toEqual([before.filters[0]?.topicFilter]);
    expect((await again.expect('publish')).properties?.responseTopic).toBe(after.filters[0]?.topicFilter);
    await client.disconnect();
    expect([await first, await second]).toMatchObject([{ code: 'CLOSED' }, { code: 'CLOSED' }]);
  });

  test('a response that overtakes the PUBACK of its request is the answer; the exchange ends by itself', async () => {
    const { client, connection } = await connected();
    const settled = next(client, 'publishSettled');
    const asking = client.request('q', 'x', { qos: 1, timeoutMs: false });
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
    const request = await connection.expect('publish');
    const { responseTopic = '', correlationData = new Uint8Array() } = request.properties ?? {};
    connection.send({
      type: 'publish',
      topicName: responseTopic,
      payload: encoder.encode('a'),
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
      properties: { correlationData },
    });
    expect((await asking).text()).toBe('a');
    connection.send({ type: 'puback', packetIdentifier: request.packetIdentifier, reasonCode: 0 });
    expect(await settled).toMatchObject({ topic: 'q', result: { reasonCode: 0 } });
  });

  test('a throwing responder is a throwing handler; a request without Response Topic is refused with 0x83', async () => {
    const { client, connection } = await connected();
    const errors = record(client, 'handlerError');
    const responding = client.respond(
      'q',
      () => {
        throw new Error('bad');
      },
      { qos: 1 },
    );
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [1] });
    await responding;
    const request = {
      type: 'publish',
      topicName: 'q',
      payload: new Uint8Array(),
      qos: 1,
      retain: false,
      dup: false,
    } as const;
    connection.send({ ...request, packetIdentifier: 1 });
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0x83 });
    expect(errors).toHaveLength(0);
    connection.send({ ...request, packetIdentifier: 2, properties: { responseTopic: 'r' } });
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 2, reasonCode: 0x83 });
    await turn();
    expect(errors).toHaveLength(1);
  });

  test('a refused response subscription: REQUEST_UNSUPPORTED, its cause the refusal', async () => {
    const { client, connection } = await connected();
    const asking = error(client.request('q', 'x'));
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0x87] });
    expect(await asking).toMatchObject({ code: 'REQUEST_UNSUPPORTED', cause: { code: 'SUBSCRIBE_REFUSED' } });
  });

  test('and the next request asks for it again', async () => {
    const { client, connection } = await connected();
    for (const granted of [0x87, 0x00]) {
      const asking = client.request('q', 'x', { timeoutMs: false });
      const failed = error(asking);
      const { packetIdentifier } = await connection.expect('subscribe');
      connection.send({ type: 'suback', packetIdentifier, reasonCodes: [granted] });
      if (granted === 0x87) expect(await failed).toMatchObject({ code: 'REQUEST_UNSUPPORTED' });
      else expect((await connection.expect('publish')).topicName).toBe('q');
    }
  });

  test('a signal that has aborted before: its reason, and nothing was sent', async () => {
    const { client, connection } = await connected();
    expect(await error(client.request('q', 'x', { signal: AbortSignal.abort('before') }))).toBe('before');
    await turn();
    expect(connection.received.map(({ type }) => type)).toEqual(['connect']);
  });

  test('a handler may await a request: it listens at QoS 0', async () => {
    const { one, two } = await overBroker();
    await two.respond('inner', () => 'deep');
    const done = Promise.withResolvers<string>();
    await one.subscribeCallback(
      'outer',
      async () => done.resolve((await one.request('inner', '', { qos: 1 })).text()),
      {
        qos: 1,
      },
    );
    await two.publish('outer', '', { qos: 1 });
    expect(await done.promise).toBe('deep');
  });
});
