// SPDX-License-Identifier: Apache-2.0

import { describe, expect, test } from 'vitest';
import { connected, delivered, publish, sent, settled, violated } from '../../test/session/transcript.ts';
import { OutboundAliases } from './outbound-aliases.ts';

const withAlias = (topicName: string, topicAlias: number) => sent('publish', { topicName, properties: { topicAlias } });

describe('outbound', () => {
  test('are off by default (T-075, V-032)', () => {
    const t = connected({}, { topicAliasMaximum: 10 });
    t.publish({ topic: 'a', qos: 0 });
    t.expect(sent('publish', { topicName: 'a' }));
    expect(t.packets[0]).not.toHaveProperty('properties');
  });

  test('the topic goes once, then its alias alone', () => {
    const t = connected({ outboundTopicAliases: true }, { topicAliasMaximum: 10 });
    t.publish({ topic: 'a', qos: 0 }).publish({ topic: 'a', qos: 0 }).publish({ topic: 'b', qos: 0 });
    t.expect(withAlias('a', 1), withAlias('', 1), withAlias('b', 2));
  });

  test('other properties stay beside the alias', () => {
    const t = connected({ outboundTopicAliases: true }, { topicAliasMaximum: 10 });
    t.publish({ topic: 'a', qos: 0, properties: { contentType: 'x' } });
    t.expect(sent('publish', { properties: { contentType: 'x', topicAlias: 1 } }));
  });

  test('never exceed the maximum of the broker, and none are used where it is 0 [MQTT-3.3.2-9] [MQTT-3.2.2-17] [MQTT-3.2.2-18]', () => {
    const t = connected({ outboundTopicAliases: true }, { topicAliasMaximum: 2 });
    for (const topic of ['a', 'b', 'c', 'c']) t.publish({ topic, qos: 0 });
    t.expect(withAlias('a', 1), withAlias('b', 2), withAlias('c', 1), withAlias('', 1));
    const none = connected({ outboundTopicAliases: true }).publish({ topic: 'a', qos: 0 });
    none.expect(sent('publish', { topicName: 'a' }));
    expect(none.packets[0]).not.toHaveProperty('properties');
  });

  test('QoS 1 and 2 always carry their topic and no alias', () => {
    const t = connected({ outboundTopicAliases: true }, { topicAliasMaximum: 2 });
    t.publish({ topic: 'a', qos: 0 }).publish({ topic: 'a', qos: 1 }).publish({ topic: 'a', qos: 2, topicAlias: 1 });
    t.expect(
      withAlias('a', 1),
      sent('publish', { topicName: 'a', qos: 1 }),
      sent('publish', { topicName: 'a', qos: 2 }),
    );
  });

  test('die with the connection (T-076) [MQTT-3.3.2-7]', () => {
    const t = connected({ outboundTopicAliases: true }, { topicAliasMaximum: 2 })
      .publish({ topic: 'a', qos: 0 })
      .skip()
      .drop();
    t.resume({ topicAliasMaximum: 2 }).publish({ topic: 'a', qos: 0 }).expect(withAlias('a', 1));
  });

  test('an explicit alias uses the same table, and the topic goes whenever the mapping is not in force', () => {
    const t = connected({}, { topicAliasMaximum: 3 });
    for (const topic of ['a', 'a', 'b', 'b', 'a']) t.publish({ topic, qos: 0, topicAlias: 2 });
    t.expect(withAlias('a', 2), withAlias('', 2), withAlias('b', 2), withAlias('', 2), withAlias('a', 2));
  });

  test('an explicit alias out of range is TOPIC_ALIAS_INVALID and nothing is sent (V-024) [MQTT-3.3.2-8]', () => {
    for (const topicAlias of [0, 4, 65_535]) {
      const t = connected({}, { topicAliasMaximum: 3 });
      const refusal = expect.objectContaining({ code: 'TOPIC_ALIAS_INVALID', delivery: 'notSent' });
      expect(() => t.publish({ topic: 'a', qos: 0, topicAlias })).toThrow(refusal);
      expect(() => t.publish({ topic: 'a', qos: 1, topicAlias })).toThrow(refusal);
      t.expectNothing();
    }
  });

  test('a refused or dropped publish registers nothing (T-078)', () => {
    const t = connected(
      { outboundTopicAliases: true, writeOverflow: 'dropNewest' },
      { topicAliasMaximum: 3, maximumPacketSize: 60 },
    );
    expect(() => t.publish({ topic: 'a', qos: 0, payload: new Uint8Array(99) })).toThrow('exceeds');
    t.room = false;
    t.publish({ topic: 'b', qos: 0 }).skip();
    expect(() => t.publish({ topic: 'a', qos: 0 })).toThrow(expect.objectContaining({ code: 'WRITE_QUEUE_FULL' }));
    t.roomAgain().publish({ topic: 'a', qos: 0 }).expect(withAlias('a', 2));
  });

  test('one that waits for room gets its alias when it leaves (T-079)', () => {
    const t = connected({ outboundTopicAliases: true }, { topicAliasMaximum: 3 });
    t.room = false;
    t.publish({ topic: 'x', qos: 0 }).publish({ topic: 'a', qos: 0 }).skip();
    expect(t.engine.withdraw(t.exchange('a'), t.now)).toBe(true);
    t.publish({ topic: 'a', qos: 0 }).roomAgain().expect(withAlias('a', 2), settled('a', 0));
  });

  test('when all are taken, the topic that was not used lately gives way', () => {
    const aliases = new OutboundAliases(3);
    const use = (topic: string) => {
      const alias = aliases.choose(topic);
      return [alias, aliases.use(alias, topic)];
    };
    expect(['a', 'b', 'c'].map(use)).toEqual([
      [1, false],
      [2, false],
      [3, false],
    ]);
    expect(use('d')).toEqual([1, false]);
    expect(use('c')).toEqual([3, true]);
    // b was looked at when d came and has not been used since; c has.
    expect(use('e')).toEqual([2, false]);
  });
});

