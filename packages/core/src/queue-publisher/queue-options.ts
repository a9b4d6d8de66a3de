// SPDX-License-Identifier: Apache-2.0

import type { Payload } from '../api/common.ts';
import type { Report } from '../api/logger.ts';
import type { Backoff } from '../api/options.ts';
import type { QueueEntry, QueueOptions, QueuePublishOptions } from '../api/queue.ts';
import { exponentialBackoff } from '../backoff.ts';
import { MqttError, mqttError, withDelivery } from '../errors.ts';
import type { AnyMqttError } from '../errors.ts';
import {
  checkBoolean,
  checkCount,
  checkDuration,
  checkFunction,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkSignal,
  checkString,
  given,
  invalidOption,
  shown,
} from '../options/check.ts';
import { KNOWN_PUBLISH_KEYS, resolvePublish } from '../options/publish-options.ts';
import { guardedBackoff } from './guarded-backoff.ts';
import { isPermanent } from './permanence.ts';

/** Carries the entry's id to receivers, so that they can tell a repeat. */
const IDEMPOTENCY_PROPERTY = 'mqttv5-msg-id';

export interface ResolvedQueueOptions {
  readonly window: number;
  readonly maximumSize: number;
  readonly overflow: 'dropNewest' | 'dropOldest';
  readonly ttlMs: number | undefined;
  readonly onDeadLetter: ((entry: QueueEntry, error: AnyMqttError) => unknown) | undefined;
  readonly isPermanent: (error: AnyMqttError) => boolean;
  readonly retryBackoff: Backoff;
  readonly idempotencyKey: boolean;
}

const QUEUE_KEYS: Readonly<Record<keyof QueueOptions, true>> = {
  window: true,
  maximumSize: true,
  overflow: true,
  ttlMs: true,
  onDeadLetter: true,
  isPermanent: true,
  retryBackoff: true,
  idempotencyKey: true,
};
const KNOWN_QUEUE_KEYS = Object.keys(QUEUE_KEYS);
const KNOWN_KEYS = [...KNOWN_PUBLISH_KEYS, 'id'];

/** More would not fit into what the client accepts (`maximumQueuedPublishes`). */
const LARGEST_WINDOW = 65_000;

/**
 * @param report - hears what the application's functions do wrong
 * @throws MqttError `INVALID_OPTION`
 */
export function resolveQueueOptions(options: QueueOptions | undefined, report: Report): ResolvedQueueOptions {
  const checked = given<QueueOptions>(options, {});
  checkOptions(checked, 'QueueOptions', KNOWN_QUEUE_KEYS);
  const { ttlMs, onDeadLetter } = checked;
  const retryBackoff = checkFunction(
    given(checked.retryBackoff, exponentialBackoff({ initialMs: 1000, maximumMs: 60_000, jitterMs: 500 })),
    'retryBackoff',
  );
  return {
    window: checkInteger(given(checked.window, 32), 'window', 1, LARGEST_WINDOW),
    maximumSize: checkCount(given(checked.maximumSize, Number.POSITIVE_INFINITY), 'maximumSize', 1),
    overflow: checkOneOf(given(checked.overflow, 'dropNewest'), 'overflow', ['dropNewest', 'dropOldest']),
    ttlMs: ttlMs === undefined ? undefined : checkDuration(ttlMs, 'ttlMs', 1),
    onDeadLetter: onDeadLetter === undefined ? undefined : checkFunction(onDeadLetter, 'onDeadLetter'),
    isPermanent: orDefault(checkFunction(given(checked.isPermanent, isPermanent), 'isPermanent'), report),
    retryBackoff: guardedBackoff(retryBackoff, report),
    idempotencyKey: checkBoolean(given(checked.idempotencyKey, false), 'idempotencyKey'),
  };
}

/** A classifier that throws has not decided: the message is in the queue, and somebody has to. */
function orDefault(classify: (error: AnyMqttError) => boolean, report: Report): (error: AnyMqttError) => boolean {
  return (error) => {
    try {
      return classify(error);
    } catch (failure) {
      report('mqtt: isPermanent failed', failure);
      return isPermanent(error);
    }
  };
}

