// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import { connected, pubrec, puback, sent, settled, Transcript } from '../../test/session/transcript.ts';

const refusal = (code: string): unknown => expect.objectContaining({ code, delivery: 'notSent' });
const large = new Uint8Array(100);

describe('a connected client refuses what the broker does not take, before anything is sent (T-069)', () => {
  test('above Maximum QoS (V-020)', () => {
    const t = connected({}, { maximumQoS: 1 });
    expect(() => t.publish({ topic: 'a', qos: 2 })).toThrow(refusal('QOS_NOT_SUPPORTED'));
    t.expectNothing().publish({ topic: 'b', qos: 1 }).expect(sent('publish'));
  });

  test('RETAIN where it is not available (V-021)', () => {
    const t = connected({}, { retainAvailable: false });
    expect(() => t.publish({ topic: 'a', retain: true })).toThrow(refusal('RETAIN_NOT_SUPPORTED'));
  });

  test('above Maximum Packet Size, to the byte (V-022)', () => {
    // 2 fixed header, 2 + 1 topic, 2 identifier, 1 properties, 100 payload
    connected({}, { maximumPacketSize: 108 }).publish({ topic: 'a', payload: large }).expect(sent('publish'));
    const t = connected({}, { maximumPacketSize: 107 });
    expect(() => t.publish({ topic: 'a', payload: large })).toThrow(refusal('PACKET_TOO_LARGE'));
    expect([...t.engine.exchanges()]).toEqual([]);
  });

  test('above what MQTT can carry at all, connected or not', () => {
    const payload = new Uint8Array(268_435_450);
    expect(() => connected().publish({ topic: 'abc', payload })).toThrow(refusal('PACKET_TOO_LARGE'));
    expect(() => new Transcript().publish({ topic: 'abc', payload })).toThrow(refusal('PACKET_TOO_LARGE'));
    connected()
      .publish({ topic: 'a', payload: payload.subarray(1) })
      .expect(sent('publish'));
  });

  test('topics count in bytes, not in characters', () => {
    const topic = '€'.repeat(30);
    connected({}, { maximumPacketSize: 98 }).publish({ topic, qos: 0 }).expect(sent('publish'));
    expect(() => connected({}, { maximumPacketSize: 95 }).publish({ topic, qos: 0 })).toThrow(
      refusal('PACKET_TOO_LARGE'),
    );
  });
});

describe('qosDowngrade lowers instead (T-070, V-020)', () => {
  test('QoS 2 to 1', () => {
    const t = connected({ qosDowngrade: true }, { maximumQoS: 1 });
    t.publish({ topic: 'a', qos: 2 }).expect(sent('publish', { qos: 1, packetIdentifier: 1 }));
    t.receive(puback(1)).expect(settled('a', 0));
  });

  test('QoS 1 to 0, which is done when it is sent', () => {
    const t = connected({ qosDowngrade: true }, { maximumQoS: 0 });
    t.publish({ topic: 'a', qos: 1 }).expect(sent('publish', { qos: 0, packetIdentifier: 0 }));
    expect([...t.engine.exchanges()]).toEqual([]);
  });

  test('but not below QoS 1 for a producer, which is told (Q-11)', () => {
    const t = connected({ qosDowngrade: true }, { maximumQoS: 0 });
    const ref = { queueId: 'q', sequence: 1 };
    expect(() => t.publish({ topic: 'a', qos: 1, ref })).toThrow(refusal('QOS_NOT_SUPPORTED'));
  });
});

describe('messages accepted under other limits (T-045, V-022)', () => {
  test('fail when the connection does not take them and nobody was ever sent them', () => {
    const t = new Transcript();
    t.publish({ topic: 'a', qos: 2 })
      .publish({ topic: 'b', retain: true })
      .publish({ topic: 'c', payload: large })
      .publish({ topic: 'd' });
    t.connect({ maximumQoS: 1, retainAvailable: false, maximumPacketSize: 50 }).expect(
      settled('a', 'QOS_NOT_SUPPORTED', 'notSent'),
      settled('b', 'RETAIN_NOT_SUPPORTED', 'notSent'),
      settled('c', 'PACKET_TOO_LARGE', 'notSent'),
      sent('publish', { topicName: 'd' }),
    );
  });

  test('are lowered with qosDowngrade', () => {
    const t = new Transcript({ qosDowngrade: true });
    t.publish({ topic: 'a', qos: 2 }).publish({ topic: 'b', qos: 1 });
    t.connect({ maximumQoS: 1 }).expect(
      sent('publish', { topicName: 'a', qos: 1 }),
      sent('publish', { topicName: 'b', qos: 1 }),
    );
    t.receive(puback(1)).expect(settled('a', 0));
  });

  test('are lowered to QoS 0 and done', () => {
    const t = new Transcript({ qosDowngrade: true });
    t.publish({ topic: 'a', qos: 2 }).connect({ maximumQoS: 0 });
    t.expect(sent('publish', { topicName: 'a', qos: 0, packetIdentifier: 0 }), settled('a', 0));
    expect(t.engine.inflight).toBe(0);
  });

  test('that were sent before keep their QoS or fail as "unknown", and their identifier stays taken', () => {
    const t = new Transcript({ qosDowngrade: true }, new Map(), 2).connect();
    t.publish({ topic: 'a', qos: 2 }).skip().drop();
    t.resume({ maximumQoS: 1 }).expect(settled('a', 'QOS_NOT_SUPPORTED', 'unknown'));
    t.receive(pubrec(1)).expect(sent('pubrel', { packetIdentifier: 1, reasonCode: 0x92 }));
    t.publish({ topic: 'b' })
      .expect(sent('publish', { packetIdentifier: 2 }))
      .receive(puback(2))
      .skip();
    t.publish({ topic: 'c' }).expect(sent('publish', { packetIdentifier: 2 }));
  });

  test('past PUBREC are finished whatever the limits', () => {
    const t = connected().publish({ topic: 'a', qos: 2 }).receive(pubrec(1)).skip().drop();
    t.resume({ maximumQoS: 0, maximumPacketSize: 10 }).expect(sent('pubrel', { packetIdentifier: 1 }));
  });
});
