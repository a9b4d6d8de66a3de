// SPDX-License-Identifier: Apache-2.0

import type { QoS } from '@mqttv5/wire';

import type { AnyMqttError } from '../errors.ts';
import type { Brokers, MaybePromise, MessageOptions, Payload, UserPropertiesInit, WaitOptions } from './common.ts';
import type { Authenticator, ConnectContext, ConnectCredentials } from './connect.ts';
import type { Logger } from './logger.ts';
import type { SessionStore } from './store.ts';
import type { Dial } from './transport.ts';

/**
 * What a client is made with. Checked by the constructor, never changed by it; an unknown key is refused with the name that was
 * probably meant. Fields of MQTT have the standard's name and unit (seconds); our own durations end in `Ms`.
 *
 * @throws MqttError from the constructor: `INVALID_OPTION`, `MISSING_BROKER`, `INVALID_BROKER_URL`, `INVALID_TOPIC` (will),
 * `FIELD_TOO_LONG`
 */
export interface ClientOptions {
  // Broker and transport -------------------------------------------------------------------------------------------------

  /**
   * One broker, or several that stand in for each other: `mqtt`/`tcp` (port 1883), `mqtts`/`ssl`/`tls` (8883),
   * `mqtt+unix:/path/to/socket`; `ws`/`wss` need {@link ClientOptions.dial}. The client is connected to one at a time and stays
   * with the one that answered. User name and password in a URL are used when none are given here; percent-encode them.
   *
   * @throws MqttError `MISSING_BROKER`, `INVALID_BROKER_URL`
   */
  brokers: Brokers;
  /**
   * Opens connections in place of TCP and TLS: `webSocketDial()` of `@mqttv5/transport-ws`, a proxy, a test. Decides which schemes
   * exist.
   * @defaultValue TCP, TLS and Unix sockets of the runtime
   */
  dial?: Dial | undefined;
  /** TLS settings for the schemes that use it. @defaultValue the system's root certificates, verified */
  tls?: TlsOptions | undefined;

  // Identity -------------------------------------------------------------------------------------------------------------

  /**
   * Client Identifier. Two clients with the same one push each other off the broker.
   * @defaultValue assigned by the broker, then kept
   * @see MQTT v5.0 §3.1.3.1
   */
  clientId?: string | undefined;
  /** @see MQTT v5.0 §3.1.3.5 */
  username?: string | undefined;
  /** Text is sent as UTF-8. Allowed without a user name. @see MQTT v5.0 §3.1.3.6 */
  password?: string | Uint8Array | undefined;
  /**
   * Called before every CONNECT, for credentials that change: alter `connect`, or return what to merge over it. It holds for this
   * CONNECT only and has until `connectTimeoutMs` is over. A throw fails that attempt only, with `PREPARE_CONNECT_FAILED`.
   */
  prepareConnect?:
    | ((connect: ConnectCredentials, context: ConnectContext) => MaybePromise<Partial<ConnectCredentials> | void>)
    | undefined;
  /** Enhanced authentication, also for `reauthenticate()`; see `scramAuthenticator`. @see MQTT v5.0 §4.12 */
  authenticator?: Authenticator | undefined;

  // Session --------------------------------------------------------------------------------------------------------------

