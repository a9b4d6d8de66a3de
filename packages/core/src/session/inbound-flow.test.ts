// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import { connected, delivered, publish, pubrel, sent, Transcript, violated } from '../../test/session/transcript.ts';

describe('QoS 1', () => {
  test('is delivered at once and acknowledged when the application answers [MQTT-4.3.2-4] [MQTT-4.5.0-2]', () => {
    const t = connected();
    t.receive(publish('a', 1, 5)).expect(delivered('a', 1));
    t.acknowledge('a').expect(sent('puback', { packetIdentifier: 5, reasonCode: 0x00 }));
  });

  test('PUBACKs leave in arrival order, whatever order the answers come in (T-032, V-043) [MQTT-4.6.0-2]', () => {
    const t = connected();
    t.receive(publish('a', 1, 1), publish('b', 1, 2), publish('c', 1, 3)).skip();
    t.acknowledge('c').expectNothing();
    t.acknowledge('a').expect(sent('puback', { packetIdentifier: 1 }));
    t.acknowledge('b').expect(sent('puback', { packetIdentifier: 2 }), sent('puback', { packetIdentifier: 3 }));
  });

  test('the answer carries the code of the refusal', () => {
    connected()
      .receive(publish('a', 1, 1))
      .skip()
      .acknowledge('a', 0x83)
      .expect(sent('puback', { reasonCode: 0x83 }));
  });

  test('a second answer does nothing (V-036)', () => {
    const t = connected()
      .receive(publish('a', 1, 1))
      .skip();
    t.acknowledge('a').expect(sent('puback')).acknowledge('a', 0x80).expectNothing();
  });

  test('once acknowledged, its identifier is that of a new message even with DUP [MQTT-4.3.2-5]', () => {
    const t = connected()
      .receive(publish('a', 1, 1))
      .acknowledge('a')
      .skip();
    t.receive(publish('b', 1, 1, { dup: true })).expect(delivered('b', 1));
  });

  test('a repeat of a held message is neither delivered nor acknowledged for the application (T-001, T-033, T-034, V-039)', () => {
    const t = connected()
      .receive(publish('a', 1, 1))
      .skip()
      .drop()
      .resume();
    t.receive(publish('a', 1, 1, { dup: true }), publish('a', 1, 1, { dup: true })).expectNothing();
    t.acknowledge('a').expect(sent('puback', { packetIdentifier: 1 }));
  });

  test('a new message under a held identifier of an earlier connection replaces it; the old answer does nothing', () => {
    const t = connected()
      .receive(publish('a', 1, 1))
      .skip()
      .drop()
      .resume();
    t.receive(publish('b', 1, 1)).expect(delivered('b', 1));
    expect(t.inbound.get('a')?.acknowledged).toBe(true);
    t.acknowledge('a').expectNothing();
    t.acknowledge('b').expect(sent('puback', { packetIdentifier: 1 }));
  });
});

