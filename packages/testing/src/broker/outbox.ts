// SPDX-License-Identifier: Apache-2.0
import type { Link } from '../links/link.ts';

/** Above this a batch is written in pieces: joining large payloads would only copy them once more. */
const joinLimit = 64 * 1024;

/**
 * Collects what one turn of the event loop sends to a client and writes it at the end of the turn: a chunk with five
 * hundred PUBLISH packets is answered by one write with five hundred PUBACKs.
 */
export class Outbox {
  readonly #link: Link;
  #packets: Uint8Array[] = [];
  #bytes = 0;
  #scheduled = false;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Bytes not handed to the peer's system yet, here and in the link. */
  get unsentBytes(): number {
    return this.#bytes + this.#link.unsentBytes;
  }

  push(packet: Uint8Array): void {
    this.#packets.push(packet);
    this.#bytes += packet.byteLength;
    if (this.#bytes >= joinLimit) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
  }

  flush(): void {
    const packets = this.#packets;
    const [first] = packets;
    if (first === undefined) return;
    const bytes = this.#bytes;
    this.#packets = [];
    this.#bytes = 0;
    if (packets.length === 1) this.#link.write(first);
    else if (bytes < 2 * joinLimit) this.#link.write(Buffer.concat(packets, bytes));
    else for (const packet of packets) this.#link.write(packet);
  }
}
