// SPDX-License-Identifier: Apache-2.0

import type { Bytes } from '@mqttv5/wire';
import type { Message } from './receive.ts';

/** `In` is what may be published, `T` what arrives; they differ where a schema has defaults or transforms. Both calls are synchronous. */
export interface Codec<T, In = T> {
  readonly contentType?: string;
  readonly payloadFormatIndicator?: 0 | 1;
  encode(value: In): Uint8Array;
  decode(payload: Bytes, message: Message): T;
}

export type TypedMessage<T, M extends Message = Message> = M & { readonly value: T };

export interface DecodeOptions {
  onDecodeError?: ((error: unknown, message: Message) => void) | undefined;
}
