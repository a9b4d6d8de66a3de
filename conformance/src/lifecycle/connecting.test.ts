// SPDX-License-Identifier: Apache-2.0

import { Client, connect, type ConnackInfo } from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, next, record, scripted } from './setup.ts';

describe('CONNECT', () => {
  test('carries every configured property, and nothing that is the default (T-147) [MQTT-3.1.0-1] [MQTT-3.1.2-9]', async () => {
    const { broker, client } = scripted({
      clientId: 'gateway',
      username: 'user',
      password: 'secret',
      keepAlive: 17,
      sessionExpiryInterval: 600,
      receiveMaximum: 20,
      maximumPacketSize: 70_000,
      topicAliasMaximum: 5,
      requestResponseInformation: true,
      requestProblemInformation: false,
      userProperties: [
        ['a', '1'],
        ['a', '2'],
      ],
      will: { topic: 'status', payload: 'gone', qos: 1, retain: true, willDelayInterval: 9 },
    });
    const connecting = client.connect();
    const connection = await broker.accept();
    expect(await connection.handshake()).toEqual({
      type: 'connect',
      clientId: 'gateway',
      username: 'user',
      password: new TextEncoder().encode('secret'),
      cleanStart: true,
      keepAlive: 17,
      properties: {
        sessionExpiryInterval: 600,
        receiveMaximum: 20,
        maximumPacketSize: 70_000,
        topicAliasMaximum: 5,
        requestResponseInformation: true,
        requestProblemInformation: false,
        userProperties: [
          ['a', '1'],
          ['a', '2'],
        ],
      },
      will: {
        topicName: 'status',
        payload: new TextEncoder().encode('gone'),
        qos: 1,
        retain: true,
        properties: { willDelayInterval: 9 },
      },
    });
    await connecting;
  });

  test('takes user name and password of the URL when the options name none, and never shows them (T-151)', async () => {
    const { broker, client } = scripted({ brokers: 'mqtt://user:p%40ss@scripted' });
    const connecting = client.connect();
    const connection = await broker.accept();
    const { username, password } = await connection.handshake();
    const info = await connecting;
    expect([username, password]).toEqual(['user', new TextEncoder().encode('p@ss')]);
    expect(info.broker.href).not.toContain('user');
  });

  test('keeps the options as they were, also when they are frozen', async () => {
    const options = Object.freeze({ clientId: 'frozen' });
    const { client } = await connected(options);
    expect(client.clientId).toBe('frozen');
  });
});

describe('CONNACK', () => {
  test('what the broker grants is in force and shown, with the defaults of the standard filled in (T-071, T-155)', async () => {
    const { client } = await connected({ clientId: 'c', keepAlive: 30 });
    expect(client.serverInfo).toEqual({
      broker: expect.any(URL),
      sessionPresent: false,
      clientId: 'c',
      keepAlive: 30,
      sessionExpiryInterval: 300,
      receiveMaximum: 65_535,
      maximumQoS: 2,
      retainAvailable: true,
      maximumPacketSize: undefined,
      topicAliasMaximum: 0,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifierAvailable: true,
      sharedSubscriptionAvailable: true,
      responseInformation: undefined,
      serverReference: undefined,
      reasonString: undefined,
      userProperties: [],
    } satisfies ConnackInfo);
  });

  test('a refusal rejects with everything it says, and the client is idle again (T-134)', async () => {
    const { broker, client } = scripted();
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.expect('connect');
    connection.send({
      type: 'connack',
      sessionPresent: false,
      reasonCode: 0x87,
      properties: { reasonString: 'not you', userProperties: [['why', 'x']] },
    });
    await expect(connecting).rejects.toMatchObject({
      code: 'CONNECT_REFUSED',
      reasonCode: 0x87,
      reasonString: 'not you',
      userProperties: [['why', 'x']],
    });
    expect(client.state).toBe('idle');
  });

  test('anything but CONNACK or AUTH before it is answered with 0x82 [MQTT-3.2.0-1]', async () => {
    const { broker, client } = scripted();
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.expect('connect');
    connection.send({ type: 'pingresp' });
    await expect(connecting).rejects.toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x82 });
    expect(await connection.expect('disconnect')).toMatchObject({ reasonCode: 0x82 });
  });

  test.each([
    ['a broker of MQTT 3.1.1', Uint8Array.of(0x20, 2, 0, 1)],
    ['a web server', new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a TLS port', Uint8Array.of(0x15, 3, 1, 0, 2, 2, 0x46)],
  ])('%s is asked for what it is', async (_, answer) => {
    const { broker, client } = scripted();
    const connecting = client.connect().catch((error: unknown) => error);
    const connection = await broker.accept();
    await connection.expect('connect');
    connection.sendBytes(answer);
    const message: unknown = expect.stringContaining('is it a broker of MQTT 5.0?');
    expect(await connecting).toMatchObject({ code: 'PROTOCOL_ERROR', message });
  });

  test('Session Present 1 to Clean Start 1 is answered with 0x82 (T-009, V-076) [MQTT-3.2.2-2]', async () => {
    const { broker, client } = scripted();
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await expect(connecting).rejects.toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x82 });
    expect(await connection.expect('disconnect')).toMatchObject({ reasonCode: 0x82 });
  });

  test.each([false, true])(
    'Session Present 1 to Clean Start %s rejects when the connection is closed, not before',
    async (cleanStart) => {
      let destroyed = false;
      const broker = ScriptedBroker.inMemory();
      onTestFinished(() => broker.close());
      const { client } = scripted({
        cleanStart,
        clientId: 'c',
        // A broker that does not care for our FIN.
        dial: async (url, options) => {
          const connection = await broker.dial(url, options);
          connection.end = () => undefined;
          const destroy = connection.destroy.bind(connection);
          connection.destroy = () => {
            destroyed = true;
            destroy();
          };
          return connection;
        },
      });
      const connecting = client.connect().catch(() => destroyed);
      await (await broker.accept()).handshake({ sessionPresent: true });
      expect(await connecting).toBe(true);
    },
  );

  test('Session Present 1 without local state closes, with or without retries [MQTT-3.2.2-4]', async () => {
    const { broker, client } = scripted({ cleanStart: false, clientId: 'c', retryInitialConnect: true });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake({ sessionPresent: true });
    await expect(connecting).rejects.toMatchObject({ code: 'SESSION_STATE_MISSING' });
    await connection.expect('disconnect');
    await connection.expectClose();
  });
});

