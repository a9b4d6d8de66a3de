// SPDX-License-Identifier: Apache-2.0

import type { MaybePromise } from '@mqttv5/core';
import { MqttError } from '@mqttv5/core';

/** One declaration for every runtime. `headers` and `agent` are for Node; where the platform's own `WebSocket` is used they throw `INVALID_OPTION`. */
export interface WebSocketDialOptions {
  /**
   * Headers of the HTTP upgrade request; a function is asked anew for every attempt to connect, so that a token can be fresh.
   * What it throws, and anything but strings in what it gives, fails that attempt only.
   */
  headers?:
    | Readonly<Record<string, string>>
    | ((broker: URL) => MaybePromise<Readonly<Record<string, string>>>)
    | undefined;
  /** An `http.Agent` or `https.Agent`, for example one that goes through a proxy. */
  agent?: object | undefined;
}

const KNOWN_KEYS: ReadonlySet<string> = new Set<keyof WebSocketDialOptions>(['headers', 'agent']);

/** An object without unknown keys. @throws MqttError `INVALID_OPTION` */
export function checkOptions(options: WebSocketDialOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new MqttError('INVALID_OPTION', 'webSocketDial takes an options object');
  for (const key of Object.keys(options)) {
    if (!KNOWN_KEYS.has(key)) throw new MqttError('INVALID_OPTION', `webSocketDial has no option "${key}"`);
  }
}

/**
 * A copy, so that what becomes of the application's object later changes nothing. No message shows a value: most are secrets.
 *
 * @throws MqttError `INVALID_OPTION`
 */
export function checkHeaders(headers: unknown): Readonly<Record<string, string>> {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    throw new MqttError('INVALID_OPTION', 'headers must be an object, or a function that gives one');
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string')
      throw new MqttError(
        'INVALID_OPTION',
        `The header "${name}" must be a string, not a value of type ${typeof value}`,
      );
  }
  return { ...headers };
}

/** @throws MqttError `INVALID_BROKER_URL` */
export function checkScheme(broker: URL): void {
  if (broker.protocol === 'ws:' || broker.protocol === 'wss:') return;
  throw new MqttError('INVALID_BROKER_URL', `webSocketDial connects to ws: and wss:, not to ${broker.protocol}`);
}

/** The subprotocol of MQTT over WebSocket. @see MQTT v5.0 §6, [MQTT-6.0.0-3] */
export const SUBPROTOCOL = 'mqtt';
