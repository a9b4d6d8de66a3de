// SPDX-License-Identifier: Apache-2.0
//
// From the queue to the session. An entry goes through these states:
//
//   in the queue ──claim──▶ ready ──publish──▶ in flight ──accepted──▶ removing ──removed──▶ gone
//        ▲                                        │ │
//        └──────── waiting for a retry ◀──refused─┘ └──for good──▶ dead letter ──▶ gone
//
// From `ready` to `removing` it may not be evicted. Which entries are where is in under-way.ts; what leads up to "in flight"
// is entry-starter.ts, what ends an exchange and takes up those of an earlier process is here.

import type { Report } from '../api/logger.ts';
import type { Settled } from '../api/publish.ts';
import type { PublisherQueue, QueueEntry } from '../api/queue.ts';
import type { Clock } from '../clock.ts';
import { mqttError } from '../errors.ts';
import type { AnyMqttError } from '../errors.ts';
import type { Producer, ProducerClaim } from '../supervisor/producers.ts';
import { DeadLetters } from './dead-letters.ts';
import { DeathNotices } from './death-notices.ts';
import { Deliveries } from './deliveries.ts';
import { EntryStarter } from './entry-starter.ts';
import { leavesItToTheSession } from './permanence.ts';
import { Persistence } from './persistence.ts';
import type { ResolvedQueueOptions } from './queue-options.ts';
import { QueueTrouble } from './queue-trouble.ts';
import { Retries } from './retries.ts';
import { UnderWay } from './under-way.ts';

/** The client, as the drain sees it. */
export interface DrainSession {
  readonly clock: Clock;
  claim(producer: Producer): ProducerClaim;
  /** Reads the session from its store, if that has not been done. */
  open(): Promise<unknown>;
  readonly report: Report;
}

export class Drain implements Producer {
  readonly deliveries: Deliveries = new Deliveries();
  readonly #options: ResolvedQueueOptions;
  readonly #session: DrainSession;
  readonly #claim: ProducerClaim;
  readonly #persistence: Persistence;
  readonly #retries: Retries;
  readonly #deathNotices: DeathNotices;
  readonly #deadLetters: DeadLetters;
  readonly #underWay: UnderWay;
  readonly #starter: EntryStarter;
  #stopped = false;
  readonly #progress = new Set<() => void>();

