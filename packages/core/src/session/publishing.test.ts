// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import {
  connected,
  puback,
  pubcomp,
  pubrec,
  sent,
  settled,
  suback,
  subscribeRequest,
  Transcript,
} from '../../test/session/transcript.ts';

describe('QoS 0', () => {
  test('is sent at once, without DUP and identifier, and leaves nothing behind [MQTT-4.3.1-1] [MQTT-2.2.1-2]', () => {
    const t = connected();
    t.publish({ topic: 'a', qos: 0 }).expect(
      sent('publish', { topicName: 'a', qos: 0, dup: false, packetIdentifier: 0 }),
    );
    expect([...t.engine.exchanges()]).toEqual([]);
  });

  test('is refused with NOT_CONNECTED, "notSent", when there is no connection (V-028)', () => {
    const t = new Transcript();
    expect(() => t.publish({ topic: 'a', qos: 0 })).toThrow(
      expect.objectContaining({ code: 'NOT_CONNECTED', delivery: 'notSent' }),
    );
    t.expectNothing();
  });
});

describe('QoS 1', () => {
  test('takes a free identifier, leaves without DUP and ends with PUBACK (T-019) [MQTT-4.3.2-1] [MQTT-4.3.2-2]', () => {
    const t = connected();
    t.publish({ topic: 'a' }).expect(sent('publish', { topicName: 'a', qos: 1, dup: false, packetIdentifier: 1 }));
    t.receive(puback(1)).expect(settled('a', 0x00));
    expect(t.exchange('a').settled).toBe(true);
  });

  test('counts as unacknowledged until PUBACK [MQTT-4.3.2-3]', () => {
    const t = connected();
    t.publish({ topic: 'a' }).skip();
    expect([...t.engine.exchanges()].map(({ topic }) => topic)).toEqual(['a']);
    expect(t.engine.inflight).toBe(1);
  });

  test('resolves with No matching subscribers and what else PUBACK says', () => {
    const t = connected();
    t.publish({ topic: 'a' }).publish({ topic: 'b' }).skip();
    const properties = { reasonString: 'nobody', userProperties: [['k', 'v']] } as const;
    t.receive(puback(1, 0x10), { type: 'puback', packetIdentifier: 2, reasonCode: 0x10, properties });
    t.expect(settled('a', 0x10), settled('b', 0x10));
    expect(t.outcomes.get('b')?.result).toEqual({ reasonCode: 0x10, ...properties });
  });

  test('is refused by a PUBACK of 0x80 or above, with everything it said (T-020, V-023) [MQTT-4.4.0-2]', () => {
    const t = connected();
    t.publish({ topic: 'a' }).skip();
    const properties = { reasonString: 'no', userProperties: [['k', 'v']] } as const;
    t.receive({ type: 'puback', packetIdentifier: 1, reasonCode: 0x87, properties }).expect(
      settled('a', 0x87, 'refused'),
    );
    expect(t.outcomes.get('a')?.error).toMatchObject({ code: 'PUBLISH_REFUSED', reasonCode: 0x87, ...properties });
  });

  test('frees its identifier and its slot when it ends (T-019, T-020)', () => {
    const t = connected({}, { receiveMaximum: 1 });
    t.publish({ topic: 'a' })
      .publish({ topic: 'b' })
      .expect(sent('publish', { topicName: 'a' }));
    t.receive(puback(1, 0x97)).expect(settled('a', 0x97), sent('publish', { topicName: 'b' }));
    t.receive(puback(2)).expect(settled('b', 0x00));
    expect(t.engine.sendQuota).toBe(1);
  });
});

describe('QoS 2', () => {
  test('goes PUBLISH, PUBREC, PUBREL, PUBCOMP under one identifier (T-024) [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-4.3.3-4] [MQTT-2.2.1-5]', () => {
    const t = connected();
    t.publish({ topic: 'a', qos: 2 }).expect(sent('publish', { qos: 2, dup: false, packetIdentifier: 1 }));
    t.receive(pubrec(1)).expect(sent('pubrel', { packetIdentifier: 1, reasonCode: 0x00 }));
    t.receive(pubcomp(1)).expect(settled('a', 0x00));
  });

  test('resolves with what PUBREC said, whatever PUBCOMP says', () => {
    const t = connected();
    t.publish({ topic: 'a', qos: 2 }).receive(pubrec(1, 0x10)).skip();
    t.receive(pubcomp(1, 0x92)).expect(settled('a', 0x10));
  });

  test('is settled by a PUBREC of 0x80 or above, which returns its slot [MQTT-4.4.0-2] [MQTT-3.3.4-7]', () => {
    const t = connected({}, { receiveMaximum: 1 });
    t.publish({ topic: 'a', qos: 2 }).publish({ topic: 'b', qos: 2 }).skip();
    t.receive(pubrec(1, 0x97)).expect(settled('a', 0x97, 'refused'), sent('publish', { topicName: 'b' }));
  });

  test('answers a repeated PUBREC with PUBREL again', () => {
    const t = connected();
    t.publish({ topic: 'a', qos: 2 }).receive(pubrec(1)).skip();
    t.receive(pubrec(1)).expect(sent('pubrel', { packetIdentifier: 1, reasonCode: 0x00 }));
  });

  test('sends PUBRELs in the order of the PUBRECs [MQTT-4.6.0-4]', () => {
    const t = connected();
    t.publish({ topic: 'a', qos: 2 }).publish({ topic: 'b', qos: 2 }).skip();
    t.receive(pubrec(2), pubrec(1)).expect(
      sent('pubrel', { packetIdentifier: 2 }),
      sent('pubrel', { packetIdentifier: 1 }),
    );
  });
});

