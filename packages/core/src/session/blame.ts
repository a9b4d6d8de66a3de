// SPDX-License-Identifier: Apache-2.0
//
// Which packets a lost connection is blamed on. A broker that ends the connection because of one packet will do so again each
// time the packet is resent; without blame the client would be disconnected for ever.
//
// Only what the broker says counts: a DISCONNECT that names a fault of a packet, or an orderly close while one packet alone
// was unanswered. Resets and timeouts say nothing. After the first blame the suspects travel one at a time
// (LiveConnection.admits), so that the last one names a single packet.

import type { LiveConnection } from './live-connection.ts';
import type { ConnectionEnd } from './settings.ts';

/** A packet that was blamed this often is given up. */
export const MAXIMUM_BLAMES = 3;

/** For RejectedByDisconnectError when the broker closed without a word: 0x80, Unspecified error. */
const NO_REASON_GIVEN = 0x80;

/** Malformed, protocol error, not authorized, topic name, too large, payload format, retain, QoS. */
const BLAMES_PUBLISH: ReadonlySet<number> = new Set([0x81, 0x82, 0x87, 0x90, 0x95, 0x99, 0x9a, 0x9b]);
/** Besides: implementation specific, topic filter, quota, shared subscriptions, subscription identifiers, wildcards. */
const BLAMES_REQUEST: ReadonlySet<number> = new Set([...BLAMES_PUBLISH, 0x83, 0x8f, 0x97, 0x9e, 0xa1, 0xa2]);

export interface Blame {
  readonly publishes: boolean;
  readonly requests: boolean;
  readonly reasonCode: number;
}

const NOBODY: Blame = { publishes: false, requests: false, reasonCode: 0 };

/** Whom the end of `connection` is blamed on: the unanswered packets of the kinds that are true. */
export function blameFor(connection: LiveConnection, end: ConnectionEnd): Blame {
  // We ended it, whatever the broker said meanwhile.
  if (connection.violated) return NOBODY;
  const { reasonCode } = end;
  if (reasonCode !== undefined) {
    return { publishes: BLAMES_PUBLISH.has(reasonCode), requests: BLAMES_REQUEST.has(reasonCode), reasonCode };
  }
  const { unansweredPublishes, unansweredPubrels, unansweredRequests } = connection;
  if (!end.orderly || unansweredPublishes + unansweredPubrels + unansweredRequests !== 1) return NOBODY;
  return { publishes: true, requests: true, reasonCode: NO_REASON_GIVEN };
}
