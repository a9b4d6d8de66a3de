// SPDX-License-Identifier: Apache-2.0
//
// CONNECT and CONNACK (§3.1, §3.2).
import { describe, expect, test } from 'vitest';
import type { ConnectPacket } from '@mqttv5/wire';
import { ManualClock, startBroker } from '../src/index.ts';
import { gate } from './events.ts';
import { RawClient } from './raw-client.ts';

const encoder = new TextEncoder();
const will: NonNullable<ConnectPacket['will']> = {
  topicName: 'w',
  payload: encoder.encode('x'),
  qos: 0,
  retain: false,
};

describe('what is no CONNECT', () => {
  test('a packet before CONNECT closes the connection without an answer [MQTT-3.14.0-1] [MQTT-3.2.0-1]', async () => {
    await using broker = await startBroker();
    const client = await RawClient.open(broker.url);
    client.send({ type: 'pingreq' });
    await client.expectEnd();
  });

  test('a broken CONNECT never gets a DISCONNECT, and bytes that are not MQTT no answer at all [MQTT-3.1.4-1]', async () => {
    await using broker = await startBroker();
    const client = await RawClient.open(broker.url);
    client.sendBytes(encoder.encode('GET / HTTP/1.1\r\n\r\n'));
    await client.expectEnd();
  });

  test.each([
    ['protocol name MQTZ [MQTT-3.1.2-1]', '10 0d 0004 4d51545a 05 02 003c 00 0000', 0x84],
    ['protocol version 4 [MQTT-3.1.2-2]', '10 0c 0004 4d515454 04 02 003c 0000', 0x84],
    ['the reserved connect flag set [MQTT-3.1.2-3]', '10 0d 0004 4d515454 05 03 003c 00 0000', 0x81],
    ['flags in its fixed header [MQTT-2.1.3-1]', '11 0d 0004 4d515454 05 02 003c 00 0000', undefined],
    ['a ClientID that is not UTF-8 [MQTT-1.5.4-1]', '10 0f 0004 4d515454 05 02 003c 00 0002 c328', 0x81],
    ['a ClientID with U+0000 [MQTT-1.5.4-2]', '10 0f 0004 4d515454 05 02 003c 00 0002 6100', 0x81],
    ['Receive Maximum 0', '10 10 0004 4d515454 05 02 003c 03 210000 0000', 0x82],
  ])('CONNECT with %s is refused and the connection closed [MQTT-3.2.2-7]', async (_name, hex, reasonCode) => {
    await using broker = await startBroker();
    const client = await RawClient.open(broker.url);
    client.sendHex(hex);
    if (reasonCode !== undefined) {
      expect(await client.expect('connack')).toMatchObject({ reasonCode, sessionPresent: false });
    }
    await client.expectEnd();
    expect(broker.clients).toEqual([]);
  });

  test('a client that does not send CONNECT in time is let go', async () => {
    const clock = new ManualClock();
    await using broker = await startBroker({ clock, connectTimeoutMs: 3_000 });
    const { signal } = new AbortController();
    const connection = await broker.dial(new URL(broker.url), { signal });
    const closed = gate<void>();
    connection.start({ data: () => {}, drain: () => {}, close: () => closed.open() });
    clock.advance(2_999);
    expect(clock.pending).toBe(1);
    clock.advance(1);
    await closed.promise;
    expect(clock.pending).toBe(0);
  });

  test('a second CONNECT is a Protocol Error [MQTT-3.1.0-2] [MQTT-4.13.1-1]', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    client.send({ type: 'connect', clientId: 'raw', cleanStart: true, keepAlive: 0 });
    await client.expectDisconnect(0x82);
  });
});

