// SPDX-License-Identifier: Apache-2.0

import type { SubscribeResult } from '../api/receive.ts';
import { type AnyMqttError, SubscribeError } from '../errors.ts';
import type { LocalSubscription } from './local-subscription.ts';
import type { SubscriptionPort } from './port.ts';

/** What takes subscriptions out. */
export interface Releasing {
  abandon(subscription: LocalSubscription): void;
  leave(subscription: LocalSubscription, filter: string): void;
}

/**
 * What the broker's answers mean for a subscription: `subscribe` is whole or nothing, `declare` keeps the granted part.
 *
 * @param refusals - those of the answer that has just come
 * @param failure - why, when no Reason Code says it
 */
export function judge(
  subscription: LocalSubscription,
  refusals: readonly SubscribeResult[],
  failure: AnyMqttError | undefined,
  requests: Releasing,
  port: SubscriptionPort,
): void {
  const { grants } = subscription;
  if (subscription.closed) return;
  if (grants.settled) {
    if (refusals.length > 0) loseFilters(subscription, refusals, failure, requests, port);
    return;
  }
  const all = grants.refusals;
  const failed = all.length > 0;
  if (failed && subscription.wholeOrNothing && (failure !== undefined || grants.allAnswered)) {
    subscription.closeUnsubscribed(failure ?? refused(grants.results));
    requests.abandon(subscription);
    return;
  }
  if (!grants.allAnswered) return;
  if (failed) loseFilters(subscription, all, failure, requests, port);
  else grants.settle(undefined);
}

/** The granted filters stay live. With none left the subscription ends. */
function loseFilters(
  subscription: LocalSubscription,
  refusals: readonly SubscribeResult[],
  failure: AnyMqttError | undefined,
  requests: Releasing,
  port: SubscriptionPort,
): void {
  const { grants } = subscription;
  const nothingLeft = grants.refusals.length === subscription.filters.length;
  const error = failure !== undefined && nothingLeft ? failure : refused(grants.results);
  // Somebody waits for the outcome of the call, and is told there.
  const isTold = !grants.settled && grants.awaited;
  grants.settle(error);
  for (const { filter } of refusals) requests.leave(subscription, filter);
  if (nothingLeft) {
    subscription.closeFailed(error);
    requests.abandon(subscription);
  }
  if (!isTold) port.events.emit('subscribeError', { subscription, error });
}

function refused(results: readonly SubscribeResult[]): SubscribeError {
  const names = results
    .filter(({ reasonCode }) => reasonCode >= 0x80)
    .map(({ filter, reasonCode }) => `${filter} (0x${reasonCode.toString(16)})`);
  return new SubscribeError(`The broker refused ${names.join(', ')}`, results);
}
