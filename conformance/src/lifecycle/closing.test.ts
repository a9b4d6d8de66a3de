// SPDX-License-Identifier: Apache-2.0

import type { ClientEvents } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from './setup.ts';

test('DISCONNECT carries what disconnect() was given, and nothing follows it (T-170) [MQTT-3.14.4-1] [MQTT-3.14.4-2]', async () => {
  const { client, connection } = await connected();
  const closing = client.disconnect({
    reasonCode: 0x04,
    reasonString: 'going home',
    sessionExpiryInterval: 60,
    userProperties: { a: 'b' },
  });
  expect(await connection.expect('disconnect')).toEqual({
    type: 'disconnect',
    reasonCode: 0x04,
    properties: { reasonString: 'going home', sessionExpiryInterval: 60, userProperties: [['a', 'b']] },
  });
  await connection.expectClose();
  await closing;
  expect(client.state).toBe('closed');
});

test('it is idempotent: before connect(), twice at once, and afterwards (S-088)', async () => {
  const { client, connection } = await connected();
  await Promise.all([client.disconnect(), client.disconnect()]);
  await client.disconnect();
  expect(connection.received.filter(({ type }) => type === 'disconnect')).toHaveLength(1);
  const idle = scripted();
  await idle.client.disconnect();
  expect(idle.client.state).toBe('idle');
});

test('a Session Expiry Interval cannot be raised from 0: nothing happens (T-074, V-077) [MQTT-3.14.2-2]', async () => {
  const { client } = await connected({ sessionExpiryInterval: 0 });
  await expect(client.disconnect({ sessionExpiryInterval: 1 })).rejects.toMatchObject({
    code: 'INVALID_SESSION_EXPIRY',
  });
  expect(client.state).toBe('connected');
});

test('a signal that has aborted before: its reason, and the client stays connected', async () => {
  const { client, connection } = await connected();
  await expect(client.disconnect({ signal: AbortSignal.abort('no') })).rejects.toBe('no');
  await turn();
  expect([client.state, connection.received.length]).toEqual(['connected', 1]);
});

test('a broker that does not read is waited for disconnectTimeoutMs, not longer (S-046)', async () => {
  const { client, connection } = await connected({ disconnectTimeoutMs: 20 });
  connection.stall();
  await client.disconnect();
  expect(client.state).toBe('closed');
});

test('it ends a reconnect that waits for CONNACK, in silence (T-165, V-088)', async () => {
  const { broker, client, connection } = await connected();
  connection.drop();
  const second = await broker.accept();
  await second.expect('connect');
  const seen = record(client, 'connectError', 'disconnect');
  await client.disconnect();
  await second.expectClose();
  await turn();
  expect(seen).toEqual([]);
});

test('accepted messages stay in the session: the wait ends with CLOSED, "pending"', async () => {
  const { client, connection } = await connected();
  const publishing = client.publish('a', 'x', { qos: 2 }).catch((error: unknown) => error);
  await connection.expect('publish');
  await client.disconnect();
  expect(await publishing).toMatchObject({ code: 'CLOSED', delivery: 'pending' });
});

test('when the DISCONNECT ends the session they are lost, and said so', async () => {
  const { client, connection } = await connected();
  const publishing = client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
  await connection.expect('publish');
  await client.disconnect({ sessionExpiryInterval: 0 });
  expect(await publishing).toMatchObject({ code: 'SESSION_LOST' });
});

