// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { MockInstance } from 'vitest';

import type { Codec, TypedMessage } from './api/codec.ts';
import type { Payload } from './api/common.ts';
import type { PublishOptions } from './api/publish.ts';
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
import { mqttError, SubscribeError } from './errors.ts';
import { Typed } from './typed.ts';

/** Numbers as text; anything else does not decode. */
const numbers: Codec<number> = {
  contentType: 'text/plain',
  payloadFormatIndicator: 1,
  encode: (value) => {
    if (Number.isNaN(value)) throw new RangeError('not a number');
    return new TextEncoder().encode(String(value));
  },
  decode: (payload) => {
    const value = Number(new TextDecoder().decode(payload));
    if (Number.isNaN(value)) throw new RangeError('not a number');
    return value;
  },
};

/** A message as core makes them: state in private fields, so that a copy or a proxy of it would not work. */
class TestMessage implements Message {
  readonly topic = 't';
  readonly qos = 1;
  readonly retain = false;
  readonly dup = false;
  readonly properties = {};
  readonly subscriptionIdentifiers = [];
  readonly packetIdentifier = 1;
  readonly #payload: Uint8Array<ArrayBuffer>;
  #answer: number | undefined;

  constructor(text: string) {
    this.#payload = new TextEncoder().encode(text);
  }

  get payload(): Uint8Array<ArrayBuffer> {
    return this.#payload;
  }

  get acknowledged(): boolean {
    return this.#answer !== undefined;
  }

  get answer(): number | undefined {
    return this.#answer;
  }

  userProperty(): undefined {
    return undefined;
  }

  text(): string {
    return new TextDecoder().decode(this.#payload);
  }

  json<T>(): T {
    return JSON.parse(this.text()) as T;
  }

  ack(reasonCode = 0): void {
    this.#answer ??= reasonCode;
  }

  detach(): this {
    return this;
  }
}

/** A client of one stream that is filled beforehand, and acknowledges as the real one: when the loop asks for the next. */
class TestStream implements Subscription<TestMessage> {
  readonly filters = [{ filter: 't' }];
  readonly results = [{ filter: 't', reasonCode: 1 }];
  readonly dropped = 3;
  readonly error = mqttError('CLOSED', 'ended');
  readonly queue: TestMessage[];
  returned = 0;
  unsubscribed = 0;

  constructor(messages: readonly TestMessage[]) {
    this.queue = [...messages];
  }

  get size(): number {
    return this.queue.length;
  }

  get closed(): boolean {
    return this.unsubscribed > 0;
  }

  async ready(): Promise<void> {
    await Promise.resolve();
  }

  async unsubscribe(): Promise<void> {
    this.unsubscribed++;
    await Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unsubscribe();
  }

  async receive(options?: { signal?: AbortSignal | undefined }): Promise<TestMessage | undefined> {
    options?.signal?.throwIfAborted();
    await Promise.resolve();
    return this.queue.shift();
  }

  tryReceive(): TestMessage | undefined {
    return this.queue.shift();
  }

  [Symbol.asyncIterator](): AsyncIterator<TestMessage, undefined, undefined> {
    return this.#iterate(
      () => this.queue.shift(),
      (message) => message.ack(),
    );
  }

  batches(options?: { maximum?: number | undefined }): AsyncIterable<readonly TestMessage[]> {
    const take = (): TestMessage[] | undefined => {
      const batch = this.queue.splice(0, options?.maximum ?? 2);
      return batch.length === 0 ? undefined : batch;
    };
    return { [Symbol.asyncIterator]: () => this.#iterate(take, (batch) => batch.forEach((message) => message.ack())) };
  }

  #iterate<T>(take: () => T | undefined, settle: (item: T) => void): AsyncIterator<T, undefined, undefined> {
    let inHand: T | undefined;
    return {
      next: async () => {
        await Promise.resolve();
        if (inHand !== undefined) settle(inHand);
        inHand = take();
        return inHand === undefined ? { done: true, value: undefined } : { done: false, value: inHand };
      },
      return: async () => {
        this.returned++;
        await Promise.resolve();
        return { done: true, value: undefined };
      },
    };
  }
}

class TestClient implements PubSub<string, TestMessage> {
  readonly published: { topic: string; payload: Payload; options: PublishOptions | undefined }[] = [];
  readonly seen: { filters: Filters; options: CallbackOptions | undefined }[] = [];
  readonly stream: TestStream;
  handler: MessageHandler<TestMessage> | undefined;

  constructor(...texts: string[]) {
    this.stream = new TestStream(texts.map((text) => new TestMessage(text)));
  }

  async publish(topic: string, payload: Payload, options?: PublishOptions): Promise<string> {
    this.published.push({ topic, payload, options });
    return Promise.resolve('sent');
  }

