// SPDX-License-Identifier: Apache-2.0
//
// Browsers, workers, Deno and Bun: the platform's own WebSocket. It cannot pause reading, so `overflow: "pause"` is refused.

import type { Connection, Dial } from '@mqttv5/core';
import { MqttError } from '@mqttv5/core';
import { checkOptions, checkScheme, SUBPROTOCOL, type WebSocketDialOptions } from './options.ts';
import { PlatformConnection } from './platform-connection.ts';

/**
 * A dial for `ws:` and `wss:` brokers over the platform's own `WebSocket`. TLS is the platform's.
 *
 * @throws MqttError `INVALID_OPTION` for `headers` and `agent`, which this `WebSocket` has no place for; from the dial itself
 * `INVALID_BROKER_URL`, `INVALID_OPTION` (the client's `tls`) and `DIAL_FAILED`
 * @see MQTT v5.0 §6
 */
export function webSocketDial(options: WebSocketDialOptions = {}): Dial {
  checkOptions(options);
  for (const key of ['headers', 'agent'] as const) {
    if (options[key] !== undefined)
      throw new MqttError('INVALID_OPTION', `\`${key}\` needs Node: the WebSocket of this platform takes none`);
  }
  return async (broker, { signal, tls }) => {
    checkScheme(broker);
    if (tls !== undefined)
      throw new MqttError(
        'INVALID_OPTION',
        '`tls` needs Node: the WebSocket of this platform has TLS settings of its own',
      );
    signal.throwIfAborted();
    return open(broker, signal);
  };
}

function open(broker: URL, signal: AbortSignal): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let socket: WebSocket;
    try {
      socket = new WebSocket(broker.href, [SUBPROTOCOL]);
    } catch (error) {
      reject(dialFailed(broker, error));
      return;
    }
    socket.binaryType = 'arraybuffer';
    const over = new AbortController();
    const fail = (why: unknown): void => {
      over.abort();
      socket.close();
      reject(why);
    };
    const options = { once: true, signal: over.signal };
    signal.addEventListener('abort', () => fail(signal.reason), options);
    // The platform says nothing about why; the console of the browser does.
    socket.addEventListener('error', () => fail(dialFailed(broker, undefined)), options);
    socket.addEventListener('close', () => fail(dialFailed(broker, undefined)), options);
    socket.addEventListener(
      'open',
      () => {
        over.abort();
        // [MQTT-6.0.0-4]: browsers check this themselves, other platforms may not.
        if (socket.protocol === SUBPROTOCOL) resolve(new PlatformConnection(socket));
        else
          fail(
            new MqttError('DIAL_FAILED', `${broker.host} did not select the WebSocket subprotocol "${SUBPROTOCOL}"`),
          );
      },
      options,
    );
  });
}

function dialFailed(broker: URL, cause: unknown): MqttError {
  return new MqttError(
    'DIAL_FAILED',
    `WebSocket to ${broker.protocol}//${broker.host}${broker.pathname} failed`,
    cause === undefined ? {} : { cause },
  );
}
