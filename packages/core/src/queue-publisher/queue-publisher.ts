// SPDX-License-Identifier: Apache-2.0

import type { Payload, WaitOptions } from '../api/common.ts';
import type { Report } from '../api/logger.ts';
import type { PublisherQueue, QueueEntry, QueueOptions, QueuePublishOptions, QueuedPublish } from '../api/queue.ts';
import { orAborted } from '../abort.ts';
import { type Client, producersOf } from '../client.ts';
import { isMqttError, mqttError, StoreError } from '../errors.ts';
import type { PlainMqttError } from '../errors.ts';
import { checkMethods, invalidOption } from '../options/check.ts';
import { resolveWaitOptions } from '../options/wait-options.ts';
import { Drain } from './drain.ts';
import type { DrainSession } from './drain.ts';
import { errorOfDeadEntry } from './permanence.ts';
import { newEntry, resolveQueueOptions } from './queue-options.ts';
import type { NewEntry, ResolvedQueueOptions } from './queue-options.ts';

/**
 * Publishes over a durable queue: `publish` resolves when the message is in the queue, connected or not, and the publisher
 * delivers it at QoS 1 or 2 whenever the client is connected, over restarts of the process too.
 *
 * - At most `window` messages are in flight, begun in the order of the queue. A message the broker refuses for the moment is
 *   tried again behind later ones; one it refuses for good, one that expires and one that is evicted goes to `onDeadLetter`.
 * - With a durable queue and a durable `store` of the client, used together, a killed process loses nothing that was accepted.
 *   A QoS 2 message is published once while the broker holds the session; a QoS 1 message may be sent again, as QoS 1 means.
 *   When the session is lost, what was in flight is published again: `idempotencyKey` lets receivers tell.
 * - It goes over the client's own connection, never over its `publisherPool`, and is never lowered to QoS 0.
 *
 * Client and queue stay open when the publisher closes. The constructor changes nothing in the queue.
 *
 * @example
 * ```ts
 * const publisher = new QueuePublisher(client, await FilePublisherQueue.open({ directory: 'data/outbox' }), {
 *   onDeadLetter: (entry, error) => console.warn(entry.topic, error.code),
 * });
 * const { id, delivered } = await publisher.publish('meters/7', '42'); // in the queue
 * await delivered(); // with the broker
 * ```
 */
export class QueuePublisher implements AsyncDisposable {
  readonly #client: Client;
  readonly #queue: PublisherQueue;
  readonly #options: ResolvedQueueOptions;
  readonly #drain: Drain;
  /** `enqueue` calls under way. */
  #enqueuing = 0;
  #opened: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Somebody who closes has lost patience. */
  readonly #hurry = new AbortController();

  /**
   * @throws MqttError `INVALID_OPTION` for an unknown or unusable option, and when the queue has a publisher on this client
   * already
   */
  constructor(client: Client, queue: PublisherQueue, options?: QueueOptions) {
    const report: Report = (message, error) => producersOf(client).events.report(message, error);
    this.#options = resolveQueueOptions(options, report);
    checkMethods(queue, 'queue', ['enqueue', 'peek', 'markDead', 'remove', 'close']);
    if (typeof queue.id !== 'string' || queue.id === '') throw invalidOption('queue has no id');
    this.#client = client;
    this.#queue = queue;
    this.#drain = new Drain(queue, this.#options, sessionOf(client, queue.id, report));
    if (client.connected) this.#drain.connected();
  }

