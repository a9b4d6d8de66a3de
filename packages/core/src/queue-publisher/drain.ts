// SPDX-License-Identifier: Apache-2.0
//
// From the queue to the session. An entry goes through these states:
//
//   in the queue ──claim──▶ ready ──publish──▶ in flight ──accepted──▶ removing ──removed──▶ gone
//        ▲                                        │ │
//        └──────── waiting for a retry ◀──refused─┘ └──for good──▶ dead letter ──▶ gone
//
// From `ready` to `removing` it may not be evicted: its sequence is in `keep`, the very set that `enqueue` is given. An
// eviction that was decided before an entry was claimed, and is still being written, has to come to light before it starts.

import type { PublishOptions, Settled } from '../api/publish.ts';
import type { PublisherQueue, QueueEntry } from '../api/queue.ts';
import type { Clock } from '../clock.ts';
import { isMqttError, mqttError } from '../errors.ts';
import type { AnyMqttError } from '../errors.ts';
import type { Producer, ProducerClaim } from '../supervisor/producers.ts';
import { DeadLetters } from './dead-letters.ts';
import { Deliveries } from './deliveries.ts';
import { isBusy, leavesItToTheSession } from './permanence.ts';
import { Persistence } from './persistence.ts';
import type { ResolvedQueueOptions } from './queue-options.ts';
import { delayOf, Retries } from './retries.ts';

/** How long `delivered()` waits for `onDeadLetter` to be called. */
const PATIENCE_MS = 100;
/** Largest Message Expiry Interval (§3.3.2.3.3). Unit: seconds. */
const LONGEST_EXPIRY = 0xffff_ffff;

/** The client, as the drain sees it. */
export interface DrainSession {
  readonly clock: Clock;
  claim(producer: Producer): ProducerClaim;
  /** Reads the session from its store, if that has not been done. */
  open(): Promise<unknown>;
}

export class Drain implements Producer {
  readonly deliveries: Deliveries = new Deliveries();
  readonly #queue: PublisherQueue;
  readonly #options: ResolvedQueueOptions;
  readonly #session: DrainSession;
  readonly #claim: ProducerClaim;
  readonly #persistence: Persistence;
  readonly #retries: Retries;
  readonly #deadLetters: DeadLetters;
  readonly #keep = new Set<number>();
  readonly #inFlight = new Set<number>();
  /** The broker has them; their removal from the queue is not durable yet. */
  readonly #removing = new Set<number>();
  /** Why an entry died, until somebody has been told. */
  readonly #untold = new Map<number, { readonly error: AnyMqttError; readonly cancelTimer: () => void }>();
  /** Read from the queue and not claimed, oldest first: one look at the queue for a window of messages. */
  #ahead: QueueEntry[] = [];
  /** Claimed and about to start. */
  #ready: QueueEntry[] = [];
  #starting = true;
  #stopped = false;
  /** Everything up to here has been read once. */
  #cursor = -1;
  /** The queue had nothing behind the cursor when it was last asked. */
  #exhausted = false;
  readonly #evictions = new Set<Promise<void>>();
  #filling = false;
  #fillAgain = false;
  #cancelBusyTimer: (() => void) | undefined;
  readonly #progress = new Set<() => void>();

