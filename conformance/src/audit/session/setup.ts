// SPDX-License-Identifier: Apache-2.0
//
// Messages for a client, under the identifier that the test says.

import type { PublishPacket } from '@mqttv5/wire';

const PAYLOAD = Uint8Array.of(1);

export function inbound(packetIdentifier: number, qos: 0 | 1 | 2 = 1, dup = false, topicName = 'in'): PublishPacket {
  return { type: 'publish', topicName, payload: PAYLOAD, qos, retain: false, dup, packetIdentifier };
}