describe('QoS 2', () => {
  test('PUBREC waits for the answer, PUBCOMP for PUBREL (T-035) [MQTT-4.3.3-8] [MQTT-4.3.3-11]', () => {
    const t = connected();
    t.receive(publish('a', 2, 5)).expect(delivered('a', 2));
    t.acknowledge('a').expect(sent('pubrec', { packetIdentifier: 5, reasonCode: 0x00 }));
    t.receive(pubrel(5)).expect(sent('pubcomp', { packetIdentifier: 5, reasonCode: 0x00 }));
  });

  test('a repeat after PUBREC gets PUBREC again and is not delivered (T-003, V-040) [MQTT-4.3.3-10]', () => {
    const t = connected()
      .receive(publish('a', 2, 5))
      .acknowledge('a')
      .skip();
    t.receive(publish('a', 2, 5, { dup: true })).expect(sent('pubrec', { packetIdentifier: 5, reasonCode: 0x00 }));
  });

  test('a repeat is told by its identifier alone, with or without DUP', () => {
    const t = connected()
      .receive(publish('a', 2, 5))
      .acknowledge('a')
      .skip()
      .drop()
      .resume();
    t.receive(publish('a', 2, 5)).expect(sent('pubrec', { packetIdentifier: 5 }));
  });

  test('PUBRECs leave in arrival order, independently of PUBACKs [MQTT-4.6.0-3]', () => {
    const t = connected();
    t.receive(publish('a', 2, 1), publish('b', 1, 2), publish('c', 2, 3)).skip();
    t.acknowledge('c').expectNothing();
    t.acknowledge('b').expect(sent('puback', { packetIdentifier: 2 }));
    t.acknowledge('a').expect(sent('pubrec', { packetIdentifier: 1 }), sent('pubrec', { packetIdentifier: 3 }));
  });

  test('after a PUBREC of 0x80 or above the identifier is that of a new message [MQTT-4.3.3-9]', () => {
    const t = connected()
      .receive(publish('a', 2, 1))
      .skip();
    t.acknowledge('a', 0x97).expect(sent('pubrec', { reasonCode: 0x97 }));
    t.receive(publish('b', 2, 1)).expect(delivered('b', 2));
  });

  test('after PUBCOMP the identifier is that of a new message [MQTT-4.3.3-12]', () => {
    const t = connected()
      .receive(publish('a', 2, 1))
      .acknowledge('a')
      .receive(pubrel(1))
      .skip();
    t.receive(publish('b', 2, 1)).expect(delivered('b', 2));
  });

  test('PUBREL for none gets PUBCOMP 0x92 (T-004, V-040)', () => {
    connected()
      .receive(pubrel(9))
      .expect(sent('pubcomp', { packetIdentifier: 9, reasonCode: 0x92 }));
  });

  test('PUBREL for a message whose PUBREC is not out is a protocol error', () => {
    connected()
      .receive(publish('a', 2, 1))
      .skip()
      .receive(pubrel(1))
      .expect(violated(0x82));
  });

  test('PUBREL for a held message of an earlier connection speaks of another one: 0x92, and ours is forgotten', () => {
    const t = connected()
      .receive(publish('a', 2, 1))
      .skip()
      .drop()
      .resume();
    t.receive(pubrel(1)).expect(sent('pubcomp', { reasonCode: 0x92 }));
    t.acknowledge('a').expectNothing();
    t.receive(publish('b', 2, 1)).expect(delivered('b', 2));
  });

  test('PUBREL after a reconnect gets PUBCOMP without a new PUBLISH', () => {
    const t = connected()
      .receive(publish('a', 2, 1))
      .acknowledge('a')
      .skip()
      .drop()
      .resume();
    t.receive(pubrel(1)).expect(sent('pubcomp', { packetIdentifier: 1, reasonCode: 0x00 }));
  });
});

describe('across connections', () => {
  test('an answer given while disconnected goes out when the broker has sent the message again (T-002, V-042)', () => {
    const t = connected()
      .receive(publish('a', 1, 1), publish('b', 2, 2))
      .skip()
      .drop();
    t.acknowledge('a').acknowledge('b').expectNothing();
    t.resume().expectNothing();
    t.receive(publish('a', 1, 1, { dup: true })).expect(sent('puback', { packetIdentifier: 1 }));
    t.receive(publish('b', 2, 2, { dup: true })).expect(sent('pubrec', { packetIdentifier: 2 }));
  });

  test('an answer to a message of an earlier connection waits for its resend, in the new arrival order', () => {
    const t = connected()
      .receive(publish('a', 1, 1), publish('b', 1, 2))
      .skip()
      .drop()
      .resume();
    t.acknowledge('a').expectNothing();
    t.receive(publish('b', 1, 2, { dup: true }), publish('a', 1, 1, { dup: true })).expectNothing();
    t.acknowledge('b').expect(sent('puback', { packetIdentifier: 2 }), sent('puback', { packetIdentifier: 1 }));
  });

  test('a refusal given while disconnected is kept for the resend', () => {
    const t = connected()
      .receive(publish('a', 2, 1))
      .skip()
      .drop()
      .acknowledge('a', 0x83)
      .resume();
    t.receive(publish('a', 2, 1, { dup: true })).expect(sent('pubrec', { packetIdentifier: 1, reasonCode: 0x83 }));
  });

  test('a held message does not hold back those of the new connection until it comes again', () => {
    const t = connected()
      .receive(publish('a', 1, 1))
      .skip()
      .drop()
      .resume();
    t.receive(publish('b', 1, 2))
      .expect(delivered('b', 1))
      .acknowledge('b')
      .expect(sent('puback', { packetIdentifier: 2 }));
  });

  test('an identifier used at QoS 1 and now at QoS 2 is a new message', () => {
    const t = connected()
      .receive(publish('a', 1, 1))
      .skip()
      .drop()
      .resume();
    t.receive(publish('b', 2, 1)).expect(delivered('b', 2));
    t.acknowledge('a').expectNothing();
    t.acknowledge('b').expect(sent('pubrec', { packetIdentifier: 1 }));
  });
});

