// SPDX-License-Identifier: Apache-2.0
//
// What a publish may carry. On the hot path: a publish without options costs the topic check and nothing else, and none
// allocates for options that are absent.

import { isValidTopicName } from '@mqttv5/wire';
import type { PublishProperties } from '@mqttv5/wire';
import { isBytes, utf8Length } from '@mqttv5/wire/client-side';

import type { Payload } from '../api/common.ts';
import type { PublishOptions } from '../api/publish.ts';
import { MqttError, mqttError, withDelivery } from '../errors.ts';
import {
  checkBinary,
  checkBoolean,
  checkInteger,
  checkObject,
  checkOneOf,
  checkSignal,
  checkString,
  checkTopicField,
  checkUserProperties,
  fieldTooLong,
  invalidOption,
  MAXIMUM_FIELD_BYTES,
  MAXIMUM_UINT16,
  MAXIMUM_UINT32,
  shown,
  unknownKey,
} from './check.ts';
import { TopicCache } from './topic-cache.ts';

const PUBLISH_KEYS: Readonly<Record<keyof PublishOptions, true>> = {
  qos: true,
  retain: true,
  topicAlias: true,
  messageExpiryInterval: true,
  contentType: true,
  payloadFormatIndicator: true,
  responseTopic: true,
  correlationData: true,
  userProperties: true,
  signal: true,
};

/** Every key of `PublishOptions`, for those who extend them. */
export const KNOWN_PUBLISH_KEYS: readonly string[] = Object.keys(PUBLISH_KEYS);

// Pure memory of pure answers: shared by all clients of the process without coupling them.
const validTopics = new TopicCache();

/**
 * Checks everything about a publish and gives the properties as PUBLISH carries them; undefined when there are none.
 * `topicAlias` is among them when it was asked for. Binary fields and pairs are copied, the payload is not.
 *
 * @throws MqttError `INVALID_TOPIC`, `INVALID_OPTION`, `FIELD_TOO_LONG`, `TOPIC_ALIAS_INVALID`; `delivery` is "notSent"
 * @see MQTT v5.0 §3.3.2
 */
export function resolvePublish(
  topic: string,
  payload: Payload,
  options: PublishOptions | undefined,
): PublishProperties | undefined {
  try {
    if (!validTopics.has(topic)) checkTopic(topic);
    if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) checkPayload(payload);
    return options === undefined ? undefined : resolvePublishOptions(options);
  } catch (error) {
    // Whatever is wrong with the arguments, nothing has left.
    if (error instanceof MqttError) withDelivery(error, 'notSent');
    throw error;
  }
}

function resolvePublishOptions(options: PublishOptions): PublishProperties | undefined {
  checkObject(options, 'PublishOptions');
  let properties: PublishProperties | undefined;
  // The keys that are there, not the keys there could be: most publishes set one or two, and these three make no property.
  for (const key in options) {
    switch (key) {
      case 'qos':
        checkQos(options.qos);
        break;
      case 'retain':
        if (options.retain !== undefined) checkBoolean(options.retain, key);
        break;
      case 'signal':
        checkSignal(options.signal);
        break;
      default:
        properties = withProperty(properties, options, key);
    }
  }
  return properties;
}

/**
 * @throws MqttError `INVALID_TOPIC`, `FIELD_TOO_LONG`
 * @see MQTT v5.0 §4.7, §3.3.2.1
 */
function checkTopic(topic: string): void {
  const value: unknown = topic;
  if (typeof value !== 'string') throw mqttError('INVALID_TOPIC', `A topic must be a string, not ${shown(value)}`);
  const bytes = utf8Length(value);
  if (bytes > MAXIMUM_FIELD_BYTES) throw fieldTooLong('The topic', bytes);
  if (bytes < 0) throw mqttError('INVALID_TOPIC', `Topic ${shown(value)} has U+0000 or a lone surrogate`);
  if (!isValidTopicName(value)) {
    throw mqttError(
      'INVALID_TOPIC',
      value === ''
        ? 'The topic is empty'
        : `Topic ${shown(value)} has a wildcard: + and # are for filters, not for topics`,
    );
  }
  validTopics.add(value);
}

/** @throws MqttError `INVALID_OPTION` */
function checkPayload(payload: Payload): void {
  const value: unknown = payload;
  if (typeof value === 'string' || isBytes(value)) return;
  const hint =
    value instanceof ArrayBuffer
      ? '; wrap it: new Uint8Array(buffer)'
      : typeof value === 'object' && value !== null
        ? '; JSON.stringify() it, or use Typed with a codec'
        : '';
  throw invalidOption(`The payload must be a string or a Uint8Array, not ${shown(value)}${hint}`);
}

function checkQos(qos: unknown): void {
  if (qos !== 0 && qos !== 1 && qos !== 2 && qos !== undefined) checkOneOf(qos, 'qos', [0, 1, 2]);
}

function withProperty(
  given: PublishProperties | undefined,
  options: PublishOptions,
  key: string,
): PublishProperties | undefined {
  if (!isPropertyKey(key)) throw unknownKey(key, KNOWN_PUBLISH_KEYS, 'PublishOptions');
  if (options[key] === undefined) return given;
  const properties = given ?? {};
  switch (key) {
    case 'topicAlias':
      properties.topicAlias = checkTopicAlias(options);
      break;
    case 'messageExpiryInterval':
      properties.messageExpiryInterval = checkInteger(options.messageExpiryInterval, key, 0, MAXIMUM_UINT32);
      break;
    case 'contentType':
      properties.contentType = checkString(options.contentType, key);
      break;
    case 'payloadFormatIndicator':
      properties.payloadFormatIndicator = checkOneOf(options.payloadFormatIndicator, key, [0, 1]);
      break;
    case 'responseTopic':
      properties.responseTopic = checkTopicField(options.responseTopic, key);
      break;
    case 'correlationData':
      properties.correlationData = checkBinary(options.correlationData, key);
      break;
    case 'userProperties':
      properties.userProperties = checkUserProperties(options.userProperties, key);
      break;
  }
  return properties;
}

type PropertyOption = Exclude<keyof PublishOptions, 'qos' | 'retain' | 'signal'>;

function isPropertyKey(key: string): key is PropertyOption {
  return Object.hasOwn(PUBLISH_KEYS, key);
}

/** What the broker allows shows at the connection; 0 and above two bytes never work (§3.3.2.3.4). */
function checkTopicAlias(options: PublishOptions): number {
  const alias: unknown = options.topicAlias;
  if (typeof alias !== 'number' || !Number.isInteger(alias) || alias < 1 || alias > MAXIMUM_UINT16) {
    throw mqttError(
      'TOPIC_ALIAS_INVALID',
      `topicAlias must be an integer from 1 to ${MAXIMUM_UINT16}, not ${shown(alias)}`,
    );
  }
  if (options.qos === 1 || options.qos === 2) {
    // A resent packet may not rely on an alias of an earlier connection (§3.3.2.3.4), and these may be resent.
    throw mqttError('TOPIC_ALIAS_INVALID', `topicAlias is for QoS 0, not for QoS ${options.qos}`);
  }
  return alias;
}
