// SPDX-License-Identifier: Apache-2.0
//
// What waits, for how long, and what can be taken back: room, order, expiry, withdrawal.

import { describe, expect, test } from 'vitest';
import { connected, puback, pubrec, sent, settled, Transcript } from '../../test/session/transcript.ts';

/** Without room from the first PUBLISH on. */
function full(limits: { receiveMaximum?: number } = {}): Transcript {
  const t = connected({}, limits);
  t.room = false;
  return t.publish({ topic: 'last', qos: 0 }).skip();
}

describe('write order', () => {
  test('QoS 0 above the mark waits and is settled when it leaves', () => {
    const t = full();
    t.publish({ topic: 'a', qos: 0 }).expectNothing();
    t.roomAgain().expect(sent('publish', { topicName: 'a' }), settled('a', 0));
  });

  test('later publishes wait behind it, in call order (T-012, V-029)', () => {
    const t = full();
    t.publish({ topic: 'a', qos: 0 })
      .publish({ topic: 'b', qos: 1 })
      .publish({ topic: 'c', qos: 0 })
      .publish({ topic: 'd', qos: 2 });
    t.roomAgain().expect(
      sent('publish', { topicName: 'a' }),
      settled('a', 0),
      sent('publish', { topicName: 'b' }),
      sent('publish', { topicName: 'c' }),
      settled('c', 0),
      sent('publish', { topicName: 'd' }),
    );
  });

  test('QoS 1 and 2 that wait for quota do not hold back QoS 0', () => {
    const t = connected({}, { receiveMaximum: 1 }).publish({ topic: 'a' }).publish({ topic: 'b' }).skip();
    t.publish({ topic: 'c', qos: 0 }).expect(sent('publish', { topicName: 'c' }));
    t.room = false;
    t.publish({ topic: 'd', qos: 0 })
      .publish({ topic: 'e', qos: 0 })
      .expect(sent('publish', { topicName: 'd' }));
    t.receive(puback(1)).expect(settled('a', 0));
    t.roomAgain().expect(sent('publish', { topicName: 'e' }), settled('e', 0), sent('publish', { topicName: 'b' }));
  });

  test('resends wait behind QoS 0 that waits for room', () => {
    const t = connected().publish({ topic: 'a' }).publish({ topic: 'b' }).skip().drop();
    t.resume({ receiveMaximum: 1 }).skip();
    t.room = false;
    t.publish({ topic: 'c', qos: 0 })
      .publish({ topic: 'd', qos: 0 })
      .expect(sent('publish', { topicName: 'c' }));
    t.receive(puback(1)).expect(settled('a', 0));
    t.roomAgain().expect(
      sent('publish', { topicName: 'd' }),
      settled('d', 0),
      sent('publish', { topicName: 'b', dup: true }),
    );
  });

  test('one packet at a time when each fills the connection again', () => {
    const t = full().publish({ topic: 'a', qos: 0 }).publish({ topic: 'b', qos: 0 });
    t.engine.handleRoom(t.now);
    t.expect(sent('publish', { topicName: 'a' }), settled('a', 0));
    t.engine.handleRoom(t.now);
    t.expect(sent('publish', { topicName: 'b' }), settled('b', 0));
  });

  test('acknowledgements and PUBREL do not wait for room', () => {
    const t = connected().publish({ topic: 'a', qos: 2 }).skip();
    t.room = false;
    t.publish({ topic: 'b', qos: 0 }).skip();
    t.receive(pubrec(1)).expect(sent('pubrel'));
  });

  test('"dropNewest" rejects instead of waiting', () => {
    const t = connected({ writeOverflow: 'dropNewest' });
    t.room = false;
    t.publish({ topic: 'a', qos: 0 }).skip();
    const refusal = expect.objectContaining({ code: 'WRITE_QUEUE_FULL', delivery: 'notSent' });
    expect(() => t.publish({ topic: 'b', qos: 0 })).toThrow(refusal);
    t.publish({ topic: 'c', qos: 1 })
      .roomAgain()
      .expect(sent('publish', { topicName: 'c' }));
  });

  test('QoS 0 that waits when the connection ends is NOT_CONNECTED, "notSent"', () => {
    full()
      .publish({ topic: 'a', qos: 0 })
      .drop()
      .expect(settled('a', 'NOT_CONNECTED', 'notSent'));
  });

  test('what waits is a copy: the caller may reuse its bytes', () => {
    const t = full();
    const payload = Uint8Array.of(1);
    const correlationData = Uint8Array.of(2);
    t.publish({ topic: 'a', qos: 0, payload, properties: { correlationData } });
    payload[0] = 9;
    correlationData[0] = 9;
    t.roomAgain().expect(
      sent('publish', { payload: Uint8Array.of(1), properties: { correlationData: Uint8Array.of(2) } }),
      settled('a', 0),
    );
  });
});

