// SPDX-License-Identifier: Apache-2.0
//
// What starts entries: reads ahead in the queue, claims as many as the window has room for, and gives them to the session. What
// is claimed may not be evicted; an eviction that was decided before, and is still being written, has to come to light
// before the entry starts.

import type { PublishOptions } from '../api/publish.ts';
import type { PublisherQueue, QueueEntry } from '../api/queue.ts';
import type { Clock, Scheduled } from '../clock.ts';
import { isMqttError, mqttError } from '../errors.ts';
import type { AnyMqttError } from '../errors.ts';
import type { ProducerClaim } from '../supervisor/producers.ts';
import { isBusy } from './permanence.ts';
import type { ResolvedQueueOptions } from './queue-options.ts';
import type { QueueTrouble } from './queue-trouble.ts';
import type { Retries } from './retries.ts';
import type { UnderWay } from './under-way.ts';

/** Largest Message Expiry Interval (§3.3.2.3.3). Unit: seconds. */
const LONGEST_EXPIRY = 0xffff_ffff;

/** What an entry is started with. */
export interface StarterParts {
  readonly clock: Clock;
  readonly claim: ProducerClaim;
  readonly retries: Retries;
  readonly underWay: UnderWay;
  readonly endings: Endings;
  readonly trouble: QueueTrouble;
}

/** What becomes of entries that do not start. */
export interface Endings {
  /** It has been started, or is a dead letter. */
  isUnderWay(sequence: number): boolean;
  /** It will not be delivered. Without an error it died in an earlier process; `marked`: the queue knows. */
  bury(sequence: number, error: AnyMqttError | undefined, marked: boolean): void;
  /** The client has refused it. */
  failed(sequence: number, error: AnyMqttError): void;
  /** It is not in the queue any more. */
  gone(sequence: number): void;
}

export class EntryStarter {
  readonly #queue: PublisherQueue;
  readonly #options: ResolvedQueueOptions;
  readonly #clock: Clock;
  readonly #claim: ProducerClaim;
  readonly #retries: Retries;
  readonly #underWay: UnderWay;
  readonly #endings: Endings;
  readonly #trouble: QueueTrouble;
  /** Read from the queue and not claimed, oldest first: one look at the queue for a window of messages. */
  #ahead: QueueEntry[] = [];
  /** Claimed and about to start. */
  #ready: QueueEntry[] = [];
  #starting = true;
  /** Everything up to here has been read once. */
  #cursor = -1;
  /** The queue had nothing behind the cursor when it was last asked. */
  #exhausted = false;
  readonly #evictions = new Set<Promise<void>>();
  #filling = false;
  #fillAgain = false;
  #busyTimer: Scheduled | undefined;

  constructor(queue: PublisherQueue, options: ResolvedQueueOptions, parts: StarterParts) {
    this.#queue = queue;
    this.#options = options;
    this.#clock = parts.clock;
    this.#claim = parts.claim;
    this.#retries = parts.retries;
    this.#underWay = parts.underWay;
    this.#endings = parts.endings;
    this.#trouble = parts.trouble;
  }

  /** Entries in hand that have not been started. */
  get size(): number {
    return this.#ahead.length + this.#ready.length;
  }

