// SPDX-License-Identifier: Apache-2.0
//
// What is stored, when, and what the next process makes of it (reference/contracts.md, as amended by reliability.md).

import { describe, expect, test } from 'vitest';
import { mqttError, StoreError } from '../errors.ts';
import {
  delivered,
  puback,
  pubcomp,
  pubrec,
  publish,
  pubrel,
  removed,
  sent,
  settled,
  stored,
  Transcript,
} from '../../test/session/transcript.ts';

const persistent = () => new Transcript({ persistent: true }).connect().skip();

describe('stored before sent', () => {
  test('without a store not one operation is made', () => {
    const t = new Transcript().connect().publish({ topic: 'a', qos: 2 }).receive(pubrec(1), pubcomp(1));
    expect(t.store.size).toBe(0);
  });

  test('PUBLISH, PUBREL, PUBREC and PUBCOMP come behind their records (T-040, T-223, V-098, I-01 … I-05)', () => {
    const t = persistent();
    t.publish({ topic: 'a', qos: 2 }).expect(stored('o/1'), sent('publish'));
    t.receive(pubrec(1)).expect(stored('o/1'), sent('pubrel'));
    t.receive(pubcomp(1)).expect(removed('o/1'), settled('a', 0));
    t.receive(publish('b', 2, 1)).expect(delivered('b', 2));
    t.acknowledge('b').expect(stored('i/1'), sent('pubrec'));
    t.receive(pubrel(1)).expect(removed('i/1'), sent('pubcomp'));
  });

  test('the record goes with the last acknowledgement, before anybody hears of it (I-03)', () => {
    persistent().publish({ topic: 'a' }).skip().receive(puback(1)).expect(removed('o/1'), settled('a', 0));
  });

  test('an answered QoS 2 message is stored when it is answered, also while disconnected (I-04)', () => {
    const t = persistent()
      .receive(publish('b', 2, 1))
      .skip()
      .drop();
    t.acknowledge('b').expect(stored('i/1'));
    t.resume()
      .receive(publish('b', 2, 1, { dup: true }))
      .expect(sent('pubrec', { packetIdentifier: 1 }));
  });

  test('QoS 0, QoS 1 in, and refused messages in leave no record', () => {
    const t = persistent()
      .publish({ topic: 'a', qos: 0 })
      .receive(publish('b', 1, 1), publish('c', 2, 2))
      .skip();
    t.acknowledge('b').acknowledge('c', 0x83).expect(sent('puback'), sent('pubrec'));
  });

  test('the first record says whose it is: it may fail alone (T-041, V-100, I-07)', () => {
    const t = persistent().publish({ topic: 'a', qos: 2 });
    expect(t.firstPuts.get('o/1')).toBe(t.exchange('a'));
    t.receive(pubrec(1));
    expect(t.firstPuts.get('o/1')).toBeUndefined();
  });

  test('whose session it is comes before the first record, and before CONNECT is written', () => {
    const t = new Transcript({ persistent: true });
    t.publish({ topic: 'a' });
    expect([...t.store.keys()]).toEqual(['meta', 'o/1']);
  });
});

test('a message that expires while it waits takes its record along (T-052)', () => {
  const t = new Transcript({ persistent: true })
    .publish({ topic: 'a', properties: { messageExpiryInterval: 1 } })
    .skip();
  t.wait(1000).expect(removed('o/1'), settled('a', 'MESSAGE_EXPIRED', 'notSent'));
});

test('a message that is taken back takes its record along (T-038)', () => {
  const t = new Transcript({ persistent: true }).publish({ topic: 'a' }).skip();
  t.engine.withdraw(t.exchange('a'), t.now);
  t.expect(removed('o/1'));
});

test('PUBREL right behind PUBREC: the record is removed after it was stored (T-056)', () => {
  const t = persistent()
    .receive(publish('a', 2, 1))
    .skip();
  t.acknowledge('a').receive(pubrel(1)).expect(stored('i/1'), sent('pubrec'), removed('i/1'), sent('pubcomp'));
});

test('an identifier the broker uses again at once: the new record comes after the end of the old one (T-057)', () => {
  const t = persistent()
    .receive(publish('a', 2, 1))
    .acknowledge('a')
    .skip();
  t.receive(pubrel(1), publish('b', 2, 1)).acknowledge('b');
  t.expect(removed('i/1'), sent('pubcomp'), delivered('b', 2), stored('i/1'), sent('pubrec'));
});

