// SPDX-License-Identifier: Apache-2.0
//
// Server redirection (§4.11): 0x9C Use another server counts for the next attempt, 0x9D Server moved from now on. What a broker
// says is followed only where the application has said so, since credentials go along.

import type { ServerDisconnectInfo } from '../api/connect.ts';
import { SERVER_MOVED, USE_ANOTHER_SERVER } from '../api/reason-codes.ts';
import { brokerAddress, type BrokerAddress, resolveServerReferences } from '../broker-url.ts';
import type { BrokerList } from './broker-list.ts';

export type FollowServerRedirects = boolean | ((target: URL, from: URL) => boolean);

export function isRedirect(reasonCode: number): boolean {
  return reasonCode === USE_ANOTHER_SERVER || reasonCode === SERVER_MOVED;
}

/** Points the list to where the broker sends us, as far as that is allowed and usable. Returns whether it did. */
export function followRedirect(
  brokers: BrokerList,
  info: ServerDisconnectInfo,
  from: BrokerAddress,
  follow: FollowServerRedirects,
): boolean {
  if (follow === false) return false;
  const allowed = (target: URL): boolean => follow === true || follow(new URL(target), new URL(from.href));
  const targets = resolveServerReferences(info.serverReference, new URL(from.href))
    .filter(allowed)
    .map((url) => brokerAddress(url, from.username, from.password));
  const first = targets[0];
  if (first === undefined) return false;
  if (info.reasonCode === USE_ANOTHER_SERVER) return brokers.detour(first);
  return brokers.move(targets);
}
