// SPDX-License-Identifier: Apache-2.0
//
// Values instead of bytes, over anything that publishes and subscribes. Only public API: no task runs here, nothing is buffered
// here, so there is nothing to leave behind when a subscription ends.

import type { WaitOptions } from './api/common.ts';
import type { Codec, DecodeOptions, TypedMessage } from './api/codec.ts';
import type { PublishOptions, PublishResult } from './api/publish.ts';
import type { PubSub } from './api/pubsub.ts';
import type {
  CallbackOptions,
  Filters,
  Message,
  MessageHandler,
  SubscribeOptions,
  SubscribeResult,
  Subscription,
  SubscriptionHandle,
  TopicFilter,
} from './api/receive.ts';
import type { AnyMqttError } from './errors.ts';
import { checkFunction, checkMethods } from './options/check.ts';

/** Payload Format Invalid: what a message is refused with that the codec cannot read. @see MQTT v5.0 §3.4.2.1 */
const PAYLOAD_FORMAT_INVALID = 0x99;

/**
 * Publishes and receives values of one type through a {@link Codec}.
 *
 * A payload the codec rejects is reported through `onDecodeError`, then refused with 0x99, and never ends the stream. Without
 * `onDecodeError` the first such payload of a subscription is written with `console.error`. What `encode` throws rejects the
 * publish as it is.
 *
 * @typeParam T - what arrives
 * @typeParam In - what may be published
 * @throws MqttError `INVALID_OPTION` from the constructor when `client` or `codec` lacks a method
 */
export class Typed<T, In = T, R = PublishResult, M extends Message = Message> {
  readonly #client: PubSub<R, M>;
  readonly #codec: Codec<T, In>;

  constructor(client: PubSub<R, M>, codec: Codec<T, In>) {
    this.#client = checkMethods(client, 'client', ['publish', 'subscribe', 'subscribeCallback', 'declare']);
    this.#codec = checkMethods(codec, 'codec', ['encode', 'decode']);
  }

  /**
   * Encodes `value` and publishes it with the codec's content type and payload format, unless `options` has its own.
   *
   * @throws what the codec throws, as it is; everything `publish` of the client rejects with
   */
  async publish(topic: string, value: In, options?: PublishOptions): Promise<R> {
    const payload = this.#codec.encode(value);
    return this.#client.publish(topic, payload, this.#publishOptions(options));
  }