test('PUBLISH counts as unacknowledged until PUBREC, PUBREL until PUBCOMP [MQTT-4.3.3-3] [MQTT-4.3.3-5]', () => {
  const t = connected().publish({ topic: 'a', qos: 2 }).skip().drop();
  t.resume()
    .expect(sent('publish', { dup: true }))
    .receive(pubrec(1))
    .skip()
    .drop();
  t.resume().expect(sent('pubrel')).receive(pubcomp(1)).skip().drop();
  t.resume().expectNothing();
});

describe('acknowledgements nobody waits for', () => {
  test('a PUBACK, PUBCOMP or SUBACK for none is ignored and counted (T-011, V-025)', () => {
    const t = connected();
    t.receive(puback(9), pubcomp(9), suback(9, 0), pubrec(9, 0x97)).expectNothing();
    expect(t.counters.acksIgnored).toBe(4);
  });

  test('PUBREC below 0x80 for none gets PUBREL 0x92 (T-026, V-040)', () => {
    connected()
      .receive(pubrec(9))
      .expect(sent('pubrel', { packetIdentifier: 9, reasonCode: 0x92 }));
  });

  test('one of the wrong kind never frees the identifier of another flow (T-027)', () => {
    const t = connected();
    t.publish({ topic: 'a', qos: 2 }).publish({ topic: 'b' }).request(subscribeRequest('f')).skip();
    t.receive(puback(1), pubcomp(1), suback(1, 0), pubcomp(2), suback(2, 0), puback(3), pubcomp(3)).expectNothing();
    t.receive(pubrec(1), pubcomp(1), puback(2)).expect(sent('pubrel'), settled('a', 0), settled('b', 0));
  });

  test('one for a PUBLISH that was never written is a stray', () => {
    const t = connected({}, { receiveMaximum: 1 });
    t.publish({ topic: 'a' }).publish({ topic: 'b' }).skip();
    t.receive(puback(2)).expectNothing();
    t.receive(puback(1)).expect(settled('a', 0), sent('publish', { topicName: 'b', dup: false }));
  });
});

describe('bounds', () => {
  test('maximumQueuedPublishes bounds accepted and unfinished publishes, connected or not', () => {
    const t = new Transcript({ maximumQueuedPublishes: 2 });
    const full = expect.objectContaining({ code: 'PUBLISH_QUEUE_FULL', delivery: 'notSent' });
    t.publish({ topic: 'a' }).publish({ topic: 'b', qos: 2 });
    expect(() => t.publish({ topic: 'c' })).toThrow(full);
    t.connect().expect(sent('publish'), sent('publish'));
    expect(() => t.publish({ topic: 'c' })).toThrow(full);
    t.receive(puback(1))
      .skip()
      .publish({ topic: 'c' })
      .expect(sent('publish', { topicName: 'c' }));
  });

  test('with every identifier taken a publish is PACKET_IDS_EXHAUSTED and a SUBSCRIBE waits for one (V-026, T-039)', () => {
    const t = new Transcript({}, new Map(), 2).connect();
    t.publish({ topic: 'a' }).publish({ topic: 'b' }).skip();
    expect(() => t.publish({ topic: 'c' })).toThrow(
      expect.objectContaining({ code: 'PACKET_IDS_EXHAUSTED', delivery: 'notSent' }),
    );
    t.request(subscribeRequest('f')).expectNothing();
    t.receive(puback(1)).expect(settled('a', 0), sent('subscribe', { packetIdentifier: 1 }));
  });

  test('identifiers are not used again while any other is free [MQTT-2.2.1-3]', () => {
    const t = new Transcript({}, new Map(), 3).connect();
    t.publish({ topic: 'a' }).receive(puback(1)).publish({ topic: 'b' }).publish({ topic: 'c' }).skip();
    t.publish({ topic: 'd' }).expect(sent('publish', { topicName: 'd', packetIdentifier: 1 }));
  });
});

test('several acknowledgements of one chunk are handled in order, and each lets a waiter go', () => {
  const t = connected({}, { receiveMaximum: 2 });
  for (const topic of ['a', 'b', 'c', 'd']) t.publish({ topic });
  t.expect(sent('publish', { topicName: 'a' }), sent('publish', { topicName: 'b' }));
  t.receive(puback(2), puback(1)).expect(
    settled('b', 0),
    sent('publish', { topicName: 'c' }),
    settled('a', 0),
    sent('publish', { topicName: 'd' }),
  );
});
