// SPDX-License-Identifier: Apache-2.0

import type { UserProperties } from '@mqttv5/wire';

/** What may be answered at once or later. */
export type MaybePromise<T> = T | Promise<T>;

/** Options of everything that can wait. */
export interface WaitOptions {
  /** Ends the wait, which then rejects with `signal.reason`. What is already under way is not undone by it. */
  signal?: AbortSignal | undefined;
}

/** One broker or a list of them, tried in order. Schemes and ports: `ClientOptions.brokers`. */
export type Brokers = string | URL | readonly (string | URL)[];

/** What can be sent: text, as UTF-8, or bytes. A Payload Format Indicator is sent only when asked for. */
export type Payload = string | Uint8Array;

/** What options take, as `HeadersInit` does for headers; what arrives is always pairs. */
export type UserPropertiesInit = UserProperties | Readonly<Record<string, string>>;

/**
 * Properties of an application message, of a publish as of a will. Strings and bytes hold 65,535 bytes at most.
 *
 * @throws MqttError where the message is made: `INVALID_OPTION`, `INVALID_TOPIC` (`responseTopic`), `FIELD_TOO_LONG`
 */
export interface MessageOptions {
  /**
   * How long the message is worth delivering; what waits in the client meanwhile counts. Unit: seconds.
   * @defaultValue for ever
   * @see MQTT v5.0 §3.3.2.3.3
   */
  messageExpiryInterval?: number | undefined;
  /** What the payload is, as a media type by custom. @see MQTT v5.0 §3.3.2.3.9 */
  contentType?: string | undefined;
  /** 1 promises UTF-8 text. @defaultValue absent, which says as much as 0; not implied by a string @see MQTT v5.0 §3.3.2.3.2 */
  payloadFormatIndicator?: 0 | 1 | undefined;
  /** Where to send the answer; without wildcards. @see MQTT v5.0 §3.3.2.3.5 */
  responseTopic?: string | undefined;
  /** What the answer has to carry, so that its requester knows it. @see MQTT v5.0 §3.3.2.3.6 */
  correlationData?: Uint8Array | undefined;
  /** Names and values of the application's own; order and repeats are kept. @see MQTT v5.0 §3.3.2.3.7 */
  userProperties?: UserPropertiesInit | undefined;
}
