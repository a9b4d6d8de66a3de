// SPDX-License-Identifier: Apache-2.0
//
// The seam between a publisher queue and the client: an exchange begins under a Ref, its end goes to the producer of that Ref
// and stays in the session, Completed, until the producer says that it has settled durably (I-08, I-09, I-13).

import type { PublishOptions } from '../api/publish.ts';
import type { Clock } from '../clock.ts';
import { invalidOption } from '../options/check.ts';
import { type ProducerRef, type PublishOutcome, refKey } from '../session/effects.ts';
import type { SessionEngine } from '../session/engine.ts';

/** One queue's side of the seam. */
export interface Producer {
  /** The end of the exchange of an entry. It stays in the session until `release`. */
  settled(sequence: number, outcome: PublishOutcome): void;
  /** There is a connection, and the session's own messages are on their way. */
  connected(): void;
}

/** What a claim on a queue's identifier allows. The identifier and a sequence are a Ref. */
export interface ProducerClaim {
  /** What the session knows of this queue: open exchanges and Completed ones. Empty while the store has not been read. */
  sequences(): readonly number[];
  readonly isConnected: boolean;
  /** Begins an exchange. Throws what a publish rejects with, and then nothing was accepted. */
  publish(sequence: number, topic: string, payload: Uint8Array, options: PublishOptions): void;
  /** What became of an exchange: under way, over, or unknown to the session. */
  adopt(sequence: number): 'open' | { readonly completed: PublishOutcome } | undefined;
  /** Nothing remains to be done for it: its record may go. */
  release(sequence: number): void;
  end(): void;
}

/** What the producers of a client need of it. */
export interface ProducersContext {
  readonly engine: SessionEngine | undefined;
  readonly isConnected: boolean;
  readonly clock: Clock;
  open(): SessionEngine | Promise<SessionEngine>;
  publish(ref: ProducerRef, topic: string, payload: Uint8Array, options: PublishOptions): void;
}

export class Producers {
  readonly #context: ProducersContext;
  /** By the identifier of their queue. */
  #claims: Map<string, Producer> | undefined;

  constructor(context: ProducersContext) {
    this.#context = context;
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  /** Reads the session store when that has not been done: what is under way may not be evicted from a queue. */
  async open(): Promise<void> {
    await this.#context.open();
  }

  /** @throws MqttError `INVALID_OPTION` when the queue has a producer on this client already */
  claim(queueId: string, producer: Producer): ProducerClaim {
    this.#claims ??= new Map();
    const claims = this.#claims;
    if (claims.has(queueId)) throw invalidOption(`Queue ${queueId} has a publisher on this client already`);
    claims.set(queueId, producer);
    const context = this.#context;
    return {
      sequences: () =>
        [...(context.engine?.producerRefs() ?? [])]
          .filter((ref) => ref.queueId === queueId)
          .map(({ sequence }) => sequence),
      get isConnected() {
        return context.isConnected;
      },
      publish: (sequence, topic, payload, options) => context.publish({ queueId, sequence }, topic, payload, options),
      adopt: (sequence) => adopt(context.engine, { queueId, sequence }),
      release: (sequence) => context.engine?.releaseCompleted({ queueId, sequence }),
      end: () => {
        claims.delete(queueId);
      },
    };
  }

  settled(ref: ProducerRef, outcome: PublishOutcome): void {
    this.#claims?.get(ref.queueId)?.settled(ref.sequence, outcome);
  }

  connected(): void {
    for (const producer of this.#claims?.values() ?? []) producer.connected();
  }

  /** Refs of the session whose queue nobody has claimed. They are kept. */
  unclaimed(): readonly string[] {
    const refs = [...(this.#context.engine?.producerRefs() ?? [])];
    return refs.filter(({ queueId }) => this.#claims?.has(queueId) !== true).map(refKey);
  }
}

function adopt(engine: SessionEngine | undefined, ref: ProducerRef): ReturnType<ProducerClaim['adopt']> {
  const known = engine?.adopt(ref);
  return known !== undefined && 'open' in known ? 'open' : known;
}
