// SPDX-License-Identifier: Apache-2.0
import { encode } from '@mqttv5/wire';
import { describe, expect, test } from 'vitest';

import type { Logger } from '../api/logger.ts';
import type { ClientOptions } from '../api/options.ts';
import { MemorySessionStore } from '../memory-session-store.ts';
import { resolveClientOptions } from './client-options.ts';
import { connectPacket } from './connect-packet.ts';
import { resolveCredentials } from './credentials.ts';

const brokers = 'mqtt://localhost';
const code = (name: string): unknown => expect.objectContaining({ code: name });
const resolve = (options: Omit<ClientOptions, 'brokers'> = {}) => resolveClientOptions({ brokers, ...options });
/** What plain JavaScript may hand in. */
const resolveAny = (options: object) => resolveClientOptions({ brokers, ...options });

describe('defaults (S-023 … S-063, design/api.md)', () => {
  test('every option has the documented one', () => {
    const { reconnect, shouldReconnect, brokers: addresses, ...rest } = resolve();
    expect(rest).toEqual({
      dial: undefined,
      tls: undefined,
      clientId: undefined,
      username: undefined,
      password: undefined,
      prepareConnect: undefined,
      authenticator: undefined,
      cleanStart: undefined,
      cleanStartOnReconnect: false,
      sessionExpiryInterval: 300,
      sessionLoss: 'republish',
      store: undefined,
      resumeWithoutState: false,
      independentBrokers: false,
      receiveMaximum: 1024,
      maximumPacketSize: undefined,
      topicAliasMaximum: 0,
      outboundTopicAliases: false,
      requestResponseInformation: false,
      requestProblemInformation: true,
      userProperties: [],
      will: undefined,
      lenient: false,
      keepAlive: 30,
      connectTimeoutMs: 10_000,
      pingTimeoutMs: undefined,
      disconnectTimeoutMs: 500,
      ackStallMs: 30_000,
      unmatchedHoldMs: 10_000,
      maximumReconnectAttempts: Number.POSITIVE_INFINITY,
      retryInitialConnect: false,
      followServerRedirects: false,
      offlinePublish: 'queue',
      maximumQueuedPublishes: 65_000,
      publishMode: 'fireAndForget',
      writeHighWaterMark: 1024 * 1024,
      writeOverflow: 'wait',
      qosDowngrade: false,
      publisherPool: undefined,
      bufferSize: 65_536,
      bufferBytes: 64 * 1024 * 1024,
      overflow: 'dropNewest',
      logger: undefined,
      stats: false,
    });
    expect(addresses.map(({ href }) => href)).toEqual(['mqtt://localhost:1883']);
    const first = reconnect === false ? 0 : reconnect(1);
    expect(first).toBeGreaterThanOrEqual(800);
    expect(first).toBeLessThanOrEqual(1200);
    const error = expect.anything();
    expect(shouldReconnect({ error, reasonCode: undefined, attempt: 1 })).toBe(true);
    expect(shouldReconnect({ error, reasonCode: 0x87, attempt: 1 })).toBe(true);
    expect(shouldReconnect({ error, reasonCode: 0x8e, attempt: 1 })).toBe(false);
    expect(shouldReconnect({ error, reasonCode: 0x84, attempt: 1 })).toBe(false);
  });

  test('with a store the session is kept for a week', () => {
    expect(resolve({ store: new MemorySessionStore() }).sessionExpiryInterval).toBe(604_800);
    expect(resolve({ store: new MemorySessionStore(), sessionExpiryInterval: 5 }).sessionExpiryInterval).toBe(5);
  });

  test('undefined means absent', () => {
    expect(Object.keys(resolveAny({ keepAlive: undefined, will: undefined, store: undefined }))).toEqual(
      Object.keys(resolve()),
    );
    expect(resolveAny({ keepAlive: undefined }).keepAlive).toBe(30);
  });
});