  /**
   * Whether the first CONNECT asks the broker to forget the session. An explicit `true` holds until one CONNECT succeeded; what
   * the store still has is then given up by `sessionLoss`. An explicit `false` without local state can end in
   * `SESSION_STATE_MISSING`, see `resumeWithoutState`.
   * @defaultValue true, or false when there is local session state
   * @see MQTT v5.0 §3.1.2.4
   */
  cleanStart?: boolean | undefined;
  /** Whether every later CONNECT does so too. @defaultValue false */
  cleanStartOnReconnect?: boolean | undefined;
  /**
   * How long the broker keeps the session once the connection is gone. 0 ends it with the connection, 0xFFFFFFFF never.
   * Unit: seconds.
   * @defaultValue 300; 604 800 (a week) when `store` is given
   * @see MQTT v5.0 §3.1.2.11.2
   */
  sessionExpiryInterval?: number | undefined;
  /**
   * What becomes of unfinished QoS 1 and 2 messages when the broker has lost the session. `"republish"` sends them as new ones,
   * which can duplicate one that was past PUBREC; `"fail"` rejects them with `SESSION_LOST`, which can lose one.
   * @defaultValue "republish"
   */
  sessionLoss?: 'republish' | 'fail' | undefined;
  /**
   * Keeps session state where it survives the process, such as `SqliteSessionStore`. The client never closes it.
   * @defaultValue memory, for the life of the client object
   */
  store?: SessionStore | undefined;
  /**
   * Goes on when the broker has a session and this client has no state of it, as if that state were empty. A QoS 2 message that
   * the lost state knew may then be delivered twice, and answers to what it had sent are ignored.
   * @defaultValue false: `connect()` rejects with `SESSION_STATE_MISSING`
   * @see MQTT v5.0 §3.2.2.1.1
   */
  resumeWithoutState?: boolean | undefined;
  /** The brokers do not share sessions: the first contact with each starts clean. @defaultValue false */
  independentBrokers?: boolean | undefined;
  /**
   * QoS 1 and 2 messages the broker may have open towards this client: the memory it may fill, and how far a slow consumer
   * lets it run ahead. 1 to 65,535.
   * @defaultValue 1024
   * @see MQTT v5.0 §3.1.2.11.3
   */
  receiveMaximum?: number | undefined;
  /**
   * Largest packet this client accepts; a larger one ends the connection with 0x95 before its body is read. Unit: bytes, from 1.
   * @defaultValue none announced
   * @see MQTT v5.0 §3.1.2.11.4
   */
  maximumPacketSize?: number | undefined;
  /** Topic aliases the broker may use. 0 to 65,535. @defaultValue 0 @see MQTT v5.0 §3.1.2.11.5 */
  topicAliasMaximum?: number | undefined;
  /** Gives topics of QoS 0 publishes an alias by itself, as far as the broker allows. @defaultValue false */
  outboundTopicAliases?: boolean | undefined;
  /** Asks for Response Information, which `request` then uses. @defaultValue false @see MQTT v5.0 §3.1.2.11.6 */
  requestResponseInformation?: boolean | undefined;
  /** Lets the broker explain failures by Reason String and User Properties. @defaultValue true @see MQTT v5.0 §3.1.2.11.7 */
  requestProblemInformation?: boolean | undefined;
  /** User Properties of CONNECT. @defaultValue none @see MQTT v5.0 §3.1.2.11.8 */
  userProperties?: UserPropertiesInit | undefined;
  /** What the broker publishes when this client is gone without a normal DISCONNECT. @see MQTT v5.0 §3.1.2.5 */
  will?: WillOptions | undefined;
  /**
   * Tolerates the two violations brokers commit harmlessly: a Remaining Length that is longer than it needs to be, and reserved
   * PINGRESP flags.
   * @defaultValue false
   */
  lenient?: boolean | undefined;

  // Time -----------------------------------------------------------------------------------------------------------------

  /**
   * Longest silence before the client sends PINGREQ. A Server Keep Alive replaces it for that connection. Unit: seconds, 1 to
   * 65,535; `false` asks for none.
   * @defaultValue 30
   * @see MQTT v5.0 §3.1.2.10, §3.2.2.3.14
   */
  keepAlive?: number | false | undefined;
  /** For one attempt, from `prepareConnect` to CONNACK. Then: `CONNECT_TIMEOUT`. Unit: milliseconds. @defaultValue 10 000 */
  connectTimeoutMs?: number | undefined;
  /**
   * How long nothing may arrive after a PINGREQ before the connection is given up with `PING_TIMEOUT`. Below the keep alive; where
   * the broker sets a shorter one, never above that. Unit: milliseconds.
   * @defaultValue the smaller of 10 000 and half the keep alive
   */
  pingTimeoutMs?: number | undefined;
  /** How long `disconnect()` waits for DISCONNECT to leave. Unit: milliseconds. @defaultValue 500 */
  disconnectTimeoutMs?: number | undefined;
  /**
   * How long one unacknowledged message may hold back others before `ackStalled` tells. Unit: milliseconds; `Infinity` never tells.
   * @defaultValue 30 000
   */
  ackStallMs?: number | undefined;
  /**
   * How long a message of a resumed session waits for its subscription to be made again. Then it is acknowledged and `unmatched`
   * tells. Unit: milliseconds.
   * @defaultValue 10 000
   */
  unmatchedHoldMs?: number | undefined;

