// SPDX-License-Identifier: Apache-2.0

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isValidTopicFilter, isValidTopicName, topicMatches } from './index.ts';

const LONGEST = 'x'.repeat(65_535);

describe('isValidTopicName (T-304, T-329)', () => {
  for (const name of [
    'a',
    '/',
    '//',
    'a/b',
    '/a',
    'a/',
    ' ',
    'a b',
    '$SYS/x',
    '$',
    'é',
    '€/😀',
    '\ufeff',
    '\u0001',
    '$share/a/b',
    LONGEST,
  ]) {
    test(`${JSON.stringify(name.slice(0, 20))} is one`, () => {
      expect(isValidTopicName(name)).toBe(true);
    });
  }
  for (const [name, why] of [
    ['', 'empty [MQTT-4.7.3-1]'],
    ['#', 'wildcard [MQTT-4.7.0-1]'],
    ['+', 'wildcard'],
    ['a/+/b', 'wildcard'],
    ['a#', 'wildcard'],
    ['a+b', 'wildcard'],
    ['a\0b', 'U+0000 [MQTT-4.7.3-2]'],
    ['\ud800', 'lone surrogate [MQTT-1.5.4-1]'],
    ['a\udfff/b', 'lone surrogate'],
    [`${LONGEST}x`, 'too long [MQTT-4.7.3-3]'],
    ['€'.repeat(21_846), 'too long in UTF-8'],
    [5 as unknown as string, 'no string'],
    [undefined as unknown as string, 'no string'],
  ] as const) {
    test(`${JSON.stringify(String(name).slice(0, 20))} is none: ${why}`, () => {
      expect(isValidTopicName(name)).toBe(false);
    });
  }

  test('agrees with the slow rule on any string', () => {
    const slow = (name: string): boolean =>
      name !== '' &&
      !/\p{Surrogate}/u.test(name) &&
      !/[+#\0]/u.test(name) &&
      new TextEncoder().encode(name).length <= 65_535;
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '/', '+', '#', '\0', 'é', '😀', '\ud83d', '\ude00', '$') }),
        (name) => {
          expect(isValidTopicName(name)).toBe(slow(name));
        },
      ),
    );
  });
});

const VALID = [
  'a',
  '#',
  '+',
  '/',
  '/#',
  '+/#',
  '+/+',
  'a/+',
  'a/+/b',
  'a/#',
  '$SYS/#',
  '$share',
  '$shared',
  '$share/g/a',
  '$share/g/#',
  '$share/g/+/a',
  '$share/g//',
  '$share/é/a',
  ' ',
  LONGEST,
];
const INVALID = [
  '',
  'a#',
  '#a',
  '#/',
  'a/#/b',
  '##',
  'a+',
  '+a',
  'a/+b',
  '++',
  '+#',
  '#+',
  '$share/',
  '$share//',
  '$share//a',
  '$share/g',
  '$share/g/',
  '$share/+/a',
  '$share/#/a',
  '$share/g+/a',
  '$share/g/a#',
  '$share/g/+a',
  'a\0',
  '\ud800',
  `${LONGEST}x`,
];

