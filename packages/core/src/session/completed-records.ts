// SPDX-License-Identifier: Apache-2.0
//
// Outcomes a producer has not settled yet, as JSON in the frame of record-frame.ts, under `c/<queue id>/<sequence>`.

import type { Settled } from '../api/publish.ts';
import { MqttError, ReasonCodeError, RejectedByDisconnectError, StoreError } from '../errors.ts';
import type { AnyMqttError, Delivery, ErrorCode } from '../errors.ts';
import type { ProducerRef } from './producer-ref.ts';
import { refKey } from './producer-ref.ts';
import { jsonContent, jsonFrame } from './record-frame.ts';
import { checkResult } from './records.ts';

/** What is kept of an error: what programs branch on, and its text. */
interface StoredError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly delivery?: Delivery | undefined;
  readonly reasonCode?: number | undefined;
  readonly reasonString?: string | undefined;
  readonly userProperties?: readonly (readonly [string, string])[] | undefined;
}

export function completedKey(ref: ProducerRef): string {
  return `c/${refKey(ref)}`;
}

/** The Ref in such a key; undefined when it cannot be read. */
export function refIn(key: string): ProducerRef | undefined {
  const match = /^c\/(.+)\/(\d+)$/s.exec(key);
  const [, queueId, digits] = match ?? [];
  const sequence = Number(digits);
  return queueId !== undefined && Number.isSafeInteger(sequence) ? { queueId, sequence } : undefined;
}

export function encodeCompleted(ref: ProducerRef, outcome: Settled): Uint8Array {
  const content = outcome.error === undefined ? { result: outcome.result } : { error: storedError(outcome.error) };
  return jsonFrame('completed', completedKey(ref), content);
}

/** @throws Error of any kind when the content makes no sense */
export function decodeCompleted(content: Uint8Array): Settled {
  const value = jsonContent(content);
  if (typeof value !== 'object' || value === null) throw new TypeError('an outcome that is none');
  if ('result' in value) return { result: checkResult(value.result) };
  if (!('error' in value) || typeof value.error !== 'object' || value.error === null) {
    throw new TypeError('an outcome without result and error');
  }
  // Written by storedError, and covered by the checksum.
  return { error: restoredError(value.error as StoredError) };
}

function storedError(error: AnyMqttError): StoredError {
  const { code, message, delivery } = error;
  const reasons =
    error instanceof ReasonCodeError || error instanceof RejectedByDisconnectError
      ? { reasonCode: error.reasonCode, ...('reasonString' in error && { reasonString: error.reasonString }) }
      : {};
  const userProperties = error instanceof ReasonCodeError ? error.userProperties : undefined;
  return { code, message, delivery, ...reasons, userProperties };
}

function restoredError(stored: StoredError): AnyMqttError {
  const { code, message, delivery, reasonCode = 0x80 } = stored;
  switch (code) {
    case 'PUBLISH_REFUSED':
      return new ReasonCodeError(code, message, { ...stored, reasonCode });
    case 'REJECTED_BY_DISCONNECT':
      return new RejectedByDisconnectError(message, reasonCode, [], { delivery });
    case 'STORE_FAILED':
      return new StoreError(message, { delivery });
    default:
      // Publishes end with these and with plain codes only.
      return new MqttError(code, message, { delivery }) as AnyMqttError;
  }
}
