// SPDX-License-Identifier: Apache-2.0
//
// What a PUBLISH has in memory: properties decoded when first read, payloads that are views, topic names that are kept.

import { describe, expect, test } from 'vitest';
import { bytes, expectSame, expectWireError, framed, text } from '../../test/rows.ts';
import { Decoder, decode, encode, type PublishPacket, type PublishProperties, PublishView } from '../index.ts';
import { base } from '../../test/publish-base.ts';

describe('PUBLISH properties, decoded when first read', () => {
  const packet: PublishPacket = {
    ...base,
    properties: { contentType: 'text/plain', userProperties: [['a', 'b']], subscriptionIdentifiers: [3] },
  };
  const received = (): PublishPacket & { properties: PublishProperties } =>
    decode(encode(packet)) as PublishPacket & { properties: PublishProperties }; // `packet` has some

  test('are the plain object to every way of looking', () => {
    expectSame(received(), packet);
    expect(received()).toStrictEqual(packet);
    expect(Object.keys(received())).toEqual([...Object.keys(base), 'properties']);
    expect(Object.keys(received().properties)).toEqual(['contentType', 'userProperties', 'subscriptionIdentifiers']);
    expect({ ...received().properties }).toEqual(packet.properties);
    expect(JSON.stringify(received().properties)).toBe(JSON.stringify(packet.properties));
    expect(Object.getPrototypeOf(received().properties)).toBe(Object.prototype);
    expect(received().properties.constructor).toBe(Object);
    expect(Object.prototype.toString.call(received().properties)).toBe('[object Object]');
    expect('contentType' in received().properties).toBe(true);
    expect('topicAlias' in received().properties).toBe(false);
    expect(Object.getOwnPropertyDescriptor(received().properties, 'contentType')).toEqual({
      value: 'text/plain',
      writable: true,
      enumerable: true,
      configurable: true,
    });
    const seen: string[] = [];
    for (const key in received().properties) seen.push(key);
    expect(seen).toEqual(['contentType', 'userProperties', 'subscriptionIdentifiers']);
  });

  test('print as what they are, unread as well', async () => {
    const { inspect } = await import('node:util');
    expect(inspect(received().properties)).toBe(inspect(packet.properties));
    expect(inspect(received(), { depth: 9 })).toBe(inspect({ ...packet }, { depth: 9 }));
  });

  test('can be changed, deleted, frozen and encoded again', () => {
    const changed = received().properties;
    changed.topicAlias = 4;
    delete changed.userProperties;
    expectSame(changed, { contentType: 'text/plain', subscriptionIdentifiers: [3], topicAlias: 4 });
    expectSame(decode(encode({ ...base, properties: changed })), { ...base, properties: { ...changed } });
    Object.defineProperty(changed, 'contentType', { value: 'other' });
    expect(changed.contentType).toBe('other');
    const frozen = Object.freeze(received().properties);
    expect(Object.isFrozen(frozen)).toBe(true);
    expectSame({ ...frozen }, packet.properties);
    expect(Object.getPrototypeOf(frozen)).toBe(Object.prototype);
    expect(encode(received())).toEqual(encode(packet));
  });

  test('are no key at all when the block is empty, however the sender wrote it', () => {
    for (const properties of [
      {},
      { userProperties: [] },
      { subscriptionIdentifiers: [] },
      { contentType: undefined },
      undefined,
    ]) {
      const decoded = decode(encode({ ...base, properties } as PublishPacket));
      expectSame(decoded, base);
      expect(Object.hasOwn(decoded, 'properties')).toBe(false);
    }
  });

  test('take nothing from the packet that is sent: a second read gives the same object', () => {
    const decoded = received();
    expect(decoded.properties).toBe(decoded.properties);
    expect((decoded.properties as { userProperties: unknown }).userProperties).toBe(
      (decoded.properties as { userProperties: unknown }).userProperties,
    );
  });
});

