// SPDX-License-Identifier: Apache-2.0
//
// Outcomes that producers have not settled yet, in this process and the next.

import { describe, expect, test } from 'vitest';
import { StoreError } from '../errors.ts';
import {
  persistent,
  puback,
  pubcomp,
  pubrec,
  removed,
  sent,
  settled,
  stored,
  Transcript,
} from '../../test/session/transcript.ts';

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