describe('a first record that cannot be stored', () => {
  test('fails only that publish, whose identifier and slot are free (T-041, T-063)', () => {
    const t = new Transcript({ persistent: true }).connect({ receiveMaximum: 1 });
    t.holdWrites = true;
    t.publish({ topic: 'a' }).publish({ topic: 'b' }).skip();
    t.engine.rejectFirstPut(t.exchange('a'), new StoreError('full'), t.now);
    t.expect(settled('a', 'STORE_FAILED', 'notSent'), sent('publish', { topicName: 'b' }));
    t.receive(puback(1)).expectNothing();
  });

  test('completes the publish once, and never one that has ended (T-059, T-062)', () => {
    const t = persistent().publish({ topic: 'a' }).receive(puback(1)).skip();
    t.engine.rejectFirstPut(t.exchange('a'), new StoreError('full'), t.now);
    t.expectNothing();
  });

  test('takes along the record that the loss of a session has made since', () => {
    const t = persistent();
    t.holdWrites = true;
    t.publish({ topic: 'a' }).drop().connect({ hold: true }).skip();
    t.engine.rejectFirstPut(t.exchange('a'), new StoreError('full'), t.now);
    t.expect(removed('o/2'), settled('a', 'STORE_FAILED'));
  });

  test('takes along the record of a message that was lowered since: it is not sent by the next process', () => {
    const t = new Transcript({ persistent: true, qosDowngrade: true });
    t.holdWrites = true;
    // The first record is still being written when the broker's limits come.
    t.publish({ topic: 'a', qos: 2 }).connect({ maximumQoS: 1 }).skip();
    t.engine.rejectFirstPut(t.exchange('a'), new StoreError('full'), t.now);
    t.expect(removed('o/1'), settled('a', 'STORE_FAILED', 'notSent'));
    t.restart().resume().expectNothing();
  });
});

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

describe('the loss of a session is one step with its new number (I-11)', () => {
  test('"republish": removals first, since an old identifier may be a new one', () => {
    const t = new Transcript({ persistent: true }, new Map(), 3).connect();
    for (const topic of ['a', 'b', 'c']) t.publish({ topic });
    t.skip().drop().connect({ hold: true });
    t.expect(removed('o/1'), removed('o/2'), removed('o/3'), stored('o/1'), stored('o/2'), stored('o/3'));
    expect(t.restart().resume().exchanges.size).toBe(0);
  });

  test('inbound records go', () => {
    const t = persistent()
      .receive(publish('a', 2, 1))
      .acknowledge('a')
      .skip()
      .drop();
    t.connect().expect(removed('i/1'));
  });

  test('endSession leaves nothing but whose session it was', () => {
    const t = persistent()
      .publish({ topic: 'a' })
      .receive(publish('b', 2, 1))
      .acknowledge('b');
    t.engine.endSession(t.now);
    expect([...t.store.keys()]).toEqual(['meta']);
    expect(t.restart().plan().cleanStart).toBe(true);
  });

  test('a message lowered by the broker is stored as what it is now', () => {
    const t = new Transcript({ persistent: true, qosDowngrade: true }).publish({ topic: 'a', qos: 2 }).skip();
    t.connect({ maximumQoS: 1 }).expect(stored('o/1'), sent('publish', { qos: 1 }));
    const next = t.restart().resume({ maximumQoS: 1 });
    next
      .expect(sent('publish', { qos: 1, dup: true }))
      .receive(puback(1))
      .expect(removed('o/1'), settled('a', 0));
  });
});

