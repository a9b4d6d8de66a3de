// SPDX-License-Identifier: Apache-2.0
//
// Enhanced authentication (§4.12) over the whole client: in CONNECT, and again later.

import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { type Authenticator, Client, constantBackoff, scramAuthenticator } from '@mqttv5/core';
import { type BrokerAuthMethod, type ScriptedConnection, startBroker } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from './setup.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const echo: Authenticator = {
  method: 'ECHO',
  begin: () => encoder.encode('hello'),
  continue: (data) => encoder.encode(`to ${decoder.decode(data)}`),
};
const withEcho = { authenticator: echo };
const echoConnack = { properties: { authenticationMethod: 'ECHO' } };

describe('in CONNECT (S-041)', () => {
  test('method and data go out, challenges are answered with 0x18, CONNACK ends it [MQTT-4.12.0-3] [MQTT-4.12.0-5]', async () => {
    const { broker, client } = scripted(withEcho);
    const connecting = client.connect();
    const connection = await broker.accept();
    const connect = await connection.expect('connect');
    expect(connect.properties).toMatchObject({
      authenticationMethod: 'ECHO',
      authenticationData: encoder.encode('hello'),
    });
    for (const round of ['1', '2']) {
      const properties = { authenticationMethod: 'ECHO', authenticationData: encoder.encode(round) };
      connection.send({ type: 'auth', reasonCode: 0x18, properties });
      const answer = await connection.expect('auth');
      expect([answer.reasonCode, decoder.decode(answer.properties?.authenticationData)]).toEqual([0x18, `to ${round}`]);
    }
    connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0, ...echoConnack });
    await connecting;
  });

  test('an authenticator that fails: AUTH_FAILED, with what it threw, and the connection is closed', async () => {
    const failing = { ...echo, continue: () => Promise.reject(new Error('no card')) };
    const { broker, client } = scripted({ authenticator: failing });
    const connecting = client.connect().catch((error: unknown) => error);
    const connection = await broker.accept();
    await connection.expect('connect');
    connection.send({ type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'ECHO' } });
    expect(await connecting).toMatchObject({ code: 'AUTH_FAILED', cause: { message: 'no card' } });
    await connection.closed;
  });

  test('an attempt that ends while the authenticator begins is not dialled, and ends', async () => {
    const enough = new AbortController();
    let dialled = false;
    const { client } = scripted({
      authenticator: {
        ...echo,
        begin: () => {
          enough.abort('enough');
          return new Uint8Array(1);
        },
      },
      dial: () => {
        dialled = true;
        return Promise.withResolvers<never>().promise;
      },
    });
    await expect(client.connect({ signal: enough.signal })).rejects.toBe('enough');
    expect([client.state, dialled]).toEqual(['idle', false]);
  });

  test('another method in the answer is a protocol error [MQTT-4.12.0-5]', async () => {
    const { broker, client } = scripted(withEcho);
    const connecting = client.connect().catch((error: unknown) => error);
    const connection = await broker.accept();
    await connection.expect('connect');
    connection.send({ type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'OTHER' } });
    expect(await connecting).toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x82 });
  });
});

describe('reauthenticate() (V-080)', () => {
  test('AUTH 0x19, challenges, AUTH 0x00: resolved, and "reauthenticated" is raised', async () => {
    const { client, connection } = await connected(withEcho, echoConnack);
    const seen = record(client, 'reauthenticated');
    const again = client.reauthenticate();
    expect(await connection.expect('auth')).toMatchObject({
      reasonCode: 0x19,
      properties: { authenticationMethod: 'ECHO' },
    });
    connection.send({
      type: 'auth',
      reasonCode: 0x18,
      properties: { authenticationMethod: 'ECHO', authenticationData: encoder.encode('1') },
    });
    expect((await connection.expect('auth')).reasonCode).toBe(0x18);
    // The connection is in use meanwhile.
    await client.publish('a', 'x');
    await connection.expect('publish');
    expect(await stateOf(again)).toBe('pending');
    connection.send({ type: 'auth', reasonCode: 0x00, properties: { authenticationMethod: 'ECHO' } });
    await again;
    await turn();
    expect(seen).toHaveLength(1);
  });

  test('one at a time: the second rejects with REAUTH_IN_PROGRESS', async () => {
    const { client, connection } = await connected(withEcho, echoConnack);
    const first = client.reauthenticate();
    await expect(client.reauthenticate()).rejects.toMatchObject({ code: 'REAUTH_IN_PROGRESS' });
    await connection.expect('auth');
    connection.send({ type: 'auth', reasonCode: 0x00, properties: { authenticationMethod: 'ECHO' } });
    await first;
  });

  test('a DISCONNECT in it is a refusal: REAUTH_REJECTED with its code, and the client connects again', async () => {
    const { broker, client, connection } = await connected(withEcho, echoConnack);
    const again = client.reauthenticate().catch((error: unknown) => error);
    await connection.expect('auth');
    connection.send({ type: 'disconnect', reasonCode: 0x87 });
    expect(await again).toMatchObject({ code: 'REAUTH_REJECTED', reasonCode: 0x87 });
    await (await broker.accept()).handshake({ sessionPresent: true, ...echoConnack });
  });

  test('without an authenticator: NO_AUTHENTICATOR; not connected: NOT_CONNECTED', async () => {
    const { client } = await connected();
    await expect(client.reauthenticate()).rejects.toMatchObject({ code: 'NO_AUTHENTICATOR' });
    const idle = scripted(withEcho);
    await expect(idle.client.reauthenticate()).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
  });
});

