// SPDX-License-Identifier: Apache-2.0
//
// What streams and callbacks have in common: the way of a message from the broker to a consumer, and the life of a subscription.

import type { AckReasonCode, SubscribeResult, SubscriptionHandle } from '../api/receive.ts';
import type { WaitOptions } from '../api/common.ts';
import { type AnyMqttError, mqttError } from '../errors.ts';
import type { ResolvedFilter, ResolvedSubscribeOptions } from '../options/subscribe-options.ts';
import { resolveWaitOptions } from '../options/wait-options.ts';
import { orAborted } from '../abort.ts';
import { DeliveryBuffer } from './delivery-buffer.ts';
import { Grants } from './grants.ts';
import { type Answer, type MessageOwner, ReceivedMessage, type ReceivedPublish } from './message.ts';
import type { PauseControl } from './pause-control.ts';
import type { SubscriptionPort } from './port.ts';
import type { WorkInHand } from './work-in-hand.ts';

/** What a subscription needs of the registry it is in. @internal */
export interface SubscriptionHost {
  readonly port: SubscriptionPort;
  readonly pause: PauseControl;
  nextSerial(): number;
  readonly work: WorkInHand;
  /** Passes an answer on to the broker. */
  passOn(answer: Answer, reasonCode: AckReasonCode): void;
  /** Reading goes on until `operation` settles. */
  brokerWait<T>(operation: Promise<T>): Promise<T>;
  /** Takes the subscription out and resolves when the broker has unsubscribed what nobody else holds. */
  unsubscribe(subscription: LocalSubscription): Promise<void>;
  /** Settles with `operation`, or when the connection of now is lost; at once when there is none. */
  whileConnected(operation: Promise<void>): Promise<void>;
}

/** How a subscription ended: by the application, by the broker (what has arrived can still be read), or with the client. */
type Life = 'open' | 'unsubscribed' | 'failed' | 'ended';

/** @internal */
export abstract class LocalSubscription implements SubscriptionHandle, MessageOwner {
  readonly filters: readonly ResolvedFilter[];
  /** @internal */
  readonly options: ResolvedSubscribeOptions;
  /** @internal */
  readonly grants: Grants;
  /** Made by `subscribe`: every filter or none. @internal */
  readonly wholeOrNothing: boolean;
  /** In the order of their making. @internal */
  readonly serial: number;
  protected readonly host: SubscriptionHost;
  protected readonly buffer: DeliveryBuffer;
  #life: Life = 'open';
  #error: AnyMqttError | undefined;
  #dropped = 0;
  /** Messages given this subscription so far: the order in which they are put back. */
  #arrivals = 0;
  #unsubscribing: Promise<void> | undefined;

