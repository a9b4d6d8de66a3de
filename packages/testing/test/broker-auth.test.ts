// SPDX-License-Identifier: Apache-2.0
//
// Enhanced authentication (§4.12).
import { describe, expect, test } from 'vitest';
import type { AuthProperties, ConnackPacket, ConnectPacket } from '@mqttv5/wire';
import { startBroker } from '../src/index.ts';
import type { Broker, BrokerAuthMethod } from '../src/index.ts';
import { RawClient } from './raw-client.ts';

const text = (data: Uint8Array | undefined): string => Buffer.from(data ?? []).toString();
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Asks for a password twice, then says good bye with data. */
const twice: BrokerAuthMethod = {
  begin(exchange, data) {
    exchange.state = 0;
    if (text(data) === 'now') return { type: 'success' };
    if (text(data) === 'throw') throw new Error('broken');
    return { type: 'challenge', data: bytes(`hello ${exchange.clientId}${exchange.reauthentication ? ' again' : ''}`) };
  },
  continue(exchange, data) {
    exchange.state = Number(exchange.state) + 1;
    if (text(data) === 'wrong') return { type: 'refuse', reasonString: 'no such thing' };
    if (text(data) === 'banned') return Promise.resolve({ type: 'refuse', reasonCode: 0x8a });
    if (exchange.state === 1) return Promise.resolve({ type: 'challenge' });
    return { type: 'success', data: bytes('welcome') };
  },
};

function open(broker: Broker, properties: AuthProperties): Promise<RawClient> {
  return RawClient.open(broker.url).then((client) => {
    const connect: ConnectPacket = { type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 0, properties };
    client.send(connect);
    return client;
  });
}

const answer = (client: RawClient, data: string, reasonCode = 0x18, authenticationMethod = 'TWICE'): void =>
  client.send({ type: 'auth', reasonCode, properties: { authenticationMethod, authenticationData: bytes(data) } });

async function authenticated(broker: Broker): Promise<[RawClient, ConnackPacket]> {
  const client = await open(broker, { authenticationMethod: 'TWICE' });
  await client.expect('auth');
  answer(client, 'one');
  await client.expect('auth');
  answer(client, 'two');
  return [client, await client.expect('connack')];
}

describe('when connecting', () => {
  test('challenges go out as AUTH 0x18, and the CONNACK repeats the method [MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.2.0-1] [MQTT-3.15.2-1]', async () => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice }, authenticate: () => false });
    const client = await open(broker, { authenticationMethod: 'TWICE' });
    expect(await client.expect('auth')).toEqual({
      type: 'auth',
      reasonCode: 0x18,
      properties: { authenticationMethod: 'TWICE', authenticationData: bytes('hello c') },
    });
    answer(client, 'one');
    expect(await client.expect('auth')).toEqual({
      type: 'auth',
      reasonCode: 0x18,
      properties: { authenticationMethod: 'TWICE' },
    });
    answer(client, 'two');
    expect(await client.expect('connack')).toMatchObject({
      reasonCode: 0,
      properties: { authenticationMethod: 'TWICE', authenticationData: bytes('welcome') },
    });
    await client.expectQuiet();
  });

  test('a method may accept at once', async () => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const client = await open(broker, { authenticationMethod: 'TWICE', authenticationData: bytes('now') });
    const { reasonCode, properties } = await client.expect('connack');
    expect([reasonCode, properties?.authenticationMethod]).toEqual([0, 'TWICE']);
    expect(properties?.authenticationData).toBeUndefined();
  });

  test.each([
    ['wrong', 0x87],
    ['banned', 0x8a],
  ])('a refusal is a CONNACK, and the connection is closed [MQTT-4.12.0-4]: %s', async (data, reasonCode) => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const client = await open(broker, { authenticationMethod: 'TWICE' });
    await client.expect('auth');
    answer(client, data);
    expect((await client.expect('connack')).reasonCode).toBe(reasonCode);
    await client.expectEnd();
    expect(broker.clients).toEqual([]);
  });

  test('a method that throws refuses with 0x83', async () => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const client = await open(broker, { authenticationMethod: 'TWICE', authenticationData: bytes('throw') });
    expect((await client.expect('connack')).reasonCode).toBe(0x83);
    await client.expectEnd();
  });

  test('an unknown method is refused with 0x8C [MQTT-4.12.0-1]', async () => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const client = await open(broker, { authenticationMethod: 'ONCE' });
    expect((await client.expect('connack')).reasonCode).toBe(0x8c);
    await client.expectEnd();
  });

  test('without a method there is no AUTH and no method in CONNACK [MQTT-4.12.0-6]', async () => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const [client, connack] = await RawClient.connect(broker.url);
    expect(connack.properties?.authenticationMethod).toBeUndefined();
    answer(client, 'x', 0x19);
    await client.expectDisconnect(0x82);
  });

  test.each([
    ['another method', (client: RawClient) => answer(client, 'one', 0x18, 'ONCE')],
    ['0x19', (client: RawClient) => answer(client, 'one', 0x19)],
    ['a PINGREQ', (client: RawClient) => client.send({ type: 'pingreq' })],
  ])('%s instead of the answer is refused', async (_name, send) => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const client = await open(broker, { authenticationMethod: 'TWICE' });
    await client.expect('auth');
    send(client);
    expect((await client.expect('connack')).reasonCode).toBe(0x82);
    await client.expectEnd();
  });

  test('a client may leave in the middle', async () => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const client = await open(broker, { authenticationMethod: 'TWICE' });
    await client.expect('auth');
    client.send({ type: 'disconnect', reasonCode: 0 });
    await client.expectEnd();
  });
});

describe('re-authentication (§4.12.1)', () => {
  test('goes on beside other traffic and ends with AUTH 0x00', async () => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const [client] = await authenticated(broker);
    for (let round = 0; round < 2; round++) {
      answer(client, '', 0x19);
      expect(text((await client.expect('auth')).properties?.authenticationData)).toBe('hello c again');
      await client.expectQuiet();
      answer(client, 'one');
      expect((await client.expect('auth')).reasonCode).toBe(0x18);
      answer(client, 'two');
      expect(await client.expect('auth')).toMatchObject({
        reasonCode: 0,
        properties: { authenticationMethod: 'TWICE', authenticationData: bytes('welcome') },
      });
    }
  });

  test('that fails ends the connection with a DISCONNECT [MQTT-4.12.1-2]', async () => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const [client] = await authenticated(broker);
    answer(client, '', 0x19);
    await client.expect('auth');
    answer(client, 'wrong');
    expect((await client.expectDisconnect(0x87)).properties?.reasonString).toBe('no such thing');
  });

  test.each([
    ['an answer nobody asked for', 0x18, 'TWICE'],
    ['another method', 0x19, 'ONCE'],
  ])('%s is a Protocol Error', async (_name, reasonCode, method) => {
    await using broker = await startBroker({ enhancedAuth: { TWICE: twice } });
    const [client] = await authenticated(broker);
    answer(client, '', reasonCode, method);
    await client.expectDisconnect(0x82);
  });
});