describe('an authenticator that gives what AUTH cannot carry: AUTH_FAILED, without the data [MQTT-3.15.2-1]', () => {
  const challenge = { type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'ECHO' } } as const;
  test.each([
    ['too long', new Uint8Array(65_536)],
    // What a program without types may give.
    ['no bytes', 's3cret' as never],
  ])('%s', async (_, data) => {
    const failure = { code: 'AUTH_FAILED', message: expect.not.stringContaining('s3cret') as unknown };
    const beginning = scripted({ authenticator: { ...echo, begin: () => data } });
    await expect(beginning.client.connect()).rejects.toMatchObject(failure);

    const answering = scripted({ authenticator: { ...echo, continue: () => data } });
    const connecting = answering.client.connect().catch((error: unknown) => error);
    const attempt = await answering.broker.accept();
    await attempt.expect('connect');
    attempt.send(challenge);
    expect(await connecting).toMatchObject(failure);

    let begun = 0;
    const begin = (): Uint8Array => (begun++ === 0 ? new Uint8Array(1) : data);
    const again = await connected({ authenticator: { ...echo, begin } }, echoConnack);
    await expect(again.client.reauthenticate()).rejects.toMatchObject(failure);
    expect(again.client.state).toBe('connected');

    const later = await connected({ authenticator: { ...echo, continue: () => data } }, echoConnack);
    const lost = next(later.client, 'disconnect');
    const reauthenticating = later.client.reauthenticate().catch((error: unknown) => error);
    await later.connection.expect('auth');
    later.connection.send(challenge);
    expect(await reauthenticating).toMatchObject(failure);
    expect((await lost).error).toMatchObject(failure);
  });
});

describe('only the client starts one (S-143, V-079)', () => {
  test.each([
    ['outside of one', 0x18, 'ECHO'],
    ['0x19 from the broker', 0x19, 'ECHO'],
    ['under another method', 0x18, 'OTHER'],
  ])('AUTH %s: 0x82 (S-124)', async (_name, reasonCode, authenticationMethod) => {
    const { client, connection } = await connected(withEcho, echoConnack);
    const lost = next(client, 'disconnect');
    connection.send({ type: 'auth', reasonCode, properties: { authenticationMethod } });
    expect((await connection.expect('disconnect')).reasonCode).toBe(0x82);
    expect(await lost).toMatchObject({ error: { code: 'PROTOCOL_ERROR', reasonCode: 0x82 } });
  });
});

