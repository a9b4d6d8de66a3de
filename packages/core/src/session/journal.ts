// SPDX-License-Identifier: Apache-2.0

import type { Settled } from '../api/publish.ts';
import { completedKey, encodeCompleted } from './completed-records.ts';
import type { SessionEffects } from './effects.ts';
import type { InboundExchange } from './inbound-exchange.ts';
import type { ProducerRef } from './producer-ref.ts';
import type { PublishExchange } from './publish-exchange.ts';
import {
  DAMAGED_PREFIX,
  encodeInbound,
  encodeOutbound,
  encodeTaken,
  inboundKey,
  META_KEY,
  outboundKey,
} from './records.ts';
import type { SessionMeta } from './session-meta.ts';
import { encodeMeta } from './session-meta.ts';

/**
 * Turns what the engine decides into operations on the store, in the order of the decisions (I-06). Without a store nothing is
 * encoded at all.
 */
export class Journal {
  readonly #effects: SessionEffects;
  readonly #persistent: boolean;
  /** Whether the store says whose session its records are of; asked for before the first record. */
  #metaStored = false;
  readonly #owner: { meta(): SessionMeta };
  /** Keys of damaged records, kept until their session ends. */
  #damaged: string[] | undefined;

  constructor(effects: SessionEffects, persistent: boolean, owner: { meta(): SessionMeta }) {
    this.#effects = effects;
    this.#persistent = persistent;
    this.#owner = owner;
  }

  /** `first`: the new publish's first record (I-01, I-07). */
  putOutbound(exchange: PublishExchange, first: boolean): void {
    if (!this.#persistent) return;
    if (!this.#metaStored) this.putMeta();
    if (!first) exchange.rewritten = true;
    this.#put(outboundKey(exchange.packetIdentifier), encodeOutbound(exchange), first ? exchange : undefined);
  }

  deleteOutbound(packetIdentifier: number): void {
    // 0: it has no record any more.
    if (this.#persistent && packetIdentifier !== 0) this.#delete(outboundKey(packetIdentifier));
  }

  putTaken(packetIdentifier: number): void {
    if (this.#persistent) this.#put(outboundKey(packetIdentifier), encodeTaken(packetIdentifier));
  }

  putInbound({ packetIdentifier, doubts }: InboundExchange): void {
    if (this.#persistent) this.#put(inboundKey(packetIdentifier), encodeInbound(packetIdentifier, doubts));
  }

  deleteInbound(packetIdentifier: number): void {
    if (this.#persistent) this.#delete(inboundKey(packetIdentifier));
  }

  putCompleted(ref: ProducerRef, outcome: Settled): void {
    if (this.#persistent) this.#put(completedKey(ref), encodeCompleted(ref, outcome));
  }

  deleteCompleted(ref: ProducerRef): void {
    if (this.#persistent) this.#delete(completedKey(ref));
  }

  putMeta(): void {
    if (!this.#persistent) return;
    this.#metaStored = true;
    this.#put(META_KEY, encodeMeta(this.#owner.meta()));
  }

  metaIsStored(): void {
    this.#metaStored = true;
  }

  /** Moves a record that cannot be read out of the way, byte for byte. */
  setAside(key: string, value: Uint8Array): void {
    this.rememberDamaged(`${DAMAGED_PREFIX}${key}`);
    if (!this.#persistent) return;
    this.#put(`${DAMAGED_PREFIX}${key}`, new Uint8Array(value));
    this.#delete(key);
  }

  rememberDamaged(key: string): void {
    this.#damaged ??= [];
    this.#damaged.push(key);
  }

  /** Their session has ended: nothing depends on them any more. */
  deleteDamaged(): void {
    const damaged = this.#damaged ?? [];
    this.#damaged = undefined;
    for (const key of damaged) if (this.#persistent) this.#delete(key);
  }

  #put(key: string, value: Uint8Array, firstPutOf?: PublishExchange): void {
    this.#effects.persist({ type: 'put', key, value }, firstPutOf);
  }

  #delete(key: string): void {
    this.#effects.persist({ type: 'delete', key });
  }
}