describe('who connects', () => {
  test('CONNECT is answered by one CONNACK 0x00 with Session Present 0 [MQTT-3.1.4-5] [MQTT-3.2.0-2] [MQTT-3.2.2-1] [MQTT-3.2.2-2]', async () => {
    await using broker = await startBroker();
    const [client, connack] = await RawClient.connect(broker.url);
    expect(connack).toMatchObject({ reasonCode: 0, sessionPresent: false });
    await client.expectQuiet();
  });

  test.each([
    'a',
    'abcdefghijklmnopqrstuvw',
    'ABCDEFGHIJKLMNOPQRSTUVW',
    '01234567890123456789012',
    'z'.repeat(500),
    'ä/#',
  ])('the ClientID %s is accepted [MQTT-3.1.3-5]', async (clientId) => {
    await using broker = await startBroker();
    const [, connack] = await RawClient.connect(broker.url, { clientId });
    expect(connack.reasonCode).toBe(0);
    expect(broker.clients).toMatchObject([{ clientId, connected: true }]);
  });

  test('an empty ClientID gets a unique one, reported in CONNACK [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]', async () => {
    await using broker = await startBroker();
    const [, first] = await RawClient.connect(broker.url, { clientId: '' });
    const [, second] = await RawClient.connect(broker.url, { clientId: '', cleanStart: false });
    const ids = [first, second].map((connack) => connack.properties?.assignedClientIdentifier);
    expect(new Set(ids).size).toBe(2);
    expect(broker.clients.map((client) => client.clientId)).toEqual(ids);
  });

  test('an assigned ClientID finds its session again [MQTT-3.1.3-7] [MQTT-3.1.3-2]', async () => {
    await using broker = await startBroker();
    const [first, connack] = await RawClient.persistent(broker.url, '', true);
    await first.disconnect();
    const clientId = connack.properties?.assignedClientIdentifier ?? 'none';
    const [, again] = await RawClient.persistent(broker.url, clientId, false);
    expect(again.sessionPresent).toBe(true);
    expect(again.properties?.assignedClientIdentifier).toBeUndefined();
  });

  test('assignedClientIdentifier is given to clients without one, and once only [MQTT-3.2.2-16]', async () => {
    await using broker = await startBroker({ connackProperties: { assignedClientIdentifier: 'guest' } });
    const [, named] = await RawClient.connect(broker.url, { clientId: 'named' });
    const [, first] = await RawClient.connect(broker.url, { clientId: '' });
    const [, second] = await RawClient.connect(broker.url, { clientId: '' });
    expect(named.properties?.assignedClientIdentifier).toBeUndefined();
    expect(first.properties?.assignedClientIdentifier).toBe('guest');
    expect(second.properties?.assignedClientIdentifier).toMatch(/^guest-./);
  });

  test('the older connection of a ClientID gets 0x8E and is closed [MQTT-3.1.4-3]', async () => {
    await using broker = await startBroker();
    const [older] = await RawClient.connect(broker.url);
    const [newer] = await RawClient.connect(broker.url);
    await older.expectDisconnect(0x8e);
    await newer.expectQuiet();
  });
});

