// SPDX-License-Identifier: Apache-2.0
//
// api.md, "Typed, request/response, topics", sentence by sentence, over whole clients: codecs, topic templates, and the
// names of Reason Codes.

import { type Codec, MqttError, ReasonCode, reasonCodeName, topicTemplate, Typed } from '@mqttv5/core';
import { describe, expect, test } from 'vitest';
import { connected } from '../lifecycle/setup.ts';
import { error } from './setup.ts';

const encoder = new TextEncoder();

/** One number as text; anything else is refused. */
const numbers: Codec<number> = {
  contentType: 'text/number',
  payloadFormatIndicator: 1,
  encode: (value) => encoder.encode(String(value)),
  decode: (_payload, message) => {
    const value = Number(message.text());
    if (Number.isNaN(value)) throw new TypeError('not a number');
    return value;
  },
};

describe('Typed', () => {
  test('a payload the codec rejects is refused with 0x99, reported, and never ends the stream, in every shape', async () => {
    const { client, connection } = await connected();
    const typed = new Typed(client, numbers);
    const rejected: string[] = [];
    const onDecodeError = (_: unknown, message: { topic: string; acknowledged: boolean }): void => {
      rejected.push(`${message.topic} ${message.acknowledged}`);
    };
    const got: number[] = [];
    const opening = Promise.all([
      typed.subscribe('stream', { qos: 1, onDecodeError }),
      typed.subscribeCallback('callback', ({ value }) => got.push(value), { qos: 1, onDecodeError }),
    ]);
    for (let i = 0; i < 2; i++) {
      const { packetIdentifier } = await connection.expect('subscribe');
      connection.send({ type: 'suback', packetIdentifier, reasonCodes: [1] });
    }
    const [stream] = await opening;
    let id = 0;
    const send = (topicName: string, text: string): void =>
      connection.send({
        type: 'publish',
        topicName,
        payload: encoder.encode(text),
        qos: 1,
        retain: false,
        dup: false,
        packetIdentifier: ++id,
      });
    send('callback', 'x');
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 1, reasonCode: 0x99 });
    send('callback', '5');
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 2, reasonCode: 0 });
    expect(got).toEqual([5]);
    send('stream', 'y');
    send('stream', '6');
    const loop = stream[Symbol.asyncIterator]();
    expect((await loop.next()).value?.value).toBe(6);
    expect(await connection.expect('puback')).toMatchObject({ packetIdentifier: 3, reasonCode: 0x99 });
    await loop.return?.();
    expect(stream.size).toBe(1);
    const again = await stream.receive();
    expect(again?.value).toBe(6);
    expect(again?.detach()).toBe(again);
    expect(rejected).toEqual(['callback false', 'stream false']);
  });

  test('the codec sets content type and payload format, unless the call has its own', async () => {
    const { client, connection } = await connected();
    const typed = new Typed(client, numbers);
    await typed.publish('a', 1);
    await typed.publish('a', 2, { contentType: 'own', payloadFormatIndicator: undefined });
    expect((await connection.expect('publish')).properties).toEqual({
      contentType: 'text/number',
      payloadFormatIndicator: 1,
    });
    expect((await connection.expect('publish')).properties).toEqual({ contentType: 'own', payloadFormatIndicator: 1 });
    const broken = new Typed(client, {
      ...numbers,
      encode: () => {
        throw new RangeError('no');
      },
    });
    expect(await error(broken.publish('a', 1))).toBeInstanceOf(RangeError);
  });
});

describe('topicTemplate', () => {
  test('.filter, .format, .match; usable wherever a filter is', async () => {
    const template = topicTemplate('sensors/{device}/{metric}');
    expect(template.filter).toBe('sensors/+/+');
    expect(template.pattern).toBe('sensors/{device}/{metric}');
    expect(template.format({ device: 7, metric: 'x' })).toBe('sensors/7/x');
    expect(template.match('sensors/7/x')).toEqual({ device: '7', metric: 'x' });
    for (const none of ['sensors/7', 'sensors/7/x/y', 'other/7/x', 'sensors//#'])
      expect(template.match(none)).toBeUndefined();
    for (const wrong of ['a/b', '+', '#', '', '\0']) {
      expect(() => template.format({ device: wrong, metric: 'x' })).toThrow(
        expect.objectContaining({ code: 'INVALID_TOPIC' }),
      );
    }
    const { client, connection } = await connected();
    client.declare([template, { ...template, filter: 'sensors/own', qos: 1 }], { qos: 2 });
    const { filters } = await connection.expect('subscribe');
    expect(filters.map(({ topicFilter, qos }) => [topicFilter, qos])).toEqual([
      ['sensors/+/+', 2],
      ['sensors/own', 1],
    ]);
  });

  test('wildcards in the pattern are compile errors, and refused at run time', () => {
    // @ts-expect-error -- a wildcard
    expect(() => topicTemplate('a/+/b')).toThrow(MqttError);
    // @ts-expect-error -- a wildcard
    expect(() => topicTemplate('a/#')).toThrow(MqttError);
    // @ts-expect-error -- a parameter without a name
    expect(() => topicTemplate('a/{}')).toThrow(MqttError);
    // @ts-expect-error -- a parameter is missing
    expect(() => topicTemplate('a/{b}').format({})).toThrow(MqttError);
  });
});

test('reason codes have the names of the standard, by packet where they differ', () => {
  expect(Object.keys(ReasonCode)).toHaveLength(45);
  expect(reasonCodeName(0, 'suback')).toBe('Granted QoS 0');
  expect(reasonCodeName(0, 'disconnect')).toBe('Normal disconnection');
  expect(reasonCodeName(0, 'puback')).toBe('Success');
  expect(reasonCodeName(0x8e)).toBe('Session taken over');
});