describe('several brokers', () => {
  test('each is tried once; the rejection is the last error, with all of them in `errors` (T-016)', async () => {
    const dialled: string[] = [];
    const client = new Client({
      brokers: ['mqtt://a', 'mqtt://b', 'mqtt://c'],
      dial: async (broker) => {
        dialled.push(broker.hostname);
        throw new Error(`no ${broker.hostname}`);
      },
    });
    const failure = await client.connect().catch((error: unknown) => error);
    expect(dialled).toEqual(['a', 'b', 'c']);
    expect(failure).toMatchObject({ code: 'DIAL_FAILED', message: expect.stringContaining('no c') });
    expect(
      (failure as { errors: { message: string }[] }).errors.map(({ message }) => /no \w/.exec(message)?.[0]),
    ).toEqual(['no a', 'no b', 'no c']);
    // It contains itself: what logs errors as JSON must not fail over that.
    expect(() => JSON.stringify(failure)).not.toThrow();
  });

  test('a dead first broker is passed over, and the one that answered is kept (T-016)', async () => {
    const alive = ScriptedBroker.inMemory();
    onTestFinished(() => alive.close());
    const dialled: string[] = [];
    const { client } = scripted({
      brokers: ['mqtt://dead', 'mqtt://alive'],
      dial: (broker, options) => {
        dialled.push(broker.hostname);
        return broker.hostname === 'alive' ? alive.dial(broker, options) : Promise.reject(new Error('dead'));
      },
    });
    const connecting = client.connect();
    const first = await alive.accept();
    await first.handshake();
    await connecting;
    first.drop();
    await (await alive.accept()).handshake({ sessionPresent: true });
    expect(dialled).toEqual(['dead', 'alive', 'alive']);
  });
});

describe('prepareConnect', () => {
  test('changes or returns what this CONNECT carries, anew for every attempt (T-148, T-150)', async () => {
    let token = 0;
    const { broker, client } = scripted({
      clientId: 'c',
      prepareConnect: (credentials, { attempt, broker: url, signal }) => {
        credentials.username = `${url.hostname} ${attempt} ${signal.aborted}`;
        token += 1;
        return { password: `token ${token}` };
      },
    });
    const connecting = client.connect();
    const first = await broker.accept();
    const seen = [await first.handshake()];
    await connecting;
    first.drop();
    seen.push(await (await broker.accept()).handshake({ sessionPresent: true }));
    expect(seen.map(({ username, password }) => [username, new TextDecoder().decode(password)])).toEqual([
      ['scripted 1 false', 'token 1'],
      ['scripted 1 false', 'token 2'],
    ]);
  });

  test('is shown what the options say, as they say it; what it does to that is for this CONNECT only', async () => {
    const shown: unknown[] = [];
    for (const password of ['secret', Uint8Array.of(1, 2)]) {
      const { broker, client } = scripted({
        username: 'u',
        password,
        prepareConnect: (credentials) => {
          shown.push(typeof credentials.password === 'string' ? credentials.password : credentials.password?.slice());
          if (typeof credentials.password === 'object') credentials.password.fill(0);
        },
      });
      const connecting = client.connect();
      const first = await broker.accept();
      await first.handshake();
      await connecting;
      first.drop();
      await (await broker.accept()).handshake({ sessionPresent: true });
    }
    expect(shown).toEqual(['secret', 'secret', Uint8Array.of(1, 2), Uint8Array.of(1, 2)]);
  });

  test('a throw fails that attempt only, and nothing is dialled in it (T-149)', async () => {
    let fails = true;
    const { broker, client } = scripted({
      retryInitialConnect: true,
      prepareConnect: async () => {
        if (fails) throw new Error('token service down');
      },
    });
    const failed = next(client, 'connectError');
    const connecting = client.connect();
    expect(await failed).toMatchObject({
      error: { code: 'PREPARE_CONNECT_FAILED', cause: { message: 'token service down' } },
      attempt: 1,
    });
    fails = false;
    await (await broker.accept()).handshake();
    await connecting;
  });

  test('one that never answers is bounded by connectTimeoutMs, and told so by its signal', async () => {
    let told: unknown;
    const { client } = scripted({
      connectTimeoutMs: 20,
      prepareConnect: (_, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            told = signal.reason;
          });
        }),
    });
    await expect(client.connect()).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' });
    expect(told).toMatchObject({ code: 'CONNECT_TIMEOUT' });
  });
});