describe('Receive Maximum', () => {
  test('one unanswered PUBLISH too many is 0x93 (T-014, T-037, V-044) [MQTT-3.3.4-9]', () => {
    const t = connected({ receiveMaximum: 2 });
    t.receive(publish('a', 1, 1), publish('b', 2, 2), publish('z', 0)).skip();
    t.receive(publish('c', 1, 3)).expect(violated(0x93));
  });

  test('a slot is free again after PUBACK, PUBCOMP and a refusing PUBREC, not after PUBREC', () => {
    const t = connected({ receiveMaximum: 1 });
    t.receive(publish('a', 1, 1))
      .acknowledge('a')
      .receive(publish('b', 2, 2))
      .acknowledge('b', 0x83);
    t.receive(publish('c', 2, 3))
      .acknowledge('c')
      .receive(pubrel(3))
      .receive(publish('d', 2, 4))
      .acknowledge('d')
      .skip();
    t.receive(publish('e', 1, 5)).expect(violated(0x93));
  });

  test('a repeat counts once', () => {
    const t = connected({ receiveMaximum: 1 })
      .receive(publish('a', 1, 1))
      .skip()
      .drop()
      .resume();
    t.receive(publish('a', 1, 1, { dup: true }), publish('a', 1, 1, { dup: true })).expectNothing();
    t.receive(publish('b', 1, 2)).expect(violated(0x93));
  });

  test('what arrived on an earlier connection and not on this one does not count', () => {
    const t = connected({ receiveMaximum: 1 })
      .receive(publish('a', 1, 1))
      .skip()
      .drop()
      .resume();
    t.receive(publish('b', 1, 2)).expect(delivered('b', 1));
  });
});

describe('violations', () => {
  test('nothing behind one runs, until the next connection', () => {
    const t = connected().publish({ topic: 'out' }).skip();
    t.receive(publish('', 0), publish('a', 1, 1), { type: 'puback', packetIdentifier: 1, reasonCode: 0 }).expect(
      violated(0x82),
    );
    t.publish({ topic: 'b', qos: 0 }).expectNothing();
    t.drop().skip();
    t.resume().expect(sent('publish', { topicName: 'out', dup: true }));
  });

  test('an identifier in use under another QoS is a protocol error [MQTT-2.2.1-4]', () => {
    connected()
      .receive(publish('a', 1, 1))
      .skip()
      .receive(publish('b', 2, 1))
      .expect(violated(0x82));
  });

  test('a packet only servers receive is a protocol error', () => {
    connected().receive({ type: 'pingreq' }).expect(violated(0x82));
  });

  test('Reason String or User Property that were not requested are a protocol error [MQTT-3.1.2-29]', () => {
    const puback = { type: 'puback', packetIdentifier: 1, reasonCode: 0 } as const;
    for (const properties of [{ reasonString: 'r' }, { userProperties: [['k', 'v']] as const }]) {
      const t = connected({ requestProblemInformation: false }).publish({ topic: 'a' }).skip();
      t.receive({ ...puback, properties }).expect(violated(0x82));
    }
  });

  test('on a PUBLISH User Properties are the message and always allowed', () => {
    const t = connected({ requestProblemInformation: false });
    t.receive(publish('a', 0, 0, { properties: { userProperties: [['k', 'v']] } })).expect(delivered('a', 0));
  });
});

test('QoS 0 is delivered and not answered [MQTT-3.3.4-1]', () => {
  const t = connected();
  t.receive(publish('a', 0)).expect(delivered('a', 0));
  expect(t.counters).toMatchObject({ messagesReceived: 1 });
  expect(t.counters.acksSent).toBeUndefined();
});

test('an answer to a message of another engine does nothing', () => {
  const other = connected().receive(publish('a', 1, 1));
  const t = new Transcript().connect().skip();
  t.inbound.set('a', other.inbound.get('a') as NonNullable<ReturnType<typeof other.inbound.get>>);
  t.acknowledge('a').expectNothing();
});
