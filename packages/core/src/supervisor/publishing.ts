// SPDX-License-Identifier: Apache-2.0
//
// The promises of `publish`. The engine owns the exchange; this file owns who waits for it, and for how long.

import type { PublishProperties } from '@mqttv5/wire';
import type { EventSink } from '../api/events.ts';
import type { ClientState } from '../api/connect.ts';
import type { Payload } from '../api/common.ts';
import type { PublishOptions, PublishResult } from '../api/publish.ts';
import { onAbort, orAborted } from '../abort.ts';
import type { Link } from '../connection/link.ts';
import { PAYLOAD_BY_REFERENCE_FROM } from '../connection/outbox.ts';
import { type AnyMqttError, MqttError, mqttError, unavailable, withDelivery } from '../errors.ts';
import type { ResolvedClientOptions } from '../options/client-options.ts';
import { invalidOption } from '../options/check.ts';
import { resolvePublish } from '../options/publish-options.ts';
import type { OutboundMessage, ProducerRef, PublishExchange, PublishOutcome } from '../session/effects.ts';
import type { SessionEngine } from '../session/engine.ts';
import { owned } from './owned-payload.ts';
import type { SessionHost } from './session-host.ts';

export interface PublishingContext {
  readonly host: SessionHost;
  readonly state: ClientState;
  readonly link: Link | undefined;
  /** The end of an exchange that belongs to a publisher queue. */
  producerSettled(ref: ProducerRef, outcome: PublishOutcome): void;
  readonly events: EventSink;
  /** The application begins, and ends, to wait for something only the broker can settle: reading goes on in spite of "pause". */
  brokerWaitBegin(): void;
  brokerWaitEnd(): void;
}

/** A bare success. One promise for all QoS 0 publishes with room: nothing is waited for, so nothing is allocated. */
const SENT: PublishResult = Object.freeze({ reasonCode: 0 });
const SENT_PROMISE: Promise<PublishResult> = Promise.resolve(SENT);

const encoder = new TextEncoder();

export class Publishing {
  readonly #options: ResolvedClientOptions;
  readonly #context: PublishingContext;
  /** Waits for the store to be read. */
  #opening: Set<AbortController> | undefined;
  #open = 0;
  #idle: (() => void)[] | undefined;

  constructor(options: ResolvedClientOptions, context: PublishingContext) {
    this.#options = options;
    this.#context = context;
  }

  publish(topic: string, payload: Payload, options?: PublishOptions): Promise<PublishResult> {
    try {
      const properties = resolvePublish(topic, payload, options);
      const qos = options?.qos ?? 0;
      if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
      const refusal = this.refusal(qos);
      if (refusal !== undefined) return Promise.reject(refusal);
      const engine = this.#context.host.engine;
      // Only while an asynchronous store is being read.
      if (engine === undefined) return this.#whenOpen(topic, payload, options);
      return qos === 0
        ? this.#publishQoS0(engine, topic, payload, options, properties)
        : this.#publishAcknowledged(engine, topic, payload, options, properties);
    } catch (error) {
      return Promise.reject(error instanceof MqttError ? withDelivery(error, 'notSent') : error);
    }
  }

