// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Subscriptions": what several subscriptions share, over drops, refusals and lost sessions.

import { constantBackoff } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected, next, record, stateOf, turn } from '../lifecycle/setup.ts';
import { error, grant, types } from './setup.ts';

function inbound(id: number, topicName: string, identifiers?: readonly number[], dup = false) {
  const packet = {
    type: 'publish',
    topicName,
    payload: new Uint8Array(1),
    qos: id === 0 ? 0 : 1,
    retain: false,
    dup,
    packetIdentifier: id,
  } as const;
  return identifiers === undefined ? packet : { ...packet, properties: { subscriptionIdentifiers: identifiers } };
}

describe('refusals concern whoever asked', () => {
  test('a refused call does not unsubscribe what another subscription holds', async () => {
    const { client, connection } = await connected();
    const holding = client.subscribe('x', { qos: 1 });
    await grant(connection);
    const holder = await holding;
    const asking = error(client.subscribe(['x', 'bad']));
    // One SUBSCRIBE per identifier: the filters have different holders.
    await grant(connection, 0);
    await grant(connection, 0x87);
    expect(await asking).toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    await turn();
    expect(types(connection)).not.toContain('unsubscribe');
    connection.send(inbound(0, 'x'));
    await turn();
    expect(holder.size).toBe(1);
  });

  test('a refused second SUBSCRIBE of a filter leaves the first subscription live', async () => {
    const { client, connection } = await connected();
    const holding = client.subscribe('x', { qos: 1 });
    const first = await grant(connection);
    const holder = await holding;
    const asking = error(client.subscribe('x', { qos: 2 }));
    await grant(connection, 0x97);
    expect(await asking).toMatchObject({ code: 'SUBSCRIBE_REFUSED', results: [{ filter: 'x', reasonCode: 0x97 }] });
    expect(holder.closed).toBe(false);
    connection.send(inbound(0, 'x', [first.properties?.subscriptionIdentifier ?? 0]));
    await turn();
    expect(holder.size).toBe(1);
    const ending = holder.unsubscribe();
    const { packetIdentifier } = await connection.expect('unsubscribe');
    connection.send({ type: 'unsuback', packetIdentifier, reasonCodes: [0] });
    await ending;
  });

  test('UNSUBACK of 0x80 and above rejects unsubscribe(); 0x11 does not; the stream has ended in either case', async () => {
    for (const [code, outcome] of [
      [0x11, undefined],
      [0x87, { code: 'UNSUBSCRIBE_REFUSED', results: [{ filter: 'x', reasonCode: 0x87 }] }],
    ] as const) {
      const { client, connection } = await connected();
      const subscribing = client.subscribe('x');
      await grant(connection);
      const subscription = await subscribing;
      const ending = error(subscription.unsubscribe());
      const { packetIdentifier } = await connection.expect('unsubscribe');
      expect(subscription.closed).toBe(true);
      connection.send({ type: 'unsuback', packetIdentifier, reasonCodes: [code] });
      const reason = await ending;
      if (outcome === undefined) expect(reason).toBeUndefined();
      else expect(reason).toMatchObject(outcome);
    }
  });
});

describe('lost sessions', () => {
  test('everything is subscribed again: one SUBSCRIBE per identifier, oldest first, all in one write, newest options', async () => {
    const { broker, client, connection } = await connected();
    const opening = [
      client.subscribe(['one', 'two'], { qos: 0 }),
      client.subscribe('three', { qos: 1 }),
      client.subscribe('one', { qos: 2 }),
    ];
    for (const _ of opening) await grant(connection);
    await Promise.all(opening);
    connection.drop();
    await next(client, 'disconnect');
    const late = client.subscribe('late');
    const again = await broker.accept();
    await again.handshake();
    const asked: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const { filters, properties } = await grant(again);
      expect(properties?.subscriptionIdentifier).toBeGreaterThan(0);
      asked.push(filters.map(({ topicFilter, qos }) => `${topicFilter} ${qos}`));
    }
    await late;
    expect(asked).toEqual([['two 0'], ['three 1'], ['one 2'], ['late 0']]);
    await turn();
    expect(types(again)).toHaveLength(5);
  });

  test('an open UNSUBSCRIBE resolves, and the filter is not subscribed again', async () => {
    const { broker, client, connection } = await connected();
    const opening = [client.subscribe('keep'), client.subscribe('gone')];
    await grant(connection);
    await grant(connection);
    const [, gone] = await Promise.all(opening);
    const ending = gone?.unsubscribe();
    await connection.expect('unsubscribe');
    connection.drop();
    const again = await broker.accept();
    await again.handshake();
    expect((await grant(again)).filters.map(({ topicFilter }) => topicFilter)).toEqual(['keep']);
    await ending;
    await turn();
    expect(types(again)).toEqual(['connect', 'subscribe']);
  });

  test('an open subscribe() is asked again and resolves with the new answer', async () => {
    const { broker, client, connection } = await connected();
    const subscribing = client.subscribe('a', { qos: 2 });
    await connection.expect('subscribe');
    connection.drop();
    const again = await broker.accept();
    await again.handshake();
    await grant(again, 1);
    expect((await subscribing).results).toEqual([{ filter: 'a', reasonCode: 1 }]);
    expect(types(again)).toEqual(['connect', 'subscribe']);
  });
});