  // Reconnect ------------------------------------------------------------------------------------------------------------

  /**
   * Delay before each attempt to reconnect; `false` never reconnects. It starts over only after a connection has outlived the delay
   * before it. When it throws or gives no delay, 30 s apply.
   * @defaultValue `exponentialBackoff({ initialMs: 1000, maximumMs: 30_000, jitterMs: 200 })`
   */
  reconnect?: Backoff | false | undefined;
  /** Failed attempts in a row before the client stops, with `close` and the last error. @defaultValue no limit */
  maximumReconnectAttempts?: number | undefined;
  /** `connect()` goes on trying like a reconnect instead of rejecting when every broker has failed once. @defaultValue false */
  retryInitialConnect?: boolean | undefined;
  /**
   * Whether to go where the broker points (0x9C, 0x9D): a function decides for each target. Credentials go there too. Never
   * followed: to plain text from TLS, to another kind of transport, with user info. A function that throws has said no.
   * @defaultValue false: only reported
   * @see MQTT v5.0 §4.11
   */
  followServerRedirects?: boolean | ((target: URL, from: URL) => boolean) | undefined;
  /**
   * Whether to go on after this failure. When it throws: no.
   * @defaultValue false for 0x8E (Session taken over) and 0x84 (Unsupported Protocol Version), true for everything else
   */
  shouldReconnect?:
    | ((failure: {
        readonly error: AnyMqttError;
        readonly reasonCode: number | undefined;
        readonly attempt: number;
      }) => boolean)
    | undefined;

  // Publishing -----------------------------------------------------------------------------------------------------------

  /**
   * What happens to QoS 1 and 2 publishes made while not connected: sent afterwards, or rejected with `NOT_CONNECTED`. QoS 0
   * always rejects.
   * @defaultValue "queue"
   */
  offlinePublish?: 'queue' | 'reject' | undefined;
  /**
   * Bound of accepted and unfinished QoS 1 and 2 publishes, connected or not; beyond it `PUBLISH_QUEUE_FULL`. 1 to 65,000.
   * @defaultValue 65 000
   */
  maximumQueuedPublishes?: number | undefined;
  /** When a QoS 0 publish resolves: once handed over, or once the transport has taken the bytes. @defaultValue "fireAndForget" */
  publishMode?: 'fireAndForget' | 'waitForFlush' | undefined;
  /** Unsent bytes above which QoS 0 has to wait (`writeOverflow`), and resends with it. Unit: bytes. @defaultValue 1 MiB */
  writeHighWaterMark?: number | undefined;
  /** What QoS 0 does then: wait for room, or reject with `WRITE_QUEUE_FULL`. @defaultValue "wait" */
  writeOverflow?: 'wait' | 'dropNewest' | undefined;
  /**
   * Sends at the broker's Maximum QoS what asks for more, instead of rejecting with `QOS_NOT_SUPPORTED`.
   * @defaultValue false
   * @see MQTT v5.0 §3.2.2.3.4
   */
  qosDowngrade?: boolean | undefined;
  /**
   * Connections of their own for publishing, where one is not enough. `size`: 1 to 65,535. `routing` "hashByTopic" keeps the order
   * within a topic. `clientId` names members, `index` from 1; it is needed when the broker assigns the identifier of the client.
   * What none of them can send goes over the main connection and is counted.
   * @defaultValue none; routing "roundRobin", identifiers `<id>-pub-<n>`
   */
  publisherPool?:
    | {
        size: number;
        routing?: 'roundRobin' | 'hashByTopic' | undefined;
        clientId?: ((base: string, index: number) => string) | undefined;
      }
    | undefined;

  // Subscriptions, where one does not say otherwise ------------------------------------------------------------------------

  /**
   * Messages a subscription holds for its consumer that the broker no longer waits for: QoS 0, and any QoS under `ack: "onReceipt"`.
   * What awaits its acknowledgement is bounded by `receiveMaximum` instead. `Infinity`: no bound.
   * @defaultValue 65 536
   */
  bufferSize?: number | undefined;
  /** The same by payload, whichever is reached first. Unit: bytes; `Infinity`: no bound. @defaultValue 64 MiB */
  bufferBytes?: number | undefined;
  /**
   * What a full buffer does. `"dropOldest"` may also evict QoS 1 and 2, which it acknowledges. `"pause"` stops reading the
   * connection, for every subscription, until the buffer is half empty. Every drop is counted and reported.
   * @defaultValue "dropNewest"
   */
  overflow?: 'dropNewest' | 'dropOldest' | 'pause' | undefined;

