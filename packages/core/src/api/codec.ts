// SPDX-License-Identifier: Apache-2.0

import type { Bytes } from '@mqttv5/wire';

import type { Message } from './receive.ts';

/**
 * Makes payloads of values and values of payloads. `In` is what may be published, `T` what arrives; they differ where a schema has
 * defaults or transforms. Both calls are synchronous.
 */
export interface Codec<T, In = T> {
  /** Content Type of what it encodes. @see MQTT v5.0 §3.3.2.3.9 */
  readonly contentType?: string;
  /** 1 when it encodes to UTF-8 text. @see MQTT v5.0 §3.3.2.3.2 */
  readonly payloadFormatIndicator?: 0 | 1;
  /** What it throws rejects the publish, as it is. */
  encode(value: In): Uint8Array;
  /** What it throws refuses the message with 0x99 and goes to `onDecodeError`, as it is. `payload` is `message.payload`. */
  decode(payload: Bytes, message: Message): T;
}

/** A message with its decoded value. */
export type TypedMessage<T, M extends Message = Message> = M & { readonly value: T };

/** What a typed subscription takes beside the options of an untyped one. */
export interface DecodeOptions {
  /** Called for each payload that does not decode, before the message is refused with 0x99. The stream goes on. */
  onDecodeError?: ((error: unknown, message: Message) => void) | undefined;
}
