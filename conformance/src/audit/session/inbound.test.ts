// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Session engine", sentence by sentence: when and how inbound messages are acknowledged.

import { describe, expect, test } from 'vitest';
import { connected, next, turn } from '../../lifecycle/setup.ts';
import { grant, types } from '../setup.ts';
import { inbound } from './setup.ts';

describe('acknowledgements of inbound messages', () => {
  test('QoS 1 with DUP 0 under a held identifier of an earlier connection is new; the old handle is a no-op', async () => {
    const { broker, client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    connection.send(inbound(7));
    const old = await subscription.receive();
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    again.send(inbound(7));
    const fresh = await subscription.receive();
    expect(fresh?.dup).toBe(false);
    old?.ack();
    await turn();
    expect(types(again)).toEqual(['connect']);
    fresh?.ack();
    expect(await again.expect('puback')).toMatchObject({ packetIdentifier: 7 });
  });

  test('an ack for a message of an earlier connection goes out when it was resent here, in the new arrival order', async () => {
    const { broker, client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    connection.send(inbound(1));
    connection.send(inbound(2));
    const first = await subscription.receive();
    const second = await subscription.receive();
    connection.drop();
    await next(client, 'disconnect');
    first?.ack();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    // The other way round this time.
    again.send(inbound(2, 1, true));
    again.send(inbound(1, 1, true));
    await turn();
    expect(types(again)).toEqual(['connect']);
    second?.ack();
    expect(await again.expect('puback')).toMatchObject({ packetIdentifier: 2 });
    expect(await again.expect('puback')).toMatchObject({ packetIdentifier: 1 });
    expect(subscription.size).toBe(0);
  });

  test('with several handles the broker gets 0x00 if any accepted, else the code of the first refusal', async () => {
    const { client, connection } = await connected({}, { properties: { subscriptionIdentifierAvailable: false } });
    const opening = [
      client.subscribe('in', { qos: 1, ack: 'manual' }),
      client.subscribe('+', { qos: 1, ack: 'manual' }),
    ];
    await grant(connection);
    await grant(connection);
    const [a, b] = await Promise.all(opening);
    connection.send(inbound(1));
    connection.send(inbound(2));
    const one = [await a?.receive(), await b?.receive()];
    const two = [await a?.receive(), await b?.receive()];
    one[1]?.ack(0x83);
    two[0]?.ack(0x97);
    two[1]?.ack(0x99);
    one[0]?.ack(0x00);
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 2, reasonCode: 0x97 });
  });

  test('ack takes 00 80 83 87 90 91 97 99, anything else throws INVALID_OPTION and answers nothing', async () => {
    const { client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    for (const [i, code] of ([0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] as const).entries()) {
      connection.send(inbound(i + 1));
      const message = await subscription.receive();
      for (const wrong of [0x10, 0x92, 1, -1, Number.NaN, '0', null]) {
        expect(() => message?.ack(wrong as 0)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
      }
      expect(message?.acknowledged).toBe(false);
      message?.ack(code);
      expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: i + 1, reasonCode: code });
    }
  });

  test('QoS 2 refused: PUBREC with the code ends it, and the identifier is free for a new message', async () => {
    const { client, connection } = await connected();
    const subscribing = client.subscribe('in', { qos: 2, ack: 'manual' });
    await grant(connection);
    const subscription = await subscribing;
    connection.send(inbound(1, 2));
    (await subscription.receive())?.ack(0x87);
    expect(await connection.expect('pubrec')).toMatchObject({ reasonCode: 0x87 });
    connection.send(inbound(1, 2));
    (await subscription.receive())?.ack();
    expect(await connection.expect('pubrec')).toMatchObject({ reasonCode: 0 });
    connection.send({ type: 'pubrel', packetIdentifier: 1, reasonCode: 0 });
    expect(await connection.expect('pubcomp')).toMatchObject({ reasonCode: 0 });
  });

  test('Receive Maximum counts what arrived on this connection: a resend on the next one counts there, once', async () => {
    const { broker, client, connection } = await connected({ receiveMaximum: 2 });
    const subscribing = client.subscribe('in', { qos: 1, ack: 'manual' });
    await grant(connection);
    await subscribing;
    connection.send(inbound(1));
    connection.send(inbound(2));
    await turn();
    connection.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    for (const id of [1, 2, 1, 2]) again.send(inbound(id, 1, true));
    await turn();
    expect(client.connected).toBe(true);
    again.send(inbound(3));
    expect(await again.expect('disconnect')).toMatchObject({ reasonCode: 0x93 });
  });
});