  // Observing ------------------------------------------------------------------------------------------------------------

  /** Where the client says what it does; `console` fits. Never gets a payload, a password, or a URL's user info. @defaultValue none */
  logger?: Logger | undefined;
  /** Counts, for `stats()`. Off it costs nothing and `stats()` is all zero. @defaultValue false */
  stats?: boolean | undefined;
}

/**
 * The message the broker publishes for a client that is gone.
 *
 * @throws MqttError from the constructor: `INVALID_TOPIC`, `INVALID_OPTION`, `FIELD_TOO_LONG`
 * @see MQTT v5.0 §3.1.2.5, §3.1.3.2
 */
export interface WillOptions extends MessageOptions {
  /** Without wildcards. */
  topic: string;
  /** At most 65,535 bytes, unlike the payload of a PUBLISH. @defaultValue empty */
  payload?: Payload | undefined;
  /** @defaultValue 0 */
  qos?: QoS | undefined;
  /** @defaultValue false */
  retain?: boolean | undefined;
  /**
   * Time to come back before the will is sent; the end of the session sends it at once. Unit: seconds.
   * @defaultValue 0
   * @see MQTT v5.0 §3.1.3.2.2
   */
  willDelayInterval?: number | undefined;
}

/**
 * Structural, so no Node type reaches a browser; what `node:tls` users keep in an options object fits. An unknown key is refused,
 * since ignoring it might be unsafe.
 */
export interface TlsOptions {
  /** Certificate authorities to trust in place of the system's, as PEM. */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** The client's own certificate, as PEM, with the chain behind it. */
  cert?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** The private key of `cert`, as PEM. */
  key?: string | Uint8Array | undefined;
  /** Certificate and key in one, as PKCS #12. */
  pfx?: string | Uint8Array | undefined;
  /** Opens `key` or `pfx`. */
  passphrase?: string | undefined;
  /** The name the broker's certificate has to carry. @defaultValue the host of the broker's URL */
  servername?: string | undefined;
  /** Application protocols to offer, such as `["mqtt"]`, or `["http/1.1"]` for `wss:`. @defaultValue none */
  alpnProtocols?: readonly string[] | undefined;
  /** @defaultValue the runtime's, TLSv1.2 in Node */
  minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** Cipher suites, as OpenSSL writes them. @defaultValue the runtime's */
  ciphers?: string | undefined;
  /** `false` accepts any certificate, and with it anybody between client and broker. @defaultValue true */
  rejectUnauthorized?: boolean | undefined;
}

/**
 * Delay in ms before attempt n (1, 2, …).
 *
 * @see exponentialBackoff, constantBackoff
 */
export type Backoff = (attempt: number) => number;

/**
 * How `disconnect()` ends the connection.
 *
 * @throws MqttError from `disconnect`: `INVALID_OPTION`, `FIELD_TOO_LONG`; `INVALID_SESSION_EXPIRY` when CONNECT asked for a
 * session that ends with its connection and `sessionExpiryInterval` is not 0
 * @see MQTT v5.0 §3.14
 */
export interface DisconnectOptions extends WaitOptions {
  /** One a client may send; 0x04 has the will sent. @defaultValue 0x00 */
  reasonCode?: number | undefined;
  /** For the broker's log; left out when the packet would be too large. */
  reasonString?: string | undefined;
  /** Replaces the interval of CONNECT; 0 ends the session now. Unit: seconds. */
  sessionExpiryInterval?: number | undefined;
  /** User Properties of DISCONNECT; left out when the packet would be too large. @see MQTT v5.0 §3.14.2.2.4 */
  userProperties?: UserPropertiesInit | undefined;
  /**
   * Delivers nothing more and waits that long for open publishes, running handlers and messages in hand, then disconnects. Inside a
   * loop or handler do not await it: it waits for you. Unit: milliseconds.
   * @defaultValue 0
   */
  drainTimeoutMs?: number | undefined;
}
