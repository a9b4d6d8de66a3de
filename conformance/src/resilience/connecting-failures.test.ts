// SPDX-License-Identifier: Apache-2.0
//
// What users of other clients suffer from when they connect, class by class (reference/peers.md §2): here it cannot happen.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { Client, connect, constantBackoff, exponentialBackoff } from '@mqttv5/core';
import type { AnyMqttError } from '@mqttv5/core';
import { ScriptedBroker, startBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from '../lifecycle/setup.ts';

describe('peers 2: end() hangs or lies', () => {
  test('offline, with a QoS 1 publish pending: disconnect() settles, and the publish too', async () => {
    const { client, connection } = await connected({ reconnect: constantBackoff(60_000) });
    connection.drop();
    await next(client, 'reconnecting');
    const publishing = client.publish('a', 'x', { qos: 1 }).catch((error: unknown) => error);
    await client.disconnect();
    expect(await publishing).toMatchObject({ code: 'CLOSED', delivery: 'pending' });
    expect(client.state).toBe('closed');
  });

  test('a second disconnect() ends with the first, when the socket is closed, not before', async () => {
    const { client, connection } = await connected({ disconnectTimeoutMs: 60_000 });
    connection.stall();
    const both = [client.disconnect(), client.disconnect()] as const;
    await turn();
    expect(await Promise.all(both.map((each) => stateOf(each)))).toEqual(['pending', 'pending']);
    connection.resume();
    await connection.expect('disconnect');
    await Promise.all(both);
    expect(connection.ended).toBe(true);
  });

  test('a broker that reads DISCONNECT and keeps the socket open holds nobody up', async () => {
    const server = createServer((socket) => {
      // CONNACK, and then nothing any more, not even FIN.
      socket.once('data', () => socket.write(Uint8Array.of(0x20, 3, 0, 0, 0)));
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    server.on('connection', (socket) => onTestFinished(() => void socket.destroy()));
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const client = await connect(`mqtt://127.0.0.1:${port}`, { disconnectTimeoutMs: 20 });
    await client.disconnect();
    expect(client.state).toBe('closed');
  });
});

describe('peers 3: reconnect storms', () => {
  test('the default waits a second, doubles, and stays below half a minute and its jitter', () => {
    const backoff = exponentialBackoff();
    const delays = Array.from({ length: 20 }, (_, index) => backoff(index + 1));
    expect(delays[0]).toBeGreaterThanOrEqual(800);
    expect(delays[0]).toBeLessThanOrEqual(1_200);
    expect(Math.max(...delays)).toBeLessThanOrEqual(30_200);
    expect(delays[4]).toBeGreaterThan(8 * 1_000);
  });

  test('a broker that accepts, greets and drops, ten times: attempts count on, and a hundred clients do not come at once', async () => {
    const asked: number[] = [];
    // Longer than such a connection lives.
    const { broker, connection } = await connected({ reconnect: (attempt) => (asked.push(attempt), 30) });
    let current = connection;
    for (let drop = 0; drop < 10; drop += 1) {
      current.drop();
      current = await broker.accept();
      await current.handshake({ sessionPresent: true });
    }
    expect(asked).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const spread = exponentialBackoff({ jitterMs: 'full' });
    const delays = Array.from({ length: 100 }, () => spread(5));
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(4_000);
  });

  test('maximumReconnectAttempts is a cap', async () => {
    let up = true;
    const broker = ScriptedBroker.inMemory();
    const { client } = scripted({
      maximumReconnectAttempts: 3,
      dial: (url, options) => (up ? broker.dial(url, options) : Promise.reject(new Error('down'))),
    });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const attempts = record(client, 'reconnecting');
    up = false;
    connection.drop();
    await next(client, 'close');
    expect(attempts).toHaveLength(3);
  });
});

describe('peers 4: session-takeover ping-pong', () => {
  test('two clients with one identifier: two connections in all, the first ends and says why', async () => {
    const accepted: string[] = [];
    await using broker = await startBroker({
      intercept: (direction, packet, client) => {
        if (direction === 'in' && packet.type === 'connect') accepted.push(client.clientId);
      },
    });
    const options = { clientId: 'tab', reconnect: constantBackoff(1) };
    await using first = new Client({ brokers: broker.url, ...options });
    await first.connect();
    const closed = next(first, 'close');
    await using second = new Client({ brokers: broker.url, ...options });
    await second.connect();
    expect((await closed).error).toMatchObject({ code: 'SESSION_TAKEN_OVER', reasonCode: 0x8e });
    await second.ping();
    expect([first.state, second.state, accepted.length]).toEqual(['closed', 'connected', 2]);
  });

  test('allowed by shouldReconnect, the next attempt waits the longest delay of the backoff', async () => {
    const { client, connection } = await connected({
      shouldReconnect: () => true,
      reconnect: exponentialBackoff({ initialMs: 1, maximumMs: 50_000, jitterMs: 0 }),
    });
    const reconnecting = next(client, 'reconnecting');
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    expect(await reconnecting).toMatchObject({ attempt: 1, delayMs: 50_000 });
  });
});

describe('peers 16: errors swallowed', () => {
  const failures: readonly [name: string, code: string, answer: Uint8Array | 'fin' | 'rst'][] = [
    ['a refusal', 'CONNECT_REFUSED', Uint8Array.of(0x20, 3, 0, 0x87, 0)],
    ['a refusal of a broker that speaks 3.1.1 only', 'CONNECT_REFUSED', Uint8Array.of(0x20, 3, 0, 0x84, 0)],
    ['a CONNACK of 3.1.1, two bytes long', 'PROTOCOL_ERROR', Uint8Array.of(0x20, 2, 0, 1)],
    ['an HTTP server', 'PROTOCOL_ERROR', new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a close', 'CONNECTION_LOST', 'fin'],
    ['a reset', 'CONNECTION_LOST', 'rst'],
  ];
  test.each(failures)(
    '%s: connect() rejects with %s, and connectError has the same error',
    async (_name, code, answer) => {
      const { broker, client } = scripted();
      const seen = record(client, 'connectError');
      const connecting = client.connect().catch((error: unknown) => error);
      const connection = await broker.accept();
      await connection.expect('connect');
      if (answer === 'fin') connection.end();
      else if (answer === 'rst') connection.drop();
      else connection.sendBytes(answer);
      const error = await connecting;
      expect(error).toMatchObject({ code, message: expect.stringMatching(/\w{3}/) });
      await turn();
      expect(seen).toEqual([{ name: 'connectError', payload: { error, attempt: 1, broker: expect.any(URL) } }]);
    },
  );

  test('a port where nobody listens: DIAL_FAILED, with what the system said as its cause', async () => {
    const error: unknown = await connect('mqtt://127.0.0.1:1').catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'DIAL_FAILED', cause: { code: 'ECONNREFUSED' } });
  });

  test('a password without a user name is what MQTT 5 allows, not a silent loop [MQTT-3.1.2-19]', async () => {
    const { broker, client } = scripted({ password: 'token' });
    const connecting = client.connect();
    const sent = await (await broker.accept()).handshake();
    await connecting;
    expect([sent.username, new TextDecoder().decode(sent.password)]).toEqual([undefined, 'token']);
  });

  test('with retryInitialConnect every failed attempt is told', async () => {
    const { client } = scripted({ retryInitialConnect: true, dial: () => Promise.reject(new Error('down')) });
    const errors: AnyMqttError[] = [];
    const three = new Promise<void>((resolve) => {
      client.on('connectError', ({ error }) => {
        if (errors.push(error) === 3) resolve();
      });
    });
    const connecting = client.connect().catch((error: unknown) => error);
    await three;
    await client.disconnect();
    expect(errors.slice(0, 3).map(({ code, cause }) => [code, String(cause)])).toEqual(
      Array.from({ length: 3 }, () => ['DIAL_FAILED', 'Error: down']),
    );
    expect(await connecting).toMatchObject({ code: 'CLOSED' });
  });
});

describe('peers 17: connect() means what it says', () => {
  test('without retryInitialConnect it rejects at the first failure, idle again, and nothing goes on in the background', async () => {
    const { client } = scripted({ dial: () => Promise.reject(new Error('down')) });
    await expect(client.connect()).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    const seen = record(client, 'connectError', 'reconnecting', 'stateChange');
    await turn();
    expect([client.state, seen]).toEqual(['idle', []]);
  });

  test('with retryInitialConnect it does not reject while the broker is down, and resolves when it is up', async () => {
    let up = false;
    const broker = ScriptedBroker.inMemory();
    const { client } = scripted({
      retryInitialConnect: true,
      dial: (url, options) => (up ? broker.dial(url, options) : Promise.reject(new Error('down'))),
    });
    const connecting = client.connect();
    await next(client, 'reconnecting');
    expect(await stateOf(connecting)).toBe('pending');
    up = true;
    await (await broker.accept()).handshake();
    expect(await connecting).toMatchObject({ sessionPresent: false });
  });

  test('it never resolves because the client was ended', async () => {
    const { broker, client } = scripted();
    const connecting = client.connect().catch((error: unknown) => error);
    await (await broker.accept()).expect('connect');
    await client.disconnect();
    expect(await connecting).toMatchObject({ code: 'CLOSED' });
  });
});

describe('peers 18: credentials expire', () => {
  test('each attempt asks for credentials, and may wait for them', async () => {
    const valid = new Set(['token 1']);
    const decoder = new TextDecoder();
    await using broker = await startBroker({
      authenticate: ({ password }) => password !== undefined && valid.has(decoder.decode(password)),
    });
    let issued = 0;
    await using client = new Client({
      brokers: broker.url,
      clientId: 'device',
      reconnect: constantBackoff(1),
      prepareConnect: async (_, { signal }) => {
        signal.throwIfAborted();
        issued += 1;
        await turn();
        return { username: 'device', password: `token ${issued}` };
      },
    });
    await client.connect();
    valid.clear();
    valid.add('token 3');
    const refused = next(client, 'connectError');
    const back = next(client, 'connect');
    broker.dropConnections();
    expect(await refused).toMatchObject({ error: { code: 'CONNECT_REFUSED', reasonCode: 0x86 } });
    expect(await back).toMatchObject({ sessionPresent: true });
  });
});
