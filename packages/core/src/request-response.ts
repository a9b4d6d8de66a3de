// SPDX-License-Identifier: Apache-2.0
//
// Request and response over publish and subscribe (§4.10). All requests of a client share one response topic, which nobody can
// guess, and are told apart by their Correlation Data.

import type { MaybePromise, Payload } from './api/common.ts';
import type { PublishOptions, PublishResult, RequestOptions, ResponseBody } from './api/publish.ts';
import type { CallbackOptions, Filters, Message, SubscriptionHandle } from './api/receive.ts';
import type { Client } from './client.ts';
import type { Clock } from './clock.ts';
import { type AnyMqttError, isMqttError, mqttError } from './errors.ts';
import { type ResolvedRequestOptions, resolveRequestOptions } from './options/request-options.ts';
import { type Deferred, deferred, onAbort, orAborted } from './abort.ts';

/** What a requester needs beside the client's public methods. */
export interface RequestContext {
  readonly environment: { readonly clock: Clock };
  /** Why a publish would be refused now. */
  readonly publishing: { refusal(qos: number): AnyMqttError | undefined };
  brokerWait<T>(operation: Promise<T>): Promise<T>;
  whenEnded(callback: (error: AnyMqttError) => void): void;
}

interface ResponseSubscription {
  readonly topic: string;
  readonly qos: number;
  readonly ready: Promise<SubscriptionHandle>;
}

/** The requests of one client that wait for their responses. */
export class Requests {
  readonly #client: Client;
  readonly #context: RequestContext;
  readonly #pending = new Map<string, Deferred<Message>>();
  #subscription: ResponseSubscription | undefined;
  #sequence = 0;

  constructor(client: Client, context: RequestContext) {
    this.#client = client;
    this.#context = context;
    context.whenEnded((error) => this.#endAll(error));
  }

  async request(topic: string, payload: Payload, options: RequestOptions | undefined): Promise<Message> {
    const resolved = resolveRequestOptions(options);
    const { signal } = resolved.publish;
    signal?.throwIfAborted();
    const refusal = this.#context.publishing.refusal(resolved.publish.qos ?? 0);
    if (refusal !== undefined) throw refusal;
    const correlation = this.#nextCorrelation();
    const response = deferred<Message>();
    this.#pending.set(key(correlation), response);
    // Aborts with the reason that ends the request.
    const over = new AbortController();
    onAbort(over.signal, response.reject);
    const forget = onAbort(signal, (reason) => over.abort(reason));
    const { timeoutMs = Number.POSITIVE_INFINITY } = resolved;
    const timer = this.#context.environment.clock.setTimer(timeoutMs, () =>
      over.abort(mqttError('REQUEST_TIMEOUT', `No response within ${timeoutMs} ms`)),
    );
    try {
      const subscription = await orAborted(this.#subscribed(resolved.responseQos), over.signal);
      const published = this.#publish(topic, payload, resolved, subscription.topic, correlation, over.signal);
      // A response may overtake PUBACK or PUBCOMP: it is the answer, and the exchange ends by itself.
      return await this.#context.brokerWait(Promise.race([response.promise, published.then(() => response.promise)]));
    } catch (error) {
      throw over.signal.aborted ? over.signal.reason : error;
    } finally {
      timer.cancel();
      forget();
      over.abort();
      this.#pending.delete(key(correlation));
    }
  }

  async #publish(
    topic: string,
    payload: Payload,
    { publish }: ResolvedRequestOptions,
    responseTopic: string,
    correlationData: Uint8Array,
    signal: AbortSignal,
  ): Promise<PublishResult> {
    return this.#client.publish(topic, payload, { ...publish, responseTopic, correlationData, signal });
  }

  /** The response subscription, granted. It stays for the client's life; a new one is made when the broker names another topic. */
  async #subscribed(qos: 0 | 1 | 2): Promise<ResponseSubscription> {
    const base = this.#client.serverInfo?.responseInformation;
    const present = this.#subscription;
    if (present !== undefined && present.qos >= qos && (base === undefined || present.topic.startsWith(base))) {
      const handle = await present.ready;
      if (!handle.closed) return present;
    }
    const topic =
      present !== undefined && (base === undefined || present.topic.startsWith(base))
        ? present.topic
        : newResponseTopic(base, this.#client.clientId);
    const next: ResponseSubscription = { topic, qos, ready: this.#subscribe(topic, qos) };
    this.#subscription = next;
    try {
      await next.ready;
    } catch (error) {
      if (this.#subscription === next) this.#subscription = undefined;
      throw error;
    }
    // Only now: until it is granted, the one with the lower QoS still brings the responses.
    if (present !== undefined) this.#end(present);
    return next;
  }

  async #subscribe(topic: string, qos: 0 | 1 | 2): Promise<SubscriptionHandle> {
    try {
      return await this.#client.subscribeCallback(topic, (message) => this.#received(message), { qos });
    } catch (error) {
      if (!isMqttError(error) || error.code !== 'SUBSCRIBE_REFUSED') throw error;
      throw mqttError('REQUEST_UNSUPPORTED', `The broker refused the response topic ${topic}`, { cause: error });
    }
  }

  #end({ ready }: ResponseSubscription): void {
    ready.then((handle) => handle.unsubscribe()).catch(() => undefined); // it may have ended with its session; nobody listens to it
  }

  #received(message: Message): void {
    const correlation = message.properties.correlationData;
    if (correlation !== undefined) this.#pending.get(key(correlation))?.resolve(message.detach());
  }

  /** The client has closed: no response can come. */
  #endAll(error: AnyMqttError): void {
    this.#subscription = undefined;
    for (const pending of this.#pending.values()) pending.reject(error);
  }

  #nextCorrelation(): Uint8Array {
    this.#sequence += 1;
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(this.#sequence));
    return bytes;
  }
}

/** Subscribes a responder; its handler's result goes back as a publish. */
export function respond(
  client: Client,
  filters: Filters,
  handler: (request: Message) => MaybePromise<ResponseBody>,
  options: CallbackOptions | undefined,
): Promise<SubscriptionHandle> {
  return client.subscribeCallback(
    filters,
    async (request) => {
      const { responseTopic: topic, correlationData } = request.properties;
      if (topic === undefined) {
        request.ack(0x83);
        return;
      }
      const { payload, qos = request.qos, ...properties } = responseBody(await handler(request));
      const reply: PublishOptions = { ...properties, qos };
      await client.publish(topic, payload, correlationData === undefined ? reply : { ...reply, correlationData });
    },
    options,
  );
}

function responseBody(body: ResponseBody): Exclude<ResponseBody, Payload> {
  return typeof body === 'string' || body instanceof Uint8Array ? { payload: body } : body;
}

/** 128 random bits: whoever can guess the topic can read the responses. @see MQTT v5.0 §4.10.1 */
function newResponseTopic(responseInformation: string | undefined, clientId: string): string {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
  if (responseInformation !== undefined)
    return `${responseInformation}${responseInformation.endsWith('/') ? '' : '/'}${random}`;
  return `mqttv5/responses/${clientId.replaceAll(/[+#/]/g, '_')}/${random}`;
}

function key(correlation: Uint8Array): string {
  return String.fromCharCode(...correlation.subarray(0, 8), correlation.length);
}
