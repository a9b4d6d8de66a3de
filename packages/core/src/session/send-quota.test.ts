// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import {
  connected,
  puback,
  pubcomp,
  pubrec,
  sent,
  settled,
  subscribeRequest,
  Transcript,
} from '../../test/session/transcript.ts';

test('never more than Receive Maximum are open; waiters go in call order (T-013, V-019) [MQTT-3.3.4-7] [MQTT-4.9.0-1] [MQTT-4.9.0-2]', () => {
  const t = connected({}, { receiveMaximum: 3 });
  for (const topic of ['a', 'b', 'c', 'd', 'e']) t.publish({ topic });
  t.expect(
    sent('publish', { topicName: 'a' }),
    sent('publish', { topicName: 'b' }),
    sent('publish', { topicName: 'c' }),
  );
  t.receive(puback(2)).expect(settled('b', 0), sent('publish', { topicName: 'd' }));
  t.receive(puback(1)).expect(settled('a', 0), sent('publish', { topicName: 'e' }));
});

test('QoS 2 holds its slot until PUBCOMP (T-028)', () => {
  const t = connected({}, { receiveMaximum: 1 });
  t.publish({ topic: 'a', qos: 2 }).publish({ topic: 'b' }).skip();
  t.receive(pubrec(1)).expect(sent('pubrel'));
  t.receive(pubcomp(1)).expect(settled('a', 0), sent('publish', { topicName: 'b' }));
});

test('a full quota holds back PUBLISH packets of QoS 1 and 2 and nothing else [MQTT-3.3.4-8] [MQTT-4.9.0-3]', () => {
  const t = connected({}, { receiveMaximum: 1 });
  t.publish({ topic: 'a', qos: 2 }).publish({ topic: 'b' }).skip();
  t.publish({ topic: 'c', qos: 0 }).expect(sent('publish', { topicName: 'c' }));
  t.request(subscribeRequest('f')).expect(sent('subscribe'));
});

test('a lower Receive Maximum after a reconnect is kept by resends too (T-028)', () => {
  const t = connected({}, { receiveMaximum: 3 });
  for (const topic of ['a', 'b', 'c']) t.publish({ topic });
  t.skip().drop();
  t.resume({ receiveMaximum: 1 }).expect(sent('publish', { topicName: 'a', dup: true }));
  t.receive(puback(1)).expect(settled('a', 0), sent('publish', { topicName: 'b', dup: true }));
});

test('resent PUBRELs occupy slots, more of them than there are if need be', () => {
  const t = connected();
  for (const topic of ['a', 'b', 'c']) t.publish({ topic, qos: 2 });
  t.receive(pubrec(1), pubrec(2)).skip().drop();
  t.resume({ receiveMaximum: 1 }).expect(
    sent('pubrel', { packetIdentifier: 1 }),
    sent('pubrel', { packetIdentifier: 2 }),
  );
  expect(t.engine.sendQuota).toBe(0);
  t.receive(pubcomp(1)).expect(settled('a', 0));
  t.receive(pubcomp(2)).expect(settled('b', 0), sent('publish', { topicName: 'c', dup: true }));
});

test('the quota never grows above its initial value (§4.9)', () => {
  const t = connected({}, { receiveMaximum: 2 });
  t.publish({ topic: 'a', qos: 2 }).receive(pubrec(1)).skip().drop();
  t.resume({ receiveMaximum: 2 }).receive(pubcomp(1), pubcomp(1), puback(1)).skip();
  expect(t.engine.sendQuota).toBe(2);
});

test('an acknowledgement that comes before its resend returns no slot and needs no resend', () => {
  const t = connected();
  t.publish({ topic: 'a' }).publish({ topic: 'b' }).publish({ topic: 'c', qos: 2 }).skip().drop();
  t.resume({ receiveMaximum: 1 }).expect(sent('publish', { topicName: 'a' }));
  t.receive(puback(2)).expect(settled('b', 0));
  t.receive(pubrec(3)).expect(sent('pubrel', { packetIdentifier: 3 }));
  t.receive(puback(1)).expect(settled('a', 0));
  t.receive(pubcomp(3)).expect(settled('c', 0));
  expect(t.engine.sendQuota).toBe(1);
});

test('the numbers for stats: in flight, queued, quota', () => {
  const t = new Transcript();
  t.publish({ topic: 'a' }).publish({ topic: 'b' });
  expect([t.engine.inflight, t.engine.queued, t.engine.sendQuota]).toEqual([0, 2, 0]);
  t.connect({ receiveMaximum: 1 });
  expect([t.engine.inflight, t.engine.queued, t.engine.sendQuota]).toEqual([1, 1, 0]);
  t.drop();
  expect([t.engine.inflight, t.engine.queued]).toEqual([0, 2]);
});