  /** QoS 0 without a promise. @throws MqttError for invalid arguments only */
  tryPublish(topic: string, payload: Payload, options?: Omit<PublishOptions, 'qos' | 'signal'>): boolean {
    const properties = resolvePublish(topic, payload, options);
    const { qos = 0 }: PublishOptions = options ?? {};
    // Not in the type; a program without types would take it for accepted, and it is at most once.
    if (qos > 0) throw invalidOption(`tryPublish() is for QoS 0; publish() takes qos ${qos}`);
    const { state, link, host } = this.#context;
    if (state !== 'connected' || link === undefined || !link.hasRoom || host.engine === undefined) return false;
    const message = outboundMessage(topic, this.#bytesOfQoS0(payload), 0, options?.retain, properties);
    try {
      const exchange = host.engine.publish(message, this.#instantFor(properties));
      // It queued behind others that wait for room: taken back, since nobody would hear of it.
      return exchange === undefined || !host.engine.withdraw(exchange, host.now());
    } catch (error) {
      if (error instanceof MqttError && error.code === 'WRITE_QUEUE_FULL') return false;
      throw error;
    }
  }

  /** The publisher queue's way in: no promise, the outcome goes to the producer by its Ref. */
  publishRef(ref: ProducerRef, topic: string, payload: Uint8Array, options: PublishOptions): void {
    const { host } = this.#context;
    const properties = resolvePublish(topic, payload, options);
    const qos = options.qos ?? 1;
    const refusal = this.refusal(qos);
    if (refusal !== undefined) throw refusal;
    if (host.engine === undefined) {
      throw mqttError('NOT_CONNECTED', 'The session store is being read', { delivery: 'notSent' });
    }
    host.engine.publish(outboundMessage(topic, owned(payload), qos, options.retain, properties, ref), host.now());
    host.rearm();
  }

  /** The engine has ended an exchange. */
  settled(exchange: PublishExchange, outcome: PublishOutcome): void {
    if (exchange.ref !== undefined) {
      this.#context.producerSettled(exchange.ref, outcome);
      return;
    }
    const waiter = exchange.waiter;
    exchange.waiter = undefined;
    if (waiter instanceof Waiter) {
      waiter.settle(outcome);
      return;
    }
    if (exchange.qos === 0) return;
    const { topic, qos, packetIdentifier } = exchange;
    this.#context.events.emit('publishSettled', { topic, qos, packetIdentifier, ...outcome });
  }

  /** The client ends: accepted messages stay in the session, the waiting for them does not. */
  detachAll(cause: AnyMqttError | undefined): void {
    const unread = { delivery: 'notSent', ...(cause && { cause }) } as const;
    for (const opening of this.#opening ?? [])
      opening.abort(mqttError('CLOSED', 'The client was closed before its session store had been read', unread));
    for (const exchange of this.#context.host.engine?.exchanges() ?? []) {
      const waiter = exchange.waiter;
      // QoS 0 that waits for room is in no session: the engine ends it with the connection.
      if (exchange.qos === 0 || !(waiter instanceof Waiter)) continue;
      exchange.waiter = undefined;
      const details = { delivery: 'pending', ...(cause && { cause }) } as const;
      waiter.settle({
        error: mqttError(
          'CLOSED',
          `The client was closed; the publish to ${exchange.topic} stays in the session`,
          details,
        ),
      });
    }
  }

  /** Resolves when no publish waits any more. */
  whenIdle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle ??= [];
      this.#idle.push(resolve);
    });
  }

