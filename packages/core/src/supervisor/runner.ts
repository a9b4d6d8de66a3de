// SPDX-License-Identifier: Apache-2.0
//
// Carries out what the session engine decides. Without a store a decision is carried out in the call that makes it. With one,
// stored-before-sent is enforced here and nowhere else:
//
//   turn n     engine decides:  persist A, send a, persist B, settle b, send c
//   microtask  store.commit([A, B])            one atomic batch a turn ("group commit")
//   then       send a, settle b, send c        in the order in which they were decided
//
// Whatever is decided while a commit is under way joins the next batch. What a batch releases belongs to the connection on
// which it was decided: if that has ended, its packets are dropped and resumption decides anew.

import type { PublishPacket, Packet } from '@mqttv5/wire';
import type { SessionOperation, SessionStore } from '../api/store.ts';
import type { ClientStats } from '../api/stats.ts';
import type { Link } from '../connection/link.ts';
import type { Counters } from '../stats.ts';
import type {
  ControlRequest,
  InboundExchange,
  PublishExchange,
  PublishOutcome,
  RequestOutcome,
  SessionEffects,
} from '../session/effects.ts';

/** Where effects end that are neither packets nor records. */
export interface RunnerTargets {
  deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void;
  publishSettled(exchange: PublishExchange, outcome: PublishOutcome): void;
  requestSettled(request: ControlRequest, outcome: RequestOutcome): void;
  violation(reasonCode: number, detail: string): void;
  /** Held packets have gone out and the connection has room. */
  room(): void;
  /** The first record of these new publishes could not be stored; everything else of their batch could. */
  firstPutsFailed(exchanges: readonly PublishExchange[], cause: unknown): void;
  /** The store failed for good: the client stops as in a crash. `unsettled` have left the engine and not been settled. */
  storeFailed(cause: unknown, unsettled: readonly PublishExchange[]): void;
}

/** What a commit lets go, in the order in which it was decided. */
type Release =
  | {
      readonly type: 'send';
      readonly link: Link;
      readonly packet: Packet;
      readonly exchange: PublishExchange | undefined;
      readonly bytes: number;
    }
  | { readonly type: 'settle'; readonly exchange: PublishExchange; readonly outcome: PublishOutcome };

interface Batch {
  readonly operations: SessionOperation[];
  /** New publishes of this batch, with the index of their first record. */
  readonly firstPuts: Map<PublishExchange, number>;
  readonly releases: Release[];
}

/** Fixed header, identifiers and properties of a held packet, guessed: the mark is a mark, not a measure. */
const HELD_PACKET_OVERHEAD = 64;

export class SessionRunner implements SessionEffects {
  readonly #store: SessionStore | undefined;
  readonly #targets: RunnerTargets;
  readonly #counters: Counters;
  readonly #writeHighWaterMark: number;
  #link: Link | undefined;
  /** Decided in this turn, or while `#committing` runs. */
  #staged: Batch | undefined;
  #committing: Promise<void> | undefined;
  #heldBytes = 0;
  /** `send` has said "no room" because of held bytes: the link, which has seen none of them, will not say when there is room. */
  #toldFull = false;
  #dead = false;

  constructor(store: SessionStore | undefined, targets: RunnerTargets, counters: Counters, writeHighWaterMark: number) {
    this.#store = store;
    this.#targets = targets;
    this.#counters = counters;
    this.#writeHighWaterMark = writeHighWaterMark;
  }

  bind(link: Link): void {
    this.#link = link;
  }

  unbind(): void {
    this.#link = undefined;
  }

