// SPDX-License-Identifier: Apache-2.0
//
// A client that subscribed, and messages for it.

import type { ClientOptions, Message, Subscription } from '@mqttv5/core';
import type { PublishPacket } from '@mqttv5/wire';
import { connected } from '../../lifecycle/setup.ts';
import { grant } from '../setup.ts';

const encoder = new TextEncoder();

interface Inbound {
  readonly id?: number;
  readonly qos?: 0 | 1 | 2;
  readonly dup?: boolean;
  readonly topic?: string;
  readonly text?: string;
  readonly identifiers?: readonly number[];
}

export function inbound({
  id = 0,
  qos = id === 0 ? 0 : 1,
  dup = false,
  topic = 'in',
  text = 'x',
  identifiers,
}: Inbound = {}): PublishPacket {
  const packet = {
    type: 'publish',
    topicName: topic,
    payload: encoder.encode(text),
    qos,
    retain: false,
    dup,
    packetIdentifier: id,
  } as const;
  return identifiers === undefined ? packet : { ...packet, properties: { subscriptionIdentifiers: identifiers } };
}

export const texts = (messages: readonly (Message | undefined)[]): (string | undefined)[] =>
  messages.map((message) => message?.text());

export async function subscribed(
  options: Parameters<Awaited<ReturnType<typeof connected>>['client']['subscribe']>[1] = {},
  clientOptions: Partial<ClientOptions> = {},
): Promise<Awaited<ReturnType<typeof connected>> & { readonly subscription: Subscription }> {
  const start = await connected(clientOptions);
  const subscribing = start.client.subscribe('in', options);
  await grant(start.connection);
  return { ...start, subscription: await subscribing };
}
