// SPDX-License-Identifier: Apache-2.0
//
// What a client is made with, checked once. Everything behind the constructor reads `ResolvedClientOptions`, where every
// field is there, in range, and ours alone.

import { encodedLength } from '@mqttv5/wire';
import type { UserProperties, Will } from '@mqttv5/wire';

import type { Authenticator, ConnectContext, ConnectCredentials } from '../api/connect.ts';
import type { MaybePromise } from '../api/common.ts';
import type { Logger } from '../api/logger.ts';
import type { Backoff, ClientOptions, TlsOptions } from '../api/options.ts';
import type { SessionStore } from '../api/store.ts';
import type { Dial } from '../api/transport.ts';
import { exponentialBackoff } from '../backoff.ts';
import type { BrokerAddress } from '../broker-url.ts';
import { parseBrokers } from '../broker-url.ts';
import {
  checkBoolean,
  checkCount,
  checkDuration,
  checkFunction,
  checkInteger,
  checkKnownKeys,
  checkMethods,
  checkObject,
  checkOneOf,
  checkString,
  checkUserProperties,
  given,
  invalidOption,
  MAXIMUM_UINT16,
  MAXIMUM_UINT32,
  shown,
} from './check.ts';
import { connectPacket } from './connect-packet.ts';
import { checkPassword } from './credentials.ts';
import {
  DEFAULTS,
  MAXIMUM_RECONNECT_ATTEMPTS,
  SESSION_EXPIRY_INTERVAL,
  SESSION_EXPIRY_INTERVAL_WITH_STORE,
} from './defaults.ts';
import { resolveTlsOptions } from './tls-options.ts';
import { resolveWill } from './will.ts';

export type ShouldReconnect = NonNullable<ClientOptions['shouldReconnect']>;
export type PrepareConnect = (
  connect: ConnectCredentials,
  context: ConnectContext,
) => MaybePromise<Partial<ConnectCredentials> | void>;

/** `ClientOptions` with every default filled in. Frozen, and independent of the object the user passed. */
export interface ResolvedClientOptions {
  readonly brokers: readonly BrokerAddress[];
  readonly dial: Dial | undefined;
  readonly tls: TlsOptions | undefined;
  /** undefined: the broker assigns one. */
  readonly clientId: string | undefined;
  readonly username: string | undefined;
  /** As it was given, since `prepareConnect` is shown it; bytes are a copy. */
  readonly password: string | Uint8Array | undefined;
  readonly prepareConnect: PrepareConnect | undefined;
  readonly authenticator: Authenticator | undefined;
  /** undefined: true, or false when there is local session state. */
  readonly cleanStart: boolean | undefined;
  readonly cleanStartOnReconnect: boolean;
  /** Seconds. */
  readonly sessionExpiryInterval: number;
  readonly sessionLoss: 'republish' | 'fail';
  /** undefined: the state lives in memory only. */
  readonly store: SessionStore | undefined;
  readonly resumeWithoutState: boolean;
  readonly independentBrokers: boolean;
  readonly receiveMaximum: number;
  /** undefined: none announced. */
  readonly maximumPacketSize: number | undefined;
  readonly topicAliasMaximum: number;
  readonly outboundTopicAliases: boolean;
  readonly requestResponseInformation: boolean;
  readonly requestProblemInformation: boolean;
  readonly userProperties: UserProperties;
  readonly will: Will | undefined;
  readonly lenient: boolean;
  /** Seconds; 0: none. */
  readonly keepAlive: number;
  readonly connectTimeoutMs: number;
  /** undefined: the smaller of 10 s and half the keep alive in force, which only the connection knows. */
  readonly pingTimeoutMs: number | undefined;
  readonly disconnectTimeoutMs: number;
  /** May be Infinity. */
  readonly ackStallMs: number;
  readonly unmatchedHoldMs: number;
  readonly reconnect: Backoff | false;
  /** May be Infinity. */
  readonly maximumReconnectAttempts: number;
  readonly retryInitialConnect: boolean;
  readonly followServerRedirects: boolean | ((target: URL, from: URL) => boolean);
  readonly shouldReconnect: ShouldReconnect;
  readonly offlinePublish: 'queue' | 'reject';
  readonly maximumQueuedPublishes: number;
  readonly publishMode: 'fireAndForget' | 'waitForFlush';
  /** Bytes. */
  readonly writeHighWaterMark: number;
  readonly writeOverflow: 'wait' | 'dropNewest';
  readonly qosDowngrade: boolean;
  readonly publisherPool: ResolvedPublisherPool | undefined;
  /** Messages; may be Infinity. */
  readonly bufferSize: number;
  /** Bytes; may be Infinity. */
  readonly bufferBytes: number;
  readonly overflow: 'dropNewest' | 'dropOldest' | 'pause';
  readonly logger: Logger | undefined;
  readonly stats: boolean;
}

