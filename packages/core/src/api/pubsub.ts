// SPDX-License-Identifier: Apache-2.0

import type { Payload } from './common.ts';
import type { PublishOptions, PublishResult } from './publish.ts';
import type {
  CallbackOptions,
  Filters,
  Message,
  MessageHandler,
  SubscribeOptions,
  Subscription,
  SubscriptionHandle,
} from './receive.ts';

/** What `Client` and `ClientGroup` have in common and `Typed` builds on; a test double needs no more than this. */
export interface PubSub<R = PublishResult, M extends Message = Message> {
  /** Resolves when the broker has answered; at QoS 0 when the message is handed over. */
  publish(topic: string, payload: Payload, options?: PublishOptions): Promise<R>;
  /** A stream of messages, once every filter is granted. */
  subscribe(filters: Filters, options?: SubscribeOptions): Promise<Subscription<M>>;
  /** A handler for messages, once every filter is granted. */
  subscribeCallback(
    filters: Filters,
    handler: MessageHandler<M>,
    options?: CallbackOptions,
  ): Promise<SubscriptionHandle>;
  /** Registers at once, also before connecting; `ready()` tells when granted. */
  declare(filters: Filters, options: CallbackOptions & { handler: MessageHandler<M> }): SubscriptionHandle;
  declare(filters: Filters, options?: SubscribeOptions): Subscription<M>;
}
