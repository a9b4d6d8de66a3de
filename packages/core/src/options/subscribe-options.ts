// SPDX-License-Identifier: Apache-2.0

import { isValidTopicFilter } from '@mqttv5/wire';
import type { QoS, RetainHandling, UserProperties } from '@mqttv5/wire';

import type { CallbackOptions, FilterOptions, Filters, Message, SubscribeOptions } from '../api/receive.ts';
import { mqttError } from '../errors.ts';
import type { PlainMqttError } from '../errors.ts';
import {
  checkBoolean,
  checkCount,
  checkFunction,
  checkKnownKeys,
  checkObject,
  checkOneOf,
  checkSignal,
  checkUserProperties,
  fieldTooLong,
  given,
  invalidOption,
  MAXIMUM_FIELD_BYTES,
  shown,
  utf8Length,
} from './check.ts';
import { FILTER_DEFAULTS, SUBSCRIPTION_DEFAULTS } from './defaults.ts';

/** A `TopicFilter` with every option decided. Frozen. */
export interface ResolvedFilter {
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
}

/** `CallbackOptions` with every default filled in. Frozen. */
export interface ResolvedSubscribeOptions {
  /** Messages; may be Infinity. */
  readonly bufferSize: number;
  /** Bytes of payload; may be Infinity. */
  readonly bufferBytes: number;
  readonly overflow: 'dropNewest' | 'dropOldest' | 'pause';
  readonly ack: 'auto' | 'manual' | 'onReceipt';
  readonly onDrop: ((message: Message) => void) | undefined;
  readonly userProperties: UserProperties;
  readonly signal: AbortSignal | undefined;
  /** Handlers at once; 1 for a stream, where it means nothing. May be Infinity. */
  readonly concurrency: number;
  readonly onHandlerError: 'refuse' | 'hold';
}

/** What the client's options say for every subscription. */
export interface BufferDefaults {
  readonly bufferSize: number;
  readonly bufferBytes: number;
  readonly overflow: 'dropNewest' | 'dropOldest' | 'pause';
}

const FILTER_OPTION_KEYS: readonly (keyof FilterOptions)[] = ['qos', 'noLocal', 'retainAsPublished', 'retainHandling'];
const KNOWN_FILTER_KEYS: ReadonlySet<string> = new Set(['filter', ...FILTER_OPTION_KEYS]);
/** What a topic template, or a copy of one with options of its own, has beside its filter. */
const KNOWN_TEMPLATE_KEYS: ReadonlySet<string> = new Set([...KNOWN_FILTER_KEYS, 'pattern', 'format', 'match']);

const STREAM_KEYS: Readonly<Record<keyof SubscribeOptions, true>> = {
  qos: true,
  noLocal: true,
  retainAsPublished: true,
  retainHandling: true,
  bufferSize: true,
  bufferBytes: true,
  overflow: true,
  ack: true,
  onDrop: true,
  userProperties: true,
  signal: true,
};
const CALLBACK_KEYS: Readonly<Record<keyof CallbackOptions, true>> = {
  ...STREAM_KEYS,
  concurrency: true,
  onHandlerError: true,
};
const KNOWN_STREAM_KEYS: ReadonlySet<string> = new Set(Object.keys(STREAM_KEYS));
/** `handler` is how `declare` takes one. */
const KNOWN_CALLBACK_KEYS: ReadonlySet<string> = new Set([...Object.keys(CALLBACK_KEYS), 'handler']);

/**
 * The filters of one call, each with all its options: its own, else those of the call, else the defaults.
 *
 * A filter that stands there twice is one filter: the last one wins, as the newest options do between calls.
 *
 * @throws MqttError `INVALID_TOPIC` for what is not a Topic Filter (§4.7) or a call without any [MQTT-3.8.3-2];
 * `FIELD_TOO_LONG`; `INVALID_OPTION`, also for No Local on a shared subscription [MQTT-3.8.3-4]
 */
export function normalizeFilters(filters: Filters, defaults: FilterOptions = {}): readonly ResolvedFilter[] {
  const list: unknown = filters;
  const entries: readonly unknown[] = Array.isArray(list) ? list : [list];
  if (entries.length === 0) throw mqttError('INVALID_TOPIC', 'No topic filter: a subscription needs at least one');
  checkObject(defaults, 'SubscribeOptions');
  const callOptions = resolveFilterOptions(defaults, FILTER_DEFAULTS, 'the options');
  const resolved = new Map<string, ResolvedFilter>();
  for (const entry of entries) {
    const each = normalizeFilter(entry, callOptions);
    resolved.delete(each.filter);
    resolved.set(each.filter, each);
  }
  return Object.freeze([...resolved.values()]);
}

/**
 * The options of one subscription, without those of its filters.
 *
 * @param shape - A stream has no handler, so `concurrency` and `onHandlerError` are unknown to it.
 * @throws MqttError `INVALID_OPTION`, `FIELD_TOO_LONG`
 */