export interface ResolvedPublisherPool {
  readonly size: number;
  readonly routing: 'roundRobin' | 'hashByTopic';
  /** Name of the member with this index, 1 to `size`. */
  readonly clientId: (base: string, index: number) => string;
}

/** Every key of `ClientOptions`. The type makes it complete: a key more or less does not compile. */
const CLIENT_KEYS: Readonly<Record<keyof ClientOptions, true>> = {
  brokers: true,
  dial: true,
  tls: true,
  clientId: true,
  username: true,
  password: true,
  prepareConnect: true,
  authenticator: true,
  cleanStart: true,
  cleanStartOnReconnect: true,
  sessionExpiryInterval: true,
  sessionLoss: true,
  store: true,
  resumeWithoutState: true,
  independentBrokers: true,
  receiveMaximum: true,
  maximumPacketSize: true,
  topicAliasMaximum: true,
  outboundTopicAliases: true,
  requestResponseInformation: true,
  requestProblemInformation: true,
  userProperties: true,
  will: true,
  lenient: true,
  keepAlive: true,
  connectTimeoutMs: true,
  pingTimeoutMs: true,
  disconnectTimeoutMs: true,
  ackStallMs: true,
  unmatchedHoldMs: true,
  reconnect: true,
  maximumReconnectAttempts: true,
  retryInitialConnect: true,
  followServerRedirects: true,
  shouldReconnect: true,
  offlinePublish: true,
  maximumQueuedPublishes: true,
  publishMode: true,
  writeHighWaterMark: true,
  writeOverflow: true,
  qosDowngrade: true,
  publisherPool: true,
  bufferSize: true,
  bufferBytes: true,
  overflow: true,
  logger: true,
  stats: true,
};
const KNOWN_CLIENT_KEYS: ReadonlySet<string> = new Set(Object.keys(CLIENT_KEYS));
const KNOWN_POOL_KEYS: ReadonlySet<string> = new Set(['size', 'routing', 'clientId']);

/** Session taken over: reconnecting evicts the other client in turn. Unsupported Protocol Version: no attempt can succeed. */
const FINAL_REASON_CODES: ReadonlySet<number | undefined> = new Set([0x8e, 0x84]);

/** It keeps no state: one for all clients. */
const DEFAULT_BACKOFF: Backoff = exponentialBackoff();

/**
 * Checks `options` and fills in the defaults. Never changes `options`, nor keeps a reference to what it could be changed by.
 *
 * @throws MqttError `INVALID_OPTION`, `MISSING_BROKER`, `INVALID_BROKER_URL`, `INVALID_TOPIC`, `FIELD_TOO_LONG`
 */
export function resolveClientOptions(options: ClientOptions): ResolvedClientOptions {
  checkObject(options, 'ClientOptions');
  checkKnownKeys(options, KNOWN_CLIENT_KEYS, 'ClientOptions');
  const identity = resolveIdentity(options);
  const resolved: ResolvedClientOptions = Object.freeze({
    ...identity,
    ...resolveSession(options),
    ...resolveTimes(options),
    ...resolveReconnect(options),
    ...resolvePublishing(options, identity.clientId),
    ...resolveBuffer(options),
    logger: options.logger === undefined ? undefined : checkMethods(options.logger, 'logger', LOGGER_METHODS),
    stats: flag(options, 'stats'),
  });
  probeConnect(resolved);
  return resolved;
}

const LOGGER_METHODS = ['debug', 'info', 'warn', 'error'] as const;
const STORE_METHODS = ['load', 'commit', 'close'] as const;
const AUTHENTICATOR_METHODS = ['begin', 'continue'] as const;

function resolveIdentity(options: ClientOptions) {
  const { dial, clientId, username, password, prepareConnect, authenticator } = options;
  return {
    brokers: parseBrokers(options.brokers, dial !== undefined),
    dial: dial === undefined ? undefined : checkFunction(dial, 'dial'),
    tls: options.tls === undefined ? undefined : resolveTlsOptions(options.tls),
    // The empty identifier is the standard's way to ask for an assigned one (§3.1.3.1).
    clientId: clientId === undefined || clientId === '' ? undefined : checkString(clientId, 'clientId'),
    username: username === undefined ? undefined : checkString(username, 'username'),
    password: resolvePassword(password),
    prepareConnect: prepareConnect === undefined ? undefined : checkFunction(prepareConnect, 'prepareConnect'),
    authenticator: authenticator === undefined ? undefined : checkAuthenticator(authenticator),
    userProperties: checkUserProperties(given(options.userProperties, []), 'userProperties'),
    will: options.will === undefined ? undefined : resolveWill(options.will),
  };
}

function resolvePassword(password: string | Uint8Array | undefined): string | Uint8Array | undefined {
  if (password === undefined) return undefined;
  const bytes = checkPassword(password);
  return typeof password === 'string' ? password : bytes;
}

