// SPDX-License-Identifier: Apache-2.0
//
// How publishes end, as values. Bare successes are shared: the hot path allocates none.

import { reasonCodeName } from '@mqttv5/wire';
import type { PubackPacket, PubrecPacket } from '@mqttv5/wire';
import type { PublishResult, Settled } from '../api/publish.ts';
import { hexByte } from '../api/reason-codes.ts';
import { mqttError, ReasonCodeError, RejectedByDisconnectError } from '../errors.ts';
import type { Delivery, PlainErrorCode } from '../errors.ts';
import type { PublishExchange } from './publish-exchange.ts';

const SUCCESS: PublishResult = Object.freeze({ reasonCode: 0x00 });
const NO_MATCHING_SUBSCRIBERS: PublishResult = Object.freeze({ reasonCode: 0x10 });
const SUCCESS_OUTCOME: Settled = Object.freeze({ result: SUCCESS });
const NO_MATCHING_SUBSCRIBERS_OUTCOME: Settled = Object.freeze({ result: NO_MATCHING_SUBSCRIBERS });

/** Reason Codes from here on refuse (§2.4). */
export const FAILURE = 0x80;

/** What a PUBACK or PUBREC below 0x80 says. */
export function resultOf(packet: PubackPacket | PubrecPacket): PublishResult {
  const { reasonCode, properties } = packet;
  if (properties === undefined) {
    if (reasonCode === 0x00) return SUCCESS;
    if (reasonCode === 0x10) return NO_MATCHING_SUBSCRIBERS;
  }
  return { reasonCode, ...properties };
}

export function succeeded(result: PublishResult | undefined): Settled {
  if (result === undefined || result === SUCCESS) return SUCCESS_OUTCOME;
  return result === NO_MATCHING_SUBSCRIBERS ? NO_MATCHING_SUBSCRIBERS_OUTCOME : { result };
}

/** A PUBACK or PUBREC of 0x80 or above: final, the message is not sent again [MQTT-4.4.0-2]. */
export function refused(exchange: PublishExchange, packet: PubackPacket | PubrecPacket): Settled {
  const { reasonCode, properties } = packet;
  const text = `The broker refused the PUBLISH to "${exchange.topic}": ${describe(reasonCode)}`;
  const error = new ReasonCodeError('PUBLISH_REFUSED', text, { reasonCode, ...properties, delivery: 'refused' });
  // The constructor sets `code` to one of ReasonErrorCode.
  return { error };
}

export function failed(code: PlainErrorCode, message: string, delivery: Delivery): Settled {
  return { error: mqttError(code, message, { delivery }) };
}

/** What became of the message as far as this side knows: a PUBLISH that was written may have arrived. */
export function deliveryOf(exchange: PublishExchange): Delivery {
  return exchange.everWritten ? 'unknown' : 'notSent';
}

export function sessionLost(exchange: PublishExchange): Settled {
  const text = `The session ended before the PUBLISH to "${exchange.topic}" was acknowledged`;
  return failed('SESSION_LOST', text, deliveryOf(exchange));
}

export function expired(exchange: PublishExchange): Settled {
  const text = `The PUBLISH to "${exchange.topic}" was not sent within its Message Expiry Interval`;
  return failed('MESSAGE_EXPIRED', text, 'notSent');
}

export function rejectedByDisconnect(exchange: PublishExchange, reasonCode: number, times: number): Settled {
  const text = `The broker ended ${times} connections because of the PUBLISH to "${exchange.topic}": ${describe(reasonCode)}`;
  return { error: new RejectedByDisconnectError(text, reasonCode, [], { delivery: 'refused' }) };
}

/** "0x87 (Not authorized)". */
export function describe(reasonCode: number): string {
  return `${hexByte(reasonCode)} (${reasonCodeName(reasonCode)})`;
}
