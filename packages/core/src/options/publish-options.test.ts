// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';

import { resolveDisconnectOptions } from './disconnect-options.ts';
import { resolvePublish } from './publish-options.ts';
import { resolveRequestOptions } from './request-options.ts';
import { TopicCache } from './topic-cache.ts';
import { resolveWaitOptions } from './wait-options.ts';

const rejection = (code: string): unknown => expect.objectContaining({ code, delivery: 'notSent' });
const resolveAny = (options: object) => resolvePublish('t', '', options);

describe('resolvePublish', () => {
  test('gives the properties of the packet, and nothing where there are none (S-085)', () => {
    expect(resolvePublish('t', 'x', undefined)).toBeUndefined();
    expect(resolvePublish('t', 'x', {})).toBeUndefined();
    expect(resolvePublish('t', new Uint8Array(1), { qos: 1, retain: true, contentType: undefined })).toBeUndefined();
    const options = {
      messageExpiryInterval: 5,
      contentType: 'text/plain',
      payloadFormatIndicator: 1,
      responseTopic: 'r',
      correlationData: Uint8Array.of(1),
      userProperties: { a: 'b' },
      topicAlias: 7,
      signal: new AbortController().signal,
    } as const;
    expect(resolvePublish('t', 'x', options)).toEqual({
      messageExpiryInterval: 5,
      contentType: 'text/plain',
      payloadFormatIndicator: 1,
      responseTopic: 'r',
      correlationData: Uint8Array.of(1),
      userProperties: [['a', 'b']],
      topicAlias: 7,
    });
  });

  test('binary fields are copied: the buffer stays the caller’s', () => {
    const correlationData = Uint8Array.of(1);
    const properties = resolvePublish('t', '', { correlationData });
    correlationData[0] = 9;
    expect(properties?.correlationData).toEqual(Uint8Array.of(1));
  });

  test.each(['', '+', 'a/+', 'a/#', '#', 'a\u0000b', '\ud800', 'a+b', 5, undefined, null])(
    'topic %j is INVALID_TOPIC and was not sent (V-024, T-218) [MQTT-3.3.2-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2]',
    (topic) => {
      // Twice: nothing invalid may be remembered as valid.
      for (let round = 0; round < 2; round++) {
        expect(() => resolvePublish(topic as string, '', undefined)).toThrow(rejection('INVALID_TOPIC'));
      }
    },
  );

  test('a topic beyond 65,535 bytes is FIELD_TOO_LONG [MQTT-4.7.3-3]', () => {
    expect(resolvePublish('ü'.repeat(32_767), '', undefined)).toBeUndefined();
    expect(() => resolvePublish('ü'.repeat(32_768), '', undefined)).toThrow(rejection('FIELD_TOO_LONG'));
  });

  test.each([undefined, null, 5, {}, [1], new ArrayBuffer(1), new Uint16Array(1)])(
    'payload %o is INVALID_OPTION',
    (payload) => {
      expect(() => resolvePublish('t', payload as string, undefined)).toThrow(rejection('INVALID_OPTION'));
    },
  );

  test('a Buffer and bytes of another realm are payloads', () => {
    expect(resolvePublish('t', Buffer.from('x'), undefined)).toBeUndefined();
    const foreign = Object.create(null, { [Symbol.toStringTag]: { value: 'Uint8Array' } }) as Uint8Array;
    expect(resolvePublish('t', foreign, undefined)).toBeUndefined();
  });

  test.each([
    { qos: 3 },
    { qos: '1' },
    { retain: 1 },
    { signal: {} },
    { messageExpiryInterval: -1 },
    { messageExpiryInterval: 2 ** 32 },
    { contentType: 5 },
    { contentType: '\u0000' },
    { payloadFormatIndicator: 2 },
    { payloadFormatIndicator: true },
    { correlationData: 'text' },
    { userProperties: [['a', 5]] },
    { dup: true },
    { packetIdentifier: 5 },
  ])('%j is INVALID_OPTION and was not sent (V-002, V-024)', (options) => {
    expect(() => resolveAny(options)).toThrow(rejection('INVALID_OPTION'));
  });

  test('a key that is nobody’s is named with the one that was meant', () => {
    expect(() => resolveAny({ retained: true })).toThrow('did you mean "retain"?');
    expect(() => resolveAny({ Qos: 1 })).toThrow('did you mean "qos"?');
    expect(() => resolveAny(Object.create({ contenttype: 'x' }) as object)).toThrow('did you mean "contentType"?');
  });

  test.each([{ responseTopic: 'a/+' }, { responseTopic: '' }])('%j is INVALID_TOPIC [MQTT-3.3.2-14]', (options) => {
    expect(() => resolveAny(options)).toThrow(rejection('INVALID_TOPIC'));
  });

  test.each([
    { contentType: 'x'.repeat(65_536) },
    { correlationData: new Uint8Array(65_536) },
    { userProperties: { ['n'.repeat(65_536)]: '' } },
  ])('a property %# beyond 65,535 bytes is FIELD_TOO_LONG', (options) => {
    expect(() => resolveAny(options)).toThrow(rejection('FIELD_TOO_LONG'));
  });

  test.each([
    { topicAlias: 0 },
    { topicAlias: 65_536 },
    { topicAlias: 1.5 },
    { topicAlias: '1' },
    { topicAlias: 1, qos: 1 },
    { qos: 2, topicAlias: 1 },
  ])('%j is TOPIC_ALIAS_INVALID [MQTT-3.3.2-8]', (options) => {
    expect(() => resolveAny(options)).toThrow(rejection('TOPIC_ALIAS_INVALID'));
  });
});