export type NewEntry = Omit<QueueEntry, 'sequence' | 'dead'>;

/**
 * The entry to store: checked as `publish` would check it, all bytes copied, lifetime as an instant.
 *
 * @throws MqttError `INVALID_TOPIC`, `INVALID_OPTION`, `FIELD_TOO_LONG`, `TOPIC_ALIAS_INVALID`, `QOS0_NOT_QUEUEABLE`; `delivery`
 * is "notSent"
 */
export function newEntry(
  topic: string,
  payload: Payload,
  options: QueuePublishOptions | undefined,
  settings: ResolvedQueueOptions,
  now: number,
): NewEntry {
  try {
    return checkedEntry(topic, payload, options, settings, now);
  } catch (error) {
    // Whatever is wrong with the arguments, nothing is in the queue.
    if (error instanceof MqttError) withDelivery(error, 'notSent');
    throw error;
  }
}

function checkedEntry(
  topic: string,
  payload: Payload,
  options: QueuePublishOptions | undefined,
  { ttlMs, idempotencyKey }: ResolvedQueueOptions,
  now: number,
): NewEntry {
  if (options !== undefined) checkOptions(options, 'QueuePublishOptions', KNOWN_KEYS);
  const { id: givenId, signal, ...publishOptions } = options ?? {};
  checkSignal(signal);
  const qos = checkedQoS(publishOptions.qos);
  const properties = resolvePublish(topic, payload, { ...publishOptions, qos });
  const id = givenId === undefined ? randomId() : checkedId(givenId);
  const { messageExpiryInterval, userProperties } = properties ?? {};
  const lifetimes = [ttlMs, messageExpiryInterval === undefined ? undefined : messageExpiryInterval * 1000];
  const lifetimeMs = Math.min(...lifetimes.map((lifetime) => lifetime ?? Number.POSITIVE_INFINITY));
  const pairs = userProperties ?? [];
  const identified = idempotencyKey && !pairs.some(([name]) => name === IDEMPOTENCY_PROPERTY);
  // An id of any length is a key of the queue, but not every one is a User Property.
  if (identified) checkString(id, 'id, which idempotencyKey makes a User Property,');
  return {
    id,
    topic,
    payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : new Uint8Array(payload),
    options: {
      ...properties,
      ...(identified && { userProperties: [...pairs, [IDEMPOTENCY_PROPERTY, id]] }),
      qos,
      ...(publishOptions.retain !== undefined && { retain: publishOptions.retain }),
    },
    enqueuedAt: now,
    expiresAt: lifetimeMs === Number.POSITIVE_INFINITY ? undefined : now + lifetimeMs,
  };
}

function checkedQoS(value: unknown): 1 | 2 {
  if (value === undefined || value === 1) return 1;
  if (value === 2) return 2;
  if (value === 0)
    throw mqttError('QOS0_NOT_QUEUEABLE', 'A queue promises more than QoS 0 can keep: qos must be 1 or 2');
  throw invalidOption(`qos must be 1 or 2, not ${shown(value)}`);
}

function checkedId(value: unknown): string {
  if (typeof value === 'string' && value !== '' && !/[\p{Surrogate}\0]/u.test(value)) return value;
  throw invalidOption(`id must be text that is not empty, without U+0000 and lone surrogates, not ${shown(value)}`);
}

const ID_BYTES = 16;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
// A look at the system's randomness costs more than the id: one for 128 of them.
const pool = new Uint8Array(ID_BYTES * 128);
let unused = 0;

/** 128 random bits in hex. */
function randomId(): string {
  if (unused === 0) {
    crypto.getRandomValues(pool);
    unused = pool.length;
  }
  let id = '';
  for (const end = unused - ID_BYTES; unused > end; ) {
    unused -= 1;
    id += HEX[pool[unused] ?? 0];
  }
  return id;
}