describe('ending a connect()', () => {
  test('a silent broker is given up after connectTimeoutMs', async () => {
    const { broker, client } = scripted({ connectTimeoutMs: 20 });
    const connecting = client.connect();
    const connection = await broker.accept();
    await expect(connecting).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' });
    await connection.expect('connect');
    await connection.expectClose();
  });

  test('signal ends the handshake at once, with its reason; the client is idle and can connect again (T-166, V-087)', async () => {
    const { broker, client } = scripted();
    const controller = new AbortController();
    const connecting = client.connect({ signal: controller.signal });
    const connection = await broker.accept();
    await connection.expect('connect');
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    expect(client.state).toBe('idle');
    const again = client.connect();
    await (await broker.accept()).handshake();
    await again;
  });

  test('a signal that has aborted before does nothing at all', async () => {
    const { client } = scripted();
    await expect(client.connect({ signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(client.state).toBe('idle');
  });

  test('disconnect() meanwhile rejects it with CLOSED (T-167)', async () => {
    const { broker, client } = scripted();
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.expect('connect');
    const [, outcome] = await Promise.all([client.disconnect(), connecting.catch((error: unknown) => error)]);
    expect(outcome).toMatchObject({ code: 'CLOSED' });
    expect(client.state).toBe('closed');
    await connection.expectClose();
  });

  test('a second connect() is refused; one during disconnect() waits for it (T-135, V-085)', async () => {
    const { broker, client, connection } = await connected();
    await expect(client.connect()).rejects.toMatchObject({ code: 'ALREADY_CONNECTED' });
    const closing = client.disconnect();
    const again = client.connect();
    await connection.expect('disconnect');
    connection.end();
    await closing;
    await (await broker.accept()).handshake({ sessionPresent: true });
    expect(await again).toMatchObject({ sessionPresent: true });
  });

  test('the helper leaves nothing behind when it rejects', async () => {
    const broker = ScriptedBroker.inMemory();
    onTestFinished(() => broker.close());
    const connecting = connect('mqtt://scripted', { dial: broker.dial, connectTimeoutMs: 20 });
    const connection = await broker.accept();
    await expect(connecting).rejects.toMatchObject({ code: 'CONNECT_TIMEOUT' });
    await connection.expect('connect');
    await connection.expectClose();
  });

  test('the helper says what is wrong with its options like the constructor does', async () => {
    // @ts-expect-error: null is not absent
    await expect(connect('mqtt://localhost', null)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('retryInitialConnect', () => {
  test('goes on until there is a broker; connect() and awaitConnection() resolve then (T-171, T-173, V-091)', async () => {
    let up = false;
    const broker = ScriptedBroker.inMemory();
    const { client } = scripted({
      retryInitialConnect: true,
      dial: (url, options) => (up ? broker.dial(url, options) : Promise.reject(new Error('down'))),
    });
    const seen = record(client, 'stateChange', 'connectError', 'reconnecting');
    const connecting = client.connect();
    const waiting = client.awaitConnection();
    await next(client, 'reconnecting');
    await next(client, 'reconnecting');
    up = true;
    await (await broker.accept()).handshake();
    const info = await connecting;
    expect(await waiting).toBe(info);
    expect(seen.map(({ name }) => name).slice(0, 4)).toEqual([
      'stateChange',
      'connectError',
      'reconnecting',
      'connectError',
    ]);
  });

  test('a fatal refusal ends it: 0x84 (shouldReconnect)', async () => {
    const { broker, client } = scripted({ retryInitialConnect: true });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.expect('connect');
    connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0x84 });
    await expect(connecting).rejects.toMatchObject({ code: 'CONNECT_REFUSED', reasonCode: 0x84 });
  });
});

test('awaitConnection: NOT_CONNECTED before connect(), CLOSED after disconnect(), its signal in between (T-173)', async () => {
  const { broker, client } = scripted();
  await expect(client.awaitConnection()).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
  const connecting = client.connect();
  const waiting = client.awaitConnection({ signal: AbortSignal.timeout(1) });
  await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
  await (await broker.accept()).handshake();
  await connecting;
  await client.disconnect();
  await expect(client.awaitConnection()).rejects.toMatchObject({ code: 'CLOSED' });
});
