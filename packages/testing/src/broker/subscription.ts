// SPDX-License-Identifier: Apache-2.0
import type { QoS, SubscribeFilter } from '@mqttv5/wire';
import type { Session } from './session.ts';

/** A granted subscription of one session. */
export interface Subscription {
  readonly session: Session;
  /** As subscribed, with `$share/name/` if shared: what identifies it within the session [MQTT-3.8.4-3]. */
  readonly fullFilter: string;
  readonly shareName: string | undefined;
  /** Without `$share/name/`: what topics are matched against. */
  readonly topicFilter: string;
  /** The granted maximum. */
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier: number | undefined;
}

/** Splits `$share/name/filter`; a filter that is not shared has no share name. */
export function splitShared(fullFilter: string): {
  readonly shareName: string | undefined;
  readonly topicFilter: string;
} {
  if (!fullFilter.startsWith('$share/')) return { shareName: undefined, topicFilter: fullFilter };
  const nameEnd = fullFilter.indexOf('/', '$share/'.length);
  return { shareName: fullFilter.slice('$share/'.length, nameEnd), topicFilter: fullFilter.slice(nameEnd + 1) };
}

export function makeSubscription(
  session: Session,
  filter: SubscribeFilter,
  maximumQoS: QoS,
  identifier: number | undefined,
): Subscription {
  return {
    session,
    fullFilter: filter.topicFilter,
    ...splitShared(filter.topicFilter),
    qos: filter.qos < maximumQoS ? filter.qos : maximumQoS,
    noLocal: filter.noLocal,
    retainAsPublished: filter.retainAsPublished,
    identifier,
  };
}
