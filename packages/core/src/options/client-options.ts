// SPDX-License-Identifier: Apache-2.0
//
// What a client is made with, checked once. Everything behind the constructor reads `ResolvedClientOptions`, where every
// field is there, in range, and ours alone.

import { encodedLength } from '@mqttv5/wire';
import type { UserProperties, Will } from '@mqttv5/wire';
import { resolveTlsOptions } from '#own-transport';

import type { Authenticator, ConnectContext, ConnectCredentials } from '../api/connect.ts';
import type { MaybePromise } from '../api/common.ts';
import type { Logger } from '../api/logger.ts';
import type { Backoff, ClientOptions, TlsOptions } from '../api/options.ts';
import type { SessionStore } from '../api/store.ts';
import type { Dial } from '../api/transport.ts';
import type { BrokerAddress } from '../broker-url.ts';
import { missingBroker, parseBrokers } from '../broker-url.ts';
import {
  checkBoolean,
  checkDuration,
  checkFunction,
  checkInteger,
  checkMethods,
  checkOptions,
  checkString,
  checkUserProperties,
  invalidOption,
  MAXIMUM_UINT16,
  MAXIMUM_UINT32,
  shown,
} from './check.ts';
import { connectPacket } from './connect-packet.ts';
import { checkPassword } from './credentials.ts';
import { DEFAULTS, POOL_DEFAULTS, SESSION_EXPIRY_INTERVAL_WITH_STORE } from './defaults.ts';
import { count, duration, integer, objectWith, oneOf, resolveOptions } from './rules.ts';
import type { Rules } from './rules.ts';
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

const KNOWN_POOL_KEYS = ['size', 'routing', 'clientId'];

/** What each option may be. The type makes it complete: an option more or less does not compile. */
const RULES: Rules<ClientOptions, ResolvedClientOptions & Record<keyof ClientOptions, unknown>> = {
  brokers: (brokers, _name, { dial }) => parseBrokers(brokers, dial !== undefined),
  dial: checkFunction,
  tls: resolveTlsOptions,
  // The empty identifier is the standard's way to ask for an assigned one (§3.1.3.1).
  clientId: (clientId, name) => (clientId === '' ? undefined : checkString(clientId, name)),
  username: checkString,
  password: resolvePassword,
  prepareConnect: checkFunction,
  authenticator: checkAuthenticator,
  cleanStart: checkBoolean,
  cleanStartOnReconnect: checkBoolean,
  sessionExpiryInterval: integer(0, MAXIMUM_UINT32),
  sessionLoss: oneOf('republish', 'fail'),
  store: objectWith('load', 'commit', 'close'),
  resumeWithoutState: checkBoolean,
  independentBrokers: checkBoolean,
  // 0 is a Protocol Error for both (§3.1.2.11.3, §3.1.2.11.4).
  receiveMaximum: integer(1, MAXIMUM_UINT16),
  maximumPacketSize: integer(1, MAXIMUM_UINT32),
  topicAliasMaximum: integer(0, MAXIMUM_UINT16),
  outboundTopicAliases: checkBoolean,
  requestResponseInformation: checkBoolean,
  requestProblemInformation: checkBoolean,
  userProperties: checkUserProperties,
  will: resolveWill,
  lenient: checkBoolean,
  keepAlive: checkKeepAlive,
  connectTimeoutMs: duration(1),
  pingTimeoutMs: duration(1),
  disconnectTimeoutMs: duration(0),
  ackStallMs: (value, name) => (value === Number.POSITIVE_INFINITY ? value : checkDuration(value, name, 1)),
  unmatchedHoldMs: duration(0),
  reconnect: checkReconnect,
  maximumReconnectAttempts: count(0),
  retryInitialConnect: checkBoolean,
  followServerRedirects: (value, name) => (typeof value === 'function' ? value : checkBoolean(value, name)),
  shouldReconnect: checkFunction,
  offlinePublish: oneOf('queue', 'reject'),
  maximumQueuedPublishes: integer(1, DEFAULTS.maximumQueuedPublishes),
  publishMode: oneOf('fireAndForget', 'waitForFlush'),
  writeHighWaterMark: integer(1, Number.MAX_SAFE_INTEGER),
  writeOverflow: oneOf('wait', 'dropNewest'),
  qosDowngrade: checkBoolean,
  publisherPool: (pool, _name, { clientId }) => resolvePool(pool, clientId),
  bufferSize: count(1),
  bufferBytes: count(1),
  overflow: oneOf('dropNewest', 'dropOldest', 'pause'),
  logger: objectWith('debug', 'info', 'warn', 'error'),
  stats: checkBoolean,
};
const KNOWN_KEYS = Object.keys(RULES);