describe('what the constructor refuses (V-070, T-184)', () => {
  test.each([
    ['keepAlive', 0],
    ['keepAlive', 65_536],
    ['keepAlive', 1.5],
    ['keepAlive', '30'],
    ['keepAlive', true],
    ['connectTimeoutMs', 0],
    ['connectTimeoutMs', Number.POSITIVE_INFINITY],
    ['pingTimeoutMs', 0],
    ['pingTimeoutMs', 30_000],
    ['disconnectTimeoutMs', -1],
    ['ackStallMs', 0],
    ['unmatchedHoldMs', Number.NaN],
    ['receiveMaximum', 0],
    ['receiveMaximum', 65_536],
    ['maximumPacketSize', 0],
    ['maximumPacketSize', 2 ** 32],
    ['topicAliasMaximum', -1],
    ['topicAliasMaximum', 65_536],
    ['sessionExpiryInterval', -1],
    ['sessionExpiryInterval', 2 ** 32],
    ['sessionLoss', 'ignore'],
    ['cleanStart', 1],
    ['lenient', 'yes'],
    ['store', {}],
    ['store', 'memory'],
    ['logger', { info: () => undefined }],
    ['authenticator', { method: 'X' }],
    ['authenticator', { method: '', begin: Boolean, continue: Boolean }],
    ['authenticator', { method: 'X', begin: Boolean, continue: Boolean, verifyServerFinal: true }],
    ['prepareConnect', 'token'],
    ['reconnect', true],
    ['reconnect', 1000],
    ['maximumReconnectAttempts', -1],
    ['followServerRedirects', 'always'],
    ['shouldReconnect', true],
    ['offlinePublish', 'drop'],
    ['maximumQueuedPublishes', 0],
    ['maximumQueuedPublishes', 65_001],
    ['publishMode', 'waitForDrain'],
    ['writeHighWaterMark', 0],
    ['writeOverflow', 'dropOldest'],
    ['qosDowngrade', null],
    ['keepAlive', null],
    ['userProperties', null],
    ['bufferSize', 0],
    ['bufferSize', 1.5],
    ['bufferBytes', 0],
    ['overflow', 'block'],
    ['stats', 'on'],
    ['dial', {}],
    ['tls', true],
    ['tls', { ca: 5 }],
    ['tls', { minVersion: 'TLSv1.1' }],
    ['tls', { rejectUnauthorized: 'no' }],
    ['tls', { secureProtocol: 'x' }],
    ['username', 5],
    ['username', 'a\u0000b'],
    ['username', '\ud800'],
    ['clientId', 'a\udc00'],
    ['userProperties', 'a=b'],
    ['userProperties', [['only']]],
    ['userProperties', new Map([['a', 'b']])],
    ['userProperties', { a: 1 }],
    ['publisherPool', {}],
    ['publisherPool', { size: 0 }],
    ['publisherPool', { size: 2, routing: 'random' }],
    ['will', 'gone'],
    ['will', { topic: 't', qos: 3 }],
    ['will', { topic: 't', retain: 'yes' }],
    ['will', { topic: 't', payload: {} }],
    ['will', { topic: 't', willDelayInterval: -1 }],
    ['will', { topic: 't', payloadFormatIndicator: 2 }],
    ['will', { topic: 't', messageExpiryInterval: 1.5 }],
    ['will', { topic: 't', correlationData: 'text' }],
  ])('%s: %j is INVALID_OPTION', (name, value) => {
    // The pool's own rule about identifiers has a test of its own.
    const clientId = name === 'publisherPool' ? { clientId: 'c' } : {};
    expect(() => resolveAny({ ...clientId, [name]: value })).toThrow(code('INVALID_OPTION'));
    expect(() => resolveAny({ ...clientId, [name]: value })).toThrow(name);
  });

  test.each([
    ['clientId', { clientId: 'x'.repeat(65_536) }],
    ['username', { username: 'ü'.repeat(32_768) }],
    ['password', { password: 'x'.repeat(65_536) }],
    ['password', { password: new Uint8Array(65_536) }],
    ['userProperties', { userProperties: { a: 'x'.repeat(65_536) } }],
    ['will.payload', { will: { topic: 't', payload: new Uint8Array(65_536) } }],
    ['will.topic', { will: { topic: 't'.repeat(65_536) } }],
    ['will.contentType', { will: { topic: 't', contentType: 'x'.repeat(65_536) } }],
    ['will.correlationData', { will: { topic: 't', correlationData: new Uint8Array(65_536) } }],
  ])('a %s beyond 65,535 bytes is FIELD_TOO_LONG', (name, options) => {
    expect(() => resolveAny(options)).toThrow(code('FIELD_TOO_LONG'));
    expect(() => resolveAny(options)).toThrow(name);
    expect(() => resolveAny(options)).toThrow('6553');
  });

  test.each([
    { topic: '' },
    { topic: 'a/+' },
    { topic: 'a/#' },
    { topic: 'a\u0000' },
    { topic: 't', responseTopic: '#' },
  ])('a will with %j is INVALID_TOPIC [MQTT-3.1.3-11] [MQTT-3.3.2-2]', (will) => {
    expect(() => resolve({ will })).toThrow(code('INVALID_TOPIC'));
  });

  // 275 MB of text are looked at character by character: seconds, on a busy machine more.
  test('a CONNECT that no attempt could encode is refused at once: user properties beyond the largest packet', {
    timeout: 60_000,
  }, () => {
    const value = 'x'.repeat(65_535);
    const pairs = Array.from({ length: 4200 }, () => ['n', value] as const);
    expect(() => resolve({ userProperties: pairs })).toThrow(code('INVALID_OPTION'));
  });

  test('brokers are checked too (S-125, S-126)', () => {
    expect(() => resolveClientOptions({} as ClientOptions)).toThrow(code('MISSING_BROKER'));
    expect(() => resolveClientOptions({ brokers: 'ws://localhost' })).toThrow(code('INVALID_BROKER_URL'));
    const dial = async () => Promise.reject(new Error('never called'));
    expect(resolveClientOptions({ brokers: 'ws://localhost', dial }).dial).toBe(dial);
  });

  test('options that are no object', () => {
    for (const options of [undefined, null, 'mqtt://localhost', ['mqtt://localhost']]) {
      expect(() => resolveClientOptions(options as unknown as ClientOptions)).toThrow(code('INVALID_OPTION'));
    }
  });

  test('no message shows a password or a key', () => {
    const secret = 'hunter2';
    const attempts = [{ password: { secret } }, { tls: { key: { secret } } }, { tls: { passphrase: [secret] } }];
    for (const options of attempts) expect(() => resolveAny(options)).toThrow(/^((?!hunter2).)*$/);
    // A number out of an environment or a form is one too.
    expect(() => resolveAny({ password: 271_828 })).toThrow(/^((?!271828).)*$/);
    expect(() => resolveAny({ password: 271_828 })).toThrow('a string or a Uint8Array');
  });
});

