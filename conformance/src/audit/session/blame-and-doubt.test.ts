// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Session engine", sentence by sentence: packets that a broker closes the connection over, and CONNECTs
// nobody knows the end of.

import { describe, expect, test } from 'vitest';
import { connected, turn } from '../../lifecycle/setup.ts';
import { grant, types } from '../setup.ts';
import { inbound } from './setup.ts';

describe('blame', () => {
  test('a third blame names one packet: given up, its identifier taken, the rest delivered, the client connected', async () => {
    const { broker, client, connection } = await connected();
    const good = client.publish('good', 'x', { qos: 1 });
    const bad = client.publish('bad', 'x', { qos: 1 });
    const badOutcome = bad.catch((error: unknown) => error);
    const ids = [await connection.expect('publish'), await connection.expect('publish')].map((p) => p.packetIdentifier);
    connection.send({ type: 'disconnect', reasonCode: 0x90 });
    // Suspects one at a time.
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    expect(await second.expect('publish')).toMatchObject({ topicName: 'good', packetIdentifier: ids[0] });
    await turn();
    expect(types(second)).toEqual(['connect', 'publish']);
    second.send({ type: 'puback', packetIdentifier: ids[0] ?? 0, reasonCode: 0 });
    await good;
    expect(await second.expect('publish')).toMatchObject({ topicName: 'bad', packetIdentifier: ids[1] });
    second.send({ type: 'disconnect', reasonCode: 0x90 });
    const third = await broker.accept();
    await third.handshake({ sessionPresent: true });
    await third.expect('publish');
    third.send({ type: 'disconnect', reasonCode: 0x90 });
    expect(await badOutcome).toMatchObject({ code: 'REJECTED_BY_DISCONNECT', reasonCode: 0x90, filters: [] });
    const fourth = await broker.accept();
    await fourth.handshake({ sessionPresent: true });
    await client.awaitConnection();
    await turn();
    expect(types(fourth)).toEqual(['connect']);
  });

  test('an orderly close counts only while one packet was unanswered; a reset never', async () => {
    const { broker, client, connection } = await connected();
    const publishing = client.publish('bad', 'x', { qos: 1 });
    const outcome = publishing.catch((error: unknown) => error);
    await connection.expect('publish');
    connection.end();
    for (let i = 0; i < 4; i++) {
      const again = await broker.accept();
      await again.handshake({ sessionPresent: true });
      await again.expect('publish');
      again.drop();
    }
    const one = await broker.accept();
    await one.handshake({ sessionPresent: true });
    await one.expect('publish');
    one.end();
    const two = await broker.accept();
    await two.handshake({ sessionPresent: true });
    await two.expect('publish');
    two.end();
    expect(await outcome).toMatchObject({ code: 'REJECTED_BY_DISCONNECT' });
  });

  test('0x83 blames a SUBSCRIBE, not a PUBLISH', async () => {
    const { broker, client, connection } = await connected();
    const publishing = client.publish('fine', 'x', { qos: 1 });
    const subscribing = client.subscribe('bad').catch((error: unknown) => error);
    await connection.expect('publish');
    await connection.expect('subscribe');
    connection.send({ type: 'disconnect', reasonCode: 0x83 });
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const { packetIdentifier } = await second.expect('publish');
    second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await publishing;
    await second.expect('subscribe');
    second.send({ type: 'disconnect', reasonCode: 0x83 });
    const third = await broker.accept();
    await third.handshake({ sessionPresent: true });
    await third.expect('subscribe');
    third.send({ type: 'disconnect', reasonCode: 0x83 });
    expect(await subscribing).toMatchObject({
      code: 'REJECTED_BY_DISCONNECT',
      reasonCode: 0x83,
      filters: [{ filter: 'bad' }],
    });
    const fourth = await broker.accept();
    await fourth.handshake({ sessionPresent: true });
    expect((await client.awaitConnection()).sessionPresent).toBe(true);
  });
});

describe('in doubt: a CONNECT with Clean Start 0 went out and no CONNACK was processed', () => {
  async function doubtful(options: Parameters<typeof connected>[0] = {}) {
    const start = await connected(options);
    const { broker, client, connection } = start;
    const subscribing = client.subscribe([{ filter: 'in', qos: 2, retainHandling: 0 }], { ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    return {
      broker,
      client,
      connection,
      subscription,
      doubt: async () => {
        connection.drop();
        const silent = await broker.accept();
        await silent.expect('connect');
        silent.drop();
        const again = await broker.accept();
        await again.handshake({ sessionPresent: true });
        return again;
      },
    };
  }

  test('(a) every granted filter is subscribed again, with Retain Handling 1 where it was 0', async () => {
    const { doubt } = await doubtful();
    const again = await doubt();
    const { filters } = await again.expect('subscribe');
    expect(filters).toEqual([expect.objectContaining({ topicFilter: 'in', retainHandling: 1 })]);
  });

  test('(b) QoS 2 with DUP 0 under an identifier from before the doubt is a new message; with DUP 1 it is not', async () => {
    const { connection, subscription, doubt } = await doubtful();
    connection.send(inbound(1, 2));
    connection.send(inbound(2, 2));
    (await subscription.receive())?.ack();
    (await subscription.receive())?.ack();
    await connection.expect('pubrec');
    await connection.expect('pubrec');
    const again = await doubt();
    await grant(again);
    again.send(inbound(1, 2, true));
    again.send(inbound(2, 2, false));
    const fresh = await subscription.receive();
    expect(fresh?.packetIdentifier).toBe(2);
    expect(await again.expect('pubrec')).toMatchObject({ packetIdentifier: 1 });
    fresh?.ack();
    expect(await again.expect('pubrec')).toMatchObject({ packetIdentifier: 2 });
    expect(subscription.size).toBe(0);
  });

  test('(c) PUBCOMP 0x92 to a PUBREL resent there is a loss of that message: published again, or SESSION_LOST', async () => {
    for (const sessionLoss of ['republish', 'fail'] as const) {
      const { client, connection, doubt } = await doubtful({ sessionLoss });
      const publishing = client.publish('out', 'x', { qos: 2 });
      const outcome = publishing.catch((error: unknown) => error);
      const { packetIdentifier } = await connection.expect('publish');
      connection.send({ type: 'pubrec', packetIdentifier, reasonCode: 0 });
      await connection.expect('pubrel');
      const again = await doubt();
      await again.expect('pubrel');
      await grant(again);
      again.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0x92 });
      if (sessionLoss === 'fail') {
        expect(await outcome).toMatchObject({ code: 'SESSION_LOST' });
        continue;
      }
      const anew = await again.expect('publish');
      expect(anew.dup).toBe(false);
      again.send({ type: 'pubrec', packetIdentifier: anew.packetIdentifier, reasonCode: 0 });
      await again.expect('pubrel');
      again.send({ type: 'pubcomp', packetIdentifier: anew.packetIdentifier, reasonCode: 0 });
      expect(await outcome).toEqual({ reasonCode: 0 });
    }
  });

  test('without doubt nothing granted is subscribed again on Session Present 1', async () => {
    const { broker, client, connection } = await doubtful();
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await client.awaitConnection();
    await turn();
    expect(types(again)).toEqual(['connect']);
  });
});
