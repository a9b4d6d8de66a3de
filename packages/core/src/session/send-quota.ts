// SPDX-License-Identifier: Apache-2.0

/**
 * Send quota for outgoing QoS 1 and 2 PUBLISH packets (§4.9): the Receive Maximum the broker gave for this connection.
 *
 * Lives as long as one Network Connection. Resent packets take slots like new ones, a resent PUBREL included, since the broker
 * counts its message as open; PUBRELs do not wait for a slot, so the number of free ones can be below zero. Slots are given
 * back by whoever holds one on this connection, which is why the quota never grows above its initial value.
 */
export class SendQuota {
  readonly #total: number;
  #free: number;

  constructor(receiveMaximum: number) {
    this.#total = receiveMaximum;
    this.#free = receiveMaximum;
  }

  get inUse(): number {
    return this.#total - this.#free;
  }

  get available(): number {
    return this.#free > 0 ? this.#free : 0;
  }

  take(): void {
    this.#free -= 1;
  }

  release(): void {
    this.#free += 1;
  }
}