describe('authenticate', () => {
  test.each([
    ['true', true, 0],
    ['0', 0, 0],
    ['false: Bad User Name or Password', false, 0x86],
    ['0x85: ClientID not valid [MQTT-3.1.3-8]', 0x85, 0x85],
    ['0x8A: Banned', 0x8a, 0x8a],
    ['a code that is no refusal', 0x10, 0x83],
    ['a code that no CONNACK has [MQTT-3.2.2-8]', 0x8e, 0x83],
    ['a promise of false', Promise.resolve(false), 0x86],
    ['a promise of true', Promise.resolve(true), 0],
  ])('answers %s', async (_name, answer, reasonCode) => {
    await using broker = await startBroker({ authenticate: () => answer });
    const [client, connack] = await RawClient.connect(broker.url, { clientId: 'c', username: 'u' });
    // [MQTT-3.2.2-6]
    expect(connack).toMatchObject({ reasonCode, sessionPresent: false });
    if (reasonCode === 0) await client.expectQuiet();
    else await client.expectEnd();
    expect(broker.clients).toHaveLength(reasonCode === 0 ? 1 : 0);
  });

  test('sees ClientID, user name and password; a failed check closes the connection [MQTT-3.1.4-2]', async () => {
    const seen: unknown[] = [];
    await using broker = await startBroker({
      authenticate: (connect) => {
        seen.push(connect);
        return connect.username === 'ann' && Buffer.from(connect.password ?? []).toString() === 'secret';
      },
    });
    const password = encoder.encode('secret');
    const [, good] = await RawClient.connect(broker.url, { clientId: 'c', username: 'ann', password });
    const [bad, refused] = await RawClient.connect(broker.url, { clientId: 'd' });
    expect([good.reasonCode, refused.reasonCode]).toEqual([0, 0x86]);
    await bad.expectEnd();
    expect(seen).toEqual([
      { clientId: 'c', username: 'ann', password },
      { clientId: 'd', username: undefined, password: undefined },
    ]);
    expect(broker.clients).toMatchObject([{ username: 'ann' }]);
  });

  test('that throws refuses with 0x83 and is logged', async () => {
    const errors: string[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => void errors.push(message) };
    await using broker = await startBroker({
      logger,
      authenticate: ({ clientId }) => {
        if (clientId === 'later') return Promise.reject(new Error('later'));
        throw new Error('now');
      },
    });
    expect((await RawClient.connect(broker.url, { clientId: 'now' }))[1].reasonCode).toBe(0x83);
    expect((await RawClient.connect(broker.url, { clientId: 'later' }))[1].reasonCode).toBe(0x83);
    expect(errors).toEqual(['authenticate threw', 'authenticate threw']);
  });

  test('what a refused client sent along is ignored [MQTT-3.1.4-6]', async () => {
    await using broker = await startBroker({ authenticate: ({ clientId }) => Promise.resolve(clientId === 'good') });
    const [subscriber] = await RawClient.connect(broker.url, { clientId: 'good' });
    await subscriber.subscribe('#');
    const refused = await RawClient.open(broker.url);
    refused.send(
      { type: 'connect', clientId: 'bad', cleanStart: true, keepAlive: 0 },
      { ...will, type: 'publish', dup: false, packetIdentifier: 0 },
    );
    expect((await refused.expect('connack')).reasonCode).toBe(0x86);
    await refused.expectEnd();
    await subscriber.expectQuiet();
  });

  test('what follows CONNECT at once is answered after CONNACK, however long that takes [MQTT-3.2.0-1]', async () => {
    const answer = gate<boolean>();
    await using broker = await startBroker({ authenticate: () => answer.promise });
    const client = await RawClient.open(broker.url);
    client.send({ type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 0 }, { type: 'pingreq' });
    answer.open(true);
    await client.expect('connack');
    await client.expect('pingresp');
  });
});

