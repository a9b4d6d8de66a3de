// SPDX-License-Identifier: Apache-2.0
//
// Test collaborators: an attempt at a connection in memory, which the test watches and cuts short. For tests only.

import type { AuthPacket, ConnackProperties, ConnectPacket } from '@mqttv5/wire';
import { expect } from 'vitest';
import { Counters } from '../../src/stats.ts';
import { settled, VirtualClock } from '../../src/virtual-clock.ts';
import { establish } from '../../src/connection/establish.ts';
import type { Established, EstablishOptions } from '../../src/connection/establish.ts';
import { CONNECT, establishOptions, MemoryConnection } from '../../src/connection/testing-transport.ts';

export const BROKER: URL = new URL('mqtt://user:secret@broker');

interface Attempt {
  readonly connection: MemoryConnection;
  readonly clock: VirtualClock;
  readonly counters: Counters;
  readonly controller: AbortController;
  readonly result: Promise<Established>;
  /** What `result` ended with; undefined while it has not. */
  readonly outcome: () => unknown;
}

export function attempt(overrides: Partial<EstablishOptions> = {}, connect: ConnectPacket = CONNECT): Attempt {
  const connection = new MemoryConnection();
  const clock = new VirtualClock();
  const counters = new Counters();
  const controller = new AbortController();
  const options = { ...establishOptions(connection, clock, counters), signal: controller.signal, ...overrides };
  const result = establish(BROKER, connect, options);
  let outcome: unknown;
  result.then(
    (value) => {
      outcome = value;
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return { connection, clock, counters, controller, result, outcome: () => outcome };
}

/** An attempt whose CONNECT has been sent. */
export async function connecting(overrides: Partial<EstablishOptions> = {}): Promise<Attempt> {
  const open = attempt(overrides);
  await settled();
  open.connection.take();
  return open;
}

export function expectNothingLeft(open: Attempt): void {
  expect(open.connection.destroyed).toBe(true);
  expect(open.clock.pending).toBe(0);
}

export const auth = (reasonCode: number, ...data: number[]): AuthPacket => ({
  type: 'auth',
  reasonCode,
  properties: { authenticationMethod: 'ECHO', authenticationData: Uint8Array.from(data) },
});

export const accepted: ConnackProperties = { authenticationMethod: 'ECHO' };