describe('scramAuthenticator against a broker that checks it (V-081)', () => {
  test.each(['SHA-1', 'SHA-256', 'SHA-512'] as const)('%s: connects, reconnects, re-authenticates', async (hash) => {
    await using broker = await startBroker({ enhancedAuth: { [`SCRAM-${hash}`]: scramServer(hash, 'pencil') } });
    await using client = new Client({
      brokers: broker.url,
      authenticator: scramAuthenticator({ username: 'user', password: 'pencil', hash }),
      reconnect: constantBackoff(1),
    });
    await client.connect();
    await client.reauthenticate();
    const back = next(client, 'connect');
    broker.dropConnections();
    expect(await back).toMatchObject({ sessionPresent: true });
  });

  test('a wrong password is refused, and says nothing of it', async () => {
    await using broker = await startBroker({ enhancedAuth: { 'SCRAM-SHA-256': scramServer('SHA-256', 'pencil') } });
    const authenticator = scramAuthenticator({ username: 'user', password: 'crayon', hash: 'SHA-256' });
    const client = new Client({ brokers: broker.url, authenticator });
    const error: unknown = await client.connect().catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'CONNECT_REFUSED', reasonCode: 0x87 });
    expect(JSON.stringify(error) + String(error)).not.toContain('crayon');
  });

  test('a broker that does not know the password is found out by what it concludes with', async () => {
    await using broker = await startBroker({
      enhancedAuth: { 'SCRAM-SHA-256': scramServer('SHA-256', 'pencil', true) },
    });
    const authenticator = scramAuthenticator({ username: 'user', password: 'pencil', hash: 'SHA-256' });
    const client = new Client({ brokers: broker.url, authenticator });
    await expect(client.connect()).rejects.toMatchObject({ code: 'AUTH_FAILED' });
    expect(client.state).toBe('idle');
  });

  // Who sits between client and broker sees the broker's proof without knowing the password.
  test.each([
    ['an exchange that was cut off', true],
    ['an exchange that still goes on', false],
  ])('the proof of %s is worth nothing on another connection', async (_name, cut) => {
    const authenticator = scramAuthenticator({ username: 'user', password: 'pencil', hash: 'SHA-256' });
    const first = scripted({ authenticator });
    const cutOff = first.client.connect().catch((error: unknown) => error);
    const connection = await first.broker.accept();
    const proof = await proofOf(connection);
    if (cut) {
      connection.drop();
      expect(await cutOff).toMatchObject({ code: 'CONNECTION_LOST' });
    }
    const second = scripted({ authenticator });
    const connecting = second.client.connect().catch((error: unknown) => error);
    const impostor = await second.broker.accept();
    await impostor.expect('connect');
    const properties = { authenticationMethod: 'SCRAM-SHA-256', authenticationData: proof };
    impostor.send({ type: 'connack', sessionPresent: false, reasonCode: 0, properties });
    expect(await connecting).toMatchObject({ code: 'AUTH_FAILED' });
  });
});

/** Runs the broker's side up to what CONNACK would carry, and keeps that. */
async function proofOf(connection: ScriptedConnection): Promise<Uint8Array> {
  const authenticationMethod = 'SCRAM-SHA-256';
  const server = scramServer('SHA-256', 'pencil');
  const exchange = {
    clientId: 'c',
    username: undefined,
    password: undefined,
    reauthentication: false,
    state: undefined,
  };
  const connect = await connection.expect('connect');
  const challenge = await server.begin(exchange, connect.properties?.authenticationData);
  if (challenge.type !== 'challenge') throw new Error('SCRAM begins with a challenge');
  const properties = { authenticationMethod, authenticationData: challenge.data ?? new Uint8Array() };
  connection.send({ type: 'auth', reasonCode: 0x18, properties });
  const answer = await connection.expect('auth');
  const final = await server.continue?.(exchange, answer.properties?.authenticationData);
  if (final?.type !== 'success') throw new Error('the client knows the password');
  return final.data ?? new Uint8Array();
}

/** The server's side of SCRAM (RFC 5802), written from the RFC and not from the client. */
function scramServer(hash: 'SHA-1' | 'SHA-256' | 'SHA-512', password: string, impostor = false): BrokerAuthMethod {
  const algorithm = hash.replace('-', '').toLowerCase();
  const hmac = (key: Uint8Array, text: string): Buffer => createHmac(algorithm, key).update(text).digest();
  const salt = Buffer.from('0123456789abcdef');
  const iterations = 4096;
  const length = createHash(algorithm).digest().length;
  const salted = pbkdf2Sync(password, salt, iterations, length, algorithm);
  return {
    begin(exchange, data) {
      const bare = decoder.decode(data).slice('n,,'.length);
      const nonce = `${/r=([^,]*)/.exec(bare)?.[1]}server`;
      const challenge = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
      exchange.state = `${bare},${challenge}`;
      return { type: 'challenge', data: encoder.encode(challenge) };
    },
    continue(exchange, data) {
      const final = decoder.decode(data);
      const proof = Buffer.from(/p=(.*)$/.exec(final)?.[1] ?? '', 'base64');
      const message = `${String(exchange.state)},${final.replace(/,p=.*$/, '')}`;
      const clientKey = hmac(salted, 'Client Key');
      const storedKey = createHash(algorithm).update(clientKey).digest();
      const signature = hmac(storedKey, message);
      const expected = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
      if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) return { type: 'refuse' };
      const verifier = hmac(hmac(impostor ? Buffer.alloc(length) : salted, 'Server Key'), message);
      return { type: 'success', data: encoder.encode(`v=${verifier.toString('base64')}`) };
    },
  };
}