  async subscribe(filters: Filters, options?: SubscribeOptions): Promise<Subscription<TestMessage>> {
    this.seen.push({ filters, options });
    if (filters === 'refused') throw new SubscribeError('refused', [{ filter: 'refused', reasonCode: 0x87 }]);
    return Promise.resolve(this.stream);
  }

  async subscribeCallback(
    filters: Filters,
    handler: MessageHandler<TestMessage>,
    options?: CallbackOptions,
  ): Promise<SubscriptionHandle> {
    this.seen.push({ filters, options });
    this.handler = handler;
    return Promise.resolve(this.stream);
  }

  declare(filters: Filters, options: CallbackOptions & { handler: MessageHandler<TestMessage> }): SubscriptionHandle;
  declare(filters: Filters, options?: SubscribeOptions): Subscription<TestMessage>;
  declare(filters: Filters, options?: CallbackOptions & { handler?: MessageHandler<TestMessage> }) {
    this.seen.push({ filters, options });
    this.handler = options?.handler;
    return this.stream;
  }
}

describe('Typed.publish (S-086, T-208)', () => {
  test('sends what the codec makes, with its content type and payload format', async () => {
    const client = new TestClient();
    await expect(new Typed(client, numbers).publish('t', 5, { qos: 1 })).resolves.toBe('sent');
    expect(client.published).toEqual([
      {
        topic: 't',
        payload: Uint8Array.of(0x35),
        options: { qos: 1, contentType: 'text/plain', payloadFormatIndicator: 1 },
      },
    ]);
  });

  test('what the caller says wins, undefined says nothing, and options stay as they are', async () => {
    const client = new TestClient();
    const typed = new Typed(client, numbers);
    const options = Object.freeze({ contentType: 'x', payloadFormatIndicator: 0 } as const);
    await typed.publish('t', 5, options);
    await typed.publish('t', 5, { contentType: undefined });
    expect(client.published.map((each) => each.options)).toEqual([
      { contentType: 'x', payloadFormatIndicator: 0 },
      { contentType: 'text/plain', payloadFormatIndicator: 1 },
    ]);
  });

  test('what the codec throws is passed on as it is, as a rejection', async () => {
    const client = new TestClient();
    await expect(new Typed(client, numbers).publish('t', Number.NaN)).rejects.toThrow(new RangeError('not a number'));
    expect(client.published).toEqual([]);
  });
});

describe('a payload that does not decode (V-067)', () => {
  const texts = ['1', 'x', '2', 'y', 'z', '3'];
  let client: TestClient;
  let messages: TestMessage[];
  let failures: string[];
  const onDecodeError = (error: unknown, message: Message): void => {
    // Before the refusal leaves.
    failures.push(`${(error as Error).message}: ${message.text()}, ${message.acknowledged}`);
  };
  const answers = (): (number | undefined)[] => messages.map((message) => message.answer);

  beforeEach(() => {
    client = new TestClient(...texts);
    messages = [...client.stream.queue];
    failures = [];
  });

  test('is reported and refused with 0x99, and the loop goes on', async () => {
    const subscription = await new Typed(client, numbers).subscribe('t', { qos: 1, onDecodeError });
    const values: number[] = [];
    for await (const message of subscription) {
      values.push(message.value);
      expect(message.answer).toBeUndefined();
    }
    expect(values).toEqual([1, 2, 3]);
    expect(answers()).toEqual([0, 0x99, 0, 0x99, 0x99, 0]);
    expect(failures).toEqual(['not a number: x, false', 'not a number: y, false', 'not a number: z, false']);
    // The client refuses options it does not know.
    expect(client.seen).toEqual([{ filters: 't', options: { qos: 1 } }]);
  });

  test('is left out of batches, and a batch of nothing else is not given out', async () => {
    const subscription = await new Typed(client, numbers).subscribe('t', { onDecodeError });
    const batches: number[][] = [];
    for await (const batch of subscription.batches({ maximum: 1 })) batches.push(batch.map((message) => message.value));
    expect(batches).toEqual([[1], [2], [3]]);
    expect(answers()).toEqual([0, 0x99, 0, 0x99, 0x99, 0]);
  });

  test('is passed over by receive and tryReceive', async () => {
    const subscription = new Typed(client, numbers).declare('t', { onDecodeError });
    expect((await subscription.receive())?.value).toBe(1);
    expect((await subscription.receive())?.value).toBe(2);
    expect(subscription.tryReceive()?.value).toBe(3);
    expect(subscription.tryReceive()).toBeUndefined();
    await expect(subscription.receive()).resolves.toBeUndefined();
    // What was taken is its taker's.
    expect(answers()).toEqual([undefined, 0x99, undefined, 0x99, 0x99, undefined]);
  });

  test.each(['subscribeCallback', 'declare'] as const)('never reaches the handler of %s', async (shape) => {
    const typed = new Typed(client, numbers);
    const handled: TypedMessage<number, TestMessage>[] = [];
    const handler = (message: TypedMessage<number, TestMessage>) => handled.push(message);
    const options = { concurrency: 2, onDecodeError };
    if (shape === 'declare') typed.declare('t', { ...options, handler });
    else await typed.subscribeCallback('t', handler, options);
    const returned = messages.map((message) => client.handler?.(message));
    expect(handled.map((message) => message.value)).toEqual([1, 2, 3]);
    expect(returned).toEqual([1, undefined, 2, undefined, undefined, 3]);
    expect(answers()).toEqual([undefined, 0x99, undefined, 0x99, 0x99, undefined]);
    expect(client.seen[0]?.options).toEqual(
      shape === 'declare' ? { concurrency: 2, handler: expect.any(Function) } : { concurrency: 2 },
    );
  });

  describe('without a good listener', () => {
    let written: MockInstance<(...data: unknown[]) => void>;

    beforeEach(() => {
      written = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });

    test('the first of a subscription is written, not each of a flood', async () => {
      const subscription = await new Typed(client, numbers).subscribe('t');
      for await (const message of subscription) expect(message.value).toBeGreaterThan(0);
      expect(written).toHaveBeenCalledTimes(1);
      expect(written).toHaveBeenCalledWith(expect.stringContaining('onDecodeError'), new RangeError('not a number'));
    });

    test('one that throws does not end the stream either', async () => {
      const throwing = () => {
        throw new Error('broken listener');
      };
      const subscription = await new Typed(client, numbers).subscribe('t', { onDecodeError: throwing });
      const values: number[] = [];
      for await (const message of subscription) values.push(message.value);
      expect(values).toEqual([1, 2, 3]);
      expect(answers()[1]).toBe(0x99);
      expect(written).toHaveBeenCalledTimes(3);
    });
  });
});

