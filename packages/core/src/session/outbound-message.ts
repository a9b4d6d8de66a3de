// SPDX-License-Identifier: Apache-2.0

import type { PublishProperties, QoS } from '@mqttv5/wire';
import type { ProducerRef } from './producer-ref.ts';

/**
 * A message to publish, validated by the caller. The payload of a QoS 1 or 2 message belongs to the engine: nobody may change
 * it. That of a QoS 0 message is only looked at during the call, unless the message has to wait. @internal
 */
export interface OutboundMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Without `topicAlias`, `messageExpiryInterval` as given. */
  readonly properties: PublishProperties | undefined;
  /** `PublishOptions.topicAlias`. */
  readonly topicAlias?: number | undefined;
  readonly ref?: ProducerRef | undefined;
}
