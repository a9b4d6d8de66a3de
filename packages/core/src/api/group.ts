// SPDX-License-Identifier: Apache-2.0

import type { Brokers } from './common.ts';
import type { ClientOptions } from './options.ts';
import type { Settled } from './publish.ts';
import type { Message } from './receive.ts';

/** One broker, or failover list, of a `ClientGroup`. */
export interface GroupMember {
  /** Unique in its group. @defaultValue `member-1`, `member-2`, … */
  name?: string | undefined;
  /** As `ClientOptions.brokers`: several of them stand in for each other. */
  brokers: Brokers;
  /** Apply after `shared`, and win. */
  options?: Partial<Omit<ClientOptions, 'brokers'>> | undefined;
}

/** What holds for a `ClientGroup` as a whole. @throws MqttError `INVALID_OPTION` from its constructor */
export interface GroupOptions {
  /** For every member. */
  shared?: Partial<Omit<ClientOptions, 'brokers'>> | undefined;
  /**
   * Who publishes: all; each in turn; the one that the topic's FNV-1a hash (over UTF-8) names, which keeps the order within a
   * topic. The latter two send each message once, and move on only when the chosen member could not send it at all.
   * @defaultValue "broadcast"
   */
  publishPolicy?: 'broadcast' | 'roundRobin' | 'hashByTopic' | undefined;
  /** How many have to succeed for `publish` to; else `GROUP_FAILED`. `quorum`: 1 to the number of members. @defaultValue "all" */
  success?: 'all' | 'any' | { quorum: number } | undefined;
  /** Connects, disconnects and subscribes one member after the other instead of all at once. @defaultValue false */
  sequentialLifecycle?: boolean | undefined;
}

/** What became of a publish at one member. */
export type GroupPublishResult = { readonly member: string } & Settled;

/** A message, and the member that received it, to which its acknowledgement goes. */
export interface GroupMessage extends Message {
  /** Its name. */
  readonly member: string;
}
