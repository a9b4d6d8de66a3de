// SPDX-License-Identifier: Apache-2.0

/** What stops and starts the reading of the connection there is. */
export interface Reading {
  readonly canPause: boolean | undefined;
  pauseReading(): void;
  resumeReading(): void;
}

/**
 * `overflow: "pause"`: reading stops while a buffer is full, for all subscriptions of the client, since there is one connection.
 * It goes on while the application waits for something only the broker can settle, or a consumer that publishes at QoS 1
 * in its loop would wait for a PUBACK that nobody reads.
 */
export class PauseControl {
  readonly #reading: Reading;
  /** Made when it is needed: an idle client is to be small. */
  #full: Set<object> | undefined;
  #brokerWaits = 0;
  /** Of this connection. */
  #paused = false;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  /** The buffer of `owner` is full. It stays full until `relieved`. */
  full(owner: object): void {
    this.#full ??= new Set();
    this.#full.add(owner);
    this.#apply();
  }

  /** The buffer of `owner` is half empty, or gone. */
  relieved(owner: object): void {
    if (this.#full?.delete(owner) === true) this.#apply();
  }

  brokerWaitBegin(): void {
    this.#brokerWaits++;
    if (this.#brokerWaits === 1) this.#apply();
  }

  brokerWaitEnd(): void {
    this.#brokerWaits--;
    if (this.#brokerWaits === 0) this.#apply();
  }

  handleConnected(): void {
    this.#apply();
  }

  /** A new connection reads. */
  handleConnectionLost(): void {
    this.#paused = false;
  }

  #apply(): void {
    const pause = this.#full !== undefined && this.#full.size > 0 && this.#brokerWaits === 0;
    if (pause === this.#paused || this.#reading.canPause !== true) return;
    this.#paused = pause;
    if (pause) this.#reading.pauseReading();
    else this.#reading.resumeReading();
  }
}