  #publishQoS0(
    engine: SessionEngine,
    topic: string,
    payload: Payload,
    options: PublishOptions | undefined,
    properties: PublishProperties | undefined,
  ): Promise<PublishResult> {
    const bytes = this.#bytesOfQoS0(payload);
    const message = outboundMessage(topic, bytes, 0, options?.retain, properties);
    const exchange = engine.publish(message, this.#instantFor(properties));
    const sent = exchange && this.#wait(exchange, options?.signal);
    if (exchange && properties?.messageExpiryInterval !== undefined) this.#context.host.rearm();
    if (this.#options.publishMode === 'fireAndForget') return sent ?? SENT_PROMISE;
    return this.#whenFlushed(sent, options?.signal);
  }

  /**
   * The bytes of a QoS 0 payload. Encoded in this very call the caller's bytes are only looked at; a copy is made of what is
   * kept: behind a commit, or a payload so large that the connection takes it by reference.
   */
  #bytesOfQoS0(payload: Payload): Uint8Array {
    if (typeof payload === 'string') return encoder.encode(payload);
    const kept =
      this.#options.store !== undefined ||
      (payload.length >= PAYLOAD_BY_REFERENCE_FROM && this.#options.publishMode === 'fireAndForget');
    return kept ? owned(payload) : payload;
  }

  #instantFor(properties: PublishProperties | undefined): number {
    const { host } = this.#context;
    return properties?.messageExpiryInterval === undefined ? host.instant() : host.now();
  }

  #publishAcknowledged(
    engine: SessionEngine,
    topic: string,
    payload: Payload,
    options: PublishOptions | undefined,
    properties: PublishProperties | undefined,
  ): Promise<PublishResult> {
    const { host } = this.#context;
    const qos = options?.qos ?? 0;
    const message = outboundMessage(topic, owned(payload), qos, options?.retain, properties);
    const exchange = engine.publish(message, this.#instantFor(properties));
    if (properties?.messageExpiryInterval !== undefined) host.rearm();
    // Lowered to QoS 0 by the broker's Maximum QoS, and gone.
    return exchange === undefined ? SENT_PROMISE : this.#wait(exchange, options?.signal);
  }

  #wait(exchange: PublishExchange, signal: AbortSignal | undefined): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      this.#open += 1;
      this.#context.brokerWaitBegin();
      const waiter = new Waiter(this, resolve, reject);
      exchange.waiter = waiter;
      if (signal !== undefined) waiter.listen(signal, () => this.#aborted(exchange, waiter, signal));
    });
  }

  /** Before the first write the message is withdrawn; after it only the wait ends. */
  #aborted(exchange: PublishExchange, waiter: Waiter, signal: AbortSignal): void {
    const { host } = this.#context;
    exchange.waiter = undefined;
    host.engine?.withdraw(exchange, host.now());
    host.rearm();
    waiter.abort(signal.reason);
  }

  /** @internal A waiter has settled. */
  waitEnded(): void {
    this.#open -= 1;
    this.#context.brokerWaitEnd();
    if (this.#open > 0) return;
    const idle = this.#idle;
    if (idle === undefined) return;
    this.#idle = undefined;
    for (const resolve of idle) resolve();
  }

  /** When the system has taken the bytes: behind the wait for room, and behind the commit that may hold them back. */
  async #whenFlushed(
    sent: Promise<PublishResult> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<PublishResult> {
    const { link, host } = this.#context;
    if (sent !== undefined) await sent;
    const held = host.runner.committed();
    if (held !== undefined) await orAborted(held, signal);
    if (link === undefined || link !== this.#context.link)
      throw mqttError('CONNECTION_LOST', 'The connection ended before the PUBLISH was flushed', {
        delivery: 'unknown',
      });
    const flushed = new Promise<PublishResult>((resolve, reject) => {
      link.flushed((error) => {
        if (error) reject(withDelivery(error, 'unknown'));
        else resolve(SENT);
      });
    });
    return orAborted(flushed, signal);
  }

  async #whenOpen(topic: string, payload: Payload, options: PublishOptions | undefined): Promise<PublishResult> {
    // The caller's bytes may change while the store is read.
    const copy = owned(payload);
    const { signal } = options ?? {};
    const over = new AbortController();
    const forget = onAbort(signal, (reason) => over.abort(reason));
    this.#opening ??= new Set();
    this.#opening.add(over);
    try {
      await orAborted(Promise.resolve(this.#context.host.open()), over.signal);
    } catch (error) {
      if (over.signal.aborted) throw over.signal.reason;
      throw mqttError('NOT_CONNECTED', 'The session store could not be read', { cause: error, delivery: 'notSent' });
    } finally {
      forget();
      this.#opening?.delete(over);
    }
    return this.publish(topic, copy, options);
  }

  /** What the state of the client says to a publish (reliability.md, "Publishing by state"). */
  refusal(qos: number): AnyMqttError | undefined {
    const { state } = this.#context;
    if (state === 'connected') {
      // One that is being ended sends nothing more; for what waits in the session there is the next.
      if (qos > 0 || !this.#context.link?.closed) return undefined;
      return mqttError('NOT_CONNECTED', 'The connection is being closed', { delivery: 'notSent' });
    }
    const reconnects = state === 'connecting' || state === 'reconnecting';
    if (reconnects && qos > 0 && this.#options.offlinePublish === 'queue') return undefined;
    return unavailable(state, { delivery: 'notSent' });
  }
}

/** One promise of `publish`, from acceptance to its end. */
class Waiter {
  readonly #publishing: Publishing;
  readonly #resolve: (result: PublishResult) => void;
  readonly #reject: (reason: unknown) => void;
  #stopListening: (() => void) | undefined;

  constructor(publishing: Publishing, resolve: (result: PublishResult) => void, reject: (reason: unknown) => void) {
    this.#publishing = publishing;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  listen(signal: AbortSignal, aborted: () => void): void {
    this.#stopListening = onAbort(signal, aborted);
  }

  settle(outcome: PublishOutcome): void {
    this.#end();
    if (outcome.error !== undefined) this.#reject(outcome.error);
    else this.#resolve(outcome.result);
  }

  abort(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  #end(): void {
    this.#stopListening?.();
    this.#publishing.waitEnded();
  }
}

function outboundMessage(
  topic: string,
  payload: Uint8Array,
  qos: 0 | 1 | 2,
  retain: boolean | undefined,
  properties: PublishProperties | undefined,
  ref?: ProducerRef,
): OutboundMessage {
  if (properties?.topicAlias === undefined)
    return { topic, payload, qos, retain: retain ?? false, properties, topicAlias: undefined, ref };
  const { topicAlias, ...rest } = properties;
  return {
    topic,
    payload,
    qos,
    retain: retain ?? false,
    properties: Object.keys(rest).length > 0 ? rest : undefined,
    topicAlias,
    ref,
  };
}
