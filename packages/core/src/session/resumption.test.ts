// SPDX-License-Identifier: Apache-2.0

import { expect, test } from 'vitest';
import {
  connected,
  puback,
  pubcomp,
  pubrec,
  publish,
  sent,
  settled,
  subscribeRequest,
  Transcript,
} from '../../test/session/transcript.ts';

test('32 publishes in flight are resent in send order with DUP 1 (T-006, V-014) [MQTT-3.3.1-1] [MQTT-4.4.0-1] [MQTT-4.6.0-1]', () => {
  const t = connected();
  const topics = Array.from({ length: 32 }, (_, index) => `t${index}`);
  for (const [index, topic] of topics.entries()) t.publish({ topic, qos: index % 3 === 0 ? 2 : 1 });
  t.skip().drop();
  t.resume().expect(
    ...topics.map((topicName, index) => sent('publish', { topicName, dup: true, packetIdentifier: index + 1 })),
  );
});

test('past PUBREC only PUBREL is sent again (T-005, V-015) [MQTT-4.3.3-6]', () => {
  const t = connected();
  t.publish({ topic: 'a', qos: 2 }).receive(pubrec(1)).skip().drop();
  t.resume().expect(sent('pubrel', { packetIdentifier: 1 }));
  t.receive(pubcomp(1)).expect(settled('a', 0));
});

test('resumed PUBRELs leave in PUBREC order, before the PUBLISH packets (T-025)', () => {
  const t = connected();
  for (const topic of ['a', 'b', 'c', 'd']) t.publish({ topic, qos: 2 });
  t.receive(pubrec(3), pubrec(1)).skip().drop();
  t.resume().expect(
    sent('pubrel', { packetIdentifier: 3 }),
    sent('pubrel', { packetIdentifier: 1 }),
    sent('publish', { topicName: 'b', dup: true }),
    sent('publish', { topicName: 'd', dup: true }),
  );
});

test('a flow that was handed out and never written goes without DUP (T-023, V-016)', () => {
  const t = connected();
  t.publish({ topic: 'a' });
  t.holdWrites = true;
  t.publish({ topic: 'b' }).skip().drop();
  t.holdWrites = false;
  t.resume().expect(sent('publish', { topicName: 'a', dup: true }), sent('publish', { topicName: 'b', dup: false }));
});

test('the order after Session Present 1: PUBRELs, resends, open requests, then what is new', () => {
  const t = connected();
  t.publish({ topic: 'released', qos: 2 }).receive(pubrec(1)).publish({ topic: 'resent' });
  t.request(subscribeRequest('f')).drop().publish({ topic: 'new' }).skip();
  t.resume({ hold: true }).expect(
    sent('pubrel', { packetIdentifier: 1 }),
    sent('publish', { topicName: 'resent', dup: true }),
    sent('subscribe', { packetIdentifier: 3 }),
  );
  t.engine.startPublishing(t.now);
  t.expect(sent('publish', { topicName: 'new', dup: false }));
});

test('no new publish leaves before startPublishing, whoever calls when (T-021)', () => {
  const t = new Transcript();
  t.publish({ topic: 'a' })
    .connect({ hold: true })
    .publish({ topic: 'b' })
    .publish({ topic: 'c', qos: 0 })
    .expectNothing();
  t.engine.startPublishing(t.now);
  t.expect(
    sent('publish', { topicName: 'a' }),
    sent('publish', { topicName: 'b' }),
    sent('publish', { topicName: 'c' }),
    settled('c', 0),
  );
});

test('between connections nothing is sent and nothing that arrives counts (T-022)', () => {
  const t = connected();
  t.publish({ topic: 'a' }).skip().drop();
  t.receive(puback(1), publish('x', 0)).publish({ topic: 'b' }).request(subscribeRequest('f')).expectNothing();
});

test('an unacknowledged QoS 1 publish is resent and its caller hears of the end (T-018)', () => {
  const t = connected();
  t.publish({ topic: 'a' }).skip().drop();
  const exchange = t.exchange('a');
  t.resume().skip().receive(puback(1)).expect(settled('a', 0));
  expect(exchange.settled).toBe(true);
});

test('identifiers of a resumed session stay taken [MQTT-2.2.1-3]', () => {
  const t = new Transcript({}, new Map(), 3).connect();
  t.publish({ topic: 'a' }).publish({ topic: 'b', qos: 2 }).skip().drop();
  t.resume().skip();
  t.publish({ topic: 'c' }).expect(sent('publish', { topicName: 'c', packetIdentifier: 3 }));
});

test('nothing is resent, and nothing forgotten, while the connection lasts [MQTT-4.4.0-1] [MQTT-4.1.0-1]', () => {
  const t = connected();
  t.publish({ topic: 'a' }).publish({ topic: 'b', qos: 2 }).receive(pubrec(2)).skip();
  t.wait(3_600_000).expectNothing();
  t.receive(puback(1), pubcomp(2)).expect(settled('a', 0), settled('b', 0));
});

test('a resend keeps the topic of its message: it relies on no alias of an earlier connection', () => {
  const t = connected({ outboundTopicAliases: true }, { topicAliasMaximum: 5 });
  t.publish({ topic: 'a', qos: 0 }).publish({ topic: 'a', qos: 1 }).skip().drop();
  t.resume({ topicAliasMaximum: 5 }).expect(sent('publish', { topicName: 'a', dup: true }));
});
