// SPDX-License-Identifier: Apache-2.0

import { ScriptedBroker } from '@mqttv5/testing';
import { describe, expect, test } from 'vitest';
import { connected, next, record, scripted, turn } from './setup.ts';

test('a lost connection is made again: events in order, with what happened (T-015, T-158, T-174)', async () => {
  const { broker, client, connection } = await connected({ clientId: 'c' });
  const seen = record(client, 'stateChange', 'disconnect', 'reconnecting', 'connect');
  connection.drop();
  await (await broker.accept()).handshake({ sessionPresent: true });
  await next(client, 'connect');
  expect(seen).toEqual([
    {
      name: 'disconnect',
      payload: { error: expect.objectContaining({ code: 'CONNECTION_LOST' }), willReconnect: true },
    },
    { name: 'stateChange', payload: 'reconnecting' },
    { name: 'reconnecting', payload: { attempt: 1, broker: new URL('mqtt://scripted:1883'), delayMs: 1 } },
    { name: 'stateChange', payload: 'connected' },
    { name: 'connect', payload: expect.objectContaining({ sessionPresent: true }) },
  ]);
});

test('the identifier the broker assigned is kept over reconnects (T-010, T-154) [MQTT-3.2.2-16]', async () => {
  const { broker, client, connection } = await connected(
    {},
    { properties: { assignedClientIdentifier: 'made-for-you' } },
  );
  expect(client.clientId).toBe('made-for-you');
  connection.drop();
  expect(await (await broker.accept()).handshake({ sessionPresent: true })).toMatchObject({
    clientId: 'made-for-you',
    cleanStart: false,
  });
});

test('Clean Start: true at first, false afterwards, unless cleanStartOnReconnect asks for it (S-029, S-030, T-159)', async () => {
  const kept = await connected();
  kept.connection.drop();
  expect((await (await kept.broker.accept()).handshake({ sessionPresent: true })).cleanStart).toBe(false);
  const anew = await connected({ cleanStartOnReconnect: true });
  anew.connection.drop();
  expect((await (await anew.broker.accept()).handshake()).cleanStart).toBe(true);
});

test("Server Keep Alive is for its connection only: the next CONNECT carries the client's own (T-107) [MQTT-3.1.2-21]", async () => {
  const { broker, client, connection } = await connected({ keepAlive: 30 }, { properties: { serverKeepAlive: 7 } });
  expect(client.serverInfo?.keepAlive).toBe(7);
  connection.drop();
  expect((await (await broker.accept()).handshake({ sessionPresent: true })).keepAlive).toBe(30);
});

test('a broker that accepts and then drops is not called in a tight loop: attempts count on (V-084, T-178)', async () => {
  const delays: number[] = [];
  const { broker, client, connection } = await connected({
    reconnect: (attempt) => {
      delays.push(attempt);
      return attempt * 4;
    },
  });
  let current = connection;
  for (let drop = 0; drop < 4; drop += 1) {
    current.drop();
    current = await broker.accept();
    await current.handshake({ sessionPresent: true });
  }
  expect(delays.slice(0, 1)).toEqual([1]);
  // Connections that live for less than the delay before them let it grow.
  expect(Math.max(...delays)).toBeGreaterThan(1);
  expect(client.state).not.toBe('closed');
});