  constructor(queue: PublisherQueue, options: ResolvedQueueOptions, session: DrainSession) {
    this.#queue = queue;
    this.#options = options;
    this.#session = session;
    this.#claim = session.claim(this);
    this.#persistence = new Persistence(queue, session.clock, options.retryBackoff);
    this.#retries = new Retries(session.clock, options.retryBackoff, () => this.wake());
    this.#deadLetters = new DeadLetters(queue, this.#persistence, options.onDeadLetter, {
      told: (sequence) => this.#tell(sequence),
      buried: (sequence) => this.#gone(sequence),
      resting: () => this.progressed(),
    });
  }

  /** What may not be evicted. Changes as entries come and go. */
  get keep(): ReadonlySet<number> {
    return this.#keep;
  }

  /** Nothing of this publisher is under way. What is in the queue may still be to come. */
  get isIdle(): boolean {
    const waiting = this.#ahead.length + this.#ready.length + this.#retries.size + this.#deadLetters.size;
    return waiting === 0 && this.#inFlight.size === 0 && this.#removing.size === 0;
  }

  /** Something has begun that ends by itself: a dead letter in any case, an exchange while there is a connection. */
  get isEnding(): boolean {
    if (this.#deadLetters.isWorking) return true;
    return this.#claim.isConnected && (this.#inFlight.size > 0 || this.#removing.size > 0);
  }

  /**
   * Takes over what the session has of this queue. Before it has, no entry may be evicted: its exchange may be in the store.
   */
  async open(): Promise<void> {
    await this.#session.open();
    this.#adopt();
  }

  /** Called by the client: there is a connection. */
  connected(): void {
    this.#adopt();
    this.wake();
  }

  /** Called by the client: the exchange of an entry is over. The session remembers it until `release`. */
  settled({ sequence }: { readonly sequence: number }, outcome: Settled): void {
    if (outcome.error !== undefined && leavesItToTheSession(outcome.error)) return;
    if (this.#stopped || this.#removing.has(sequence) || this.#deadLetters.has(sequence)) return;
    this.#inFlight.delete(sequence);
    if (outcome.error !== undefined) this.#failed(sequence, outcome.error);
    else void this.#delivered(sequence, outcome);
    this.wake();
  }

  /** There may be something to do. */
  wake(): void {
    this.#fillAgain = true;
    if (!this.#filling) void this.#fillWindow();
  }

  /** An entry was added. */
  enqueued(): void {
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

  /** The queue has marked an entry dead to make room for another one. */
  evicted({ sequence, topic }: QueueEntry): void {
    // It is dead in the queue, and so a letter of the next publisher.
    if (this.#stopped) return;
    const text = `The publish to ${JSON.stringify(topic)} made room for a newer one in the full queue`;
    this.#forget(sequence);
    this.#bury(sequence, mqttError('QUEUE_EVICTED', text, { delivery: 'notSent' }), true);
  }

  /** Resolves when something has come to an end, or `stop` was called. */
  async progress(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#progress.add(resolve);
    });
  }

  /** Looks again at whatever waits for progress. */
  progressed(): void {
    const waiting = [...this.#progress];
    this.#progress.clear();
    for (const resolve of waiting) resolve();
  }

  /** Starts nothing more. What is in flight stays the session's, what is not stays the queue's. */
  stopStarting(): void {
    this.#starting = false;
    this.#ahead = [];
    this.#ready = [];
    this.#retries.clear();
    this.#persistence.stopRetrying();
    this.#cancelBusyTimer?.();
    this.#cancelBusyTimer = undefined;
  }

  stop(outcome: Settled): void {
    this.stopStarting();
    this.#stopped = true;
    this.#claim.end();
    for (const sequence of this.#untold.keys()) this.#tell(sequence);
    this.deliveries.end(outcome);
    this.progressed();
  }

  /** Exchanges of an earlier process, or of an earlier publisher of this queue; and those that the store does not have. */
  #adopt(): void {
    for (const sequence of this.#inFlight) {
      const known = this.#claim.adopt(this.#ref(sequence));
      if (known === undefined) this.#startAnew(sequence);
      else if (known !== 'open') this.settled({ sequence }, known.completed);
    }
    for (const { sequence } of this.#claim.refs()) {
      if (this.#isUnderWay(sequence)) continue;
      const known = this.#claim.adopt(this.#ref(sequence));
      if (known === undefined) continue;
      this.#forget(sequence);
      this.#retries.forget(sequence);
      this.#keep.add(sequence);
      this.#inFlight.add(sequence);
      if (known !== 'open') this.settled({ sequence }, known.completed);
    }
  }

  /** The session lost it before it was stored, so before it was sent. */
  #startAnew(sequence: number): void {
    this.#inFlight.delete(sequence);
    this.#keep.delete(sequence);
    this.#retries.atOnce(sequence);
  }

  /** It is not to be started. */
  #forget(sequence: number): void {
    this.#keep.delete(sequence);
    this.#ahead = this.#ahead.filter((entry) => entry.sequence !== sequence);
    this.#ready = this.#ready.filter((entry) => entry.sequence !== sequence);
  }

  #isUnderWay(sequence: number): boolean {
    return this.#inFlight.has(sequence) || this.#removing.has(sequence) || this.#deadLetters.has(sequence);
  }

  // -- Starting

  async #fillWindow(): Promise<void> {
    this.#filling = true;
    try {
      while (this.#fillAgain) {
        this.#fillAgain = false;
        while (this.#mayStart && (await this.#makeReady())) this.#startReady();
      }
    } catch (error) {
      // It may be the queue's disk. A queue that was closed does not come back.
      if (!isMqttError(error) || error.code !== 'QUEUE_CLOSED') this.#lookAgainLater();
    } finally {
      this.#filling = false;
    }
  }

  get #mayStart(): boolean {
    return this.#starting && this.#claim.isConnected && this.#cancelBusyTimer === undefined && this.#room > 0;
  }

  get #room(): number {
    const { window } = this.#options;
    // A queue that is slow to remove must not let the session fill with what is over.
    if (this.#removing.size >= 4 * window + 64) return 0;
    return window - this.#inFlight.size;
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
      due !== undefined && this.#ready.length < this.#room;
      due = this.#retries.due()
    ) {
      this.#keep.add(due);
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
    if (entry?.sequence === sequence) this.#bury(sequence, undefined, true);
    else this.#gone(sequence);
  }

  /** The next ones of the queue, as many as may start now. */
  #claimNext(): void {
    const claimed = this.#ahead.splice(0, this.#room);
    for (const { sequence } of claimed) this.#keep.add(sequence);
    this.#ready.push(...claimed);
  }

  async #readAhead(): Promise<void> {
    while (this.#ahead.length === 0 && !this.#exhausted) {
      const found = await this.#look();
      this.#cursor = found.at(-1)?.sequence ?? this.#cursor;
      for (const entry of found) {
        const { sequence, dead } = entry;
        if (this.#isUnderWay(sequence) || this.#retries.has(sequence)) continue;
        if (dead !== undefined) this.#bury(sequence, undefined, true);
        else this.#ahead.push(entry);
      }
    }
  }

  async #look(): Promise<readonly QueueEntry[]> {
    // Set first: what is added during the look unsets it.
    this.#exhausted = true;
    try {
      const found = await this.#queue.peek(this.#cursor, this.#options.window);
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
    for (const { sequence } of this.#ready) this.#keep.delete(sequence);
    this.#ahead.unshift(...this.#ready.splice(0));
  }

  #start(entry: QueueEntry): void {
    const { sequence, topic, payload } = entry;
    if (this.#isUnderWay(sequence)) return;
    const now = Date.now();
    if (entry.expiresAt !== undefined && entry.expiresAt <= now) {
      const text = `The publish to ${JSON.stringify(topic)} was not sent within its lifetime`;
      this.#bury(sequence, mqttError('MESSAGE_EXPIRED', text, { delivery: 'notSent' }), false);
      return;
    }
    this.#inFlight.add(sequence);
    try {
      this.#claim.publish(this.#ref(sequence), topic, payload, publishOptions(entry, now));
    } catch (error) {
      this.#inFlight.delete(sequence);
      if (!isMqttError(error)) throw error;
      if (!isBusy(error)) {
        this.#failed(sequence, error);
        return;
      }
      this.#ready.unshift(entry);
      // Without a connection `connected` is the sign to go on.
      if (this.#claim.isConnected) this.#lookAgainLater();
    }
  }

  /** The client, or the queue, has no place or no answer at the moment. */
  #lookAgainLater(): void {
    this.#cancelBusyTimer?.();
    this.#cancelBusyTimer = undefined;
    if (!this.#starting) return;
    this.#cancelBusyTimer = this.#session.clock.setTimer(delayOf(this.#options.retryBackoff, 1), () => {
      this.#cancelBusyTimer = undefined;
      this.wake();
    });
  }

  // -- Ending

  /** Removed durably first, released by the session then (I-08). */
  async #delivered(sequence: number, outcome: Settled): Promise<void> {
    this.#removing.add(sequence);
    this.deliveries.settle(sequence, outcome);
    const removed = await this.#persistence.remove(sequence);
    this.#removing.delete(sequence);
    if (removed) this.#gone(sequence);
    else this.progressed();
  }

  #failed(sequence: number, error: AnyMqttError): void {
    if (error.code === 'MESSAGE_EXPIRED' || this.#options.isPermanent(error)) {
      this.#bury(sequence, error, false);
      return;
    }
    // Known not to be delivered, so the next exchange is a new one; the queue still has the message.
    this.#claim.release(this.#ref(sequence));
    this.#keep.delete(sequence);
    if (this.#starting) this.#retries.later(sequence);
    this.progressed();
  }

  /** To the dead letters. Without an error it died in an earlier process. */
  #bury(sequence: number, error: AnyMqttError | undefined, marked: boolean): void {
    this.#retries.settled(sequence);
    if (error !== undefined && !this.#untold.has(sequence)) {
      const cancelTimer = this.#session.clock.setTimer(PATIENCE_MS, () => this.#tell(sequence));
      this.#untold.set(sequence, { error, cancelTimer });
    }
    this.#deadLetters.add(sequence, error, marked);
  }

  /**
   * `onDeadLetter` hears first, so that a program that has heard from `delivered()` finds it done; but nobody waits long for
   * the letters before his own.
   */
  #tell(sequence: number): void {
    const untold = this.#untold.get(sequence);
    if (untold === undefined) return;
    const { error, cancelTimer } = untold;
    this.#untold.delete(sequence);
    cancelTimer();
    const heard = this.deliveries.settle(sequence, { error });
    if (!heard && this.#options.onDeadLetter === undefined)
      // oxlint-disable-next-line no-console -- no failure is silent (design/api.md, "Observing")
      console.error(
        'mqtt: a queued message will not be delivered, and neither onDeadLetter nor delivered() listens',
        error,
      );
  }

  /** Nothing of it is left in the queue: what the session has of it may go. */
  #gone(sequence: number): void {
    this.#claim.release(this.#ref(sequence));
    this.#keep.delete(sequence);
    this.#retries.settled(sequence);
    this.wake();
    this.progressed();
  }

  #ref(sequence: number): { readonly queueId: string; readonly sequence: number } {
    return { queueId: this.#queue.id, sequence };
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
