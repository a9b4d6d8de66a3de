// SPDX-License-Identifier: Apache-2.0

import { jsonContent, jsonFrame } from './record-frame.ts';
import { META_KEY } from './records.ts';

/** What one broker may still hold of ours. */
export interface BrokerHold {
  /** Number of the session last held there; 0 for one of ours that we never learned about. */
  readonly number: number;
  /** Seconds the broker keeps it after the connection; 0xFFFFFFFF for ever. */
  readonly expiryInterval: number;
  /** Instant at which the connection ended, ms; undefined while it lasts, or when nobody saw the end. */
  readonly lostAt: number | undefined;
  /** A CONNECT with Clean Start 0 went out to it and its CONNACK was never processed: it may have begun a session of its own. */
  readonly doubted?: boolean | undefined;
}

/** Whose session the records are of. */
export interface SessionMeta {
  readonly clientId: string;
  /** Key of the broker that assigned the identifier; undefined when it was chosen here. */
  readonly assignedBy: string | undefined;
  /** Of the newest session. */
  readonly number: number;
  /** Whether that session has local state. */
  readonly held: boolean;
  /** A CONNECT went out since the last processed CONNACK. */
  readonly inDoubt: boolean;
  /** In-doubt resumptions of this session. */
  readonly doubts: number;
  /** Until when a broker that is not listed may hold an older session, ms; 0 for none. */
  readonly unknownUntil: number;
  readonly brokers: readonly (readonly [broker: string, hold: BrokerHold])[];
}

export function encodeMeta(meta: SessionMeta): Uint8Array {
  return jsonFrame('meta', META_KEY, meta);
}

/** @throws Error of any kind when the content makes no sense */
export function decodeMeta(content: Uint8Array): SessionMeta {
  const value = jsonContent(content);
  if (typeof value !== 'object' || value === null || !('clientId' in value) || !('number' in value)) {
    throw new TypeError('meta without client identifier and session number');
  }
  // Written by encodeMeta, and covered by the checksum. JSON has neither undefined nor Infinity.
  const meta = value as SessionMeta & { readonly unknownUntil: number | null };
  return { ...meta, unknownUntil: meta.unknownUntil ?? Number.POSITIVE_INFINITY };
}