  /** Like `subscribe` of the client; every message has its decoded `value`. */
  async subscribe(
    filters: Filters,
    options?: SubscribeOptions & DecodeOptions,
  ): Promise<Subscription<TypedMessage<T, M>>> {
    const [subscribeOptions, decoder] = this.#split(options);
    return new TypedSubscription(await this.#client.subscribe(filters, subscribeOptions), decoder);
  }

  /** Like `subscribeCallback` of the client; the handler never sees a message that does not decode. */
  async subscribeCallback(
    filters: Filters,
    handler: MessageHandler<TypedMessage<T, M>>,
    options?: CallbackOptions & DecodeOptions,
  ): Promise<SubscriptionHandle> {
    const [callbackOptions, decoder] = this.#split(options);
    return this.#client.subscribeCallback(filters, decoder.handler(handler), callbackOptions);
  }

  /** Like `declare` of the client: registers at once, `ready()` tells when granted. */
  declare(
    filters: Filters,
    options: CallbackOptions & DecodeOptions & { handler: MessageHandler<TypedMessage<T, M>> },
  ): SubscriptionHandle;
  declare(filters: Filters, options?: SubscribeOptions & DecodeOptions): Subscription<TypedMessage<T, M>>;
  declare(
    filters: Filters,
    options?: CallbackOptions & DecodeOptions & { handler?: MessageHandler<TypedMessage<T, M>> },
  ): SubscriptionHandle | Subscription<TypedMessage<T, M>> {
    const [rest, decoder] = this.#split(options);
    if (options?.handler !== undefined) {
      return this.#client.declare(filters, { ...rest, handler: decoder.handler(options.handler) });
    }
    return new TypedSubscription(this.#client.declare(filters, rest), decoder);
  }

  #publishOptions(options: PublishOptions | undefined): PublishOptions {
    const { contentType, payloadFormatIndicator } = this.#codec;
    return {
      ...options,
      contentType: options?.contentType ?? contentType,
      payloadFormatIndicator: options?.payloadFormatIndicator ?? payloadFormatIndicator,
    };
  }

  /** The client refuses keys it does not know, so ours stays here. */
  #split<O extends DecodeOptions>(options: O | undefined): [Omit<O, 'onDecodeError'> | undefined, Decoder<T, M>] {
    if (options === undefined) return [undefined, new Decoder(this.#codec, undefined)];
    const { onDecodeError, ...rest } = options;
    return [rest, new Decoder(this.#codec, onDecodeError)];
  }
}

/** Decodes for one subscription and deals with what does not decode. */
class Decoder<T, M extends Message> {
  readonly #codec: Pick<Codec<T, never>, 'decode'>;
  readonly #onDecodeError: DecodeOptions['onDecodeError'];
  #reported = false;

  constructor(codec: Pick<Codec<T, never>, 'decode'>, onDecodeError: DecodeOptions['onDecodeError']) {
    this.#codec = codec;
    this.#onDecodeError = onDecodeError === undefined ? undefined : checkFunction(onDecodeError, 'onDecodeError');
  }

  /** The message with its value; undefined when it has been refused. */
  decode(message: M): TypedMessage<T, M> | undefined {
    let value: T;
    try {
      value = this.#codec.decode(message.payload, message);
    } catch (error) {
      this.#report(error, message);
      // §4.4: the broker does not send it again. In a loop that acknowledges by itself this answer stands.
      message.ack(PAYLOAD_FORMAT_INVALID);
      return undefined;
    }
    return withValue(message, value);
  }

  handler(handler: MessageHandler<TypedMessage<T, M>>): MessageHandler<M> {
    checkFunction(handler, 'handler');
    return (message) => {
      const typed = this.decode(message);
      return typed === undefined ? undefined : handler(typed);
    };
  }

  /** Before the refusal leaves: this is the last chance to keep the message. */
  #report(error: unknown, message: M): void {
    try {
      if (this.#onDecodeError !== undefined) {
        this.#onDecodeError(error, message);
        return;
      }
      if (this.#reported) return;
      this.#reported = true;
      complain(
        `A message on ${message.topic} did not decode and was refused; pass onDecodeError to see them all`,
        error,
      );
    } catch (listenerError) {
      // A broken listener must not end the stream either.
      complain('onDecodeError threw', listenerError);
    }
  }
}

/**
 * The same object with one property more, so that its methods, getters and private fields go on working and `detach()` still
 * returns what the caller holds.
 */
function withValue<T, M extends Message>(message: M, value: T): TypedMessage<T, M> {
  const typed: M & { value?: T } = message;
  typed.value = value;
  return typed as TypedMessage<T, M>; // it has its value now
}

class TypedSubscription<T, M extends Message> implements Subscription<TypedMessage<T, M>> {
  readonly #source: Subscription<M>;
  readonly #decoder: Decoder<T, M>;

  constructor(source: Subscription<M>, decoder: Decoder<T, M>) {
    this.#source = source;
    this.#decoder = decoder;
  }

  get filters(): readonly TopicFilter[] {
    return this.#source.filters;
  }

  get results(): readonly SubscribeResult[] {
    return this.#source.results;
  }

  get size(): number {
    return this.#source.size;
  }

  get dropped(): number {
    return this.#source.dropped;
  }

  get closed(): boolean {
    return this.#source.closed;
  }

  get error(): AnyMqttError | undefined {
    return this.#source.error;
  }

  ready(options?: WaitOptions): Promise<void> {
    return this.#source.ready(options);
  }

  unsubscribe(options?: WaitOptions): Promise<void> {
    return this.#source.unsubscribe(options);
  }

  async receive(options?: WaitOptions): Promise<TypedMessage<T, M> | undefined> {
    for (;;) {
      const message = await this.#source.receive(options);
      if (message === undefined) return undefined;
      const typed = this.#decoder.decode(message);
      if (typed !== undefined) return typed;
    }
  }

  tryReceive(): TypedMessage<T, M> | undefined {
    for (let message = this.#source.tryReceive(); message !== undefined; message = this.#source.tryReceive()) {
      const typed = this.#decoder.decode(message);
      if (typed !== undefined) return typed;
    }
    return undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<TypedMessage<T, M>, undefined, undefined> {
    return new DecodingIterator(this.#source[Symbol.asyncIterator](), (message) => this.#decoder.decode(message));
  }

  batches(options?: { maximum?: number | undefined }): AsyncIterable<readonly TypedMessage<T, M>[]> {
    const batches = this.#source.batches(options);
    return {
      [Symbol.asyncIterator]: () =>
        new DecodingIterator(batches[Symbol.asyncIterator](), (batch) => {
          const typed = batch.map((message) => this.#decoder.decode(message)).filter((each) => each !== undefined);
          return typed.length === 0 ? undefined : typed;
        }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]();
  }
}

/**
 * An iterator whose items are decoded on the way and left out when they do not. Not an async generator: that would add a turn
 * to each message, and hold `return()` back while a `next()` waits.
 */
class DecodingIterator<A, B> implements AsyncIterator<B, undefined, undefined> {
  readonly #source: AsyncIterator<A, unknown, unknown>;
  readonly #decode: (item: A) => B | undefined;

  constructor(source: AsyncIterator<A, unknown, unknown>, decode: (item: A) => B | undefined) {
    this.#source = source;
    this.#decode = decode;
  }

  async next(): Promise<IteratorResult<B, undefined>> {
    for (;;) {
      const step = await this.#source.next();
      if (step.done === true) return { done: true, value: undefined };
      const value = this.#decode(step.value);
      if (value !== undefined) return { done: false, value };
    }
  }

  async return(): Promise<IteratorResult<B, undefined>> {
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function complain(message: string, error: unknown): void {
  // oxlint-disable-next-line no-console -- the last resort: no failure is silent (design/api.md, "Observing").
  console.error(message, error);
}
