// SPDX-License-Identifier: Apache-2.0

import type { SessionEffects } from './effects.ts';
import type { Journal } from './journal.ts';
import type { LiveConnection } from './live-connection.ts';
import type { OpenRequest } from './control-requests.ts';
import type { PacketIdentifiers } from './packet-identifiers.ts';
import type { PublishExchange } from './publish-exchange.ts';
import type { SessionSettings } from './settings.ts';

/**
 * An identifier nobody may use until the session ends: its packet was given up while the broker may still know it, or its
 * record cannot be read.
 */
export const TAKEN: { readonly kind: 'taken' } = { kind: 'taken' };

export type IdentifierOwner = PublishExchange | OpenRequest | typeof TAKEN;

/** What the parts of the engine share. */
export interface SessionCore {
  readonly settings: SessionSettings;
  readonly effects: SessionEffects;
  readonly journal: Journal;
  readonly identifiers: PacketIdentifiers<IdentifierOwner>;
  /** Undefined between connections. */
  connection: LiveConnection | undefined;
  /** Told that an answer has come in or an identifier is free: whoever waits for that may go on. */
  readonly queues: { proceed(now: number): void };
}
