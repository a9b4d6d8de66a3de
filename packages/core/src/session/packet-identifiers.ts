// SPDX-License-Identifier: Apache-2.0

import { IdentifierTable } from './identifier-table.ts';

/** Identifiers are 1 to 65535 (§2.2.1). */
const LARGEST_PACKET_IDENTIFIER = 0xffff;

/**
 * Who owns which Packet Identifier (§2.2.1). One space for PUBLISH, SUBSCRIBE and UNSUBSCRIBE; an identifier belongs to one
 * flow until that flow ends [MQTT-2.2.1-3].
 *
 * Session State: identifiers of a resumed session stay taken. They are given out in a circle, so that an identifier rests as
 * long as possible before a late acknowledgement could be taken for an answer to its next owner.
 */
export class PacketIdentifiers<Owner> {
  /** Made with the first packet. */
  #owners: IdentifierTable<Owner> | undefined;
  readonly #largest: number;
  #last = 0;

  /** `largest`: less than the standard allows, so that tests reuse identifiers soon. */
  constructor(largest: number = LARGEST_PACKET_IDENTIFIER) {
    this.#largest = largest;
  }

  get inUse(): number {
    return this.#owners?.size ?? 0;
  }

  owner(packetIdentifier: number): Owner | undefined {
    return this.#owners?.get(packetIdentifier);
  }

  /** 0 when none is free. */
  take(owner: Owner): number {
    const owners = (this.#owners ??= new IdentifierTable());
    if (owners.size >= this.#largest) return 0;
    let candidate = this.#last;
    do {
      candidate = candidate >= this.#largest ? 1 : candidate + 1;
    } while (owners.get(candidate) !== undefined);
    owners.set(candidate, owner);
    this.#last = candidate;
    return candidate;
  }

  /** Also changes the owner of one that is taken. */
  assign(packetIdentifier: number, owner: Owner): void {
    this.#owners ??= new IdentifierTable();
    this.#owners.set(packetIdentifier, owner);
  }

  release(packetIdentifier: number): void {
    this.#owners?.delete(packetIdentifier);
  }

  /** Numbers go on behind the last one an earlier process used. */
  continueAfter(packetIdentifier: number): void {
    this.#last = packetIdentifier;
  }

  /** What is released on the way is left out. */
  entries(): Iterable<[packetIdentifier: number, owner: Owner]> {
    return this.#owners?.entries() ?? [];
  }
}
