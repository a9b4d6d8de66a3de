// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Connection and supervisor", sentence by sentence, over the whole client: connect() and its attempts,
// redirects, and what prepareConnect may do.

import { Client, constantBackoff, isMqttError } from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, next, record, scripted } from '../lifecycle/setup.ts';
import { error } from './setup.ts';

async function refuse(broker: ScriptedBroker, reasonCode: number, serverReference?: string) {
  const connection = await broker.accept();
  const packet = await connection.expect('connect');
  const properties = serverReference === undefined ? {} : { serverReference };
  connection.send({ type: 'connack', sessionPresent: false, reasonCode, properties });
  return packet;
}

describe('connect()', () => {
  test('tries each broker once, in order; the last error, with all of them in `errors`; state idle again', async () => {
    const { broker, client } = scripted({ brokers: ['mqtt://a', 'mqtt://b', 'mqtt://c'] });
    const events = record(client, 'stateChange', 'connectError', 'close');
    const connecting = error(client.connect());
    await refuse(broker, 0x88);
    const silent = await broker.accept();
    await silent.expect('connect');
    silent.end();
    await refuse(broker, 0x87);
    const reason = await connecting;
    expect(reason).toMatchObject({ code: 'CONNECT_REFUSED', reasonCode: 0x87 });
    if (!isMqttError(reason)) throw new Error('an MqttError');
    expect(reason.errors?.map(({ code }) => code)).toEqual(['CONNECT_REFUSED', 'CONNECTION_LOST', 'CONNECT_REFUSED']);
    expect(events.map(({ name }) => name)).toEqual([
      'stateChange',
      'connectError',
      'connectError',
      'connectError',
      'stateChange',
    ]);
    expect(client.state).toBe('idle');
  });

  test('what a dial does to its URL is in no later attempt and in no event', async () => {
    const seen: string[] = [];
    const transport = ScriptedBroker.inMemory();
    onTestFinished(() => transport.close());
    const { client } = scripted({
      brokers: 'mqtt://user@a?token=1',
      dial: (url, options) => {
        seen.push(url.href);
        url.hostname = 'changed';
        return transport.dial(url, options);
      },
      retryInitialConnect: true,
      reconnect: () => 0,
    });
    const connecting = client.connect();
    await refuse(transport, 0x88);
    const connection = await transport.accept();
    await connection.expect('connect');
    connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
    const { broker } = await connecting;
    expect(broker.href).toBe('mqtt://a:1883?token=1');
    expect(seen).toEqual(['mqtt://a:1883?token=1', 'mqtt://a:1883?token=1']);
    await client.disconnect();
  });

  test('SESSION_STATE_MISSING: closed, rejected, not retried', async () => {
    const brokers = ['mqtt://a', 'mqtt://b'];
    const { broker, client } = scripted({ brokers, clientId: 'c', cleanStart: false, retryInitialConnect: true });
    const connecting = error(client.connect());
    const connection = await broker.accept();
    expect((await connection.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    expect(await connecting).toMatchObject({ code: 'SESSION_STATE_MISSING' });
    expect(client.state).toBe('idle');
    await connection.closed;
  });

  test('resumeWithoutState goes on as if the state were empty', async () => {
    const { broker, client } = scripted({ clientId: 'c', cleanStart: false, resumeWithoutState: true });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    expect((await connecting).sessionPresent).toBe(true);
  });

  test('Session Present 1 to Clean Start 1 is a protocol error, 0x82', async () => {
    const { broker, client } = scripted();
    const connecting = error(client.connect());
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    expect(await connection.expect('disconnect')).toMatchObject({ reasonCode: 0x82 });
    connection.end();
    expect(await connecting).toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x82 });
  });
});

