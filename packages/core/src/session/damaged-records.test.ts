// SPDX-License-Identifier: Apache-2.0
//
// Records that were damaged in the store: set aside, reported, and what is concluded from their loss.

import { describe, expect, test } from 'vitest';
import { mqttError } from '../errors.ts';
import {
  persistent,
  puback,
  publish,
  pubrec,
  removed,
  sent,
  stored,
  Transcript,
} from '../../test/session/transcript.ts';

describe('damaged records', () => {
  function damage(t: Transcript, key: string): Transcript {
    const value = t.store.get(key);
    if (value === undefined) throw mqttError('INVALID_OPTION', `no ${key} in the store`);
    const broken = value.slice();
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    t.store.set(key, broken);
    return t;
  }

  function reopen(t: Transcript, settings: { cleanStart?: boolean; clientId?: string } = {}) {
    const next = new Transcript({ persistent: true, ...settings }, new Map(t.store), 3);
    next.now = t.now;
    return { next, report: next.engine.restore(new Map(next.store), next.now) };
  }

  test('are set aside and reported, the rest loads, and the identifier is not used in that session', () => {
    const t = damage(persistent().publish({ topic: 'a' }).publish({ topic: 'b' }), 'o/1');
    const { next, report } = reopen(t);
    expect(report).toMatchObject({
      damaged: [{ key: 'o/1', reason: 'the checksum is wrong' }],
      giveUpSession: false,
      messages: 1,
    });
    next
      .expect(stored('damaged/o/1'), removed('o/1'))
      .resume()
      .expect(sent('publish', { topicName: 'b' }));
    expect(next.store.get('damaged/o/1')).toEqual(t.store.get('o/1'));
    next.receive(puback(1), puback(2)).skip();
    next.publish({ topic: 'c' }).publish({ topic: 'd' }).skip();
    expect(next.packets.slice(-2)).toMatchObject([{ packetIdentifier: 3 }, { packetIdentifier: 2 }]);
  });

  test('are reported once; their identifiers stay taken over restarts and are free in the next session', () => {
    const { next } = reopen(damage(persistent().publish({ topic: 'a' }), 'o/1'));
    const again = reopen(next);
    expect(again.report.damaged).toEqual([]);
    again.next.resume().skip().publish({ topic: 'b' }).publish({ topic: 'c' }).skip();
    expect(again.next.packets).toMatchObject([{ packetIdentifier: 2 }, { packetIdentifier: 3 }]);
    again.next.drop().connect();
    expect([...again.next.store.keys()].filter((key) => key.startsWith('damaged'))).toEqual([]);
  });

  test('of an incoming message still say that it was acknowledged', () => {
    const t = damage(
      persistent()
        .receive(publish('a', 2, 1))
        .acknowledge('a'),
      'i/1',
    );
    const { next, report } = reopen(t);
    expect(report.damaged).toHaveLength(1);
    next
      .resume()
      .skip()
      .receive(publish('a', 2, 1, { dup: true }))
      .expect(sent('pubrec', { packetIdentifier: 1 }));
  });

  test('of a producer are reported and concern no session', () => {
    const ref = { queueId: 'q', sequence: 1 };
    const { next, report } = reopen(damage(persistent().publish({ topic: 'a', ref }).receive(puback(1)), 'c/q/1'));
    expect(report).toMatchObject({ damaged: [{ key: 'c/q/1' }], giveUpSession: false });
    expect(next.plan().cleanStart).toBe(false);
  });

  test('whose identifier cannot be read give the session up: Clean Start 1, sessionLoss for the rest', () => {
    const t = persistent().publish({ topic: 'a' });
    t.store.set('o/99999', t.store.get('o/1') ?? new Uint8Array());
    const { next, report } = reopen(t, { cleanStart: false });
    expect(report).toMatchObject({ giveUpSession: true, messages: 1 });
    expect(next.plan().cleanStart).toBe(true);
    next.skip().connect().skip();
    expect(next.packets).toMatchObject([{ topicName: 'a', dup: false }]);
  });

  test('that say whose session it was give it up, at every broker', () => {
    const t = new Transcript({ persistent: true })
      .connect({ broker: 'one' })
      .drop()
      .connect({ broker: 'two' })
      .publish({ topic: 'a' });
    const { next, report } = reopen(damage(t, 'meta'));
    expect(report).toMatchObject({ damaged: [{ key: 'meta' }], giveUpSession: true });
    expect(next.plan('one').cleanStart).toBe(true);
    next.connect({ broker: 'one' }).drop();
    expect(next.plan('two').cleanStart).toBe(true);
  });

  test.each([
    ['too short', Uint8Array.of(1, 2, 3)],
    ['empty', new Uint8Array()],
    ['of a format to come', new Uint8Array(40)],
  ])('%s', (_, value) => {
    const t = persistent().publish({ topic: 'a' });
    t.store.set('o/2', value);
    expect(reopen(t).report).toMatchObject({ damaged: [{ key: 'o/2' }], messages: 1 });
  });

  test('every single flipped bit of every record is found out', () => {
    const ref = { queueId: 'q', sequence: 1 };
    const t = persistent()
      .publish({ topic: 'a', ref })
      .receive(puback(1))
      .publish({ topic: 'b', qos: 2 })
      .receive(pubrec(2));
    t.receive(publish('c', 2, 1)).acknowledge('c');
    for (const [key, value] of t.store) {
      for (let bit = 0; bit < value.length * 8; bit += 1) {
        const flipped = value.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const next = new Transcript({ persistent: true });
        const report = next.engine.restore(new Map(t.store).set(key, flipped), next.now);
        expect(report.damaged.map((damaged) => damaged.key)).toEqual([key]);
      }
    }
  });
});
