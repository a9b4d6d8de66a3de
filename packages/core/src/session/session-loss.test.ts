// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import {
  answered,
  connected,
  delivered,
  puback,
  pubcomp,
  pubrec,
  publish,
  sent,
  settled,
  subscribeRequest,
  Transcript,
} from '../../test/session/transcript.ts';

function withUnfinished(sessionLoss: 'republish' | 'fail'): Transcript {
  const t = connected({ sessionLoss }, { receiveMaximum: 3 });
  t.publish({ topic: 'acknowledged' })
    .publish({ topic: 'past PUBREC', qos: 2 })
    .publish({ topic: 'before PUBREC', qos: 2 });
  t.receive(pubrec(2), puback(1)).publish({ topic: 'unacknowledged' }).publish({ topic: 'waiting' });
  return t.skip().drop();
}

test('"republish" sends every unfinished message anew: original order, new identifier, DUP 0 (T-008, T-029, V-017)', () => {
  const t = withUnfinished('republish');
  t.connect({ hold: true }).expectNothing();
  t.engine.startPublishing(t.now);
  t.expect(
    sent('publish', { topicName: 'past PUBREC', dup: false, qos: 2, packetIdentifier: 6 }),
    sent('publish', { topicName: 'before PUBREC', dup: false, qos: 2, packetIdentifier: 7 }),
    sent('publish', { topicName: 'unacknowledged', dup: false, packetIdentifier: 8 }),
    sent('publish', { topicName: 'waiting', dup: false, packetIdentifier: 9 }),
  );
  t.receive(pubrec(6), pubcomp(6)).expect(sent('pubrel', { packetIdentifier: 6 }), settled('past PUBREC', 0));
});

test('"fail" rejects them all with SESSION_LOST and says what is known of each (T-008, T-030)', () => {
  const t = withUnfinished('fail');
  t.connect().expect(
    settled('past PUBREC', 'SESSION_LOST', 'unknown'),
    settled('before PUBREC', 'SESSION_LOST', 'unknown'),
    settled('unacknowledged', 'SESSION_LOST', 'unknown'),
    settled('waiting', 'SESSION_LOST', 'notSent'),
  );
  expect([t.engine.queued, t.engine.inflight, t.engine.sendQuota]).toEqual([0, 0, 65_535]);
});

test('a republished message carries what remains of its lifetime, an expired one ends (T-031, V-018)', () => {
  const t = connected();
  t.publish({ topic: 'short', properties: { messageExpiryInterval: 10 } });
  t.publish({ topic: 'long', properties: { messageExpiryInterval: 60 } })
    .skip()
    .drop();
  t.wait(25_000).expectNothing();
  t.connect().expect(
    settled('short', 'MESSAGE_EXPIRED', 'notSent'),
    sent('publish', { topicName: 'long', dup: false, properties: { messageExpiryInterval: 35 } }),
  );
});

test('a late acknowledgement for the old session frees nothing in the new one', () => {
  const t = connected();
  t.publish({ topic: 'a' }).skip().drop().connect().skip();
  t.receive(puback(1)).expectNothing();
  t.receive(puback(2)).expect(settled('a', 0));
});

test('messages accepted before the first session are not a loss, whatever the policy', () => {
  const t = new Transcript({ sessionLoss: 'fail' });
  t.publish({ topic: 'a' }).publish({ topic: 'b', qos: 2 });
  t.connect().expect(sent('publish', { topicName: 'a', dup: false }), sent('publish', { topicName: 'b', dup: false }));
});

test('inbound state goes: the same identifier is a new message, an old answer does nothing (T-007, T-036, V-041)', () => {
  const t = connected();
  t.receive(publish('a', 1, 7), publish('b', 2, 8)).expect(delivered('a', 1), delivered('b', 2));
  const [old] = [t.inbound.get('a')];
  t.drop().connect();
  expect(old?.acknowledged).toBe(true);
  t.acknowledge('a').acknowledge('b').expectNothing();
  t.receive(publish('c', 1, 7), publish('d', 2, 8)).expect(delivered('c', 1), delivered('d', 2));
  t.acknowledge('a').expectNothing();
  t.acknowledge('c').expect(sent('puback', { packetIdentifier: 7 }));
});

test('open requests end with "session lost": whoever asked asks anew', () => {
  const t = connected();
  t.request(subscribeRequest('f')).skip().drop().request(subscribeRequest('g'));
  t.connect().expect(answered('f', 'sessionLost'), answered('g', 'sessionLost'));
});

test('endSession rejects everything unfinished with SESSION_LOST and forgets the rest (T-044)', () => {
  const t = connected({}, { receiveMaximum: 1 });
  t.publish({ topic: 'a' })
    .publish({ topic: 'b' })
    .receive(publish('x', 1, 1))
    .request(subscribeRequest('f'))
    .skip();
  t.engine.endSession(t.now);
  t.expect(settled('a', 'SESSION_LOST', 'unknown'), settled('b', 'SESSION_LOST', 'notSent'), answered('f', 'CLOSED'));
  expect(t.plan().cleanStart).toBe(true);
  t.acknowledge('x').expectNothing();
});

test('who publishes again on hearing of the loss is not rejected with the rest', () => {
  const t = connected({ sessionLoss: 'fail' }).publish({ topic: 'a' }).publish({ topic: 'b' }).skip().drop();
  t.onSettled = () => {
    t.onSettled = undefined;
    t.publish({ topic: 'again' });
  };
  t.connect().expect(
    settled('a', 'SESSION_LOST'),
    settled('b', 'SESSION_LOST'),
    sent('publish', { topicName: 'again', dup: false }),
  );
});

test('after our own DISCONNECT messages stay in the session and requests end with CLOSED', () => {
  const t = connected();
  t.publish({ topic: 'a' }).request(subscribeRequest('f')).skip();
  t.engine.handleDisconnected(t.now);
  t.expect(answered('f', 'CLOSED'));
  expect([...t.engine.exchanges()]).toHaveLength(1);
  t.resume().expect(sent('publish', { topicName: 'a', dup: true }));
});

test('what nobody has answered at our DISCONNECT is given out anew; what was answered is not', () => {
  const t = connected();
  t.receive(publish('a', 1, 1), publish('b', 1, 2), publish('c', 2, 3), publish('d', 2, 4))
    .acknowledge('b')
    .acknowledge('d')
    .skip();
  t.engine.handleDisconnected(t.now);
  t.resume().skip();
  t.receive(publish('a', 1, 1, { dup: true }), publish('b', 1, 2, { dup: true })).expect(delivered('a', 1));
  t.receive(publish('c', 2, 3, { dup: true }), publish('d', 2, 4, { dup: true })).expect(delivered('c', 2));
  t.acknowledge('a').expect(sent('puback', { packetIdentifier: 1 }), sent('puback', { packetIdentifier: 2 }));
});