describe('message expiry', () => {
  const lasting = (seconds: number) => ({ properties: { messageExpiryInterval: seconds } });

  test('ends a message that was never written (T-052)', () => {
    const t = new Transcript().publish({ topic: 'a', ...lasting(10) });
    expect(t.engine.pollTimeout()).toBe(t.now + 10_000);
    t.wait(9_999)
      .expectNothing()
      .wait(1)
      .expect(settled('a', 'MESSAGE_EXPIRED', 'notSent'));
    expect(t.engine.pollTimeout()).toBeUndefined();
  });

  test('is what makes the instant matter, until no message is left', () => {
    const t = connected().publish({ topic: 'a' });
    expect(t.engine.timed).toBe(false);
    t.publish({ topic: 'b', ...lasting(10) }).publish({ topic: 'c' });
    t.receive(puback(1), puback(2));
    expect(t.engine.timed).toBe(true);
    t.receive(puback(3)).publish({ topic: 'd' });
    expect(t.engine.timed).toBe(false);
    t.publish({ topic: 'e', qos: 0, ...lasting(10) });
    expect(t.engine.timed).toBe(false);
    t.room = false;
    t.publish({ topic: 'f', qos: 0 }).publish({ topic: 'g', qos: 0, ...lasting(10) });
    expect(t.engine.timed).toBe(true);
  });

  test('ends one that waits for quota, and one that waits for room', () => {
    const t = connected({}, { receiveMaximum: 1 })
      .publish({ topic: 'a' })
      .publish({ topic: 'b', ...lasting(5) })
      .skip();
    t.room = false;
    t.publish({ topic: 'x', qos: 0 })
      .publish({ topic: 'c', qos: 0, ...lasting(3) })
      .skip();
    t.wait(5_000).expect(settled('c', 'MESSAGE_EXPIRED', 'notSent'), settled('b', 'MESSAGE_EXPIRED', 'notSent'));
  });

  test('never ends one that was written; its resend carries what remains, at least 1 [MQTT-4.3.3-7]', () => {
    const t = connected()
      .publish({ topic: 'a', ...lasting(10) })
      .publish({ topic: 'b', qos: 2, ...lasting(2) })
      .skip();
    t.wait(3_000).drop().wait(1_000).expectNothing();
    t.resume().expect(
      sent('publish', { topicName: 'a', dup: true, properties: { messageExpiryInterval: 6 } }),
      sent('publish', { topicName: 'b', dup: true, properties: { messageExpiryInterval: 1 } }),
    );
  });

  test('holds again for one that was handed out and not written when the connection ended', () => {
    const t = connected();
    t.holdWrites = true;
    t.publish({ topic: 'a', ...lasting(10) }).skip();
    expect(t.engine.pollTimeout()).toBeUndefined();
    t.drop()
      .wait(10_000)
      .expect(settled('a', 'MESSAGE_EXPIRED', 'notSent'));
  });

  test('a message that waited carries what remains of its interval', () => {
    const t = new Transcript().publish({ topic: 'a', ...lasting(10) }).wait(4_000);
    t.connect().expect(sent('publish', { properties: { messageExpiryInterval: 6 } }));
  });

  test('an interval of 0 is sent as it is when nothing has to wait, and ends at once when something does', () => {
    const t = connected({}, { receiveMaximum: 1 });
    t.publish({ topic: 'a', ...lasting(0) }).expect(sent('publish', { properties: { messageExpiryInterval: 0 } }));
    t.publish({ topic: 'b', ...lasting(0) })
      .expectNothing()
      .wait(0)
      .expect(settled('b', 'MESSAGE_EXPIRED'));
  });

  test('is checked when the turn of a message comes, also before anybody was woken', () => {
    const t = connected({}, { receiveMaximum: 1 })
      .publish({ topic: 'a' })
      .publish({ topic: 'b', ...lasting(5) })
      .skip();
    t.now += 5_000;
    t.receive(puback(1)).expect(settled('a', 0), settled('b', 'MESSAGE_EXPIRED'));
  });
});

describe('withdrawal', () => {
  test('takes back what was never written, and only that (T-038)', () => {
    const t = connected({}, { receiveMaximum: 1 }).publish({ topic: 'a' }).publish({ topic: 'b' }).skip();
    expect(t.engine.withdraw(t.exchange('a'), t.now)).toBe(false);
    expect(t.engine.withdraw(t.exchange('b'), t.now)).toBe(true);
    expect(t.engine.withdraw(t.exchange('b'), t.now)).toBe(false);
    t.receive(puback(1)).expect(settled('a', 0));
    expect(t.exchange('b').settled).toBe(true);
  });

  test('gives identifier and slot back, so that others go on', () => {
    const t = connected({}, { receiveMaximum: 1 });
    t.holdWrites = true;
    t.publish({ topic: 'a' }).publish({ topic: 'b' }).skip();
    expect(t.engine.withdraw(t.exchange('a'), t.now)).toBe(true);
    t.expect(sent('publish', { topicName: 'b' }));
  });

  test('after the drop of a connection still knows what was written', () => {
    const t = connected().publish({ topic: 'a' }).skip().drop();
    expect(t.engine.withdraw(t.exchange('a'), t.now)).toBe(false);
  });

  test('of an exchange of another engine does nothing', () => {
    const other = new Transcript().publish({ topic: 'a' });
    const t = new Transcript().publish({ topic: 'b' });
    expect(t.engine.withdraw(other.exchange('a'), t.now)).toBe(false);
    expect([...t.engine.exchanges()]).toHaveLength(1);
  });
});
