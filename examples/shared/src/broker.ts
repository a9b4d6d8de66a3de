// SPDX-License-Identifier: Apache-2.0

import { startBroker } from '@mqttv5/testing';

/** The broker of an example: the embedded one, or the one in `MQTT_BROKER`. */
export interface ExampleBroker {
  readonly url: string;
  /** Whether it is the embedded one. */
  readonly embedded: boolean;
  /** Stops the embedded one, and leaves another alone. */
  close(): Promise<void>;
}

export async function exampleBroker(options: { webSocket?: boolean } = {}): Promise<ExampleBroker> {
  const given = process.env['MQTT_BROKER'];
  if (given !== undefined) return { url: given, embedded: false, close: () => Promise.resolve() };
  const broker = options.webSocket ? await startBroker({ webSocketPort: 0 }) : await startBroker();
  return { url: broker.webSocketUrl ?? broker.url, embedded: true, close: () => broker.close() };
}
