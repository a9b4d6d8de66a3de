// SPDX-License-Identifier: Apache-2.0
//
// api.md, "General rules", sentence by sentence, over the whole client: options, and errors.

import { Client, type ClientOptions, connect, exponentialBackoff, isMqttError } from '@mqttv5/core';
import { ScriptedBroker } from '@mqttv5/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connected, scripted } from '../lifecycle/setup.ts';
import { error } from './setup.ts';

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

test('isMqttError knows the errors of a second copy of the package by their code', () => {
  expect(isMqttError(Object.assign(new Error('x'), { code: 'CLOSED' }))).toBe(true);
  expect(isMqttError(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe(false);
  for (const none of [undefined, null, 'CLOSED', new Error('x'), { code: 'toString', message: '' }]) {
    expect(isMqttError(none)).toBe(false);
  }
});