describe('a typed message', () => {
  test('is the message with its value: methods, getters and detach() work on', async () => {
    const client = new TestClient('7');
    const subscription = await new Typed(client, numbers).subscribe('t');
    const message = await subscription.receive();
    expect(message?.value).toBe(7);
    expect(message?.text()).toBe('7');
    message?.ack(0x83);
    expect(message?.acknowledged).toBe(true);
    expect(message?.detach()).toBe(message);
    expect(message).toBeInstanceOf(TestMessage);
  });

  test('put back and taken again it decodes again', async () => {
    const client = new TestClient('7');
    const [message] = client.stream.queue;
    const subscription = await new Typed(client, numbers).subscribe('t');
    expect(subscription.tryReceive()?.value).toBe(7);
    if (message !== undefined) client.stream.queue.push(message);
    expect(subscription.tryReceive()?.value).toBe(7);
  });
});

describe('a typed subscription', () => {
  test('shows what the one below it is', async () => {
    const client = new TestClient('1', '2');
    const subscription = new Typed(client, numbers).declare('t');
    expect(subscription).toMatchObject({
      filters: [{ filter: 't' }],
      results: [{ filter: 't', reasonCode: 1 }],
      size: 2,
      dropped: 3,
    });
    expect(subscription.closed).toBe(false);
    expect(subscription.error).toBe(client.stream.error);
    await subscription.ready();
    await subscription.unsubscribe();
    await subscription[Symbol.asyncDispose]();
    expect(client.stream.unsubscribed).toBe(2);
    expect(subscription.closed).toBe(true);
  });

  test('leaves nothing behind: leaving the loop leaves the loop below, and nothing is taken in advance (V-066, T-209)', async () => {
    const client = new TestClient('1', '2', '3');
    const subscription = await new Typed(client, numbers).subscribe('t');
    for await (const message of subscription) {
      if (message.value === 2) break;
    }
    expect(client.stream.returned).toBe(1);
    expect(client.stream.size).toBe(1);
  });

  test('a refusal is passed on as it is (T-191)', async () => {
    const typed = new Typed(new TestClient(), numbers);
    await expect(typed.subscribe('refused')).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  });

  test('a signal reaches the wait below', async () => {
    const subscription = await new Typed(new TestClient(), numbers).subscribe('t');
    const reason = new Error('enough');
    await expect(subscription.receive({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

test('a client, codec, handler or listener that is none is INVALID_OPTION', async () => {
  const client = new TestClient();
  const invalid = expect.objectContaining({ code: 'INVALID_OPTION' });
  expect(() => new Typed({} as TestClient, numbers)).toThrow(invalid);
  expect(() => new Typed(client, { encode: () => new Uint8Array() } as unknown as Codec<number>)).toThrow(invalid);
  const typed = new Typed(client, numbers);
  expect(() => typed.declare('t', { onDecodeError: 'log' as never })).toThrow(invalid);
  await expect(typed.subscribeCallback('t', 'handler' as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  expect(client.seen).toEqual([]);
});