describe('TopicCache', () => {
  test('is bounded, and an empty topic is never known', () => {
    const cache = new TopicCache();
    expect(cache.has('')).toBe(false);
    cache.add('');
    expect(cache.has('')).toBe(false);
    for (let index = 0; index < 5000; index++) cache.add(`topic/${index}`);
    cache.add('x'.repeat(1000));
    expect(cache.size).toBeLessThanOrEqual(1024);
    expect(cache.has('topic/4999')).toBe(true);
    expect(cache.has('topic/0')).toBe(false);
    expect(cache.has('x'.repeat(1000))).toBe(false);
  });
});

describe('resolveDisconnectOptions (S-089, V-007)', () => {
  test('nothing asked for is a normal disconnection', () => {
    const normal = {
      reasonCode: 0,
      reasonString: undefined,
      sessionExpiryInterval: undefined,
      userProperties: [],
      drainTimeoutMs: 0,
      signal: undefined,
    };
    expect(resolveDisconnectOptions(undefined, 300)).toEqual(normal);
    expect(resolveDisconnectOptions({}, 300)).toEqual(normal);
  });

  test.each([0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99])(
    'a client may say %i [MQTT-3.14.2-1]',
    (reasonCode) => {
      expect(resolveDisconnectOptions({ reasonCode }, 300).reasonCode).toBe(reasonCode);
    },
  );

  test.each([0x01, 0x87, 0x8b, 0x8e, 0x9c, 256, -1, 1.5])('a client may not say %d [MQTT-3.14.2-1]', (reasonCode) => {
    expect(() => resolveDisconnectOptions({ reasonCode }, 300)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  test('a session that ends with its connection cannot be prolonged (V-077) [MQTT-3.14.2-2]', () => {
    expect(() => resolveDisconnectOptions({ sessionExpiryInterval: 1 }, 0)).toThrow(
      expect.objectContaining({ code: 'INVALID_SESSION_EXPIRY' }),
    );
    expect(resolveDisconnectOptions({ sessionExpiryInterval: 0 }, 0).sessionExpiryInterval).toBe(0);
    expect(resolveDisconnectOptions({ sessionExpiryInterval: 900 }, 300).sessionExpiryInterval).toBe(900);
  });

  test.each([
    { reasonString: 5 },
    { serverReference: 'x' },
    { drainTimeoutMs: -1 },
    { sessionExpiryInterval: 2 ** 32 },
    { reason: 4 },
  ])('%j is INVALID_OPTION', (options) => {
    expect(() => resolveDisconnectOptions(options as object, 300)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });
});

describe('resolveRequestOptions and resolveWaitOptions', () => {
  test('30 s at QoS 0 by default, false for no end', () => {
    expect(resolveRequestOptions()).toEqual({ timeoutMs: 30_000, responseQos: 0, publish: {} });
    expect(resolveRequestOptions({ timeoutMs: false, responseQos: 1, qos: 2, contentType: 'x' })).toEqual({
      timeoutMs: undefined,
      responseQos: 1,
      publish: { qos: 2, contentType: 'x' },
    });
  });

  test.each([
    { timeoutMs: 0 },
    { timeout: 5 },
    { responseQos: 3 },
    { responseTopic: 'r' },
    { correlationData: new Uint8Array(1) },
  ])('%j is INVALID_OPTION', (options) => {
    expect(() => resolveRequestOptions(options as object)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  test('a wait takes a signal and nothing else', () => {
    const { signal } = new AbortController();
    expect(resolveWaitOptions(undefined)).toBeUndefined();
    expect(resolveWaitOptions({ signal })).toBe(signal);
    expect(() => resolveWaitOptions({ timeoutMs: 5 } as object)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    expect(() => resolveWaitOptions({ signal: new AbortController() as unknown as AbortSignal })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });
});
