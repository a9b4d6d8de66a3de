// SPDX-License-Identifier: Apache-2.0

import type { PlainPacket } from './packets/codec.ts';
import { makePacket } from './packets/lazy-properties.ts';
import { makeView, type PublishView } from './packets/publish-view.ts';
import { OF_CLIENT, OF_SERVER, type PacketReaders } from './packets/readers.ts';
import { Reader } from './reader.ts';
import { CLIENT, EITHER, SERVER } from './sides.ts';
import { StreamDecoder, type StreamOptions } from './stream-decoder.ts';
import type { Packet } from './types.ts';
import { malformed } from './wire-error.ts';

/** Options of {@link Decoder}. */
export interface DecoderOptions extends StreamOptions {
  /**
   * Whose packets to accept: a packet type, Reason Code or property that this side may not send is a Protocol Error.
   * @defaultValue both
   */
  from?: 'server' | 'client' | undefined;
}

const OF_EITHER: PacketReaders = OF_SERVER.map((reader, type) => reader ?? OF_CLIENT[type]);

/**
 * Turns a stream of bytes, split anywhere, into packets.
 *
 * @example
 * ```ts
 * const decoder = new Decoder({ from: 'server' });
 * socket.on('data', (chunk) => {
 *   decoder.push(chunk);
 *   for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) handle(packet);
 * });
 * ```
 * @see MQTT v5.0 §2.1
 */
export class Decoder extends StreamDecoder {
  constructor(options: DecoderOptions = {}) {
    const { from } = options;
    if (from === undefined) super(EITHER, OF_EITHER, options);
    else if (from === 'client') super(CLIENT, OF_CLIENT, options);
    else if (from === 'server') super(SERVER, OF_SERVER, options);
    else throw new RangeError(`from is ${String(from)}, neither "client" nor "server"`);
  }

  /**
   * The next packet, or undefined when it needs more bytes.
   * @throws WireError for bytes that are no legal packet, with the Reason Code a DISCONNECT would carry; the same error
   * again on every later call until {@link reset}
   */
  next(): Packet | undefined {
    return this.nextPacket(makePacket);
  }

  /**
   * As {@link next}, but a PUBLISH comes as a {@link PublishView}, which makes payload and properties when they are
   * read: for receivers that route or drop messages without looking at either.
   * @throws WireError as {@link next}
   */
  nextView(): PlainPacket | PublishView | undefined {
    return this.nextPacket(makeView);
  }
}

/**
 * The one packet that `packet` holds.
 * @throws WireError as {@link Decoder.next}; 0x81 also when bytes are missing or left over
 */
export function decode(packet: Uint8Array): Packet {
  const decoder = new Decoder();
  decoder.push(packet);
  const decoded = decoder.next();
  if (decoded === undefined) throw malformed(`Packet is cut off after ${packet.length} bytes`);
  const length = decodedLength(packet);
  if (length !== packet.length)
    throw malformed(`Packet of ${length} bytes has ${packet.length - length} bytes behind it`);
  return decoded;
}

/** Size of the packet at the start of `bytes`, whose fixed header is known to be legal. */
function decodedLength(bytes: Uint8Array): number {
  const reader = new Reader(bytes, 1, bytes.length);
  const remainingLength = reader.variableByteInteger('Remaining Length');
  return reader.position + remainingLength;
}