describe('redirects', () => {
  test('two brokers that point at each other for good (0x9D): connect() still ends', async () => {
    const { broker, client } = scripted({
      brokers: 'mqtt://a',
      followServerRedirects: true,
      reconnect: constantBackoff(0),
    });
    const connecting = error(client.connect());
    let over = false;
    void connecting.then(() => (over = true));
    let attempts = 0;
    const serve = async (): Promise<void> => {
      for (; attempts < 40 && !over; attempts++) await refuse(broker, 0x9d, attempts % 2 === 0 ? 'b:1883' : 'a:1883');
    };
    await Promise.race([serve(), connecting]);
    expect(attempts).toBeLessThan(10);
    expect(await connecting).toMatchObject({ code: 'CONNECT_REFUSED', reasonCode: 0x9d });
  });

  test('two brokers that point at each other for good (0x9C): connect() still ends', async () => {
    const { broker, client } = scripted({
      brokers: 'mqtt://a',
      followServerRedirects: true,
      reconnect: constantBackoff(0),
    });
    const connecting = error(client.connect());
    let over = false;
    void connecting.then(() => (over = true));
    let attempts = 0;
    const serve = async (): Promise<void> => {
      for (; attempts < 40 && !over; attempts++) await refuse(broker, 0x9c, attempts % 2 === 0 ? 'b:1883' : 'a:1883');
    };
    await Promise.race([serve(), connecting]);
    expect(attempts).toBeLessThan(10);
    expect(await connecting).toMatchObject({ code: 'CONNECT_REFUSED', reasonCode: 0x9c });
  });

  test('after 5 redirected attempts without CONNACK 0x00 the configured list is used again', async () => {
    const dialled: string[] = [];
    const broker = ScriptedBroker.inMemory();
    const client = new Client({
      brokers: 'mqtt://home',
      followServerRedirects: true,
      reconnect: constantBackoff(0),
      disconnectTimeoutMs: 50,
      logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      dial: (url, options) => {
        dialled.push(url.host);
        return broker.dial(url, options);
      },
    });
    const connecting = client.connect();
    const first = await broker.accept();
    await first.handshake();
    await connecting;
    first.send({ type: 'disconnect', reasonCode: 0x9d, properties: { serverReference: 'x:1 y:2' } });
    for (let i = 0; i < 5; i++) await refuse(broker, 0x88);
    const back = await broker.accept();
    await back.handshake();
    await client.awaitConnection();
    expect(dialled.slice(1)).toEqual(['x:1', 'y:2', 'x:1', 'y:2', 'x:1', 'home:1883']);
    await client.disconnect();
    await broker.close();
  });

  test('what may be followed: same kind of transport, never to plain text, never mqtt+unix, none with credentials', async () => {
    const seen: string[] = [];
    const { broker, client, connection } = await connected({
      brokers: 'mqtts://home:8883',
      followServerRedirects: (target, from) => {
        seen.push(`${from.host} > ${target.href}`);
        return target.host === 'good:9';
      },
    });
    const redirect = next(client, 'serverRedirect');
    const serverReference = 'mqtt://plain:1 mqtt+unix:/run/x mqtts://u:p@creds u@creds2 ws://web bad:9 good:9 later:9';
    connection.send({ type: 'disconnect', reasonCode: 0x9c, properties: { serverReference } });
    expect(await redirect).toMatchObject({ followed: true, reasonCode: 0x9c, serverReference });
    expect(seen.map((each) => each.replace(/\/$/, ''))).toEqual([
      'home:8883 > mqtts://bad:9',
      'home:8883 > mqtts://good:9',
      'home:8883 > mqtts://later:9',
    ]);
    const reconnected = next(client, 'connect');
    await (await broker.accept()).handshake({ sessionPresent: true });
    expect((await reconnected).broker.host).toBe('good:9');
  });
});

describe('prepareConnect', () => {
  test('what it does to its argument is for this CONNECT only: not for the next, not for the options', async () => {
    const password = Uint8Array.of(1, 2, 3);
    const { broker, client } = scripted({
      username: 'u',
      password,
      userProperties: { a: '1' },
      prepareConnect: (credentials) => {
        if (credentials.password instanceof Uint8Array) credentials.password.fill(9);
        credentials.username = `${credentials.username}!`;
        credentials.userProperties = { b: '2' };
      },
    });
    const connecting = client.connect();
    const first = await broker.accept();
    const one = await first.handshake();
    await connecting;
    first.drop();
    const second = await broker.accept();
    const two = await second.handshake({ sessionPresent: true });
    expect([...password]).toEqual([1, 2, 3]);
    expect([one.username, two.username]).toEqual(['u!', 'u!']);
    expect([...(two.password ?? [])]).toEqual([9, 9, 9]);
    expect(two.properties?.userProperties).toEqual([['b', '2']]);
  });

  test('an unknown key or a wrong value in what it returns fails the attempt, with the reason as cause', async () => {
    for (const returned of [{ user: 'x' }, { username: 5 }, 'token', null]) {
      const { client } = scripted({ prepareConnect: () => returned as object });
      expect(await error(client.connect())).toMatchObject({
        code: 'PREPARE_CONNECT_FAILED',
        cause: expect.objectContaining({ code: 'INVALID_OPTION' }),
      });
    }
  });

  test('it sees the attempt and the broker without credentials; a throw is passed on as cause', async () => {
    const thrown = new Error('no token');
    let seen = '';
    const { client } = scripted({
      brokers: 'mqtt://user:secret@host:1',
      prepareConnect: (_, { attempt, broker, signal }) => {
        seen = `${attempt} ${broker.href} ${signal.aborted}`;
        throw thrown;
      },
    });
    expect(await error(client.connect())).toMatchObject({ code: 'PREPARE_CONNECT_FAILED', cause: thrown });
    expect(seen).toBe('1 mqtt://host:1 false');
  });
});
