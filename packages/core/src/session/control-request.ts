// SPDX-License-Identifier: Apache-2.0

import type { SubscribeFilter, UserProperties } from '@mqttv5/wire';

/** How often the broker has ended a connection because of these filters; it outlives sessions. @internal */
export interface Suspicion {
  blames: number;
}

/** @internal */
export function newSuspicion(): Suspicion {
  return { blames: 0 };
}

/**
 * A SUBSCRIBE or UNSUBSCRIBE to be answered. Owned by the subscriptions layer; the engine gives it a packet identifier, sends
 * it again after a resumed drop, and blames it. @internal
 */
export interface ControlRequest {
  readonly type: 'subscribe' | 'unsubscribe';
  /** Of an UNSUBSCRIBE only `topicFilter` is used. */
  readonly filters: readonly SubscribeFilter[];
  readonly subscriptionIdentifier?: number | undefined;
  readonly userProperties?: UserProperties | undefined;
  /** The same object whenever the same filters are asked for again. */
  readonly suspicion: Suspicion;
}
