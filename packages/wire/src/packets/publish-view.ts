// SPDX-License-Identifier: Apache-2.0

import type { Bytes, QoS } from '../types.ts';
import { decodePublishProperties } from './publish-properties.ts';
import type { MakePublish } from './publish-reader.ts';
import type { PublishPacket, PublishProperties } from './publish.ts';

/** As `Decoder.nextView` gives a PUBLISH. @internal */
export const makeView: MakePublish<PublishView> = (name, flags, identifier, alias, bytes, properties, payload, end) =>
  new PublishView(name, flags, identifier, alias, bytes, properties, payload, end);

/**
 * A received PUBLISH that knows where its parts are and makes them when they are asked for: what
 * {@link Decoder.nextView} gives in the place of a {@link PublishPacket}. It has the same fields and the same guarantees
 * (everything has been validated), and costs less where payload or properties are not always read.
 *
 * It is an instance of a class, so it does not compare equal to a plain object. It keeps the chunk it arrived in alive,
 * and so does its `payload`; `copyPayload()` does not.
 * @see MQTT v5.0 §3.3
 */
export class PublishView implements PublishPacket {
  readonly type = 'publish' as const;
  /** May be set: a receiver puts the aliased name here. */
  topicName: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetIdentifier: number;
  /** 1 to 65535, or 0 when the packet has none. Costs no decoding of the properties. */
  readonly topicAlias: number;

  /** A plain object, decoded when first read; undefined when there are none. */
  declare readonly properties?: PublishProperties; // defined below

  readonly #bytes: Bytes;
  readonly #propertiesStart: number;
  readonly #payloadStart: number;
  readonly #end: number;
  #properties: PublishProperties | undefined;

  /** Views are made by {@link Decoder.nextView}. */
  constructor(
    topicName: string,
    flags: number,
    packetIdentifier: number,
    topicAlias: number,
    bytes: Bytes,
    propertiesStart: number,
    payloadStart: number,
    end: number,
  ) {
    this.topicName = topicName;
    this.qos = ((flags >> 1) & 3) as QoS; // the decoder has refused 3
    this.retain = (flags & 1) !== 0;
    this.dup = (flags & 8) !== 0;
    this.packetIdentifier = packetIdentifier;
    this.topicAlias = topicAlias;
    this.#bytes = bytes;
    this.#propertiesStart = propertiesStart;
    this.#payloadStart = payloadStart;
    this.#end = end;
  }

  /** Bytes of the payload. */
  get payloadLength(): number {
    return this.#end - this.#payloadStart;
  }

  /** Whether there are properties. */
  get hasProperties(): boolean {
    return this.#propertiesStart < this.#payloadStart;
  }

  /** A view of the chunk, a new one each time. */
  get payload(): Bytes {
    const bytes = this.#bytes;
    return new Uint8Array(bytes.buffer, bytes.byteOffset + this.#payloadStart, this.#end - this.#payloadStart);
  }

  /** The payload in a buffer of its own. */
  copyPayload(): Bytes {
    return this.#bytes.slice(this.#payloadStart, this.#end);
  }

  static {
    // A getter in the class would have the type `PublishProperties | undefined`, which is not what an optional field of a
    // PublishPacket is under exactOptionalPropertyTypes.
    Object.defineProperty(this.prototype, 'properties', {
      get(this: PublishView): PublishProperties | undefined {
        if (!this.hasProperties) return undefined;
        this.#properties ??= decodePublishProperties(this.#bytes, this.#propertiesStart, this.#payloadStart);
        return this.#properties;
      },
      enumerable: false,
      configurable: true,
    });
  }
}
