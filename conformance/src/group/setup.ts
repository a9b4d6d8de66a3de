// SPDX-License-Identifier: Apache-2.0
import { ClientGroup } from '@mqttv5/core';
import type { GroupMember, GroupMessage, GroupOptions, Subscription } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';
import type { Broker, BrokerOptions, Intercept } from '@mqttv5/testing';
import { onTestFinished } from 'vitest';

/** A broker that notes down which packets clients have sent it. */
export interface WatchedBroker {
  readonly broker: Broker;
  readonly url: string;
  /** Of PUBLISH the topic, of SUBSCRIBE and UNSUBSCRIBE the filters, of the others the type alone. */
  readonly seen: readonly string[];
}

export async function watchedBroker(options: BrokerOptions = {}): Promise<WatchedBroker> {
  const seen: string[] = [];
  const intercept: Intercept = (direction, packet, client) => {
    if (direction === 'in') seen.push(describePacket(packet));
    return options.intercept?.(direction, packet, client);
  };
  const broker = await startBroker({ ...options, intercept });
  onTestFinished(() => broker.close());
  return { broker, url: broker.url, seen };
}

function describePacket(packet: Parameters<Intercept>[1]): string {
  switch (packet.type) {
    case 'publish':
      return `publish ${packet.topicName}`;
    case 'subscribe':
      return `subscribe ${packet.filters.map(({ topicFilter }) => topicFilter).join()}`;
    case 'unsubscribe':
      return `unsubscribe ${packet.topicFilters.join()}`;
    default:
      return packet.type;
  }
}

/** An address nobody listens on: the port is in nobody's range. */
export const NOBODY = 'mqtt://127.0.0.1:1';

export function makeGroup(members: readonly GroupMember[], options: GroupOptions = {}): ClientGroup {
  const shared = { reconnect: () => 5, ...options.shared };
  const group = new ClientGroup(members, { ...options, shared });
  onTestFinished(() => group.disconnect());
  return group;
}

/** A group of so many members with a broker each, connected. */
export async function connectedGroup(
  count: number,
  options: GroupOptions = {},
  brokerOptions: BrokerOptions = {},
): Promise<{ group: ClientGroup; brokers: readonly WatchedBroker[] }> {
  const brokers = await Promise.all(Array.from({ length: count }, () => watchedBroker(brokerOptions)));
  const group = makeGroup(
    brokers.map(({ url }) => ({ brokers: url })),
    options,
  );
  await group.connect();
  return { group, brokers };
}

/** `member: text` of the next `count` messages, acknowledged, sorted. */
export async function texts(subscription: Subscription<GroupMessage>, count: number): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const message of subscription) {
    found.push(`${message.member}: ${message.text()}`);
    if (found.length < count) continue;
    message.ack();
    break;
  }
  return found.toSorted();
}

/** How many PUBACKs a broker has seen. */
export const acks = (seen: readonly string[]): number => seen.filter((each) => each === 'puback').length;
