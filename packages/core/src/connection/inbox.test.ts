// SPDX-License-Identifier: Apache-2.0

import { encode } from '@mqttv5/wire';
import { expect, test } from 'vitest';
import { Counters } from '../stats.ts';
import { Inbox } from './inbox.ts';
import { publish } from './testing-transport.ts';

interface Setup {
  readonly inbox: Inbox;
  readonly log: string[];
}

function setUp(onTopic: (topic: string, inbox: Inbox) => void = () => undefined): Setup {
  const log: string[] = [];
  const inbox: Inbox = new Inbox(
    {},
    {
      packet: (packet) => {
        const topic = packet.type === 'publish' ? packet.topicName : packet.type;
        log.push(topic);
        onTopic(topic, inbox);
      },
      malformed: (error) => log.push(`malformed 0x${error.reasonCode.toString(16)}`),
    },
    new Counters(),
  );
  return { inbox, log };
}

/** One chunk with a PUBLISH for each topic. */
const chunk = (...topics: string[]): Uint8Array =>
  Uint8Array.from(topics.flatMap((topic) => [...encode(publish(topic))]));

test('stop() holds back the rest of the chunk and all behind it, go() hands it out in order', () => {
  const { inbox, log } = setUp((topic) => {
    if (topic === 'b') inbox.stop();
  });
  inbox.push(chunk('a', 'b', 'c'));
  inbox.push(chunk('d'));
  expect(log).toEqual(['a', 'b']);
  inbox.go();
  inbox.push(chunk('e'));
  expect(log).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('a chunk handed over by a handler waits for its turn', () => {
  const { inbox, log } = setUp((topic) => {
    if (topic === 'a') inbox.push(chunk('c'));
  });
  inbox.push(chunk('a', 'b'));
  expect(log).toEqual(['a', 'b', 'c']);
});

test('finish() hands out everything, whatever a handler says about stopping', () => {
  const { inbox, log } = setUp(() => inbox.stop());
  inbox.push(chunk('a', 'b', 'c'));
  inbox.push(chunk('d'));
  expect(log).toEqual(['a']);
  inbox.finish();
  expect(log).toEqual(['a', 'b', 'c', 'd']);
  inbox.push(chunk('e'));
  expect(log).toHaveLength(4);
});

test('a violation is told once; nothing behind it comes out, in this chunk or later ones', () => {
  const { inbox, log } = setUp();
  inbox.push(Uint8Array.from([...chunk('a'), 0x00, 0x00, ...chunk('b')]));
  inbox.push(chunk('c'));
  inbox.go();
  inbox.finish();
  expect(log).toEqual(['a', 'malformed 0x81']);
});

test('close() inside a handler ends the chunk', () => {
  const { inbox, log } = setUp(() => inbox.close());
  inbox.push(chunk('a', 'b'));
  expect(log).toEqual(['a']);
});

test('a handler that throws loses its own packet only', () => {
  const { inbox, log } = setUp((topic) => {
    if (topic === 'a') throw new Error('handler');
  });
  expect(() => inbox.push(chunk('a', 'b'))).toThrow('handler');
  inbox.push(chunk('c'));
  expect(log).toEqual(['a', 'b', 'c']);
});
