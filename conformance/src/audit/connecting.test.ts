// SPDX-License-Identifier: Apache-2.0
//
// reliability.md, "Connection and supervisor", and api.md, "General rules" and "Events", over the whole client.

import { Client, type ClientOptions, connect, constantBackoff, exponentialBackoff, isMqttError } from '@mqttv5/core';
import { ScriptedBroker, type ScriptedConnection } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, next, record, scripted, stateOf, turn } from '../lifecycle/setup.ts';

const error = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );

async function refuse(broker: ScriptedBroker, reasonCode: number, serverReference?: string) {
  const connection = await broker.accept();
  const packet = await connection.expect('connect');
  const properties = serverReference === undefined ? {} : { serverReference };
  connection.send({ type: 'connack', sessionPresent: false, reasonCode, properties });
  return packet;
}

const types = (connection: ScriptedConnection): string[] => connection.received.map(({ type }) => type);

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

describe('session taken over', () => {
  test('stops the client: events in order, `close` with SESSION_TAKEN_OVER; connect() starts again', async () => {
    const { broker, client, connection } = await connected();
    const events = record(client, 'serverDisconnect', 'disconnect', 'stateChange', 'reconnecting', 'close');
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    await next(client, 'close');
    expect(events.map(({ name }) => name)).toEqual(['serverDisconnect', 'disconnect', 'stateChange', 'close']);
    expect(events[1]?.payload).toMatchObject({
      willReconnect: false,
      error: { code: 'SESSION_TAKEN_OVER', reasonCode: 0x8e },
    });
    expect(events[3]?.payload).toMatchObject({ error: { code: 'SESSION_TAKEN_OVER' } });
    const connecting = client.connect();
    const again = await broker.accept();
    expect((await again.handshake({ sessionPresent: true })).cleanStart).toBe(false);
    await connecting;
  });

  test('allowed by shouldReconnect, the next attempt waits the longest delay of the backoff', async () => {
    const { client, connection } = await connected({
      shouldReconnect: () => true,
      reconnect: exponentialBackoff({ initialMs: 10, maximumMs: 7000, jitterMs: 0 }),
    });
    const waiting = next(client, 'reconnecting');
    connection.send({ type: 'disconnect', reasonCode: 0x8e });
    expect(await waiting).toMatchObject({ attempt: 1, delayMs: 7000 });
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

describe('options', () => {
  const base = { brokers: 'mqtt://localhost' };

  test('unknown keys throw INVALID_OPTION with the name that was probably meant, wherever options are taken', async () => {
    for (const [wrong, meant] of [
      ['keepalive', 'keepAlive'],
      ['clean', 'cleanStart'],
      ['clientID', 'clientId'],
      ['reconnectPeriod', 'reconnect'],
      ['connectTimeout', 'connectTimeoutMs'],
    ] as const) {
      expect(() => new Client({ ...base, [wrong]: 1 })).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(meant) }),
      );
    }
    const { client } = await connected();
    const unknown = { nonsense: 1 } as object;
    const calls: (() => unknown)[] = [
      () => client.publish('a', '', unknown),
      () => client.subscribe('a', unknown),
      () => client.subscribe({ filter: 'a', ...unknown }),
      () => client.subscribeCallback('a', () => undefined, unknown),
      () => client.declare('a', unknown),
      () => client.request('a', '', unknown),
      () => client.respond('a', () => '', unknown),
      () => client.disconnect(unknown),
      () => client.connect(unknown),
      () => client.awaitConnection(unknown),
      () => client.ping(unknown),
      () => client.reauthenticate(unknown),
      () => client.tryPublish('a', '', unknown),
      () => connect('mqtt://localhost', unknown),
      () => exponentialBackoff(unknown),
      () => new Client({ ...base, will: { topic: 'w', ...unknown } }),
      () => new Client({ ...base, tls: unknown }),
      () => new Client({ ...base, clientId: 'c', publisherPool: { size: 1, ...unknown } }),
    ];
    for (const call of calls) {
      const reason = await error((async () => call())());
      expect(reason, call.toString()).toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('nonsense'),
      });
    }
  });

  test('undefined means absent, for every option there is', async () => {
    const keys = [
      'dial',
      'tls',
      'clientId',
      'username',
      'password',
      'prepareConnect',
      'authenticator',
      'cleanStart',
      'cleanStartOnReconnect',
      'sessionExpiryInterval',
      'sessionLoss',
      'store',
      'resumeWithoutState',
      'independentBrokers',
      'receiveMaximum',
      'maximumPacketSize',
      'topicAliasMaximum',
      'outboundTopicAliases',
      'requestResponseInformation',
      'requestProblemInformation',
      'userProperties',
      'will',
      'lenient',
      'keepAlive',
      'connectTimeoutMs',
      'pingTimeoutMs',
      'disconnectTimeoutMs',
      'ackStallMs',
      'unmatchedHoldMs',
      'reconnect',
      'maximumReconnectAttempts',
      'retryInitialConnect',
      'followServerRedirects',
      'shouldReconnect',
      'offlinePublish',
      'maximumQueuedPublishes',
      'publishMode',
      'writeHighWaterMark',
      'writeOverflow',
      'qosDowngrade',
      'publisherPool',
      'bufferSize',
      'bufferBytes',
      'overflow',
      'logger',
      'stats',
    ] as const satisfies readonly (keyof ClientOptions)[];
    const absent: Partial<ClientOptions> = {};
    for (const key of keys) absent[key] = undefined;
    expect(new Client({ ...base, ...absent }).state).toBe('idle');
    const broker = ScriptedBroker.inMemory();
    onTestFinished(() => broker.close());
    const client = new Client({ ...absent, brokers: 'mqtt://x', dial: broker.dial });
    const connecting = client.connect();
    const connection = await broker.accept();
    await connection.handshake();
    await connecting;
    const publish = client.publish('a', 'x', {
      qos: undefined,
      retain: undefined,
      topicAlias: undefined,
      messageExpiryInterval: undefined,
      contentType: undefined,
      payloadFormatIndicator: undefined,
      responseTopic: undefined,
      correlationData: undefined,
      userProperties: undefined,
      signal: undefined,
    });
    await publish;
    expect(await connection.expect('publish')).toEqual({
      type: 'publish',
      topicName: 'a',
      payload: new TextEncoder().encode('x'),
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
    });
    const handle = client.declare([{ filter: 'f', qos: undefined, noLocal: undefined }], {
      qos: 1,
      noLocal: undefined,
      retainAsPublished: undefined,
      retainHandling: undefined,
      bufferSize: undefined,
      bufferBytes: undefined,
      overflow: undefined,
      ack: undefined,
      onDrop: undefined,
      userProperties: undefined,
      signal: undefined,
    });
    expect(handle.filters[0]).toMatchObject({
      filter: 'f',
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    });
    await connection.expect('subscribe');
    const closing = client.disconnect({
      signal: undefined,
      reasonCode: undefined,
      reasonString: undefined,
      sessionExpiryInterval: undefined,
      userProperties: undefined,
      drainTimeoutMs: undefined,
    });
    expect(await connection.expect('disconnect')).toMatchObject({ reasonCode: 0 });
    connection.end();
    await closing;
  });

  test('are read when the object is made: what happens to them afterwards changes nothing', async () => {
    const brokers = ['mqtt://a'];
    const userProperties: [string, string][] = [['k', 'v']];
    const will = { topic: 'w', payload: Uint8Array.of(1) };
    const { broker, client } = scripted({ brokers, userProperties, will });
    brokers[0] = 'mqtt://b';
    userProperties.push(['x', 'y']);
    will.payload.fill(9);
    will.topic = 'other';
    const connecting = client.connect();
    const connection = await broker.accept();
    const packet = await connection.handshake();
    expect((await connecting).broker.host).toBe('a:1883');
    expect(packet.properties?.userProperties).toEqual([['k', 'v']]);
    expect(packet.will).toMatchObject({ topicName: 'w', payload: Uint8Array.of(1) });
  });

  test('wrong values are refused when the object is made', () => {
    const wrong: object[] = [
      { keepAlive: 0 },
      { keepAlive: -1 },
      { keepAlive: 65_536 },
      { keepAlive: 1.5 },
      { receiveMaximum: 0 },
      { maximumPacketSize: 0 },
      { connectTimeoutMs: Number.NaN },
      { sessionExpiryInterval: -1 },
      { sessionLoss: 'x' },
      { maximumQueuedPublishes: 65_001 },
      { bufferSize: 0 },
      { reconnect: 1000 },
      { reconnect: true },
      { store: {} },
      { logger: {} },
      { clientId: 5 },
      { overflow: 'drop' },
      { publishMode: 'x' },
      { stats: 1 },
      { clientId: null },
    ];
    for (const options of wrong) {
      expect(() => new Client({ ...base, ...options }), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }),
      );
    }
    for (const brokers of ['localhost:1883', 'http://x', 'mqtt://', 'ws://x']) {
      expect(() => new Client({ brokers }), brokers).toThrow(expect.objectContaining({ code: 'INVALID_BROKER_URL' }));
    }
    expect(() => new Client({ brokers: 'localhost:1883' })).toThrow('mqtt://localhost:1883');
    expect(() => new Client({ brokers: [] })).toThrow(expect.objectContaining({ code: 'MISSING_BROKER' }));
  });
});

