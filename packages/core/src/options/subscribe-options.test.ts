// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';

import type { CallbackOptions, Filters } from '../api/receive.ts';
import { topicTemplate } from '../topic-template.ts';
import { normalizeFilters, resolveSubscribeOptions } from './subscribe-options.ts';

const code = (name: string): unknown => expect.objectContaining({ code: name });
const plain = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 };

describe('normalizeFilters (S-071, S-079)', () => {
  test('a string, an object, a template, or several', () => {
    expect(normalizeFilters('a/#')).toEqual([{ filter: 'a/#', ...plain }]);
    expect(normalizeFilters({ filter: 'a', qos: 2 })).toEqual([{ filter: 'a', ...plain, qos: 2 }]);
    const template = topicTemplate('s/{id}');
    expect(normalizeFilters(template)).toEqual([{ filter: 's/+', ...plain }]);
    expect(normalizeFilters(['x', { ...template, qos: 1 }, template.filter])).toHaveLength(2);
  });

  test('options of the call hold where a filter says nothing', () => {
    const options = { qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 } as const;
    expect(
      normalizeFilters(['a', { filter: 'b', qos: 0, noLocal: false, retainHandling: undefined }], options),
    ).toEqual([
      { filter: 'a', ...options },
      { filter: 'b', ...options, qos: 0, noLocal: false },
    ]);
  });

  test('a filter that stands there twice is one: the last wins', () => {
    expect(normalizeFilters(['a', 'b', { filter: 'a', qos: 2 }])).toEqual([
      { filter: 'b', ...plain },
      { filter: 'a', ...plain, qos: 2 },
    ]);
  });

  test.each([
    '',
    'a/#/b',
    'a#',
    'a+/b',
    '#/a',
    'a\u0000',
    '\ud800',
    '$share/g/',
    '$share//a',
    '$share/g+/a',
    [],
    ['a', ''],
    5,
    undefined,
    {},
    { filter: 5 },
  ])('%j is INVALID_TOPIC [MQTT-3.8.3-2] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]', (filters) => {
    expect(() => normalizeFilters(filters as Filters)).toThrow(code('INVALID_TOPIC'));
  });

  test('a filter beyond 65,535 bytes is FIELD_TOO_LONG [MQTT-4.7.3-3]', () => {
    expect(() => normalizeFilters('ü'.repeat(32_768))).toThrow(code('FIELD_TOO_LONG'));
  });

  test('No Local on a shared subscription is INVALID_OPTION [MQTT-3.8.3-4]', () => {
    expect(() => normalizeFilters({ filter: '$share/g/a', noLocal: true })).toThrow(code('INVALID_OPTION'));
    expect(() => normalizeFilters(['a', '$share/g/a'], { noLocal: true })).toThrow(code('INVALID_OPTION'));
    expect(normalizeFilters(['a', { filter: '$share/g/a', noLocal: false }], { noLocal: true })).toHaveLength(2);
  });

  test.each([{ qos: 3 }, { noLocal: 1 }, { retainAsPublished: 'x' }, { retainHandling: 3 }, { rh: 1 }, { topic: 'a' }])(
    'a filter with %j is INVALID_OPTION [MQTT-3.8.3-5]',
    (options) => {
      expect(() => normalizeFilters({ filter: 'a', ...options } as Filters)).toThrow(code('INVALID_OPTION'));
    },
  );

  test('results are frozen and apart from what was passed', () => {
    const filter = { filter: 'a', qos: 1 as const };
    const [resolved] = normalizeFilters(filter);
    expect(Object.isFrozen(resolved)).toBe(true);
    expect(resolved).not.toBe(filter);
  });
});

describe('resolveSubscribeOptions', () => {
  const defaults = { bufferSize: 10, bufferBytes: 100, overflow: 'pause' } as const;

  test('bounds come from the client, the rest from the table', () => {
    expect(resolveSubscribeOptions(undefined, defaults, 'stream')).toEqual({
      ...defaults,
      ack: 'auto',
      onDrop: undefined,
      userProperties: [],
      signal: undefined,
      concurrency: 1,
      onHandlerError: 'refuse',
    });
  });

  test('what is given wins', () => {
    const options = {
      qos: 1,
      bufferSize: Number.POSITIVE_INFINITY,
      bufferBytes: 7,
      overflow: 'dropOldest',
      ack: 'manual',
      userProperties: { a: 'b' },
      concurrency: 4,
      onHandlerError: 'hold',
    } as const;
    expect(resolveSubscribeOptions(options, defaults, 'callback')).toMatchObject({
      bufferSize: Number.POSITIVE_INFINITY,
      bufferBytes: 7,
      overflow: 'dropOldest',
      ack: 'manual',
      userProperties: [['a', 'b']],
      concurrency: 4,
      onHandlerError: 'hold',
    });
  });

  test('a stream has no handler (api.d.ts, CallbackOptions)', () => {
    expect(() => resolveSubscribeOptions({ concurrency: 2 }, defaults, 'stream')).toThrow(code('INVALID_OPTION'));
    expect(() => resolveSubscribeOptions({ onHandlerError: 'hold' }, defaults, 'stream')).toThrow(/a stream has none/);
    const withHandler = { handler: () => undefined } as CallbackOptions;
    expect(resolveSubscribeOptions(withHandler, defaults, 'callback').concurrency).toBe(1);
    expect(() => resolveSubscribeOptions(withHandler, defaults, 'stream')).toThrow(code('INVALID_OPTION'));
  });

  test.each([
    { bufferSize: 0 },
    { bufferBytes: -1 },
    { overflow: 'block' },
    { ack: true },
    { ack: 'none' },
    { onDrop: 'log' },
    { concurrency: 0 },
    { onHandlerError: 'ignore' },
    { signal: 'x' },
    { userProperties: 5 },
    { autoAck: true },
    { onDecodeError: () => undefined },
  ])('%j is INVALID_OPTION', (options) => {
    expect(() => resolveSubscribeOptions(options as CallbackOptions, defaults, 'callback')).toThrow(
      code('INVALID_OPTION'),
    );
  });
});
