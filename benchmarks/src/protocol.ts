// SPDX-License-Identifier: Apache-2.0
//
// The little MQTT that sink and bare client need, written for speed and nothing else: no validation, no session. It is what the
// others are measured against, so it must not be one of them.

/** A packet in a buffer: its type and flags, and where its body lies. */
export interface Frame {
  readonly head: number;
  readonly start: number;
  readonly end: number;
}

/** Calls back for each whole packet of a stream of chunks. */
export class Frames {
  #rest: Buffer | undefined;

  push(chunk: Buffer, each: (bytes: Buffer, head: number, start: number, end: number) => void): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length) {
      let length = 0;
      let start = at + 1;
      let shift = 0;
      let byte = 0x80;
      while (byte >= 0x80 && start < bytes.length) {
        byte = bytes[start] ?? 0;
        length |= (byte & 0x7f) << shift;
        shift += 7;
        start += 1;
      }
      if (byte >= 0x80 || start + length > bytes.length) break;
      each(bytes, bytes[at] ?? 0, start, start + length);
      at = start + length;
    }
    if (at < bytes.length) this.#rest = at === 0 ? bytes : bytes.subarray(at);
  }
}

/** Writes PUBLISH into a buffer; returns where it ends. */
export function writePublish(
  target: Buffer<ArrayBuffer>,
  offset: number,
  topic: string,
  payload: Uint8Array,
  qos: number,
  packetIdentifier: number,
): number {
  const body = 2 + topic.length + (qos > 0 ? 2 : 0) + 1 + payload.length;
  let at = offset;
  target[at++] = 0x30 | (qos << 1);
  let length = body;
  do {
    target[at++] = length > 0x7f ? (length & 0x7f) | 0x80 : length;
    length >>>= 7;
  } while (length > 0);
  target[at++] = topic.length >> 8;
  target[at++] = topic.length & 0xff;
  at += target.write(topic, at, 'latin1');
  if (qos > 0) {
    target[at++] = packetIdentifier >> 8;
    target[at++] = packetIdentifier & 0xff;
  }
  target[at++] = 0;
  target.set(payload, at);
  return at + payload.length;
}

export function connectPacket(clientId: string): Buffer {
  const body = Buffer.concat([
    Buffer.from([0, 4]),
    Buffer.from('MQTT'),
    // Version 5, Clean Start, keep alive 60, no properties.
    Buffer.from([5, 0x02, 0, 60, 0, 0, clientId.length]),
    Buffer.from(clientId),
  ]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

export function subscribePacket(packetIdentifier: number, filter: string, qos: number): Buffer {
  const body = Buffer.concat([
    Buffer.from([packetIdentifier >> 8, packetIdentifier & 0xff, 0, 0, filter.length]),
    Buffer.from(filter),
    Buffer.from([qos]),
  ]);
  return Buffer.concat([Buffer.from([0x82, body.length]), body]);
}

/** An acknowledgement of two bytes: PUBACK, PUBREC, PUBREL or PUBCOMP with Reason Code 0x00. */
export function writeAck(target: Buffer, offset: number, head: number, high: number, low: number): number {
  target[offset] = head;
  target[offset + 1] = 2;
  target[offset + 2] = high;
  target[offset + 3] = low;
  return offset + 4;
}
