// SPDX-License-Identifier: Apache-2.0
//
// The records of session state as bytes (reference/contracts.md, 4.1), inside the frame of record-frame.ts:
//
//   key               content
//   o/<identifier>    an unfinished outgoing message, or (kind "taken") an identifier not to be used
//   i/<identifier>    an incoming QoS 2 message whose PUBREC is decided
//   c/<queue>/<seq>   an outcome its producer has not settled yet
//   meta              whose session it is (session-meta.ts)
//   damaged/<key>     what could not be read back, byte for byte
//
// Outgoing message, big endian:
//
//   0    1   phase: 1 awaitPuback, 2 awaitPubrec, 3 awaitPubcomp
//   1    1   blames
//   2    8   send order
//   10   8   PUBREC order, 0 before PUBREC
//   18   8   instant of expiry in ms since 1970, Infinity for never
//   26   2   r, bytes of the result of PUBREC as JSON
//   28   2   q, bytes of the Ref's queue id
//   30   8   the Ref's sequence
//   38   r   result
//   38+r q   queue id
//   …        PUBLISH as on the wire, DUP 0

import { encodedLength, encodeInto } from '@mqttv5/wire';
import type { PublishPacket } from '@mqttv5/wire';
import { ServerPacketDecoder } from '@mqttv5/wire/client-side';
import type { PublishResult } from '../api/publish.ts';
import type { OutboundMessage } from './outbound-message.ts';
import { BEFORE_RESTART, PublishExchange } from './publish-exchange.ts';
import type { PublishPhase } from './publish-exchange.ts';
import { Frame, jsonContent } from './record-frame.ts';

export const META_KEY = 'meta';
export const DAMAGED_PREFIX = 'damaged/';

const PHASES: readonly PublishPhase[] = ['awaitRoom', 'awaitPuback', 'awaitPubrec', 'awaitPubcomp'];
const FIXED_BYTES = 38;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function outboundKey(packetIdentifier: number): string {
  return `o/${packetIdentifier}`;
}

export function inboundKey(packetIdentifier: number): string {
  return `i/${packetIdentifier}`;
}

/** The identifier in `o/<identifier>` and `i/<identifier>`; undefined when it cannot be read. */
export function identifierIn(key: string): number | undefined {
  const match = /^[oi]\/([1-9]\d{0,4})$/.exec(key);
  const identifier = Number(match?.[1]);
  return identifier >= 1 && identifier <= 0xffff ? identifier : undefined;
}

export function encodeOutbound(exchange: PublishExchange): Uint8Array {
  const { message, ref } = exchange;
  const packet = storedPacket(exchange, message);
  const result = exchange.result === undefined ? NOTHING : encoder.encode(JSON.stringify(exchange.result));
  const queueId = ref === undefined ? NOTHING : encoder.encode(ref.queueId);
  const packetOffset = FIXED_BYTES + result.length + queueId.length;
  const frame = new Frame('outbound', packetOffset + encodedLength(packet));
  const { content } = frame;
  content.setUint8(0, PHASES.indexOf(exchange.phase));
  content.setUint8(1, exchange.blames);
  content.setFloat64(2, exchange.sequence);
  content.setFloat64(10, exchange.pubrecSequence);
  content.setFloat64(18, exchange.expiresAt);
  content.setUint16(26, result.length);
  content.setUint16(28, queueId.length);
  content.setFloat64(30, ref?.sequence ?? 0);
  frame.set(result, FIXED_BYTES);
  frame.set(queueId, FIXED_BYTES + result.length);
  encodeInto(packet, frame.bytes, frame.offsetOf(packetOffset));
  return frame.seal(outboundKey(exchange.packetIdentifier));
}

/** @throws Error of any kind when the content makes no sense */
export function decodeOutbound(content: Uint8Array, packetIdentifier: number): PublishExchange {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const phase = PHASES[view.getUint8(0)];
  const resultEnd = FIXED_BYTES + view.getUint16(26);
  const queueIdEnd = resultEnd + view.getUint16(28);
  // A copy: the store may reuse its buffers, and the message may stay for long.
  const packet = decodePublish(content.slice(queueIdEnd));
  if (packet.packetIdentifier !== packetIdentifier || packet.qos === 0) {
    throw new RangeError('the record holds another packet');
  }
  if (phase === undefined || phase === 'awaitRoom' || (phase === 'awaitPuback') !== (packet.qos === 1)) {
    throw new RangeError(`phase ${view.getUint8(0)} at QoS ${packet.qos}`);
  }
  const queueId = decoder.decode(content.subarray(resultEnd, queueIdEnd));
  const ref = queueId === '' ? undefined : { queueId, sequence: view.getFloat64(30) };
  const exchange = new PublishExchange({ ...messageOf(packet), ref }, packet.qos, phase);
  exchange.packetIdentifier = packetIdentifier;
  exchange.blames = view.getUint8(1);
  exchange.sequence = view.getFloat64(2);
  exchange.pubrecSequence = view.getFloat64(10);
  exchange.expiresAt = view.getFloat64(18);
  if (resultEnd > FIXED_BYTES) exchange.result = checkResult(jsonContent(content.subarray(FIXED_BYTES, resultEnd)));
  // The process before this one may have written it.
  exchange.sentOn = BEFORE_RESTART;
  exchange.writtenOn = BEFORE_RESTART;
  exchange.everWritten = true;
  return exchange;
}

export function encodeTaken(packetIdentifier: number): Uint8Array {
  return new Frame('taken', 0).seal(outboundKey(packetIdentifier));
}

export function encodeInbound(packetIdentifier: number, doubts: number): Uint8Array {
  const frame = new Frame('inbound', 4);
  frame.content.setUint32(0, doubts);
  return frame.seal(inboundKey(packetIdentifier));
}

/** @throws RangeError when the content is too short */
export function decodeInbound(content: Uint8Array): { readonly doubts: number } {
  return { doubts: new DataView(content.buffer, content.byteOffset, content.byteLength).getUint32(0) };
}

/** @throws TypeError when it is none */
export function checkResult(value: unknown): PublishResult {
  if (typeof value !== 'object' || value === null || !('reasonCode' in value) || typeof value.reasonCode !== 'number') {
    throw new TypeError('a result without Reason Code');
  }
  // Written by this module from a PublishResult, and covered by the checksum.
  return value as PublishResult;
}

const NOTHING = new Uint8Array(0);

function storedPacket(exchange: PublishExchange, message: OutboundMessage): PublishPacket {
  const packet: PublishPacket = {
    type: 'publish',
    topicName: message.topic,
    payload: message.payload,
    qos: exchange.qos,
    retain: message.retain,
    dup: false,
    packetIdentifier: exchange.packetIdentifier,
  };
  if (message.properties !== undefined) packet.properties = message.properties;
  return packet;
}

function decodePublish(bytes: Uint8Array): PublishPacket {
  const packets = new ServerPacketDecoder({});
  packets.push(bytes);
  const packet = packets.nextView();
  if (packet?.type !== 'publish' || encodedLength(packet) !== bytes.length) {
    throw new RangeError('the record does not hold one PUBLISH');
  }
  return packet;
}

function messageOf(packet: PublishPacket): OutboundMessage {
  const { topicName, payload, qos, retain, properties } = packet;
  return { topic: topicName, payload, qos, retain, properties };
}