function checkAuthenticator(authenticator: Authenticator): Authenticator {
  checkMethods(authenticator, 'authenticator', AUTHENTICATOR_METHODS);
  if (checkString(authenticator.method, 'authenticator.method') === '')
    throw invalidOption('authenticator.method is empty');
  if (authenticator.verifyServerFinal !== undefined) {
    checkMethods(authenticator, 'authenticator', ['verifyServerFinal']);
  }
  return authenticator;
}

function resolveSession(options: ClientOptions) {
  const { store, cleanStart, maximumPacketSize } = options;
  const expiry = store === undefined ? SESSION_EXPIRY_INTERVAL : SESSION_EXPIRY_INTERVAL_WITH_STORE;
  return {
    cleanStart: cleanStart === undefined ? undefined : checkBoolean(cleanStart, 'cleanStart'),
    cleanStartOnReconnect: flag(options, 'cleanStartOnReconnect'),
    sessionExpiryInterval: checkInteger(
      given(options.sessionExpiryInterval, expiry),
      'sessionExpiryInterval',
      0,
      MAXIMUM_UINT32,
    ),
    sessionLoss: checkOneOf(given(options.sessionLoss, DEFAULTS.sessionLoss), 'sessionLoss', ['republish', 'fail']),
    store: store === undefined ? undefined : checkMethods(store, 'store', STORE_METHODS),
    resumeWithoutState: flag(options, 'resumeWithoutState'),
    independentBrokers: flag(options, 'independentBrokers'),
    // 0 is a Protocol Error for both (§3.1.2.11.3, §3.1.2.11.4).
    receiveMaximum: checkInteger(
      given(options.receiveMaximum, DEFAULTS.receiveMaximum),
      'receiveMaximum',
      1,
      MAXIMUM_UINT16,
    ),
    maximumPacketSize:
      maximumPacketSize === undefined
        ? undefined
        : checkInteger(maximumPacketSize, 'maximumPacketSize', 1, MAXIMUM_UINT32),
    topicAliasMaximum: checkInteger(
      given(options.topicAliasMaximum, DEFAULTS.topicAliasMaximum),
      'topicAliasMaximum',
      0,
      MAXIMUM_UINT16,
    ),
    outboundTopicAliases: flag(options, 'outboundTopicAliases'),
    requestResponseInformation: flag(options, 'requestResponseInformation'),
    requestProblemInformation: flag(options, 'requestProblemInformation'),
    lenient: flag(options, 'lenient'),
  };
}

function resolveTimes(options: ClientOptions) {
  const keepAlive = resolveKeepAlive(options.keepAlive);
  const { pingTimeoutMs } = options;
  if (pingTimeoutMs !== undefined) {
    checkDuration(pingTimeoutMs, 'pingTimeoutMs', 1);
    if (keepAlive > 0 && pingTimeoutMs >= keepAlive * 1000) {
      throw invalidOption(`pingTimeoutMs (${pingTimeoutMs}) must be below the keep alive of ${keepAlive} s`);
    }
  }
  return {
    keepAlive,
    connectTimeoutMs: checkDuration(given(options.connectTimeoutMs, DEFAULTS.connectTimeoutMs), 'connectTimeoutMs', 1),
    pingTimeoutMs,
    disconnectTimeoutMs: checkDuration(
      given(options.disconnectTimeoutMs, DEFAULTS.disconnectTimeoutMs),
      'disconnectTimeoutMs',
      0,
    ),
    ackStallMs:
      options.ackStallMs === Number.POSITIVE_INFINITY
        ? Number.POSITIVE_INFINITY
        : checkDuration(given(options.ackStallMs, DEFAULTS.ackStallMs), 'ackStallMs', 1),
    unmatchedHoldMs: checkDuration(given(options.unmatchedHoldMs, DEFAULTS.unmatchedHoldMs), 'unmatchedHoldMs', 0),
  };
}

function resolveKeepAlive(keepAlive: number | false | undefined): number {
  if (keepAlive === false) return 0;
  // 0 would mean "none" on the wire (§3.1.2.10); whoever wants none has to say so.
  if (keepAlive === 0) throw invalidOption('keepAlive must not be 0; `false` asks for no keep alive');
  return checkInteger(given(keepAlive, DEFAULTS.keepAlive), 'keepAlive', 1, MAXIMUM_UINT16);
}