  /**
   * Puts a message into the queue. Resolves when that is durable; `delivered()` of the result tells of the rest. With an `id`
   * that is in the queue nothing is added, and the result is the existing message's: a program that does not know whether an
   * earlier call got through repeats it with the same `id`.
   *
   * @param options - as those of `Client.publish`, with `qos` [1] and `id` [random]. `signal` ends the wait; the message may be
   * in the queue all the same.
   * @throws MqttError `QUEUE_FULL`, `QUEUE_CLOSED`, `INVALID_TOPIC`, `INVALID_OPTION`, `FIELD_TOO_LONG`, `TOPIC_ALIAS_INVALID`,
   * `QOS0_NOT_QUEUEABLE`; StoreError when the queue, or the client's store, fails
   */
  async publish(topic: string, payload: Payload, options?: QueuePublishOptions): Promise<QueuedPublish> {
    const entry = newEntry(topic, payload, options, this.#options, Date.now());
    if (this.#closing !== undefined) throw closed();
    const { signal } = options ?? {};
    signal?.throwIfAborted();
    return await orAborted(this.#enqueue(entry), signal);
  }

  /**
   * Resolves when the queue is empty: everything that was put into it before has been delivered or is a dead letter.
   *
   * @throws MqttError `QUEUE_CLOSED` when the publisher closes first; StoreError when the queue cannot be read
   */
  async flush(options?: WaitOptions): Promise<void> {
    const signal = resolveWaitOptions(options, 'flush');
    signal?.throwIfAborted();
    if (this.#closing !== undefined) throw closed();
    // A wait that was aborted looks at the queue no more.
    const over = new AbortController();
    try {
      await orAborted(this.#drained(over.signal), signal);
    } finally {
      over.abort();
      this.#drain.progressed();
    }
  }

  /**
   * Takes no more messages, begins no more exchanges, and waits for those in flight while there is a connection. Without one it
   * leaves them to session and queue at once: the next publisher of this queue goes on with them. A dead letter that
   * `onDeadLetter` has in hand is waited for in any case, or the next publisher would give it again. Calling it again waits
   * for the same.
   *
   * @param options - `signal` ends the wait: the publisher is closed, and what is in flight is left to session and queue.
   */
  async close(options?: WaitOptions): Promise<void> {
    const signal = resolveWaitOptions(options, 'close');
    this.#closing ??= this.#close();
    try {
      await orAborted(this.#closing, signal);
    } catch (error) {
      this.#hurry.abort();
      this.#drain.progressed();
      await this.#closing;
      throw error;
    }
  }

  /** Messages in the queue that are not dead. */
  get size(): number {
    return this.#queue.size;
  }

  /** {@link QueuePublisher.close} */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #enqueue(entry: NewEntry): Promise<QueuedPublish> {
    const { maximumSize, overflow } = this.#options;
    const evicts = overflow === 'dropOldest' && maximumSize !== Number.POSITIVE_INFINITY;
    this.#enqueuing += 1;
    try {
      // an entry whose exchange is in the store looks like any other until the store has been read.
      if (evicts) await this.#sessionRead();
      const enqueuing = (async () =>
        await this.#queue.enqueue(entry, { maximumSize, overflow, keep: this.#drain.keep }))();
      if (evicts) this.#drain.expectEviction(enqueuing.then(({ evicted }) => this.#evicted(evicted)));
      const { entry: stored, existed } = await enqueuing;
      const { sequence, id, dead, topic } = stored;
      const handle = this.#drain.deliveries.handle(sequence, id, dead && { error: errorOfDeadEntry(dead, topic) });
      if (!existed) this.#drain.enqueued();
      return handle;
    } catch (error) {
      throw isMqttError(error) ? error : queueFailed(error, 'unknown');
    } finally {
      this.#enqueuing -= 1;
      this.#drain.progressed();
    }
  }

  /** Always waited for, so that calls stay in order. A store that cannot be read is asked again by the next call. */
  async #sessionRead(): Promise<void> {
    this.#opened ??= this.#drain.open();
    try {
      await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  #evicted(evicted: Awaited<ReturnType<PublisherQueue['enqueue']>>['evicted']): void {
    for (const entry of evicted) this.#drain.evicted(entry);
  }

  async #drained(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      if (this.#closing !== undefined) throw closed();
      // Dead entries of an earlier process are in the queue and not in its size.
      if (this.#isIdle && this.#queue.size === 0) {
        const left = await this.#first();
        if (left === undefined && this.#isIdle) return;
        this.#drain.wake();
      }
      await this.#drain.progress();
    }
  }

  async #first(): Promise<QueueEntry | undefined> {
    try {
      return (await this.#queue.peek(-1, 1))[0];
    } catch (error) {
      throw isMqttError(error) ? error : queueFailed(error);
    }
  }

  get #isIdle(): boolean {
    return this.#drain.isIdle && this.#enqueuing === 0;
  }

  async #close(): Promise<void> {
    this.#drain.stopStarting();
    this.#drain.progressed();
    const unlisten = this.#client.on('stateChange', () => this.#drain.progressed());
    while (!this.#hurry.signal.aborted && this.#drain.isEnding) await this.#drain.progress();
    unlisten();
    const error = mqttError('QUEUE_CLOSED', 'The queue publisher was closed; the message stays in the queue', {
      delivery: 'pending',
    });
    this.#drain.stop({ error });
  }
}

function sessionOf(client: Client, queueId: string, report: Report): DrainSession {
  let producers: ReturnType<typeof producersOf>['producers'];
  try {
    ({ producers } = producersOf(client));
  } catch (cause) {
    throw invalidOption('client must be a Client', cause);
  }
  return {
    clock: producers.clock,
    claim: (producer) => producers.claim(queueId, producer),
    open: async () => await producers.open(),
    report,
  };
}

function queueFailed(cause: unknown, delivery?: 'unknown'): StoreError {
  return new StoreError('The queue has failed', { cause, delivery });
}

function closed(): PlainMqttError {
  return mqttError('QUEUE_CLOSED', 'The queue publisher is closed', { delivery: 'notSent' });
}