  /** There may be something to do. */
  wake(): void {
    this.#fillAgain = true;
    if (!this.#filling) void this.#fillWindow();
  }

  /** An entry was added. */
  added(): void {
    this.#exhausted = false;
    this.wake();
  }

  /** `evicting` may be marking entries dead: none of those that are fetched meanwhile starts before it is over. */
  expectEviction(evicting: Promise<unknown>): void {
    const end = (): void => {
      this.#evictions.delete(over);
    };
    const over: Promise<void> = evicting.then(end, end);
    this.#evictions.add(over);
  }

  /** It is not to be started. */
  forget(sequence: number): void {
    this.#underWay.keep.delete(sequence);
    this.#ahead = this.#ahead.filter((entry) => entry.sequence !== sequence);
    this.#ready = this.#ready.filter((entry) => entry.sequence !== sequence);
  }

  /** Starts nothing more: what is not in flight stays the queue's. */
  stop(): void {
    this.#starting = false;
    this.#ahead = [];
    this.#ready = [];
    this.#busyTimer?.cancel();
    this.#busyTimer = undefined;
  }

  async #fillWindow(): Promise<void> {
    this.#filling = true;
    try {
      while (this.#fillAgain) {
        this.#fillAgain = false;
        while (this.#mayStart && (await this.#makeReady())) this.#startReady();
      }
    } catch (error) {
      if (this.#trouble.passes(error)) this.#lookAgainLater();
    } finally {
      this.#filling = false;
    }
  }

  get #mayStart(): boolean {
    return this.#starting && this.#claim.isConnected && this.#busyTimer === undefined && this.#underWay.room > 0;
  }

  /** False when there is nothing to start. */
  async #makeReady(): Promise<boolean> {
    // Most of the time there is neither a retry nor an eviction: no turn is spent on them.
    if (this.#ready.length === 0 && this.#retries.due() !== undefined) await this.#claimDue();
    if (this.#ready.length === 0) {
      if (this.#ahead.length === 0 && !this.#exhausted) await this.#readAhead();
      this.#claimNext();
      if (this.#evictions.size > 0) await this.#evictionsOver();
    }
    return this.#ready.length > 0;
  }

  /** Those that were refused for the moment, and whose time has come: they have waited, and go first. */
  async #claimDue(): Promise<void> {
    for (
      let due = this.#retries.due();
      due !== undefined && this.#ready.length < this.#underWay.room;
      due = this.#retries.due()
    ) {
      this.#underWay.keep.add(due);
      await this.#evictionsOver();
      const [entry] = await this.#queue.peek(due - 1, 1);
      if (!this.#retries.has(due)) continue; // Evicted, or adopted, meanwhile.
      this.#retries.forget(due);
      if (entry?.sequence === due && entry.dead === undefined) this.#ready.push(entry);
      else this.#missing(due, entry);
    }
  }

  /** It should be in the queue, alive, and is not: somebody else has had the queue. */
  #missing(sequence: number, entry: QueueEntry | undefined): void {
    if (entry?.sequence === sequence) this.#endings.bury(sequence, undefined, true);
    else this.#endings.gone(sequence);
  }

  /** The next ones of the queue, as many as may start now. */
  #claimNext(): void {
    const claimed = this.#ahead.splice(0, this.#underWay.room);
    for (const { sequence } of claimed) this.#underWay.keep.add(sequence);
    this.#ready.push(...claimed);
  }

  async #readAhead(): Promise<void> {
    while (this.#ahead.length === 0 && !this.#exhausted) {
      const found = await this.#look();
      this.#cursor = found.at(-1)?.sequence ?? this.#cursor;
      for (const entry of found) {
        const { sequence, dead } = entry;
        if (this.#endings.isUnderWay(sequence) || this.#retries.has(sequence)) continue;
        if (dead !== undefined) this.#endings.bury(sequence, undefined, true);
        else this.#ahead.push(entry);
      }
    }
  }

  async #look(): Promise<readonly QueueEntry[]> {
    // Set first: what is added during the look unsets it.
    this.#exhausted = true;
    try {
      const found = await this.#queue.peek(this.#cursor, this.#options.window);
      this.#trouble.over();
      if (found.length > 0) this.#exhausted = false;
      return found;
    } catch (error) {
      // Nobody has seen the end of the queue.
      this.#exhausted = false;
      throw error;
    }
  }

  /** Not for long: one step of the queue each. */
  async #evictionsOver(): Promise<void> {
    await Promise.all(this.#evictions);
  }

  #startReady(): void {
    while (this.#mayStart) {
      const entry = this.#ready.shift();
      if (entry === undefined) return;
      this.#start(entry);
    }
    // The connection has gone, or the client has no place: they wait in the queue like all others.
    for (const { sequence } of this.#ready) this.#underWay.keep.delete(sequence);
    this.#ahead.unshift(...this.#ready.splice(0));
  }

  #start(entry: QueueEntry): void {
    const { sequence, topic, payload } = entry;
    if (this.#endings.isUnderWay(sequence)) return;
    const now = Date.now();
    if (entry.expiresAt !== undefined && entry.expiresAt <= now) {
      const text = `The publish to ${JSON.stringify(topic)} was not sent within its lifetime`;
      this.#endings.bury(sequence, mqttError('MESSAGE_EXPIRED', text, { delivery: 'notSent' }), false);
      return;
    }
    this.#underWay.inFlight.add(sequence);
    try {
      this.#claim.publish(sequence, topic, payload, publishOptions(entry, now));
    } catch (error) {
      this.#underWay.inFlight.delete(sequence);
      if (!isMqttError(error)) throw error;
      if (!isBusy(error)) {
        this.#endings.failed(sequence, error);
        return;
      }
      this.#ready.unshift(entry);
      // Without a connection `connected` is the sign to go on.
      if (this.#claim.isConnected) this.#lookAgainLater();
    }
  }

  /** The client, or the queue, has no place or no answer at the moment. */
  #lookAgainLater(): void {
    this.#busyTimer?.cancel();
    this.#busyTimer = undefined;
    if (!this.#starting) return;
    this.#busyTimer = this.#clock.setTimer(this.#options.retryBackoff(1), () => {
      this.#busyTimer = undefined;
      this.wake();
    });
  }
}

/**
 * With the lifetime that is left, in whole seconds, rounded up: a message is not to die early for a fraction. Never more than it
 * was given: the clock may have been set back since.
 */
function publishOptions(entry: QueueEntry, now: number): PublishOptions {
  const { enqueuedAt, expiresAt, options } = entry;
  const qos = options.qos ?? 1;
  if (expiresAt === undefined) return { ...options, qos };
  const seconds = Math.max(1, Math.ceil((expiresAt - Math.max(now, enqueuedAt)) / 1000));
  return { ...options, qos, messageExpiryInterval: Math.min(seconds, LONGEST_EXPIRY) };
}