export function resolveSubscribeOptions(
  options: CallbackOptions | undefined,
  defaults: BufferDefaults,
  shape: 'stream' | 'callback',
): ResolvedSubscribeOptions {
  const values = given<CallbackOptions>(options, {});
  checkObject(values, 'SubscribeOptions');
  if (shape === 'callback') checkKnownKeys(values, KNOWN_CALLBACK_KEYS, 'CallbackOptions');
  else checkStreamKeys(values);
  return Object.freeze({
    bufferSize: checkCount(given(values.bufferSize, defaults.bufferSize), 'bufferSize', 1),
    bufferBytes: checkCount(given(values.bufferBytes, defaults.bufferBytes), 'bufferBytes', 1),
    overflow: checkOneOf(given(values.overflow, defaults.overflow), 'overflow', ['dropNewest', 'dropOldest', 'pause']),
    ack: checkOneOf(given(values.ack, SUBSCRIPTION_DEFAULTS.ack), 'ack', ['auto', 'manual', 'onReceipt']),
    onDrop: values.onDrop === undefined ? undefined : checkFunction(values.onDrop, 'onDrop'),
    userProperties: checkUserProperties(given(values.userProperties, []), 'userProperties'),
    signal: checkSignal(values.signal),
    concurrency: checkCount(given(values.concurrency, SUBSCRIPTION_DEFAULTS.concurrency), 'concurrency', 1),
    onHandlerError: checkOneOf(given(values.onHandlerError, SUBSCRIPTION_DEFAULTS.onHandlerError), 'onHandlerError', [
      'refuse',
      'hold',
    ]),
  });
}

/** The handler of a callback subscription. @throws MqttError `INVALID_OPTION` */
export function checkHandler<H>(handler: H): H {
  return checkFunction(handler, 'handler');
}

function checkStreamKeys(options: CallbackOptions): void {
  for (const key in options) {
    if (Object.hasOwn(CALLBACK_KEYS, key) && !KNOWN_STREAM_KEYS.has(key)) {
      throw invalidOption(`${key} is for subscriptions with a handler: a stream has none`);
    }
  }
  checkKnownKeys(options, KNOWN_STREAM_KEYS, 'SubscribeOptions');
}

function normalizeFilter(entry: unknown, callOptions: Omit<ResolvedFilter, 'filter'>): ResolvedFilter {
  if (typeof entry === 'string') return finishFilter(entry, callOptions);
  if (typeof entry !== 'object' || entry === null || !('filter' in entry)) {
    throw invalidTopic(`A topic filter must be a string or an object with \`filter\`, not ${shown(entry)}`);
  }
  const isTemplate = 'match' in entry && typeof entry.match === 'function';
  checkKnownKeys(entry, isTemplate ? KNOWN_TEMPLATE_KEYS : KNOWN_FILTER_KEYS, 'TopicFilter');
  if (typeof entry.filter !== 'string') throw invalidTopic(`filter must be a string, not ${shown(entry.filter)}`);
  // Each of its fields is checked there.
  return finishFilter(entry.filter, resolveFilterOptions(entry as FilterOptions, callOptions, shown(entry.filter)));
}

function finishFilter(filter: string, options: Omit<ResolvedFilter, 'filter'>): ResolvedFilter {
  const bytes = utf8Length(filter);
  if (bytes > MAXIMUM_FIELD_BYTES) throw fieldTooLong('The topic filter', bytes);
  if (bytes < 0 || !isValidTopicFilter(filter))
    throw invalidTopic(`${shown(filter)} is not a Topic Filter${whyNot(filter)}`);
  if (options.noLocal && filter.startsWith('$share/')) {
    throw invalidOption(`noLocal is not allowed on the shared subscription ${shown(filter)}`);
  }
  return Object.freeze({ ...options, filter });
}

function resolveFilterOptions(
  options: FilterOptions,
  defaults: Omit<ResolvedFilter, 'filter'>,
  of: string,
): Omit<ResolvedFilter, 'filter'> {
  return {
    qos: checkOneOf(given(options.qos, defaults.qos), `qos of ${of}`, [0, 1, 2]),
    noLocal: checkBoolean(given(options.noLocal, defaults.noLocal), `noLocal of ${of}`),
    retainAsPublished: checkBoolean(
      given(options.retainAsPublished, defaults.retainAsPublished),
      `retainAsPublished of ${of}`,
    ),
    retainHandling: checkOneOf(
      given(options.retainHandling, defaults.retainHandling),
      `retainHandling of ${of}`,
      [0, 1, 2],
    ),
  };
}

function whyNot(filter: string): string {
  if (filter === '') return ': it is empty';
  if (filter.startsWith('$share'))
    return ': a shared subscription is $share/name/filter, without wildcards in its name';
  if (filter.includes('#')) return ': # stands alone in the last level, as in "a/#"';
  if (filter.includes('+')) return ': + stands alone in its level, as in "a/+/b"';
  return '';
}

function invalidTopic(message: string): PlainMqttError {
  return mqttError('INVALID_TOPIC', message);
}
