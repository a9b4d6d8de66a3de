// SPDX-License-Identifier: Apache-2.0
//
// What the audits share, which take the design documents sentence by sentence and look at the whole client: what was
// sent, answering it, and what promises were rejected with.

import type { Logger } from '@mqttv5/core';
import type { ScriptedConnection } from '@mqttv5/testing';
import type { SubscribePacket } from '@mqttv5/wire';

/** Answers the next SUBSCRIBE with what it asks for, or with these codes. */
export async function grant(connection: ScriptedConnection, ...codes: number[]): Promise<SubscribePacket> {
  const packet = await connection.expect('subscribe');
  const reasonCodes = codes.length > 0 ? codes : packet.filters.map(({ qos }) => qos);
  connection.send({ type: 'suback', packetIdentifier: packet.packetIdentifier, reasonCodes });
  return packet;
}

/** What a promise was rejected with. */
export const error = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );

export const types = (connection: ScriptedConnection): string[] => connection.received.map(({ type }) => type);

export function ignore(): void {}

export const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