describe('CONNACK properties', () => {
  test('what connackProperties says is announced', async () => {
    const announced = {
      sessionExpiryInterval: 60,
      receiveMaximum: 10,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 1000,
      topicAliasMaximum: 5,
      reasonString: 'welcome',
      userProperties: [
        ['a', '1'],
        ['a', '2'],
      ],
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifierAvailable: false,
      sharedSubscriptionAvailable: false,
      serverKeepAlive: 33,
    } as const;
    await using broker = await startBroker({ connackProperties: announced });
    const [, connack] = await RawClient.connect(broker.url);
    expect(connack.properties).toEqual(announced);
  });

  test('Response Information only goes to clients that asked for it [MQTT-3.1.2-28]', async () => {
    await using broker = await startBroker({ connackProperties: { responseInformation: 'replies/' } });
    const [, silent] = await RawClient.connect(broker.url);
    const [, asked] = await RawClient.connect(broker.url, { properties: { requestResponseInformation: true } });
    expect(silent.properties?.responseInformation).toBeUndefined();
    expect(asked.properties?.responseInformation).toBe('replies/');
  });

  test('Reason String and User Property are left out if they would not fit [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.1.2-24]', async () => {
    await using broker = await startBroker({
      connackProperties: { reasonString: 'r'.repeat(100), userProperties: [['n', 'v'.repeat(100)]], receiveMaximum: 7 },
    });
    const [, connack] = await RawClient.connect(broker.url, { properties: { maximumPacketSize: 50 } });
    expect(connack.properties?.receiveMaximum).toBe(7);
    expect(connack.properties?.reasonString).toBeUndefined();
    expect(connack.properties?.userProperties).toBeUndefined();
  });

  test('a will above Maximum QoS is refused with 0x9B [MQTT-3.2.2-9] [MQTT-3.2.2-12]', async () => {
    await using broker = await startBroker({ connackProperties: { maximumQoS: 1 } });
    const [client, connack] = await RawClient.connect(broker.url, { will: { ...will, qos: 2 } });
    expect(connack.reasonCode).toBe(0x9b);
    await client.expectEnd();
  });

  test('a retained will without retained messages is refused with 0x9A [MQTT-3.2.2-13]', async () => {
    await using broker = await startBroker({ connackProperties: { retainAvailable: false } });
    const [client, connack] = await RawClient.connect(broker.url, { will: { ...will, retain: true } });
    expect(connack.reasonCode).toBe(0x9a);
    await client.expectEnd();
  });
});

describe('redirection (§4.11)', () => {
  test('CONNECT is answered with 0x9C or 0x9D and a Server Reference', async () => {
    await using broker = await startBroker({
      redirect: ({ clientId }) => {
        if (clientId === 'stay') return undefined;
        if (clientId === 'move') return { reasonCode: 0x9d, serverReference: 'new:1883 newer:1883' };
        return {};
      },
    });
    const [, stays] = await RawClient.connect(broker.url, { clientId: 'stay' });
    const [moving, moved] = await RawClient.connect(broker.url, { clientId: 'move' });
    const [, elsewhere] = await RawClient.connect(broker.url, { clientId: 'other' });
    expect(stays.reasonCode).toBe(0);
    expect(moved).toMatchObject({ reasonCode: 0x9d, properties: { serverReference: 'new:1883 newer:1883' } });
    await moving.expectEnd();
    expect(elsewhere.reasonCode).toBe(0x9c);
    expect(elsewhere.properties?.serverReference).toBeUndefined();
  });

  test('serverReference of connackProperties goes with a refusal of 0x9C, and with no welcome', async () => {
    await using broker = await startBroker({
      connackProperties: { serverReference: 'other' },
      authenticate: ({ clientId }) => (clientId === 'away' ? 0x9c : true),
    });
    const [, away] = await RawClient.connect(broker.url, { clientId: 'away' });
    const [, welcome] = await RawClient.connect(broker.url, { clientId: 'here' });
    expect(away).toMatchObject({ reasonCode: 0x9c, properties: { serverReference: 'other' } });
    expect(welcome.properties?.serverReference).toBeUndefined();
  });

  test('a connected client is sent away with disconnect', async () => {
    await using broker = await startBroker();
    const [client] = await RawClient.connect(broker.url);
    broker.disconnect('raw', 0x9c, { serverReference: 'other:1883', reasonString: 'maintenance' });
    expect(await client.expectDisconnect(0x9c)).toMatchObject({
      properties: { serverReference: 'other:1883', reasonString: 'maintenance' },
    });
  });

  test('and without a Server Reference of its own to the one of connackProperties, in a redirection only', async () => {
    await using broker = await startBroker({ connackProperties: { serverReference: 'spare:1883' } });
    for (const [code, properties] of [
      [0x9d, { serverReference: 'spare:1883' }],
      [0x98, undefined],
    ] as const) {
      const [client] = await RawClient.connect(broker.url);
      broker.disconnect('raw', code);
      expect((await client.expectDisconnect(code)).properties).toEqual(properties);
    }
  });
});