describe('inbound', () => {
  test('an alias stands for the topic it came with (T-080)', () => {
    const t = connected({ topicAliasMaximum: 5 });
    t.receive(
      publish('a', 0, 0, { properties: { topicAlias: 5 } }),
      publish('', 1, 1, { properties: { topicAlias: 5 } }),
    );
    t.expect(delivered('a', 0), delivered('a', 1));
  });

  test('it takes effect with every valid PUBLISH, delivered or not', () => {
    const t = connected({ topicAliasMaximum: 5 })
      .receive(publish('a', 2, 1))
      .acknowledge('a')
      .skip();
    t.receive(publish('a', 2, 1, { dup: true, properties: { topicAlias: 1 } })).expect(sent('pubrec'));
    t.receive(publish('', 0, 0, { properties: { topicAlias: 1 } })).expect(delivered('a', 0));
  });

  test('a later PUBLISH changes it', () => {
    const t = connected({ topicAliasMaximum: 5 });
    for (const topicName of ['a', 'b', '']) t.receive(publish(topicName, 0, 0, { properties: { topicAlias: 1 } }));
    t.expect(delivered('a', 0), delivered('b', 0), delivered('b', 0));
  });

  test('above our maximum, or 0, is 0x94; without mapping, or without topic, 0x82 (T-077) [MQTT-3.3.2-10] [MQTT-3.3.2-11]', () => {
    const withMaximum = (topicAliasMaximum: number, topicName: string, topicAlias?: number) =>
      connected({ topicAliasMaximum }).receive(
        publish(topicName, 0, 0, topicAlias === undefined ? {} : { properties: { topicAlias } }),
      );
    withMaximum(5, 'a', 6).expect(violated(0x94));
    withMaximum(0, 'a', 1).expect(violated(0x94));
    withMaximum(5, 'a', 0).expect(violated(0x94));
    withMaximum(5, '', 3).expect(violated(0x82));
    withMaximum(5, '').expect(violated(0x82));
  });

  test('they die with the connection [MQTT-3.3.2-7]', () => {
    const t = connected({ topicAliasMaximum: 5 });
    t.receive(publish('a', 0, 0, { properties: { topicAlias: 1 } }))
      .skip()
      .drop()
      .resume();
    t.receive(publish('', 0, 0, { properties: { topicAlias: 1 } })).expect(violated(0x82));
  });

  test("a decoder's view tells its alias itself, 0 being none", () => {
    const t = connected({ topicAliasMaximum: 5 });
    const view = (topicName: string, topicAlias: number) => Object.assign(publish(topicName, 0), { topicAlias });
    t.receive(view('a', 2), view('', 2), view('b', 0)).expect(delivered('a', 0), delivered('a', 0), delivered('b', 0));
  });
});
