// SPDX-License-Identifier: Apache-2.0

import type { Brokers } from './common.ts';
import type { ClientOptions } from './options.ts';
import type { Settled } from './publish.ts';
import type { Message } from './receive.ts';

export interface GroupMember {
  name?: string | undefined;
  brokers: Brokers;
  options?: Partial<Omit<ClientOptions, 'brokers'>> | undefined;
}

export interface GroupOptions {
  shared?: Partial<Omit<ClientOptions, 'brokers'>> | undefined;
  publishPolicy?: 'broadcast' | 'roundRobin' | 'hashByTopic' | undefined;
  success?: 'all' | 'any' | { quorum: number } | undefined;
  sequentialLifecycle?: boolean | undefined;
}

export type GroupPublishResult = { readonly member: string } & Settled;

export interface GroupMessage extends Message {
  readonly member: string;
}