describe('producers (V-101, I-08, I-09)', () => {
  const ref = { queueId: '0123456789abcdef0123456789abcdef', sequence: 7 };
  const key = 'c/0123456789abcdef0123456789abcdef/7';

  test('an outcome becomes Completed in the step that ends the exchange, and goes when the producer has settled (T-064)', () => {
    const t = persistent().publish({ topic: 'a', ref }).skip();
    t.receive(puback(1, 0x10)).expect(removed('o/1'), stored(key), settled('a', 0x10));
    t.engine.releaseCompleted(ref);
    t.expect(removed(key));
    t.engine.releaseCompleted(ref);
    t.expectNothing();
  });

  test('a failing producer keeps the record, a restart after restart (T-053, T-054, T-055, T-060, T-227)', () => {
    const t = persistent().publish({ topic: 'a', ref }).receive(puback(1)).restart().restart();
    expect(t.engine.adopt(ref)).toEqual({ completed: { result: { reasonCode: 0 } } });
    t.resume().expectNothing();
  });

  test('an open exchange is resumed without its producer; its outcome waits for one (T-054, T-067, I-09)', () => {
    const t = persistent().publish({ topic: 'a', ref }).restart().resume();
    const adopted = t.engine.adopt(ref);
    expect(adopted).toMatchObject({ open: { topic: 'a', packetIdentifier: 1 } });
    t.receive(puback(1)).skip();
    expect(t.engine.adopt(ref)).toMatchObject({ completed: { result: { reasonCode: 0 } } });
    expect([...t.engine.producerRefs()]).toEqual([ref]);
  });

  test.each([1, 2] as const)(
    'every outcome survives a restart at QoS %i; a refused one is never resent (T-061, V-102, I-10)',
    (qos) => {
      const answer = {
        packetIdentifier: 1,
        reasonCode: 0x97,
        properties: { reasonString: 'full', userProperties: [['k', 'v']] },
      } as const;
      const t = persistent().publish({ topic: 'a', qos, ref });
      t.receive(qos === 1 ? { type: 'puback', ...answer } : { type: 'pubrec', ...answer });
      for (const sessionPresent of [true, false]) {
        const next = t.restart().connect({ sessionPresent }).expectNothing();
        const adopted = next.engine.adopt(ref);
        const error = adopted !== undefined && 'completed' in adopted ? adopted.completed.error : undefined;
        expect(error).toMatchObject({
          code: 'PUBLISH_REFUSED',
          delivery: 'refused',
          reasonCode: 0x97,
          ...answer.properties,
        });
      }
    },
  );

  test('are told of a lost session under "fail", and keep their message under "republish" (T-066)', () => {
    const t = persistent().publish({ topic: 'a', ref });
    const failed = t.restart({ sessionLoss: 'fail' }).connect();
    failed.expect(removed('o/1'), stored(key), settled('a', 'SESSION_LOST', 'unknown'));
    expect(failed.restart().engine.adopt(ref)).toMatchObject({
      completed: { error: { code: 'SESSION_LOST', delivery: 'unknown' } },
    });
    const republished = t.restart().connect();
    expect(republished.restart().engine.adopt(ref)).toMatchObject({ open: { topic: 'a' } });
  });

  test('adoption in the middle of the settlement finds the outcome, once (T-058)', () => {
    const t = persistent().publish({ topic: 'a', ref });
    const adopted: unknown[] = [];
    t.onSettled = () => adopted.push(t.engine.adopt(ref));
    t.receive(puback(1), puback(1));
    expect(adopted).toEqual([{ completed: { result: { reasonCode: 0 } } }]);
  });

  test('an outcome nobody has settled delays neither PUBCOMP nor other flows, and its identifier is free (T-065)', () => {
    const t = new Transcript({ persistent: true }, new Map(), 1)
      .connect()
      .publish({ topic: 'a', qos: 2, ref })
      .receive(pubrec(1))
      .skip();
    t.receive(pubcomp(1)).expect(removed('o/1'), stored(key), settled('a', 0));
    t.publish({ topic: 'b' }).expect(stored('o/1'), sent('publish', { topicName: 'b', packetIdentifier: 1 }));
  });

  test('Completed outcomes survive session loss, Clean Start and endSession (I-11)', () => {
    const t = persistent().publish({ topic: 'a', ref }).receive(puback(1)).drop().connect();
    t.engine.endSession(t.now);
    expect(t.restart({ cleanStart: true }).connect().engine.adopt(ref)).toBeDefined();
  });

  test('are told of an expiry, and of a message the broker cannot stand', () => {
    const t = new Transcript({ persistent: true })
      .publish({ topic: 'a', ref, properties: { messageExpiryInterval: 1 } })
      .wait(1000);
    expect(t.restart().engine.adopt(ref)).toMatchObject({
      completed: { error: { code: 'MESSAGE_EXPIRED', delivery: 'notSent' } },
    });
    const poison = persistent().publish({ topic: 'a', ref });
    for (let times = 1; times <= 3; times += 1) poison.drop({ reasonCode: 0x99 }).resume();
    const adopted = poison.restart().engine.adopt(ref);
    expect(adopted).toMatchObject({ completed: { error: { code: 'REJECTED_BY_DISCONNECT', reasonCode: 0x99 } } });
  });

  test('a message that was taken back or refused a first record leaves nothing to adopt', () => {
    const t = new Transcript({ persistent: true }).publish({ topic: 'a', ref });
    t.engine.withdraw(t.exchange('a'), t.now);
    expect(t.engine.adopt(ref)).toBeUndefined();
    t.publish({ topic: 'b', ref });
    t.engine.rejectFirstPut(t.exchange('b'), new StoreError('full'), t.now);
    expect(t.engine.adopt(ref)).toBeUndefined();
  });

  test('work without a store too, within the process', () => {
    const t = new Transcript().connect().publish({ topic: 'a', ref }).receive(puback(1));
    expect(t.engine.adopt(ref)).toMatchObject({ completed: { result: { reasonCode: 0 } } });
    t.engine.releaseCompleted(ref);
    expect(t.engine.adopt(ref)).toBeUndefined();
  });

  test('a message lost in a doubt goes behind what has been sent since, also for the next process', () => {
    const t = persistent().publish({ topic: 'a', qos: 2 }).receive(pubrec(1)).publish({ topic: 'b' });
    t.drop().connectInVain().resume().receive(pubcomp(1, 0x92)).skip();
    t.restart()
      .resume()
      .expect(sent('publish', { topicName: 'b' }), sent('publish', { topicName: 'a' }));
  });

  test('a message lost in a doubt stays theirs', () => {
    const t = persistent().publish({ topic: 'a', qos: 2, ref }).receive(pubrec(1)).drop().connectInVain().resume();
    t.receive(pubcomp(1, 0x92));
    expect(t.engine.adopt(ref)).toMatchObject({ open: { topic: 'a', packetIdentifier: 2 } });
  });
});

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

test('65,000 messages are restored within seconds', () => {
  const t = new Transcript({ persistent: true });
  for (let n = 0; n < 65_000; n += 1) t.publish({ topic: `t/${n}` });
  const started = performance.now();
  const next = t.restart();
  expect([...next.engine.exchanges()]).toHaveLength(65_000);
  expect(performance.now() - started).toBeLessThan(5_000);
});
