// SPDX-License-Identifier: Apache-2.0

/** One run of the supervisor, from `connect()` until the client is idle or closed again. */
export class Life {
  /** Made for whoever waits: an AbortSignal that was listened to is 350 bytes, too many for a client that is just connected. */
  #controller: AbortController | undefined;
  /** Of the attempt under way. */
  #attempt: AbortController | undefined;
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

  /** Aborted by the end of the run, until `endAttempt`; the attempt may abort it too, when it takes too long. */
  beginAttempt(): AbortController {
    this.#attempt = new AbortController();
    if (this.#stopped) this.#attempt.abort(this.#reason);
    return this.#attempt;
  }

  endAttempt(): void {
    this.#attempt = undefined;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(reason: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#attempt?.abort(reason);
  }

  /** Nothing waits any more: the client is connected. */
  rest(): void {
    this.#controller = undefined;
  }
}