describe('giving up', () => {
  test('after maximumReconnectAttempts: close with the last error, and everything that waits ends (T-157, T-181)', async () => {
    let up = true;
    const broker = ScriptedBroker.inMemory();
    const { client } = scripted({
      maximumReconnectAttempts: 2,
      dial: (url, options) => (up ? broker.dial(url, options) : Promise.reject(new Error('down'))),
    });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const subscribing = client.subscribe('a/#');
    const publishing = client.publish('a', 'x', { qos: 1 });
    await connection.expect('subscribe');
    const seen = record(client, 'connectError');
    up = false;
    connection.drop();
    const { error } = await next(client, 'close');
    expect(error).toMatchObject({ code: 'DIAL_FAILED' });
    expect(seen).toHaveLength(2);
    expect(client.state).toBe('closed');
    await expect(publishing).rejects.toMatchObject({ code: 'CLOSED', delivery: 'pending' });
    await expect(subscribing).rejects.toMatchObject({ code: expect.stringMatching(/CLOSED|DIAL_FAILED/) });
  });

  test('a connection that outlived the delay before it starts the count over: losses of a long life do not add up', async () => {
    const attempts: number[] = [];
    const { broker, client, connection } = await connected({
      maximumReconnectAttempts: 1,
      reconnect: (attempt) => {
        attempts.push(attempt);
        return 1;
      },
    });
    let current = connection;
    for (let loss = 0; loss < 4; loss += 1) {
      const since = performance.now();
      while (performance.now() - since < 3) await turn();
      current.drop();
      current = await broker.accept();
      await current.handshake({ sessionPresent: true });
      await next(client, 'connect');
    }
    expect([attempts, client.state]).toEqual([[1, 1, 1, 1], 'connected']);
  });

  test('connect() starts over: the attempts of before do not count, nor the delay', async () => {
    let up = true;
    const attempts: number[] = [];
    const broker = ScriptedBroker.inMemory();
    const { client } = scripted({
      maximumReconnectAttempts: 2,
      reconnect: (attempt) => {
        attempts.push(attempt);
        return 1;
      },
      dial: (url, options) => (up ? broker.dial(url, options) : Promise.reject(new Error('down'))),
    });
    for (let life = 0; life < 2; life += 1) {
      up = true;
      const connecting = client.connect();
      const connection = await broker.accept();
      await connection.handshake({ sessionPresent: life > 0 });
      await connecting;
      up = false;
      connection.drop();
      await next(client, 'close');
    }
    expect(attempts).toEqual([1, 2, 1, 2]);
  });

  test('a session taken over ends the client: no ping-pong (S-151, peers 4)', async () => {
    const { client, connection } = await connected();
    const seen = record(client, 'serverDisconnect', 'disconnect', 'reconnecting');
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    expect(await next(client, 'close')).toEqual({
      error: expect.objectContaining({ code: 'SESSION_TAKEN_OVER', reasonCode: 0x8e }),
    });
    expect(seen).toEqual([
      { name: 'serverDisconnect', payload: { reasonCode: 0x8e } },
      {
        name: 'disconnect',
        payload: { error: expect.objectContaining({ code: 'SESSION_TAKEN_OVER' }), willReconnect: false },
      },
    ]);
  });

  test('and connect() starts again, with its session', async () => {
    const { broker, client, connection } = await connected();
    const publishing = client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
    await connection.expect('publish');
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    await next(client, 'close');
    expect(await publishing).toMatchObject({
      code: 'CLOSED',
      delivery: 'pending',
      cause: { code: 'SESSION_TAKEN_OVER' },
    });
    const settled = next(client, 'publishSettled');
    const again = client.connect();
    const second = await broker.accept();
    expect((await second.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    const { dup, packetIdentifier } = await second.expect('publish');
    second.send({ type: 'puback', packetIdentifier, reasonCode: 0 });
    await again;
    expect(dup).toBe(true);
    expect(await settled).toEqual({ topic: 'a', qos: 1, packetIdentifier, result: { reasonCode: 0 } });
  });

  test('shouldReconnect decides, and sees the Reason Code', async () => {
    const asked: unknown[] = [];
    const { client, connection } = await connected({
      shouldReconnect: ({ reasonCode, attempt }) => {
        asked.push([reasonCode, attempt]);
        return false;
      },
    });
    connection.send({ type: 'disconnect', reasonCode: 0x98 });
    expect(await next(client, 'close')).toMatchObject({ error: { code: 'SERVER_DISCONNECTED', reasonCode: 0x98 } });
    expect(asked).toEqual([[0x98, 1]]);
  });

  test('a shouldReconnect that throws counts as no, and is logged: the client ends with the loss', async () => {
    const failure = new TypeError('of the application');
    const logged: unknown[] = [];
    const { client, connection } = await connected({
      logger: { debug: ignore, info: ignore, warn: ignore, error: (...line) => logged.push(line) },
      shouldReconnect: () => {
        throw failure;
      },
    });
    connection.drop();
    expect(await next(client, 'close')).toMatchObject({ error: { code: 'CONNECTION_LOST' } });
    expect(client.state).toBe('closed');
    expect(logged[0]).toEqual(['mqtt: shouldReconnect failed', { error: failure }]);
  });

  test('`reconnect: false` ends with the first loss', async () => {
    const { client, connection } = await connected({ reconnect: false });
    connection.drop();
    expect(await next(client, 'close')).toMatchObject({ error: { code: 'CONNECTION_LOST' } });
  });
});

describe('redirection (§4.11)', () => {
  function twoBrokers(options: Parameters<typeof scripted>[0]) {
    const dialled: string[] = [];
    const broker = ScriptedBroker.inMemory();
    const { client } = scripted({
      dial: (url, dialOptions) => {
        dialled.push(url.host);
        return broker.dial(url, dialOptions);
      },
      ...options,
    });
    return { broker, client, dialled };
  }

  test('without the option it is reported, not followed (T-188)', async () => {
    const { broker, client, dialled } = twoBrokers({});
    const connecting = client.connect();
    const first = await broker.accept();
    await first.handshake();
    await connecting;
    const redirect = next(client, 'serverRedirect');
    first.send({ type: 'disconnect', reasonCode: 0x9d, properties: { serverReference: 'elsewhere:1884' } });
    await (await broker.accept()).handshake({ sessionPresent: true });
    expect(await redirect).toEqual({ reasonCode: 0x9d, serverReference: 'elsewhere:1884', followed: false });
    expect(dialled).toEqual(['scripted:1883', 'scripted:1883']);
  });

  test('0x9C counts for the next attempt only (T-187)', async () => {
    const { broker, client, dialled } = twoBrokers({ followServerRedirects: true });
    const connecting = client.connect();
    const first = await broker.accept();
    await first.handshake();
    await connecting;
    first.send({ type: 'disconnect', reasonCode: 0x9c, properties: { serverReference: 'elsewhere:1884' } });
    const second = await broker.accept();
    await second.handshake();
    second.drop();
    await (await broker.accept()).handshake();
    expect(dialled).toEqual(['scripted:1883', 'elsewhere:1884', 'scripted:1883']);
  });

  test('0x9D replaces the list, from a refused connect() too (T-186)', async () => {
    const { broker, client, dialled } = twoBrokers({ followServerRedirects: true });
    const connecting = client.connect();
    const first = await broker.accept();
    await first.expect('connect');
    first.send({ type: 'connack', sessionPresent: false, reasonCode: 0x9d, properties: { serverReference: 'moved' } });
    const second = await broker.accept();
    await second.handshake();
    await connecting;
    second.drop();
    await (await broker.accept()).handshake({ sessionPresent: true });
    expect(dialled).toEqual(['scripted:1883', 'moved:1883', 'moved:1883']);
  });

  test('from a refused connect() all of them are tried, each after its delay', async () => {
    const { broker, client, dialled } = twoBrokers({ followServerRedirects: true });
    const waits = record(client, 'reconnecting');
    const connecting = client.connect();
    for (const [reasonCode, properties] of [
      [0x9d, { serverReference: 'a b c' }],
      [0x88, {}],
      [0x88, {}],
    ] as const) {
      const refusing = await broker.accept();
      await refusing.expect('connect');
      refusing.send({ type: 'connack', sessionPresent: false, reasonCode, properties });
    }
    await (await broker.accept()).handshake();
    await connecting;
    expect(dialled).toEqual(['scripted:1883', 'a:1883', 'b:1883', 'c:1883']);
    expect(waits[0]?.payload).toMatchObject({ attempt: 1, delayMs: 1, broker: new URL('mqtt://a:1883') });
  });

  test('0x9C is followed as often as a broker balances its load: only those in a row that fail are counted', async () => {
    const { broker, client, dialled } = twoBrokers({ followServerRedirects: true });
    const connecting = client.connect();
    let connection = await broker.accept();
    await connection.handshake();
    await connecting;
    for (let node = 1; node <= 8; node += 1) {
      const properties = { serverReference: `node-${node}` };
      connection.send({ type: 'disconnect', reasonCode: 0x9c, properties });
      connection = await broker.accept();
      await connection.handshake({ sessionPresent: false });
      await next(client, 'connect');
    }
    expect(dialled.slice(1)).toEqual(Array.from({ length: 8 }, (_, index) => `node-${index + 1}:1883`));
  });

  test('says all that the broker said; another Reason Code is none', async () => {
    const { broker, client, connection } = await connected();
    const seen = record(client, 'serverRedirect');
    connection.send({ type: 'disconnect', reasonCode: 0x8b, properties: { reasonString: 'maintenance' } });
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    await next(client, 'connect');
    const said = { reasonString: 'full', userProperties: [['k', 'v']] } as const;
    second.send({ type: 'disconnect', reasonCode: 0x9c, properties: said });
    await (await broker.accept()).handshake({ sessionPresent: true });
    expect(seen).toEqual([{ name: 'serverRedirect', payload: { reasonCode: 0x9c, ...said, followed: false } }]);
  });

  test('a function decides target by target', async () => {
    const { broker, client, dialled } = twoBrokers({
      followServerRedirects: (target, from) => target.hostname === 'b' && from.hostname === 'scripted',
    });
    const connecting = client.connect();
    const first = await broker.accept();
    await first.handshake();
    await connecting;
    first.send({ type: 'disconnect', reasonCode: 0x9c, properties: { serverReference: 'a b' } });
    await (await broker.accept()).handshake();
    expect(dialled).toEqual(['scripted:1883', 'b:1883']);
  });

  test('one that throws: not followed, reported and logged, and the client goes on', async () => {
    const failure = new TypeError('of the application');
    const logged: unknown[] = [];
    const { broker, client, dialled } = twoBrokers({
      logger: { debug: ignore, info: ignore, warn: ignore, error: (...line) => logged.push(line) },
      followServerRedirects: () => {
        throw failure;
      },
    });
    const connecting = client.connect();
    const first = await broker.accept();
    await first.handshake();
    await connecting;
    const redirect = next(client, 'serverRedirect');
    first.send({ type: 'disconnect', reasonCode: 0x9c, properties: { serverReference: 'elsewhere' } });
    await (await broker.accept()).handshake({ sessionPresent: true });
    expect(await redirect).toMatchObject({ reasonCode: 0x9c, followed: false });
    expect(dialled).toEqual(['scripted:1883', 'scripted:1883']);
    expect(logged).toEqual([['mqtt: followServerRedirects failed', { error: failure }]]);
  });
});

test('setBrokers applies to the next attempt (T-163)', async () => {
  const dialled: string[] = [];
  const broker = ScriptedBroker.inMemory();
  const { client } = scripted({
    dial: (url, options) => {
      dialled.push(url.host);
      return broker.dial(url, options);
    },
  });
  const connecting = client.connect();
  const first = await broker.accept();
  await first.handshake();
  await connecting;
  client.on('serverDisconnect', () => client.setBrokers('mqtt://other'));
  first.send({ type: 'disconnect', reasonCode: 0x8b });
  await (await broker.accept()).handshake();
  expect(dialled).toEqual(['scripted:1883', 'other:1883']);
  expect(() => client.setBrokers('localhost:1883')).toThrow(expect.objectContaining({ code: 'INVALID_BROKER_URL' }));
});

function ignore(): void {}
