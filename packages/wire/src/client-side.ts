// SPDX-License-Identifier: Apache-2.0

// For the client, and no public API: what it needs of a decoder and no more, so that a program which imports this is without the
// readers of what clients send; and the measures that its own checks share with the encoder.

import type { PlainPacket } from './packets/codec.ts';
import { makeView, type PublishView } from './packets/publish-view.ts';
import { OF_SERVER } from './packets/readers.ts';
import { SERVER } from './sides.ts';
import { StreamDecoder, type StreamOptions } from './stream-decoder.ts';

export { isBytes } from './fields.ts';
export { NUL, utf8Length } from './utf8.ts';
export { LARGEST_PACKET, variableByteIntegerLength } from './variable-byte-integer.ts';
export type { StreamOptions };

/** As `Decoder` with `from: "server"` and `nextView`. */
export class ServerPacketDecoder extends StreamDecoder {
  constructor(options: StreamOptions) {
    super(SERVER, OF_SERVER, options);
  }

  nextView(): PlainPacket | PublishView | undefined {
    return this.nextPacket(makeView);
  }
}
