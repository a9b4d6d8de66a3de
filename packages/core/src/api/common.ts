// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '@mqttv5/wire';

export type MaybePromise<T> = T | Promise<T>;

export interface WaitOptions {
  signal?: AbortSignal | undefined;
}

export type Brokers = string | URL | readonly (string | URL)[];

export type Payload = string | Uint8Array;

/** What options take, as `HeadersInit` does for headers; what arrives is always pairs. */
export type UserPropertiesInit = UserProperties | Readonly<Record<string, string>>;

export interface MessageOptions {
  messageExpiryInterval?: number | undefined;
  contentType?: string | undefined;
  payloadFormatIndicator?: 0 | 1 | undefined;
  responseTopic?: string | undefined;
  correlationData?: Uint8Array | undefined;
  userProperties?: UserPropertiesInit | undefined;
}