  /** Resolves when everything decided so far is in the store, and at once (undefined) when it is already. */
  committed(): Promise<void> | undefined {
    if (this.#staged === undefined) return this.#committing;
    // The batch of this turn begins when its microtask runs, behind the one under way.
    return (async () => {
      while (this.#staged !== undefined || this.#committing !== undefined)
        await (this.#committing ?? Promise.resolve());
    })();
  }

  /** Nothing is stored or sent any more: the engine behind it is being thrown away. */
  kill(): void {
    this.#dead = true;
    this.#staged = undefined;
    this.#link = undefined;
  }

  send(packet: Packet, exchange?: PublishExchange): boolean {
    const link = this.#link;
    // One that is being ended takes nothing more: what goes there is not written.
    if (link === undefined || link.closed) return false;
    if (this.#staged === undefined && this.#committing === undefined) {
      exchange?.markWritten();
      return link.send(packet);
    }
    const bytes =
      HELD_PACKET_OVERHEAD + (packet.type === 'publish' ? packet.payload.length + packet.topicName.length : 0);
    this.#heldBytes += bytes;
    this.#batch().releases.push({ type: 'send', link, packet, exchange, bytes });
    if (link.unsentBytes + this.#heldBytes < this.#writeHighWaterMark) return true;
    this.#toldFull = true;
    return false;
  }

  persist(operation: SessionOperation, firstPutOf?: PublishExchange): void {
    if (this.#dead) return;
    const batch = this.#batch();
    if (firstPutOf) batch.firstPuts.set(firstPutOf, batch.operations.length);
    batch.operations.push(operation);
  }

  deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void {
    this.#targets.deliver(packet, topic, exchange);
  }

  settlePublish(exchange: PublishExchange, outcome: PublishOutcome): void {
    const held = !this.#dead && (this.#staged !== undefined || this.#committing !== undefined);
    if (!held) this.#targets.publishSettled(exchange, outcome);
    else this.#batch().releases.push({ type: 'settle', exchange, outcome });
  }

  settleRequest(request: ControlRequest, outcome: RequestOutcome): void {
    this.#targets.requestSettled(request, outcome);
  }

  violation(reasonCode: number, detail: string): void {
    this.#targets.violation(reasonCode, detail);
  }

  count(counter: keyof ClientStats, by = 1): void {
    this.#counters[counter] += by;
  }

  #batch(): Batch {
    if (this.#staged !== undefined) return this.#staged;
    this.#staged = { operations: [], firstPuts: new Map(), releases: [] };
    // While a commit runs, its end begins the next one.
    if (this.#committing === undefined) queueMicrotask(() => this.#commitStaged());
    return this.#staged;
  }

  #commitStaged(): void {
    const batch = this.#staged;
    if (batch === undefined || this.#committing !== undefined || this.#dead) return;
    this.#staged = undefined;
    let stored: void | Promise<void>;
    try {
      stored = batch.operations.length > 0 ? this.#store?.commit(batch.operations) : undefined;
      stored = stored?.catch((error: unknown) => this.#retryWithoutFirstPuts(batch, error));
    } catch (error) {
      stored = this.#retryWithoutFirstPuts(batch, error);
    }
    if (stored === undefined) this.#release(batch);
    else this.#committing = this.#finish(batch, stored);
  }

  async #finish(batch: Batch, stored: Promise<void>): Promise<void> {
    try {
      await stored;
    } catch (error) {
      this.#fail(batch, error);
      return;
    } finally {
      this.#committing = undefined;
    }
    this.#release(batch);
    this.#commitStaged();
  }

  /** A full disk refuses what is new; what shrinks or finishes may still fit. One more try without the new, then it is final. */
  async #retryWithoutFirstPuts(batch: Batch, error: unknown): Promise<void> {
    if (batch.firstPuts.size === 0) throw error;
    const refused = new Set(batch.firstPuts.values());
    const rest = batch.operations.filter((_, index) => !refused.has(index));
    if (rest.length > 0) await this.#store?.commit(rest);
    this.#counters.storeErrors += 1;
    this.#targets.firstPutsFailed([...batch.firstPuts.keys()], error);
  }

  #release(batch: Batch): void {
    for (const release of batch.releases) {
      if (release.type === 'settle') this.#targets.publishSettled(release.exchange, release.outcome);
      else this.#releasePacket(release.link, release.packet, release.exchange, release.bytes);
    }
    if (!this.#toldFull || !this.#link?.hasRoom) return;
    this.#toldFull = false;
    this.#targets.room();
  }

  #releasePacket(link: Link, packet: Packet, exchange: PublishExchange | undefined, bytes: number): void {
    this.#heldBytes -= bytes;
    if (link !== this.#link || link.closed || exchange?.settled) return;
    exchange?.markWritten();
    link.send(packet);
  }

  /** What was about to be settled is known to the broker but not to the store: it ends like everything else that waits. */
  #fail(batch: Batch, cause: unknown): void {
    if (this.#dead) return;
    const unsettled = [...batch.releases, ...(this.#staged?.releases ?? [])].filter(
      (release) => release.type === 'settle',
    );
    this.kill();
    this.#counters.storeErrors += 1;
    this.#targets.storeFailed(
      cause,
      unsettled.map((release) => release.exchange),
    );
  }
}
