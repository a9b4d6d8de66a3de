// SPDX-License-Identifier: Apache-2.0

import { isValidTopicFilter } from '@mqttv5/wire';
import type { QoS, RetainHandling, UserProperties } from '@mqttv5/wire';
import { utf8Length } from '@mqttv5/wire/client-side';

import type { CallbackOptions, FilterOptions, Filters, Message, SubscribeOptions } from '../api/receive.ts';
import { mqttError } from '../errors.ts';
import type { PlainMqttError } from '../errors.ts';
import {
  checkBoolean,
  checkFunction,
  checkObject,
  checkOptions,
  checkSignal,
  checkUserProperties,
  fieldTooLong,
  given,
  invalidOption,
  MAXIMUM_FIELD_BYTES,
  shown,
} from './check.ts';
import { FILTER_DEFAULTS, SUBSCRIPTION_DEFAULTS } from './defaults.ts';
import { count, oneOf, resolveOptions } from './rules.ts';
import type { Rules } from './rules.ts';

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

/** What is decided for each filter. */
type FilterSettings = Omit<ResolvedFilter, 'filter'>;

const FILTER_RULES: Rules<FilterOptions, FilterSettings> = {
  qos: oneOf(0, 1, 2),
  noLocal: checkBoolean,
  retainAsPublished: checkBoolean,
  retainHandling: oneOf(0, 1, 2),
};
const STREAM_RULES: Rules<SubscribeOptions, Omit<ResolvedSubscribeOptions, keyof typeof HANDLER_RULES>> = {
  bufferSize: count(1),
  bufferBytes: count(1),
  overflow: oneOf('dropNewest', 'dropOldest', 'pause'),
  ack: oneOf('auto', 'manual', 'onReceipt'),
  onDrop: checkFunction,
  userProperties: checkUserProperties,
  signal: checkSignal,
};
const HANDLER_RULES = {
  concurrency: count(1),
  onHandlerError: oneOf('refuse', 'hold'),
};
const RULES: Rules<CallbackOptions, ResolvedSubscribeOptions> = { ...STREAM_RULES, ...HANDLER_RULES };

const FILTER_KEYS = ['filter', ...Object.keys(FILTER_RULES)];
/** What a topic template, or a copy of one with options of its own, has beside its filter. */
const TEMPLATE_KEYS = [...FILTER_KEYS, 'pattern', 'format', 'match'];
const STREAM_KEYS = [...Object.keys(FILTER_RULES), ...Object.keys(STREAM_RULES)];
/** `handler` is how `declare` takes one. */
const CALLBACK_KEYS = [...STREAM_KEYS, ...Object.keys(HANDLER_RULES), 'handler'];

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
  if (shape === 'callback') checkOptions(values, 'CallbackOptions', CALLBACK_KEYS);
  else checkStreamOptions(values);
  const { bufferSize, bufferBytes, overflow } = defaults;
  return Object.freeze(
    resolveOptions<CallbackOptions, ResolvedSubscribeOptions>(values, RULES, {
      ...SUBSCRIPTION_DEFAULTS,
      bufferSize,
      bufferBytes,
      overflow,
    }),
  );
}

/** The handler of a callback subscription. @throws MqttError `INVALID_OPTION` */
export function checkHandler<H>(handler: H): H {
  return checkFunction(handler, 'handler');
}

function checkStreamOptions(options: CallbackOptions): void {
  checkObject(options, 'SubscribeOptions');
  for (const key in options) {
    if (Object.hasOwn(HANDLER_RULES, key)) {
      throw invalidOption(`${key} is for subscriptions with a handler: a stream has none`);
    }
  }
  checkOptions(options, 'SubscribeOptions', STREAM_KEYS);
}

function normalizeFilter(entry: unknown, callOptions: FilterSettings): ResolvedFilter {
  if (typeof entry === 'string') return finishFilter(entry, callOptions);
  if (typeof entry !== 'object' || entry === null || !('filter' in entry)) {
    throw invalidTopic(`A topic filter must be a string or an object with \`filter\`, not ${shown(entry)}`);
  }
  const isTemplate = 'match' in entry && typeof entry.match === 'function';
  checkOptions(entry, 'TopicFilter', isTemplate ? TEMPLATE_KEYS : FILTER_KEYS);
  if (typeof entry.filter !== 'string') throw invalidTopic(`filter must be a string, not ${shown(entry.filter)}`);
  // Each of its fields is checked there.
  return finishFilter(entry.filter, resolveFilterOptions(entry as FilterOptions, callOptions, shown(entry.filter)));
}

function finishFilter(filter: string, options: FilterSettings): ResolvedFilter {
  const bytes = utf8Length(filter);
  if (bytes > MAXIMUM_FIELD_BYTES) throw fieldTooLong('The topic filter', bytes);
  if (bytes < 0 || !isValidTopicFilter(filter))
    throw invalidTopic(`${shown(filter)} is not a Topic Filter${whyNot(filter)}`);
  if (options.noLocal && filter.startsWith('$share/')) {
    throw invalidOption(`noLocal is not allowed on the shared subscription ${shown(filter)}`);
  }
  return Object.freeze({ ...options, filter });
}

function resolveFilterOptions(options: FilterOptions, defaults: FilterSettings, of: string): FilterSettings {
  return resolveOptions<FilterOptions, FilterSettings>(options, FILTER_RULES, defaults, (key) => `${key} of ${of}`);
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