describe('isValidTopicFilter (T-304) [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]', () => {
  test.each(VALID)('%s is one', (filter) => {
    expect(isValidTopicFilter(filter)).toBe(true);
  });
  test.each(INVALID)('%j is none', (filter) => {
    expect(isValidTopicFilter(filter)).toBe(false);
  });

  test('agrees with a regular expression per level', () => {
    const levels = (filter: string): boolean =>
      filter !== '' &&
      filter
        .split('/')
        .every((level, i, all) => level === '+' || (level === '#' && i === all.length - 1) || !/[+#\0]/u.test(level));
    const slow = (filter: string): boolean => {
      const shared = /^\$share\/(?<name>[^/]*)(?:\/(?<rest>.*))?$/su.exec(filter);
      if (shared === null) return levels(filter);
      const { name = '', rest = '' } = shared.groups ?? {};
      return name !== '' && !/[+#\0]/u.test(name) && levels(rest);
    };
    const filters = fc
      .array(fc.constantFrom('a', '/', '+', '#', '\0', '$share', '$share/', 'é'), { maxLength: 8 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(filters, (filter) => {
        expect(isValidTopicFilter(filter)).toBe(slow(filter));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('topicMatches (§4.7)', () => {
  for (const [filter, name, matches] of [
    ['a/b', 'a/b', true],
    ['a/b', 'a/B', false],
    ['a/b', 'a/bc', false],
    ['a/b', 'a', false],
    ['a', 'a/b', false],
    ['a/b', 'a/b/', false],
    ['a/b/', 'a/b', false],
    ['a/b/', 'a/b/', true],
    ['#', 'a', true],
    ['#', '/', true],
    ['#', 'a/b/c', true],
    ['a/#', 'a', true], // the parent level (§4.7.1.2)
    ['a/#', 'a/', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'ab', false],
    ['a/#', 'b', false],
    ['/#', '/', true],
    ['/#', '/a', true],
    ['/#', 'a', false],
    ['+', 'a', true],
    ['+', '/', false],
    ['+', 'a/b', false],
    ['+', '/x', false],
    ['+/+', '/x', true],
    ['/+', '/x', true],
    ['+/+', '/', true], // empty levels
    ['a/+', 'a/', true],
    ['a/+', 'a', false],
    ['a/+/c', 'a/b/c', true],
    ['a/+/c', 'a//c', true],
    ['a/+/c', 'a/b/d', false],
    ['+/#', 'a', true],
    ['a/+/#', 'a', false],
    ['a/+/#', 'a/b', true],
    ['#', '$SYS/x', false], // [MQTT-4.7.2-1]
    ['+/x', '$SYS/x', false],
    ['+/#', '$SYS', false],
    ['$SYS/#', '$SYS/x', true],
    ['$SYS/+', '$SYS/x', true],
    ['$SYS/#', '$SYS', true],
    ['a/#', 'a/$x', true],
    ['+/$x', 'a/$x', true],
    ['$share/g/a/+', 'a/b', true], // [MQTT-4.8.2-2]
    ['$share/g/#', 'a/b', true],
    ['$share/g/#', '$SYS/x', false],
    ['$share/g/$SYS/#', '$SYS/x', true],
    ['$share/g/a', '$share/g/a', false],
    ['$share', '$share', true],
    ['$share/g//', '/', true],
    ['é/+', 'é/b', true],
    ['\u00e9', 'e\u0301', false], // [MQTT-4.7.3-4]
    ['a/#/b', 'a/x/b', false], // not valid
    ['a#', 'a#', false],
    ['', '', false],
    ['#', '', false],
    ['a/+', 'a/+', false], // not a topic name
    ['#', 'a/#', false],
  ] as const) {
    test(`${filter} ${matches ? 'matches' : 'does not match'} ${name}`, () => {
      expect(topicMatches(filter, name)).toBe(matches);
    });
  }

  test('agrees with a matcher by levels', () => {
    const slow = (filter: string, name: string): boolean => {
      if (!isValidTopicFilter(filter) || !isValidTopicName(name)) return false;
      const own = filter.startsWith('$share/') ? filter.split('/').slice(2) : filter.split('/');
      if (name.startsWith('$') && (own[0] === '+' || own[0] === '#')) return false;
      const levels = name.split('/');
      for (const [i, level] of own.entries()) {
        if (level === '#') return i <= levels.length;
        if (levels[i] === undefined || (level !== '+' && level !== levels[i])) return false;
      }
      return own.length === levels.length;
    };
    const level = fc.constantFrom('', 'a', 'b', '$', '$SYS');
    const filters = fc
      .array(fc.oneof(level, fc.constantFrom('+', '#', '$share')), { minLength: 1, maxLength: 5 })
      .map((l) => l.join('/'));
    const names = fc.array(level, { minLength: 1, maxLength: 4 }).map((l) => l.join('/'));
    fc.assert(
      fc.property(filters, names, (filter, name) => {
        expect(topicMatches(filter, name)).toBe(slow(filter, name));
      }),
      { numRuns: 5000 },
    );
  });
});
