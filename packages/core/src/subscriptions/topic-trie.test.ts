// SPDX-License-Identifier: Apache-2.0

import { isValidTopicFilter, isValidTopicName, topicMatches } from '@mqttv5/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { MatchCache } from './match-cache.ts';
import { TopicTrie } from './topic-trie.ts';

function matching(filters: readonly string[], topic: string): string[] {
  const trie = new TopicTrie<string>();
  for (const filter of filters) trie.add(filter, filter);
  const found: string[] = [];
  trie.match(topic, found);
  return found.sort();
}

const rows: readonly (readonly [name: string, filters: readonly string[], topic: string, found: readonly string[]])[] =
  [
    ['T-210: a filter without wildcard matches its own topic only', ['a/b', 'a', 'a/b/c', 'A/b'], 'a/b', ['a/b']],
    ['T-211: + is one level', ['a/+', '+/b', '+/+', '+', 'a/+/c'], 'a/b', ['+/+', '+/b', 'a/+']],
    ['T-211: + matches an empty level [MQTT-4.7.1-2]', ['a/+', 'a/+/b', '+/a', '+'], 'a/', ['a/+']],
    ['an empty first level is a level', ['+/a', '/a', '#', '/+', 'a'], '/a', ['#', '+/a', '/+', '/a']],
    ['T-212: # is any number of levels', ['#', 'a/#', 'a/b/#', 'b/#'], 'a/b/c/d', ['#', 'a/#', 'a/b/#']],
    ['T-213: # stands for the parent level too', ['a/#', 'a/b/#', '#'], 'a', ['#', 'a/#']],
    ['T-214: each of several filters once', ['a', 'a', '+'], 'a', ['+', 'a', 'a']],
    [
      'T-217 V-064: a leading wildcard matches no $-topic [MQTT-4.7.2-1]',
      ['#', '+/x', '+/#', '$SYS/#', '$SYS/+'],
      '$SYS/x',
      ['$SYS/#', '$SYS/+'],
    ],
    [
      'V-064: a wildcard further down matches levels that begin with $',
      ['a/+', 'a/#', '+/$b'],
      'a/$b',
      ['+/$b', 'a/#', 'a/+'],
    ],
    ['nothing at all matches', ['b', 'a/b/c', 'a/+/+'], 'a/b', []],
  ];

for (const [name, filters, topic, found] of rows) {
  test(name, () => expect(matching(filters, topic)).toEqual([...found].sort()));
}

test('T-215: removing what is not there changes nothing', () => {
  const trie = new TopicTrie<string>();
  trie.add('a/b', 'x');
  expect(trie.remove('a/c', 'x')).toBe(false);
  expect(trie.remove('a/b', 'y')).toBe(false);
  expect(trie.remove('a/#', 'x')).toBe(false);
  expect(trie.remove('a/b/+', 'x')).toBe(false);
  expect(trie.size).toBe(1);
});

test('T-216: nodes that became empty are freed', () => {
  const trie = new TopicTrie<number>();
  const filters = ['a/b/c', 'a/+/c', 'a/#', '#', '+', 'a/b', '//', '/+/'];
  filters.forEach((filter, i) => trie.add(filter, i));
  expect(trie.pruned).toBe(false);
  filters.forEach((filter, i) => expect(trie.remove(filter, i)).toBe(true));
  expect(trie.size).toBe(0);
  expect(trie.pruned).toBe(true);
});

test('a topic of 65,535 levels is matched without a stack of as many frames', () => {
  const topic = '/'.repeat(65_535);
  const trie = new TopicTrie<string>();
  trie.add(topic, 'deep');
  trie.add('+/#', 'wild');
  const found: string[] = [];
  trie.match(topic, found);
  expect(found.sort()).toEqual(['deep', 'wild']);
});

// Few letters, so that much matches.
const level = fc.constantFrom('a', 'b', '', '$a', 'ä');
const topicName = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((topic) => isValidTopicName(topic));
const topicFilter = fc
  .tuple(
    fc.array(fc.oneof({ weight: 2, arbitrary: level }, { weight: 1, arbitrary: fc.constant('+') }), { maxLength: 5 }),
    fc.boolean(),
  )
  .map(([levels, rest]) => [...levels, ...(rest ? ['#'] : [])].join('/'))
  .filter((filter) => isValidTopicFilter(filter));

test('the trie finds what a naive matcher finds, also after filters were removed', () => {
  fc.assert(
    fc.property(
      fc.array(topicFilter, { maxLength: 20 }),
      fc.array(topicName, { minLength: 1, maxLength: 10 }),
      fc.array(fc.nat({ max: 19 }), { maxLength: 10 }),
      (filters, topics, removed) => {
        const trie = new TopicTrie<number>();
        const left = new Map(filters.map((filter, i) => [i, filter]));
        filters.forEach((filter, i) => trie.add(filter, i));
        for (const i of removed) {
          const filter = left.get(i);
          if (filter === undefined) continue;
          left.delete(i);
          expect(trie.remove(filter, i)).toBe(true);
        }
        for (const topic of topics) {
          const found: number[] = [];
          trie.match(topic, found);
          const naive = [...left].filter(([, filter]) => topicMatches(filter, topic)).map(([i]) => i);
          expect(found.sort((a, b) => a - b)).toEqual(naive);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('the match cache stays bounded under a flood of topics, and remembers what is in use', () => {
  const cache = new MatchCache<string>();
  cache.set('busy', 'kept');
  for (let i = 0; i < 20_000; i++) {
    cache.set(`topic/${i}`, 'x');
    if (i % 500 === 0) expect(cache.get('busy')).toBe('kept');
  }
  expect(cache.size).toBeLessThanOrEqual(2 * 2048);
  cache.set('t'.repeat(300), 'long');
  expect(cache.get('t'.repeat(300))).toBeUndefined();
  cache.clear();
  expect(cache.get('busy')).toBeUndefined();
  expect(cache.size).toBe(0);
});
