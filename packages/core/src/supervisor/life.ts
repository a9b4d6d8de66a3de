// SPDX-License-Identifier: Apache-2.0

/** One run of the supervisor, from `connect()` until the client is idle or closed again. */
export class Life {
  /** Made for whoever waits: an AbortSignal that was listened to is 350 bytes, too many for a client that is just connected. */
  #controller: AbortController | undefined;
  #stopped = false;
  #reason: unknown;

  /** Aborts when the run is to end, with the error that what is under way ends with. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#stopped) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(reason: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  /** Nothing waits any more: the client is connected. */
  rest(): void {
    this.#controller = undefined;
  }
}
