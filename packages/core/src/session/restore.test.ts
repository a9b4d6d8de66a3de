// SPDX-License-Identifier: Apache-2.0
//
// What the next process makes of what is stored (reference/contracts.md, as amended by reliability.md).

import { describe, expect, test } from 'vitest';
import {
  delivered,
  persistent,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  removed,
  sent,
  settled,
  stored,
  Transcript,
} from '../../test/session/transcript.ts';

describe('the next process', () => {
  test('resumes each flow by its phase, in the order of before (T-042, T-051, T-222, V-097)', () => {
    const t = persistent();
    for (const topic of ['a', 'b', 'c', 'd']) t.publish({ topic, qos: topic === 'a' ? 1 : 2 });
    t.receive(pubrec(4), pubrec(2));
    const next = t.restart();
    expect(next.plan().cleanStart).toBe(false);
    next
      .resume()
      .expect(
        sent('pubrel', { packetIdentifier: 4 }),
        sent('pubrel', { packetIdentifier: 2 }),
        sent('publish', { topicName: 'a', packetIdentifier: 1, dup: true }),
        sent('publish', { topicName: 'c', packetIdentifier: 3, dup: true }),
      );
    next.receive(pubcomp(4), puback(1)).expect(removed('o/4'), settled('d', 0), removed('o/1'), settled('a', 0));
  });

  test('orders records by their sequence, whatever order the store has them in', () => {
    const t = persistent().publish({ topic: 'a' }).publish({ topic: 'b' });
    const shuffled = new Map([...t.store].toReversed());
    const next = new Transcript({ persistent: true }, shuffled);
    next.engine.restore(shuffled, next.now);
    next.resume().expect(sent('publish', { topicName: 'a' }), sent('publish', { topicName: 'b' }));
  });

  test('keeps new messages behind restored ones, under other identifiers', () => {
    const t = persistent().publish({ topic: 'a' }).publish({ topic: 'b' }).restart();
    t.publish({ topic: 'c' }).skip().resume();
    t.expect(
      sent('publish', { topicName: 'a' }),
      sent('publish', { topicName: 'b' }),
      sent('publish', { topicName: 'c', packetIdentifier: 3 }),
    );
  });

  test('does not give out again what was acknowledged and committed; PUBREC goes in arrival order (I-04)', () => {
    const t = persistent()
      .receive(publish('a', 2, 1), publish('b', 2, 2))
      .acknowledge('a')
      .restart()
      .resume()
      .skip();
    t.receive(publish('b', 2, 2, { dup: true }), publish('a', 2, 1, { dup: true })).expect(delivered('b', 2));
    t.acknowledge('b').expect(
      stored('i/2'),
      sent('pubrec', { packetIdentifier: 2 }),
      sent('pubrec', { packetIdentifier: 1 }),
    );
    t.receive(pubrel(1)).expect(removed('i/1'), sent('pubcomp', { packetIdentifier: 1, reasonCode: 0 }));
  });

  test('sends everything of a message again: payload, properties, retain', () => {
    const properties = {
      contentType: 't',
      userProperties: [['k', 'v']] as const,
      correlationData: Uint8Array.of(1, 2),
    };
    const payload = Uint8Array.of(1, 2, 3);
    const t = persistent().publish({ topic: 'ü/€', payload, retain: true, properties }).restart();
    t.resume().expect(sent('publish', { topicName: 'ü/€', payload, retain: true, properties }));
  });

  test('knows what remains of a lifetime, and does not end what may have been written', () => {
    const t = persistent().publish({ topic: 'a', properties: { messageExpiryInterval: 60 } });
    t.now += 50_000;
    const next = t.restart();
    next.now += 3_000;
    next.resume().expect(sent('publish', { properties: { messageExpiryInterval: 7 } }));
    const late = t.restart();
    late.now += 3_600_000;
    late.resume({ sessionExpiryInterval: 7200 }).expect(sent('publish', { properties: { messageExpiryInterval: 1 } }));
  });

  test('uses the assigned client identifier of before (T-224)', () => {
    const t = new Transcript({ clientId: '', persistent: true }).connect({ assignedClientIdentifier: 'given' });
    const next = t.restart({ clientId: '' });
    expect(next.plan()).toEqual({ clientId: 'given', cleanStart: false });
  });

  test('refuses the store of another client identifier, and touches nothing', () => {
    const t = persistent().publish({ topic: 'a' });
    const before = new Map(t.store);
    const other = new Transcript({ clientId: 'other', persistent: true }, t.store);
    const refusal = expect.objectContaining({ code: 'INVALID_OPTION' });
    expect(() => other.engine.restore(t.store, other.now)).toThrow(refusal);
    other.expectNothing();
    expect(t.store).toEqual(before);
  });

  test('finds a session that has expired meanwhile: Clean Start 1, and sessionLoss decides', () => {
    const t = persistent().publish({ topic: 'a' }).drop().restart();
    t.now += 300_000;
    const next = t.restart({ sessionLoss: 'fail' });
    expect(next.plan().cleanStart).toBe(true);
    next.connect().expect(removed('o/1'), settled('a', 'SESSION_LOST', 'unknown'));
  });

  test('does not count the time before the kill was noticed: nobody saw the connection end', () => {
    const t = persistent();
    t.now += 3_600_000;
    expect(t.restart().plan().cleanStart).toBe(false);
  });

  test('is in doubt when the process was killed between CONNECT and CONNACK', () => {
    const t = persistent().drop();
    t.plan();
    t.engine.handleConnectWritten();
    const next = t.restart();
    next.plan();
    expect(next.connack({ sessionPresent: true })).toEqual({ fate: 'resumed', inDoubt: true });
  });

  test('remembers which brokers may hold an older session', () => {
    const t = new Transcript({ persistent: true }).connect({ broker: 'one' }).drop().connect({ broker: 'two' });
    const next = t.restart();
    expect(next.plan('one').cleanStart).toBe(true);
    expect(next.plan('two').cleanStart).toBe(false);
  });

  test('sends messages that were accepted before the first session as new', () => {
    const t = new Transcript({ persistent: true }).publish({ topic: 'a' }).restart({ sessionLoss: 'fail' });
    t.connect().expect(sent('publish', { topicName: 'a', dup: false }));
  });

  test('remembers blames', () => {
    const t = persistent()
      .publish({ topic: 'a' })
      .drop({ reasonCode: 0x99 })
      .resume()
      .drop({ reasonCode: 0x99 })
      .restart();
    t.resume()
      .skip()
      .drop({ reasonCode: 0x99 })
      .expect(removed('o/1'), settled('a', 'REJECTED_BY_DISCONNECT'), stored('o/1'));
    // Only its identifier is left, and taken.
    const next = t.restart();
    expect([...next.engine.exchanges()]).toEqual([]);
    next.connect().expect(removed('o/1'));
  });
});

test('65,000 messages are restored within seconds', () => {
  const t = new Transcript({ persistent: true });
  for (let n = 0; n < 65_000; n += 1) t.publish({ topic: `t/${n}` });
  const started = performance.now();
  const next = t.restart();
  expect([...next.engine.exchanges()]).toHaveLength(65_000);
  expect(performance.now() - started).toBeLessThan(5_000);
});