describe('unknown options (S-007)', () => {
  test.each([
    ['keepalive', 'keepAlive'],
    ['KeepAlive', 'keepAlive'],
    ['keep_alive', 'keepAlive'],
    ['clean', 'cleanStart'],
    ['clientID', 'clientId'],
    ['clinetId', 'clientId'],
    ['user', 'username'],
    ['usernme', 'username'],
    ['reconnectPeriod', 'reconnect'],
    ['connectTimeout', 'connectTimeoutMs'],
    ['recieveMaximum', 'receiveMaximum'],
    ['sessionExpiry', 'sessionExpiryInterval'],
    ['queueQoSZero', 'offlinePublish'],
    ['host', 'brokers'],
    ['rejectUnauthorized', 'tls'],
  ])('%s: did you mean %s?', (unknown, meant) => {
    expect(() => resolveAny({ [unknown]: 1 })).toThrow(code('INVALID_OPTION'));
    expect(() => resolveAny({ [unknown]: 1 })).toThrow(`unknown option "${unknown}"; did you mean "${meant}"?`);
  });

  test.each(['protocolVersion', 'x', 'somethingElse', 'a'.repeat(100_000)])('%# resembles nothing', (unknown) => {
    expect(() => resolveAny({ [unknown]: 1 })).toThrow(/unknown option "[^"]+"$/);
  });

  test('inside will, tls and publisherPool, and inherited ones', () => {
    expect(() => resolveAny({ will: { topic: 't', delay: 1 } })).toThrow('did you mean "willDelayInterval"?');
    expect(() => resolveAny({ tls: { ALPNProtocols: [] } })).toThrow('did you mean "alpnProtocols"?');
    expect(() => resolveAny({ clientId: 'c', publisherPool: { count: 2 } })).toThrow('unknown option "count"');
    expect(() => resolveClientOptions(Object.create({ brokers, clean: true }) as ClientOptions)).toThrow('cleanStart');
  });
});

