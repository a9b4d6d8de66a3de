// SPDX-License-Identifier: Apache-2.0

import type { QoS } from '@mqttv5/wire';
import type { AnyMqttError } from '../errors.ts';
import type { Brokers, MaybePromise, MessageOptions, Payload, UserPropertiesInit, WaitOptions } from './common.ts';
import type { Authenticator, ConnectContext, ConnectCredentials } from './connect.ts';
import type { Logger } from './logger.ts';
import type { SessionStore } from './store.ts';
import type { Dial } from './transport.ts';

export interface ClientOptions {
  brokers: Brokers;
  dial?: Dial | undefined;
  tls?: TlsOptions | undefined;
  clientId?: string | undefined;
  username?: string | undefined;
  password?: string | Uint8Array | undefined;
  /** Change `connect` or return what to merge over it; for this CONNECT only. A throw fails that attempt only. */
  prepareConnect?:
    | ((connect: ConnectCredentials, context: ConnectContext) => MaybePromise<Partial<ConnectCredentials> | void>)
    | undefined;
  authenticator?: Authenticator | undefined;
  cleanStart?: boolean | undefined;
  cleanStartOnReconnect?: boolean | undefined;
  sessionExpiryInterval?: number | undefined;
  sessionLoss?: 'republish' | 'fail' | undefined;
  store?: SessionStore | undefined;
  resumeWithoutState?: boolean | undefined;
  independentBrokers?: boolean | undefined;
  receiveMaximum?: number | undefined;
  maximumPacketSize?: number | undefined;
  topicAliasMaximum?: number | undefined;
  outboundTopicAliases?: boolean | undefined;
  requestResponseInformation?: boolean | undefined;
  requestProblemInformation?: boolean | undefined;
  userProperties?: UserPropertiesInit | undefined;
  will?: WillOptions | undefined;
  lenient?: boolean | undefined;
  keepAlive?: number | false | undefined;
  connectTimeoutMs?: number | undefined;
  pingTimeoutMs?: number | undefined;
  disconnectTimeoutMs?: number | undefined;
  ackStallMs?: number | undefined;
  unmatchedHoldMs?: number | undefined;
  reconnect?: Backoff | false | undefined;
  maximumReconnectAttempts?: number | undefined;
  retryInitialConnect?: boolean | undefined;
  followServerRedirects?: boolean | ((target: URL, from: URL) => boolean) | undefined;
  shouldReconnect?:
    | ((failure: {
        readonly error: AnyMqttError;
        readonly reasonCode: number | undefined;
        readonly attempt: number;
      }) => boolean)
    | undefined;
  offlinePublish?: 'queue' | 'reject' | undefined;
  maximumQueuedPublishes?: number | undefined;
  publishMode?: 'fireAndForget' | 'waitForFlush' | undefined;
  writeHighWaterMark?: number | undefined;
  writeOverflow?: 'wait' | 'dropNewest' | undefined;
  qosDowngrade?: boolean | undefined;
  publisherPool?:
    | {
        size: number;
        routing?: 'roundRobin' | 'hashByTopic' | undefined;
        clientId?: ((base: string, index: number) => string) | undefined;
      }
    | undefined;
  bufferSize?: number | undefined;
  bufferBytes?: number | undefined;
  overflow?: 'dropNewest' | 'dropOldest' | 'pause' | undefined;
  logger?: Logger | undefined;
  stats?: boolean | undefined;
}

export interface WillOptions extends MessageOptions {
  topic: string;
  payload?: Payload | undefined;
  qos?: QoS | undefined;
  retain?: boolean | undefined;
  willDelayInterval?: number | undefined;
}

/** Structural, so no Node type reaches a browser; what `node:tls` users keep in an options object fits. */
export interface TlsOptions {
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  cert?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  key?: string | Uint8Array | undefined;
  pfx?: string | Uint8Array | undefined;
  passphrase?: string | undefined;
  servername?: string | undefined;
  alpnProtocols?: readonly string[] | undefined;
  minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  ciphers?: string | undefined;
  rejectUnauthorized?: boolean | undefined;
}

/** Delay in ms before attempt n (1, 2, …). */
export type Backoff = (attempt: number) => number;

export interface DisconnectOptions extends WaitOptions {
  reasonCode?: number | undefined;
  reasonString?: string | undefined;
  sessionExpiryInterval?: number | undefined;
  userProperties?: UserPropertiesInit | undefined;
  /** Delivers nothing more and waits that long for open publishes, running handlers and messages in hand, then disconnects. [0] */
  drainTimeoutMs?: number | undefined;
}
