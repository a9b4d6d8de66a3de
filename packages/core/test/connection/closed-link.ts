// SPDX-License-Identifier: Apache-2.0
//
// Test collaborators: packets at the end of a link, and what a closed link leaves. For tests only.

import type { DisconnectPacket, Packet } from '@mqttv5/wire';
import { expect } from 'vitest';
import { publish } from '../../src/connection/testing-transport.ts';
import type { OpenLink } from '../../src/connection/testing-transport.ts';

export const NORMAL: DisconnectPacket = { type: 'disconnect', reasonCode: 0 };

export const puback = (packetIdentifier: number): Packet => ({ type: 'puback', packetIdentifier, reasonCode: 0 });

/** What a closed link leaves: nothing. */
export function expectNothingLeft(open: OpenLink): void {
  expect(open.connection.destroyed).toBe(true);
  expect(open.clock.pending).toBe(0);
  expect(open.ends).toHaveLength(1);
  expect(open.link.closed).toBe(true);
  expect(open.link.send(publish('late'))).toBe(false);
}