function resolveReconnect(options: ClientOptions) {
  const { reconnect, followServerRedirects, shouldReconnect } = options;
  return {
    reconnect: reconnect === undefined ? DEFAULT_BACKOFF : checkReconnect(reconnect),
    maximumReconnectAttempts: checkCount(
      given(options.maximumReconnectAttempts, MAXIMUM_RECONNECT_ATTEMPTS),
      'maximumReconnectAttempts',
      0,
    ),
    retryInitialConnect: flag(options, 'retryInitialConnect'),
    followServerRedirects:
      typeof followServerRedirects === 'function' ? followServerRedirects : flag(options, 'followServerRedirects'),
    shouldReconnect:
      shouldReconnect === undefined ? reconnectByDefault : checkFunction(shouldReconnect, 'shouldReconnect'),
  };
}

function checkReconnect(reconnect: Backoff | false): Backoff | false {
  if (reconnect === false || typeof reconnect === 'function') return reconnect;
  const wrong: unknown = reconnect;
  const hint = typeof wrong === 'number' ? `; did you mean constantBackoff(${wrong})?` : '';
  throw invalidOption(`reconnect must be a backoff function or false, not ${shown(wrong)}${hint}`);
}

function reconnectByDefault(failure: Parameters<ShouldReconnect>[0]): boolean {
  return !FINAL_REASON_CODES.has(failure.reasonCode);
}

function resolvePublishing(options: ClientOptions, clientId: string | undefined) {
  const { publisherPool } = options;
  return {
    offlinePublish: checkOneOf(given(options.offlinePublish, DEFAULTS.offlinePublish), 'offlinePublish', [
      'queue',
      'reject',
    ]),
    maximumQueuedPublishes: checkInteger(
      given(options.maximumQueuedPublishes, DEFAULTS.maximumQueuedPublishes),
      'maximumQueuedPublishes',
      1,
      DEFAULTS.maximumQueuedPublishes,
    ),
    publishMode: checkOneOf(given(options.publishMode, DEFAULTS.publishMode), 'publishMode', [
      'fireAndForget',
      'waitForFlush',
    ]),
    writeHighWaterMark: checkInteger(
      given(options.writeHighWaterMark, DEFAULTS.writeHighWaterMark),
      'writeHighWaterMark',
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    writeOverflow: checkOneOf(given(options.writeOverflow, DEFAULTS.writeOverflow), 'writeOverflow', [
      'wait',
      'dropNewest',
    ]),
    qosDowngrade: flag(options, 'qosDowngrade'),
    publisherPool: publisherPool === undefined ? undefined : resolvePool(publisherPool, clientId),
  };
}

function resolvePool(
  pool: NonNullable<ClientOptions['publisherPool']>,
  clientId: string | undefined,
): ResolvedPublisherPool {
  checkObject(pool, 'publisherPool');
  checkKnownKeys(pool, KNOWN_POOL_KEYS, 'publisherPool');
  if (pool.clientId === undefined && clientId === undefined) {
    throw invalidOption(
      'publisherPool needs its own `clientId` function when the broker assigns the identifier of the client',
    );
  }
  return Object.freeze({
    size: checkInteger(pool.size, 'publisherPool.size', 1, MAXIMUM_UINT16),
    routing: checkOneOf(given(pool.routing, DEFAULTS.poolRouting), 'publisherPool.routing', [
      'roundRobin',
      'hashByTopic',
    ]),
    clientId: pool.clientId === undefined ? poolClientId : checkFunction(pool.clientId, 'publisherPool.clientId'),
  });
}

function poolClientId(base: string, index: number): string {
  return `${base}-pub-${index}`;
}

function resolveBuffer(options: ClientOptions) {
  return {
    bufferSize: checkCount(given(options.bufferSize, DEFAULTS.bufferSize), 'bufferSize', 1),
    bufferBytes: checkCount(given(options.bufferBytes, DEFAULTS.bufferBytes), 'bufferBytes', 1),
    overflow: checkOneOf(given(options.overflow, DEFAULTS.overflow), 'overflow', ['dropNewest', 'dropOldest', 'pause']),
  };
}

type Flag = {
  [K in keyof typeof DEFAULTS]: (typeof DEFAULTS)[K] extends boolean
    ? K extends keyof ClientOptions
      ? K
      : never
    : never;
}[keyof typeof DEFAULTS];

function flag(options: ClientOptions, name: Flag): boolean {
  return checkBoolean(given(options[name], DEFAULTS[name]), name);
}

/**
 * The CONNECT that these options make, sized once, so that what no attempt could ever encode is refused where it was
 * written. The identifier, name and data that only an attempt knows were checked or are checked then.
 */
function probeConnect(options: ResolvedClientOptions): void {
  const { clientId = '', username, userProperties, authenticator } = options;
  const probe = connectPacket(options, {
    clientId,
    cleanStart: true,
    username,
    // Checked, and too short to matter.
    password: undefined,
    userProperties,
    authenticationMethod: authenticator?.method,
    authenticationData: undefined,
  });
  try {
    encodedLength(probe);
  } catch (cause) {
    throw invalidOption('These options make a CONNECT that cannot be encoded', cause);
  }
}