describe('withdrawals', () => {
  test('a subscribe() that is aborted before it was sent is never sent', async () => {
    const { broker, client, connection } = await connected({ reconnect: constantBackoff(20) });
    connection.drop();
    await next(client, 'reconnecting');
    const abort = new AbortController();
    const subscribing = error(client.subscribe('a', { signal: abort.signal }));
    abort.abort('no');
    expect(await subscribing).toBe('no');
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await client.awaitConnection();
    await turn();
    expect(types(again)).toEqual(['connect']);
  });

  test('one that is aborted after it was sent, and before the drop: taken back on the resumed session', async () => {
    const { broker, client, connection } = await connected();
    const abort = new AbortController();
    const subscribing = error(client.subscribe('a', { signal: abort.signal }));
    await connection.expect('subscribe');
    abort.abort('no');
    await subscribing;
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    const packet = await again.expect('unsubscribe');
    expect(packet.topicFilters).toEqual(['a']);
  });

  test('the signal of subscribe() is for the SUBACK, not for the subscription', async () => {
    const { client, connection } = await connected();
    const abort = new AbortController();
    const subscribing = client.subscribe('a', { signal: abort.signal });
    await grant(connection);
    const subscription = await subscribing;
    abort.abort();
    connection.send(inbound(0, 'a'));
    await turn();
    expect([subscription.closed, subscription.size]).toEqual([false, 1]);
  });

  test('receive() that is aborted loses no message', async () => {
    const { client, connection } = await connected();
    const subscribing = client.subscribe('a');
    await grant(connection);
    const subscription = await subscribing;
    const abort = new AbortController();
    const receiving = error(subscription.receive({ signal: abort.signal }));
    abort.abort('late');
    connection.send(inbound(0, 'a'));
    expect(await receiving).toBe('late');
    await turn();
    expect(subscription.size).toBe(1);
  });
});

describe('several handles', () => {
  test('the answer waits for every one; unsubscribe() of one gives its share, the loop of the other the last', async () => {
    const { client, connection } = await connected();
    const opening = [client.subscribe('a', { qos: 1 }), client.subscribe('a', { qos: 1, ack: 'manual' })];
    await grant(connection);
    const { properties } = await grant(connection);
    const [one, two] = await Promise.all(opening);
    connection.send(inbound(1, 'a', [properties?.subscriptionIdentifier ?? 0]));
    const message = await two?.receive();
    message?.ack(0x97);
    await turn();
    expect(types(connection)).not.toContain('puback');
    one?.unsubscribe().catch(() => undefined);
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    expect(one?.dropped).toBe(1);
  });

  test('over a reconnect: a resend is given to none of them again, one answer leaves', async () => {
    const { broker, client, connection } = await connected();
    const opening = [
      client.subscribe('a', { qos: 1, ack: 'manual' }),
      client.subscribe('a', { qos: 1, ack: 'manual' }),
    ];
    await grant(connection);
    const { properties } = await grant(connection);
    const [one, two] = await Promise.all(opening);
    const identifiers = [properties?.subscriptionIdentifier ?? 0];
    connection.send(inbound(1, 'a', identifiers));
    const messages = [await one?.receive(), await two?.receive()];
    messages[0]?.ack(0x80);
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    again.send(inbound(1, 'a', identifiers, true));
    await turn();
    expect([one?.size, two?.size]).toEqual([0, 0]);
    expect(types(again)).toEqual(['connect']);
    messages[1]?.ack(0x83);
    expect(await again.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0x80 });
  });
});

test('dispose never waits for a connection and never rejects for lack of one', async () => {
  const { client, connection } = await connected({ reconnect: constantBackoff(60_000) });
  const opening = [client.subscribe('a'), client.subscribe('b')];
  await grant(connection);
  await grant(connection);
  const [a, b] = await Promise.all(opening);
  const waiting = Promise.resolve(a?.[Symbol.asyncDispose]());
  await connection.expect('unsubscribe');
  expect(await stateOf(waiting)).toBe('pending');
  connection.drop();
  await waiting;
  await b?.[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
  expect(client.state).toBe('closed');
});

test('ready(): granted, refused, ended; more than once, and with a signal of its own', async () => {
  const { client, connection } = await connected();
  const events = record(client, 'subscribeError');
  const subscription = client.declare('a', { qos: 1 });
  expect(await error(subscription.ready({ signal: AbortSignal.abort('x') }))).toBe('x');
  const both = Promise.all([subscription.ready(), subscription.ready()]);
  await grant(connection);
  await both;
  await subscription.ready();
  const open = client.declare('b');
  const waiting = error(open.ready());
  await connection.expect('subscribe');
  await client.disconnect();
  expect(await waiting).toMatchObject({ code: 'CLOSED' });
  expect(open.error).toBeUndefined();
  expect(events).toEqual([]);
});