describe('a violation of the standard', () => {
  test('ends the connection with DISCONNECT and its code; nothing behind it in the chunk runs; the client reconnects', async () => {
    const { broker, client, connection } = await connected({ stats: true });
    const subscribing = client.subscribe('in');
    const { packetIdentifier } = await connection.expect('subscribe');
    const unmatched = record(client, 'unmatched');
    const lost = next(client, 'disconnect');
    const payload = new Uint8Array();
    connection.sendMerged(
      { type: 'suback', packetIdentifier, reasonCodes: [0, 0] },
      { type: 'publish', topicName: 'in', payload, qos: 0, retain: false, dup: false, packetIdentifier: 0 },
    );
    expect(await connection.expect('disconnect')).toMatchObject({ reasonCode: 0x82 });
    connection.end();
    expect(await lost).toMatchObject({ willReconnect: true, error: { code: 'PROTOCOL_ERROR', reasonCode: 0x82 } });
    expect(unmatched).toEqual([]);
    expect(client.stats().protocolErrors).toBe(1);
    expect(await stateOf(subscribing)).toBe('pending');
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    await again.expect('subscribe');
    subscribing.catch(() => undefined);
  });

  test('the codes: alias 0x94, a packet too large 0x95, CONNACK again 0x82, a client packet 0x82', async () => {
    const payload = new Uint8Array(200);
    const publish = {
      type: 'publish',
      topicName: 'in',
      payload,
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
    } as const;
    const cases: [number, (connection: ScriptedConnection) => void][] = [
      [0x94, (c) => c.send({ ...publish, payload: new Uint8Array(), properties: { topicAlias: 1 } })],
      [0x95, (c) => c.send(publish)],
      [0x82, (c) => c.send({ type: 'connack', sessionPresent: false, reasonCode: 0 })],
      [0x82, (c) => c.send({ type: 'pingreq' })],
      [0x82, (c) => c.send({ type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'x' } })],
      [0x81, (c) => c.sendBytes(Uint8Array.of(0x36, 3, 0, 1, 97))],
    ];
    for (const [code, misbehave] of cases) {
      const { connection } = await connected({ maximumPacketSize: 100, reconnect: false });
      misbehave(connection);
      expect((await connection.expect('disconnect')).reasonCode, code.toString(16)).toBe(code);
      connection.end();
    }
  });
});

