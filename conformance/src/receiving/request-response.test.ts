// SPDX-License-Identifier: Apache-2.0
//
// Request and response with a foreign client (MQTT.js) at the other end, both ways round: what is on the wire is what the
// standard says, not what we agreed with ourselves.

import { connect } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';
import mqtt, { type IPublishPacket } from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';

async function setUp() {
  const broker = await startBroker();
  const client = await connect(broker.url);
  const foreign = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
  onTestFinished(async () => {
    await client.disconnect();
    await foreign.endAsync();
    await broker.close();
  });
  return { broker, client, foreign };
}

test('our request is answered by a foreign responder (§4.10)', async () => {
  const { client, foreign } = await setUp();
  foreign.on('message', (_topic, payload, packet: IPublishPacket) => {
    const { responseTopic, correlationData } = packet.properties ?? {};
    if (responseTopic === undefined || correlationData === undefined) throw new TypeError('not a request');
    foreign.publish(responseTopic, `${payload.toString()} indeed`, { properties: { correlationData } });
  });
  await foreign.subscribeAsync('service');
  const responses = await Promise.all(['one', 'two', 'three'].map((body) => client.request('service', body)));
  expect(responses.map((response) => response.text())).toEqual(['one indeed', 'two indeed', 'three indeed']);
});

test('our responder answers a foreign request, with its Correlation Data, at its QoS', async () => {
  const { client, foreign } = await setUp();
  await client.respond('service', (request) => `${request.text()} indeed`, { qos: 1 });
  const answered = new Promise<IPublishPacket>((resolve) => {
    foreign.on('message', (_topic, _payload, packet) => resolve(packet));
  });
  await foreign.subscribeAsync('answers/7', { qos: 1 });
  const correlationData = Buffer.from([0, 1, 2, 255]);
  await foreign.publishAsync('service', 'one', { qos: 1, properties: { responseTopic: 'answers/7', correlationData } });
  const { payload, qos, properties } = await answered;
  expect(String(payload)).toBe('one indeed');
  expect(qos).toBe(1);
  expect(properties?.correlationData).toEqual(correlationData);
});

test('the response topic is under Response Information where the broker gives it, else under a prefix nobody can guess', async () => {
  const topics: string[] = [];
  for (const responseInformation of ['answers/of/c1', undefined]) {
    const broker = await startBroker(
      responseInformation === undefined ? {} : { connackProperties: { responseInformation } },
    );
    const client = await connect(broker.url, { clientId: 'c1', requestResponseInformation: true });
    const responder = await connect(broker.url);
    onTestFinished(async () => {
      await Promise.all([client.disconnect(), responder.disconnect()]);
      await broker.close();
    });
    await responder.respond('service', (request) => {
      topics.push(request.properties.responseTopic ?? '');
      return 'done';
    });
    await client.request('service', '');
    await client.request('service', '');
  }
  expect(topics[0]).toMatch(/^answers\/of\/c1\/[0-9a-f]{32}$/);
  expect(topics[2]).toMatch(/^mqttv5\/responses\/c1\/[0-9a-f]{32}$/);
  // One response subscription a client.
  expect([topics[1], topics[3]]).toEqual([topics[0], topics[2]]);
});

test('a broker that refuses the response topic makes it REQUEST_UNSUPPORTED, and no listener stays behind', async () => {
  const broker = await startBroker({ authorize: ({ action }) => action === 'publish' });
  const client = await connect(broker.url);
  onTestFinished(async () => {
    await client.disconnect();
    await broker.close();
  });
  await expect(client.request('service', '')).rejects.toMatchObject({
    code: 'REQUEST_UNSUPPORTED',
    cause: { code: 'SUBSCRIBE_REFUSED' },
  });
});

test('many requests in flight find their own answers, and a late one finds nobody', async () => {
  const { client } = await setUp();
  const held: (() => void)[] = [];
  await client.respond(
    'service',
    async (request) => {
      if (request.text() === 'late') {
        await new Promise<void>((resolve) => {
          held.push(resolve);
        });
      }
      return request.payload;
    },
    { concurrency: Infinity },
  );
  const late = client.request('service', 'late', { timeoutMs: 30 });
  await expect(late).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  for (const release of held) release();
  const bodies = Array.from({ length: 500 }, (_, number) => String(number));
  const responses = await Promise.all(bodies.map((body) => client.request('service', body)));
  expect(responses.map((response) => response.text())).toEqual(bodies);
});

test('signal and disconnect() end the wait; a throwing responder is a throwing handler', async () => {
  const { client } = await setUp();
  const reason = new Error('enough');
  const controller = new AbortController();
  const aborted = client.request('nobody', '', { signal: controller.signal });
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);

  const failure = new Error('of the responder');
  const failed = new Promise((resolve) => {
    client.on('handlerError', resolve);
  });
  await client.respond('failing', () => {
    throw failure;
  });
  const unanswered = client.request('failing', '').catch((error: unknown) => error);
  expect(await failed).toMatchObject({ error: failure });
  await client.disconnect();
  expect(await unanswered).toMatchObject({ code: 'CLOSED' });
});

test('a request without Response Topic is refused with 0x83', async () => {
  const answers: number[] = [];
  let answered: () => void = () => undefined;
  const complete = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const broker = await startBroker({
    intercept: (direction, packet) => {
      if (direction !== 'in' || packet.type !== 'puback') return;
      answers.push(packet.reasonCode);
      answered();
    },
  });
  const client = await connect(broker.url);
  onTestFinished(async () => {
    await client.disconnect();
    await broker.close();
  });
  await client.respond('service', () => 'never', { qos: 1 });
  broker.publish('service', 'no way back', { qos: 1 });
  await complete;
  expect(answers).toEqual([0x83]);
});
