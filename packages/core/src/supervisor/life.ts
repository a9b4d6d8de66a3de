// SPDX-License-Identifier: Apache-2.0

/** One run of the supervisor, from `connect()` until the client is idle or closed again. */
export class Life {
  readonly #controller = new AbortController();

  /** Aborts when the run is to end, with the error that what is under way ends with. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get stopped(): boolean {
    return this.#controller.signal.aborted;
  }

  stop(reason: unknown): void {
    this.#controller.abort(reason);
  }
}