/**
 * Checks `options` and fills in the defaults. Never changes `options`, nor keeps a reference to what it could be changed by.
 *
 * @throws MqttError `INVALID_OPTION`, `MISSING_BROKER`, `INVALID_BROKER_URL`, `INVALID_TOPIC`, `FIELD_TOO_LONG`
 */
export function resolveClientOptions(options: ClientOptions): ResolvedClientOptions {
  checkOptions(options, 'ClientOptions', KNOWN_KEYS);
  const given: unknown = options.brokers;
  if (given === undefined) throw missingBroker();
  const resolved = resolveOptions<ClientOptions, ResolvedClientOptions>(options, RULES, DEFAULTS);
  if (options.store !== undefined && options.sessionExpiryInterval === undefined) {
    resolved.sessionExpiryInterval = SESSION_EXPIRY_INTERVAL_WITH_STORE;
  }
  const { keepAlive, pingTimeoutMs } = resolved;
  if (pingTimeoutMs !== undefined && keepAlive > 0 && pingTimeoutMs >= keepAlive * 1000) {
    throw invalidOption(`pingTimeoutMs (${pingTimeoutMs}) must be below the keep alive of ${keepAlive} s`);
  }
  probeConnect(resolved);
  return Object.freeze(resolved);
}

/** As it was given, since `prepareConnect` is shown it; bytes are a copy. */
function resolvePassword(password: string | Uint8Array): string | Uint8Array {
  const bytes = checkPassword(password);
  return typeof password === 'string' ? password : bytes;
}

function checkAuthenticator(authenticator: Authenticator, name: string): Authenticator {
  checkMethods(authenticator, name, ['begin', 'continue']);
  if (checkString(authenticator.method, 'authenticator.method') === '')
    throw invalidOption('authenticator.method is empty');
  if (authenticator.verifyServerFinal !== undefined) checkMethods(authenticator, name, ['verifyServerFinal']);
  return authenticator;
}

function checkKeepAlive(keepAlive: number | false, name: string): number {
  if (keepAlive === false) return 0;
  // 0 would mean "none" on the wire (§3.1.2.10); whoever wants none has to say so.
  if (keepAlive === 0) throw invalidOption('keepAlive must not be 0; `false` asks for no keep alive');
  return checkInteger(keepAlive, name, 1, MAXIMUM_UINT16);
}

function checkReconnect(reconnect: Backoff | false): Backoff | false {
  if (reconnect === false || typeof reconnect === 'function') return reconnect;
  const wrong: unknown = reconnect;
  const hint = typeof wrong === 'number' ? `; did you mean constantBackoff(${wrong})?` : '';
  throw invalidOption(`reconnect must be a backoff function or false, not ${shown(wrong)}${hint}`);
}

function resolvePool(
  pool: NonNullable<ClientOptions['publisherPool']>,
  clientId: string | undefined,
): ResolvedPublisherPool {
  checkOptions(pool, 'publisherPool', KNOWN_POOL_KEYS);
  const { size, routing = POOL_DEFAULTS.routing, clientId: nameMember = poolClientId } = pool;
  if (pool.clientId === undefined && (clientId === undefined || clientId === '')) {
    throw invalidOption(
      'publisherPool needs its own `clientId` function when the broker assigns the identifier of the client',
    );
  }
  return Object.freeze({
    size: checkInteger(size, 'publisherPool.size', 1, MAXIMUM_UINT16),
    routing: oneOf('roundRobin', 'hashByTopic')(routing, 'publisherPool.routing'),
    clientId: checkFunction(nameMember, 'publisherPool.clientId'),
  });
}

function poolClientId(base: string, index: number): string {
  return `${base}-pub-${index}`;
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
