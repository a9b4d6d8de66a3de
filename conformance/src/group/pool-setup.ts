// SPDX-License-Identifier: Apache-2.0
// A client with publish-only connections beside its own, and a broker that notes down what they send.

import { Client } from '@mqttv5/core';
import type { ClientOptions } from '@mqttv5/core';
import { startBroker } from '@mqttv5/testing';
import type { Broker, BrokerOptions } from '@mqttv5/testing';
import type { ConnectPacket, PublishPacket } from '@mqttv5/wire';
import { expect, onTestFinished } from 'vitest';

/** What the members and the client of a pool have sent one broker. */
interface Seen {
  readonly connects: ConnectPacket[];
  /** By client identifier. */
  readonly publishes: { readonly from: string; readonly packet: PublishPacket }[];
}

export async function poolBroker(options: BrokerOptions = {}): Promise<Broker & Seen> {
  const seen: Seen = { connects: [], publishes: [] };
  const broker = await startBroker({
    ...options,
    intercept: (direction, packet, client) => {
      if (direction === 'in' && packet.type === 'connect') seen.connects.push(packet);
      if (direction === 'in' && packet.type === 'publish') seen.publishes.push({ from: client.clientId, packet });
      return options.intercept?.(direction, packet, client);
    },
  });
  onTestFinished(() => broker.close());
  return Object.assign(broker, seen);
}

export const connectedCount = (broker: Broker): number => broker.clients.filter(({ connected }) => connected).length;

/** Connected, with every member of its pool. */
export async function pooled(
  brokers: ClientOptions['brokers'],
  options: Partial<ClientOptions> = {},
  broker?: Broker,
): Promise<Client> {
  const client = new Client({
    brokers,
    clientId: 'main',
    reconnect: () => 5,
    stats: true,
    publisherPool: { size: 2 },
    ...options,
  });
  onTestFinished(() => client.disconnect());
  await client.connect();
  const size = options.publisherPool?.size ?? 2;
  if (broker) await expect.poll(() => connectedCount(broker)).toBe(size + 1);
  await membersHaveHeard(client);
  return client;
}

/** What the broker counts as connected has not read its CONNACK yet; by the end of a round trip that begins later it has. */
export async function membersHaveHeard(client: Client): Promise<void> {
  await client.ping();
  await client.ping();
}
