// SPDX-License-Identifier: Apache-2.0
import { topicMatches } from '@mqttv5/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { TopicTemplate } from './api/topics.ts';
import { topicTemplate } from './topic-template.ts';

const code = (name: string): unknown => expect.objectContaining({ code: name });
/** A pattern the compiler cannot look into. */
const dynamic = (pattern: unknown): TopicTemplate => topicTemplate(pattern as string);

describe('topicTemplate', () => {
  const reading = topicTemplate('sensors/{device}/{metric}');

  test('is a filter, makes topics, and takes them apart', () => {
    expect(reading.pattern).toBe('sensors/{device}/{metric}');
    expect(reading.filter).toBe('sensors/+/+');
    expect(reading.format({ device: 'd7', metric: 5 })).toBe('sensors/d7/5');
    expect(reading.match('sensors/d7/temperature')).toEqual({ device: 'd7', metric: 'temperature' });
  });

  test.each(['sensors', 'sensors/a', 'sensors/a/b/c', 'Sensors/a/b', 'other/a/b', '', 'sensors/+/b', 'sensors/a/#'])(
    '%j is not one of its topics',
    (topic) => {
      expect(reading.match(topic)).toBeUndefined();
    },
  );

  test('an empty level matches, as it does the filter, but cannot be made', () => {
    expect(reading.match('sensors//x')).toEqual({ device: '', metric: 'x' });
    expect(() => reading.format({ device: '', metric: 'x' })).toThrow(code('INVALID_TOPIC'));
  });

  test.each(['a/b', '+', '#', 'a+', 'a\u0000', '/', '\ud800'])(
    'the value %j does not fit a level: INVALID_TOPIC',
    (device) => {
      expect(() => reading.format({ device, metric: 'x' })).toThrow(code('INVALID_TOPIC'));
    },
  );

  test('a value that is missing or of another type is INVALID_OPTION', () => {
    for (const device of [undefined, null, Number.NaN, Number.POSITIVE_INFINITY, {}, true]) {
      expect(() => reading.format({ device: device as string, metric: 'x' })).toThrow(code('INVALID_OPTION'));
    }
    expect(() => reading.format(undefined as never)).toThrow(code('INVALID_OPTION'));
    expect(() => dynamic('a/{constructor}').format({})).toThrow(code('INVALID_OPTION'));
  });

  test.each([
    '',
    'a/+',
    'a/#',
    '+/{a}',
    'a/{}',
    'a/{x}b',
    'a/{x',
    'a/x}',
    'a/{{x}}',
    '{a}/{a}',
    '{a}{b}',
    'a\u0000',
    '$share/{g}/a',
    '$share/g/',
    5,
    undefined,
  ])('the pattern %j is INVALID_TOPIC at construction', (pattern) => {
    expect(() => dynamic(pattern)).toThrow(code('INVALID_TOPIC'));
  });

  test('without parameters it is one topic', () => {
    const fixed = topicTemplate('a/b');
    expect(fixed.filter).toBe('a/b');
    expect(fixed.format({})).toBe('a/b');
    expect(fixed.match('a/b')).toEqual({});
    expect(fixed.match('a')).toBeUndefined();
  });

  test('$-topics are not for a parameter in the first level [MQTT-4.7.2-1]', () => {
    const template = topicTemplate('{tenant}/status');
    expect(template.match('$SYS/status')).toBeUndefined();
    expect(() => template.format({ tenant: '$SYS' })).toThrow(code('INVALID_TOPIC'));
    expect(topicTemplate('$SYS/{what}').match('$SYS/load')).toEqual({ what: 'load' });
  });

  test('a shared subscription has the topics of its filter [MQTT-4.8.2-1]', () => {
    const shared = topicTemplate('$share/workers/jobs/{id}');
    expect(shared.filter).toBe('$share/workers/jobs/+');
    expect(shared.format({ id: 1 })).toBe('jobs/1');
    expect(shared.match('jobs/1')).toEqual({ id: '1' });
  });

  test('a parameter may have any name', () => {
    const template = dynamic('a/{__proto__}/{gerät 1}');
    const match = template.match('a/x/y') ?? {};
    expect(Object.entries(match)).toEqual([
      ['__proto__', 'x'],
      ['gerät 1', 'y'],
    ]);
    expect(Object.getPrototypeOf(match)).toBe(Object.prototype);
  });

  test('is frozen', () => {
    expect(Object.isFrozen(reading)).toBe(true);
  });

  test('what it makes matches its filter and comes apart again', () => {
    const value = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/[/+#\0]/.test(text));
    fc.assert(
      fc.property(value, value, (device, metric) => {
        const topic = reading.format({ device, metric });
        expect(topicMatches(reading.filter, topic)).toBe(true);
        expect(reading.match(topic)).toEqual({ device, metric });
      }),
      { numRuns: 200 },
    );
  });

  test('matches exactly what its filter matches', () => {
    const level = fc.constantFrom('a', 'b', '', '$x');
    const topics = fc
      .array(level, { minLength: 1, maxLength: 4 })
      .map((levels) => levels.join('/'))
      .filter((topic) => topic !== '');
    const patterns = fc.constantFrom('{p}', '{p}/a', 'a/{p}', '{p}/{q}', 'a/{p}/b', '{p}/a/{q}', '/{p}', '$x/{p}');
    fc.assert(
      fc.property(patterns, topics, (pattern, topic) => {
        const template = dynamic(pattern);
        expect(template.match(topic) !== undefined).toBe(topicMatches(template.filter, topic));
      }),
      { numRuns: 500 },
    );
  });
});