  constructor(queue: PublisherQueue, options: ResolvedQueueOptions, session: DrainSession) {
    this.#options = options;
    this.#session = session;
    this.#claim = session.claim(this);
    this.#persistence = new Persistence(queue, session.clock, options.retryBackoff, new QueueTrouble(session.report));
    this.#retries = new Retries(session.clock, options.retryBackoff, () => this.wake());
    const { onDeadLetter } = options;
    const unheard = onDeadLetter === undefined ? session.report : undefined;
    this.#deathNotices = new DeathNotices(this.deliveries, session.clock, unheard);
    this.#deadLetters = new DeadLetters(queue, this.#persistence, onDeadLetter, {
      report: session.report,
      told: (sequence) => this.#deathNotices.give(sequence),
      buried: (sequence) => this.#gone(sequence),
      resting: () => this.progressed(),
    });
    this.#underWay = new UnderWay(options.window);
    this.#starter = new EntryStarter(queue, options, {
      clock: session.clock,
      claim: this.#claim,
      retries: this.#retries,
      underWay: this.#underWay,
      // Of its own: what can be read may still not be changed, and the other way round.
      trouble: new QueueTrouble(session.report),
      endings: {
        isUnderWay: (sequence) => this.#isUnderWay(sequence),
        bury: (sequence, error, marked) => this.#bury(sequence, error, marked),
        failed: (sequence, error) => this.#failed(sequence, error),
        gone: (sequence) => this.#gone(sequence),
      },
    });
  }

  /** What may not be evicted. Changes as entries come and go. */
  get keep(): ReadonlySet<number> {
    return this.#underWay.keep;
  }

  /** Nothing of this publisher is under way. What is in the queue may still be to come. */
  get isIdle(): boolean {
    const waiting = this.#starter.size + this.#retries.size + this.#deadLetters.size;
    return waiting === 0 && this.#underWay.isEmpty;
  }

  /** Something has begun that ends by itself: a dead letter in any case, an exchange while there is a connection. */
  get isEnding(): boolean {
    if (this.#deadLetters.isWorking) return true;
    return this.#claim.isConnected && !this.#underWay.isEmpty;
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
  settled(sequence: number, outcome: Settled): void {
    if (outcome.error !== undefined && leavesItToTheSession(outcome.error)) return;
    if (this.#stopped || this.#underWay.removing.has(sequence) || this.#deadLetters.has(sequence)) return;
    this.#underWay.inFlight.delete(sequence);
    if (outcome.error !== undefined) this.#failed(sequence, outcome.error);
    else void this.#delivered(sequence, outcome);
    this.wake();
  }

  /** There may be something to do. */
  wake(): void {
    this.#starter.wake();
  }

  /** An entry was added. */
  enqueued(): void {
    this.#starter.added();
  }

  /** `evicting` may be marking entries dead: none of those that are fetched meanwhile starts before it is over. */
  expectEviction(evicting: Promise<unknown>): void {
    this.#starter.expectEviction(evicting);
  }

  /** The queue has marked an entry dead to make room for another one. */
  evicted({ sequence, topic }: QueueEntry): void {
    // It is dead in the queue, and so a letter of the next publisher.
    if (this.#stopped) return;
    const text = `The publish to ${JSON.stringify(topic)} made room for a newer one in the full queue`;
    this.#starter.forget(sequence);
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
    this.#starter.stop();
    this.#retries.clear();
    this.#persistence.stopRetrying();
  }

  stop(outcome: Settled): void {
    this.stopStarting();
    this.#stopped = true;
    this.#claim.end();
    this.#deathNotices.giveAll();
    this.deliveries.end(outcome);
    this.progressed();
  }

  /** Exchanges of an earlier process, or of an earlier publisher of this queue; and those that the store does not have. */
  #adopt(): void {
    for (const sequence of this.#underWay.inFlight) {
      const known = this.#claim.adopt(sequence);
      if (known === undefined) this.#startAnew(sequence);
      else if (known !== 'open') this.settled(sequence, known.completed);
    }
    for (const sequence of this.#claim.sequences()) {
      if (this.#isUnderWay(sequence)) continue;
      const known = this.#claim.adopt(sequence);
      if (known === undefined) continue;
      this.#starter.forget(sequence);
      this.#retries.forget(sequence);
      this.#underWay.keep.add(sequence);
      this.#underWay.inFlight.add(sequence);
      if (known !== 'open') this.settled(sequence, known.completed);
    }
  }

  /** The session lost it before it was stored, so before it was sent. */
  #startAnew(sequence: number): void {
    this.#underWay.inFlight.delete(sequence);
    this.#underWay.keep.delete(sequence);
    this.#retries.atOnce(sequence);
  }

  #isUnderWay(sequence: number): boolean {
    return this.#underWay.has(sequence) || this.#deadLetters.has(sequence);
  }

  /** Removed durably first, released by the session then (I-08). */
  async #delivered(sequence: number, outcome: Settled): Promise<void> {
    this.#underWay.removing.add(sequence);
    this.deliveries.settle(sequence, outcome);
    const removed = await this.#persistence.remove(sequence);
    this.#underWay.removing.delete(sequence);
    if (removed) this.#gone(sequence);
    else this.progressed();
  }

  #failed(sequence: number, error: AnyMqttError): void {
    if (error.code === 'MESSAGE_EXPIRED' || this.#options.isPermanent(error)) {
      this.#bury(sequence, error, false);
      return;
    }
    // Known not to be delivered, so the next exchange is a new one; the queue still has the message.
    this.#claim.release(sequence);
    this.#underWay.keep.delete(sequence);
    if (!this.#persistence.isEnding) this.#retries.later(sequence);
    this.progressed();
  }

  /** To the dead letters. Without an error it died in an earlier process. */
  #bury(sequence: number, error: AnyMqttError | undefined, marked: boolean): void {
    this.#retries.settled(sequence);
    if (error !== undefined) this.#deathNotices.add(sequence, error);
    this.#deadLetters.add(sequence, error, marked);
  }

  /** Nothing of it is left in the queue: what the session has of it may go. */
  #gone(sequence: number): void {
    this.#claim.release(sequence);
    this.#underWay.keep.delete(sequence);
    this.#retries.settled(sequence);
    this.wake();
    this.progressed();
  }
}
