// SPDX-License-Identifier: Apache-2.0

import type { Brokers, MaybePromise, Payload, WaitOptions } from './api/common.ts';
import type { ClientState, ConnackInfo } from './api/connect.ts';
import type { ClientEvents } from './api/events.ts';
import type { ClientOptions, DisconnectOptions } from './api/options.ts';
import type { PublishOptions, PublishResult, RequestOptions, ResponseBody } from './api/publish.ts';
import type { PubSub } from './api/pubsub.ts';
import type {
  CallbackOptions,
  Filters,
  Message,
  MessageHandler,
  SubscribeOptions,
  Subscription,
  SubscriptionHandle,
} from './api/receive.ts';
import type { ClientStats } from './api/stats.ts';
import { parseBrokers } from './broker-url.ts';
import { ClientParts } from './client-parts.ts';
import { mqttError, unavailable } from './errors.ts';
import { checkFunction, invalidOption } from './options/check.ts';
import { checkHandler, normalizeFilters, resolveSubscribeOptions } from './options/subscribe-options.ts';
import { resolveWaitOptions } from './options/wait-options.ts';
import { Requests, respond } from './request-response.ts';
import type { EventHub } from './supervisor/event-hub.ts';
import type { Producers } from './supervisor/producers.ts';
import { type Environment, systemEnvironment } from './supervisor/environment.ts';
import { orAborted } from './abort.ts';

/** The way of a publisher queue into a client. Named in docs/architecture.md, not exported from the package. @internal */
export let producersOf: (client: Client) => {
  readonly producers: Pick<Producers, 'claim' | 'clock' | 'open'>;
  readonly events: Pick<EventHub, 'report'>;
};

/** Every event there is: a misspelt name must not be a listener that never hears anything. */
const EVENTS: Readonly<Record<keyof ClientEvents, true>> = {
  stateChange: true,
  connect: true,
  disconnect: true,
  connectError: true,
  reconnecting: true,
  serverDisconnect: true,
  serverRedirect: true,
  subscribeError: true,
  reauthenticated: true,
  storeError: true,
  drop: true,
  unmatched: true,
  handlerError: true,
  ackStalled: true,
  publishSettled: true,
  close: true,
};

/**
 * An MQTT v5.0 client: one session, kept over as many Network Connections as it takes.
 *
 * The constructor validates and does no I/O; `connect()` connects and from then on the client reconnects by itself. QoS 1 and 2
 * messages belong to the session and survive lost connections (with a `store`, lost processes too). Every promise it gives out
 * settles, at the latest with `disconnect()`.
 *
 * @example
 * ```ts
 * const client = new Client({ brokers: 'mqtt://localhost' });
 * await client.connect();
 * await client.publish('greetings', 'hello', { qos: 1 });
 * await client.disconnect();
 * ```
 */
export class Client implements PubSub, AsyncDisposable {
  readonly #parts: ClientParts;
  /** Made with the first request. */
  #requests: Requests | undefined;

  static {
    producersOf = (client) => client.#parts;
  }

  /**
   * @throws MqttError `MISSING_BROKER`, `INVALID_BROKER_URL`, `INVALID_OPTION` (also for a key there is not), `INVALID_TOPIC` and
   * `FIELD_TOO_LONG` for the will
   */
  constructor(options: ClientOptions);
  /** @internal */
  constructor(options: ClientOptions, environment: Environment | undefined);
  constructor(options: ClientOptions, environment: Environment = systemEnvironment) {
    this.#parts = new ClientParts(options, environment, (own, shared) => new Client(own, shared));
  }

  /**
   * Connects: tries each broker once and resolves at the first CONNACK of 0x00. With `retryInitialConnect` it goes on trying.
   * Later losses are the client's own business. During `disconnect()` it waits for that first.
   *
   * @param options - `signal` ends the handshake at once; the client is idle again.
   * @throws MqttError `ALREADY_CONNECTED`; the last attempt's error, with those of all brokers in `errors`:
   * `DIAL_FAILED`, `CONNECT_TIMEOUT`, `CONNECT_REFUSED`, `AUTH_FAILED`, `PREPARE_CONNECT_FAILED`, `CONNECTION_LOST`, `PROTOCOL_ERROR`;
   * `SESSION_STATE_MISSING`; `STORE_FAILED`; `CLOSED` when `disconnect()` is called meanwhile
   * @see MQTT v5.0 §3.1, §3.2
   */
  async connect(options?: WaitOptions): Promise<ConnackInfo> {
    return this.#parts.supervisor.connect(resolveWaitOptions(options));
  }

  /**
   * Resolves with the connection there is, or with the next one.
   *
   * @throws MqttError `NOT_CONNECTED` before `connect()`, `CLOSED` when the client ends first; the error of `connect()` when that fails
   */
  async awaitConnection(options?: WaitOptions): Promise<ConnackInfo> {
    return this.#parts.supervisor.awaitConnection(resolveWaitOptions(options));
  }

