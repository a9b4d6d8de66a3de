// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { ServerPacketDecoder } from './client-side.ts';
import { Decoder, encode, type Packet, PublishView, WireError } from './index.ts';

const PUBLISH = {
  type: 'publish',
  topicName: 'a',
  payload: new Uint8Array([1]),
  qos: 1,
  retain: false,
  dup: false,
  packetIdentifier: 7,
  properties: { contentType: 'text/plain' },
} satisfies Packet;

const PACKETS: readonly Packet[] = [
  { type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 0 },
  { type: 'connack', sessionPresent: false, reasonCode: 0 },
  { type: 'puback', packetIdentifier: 1, reasonCode: 0 },
  { type: 'pubrec', packetIdentifier: 1, reasonCode: 0 },
  { type: 'pubrel', packetIdentifier: 1, reasonCode: 0 },
  { type: 'pubcomp', packetIdentifier: 1, reasonCode: 0 },
  {
    type: 'subscribe',
    packetIdentifier: 1,
    filters: [{ topicFilter: 'a', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  },
  { type: 'suback', packetIdentifier: 1, reasonCodes: [0] },
  { type: 'unsubscribe', packetIdentifier: 1, topicFilters: ['a'] },
  { type: 'unsuback', packetIdentifier: 1, reasonCodes: [0] },
  { type: 'pingreq' },
  { type: 'pingresp' },
  { type: 'disconnect', reasonCode: 0 },
  { type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'm' } },
];

function outcome(decoder: { push(chunk: Uint8Array): void; nextView(): unknown }, packet: Packet): unknown {
  decoder.push(encode(packet));
  try {
    return decoder.nextView();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return [error.reasonCode, error.message];
  }
}

describe('ServerPacketDecoder reads and refuses what `Decoder` does with `from: "server"`', () => {
  test.each(PACKETS)('$type', (packet) => {
    expect(outcome(new ServerPacketDecoder({}), packet)).toEqual(outcome(new Decoder({ from: 'server' }), packet));
  });
});

test('what only a client sends is named in the refusal', () => {
  expect(outcome(new ServerPacketDecoder({}), { type: 'pingreq' })).toEqual([
    0x82,
    'PINGREQ is not for a server to send',
  ]);
});

test('a PUBLISH comes as a view', () => {
  const view = outcome(new ServerPacketDecoder({}), PUBLISH);
  expect(view).toBeInstanceOf(PublishView);
  expect(view).toMatchObject({
    topicName: 'a',
    qos: 1,
    packetIdentifier: 7,
    properties: { contentType: 'text/plain' },
  });
});
