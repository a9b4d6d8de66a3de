// SPDX-License-Identifier: Apache-2.0
//
// What is stored, and when (reference/contracts.md, as amended by reliability.md).

import { describe, expect, test } from 'vitest';
import { StoreError } from '../errors.ts';
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