describe('drainTimeoutMs', () => {
  test('waits for open publishes first', async () => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 1 });
    const { packetIdentifier } = await connection.expect('publish');
    const closing = client.disconnect({ drainTimeoutMs: 5_000 });
    await turn();
    expect(connection.received.some(({ type }) => type === 'disconnect')).toBe(false);
    await expect(client.publish('b', 'y')).rejects.toMatchObject({ code: 'CLOSED', delivery: 'notSent' });
    connection.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await publishing;
    await connection.expect('disconnect');
    await closing;
  });

  test('a handler whose own publish it refuses keeps its message: the broker gives it out again', async () => {
    const { broker, client, connection } = await connected({ clientId: 'c' });
    const done = Promise.withResolvers<void>();
    const inbound = { topicName: 'in', payload: Uint8Array.of(1), retain: false, packetIdentifier: 7, qos: 1 } as const;
    let handled = 0;
    const handler = async (): Promise<void> => {
      handled += 1;
      await done.promise;
      await client.publish('out', 'x');
    };
    const subscribing = client.subscribeCallback('in', handler, { qos: 1 });
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [1] });
    await subscribing;
    connection.send({ type: 'publish', ...inbound, dup: false });
    while (handled === 0) await turn();
    const failed = next(client, 'handlerError');
    const closing = client.disconnect({ drainTimeoutMs: 5_000 });
    done.resolve();
    expect(await failed).toMatchObject({ error: { code: 'CLOSED' } });
    await closing;
    expect(connection.received.map(({ type }) => type)).toEqual(['connect', 'subscribe', 'disconnect']);
    client.declare('in', { qos: 1, handler });
    const connecting = client.connect();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    await connecting;
    await second.expect('subscribe');
    second.send({ type: 'publish', ...inbound, dup: true });
    await second.expect('publish');
    expect(await second.expect('puback')).toMatchObject({ packetIdentifier: 7, reasonCode: 0 });
    expect(handled).toBe(2);
  });

  test('not for a publish whose caller has given up', async () => {
    const { client, connection } = await connected();
    const controller = new AbortController();
    const publishing = client.publish('a', 'x', { qos: 1, signal: controller.signal });
    await connection.expect('publish');
    controller.abort('enough');
    await expect(publishing).rejects.toBe('enough');
    const disconnecting = client.disconnect({ drainTimeoutMs: 60_000 });
    await connection.expect('disconnect');
    await disconnecting;
  });

  test('and gives up after that long', async () => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
    await connection.expect('publish');
    await client.disconnect({ drainTimeoutMs: 10 });
    expect(await publishing).toMatchObject({ code: 'CLOSED', delivery: 'pending' });
  });

  test('and at once when the connection is lost: nothing it waits for can come', async () => {
    const { client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
    await connection.expect('publish');
    const closing = client.disconnect({ drainTimeoutMs: 60_000 });
    connection.drop();
    await closing;
    expect(await publishing).toMatchObject({ code: 'CLOSED' });
  });

  test('signal ends the wait of its caller, with its reason; the client closes all the same', async () => {
    const { client, connection } = await connected();
    void client.publish('a', 'x', { qos: 1 }).catch(() => undefined);
    await connection.expect('publish');
    const reason = new Error('hurry');
    const controller = new AbortController();
    const closing = client.disconnect({ drainTimeoutMs: 60_000, signal: controller.signal });
    const closed = next(client, 'close');
    controller.abort(reason);
    await expect(closing).rejects.toBe(reason);
    await closed;
    expect(client.state).toBe('closed');
  });
});

test('await using: the client is closed at the end of the block', async () => {
  const { client } = await connected();
  await client[Symbol.asyncDispose]();
  expect(client.state).toBe('closed');
});

const provoked: Partial<Record<keyof ClientEvents, 'drop' | 'server' | 'takeover' | 'connect'>> = {
  stateChange: 'drop',
  disconnect: 'drop',
  reconnecting: 'drop',
  serverDisconnect: 'server',
  connect: 'connect',
  connectError: 'connect',
  serverRedirect: 'server',
};

test.each(Object.entries(provoked))(
  'disconnect() from a listener of "%s" ends the client (T-175)',
  async (name, how) => {
    let fail = false;
    const { broker, client, connection } = await connected();
    const done = new Promise<void>((resolve) => {
      client.on(name as keyof ClientEvents, () => {
        if (fail) resolve(client.disconnect());
      });
    });
    fail = true;
    if (how === 'server')
      connection.send({ type: 'disconnect', reasonCode: 0x9c, properties: { serverReference: 'x' } });
    else connection.drop();
    if (name === 'connect') await (await broker.accept()).handshake({ sessionPresent: true });
    if (name === 'connectError') {
      const next_ = await broker.accept();
      await next_.expect('connect');
      next_.send({ type: 'connack', sessionPresent: false, reasonCode: 0x88 });
    }
    await done;
    expect(client.state).toBe('closed');
  },
);