describe('PUBLISH payload', () => {
  test('views the chunk it came in, without a copy, and is no Buffer', () => {
    const chunk = Buffer.from(encode({ ...base, payload: Uint8Array.of(1, 2, 3) }));
    const decoder = new Decoder();
    decoder.push(chunk);
    const packet = decoder.next() as PublishPacket;
    expect(packet.payload.buffer).toBe(chunk.buffer);
    expect(Object.getPrototypeOf(packet.payload)).toBe(Uint8Array.prototype);
    chunk[chunk.length - 1] = 9;
    expect([...packet.payload]).toEqual([1, 2, 9]);
  });

  test('of a split packet is alone in its buffer, as far as the body goes', () => {
    const data = encode({ ...base, payload: new Uint8Array(1000).fill(7) });
    const decoder = new Decoder();
    decoder.push(data.slice(0, 300));
    expect(decoder.next()).toBeUndefined();
    decoder.push(data.slice(300));
    const packet = decoder.next() as PublishPacket;
    expect(packet.payload).toEqual(new Uint8Array(1000).fill(7));
    expect(packet.payload.buffer.byteLength).toBe(data.length - 3); // without the fixed header
  });

  test('from shared memory is copied: it is backed by an ArrayBuffer', () => {
    const data = encode({ ...base, payload: Uint8Array.of(1, 2, 3) });
    const shared = new Uint8Array(new SharedArrayBuffer(data.length));
    shared.set(data);
    const decoder = new Decoder();
    decoder.push(shared);
    const packet = decoder.next() as PublishPacket;
    expect(packet.payload.buffer).toBeInstanceOf(ArrayBuffer);
    expect([...packet.payload]).toEqual([1, 2, 3]);
  });
});

describe('PublishView', () => {
  test('makes payload and properties when they are read, and copies on request', () => {
    const properties = { topicAlias: 7, userProperties: [['a', 'b']] } as const;
    const data = encode({
      ...base,
      topicName: '',
      qos: 2,
      dup: true,
      packetIdentifier: 3,
      payload: Uint8Array.of(5, 6),
      properties,
    });
    const decoder = new Decoder();
    decoder.push(data);
    const view = decoder.nextView();
    expect(view).toBeInstanceOf(PublishView);
    if (!(view instanceof PublishView)) return;
    expect(view).toMatchObject({
      type: 'publish',
      topicName: '',
      qos: 2,
      dup: true,
      retain: false,
      packetIdentifier: 3,
      topicAlias: 7,
    });
    expect(view.properties).toEqual(properties);
    expect(view.properties).toBe(view.properties);
    expect(view.payload.buffer).toBe(data.buffer);
    expect(view.copyPayload()).toEqual(view.payload);
    expect(view.copyPayload().buffer.byteLength).toBe(2);
    expect(encode(view)).toEqual(data);
    view.topicName = 'resolved';
    expect(view.topicName).toBe('resolved');
  });

  test('comes for PUBLISH only', () => {
    const decoder = new Decoder();
    decoder.push(bytes('c000'));
    expectSame(decoder.nextView(), { type: 'pingreq' });
  });
});

test('a topic name is the same however often and in whatever company it comes', () => {
  const decoder = new Decoder();
  // More than the smallest table of names holds, so that names push each other out and the table grows.
  const names = Array.from({ length: 12_000 }, (_, i) => `t/${i % 4000}/${'é'.repeat(i % 40)}${'x'.repeat(i % 7)}`);
  for (const topicName of names) {
    decoder.push(encode({ ...base, topicName }));
    expect((decoder.next() as PublishPacket).topicName).toBe(topicName);
  }
});

test('a refused topic name is refused again', () => {
  for (let i = 0; i < 3; i++) {
    expectWireError(() => decode(bytes(framed('30', `${text('x/#')}00`))), 0x82);
    expectWireError(() => encode({ ...base, topicName: 'x/#' }), 0x82);
  }
});

test('more topic names than are kept are encoded as they should be', () => {
  for (let i = 0; i < 40_000; i++) {
    const topicName = `t/${i % 20_000}`;
    const data = encode({ ...base, topicName });
    const sent = new TextDecoder().decode(data.subarray(4, data.length - 1));
    if (sent !== topicName) expect.fail(`${topicName} was sent as ${sent}`); // expect() itself is slow for 40,000
  }
  expect(decode(encode({ ...base, topicName: 't/19999' }))).toMatchObject({ topicName: 't/19999' });
});
