// SPDX-License-Identifier: Apache-2.0
//
// What the audits share, which take the design documents sentence by sentence and look at the whole client: what was
// sent, and answering it.

import type { ScriptedConnection } from '@mqttv5/testing';
import type { SubscribePacket } from '@mqttv5/wire';

/** Answers the next SUBSCRIBE with what it asks for, or with these codes. */
export async function grant(connection: ScriptedConnection, ...codes: number[]): Promise<SubscribePacket> {
  const packet = await connection.expect('subscribe');
  const reasonCodes = codes.length > 0 ? codes : packet.filters.map(({ qos }) => qos);
  connection.send({ type: 'suback', packetIdentifier: packet.packetIdentifier, reasonCodes });
  return packet;
}

export const types = (connection: ScriptedConnection): string[] => connection.received.map(({ type }) => type);

export function ignore(): void {}