describe('called from "drop", which the end of a client raises at once (reliability.md, "Listeners")', () => {
  /** Connected, with a message in a buffer that nobody will read. */
  async function withBuffered() {
    const dialled = await connected();
    const { client, connection } = dialled;
    const subscription = client.declare('a');
    const { packetIdentifier } = await connection.expect('subscribe');
    connection.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
    await subscription.ready();
    const payload = new Uint8Array(1);
    connection.send({
      type: 'publish',
      topicName: 'a',
      payload,
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
    });
    while (subscription.size === 0) await turn();
    return dialled;
  }

  test.each(['disconnect()', '0x8E'])('disconnect(), while the client ends by %s: it ends once', async (how) => {
    const { client, connection } = await withBuffered();
    const inside = new Promise<void>((resolve) => {
      client.on('drop', () => resolve(client.disconnect()));
    });
    const seen = record(client, 'stateChange', 'close');
    const closed = next(client, 'close');
    if (how === 'disconnect()') await client.disconnect();
    else connection.send({ type: 'disconnect', reasonCode: 0x8e });
    await Promise.all([inside, closed]);
    await turn();
    expect(client.state).toBe('closed');
    expect(seen.filter(({ name }) => name === 'close')).toHaveLength(1);
  });

  test.each(['disconnect()', '0x8E'])('connect(), while the client ends by %s: it begins again', async (how) => {
    const { broker, client, connection } = await withBuffered();
    const inside = new Promise<unknown>((resolve) => {
      client.on('drop', () => resolve(client.connect()));
    });
    const seen = record(client, 'close');
    const ending = how === 'disconnect()' ? client.disconnect() : undefined;
    if (ending === undefined) connection.send({ type: 'disconnect', reasonCode: 0x8e });
    await (await broker.accept()).handshake({ sessionPresent: true });
    await Promise.all([inside, ending]);
    expect([client.state, seen.length]).toEqual(['connected', 1]);
  });
});

test('a connect() that fails ends the subscribe() and ready() that wait for it; what was declared stays for the next', async () => {
  const { broker, client } = scripted();
  const connecting = client.connect();
  const declared = client.declare('declared');
  const waits = [connecting, client.subscribe('a'), declared.ready()].map((wait) =>
    wait.then(
      () => 'done',
      (error: { code: string }) => error.code,
    ),
  );
  const first = await broker.accept();
  await first.expect('connect');
  first.send({ type: 'connack', sessionPresent: false, reasonCode: 0x87 });
  expect(await Promise.all(waits)).toEqual(['CONNECT_REFUSED', 'CONNECT_REFUSED', 'CONNECT_REFUSED']);
  expect(declared.closed).toBe(false);
  const again = client.connect();
  const second = await broker.accept();
  await second.handshake();
  await again;
  const { filters, packetIdentifier } = await second.expect('subscribe');
  expect(filters.map(({ topicFilter }) => topicFilter)).toEqual(['declared']);
  second.send({ type: 'suback', packetIdentifier, reasonCodes: [0] });
  await declared.ready();
});

test('operations by state: idle NOT_CONNECTED, closed CLOSED (S-120, S-122)', async () => {
  const { client } = scripted();
  const operations = [
    () => client.publish('a', 'x'),
    () => client.publish('a', 'x', { qos: 1 }),
    () => client.subscribe('a'),
    () => client.subscribeCallback('a', () => undefined),
    () => client.request('a', 'x'),
    () => client.ping(),
  ];
  for (const operation of operations) await expect(operation()).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
  expect(client.tryPublish('a', 'x')).toBe(false);
  const { client: closed } = await connected();
  await closed.disconnect();
  const closedOperations = [
    () => closed.publish('a', 'x'),
    () => closed.publish('a', 'x', { qos: 1 }),
    () => closed.subscribe('a'),
    () => closed.subscribeCallback('a', () => undefined),
    () => closed.request('a', 'x'),
    () => closed.ping(),
  ];
  for (const operation of closedOperations) await expect(operation()).rejects.toMatchObject({ code: 'CLOSED' });
});

test('while reconnecting: QoS 0 and ping say NOT_CONNECTED, QoS 1 and subscribe wait', async () => {
  const { broker, client, connection } = await connected();
  connection.drop();
  await next(client, 'reconnecting');
  await expect(client.publish('a', 'x')).rejects.toMatchObject({ code: 'NOT_CONNECTED', delivery: 'notSent' });
  await expect(client.ping()).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
  const publishing = client.publish('a', 'x', { qos: 1 });
  const subscribing = client.subscribe('b');
  expect([await stateOf(publishing), await stateOf(subscribing)]).toEqual(['pending', 'pending']);
  const second = await broker.accept();
  await second.handshake({ sessionPresent: true });
  const subscribe = await second.expect('subscribe');
  second.send({ type: 'suback', packetIdentifier: subscribe.packetIdentifier, reasonCodes: [0] });
  const publish = await second.expect('publish');
  second.send({ type: 'puback', packetIdentifier: publish.packetIdentifier, reasonCode: 0x10 });
  expect(await publishing).toEqual({ reasonCode: 0x10 });
  await subscribing;
});