  /**
   * Flushes what was handed over, sends DISCONNECT and closes, bounded by `disconnectTimeoutMs`. Every Subscription ends;
   * what is buffered or in hand stays unacknowledged. Accepted publishes stay in the session. Idempotent.
   *
   * @param options - `drainTimeoutMs` first waits for open publishes and running handlers. `signal` ends the caller's wait and
   * the drain; the client closes all the same.
   * @throws MqttError `INVALID_SESSION_EXPIRY`, `INVALID_OPTION`, `FIELD_TOO_LONG`; nothing has happened then
   * @see MQTT v5.0 §3.14
   */
  async disconnect(options?: DisconnectOptions): Promise<void> {
    return this.#parts.supervisor.disconnect(options);
  }

  /**
   * Publishes. QoS 0 resolves when the bytes are handed over (`publishMode: "waitForFlush"`: when the system has taken them),
   * QoS 1 and 2 when the exchange is over: a Reason Code below 0x80 resolves, with its properties, one from 0x80 rejects.
   * An accepted QoS 1 or 2 message belongs to the session; rejections say what is known of it in `delivery`.
   *
   * @param options - `signal` withdraws a message that was never written; after that it ends only the wait.
   * @throws MqttError `NOT_CONNECTED`, `CLOSED`, `INVALID_TOPIC`, `INVALID_OPTION`, `FIELD_TOO_LONG`, `TOPIC_ALIAS_INVALID`,
   * `QOS_NOT_SUPPORTED`, `RETAIN_NOT_SUPPORTED`, `PACKET_TOO_LARGE`, `WRITE_QUEUE_FULL`, `PUBLISH_QUEUE_FULL`, `MESSAGE_EXPIRED`,
   * `PUBLISH_REFUSED`, `SESSION_LOST`, `CONNECTION_LOST` (QoS 0), `REJECTED_BY_DISCONNECT`, `STORE_FAILED`
   * @see MQTT v5.0 §3.3, §4.3
   */
  publish(topic: string, payload: Payload, options?: PublishOptions): Promise<PublishResult> {
    return this.#parts.publish(topic, payload, options);
  }

  /**
   * Publishes at QoS 0 without a promise: false when not connected or above the write high-water mark, and then nothing was sent.
   *
   * @throws MqttError `INVALID_TOPIC`, `INVALID_OPTION`, `FIELD_TOO_LONG`, `TOPIC_ALIAS_INVALID`, and what this broker never takes:
   * `RETAIN_NOT_SUPPORTED`, `PACKET_TOO_LARGE`
   */
  tryPublish(topic: string, payload: Payload, options?: Omit<PublishOptions, 'qos' | 'signal'>): boolean {
    return this.#parts.tryPublish(topic, payload, options);
  }