  constructor(
    host: SubscriptionHost,
    filters: readonly ResolvedFilter[],
    options: ResolvedSubscribeOptions,
    wholeOrNothing: boolean,
  ) {
    this.host = host;
    this.serial = host.nextSerial();
    this.filters = filters;
    this.options = options;
    this.wholeOrNothing = wholeOrNothing;
    this.grants = new Grants(filters);
    this.buffer = new DeliveryBuffer(options, host.pause, (message) => this.#drop(message));
  }

  /** Of the messages it hands out. @internal */
  get subscription(): this {
    return this;
  }

  get results(): readonly SubscribeResult[] {
    return this.grants.results;
  }

  get size(): number {
    return this.buffer.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#life !== 'open';
  }

  get error(): AnyMqttError | undefined {
    return this.#error;
  }

  async ready(options?: WaitOptions): Promise<void> {
    const signal = resolveWaitOptions(options);
    return orAborted(this.host.brokerWait(this.grants.wait()), signal);
  }

  async unsubscribe(options?: WaitOptions): Promise<void> {
    const signal = resolveWaitOptions(options);
    return orAborted((this.#unsubscribing ??= this.host.unsubscribe(this)), signal);
  }

  /** Ends it like `unsubscribe()`, but never waits for a connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.whileConnected(this.unsubscribe());
  }

  // Deliveries --------------------------------------------------------------------------------------------------------------

  /** A consumer is free and nothing is waiting before this message. */
  protected abstract readonly idle: boolean;
  /** Gives a message to a free consumer. */
  protected abstract consume(message: ReceivedMessage): void;
  /** Gives free consumers what is buffered, unless the client is draining. */
  protected abstract consumeBuffered(): void;
  /** No message will come any more: waiting consumers are told. */
  protected abstract endConsumers(): void;

  /** The handle of one copy of a PUBLISH. @internal */
  receiveCopy(packet: ReceivedPublish, topic: string, answer: Answer | undefined): ReceivedMessage {
    const message = new ReceivedMessage(packet, topic, this, answer);
    message.order = ++this.#arrivals;
    return message;
  }

  /** Hot path: benchmarks/src/receive. @internal */
  deliver(message: ReceivedMessage): void {
    if (this.#life !== 'open') this.#refuseLate(message);
    else if (this.idle) {
      if (this.options.ack === 'onReceipt') message.ack();
      this.consume(message);
    } else this.#store(message);
  }

  /** @internal */
  answered(message: ReceivedMessage, answer: Answer | undefined, reasonCode: AckReasonCode): void {
    this.finished(message);
    if (answer !== undefined) this.host.passOn(answer, reasonCode);
  }

  /** The oldest message that waits. */
  protected take(): ReceivedMessage | undefined {
    if (this.host.work.draining) return undefined;
    return this.buffer.shift();
  }

  /** A drain waits for `message` from here until `finished`. */
  protected handedOut(message: ReceivedMessage): void {
    message.inHand = true;
    this.host.work.begins();
  }

  protected finished(message: ReceivedMessage): void {
    if (!message.inHand) return;
    message.inHand = false;
    this.host.work.ends();
  }

  /** A consumer went away without having answered `message`: the next one gets it, in its old place. */
  protected putBack(message: ReceivedMessage): void {
    this.finished(message);
    if (message.acknowledged) return;
    if (this.#life === 'unsubscribed') this.#drop(message);
    if (this.#life === 'unsubscribed' || this.#life === 'ended') return;
    this.buffer.putBack(message);
    this.consumeBuffered();
  }

  /** Its consumer is done with `message`: acknowledged, unless the client has ended in between and it comes again. */
  protected acknowledge(message: ReceivedMessage): void {
    // Acknowledged on receipt, or by hand: `ack` would do nothing, and nobody would hear that it is done.
    if (this.#life === 'ended' || message.acknowledged) this.finished(message);
    else message.ack();
  }

  #store(message: ReceivedMessage): void {
    if (!this.buffer.makeRoomFor(message)) return;
    // The application's drop listener may have ended the subscription.
    if (this.#life !== 'open') {
      this.#refuseLate(message);
      return;
    }
    if (this.options.ack === 'onReceipt') message.ack();
    this.buffer.push(message);
    this.consumeBuffered();
  }

  /** Counted and reported while the message can still be read, acknowledged afterwards. */
  #drop(message: ReceivedMessage): void {
    this.#reportDrop(message);
    message.ack();
  }

  #reportDrop(message: ReceivedMessage): void {
    this.#dropped++;
    const { port } = this.host;
    port.counters.messagesDropped++;
    try {
      this.options.onDrop?.(message);
    } catch (error) {
      port.events.emit('handlerError', { error, message });
    }
    port.events.emitNow('drop', { message, subscription: this });
  }

  /** Routed before the subscription ended, by the same PUBLISH whose other handle ended it. */
  #refuseLate(message: ReceivedMessage): void {
    if (this.#life !== 'ended') this.#drop(message);
  }

  // Life --------------------------------------------------------------------------------------------------------------------

  /** What nobody has taken is acknowledged and counted as dropped. @internal */
  closeUnsubscribed(error?: AnyMqttError): void {
    if (!this.#close('unsubscribed', error)) return;
    for (let message = this.buffer.shift(); message !== undefined; message = this.buffer.shift()) this.#drop(message);
    this.endConsumers();
  }

  /** The broker took it away. What has arrived can still be read; then readers are told. @internal */
  closeFailed(error: AnyMqttError): void {
    if (!this.#close('failed', error)) return;
    this.endConsumers();
  }

  /**
   * The client stops. What the broker waits for stays unanswered and comes again with the session; the rest is lost here, and
   * said so. @internal
   */
  closeEnded(error: AnyMqttError | undefined): void {
    if (this.#life === 'ended') return;
    const wasOpen = this.#close('ended', error);
    this.#life = 'ended';
    for (let message = this.buffer.shift(); message !== undefined; message = this.buffer.shift()) {
      if (!message.awaited) this.#reportDrop(message);
    }
    if (wasOpen) this.endConsumers();
  }

  /** The session is gone, and with it the right to answer what is buffered. @internal */
  handleSessionLost(): void {
    this.buffer.handleSessionLost();
  }

  #close(life: Life, error: AnyMqttError | undefined): boolean {
    if (this.#life !== 'open') return false;
    this.#life = life;
    this.#error = error;
    this.buffer.end();
    this.grants.settle(error ?? mqttError('CLOSED', 'The subscription ended before the broker had granted it'));
    return true;
  }
}