describe('events', () => {
  test('listeners may call disconnect() and connect(); the order is kept', async () => {
    const { broker, client, connection } = await connected({ reconnect: constantBackoff(60_000) });
    const seen: string[] = [];
    client.on('stateChange', (state) => seen.push(state));
    let again: Promise<unknown> | undefined;
    client.on('disconnect', () => {
      seen.push('disconnect');
      again = client.disconnect().then(() => client.connect());
    });
    client.on('reconnecting', () => seen.push('reconnecting'));
    client.on('close', () => seen.push('close'));
    connection.drop();
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    await again;
    await turn();
    expect(seen).toEqual([
      'disconnect',
      'reconnecting',
      'reconnecting',
      'closing',
      'closed',
      'close',
      'connecting',
      'connected',
    ]);
  });

  test("`reconnecting` is raised at the start of the wait; the user's own disconnect() is no `disconnect`", async () => {
    const { client, connection } = await connected({ reconnect: constantBackoff(60_000) });
    const lost = record(client, 'disconnect');
    const waiting = next(client, 'reconnecting');
    connection.drop();
    expect(await waiting).toMatchObject({ attempt: 1, delayMs: 60_000 });
    expect((await waiting).broker).toBeInstanceOf(URL);
    await client.disconnect();
    expect(lost).toHaveLength(1);
    const other = await connected();
    const none = record(other.client, 'disconnect', 'connectError');
    const closed = next(other.client, 'close');
    await other.client.disconnect();
    expect(await closed).toEqual({});
    expect(none).toEqual([]);
  });

  test('the backoff starts over only after a connection has outlived the delay before it', async () => {
    const { broker, client, connection } = await connected({ reconnect: (attempt) => attempt * 20 });
    const delays: number[] = [];
    client.on('reconnecting', ({ delayMs }) => delays.push(delayMs));
    connection.drop();
    for (let i = 0; i < 2; i++) {
      const again = await broker.accept();
      await again.handshake({ sessionPresent: true });
      again.drop();
    }
    const last = await broker.accept();
    await last.handshake({ sessionPresent: true });
    await client.awaitConnection();
    expect(delays).toHaveLength(3);
    expect(delays.slice(1)).toEqual([40, 60]);
  });
});

test('ping and reauthenticate by state; a helper that is rejected leaves nothing behind', async () => {
  const { client } = scripted();
  expect(await error(client.ping())).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(await error(client.subscribe('a'))).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(await error(client.request('a', ''))).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(await error(client.awaitConnection())).toMatchObject({ code: 'NOT_CONNECTED' });
  const { client: other, connection } = await connected({ reconnect: constantBackoff(60_000) });
  const pinging = other.ping();
  await connection.expect('pingreq');
  connection.send({ type: 'pingresp' });
  expect(await pinging).toBeGreaterThanOrEqual(0);
  connection.drop();
  await next(other, 'reconnecting');
  expect(await error(other.ping())).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(await error(other.request('a', ''))).toMatchObject({ code: 'NOT_CONNECTED' });
  expect(types(connection)).toEqual(['connect', 'pingreq']);
});

test('isMqttError knows the errors of a second copy of the package by their code', () => {
  expect(isMqttError(Object.assign(new Error('x'), { code: 'CLOSED' }))).toBe(true);
  expect(isMqttError(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe(false);
  for (const none of [undefined, null, 'CLOSED', new Error('x'), { code: 'toString', message: '' }]) {
    expect(isMqttError(none)).toBe(false);
  }
});