describe('what becomes of the options', () => {
  test('they are never changed, and changing them later changes nothing', () => {
    const password = new Uint8Array([1, 2]);
    const correlationData = new Uint8Array([3]);
    const pairs: [string, string][] = [['a', '1']];
    const list = ['mqtt://a', 'mqtt://b'];
    const options = {
      brokers: list,
      password,
      userProperties: pairs,
      will: { topic: 't', payload: 'x', correlationData },
    };
    const before = structuredClone(options);
    const resolved = resolveClientOptions(Object.freeze(options));
    expect(options).toEqual(before);

    list.push('mqtt://c');
    pairs.push(['b', '2']);
    password.fill(9);
    correlationData.fill(9);
    expect(resolved.brokers).toHaveLength(2);
    expect(resolved.userProperties).toEqual([['a', '1']]);
    expect(resolved.password).toEqual(Uint8Array.of(1, 2));
    expect(resolved.will?.properties?.correlationData).toEqual(Uint8Array.of(3));
    expect(Object.isFrozen(resolved)).toBe(true);
    expect(Object.isFrozen(resolved.userProperties)).toBe(true);
  });

  test('keepAlive false is none, an empty clientId asks for an assigned one (S-027, S-042, S-043)', () => {
    expect(resolve({ keepAlive: false }).keepAlive).toBe(0);
    expect(resolve({ keepAlive: false, pingTimeoutMs: 60_000 }).pingTimeoutMs).toBe(60_000);
    expect(resolve({ clientId: '' }).clientId).toBeUndefined();
    expect(resolve({ clientId: 'ü🔑' }).clientId).toBe('ü🔑');
  });

  test('user properties of either form become pairs, order and repeats kept (S-037, S-038)', () => {
    expect(resolve({ userProperties: { b: '1', a: '2' } }).userProperties).toEqual([
      ['b', '1'],
      ['a', '2'],
    ]);
    const pairs = [
      ['a', '1'],
      ['a', '2'],
    ] as const;
    expect(resolve({ userProperties: pairs }).userProperties).toEqual(pairs);
  });

  test('Infinity lifts the bounds that may be lifted', () => {
    const unbounded = Number.POSITIVE_INFINITY;
    expect(resolve({ bufferSize: unbounded, bufferBytes: unbounded, ackStallMs: unbounded })).toMatchObject({
      bufferSize: unbounded,
      bufferBytes: unbounded,
      ackStallMs: unbounded,
    });
  });

  test('the pool names its members after the client, and needs names when the broker assigns one (S-054, S-056)', () => {
    const pool = resolve({ clientId: 'c', publisherPool: { size: 2 } }).publisherPool;
    expect(pool).toMatchObject({ size: 2, routing: 'roundRobin' });
    expect([1, 2].map((index) => pool?.clientId('c', index))).toEqual(['c-pub-1', 'c-pub-2']);
    expect(() => resolve({ publisherPool: { size: 2 } })).toThrow(code('INVALID_OPTION'));
    expect(() => resolve({ publisherPool: { size: 2 } })).toThrow(/broker assigns/);
    const clientId = (base: string, index: number) => `${base}${index}`;
    expect(resolve({ publisherPool: { size: 2, clientId } }).publisherPool?.clientId).toBe(clientId);
  });

  test('the will is a packet field at once (S-039, V-005)', () => {
    const will = {
      topic: 'gone',
      payload: 'ü',
      qos: 1,
      retain: true,
      willDelayInterval: 5,
      messageExpiryInterval: 6,
      contentType: 'text/plain',
      payloadFormatIndicator: 1,
      responseTopic: 'r',
      correlationData: Uint8Array.of(7),
      userProperties: { a: 'b' },
    } as const;
    expect(resolve({ will }).will).toEqual({
      topicName: 'gone',
      payload: Uint8Array.of(0xc3, 0xbc),
      qos: 1,
      retain: true,
      properties: {
        willDelayInterval: 5,
        messageExpiryInterval: 6,
        contentType: 'text/plain',
        payloadFormatIndicator: 1,
        responseTopic: 'r',
        correlationData: Uint8Array.of(7),
        userProperties: [['a', 'b']],
      },
    });
    expect(resolve({ will: { topic: 't' } }).will).toMatchObject({ payload: new Uint8Array(0), qos: 0, retain: false });
  });

  test('console is a logger', () => {
    const logger: Logger = console;
    expect(resolve({ logger }).logger).toBe(console);
  });

  test('TLS options of any kind fit (S-025)', () => {
    const tls = {
      ca: ['pem', Uint8Array.of(1)],
      cert: 'c',
      key: 'k',
      servername: 'h',
      alpnProtocols: ['mqtt'],
      minVersion: 'TLSv1.3',
    } as const;
    expect(resolve({ tls }).tls).toEqual(tls);
  });
});

