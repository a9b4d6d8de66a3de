// SPDX-License-Identifier: Apache-2.0
import { inspect } from 'node:util';
import type { Logger } from '@mqttv5/core';
import type { ConnackProperties, QoS } from '@mqttv5/wire';
import { systemClock } from '../clock.ts';
import type { BrokerClock } from '../clock.ts';
import { assertKnownKeys, invalidOption } from '../errors.ts';
import type { BrokerAuthMethod, BrokerOptions, Intercept } from './api.ts';
import { assertLegal } from './legal.ts';

/** The checked options of a broker, defaults filled in. */
export interface Settings {
  readonly authenticate: BrokerOptions['authenticate'];
  readonly authorize: BrokerOptions['authorize'];
  readonly redirect: BrokerOptions['redirect'];
  readonly authMethods: ReadonlyMap<string, BrokerAuthMethod>;
  readonly intercept: Intercept | undefined;
  readonly logger: Logger | undefined;
  readonly clock: BrokerClock;
  readonly connack: ConnackProperties;
  readonly limits: Limits;
  readonly connectTimeoutMs: number;
  readonly maximumQueuedMessages: number;
  readonly maximumUnsentBytes: number;
}

/** What a client may do here (§3.2.2.3): absent in CONNACK means the widest. */
export interface Limits {
  readonly receiveMaximum: number;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  readonly maximumPacketSize: number | undefined;
  readonly topicAliasMaximum: number;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly subscriptionIdentifierAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
}

/** Aliases a client may use unless `connackProperties` says otherwise: enough for a fleet of topics, bounded all the same. */
const defaultTopicAliasMaximum = 1024;

const optionNames: readonly (keyof BrokerOptions)[] = [
  'host',
  'port',
  'webSocketPort',
  'tls',
  'logger',
  'authenticate',
  'authorize',
  'enhancedAuth',
  'connackProperties',
  'redirect',
  'intercept',
  'connectTimeoutMs',
  'maximumQueuedMessages',
  'maximumUnsentBytes',
  'clock',
];

/** Range of each integer in `connackProperties`, from §3.2.2.3. */
const connackRanges: Readonly<Partial<Record<keyof ConnackProperties, readonly [least: number, most: number]>>> = {
  sessionExpiryInterval: [0, 0xffff_ffff],
  receiveMaximum: [1, 0xffff],
  maximumQoS: [0, 1],
  maximumPacketSize: [1, 0xffff_ffff],
  topicAliasMaximum: [0, 0xffff],
  serverKeepAlive: [0, 0xffff],
};
const connackFlags: readonly (keyof ConnackProperties)[] = [
  'retainAvailable',
  'wildcardSubscriptionAvailable',
  'subscriptionIdentifierAvailable',
  'sharedSubscriptionAvailable',
];
const connackStrings: readonly (keyof ConnackProperties)[] = [
  'assignedClientIdentifier',
  'reasonString',
  'responseInformation',
  'serverReference',
];

/** @throws TestingError `INVALID_OPTION` */
export function resolveSettings(options: BrokerOptions): Settings {
  assertKnownKeys('startBroker', options, optionNames);
  for (const name of ['authenticate', 'authorize', 'redirect', 'intercept'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw invalidOption(`${name} has to be a function, not ${typeof options[name]}`);
    }
  }
  if (options.host !== undefined && typeof options.host !== 'string') {
    throw invalidOption(`host has to be a string, not ${typeof options.host}`);
  }
  assertInteger('port', options.port, 0, 0xffff);
  assertInteger('webSocketPort', options.webSocketPort, 0, 0xffff);
  assertInteger('connectTimeoutMs', options.connectTimeoutMs, 1, 2 ** 31 - 1);
  assertInteger('maximumQueuedMessages', options.maximumQueuedMessages, 0, Number.MAX_SAFE_INTEGER);
  assertInteger('maximumUnsentBytes', options.maximumUnsentBytes, 0, Number.MAX_SAFE_INTEGER);
  const announced = checkConnack(options.connackProperties ?? {});
  const connack = { topicAliasMaximum: defaultTopicAliasMaximum, ...announced };
  assertLegal('connackProperties', { type: 'connack', sessionPresent: false, reasonCode: 0, properties: connack });
  return {
    authenticate: options.authenticate,
    authorize: options.authorize,
    redirect: options.redirect,
    authMethods: checkAuthMethods(options.enhancedAuth ?? {}),
    intercept: options.intercept,
    logger: options.logger,
    clock: options.clock ?? systemClock,
    connack,
    limits: limitsOf(connack),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    maximumQueuedMessages: options.maximumQueuedMessages ?? 1_000_000,
    maximumUnsentBytes: options.maximumUnsentBytes ?? 64 * 1024 * 1024,
  };
}

function limitsOf(connack: ConnackProperties): Limits {
  return {
    receiveMaximum: connack.receiveMaximum ?? 0xffff,
    maximumQoS: connack.maximumQoS ?? 2,
    retainAvailable: connack.retainAvailable ?? true,
    maximumPacketSize: connack.maximumPacketSize,
    topicAliasMaximum: connack.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: connack.wildcardSubscriptionAvailable ?? true,
    subscriptionIdentifierAvailable: connack.subscriptionIdentifierAvailable ?? true,
    sharedSubscriptionAvailable: connack.sharedSubscriptionAvailable ?? true,
  };
}

function checkConnack(properties: ConnackProperties): ConnackProperties {
  const known = [...Object.keys(connackRanges), ...connackFlags, ...connackStrings, 'userProperties'];
  assertKnownKeys('connackProperties', properties, known);
  for (const [name, value] of Object.entries(properties)) {
    const subject = `connackProperties.${name}`;
    const range = connackRanges[name as keyof ConnackProperties]; // `name` is known, see above
    if (value === undefined) continue;
    if (range !== undefined) assertInteger(subject, value, range[0], range[1]);
    else if (name === 'userProperties') assertPairs(subject, value);
    else {
      const type = connackFlags.some((flag) => flag === name) ? 'boolean' : 'string';
      if (typeof value !== type) throw invalidOption(`${subject} has to be a ${type}, not ${typeof value}`);
    }
  }
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}

function checkAuthMethods(methods: Readonly<Record<string, object>>): ReadonlyMap<string, BrokerAuthMethod> {
  const checked = new Map<string, BrokerAuthMethod>();
  for (const [name, method] of Object.entries(methods)) {
    if (!isAuthMethod(method)) throw invalidOption(`enhancedAuth.${name} has to have the functions begin and continue`);
    checked.set(name, method);
  }
  return checked;
}

function isAuthMethod(method: object): method is BrokerAuthMethod {
  return (
    'begin' in method &&
    typeof method.begin === 'function' &&
    'continue' in method &&
    typeof method.continue === 'function'
  );
}

function assertInteger(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw invalidOption(`${name} has to be an integer from ${least} to ${most}, not ${inspect(value)}`);
  }
}

function assertPairs(name: string, value: unknown): void {
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string');
  if (!Array.isArray(value) || !value.every(isPair)) {
    throw invalidOption(`${name} has to be a list of pairs of strings`);
  }
}