  /**
   * Subscribes, whole or nothing: resolves with a stream when every filter is granted. While the client is connecting it waits.
   *
   * @throws SubscribeError `SUBSCRIBE_REFUSED`, the granted filters unsubscribed again; MqttError `NOT_CONNECTED`, `CLOSED`,
   * `INVALID_TOPIC`, `INVALID_OPTION`, `FIELD_TOO_LONG`, `SHARED_SUBSCRIPTIONS_UNSUPPORTED`, `WILDCARD_SUBSCRIPTIONS_UNSUPPORTED`,
   * `PACKET_TOO_LARGE`, `REJECTED_BY_DISCONNECT`
   * @see MQTT v5.0 §3.8, §4.7, §4.8
   */
  async subscribe(filters: Filters, options?: SubscribeOptions): Promise<Subscription> {
    const resolved = normalizeFilters(filters, options);
    const settings = resolveSubscribeOptions(options, this.#parts.options, 'stream');
    return this.#parts.registry.subscribe(resolved, settings);
  }

  /**
   * `subscribe` with a handler instead of a stream: called with one message at a time, in order, unless `concurrency` allows more.
   *
   * @throws as `subscribe`
   * @see MQTT v5.0 §3.8
   */
  async subscribeCallback(
    filters: Filters,
    handler: MessageHandler,
    options?: CallbackOptions,
  ): Promise<SubscriptionHandle> {
    const resolved = normalizeFilters(filters, options);
    const settings = resolveSubscribeOptions(options, this.#parts.options, 'callback');
    checkHandler(handler);
    return this.#parts.registry.subscribe(resolved, settings, handler);
  }

  /**
   * Registers at once, also before `connect()`, so that the first messages of a resumed session find their way. `ready()` tells
   * when the broker has granted it; of a call with several filters the granted ones stay live.
   *
   * @throws MqttError `INVALID_TOPIC`, `INVALID_OPTION`, `FIELD_TOO_LONG`; `CLOSED` during `disconnect()`
   */
  declare(filters: Filters, options: CallbackOptions & { handler: MessageHandler }): SubscriptionHandle;
  declare(filters: Filters, options?: SubscribeOptions): Subscription;
  declare(filters: Filters, options?: CallbackOptions & { handler?: MessageHandler }): SubscriptionHandle {
    const { registry, supervisor } = this.#parts;
    const handler = options?.handler;
    const resolved = normalizeFilters(filters, options);
    if (supervisor.state === 'closing') throw unavailable(supervisor.state);
    if (handler === undefined) {
      // A stream takes no handler: `handler: undefined` is as good as none.
      const { handler: _none, ...rest } = options ?? {};
      return registry.declare(resolved, resolveSubscribeOptions(rest, this.#parts.options, 'stream'));
    }
    return registry.declare(
      resolved,
      resolveSubscribeOptions(options, this.#parts.options, 'callback'),
      checkHandler(handler),
    );
  }

  /**
   * Publishes a request and resolves with its response, matched by Correlation Data on a response topic of this client.
   *
   * @throws MqttError `REQUEST_TIMEOUT`, `REQUEST_UNSUPPORTED` when the broker refuses the response subscription, and everything
   * `publish` throws
   * @see MQTT v5.0 §4.10
   */
  async request(topic: string, payload: Payload, options?: RequestOptions): Promise<Message> {
    this.#requests ??= new Requests(this, this.#parts);
    return this.#requests.request(topic, payload, options);
  }

  /**
   * Answers requests: what `handler` returns is published to the request's Response Topic, with its Correlation Data, at the
   * request's QoS unless the body says otherwise. A handler that throws is a throwing handler (`handlerError`, 0x83); a request
   * without Response Topic is refused with 0x83.
   *
   * @throws everything `subscribeCallback` throws
   * @see MQTT v5.0 §4.10
   */
  async respond(
    filters: Filters,
    handler: (request: Message) => MaybePromise<ResponseBody>,
    options?: CallbackOptions,
  ): Promise<SubscriptionHandle> {
    return respond(this, filters, checkHandler(handler), options);
  }

  /**
   * Starts a re-authentication and resolves when the broker has accepted it.
   *
   * @throws MqttError `NO_AUTHENTICATOR`, `REAUTH_IN_PROGRESS`, `REAUTH_REJECTED`, `AUTH_FAILED`, `NOT_CONNECTED`, `CLOSED`,
   * `CONNECTION_LOST`
   * @see MQTT v5.0 §4.12.1
   */
  async reauthenticate(options?: WaitOptions): Promise<void> {
    const signal = resolveWaitOptions(options);
    signal?.throwIfAborted();
    if (this.#parts.options.authenticator === undefined) {
      throw mqttError('NO_AUTHENTICATOR', 'reauthenticate() needs the option `authenticator`');
    }
    return this.#parts.brokerWait(orAborted(this.#link().reauthenticate(signal), signal));
  }

  /**
   * Replaces the list of brokers, from the next attempt on. The connection there is stays.
   *
   * @throws MqttError `MISSING_BROKER`, `INVALID_BROKER_URL`
   */
  setBrokers(brokers: Brokers): void {
    this.#parts.supervisor.setBrokers(parseBrokers(brokers, this.#parts.options.dial !== undefined));
  }

  /**
   * Sends PINGREQ and resolves with the time to the answer, in milliseconds.
   *
   * @throws MqttError `NOT_CONNECTED`, `CLOSED`, `CONNECTION_LOST`
   * @see MQTT v5.0 §3.12
   */
  async ping(options?: WaitOptions): Promise<number> {
    const signal = resolveWaitOptions(options);
    signal?.throwIfAborted();
    return this.#parts.brokerWait(orAborted(this.#link().ping(), signal));
  }

  /** Where it is in its life; `stateChange` tells of the next one. */
  get state(): ClientState {
    return this.#parts.supervisor.state;
  }

  get connected(): boolean {
    return this.#parts.supervisor.state === 'connected';
  }

  /** The identifier in force: the option, or the one the broker assigned; empty before it did. @see MQTT v5.0 §3.1.3.1 */
  get clientId(): string {
    return this.#parts.host.engine?.clientId ?? this.#parts.options.clientId ?? '';
  }

  /** What the broker granted on the present connection; undefined while there is none. @see MQTT v5.0 §3.2.2 */
  get serverInfo(): ConnackInfo | undefined {
    return this.#parts.supervisor.info;
  }

  /** Counters since the client was made, and the gauges of this moment. All zero without the option `stats`. */
  stats(): ClientStats {
    return this.#parts.stats();
  }

  /**
   * Listens to an event; the returned function ends that. Listeners run in order, off the protocol path, and may call any method.
   *
   * @throws MqttError `INVALID_OPTION` for an event there is not
   */
  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void {
    if (!Object.hasOwn(EVENTS, event)) throw invalidOption(`there is no event "${String(event)}"`);
    return this.#parts.events.on(event, checkFunction(listener, 'listener'));
  }

  /** `disconnect()`, for `await using`: never waits for a connection and never rejects for lack of one. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.supervisor.disconnect(undefined);
  }

  #link() {
    const { link, state } = this.#parts.supervisor;
    if (state !== 'connected' || link === undefined) throw unavailable(state);
    return link;
  }
}