describe('connectPacket', () => {
  const attempt = {
    clientId: 'c',
    cleanStart: true,
    username: undefined,
    password: undefined,
    userProperties: [],
    authenticationMethod: undefined,
    authenticationData: undefined,
  };

  test('leaves out what the standard assumes (V-078) [MQTT-3.1.0-1]', () => {
    const packet = connectPacket(resolve({ sessionExpiryInterval: 0, receiveMaximum: 65_535 }), attempt);
    expect(packet).toEqual({ type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 30, properties: {} });
    expect(encode(packet)).toBeInstanceOf(Uint8Array);
  });

  test('carries what was asked for (S-028 … S-037)', () => {
    const options = resolve({
      sessionExpiryInterval: 7,
      receiveMaximum: 8,
      maximumPacketSize: 9,
      topicAliasMaximum: 10,
      requestResponseInformation: true,
      requestProblemInformation: false,
      keepAlive: false,
      will: { topic: 'w' },
    });
    const packet = connectPacket(options, {
      ...attempt,
      cleanStart: false,
      username: 'u',
      password: Uint8Array.of(1),
      userProperties: [['a', 'b']],
      authenticationMethod: 'M',
      authenticationData: Uint8Array.of(2),
    });
    expect(packet).toEqual({
      type: 'connect',
      clientId: 'c',
      cleanStart: false,
      keepAlive: 0,
      username: 'u',
      password: Uint8Array.of(1),
      will: options.will,
      properties: {
        sessionExpiryInterval: 7,
        receiveMaximum: 8,
        maximumPacketSize: 9,
        topicAliasMaximum: 10,
        requestResponseInformation: true,
        requestProblemInformation: false,
        userProperties: [['a', 'b']],
        authenticationMethod: 'M',
        authenticationData: Uint8Array.of(2),
      },
    });
  });
});

describe('resolveCredentials (S-040, V-006)', () => {
  const connect = { username: 'u', password: 'p', userProperties: { a: '1' } };

  test('what was returned is merged over what was changed', () => {
    expect(resolveCredentials(connect, undefined)).toEqual({
      username: 'u',
      password: Uint8Array.of(0x70),
      userProperties: [['a', '1']],
    });
    expect(resolveCredentials(connect, { password: Uint8Array.of(9), username: undefined })).toEqual({
      username: undefined,
      password: Uint8Array.of(9),
      userProperties: [['a', '1']],
    });
  });

  test('what does not belong there is refused', () => {
    expect(() => resolveCredentials(connect, { clientId: 'x' } as object)).toThrow(code('INVALID_OPTION'));
    expect(() => resolveCredentials({ ...connect, cleanStart: true } as typeof connect, undefined)).toThrow(
      code('INVALID_OPTION'),
    );
    expect(() => resolveCredentials(connect, { username: 'x'.repeat(70_000) })).toThrow(code('FIELD_TOO_LONG'));
    expect(() => resolveCredentials(connect, 'token' as unknown as object)).toThrow(code('INVALID_OPTION'));
  });
});
