// SPDX-License-Identifier: Apache-2.0
//
// The client's events. Listeners run in order, in a microtask of their own and never inside protocol code, so that they may
// call any method of the client. `drop` and `unmatched` are the exceptions: they run at once, before the acknowledgement
// leaves, because they are the last chance to keep the message.

import type { ClientEvents } from '../api/events.ts';
import type { Logger } from '../api/logger.ts';

type EventName = keyof ClientEvents;
type Payload<E extends EventName> = Parameters<ClientEvents[E]>;

interface Listener {
  readonly call: (...payload: never[]) => unknown;
  active: boolean;
}

/** Failures that somebody has to see: without a listener and without a logger they go to `reportUnheard`. */
const FAILURES: ReadonlySet<EventName> = new Set([
  'handlerError',
  'subscribeError',
  'storeError',
  'ackStalled',
  'close',
]);

export class EventHub {
  #listeners: Map<EventName, readonly Listener[]> | undefined;
  readonly #logger: Logger | undefined;
  readonly #reportUnheard: (message: string, details: unknown) => void;
  /** Present while a delivery is due. */
  #queue: (() => void)[] | undefined;

  constructor(logger: Logger | undefined, reportUnheard: (message: string, details: unknown) => void) {
    this.#logger = logger;
    this.#reportUnheard = reportUnheard;
  }

  /** Adds a listener; the returned function removes it, also while events are being delivered. */
  on<E extends EventName>(event: E, listener: ClientEvents[E]): () => void {
    const entry: Listener = { call: listener, active: true };
    // Lists are replaced, not changed: a delivery under way goes on over the list it began with.
    this.#listeners ??= new Map();
    const listeners = this.#listeners;
    listeners.set(event, [...(listeners.get(event) ?? []), entry]);
    return () => {
      entry.active = false;
      listeners.set(
        event,
        (listeners.get(event) ?? []).filter((other) => other !== entry),
      );
    };
  }

  /** Queues an event; its listeners are those of the moment of delivery. */
  emit<E extends EventName>(event: E, ...payload: Payload<E>): void {
    if (this.#queue !== undefined) {
      this.#queue.push(() => this.#deliver(event, payload));
      return;
    }
    this.#queue = [() => this.#deliver(event, payload)];
    queueMicrotask(() => this.#drain());
  }

  /** Delivers at once. */
  emitNow<E extends EventName>(event: E, ...payload: Payload<E>): void {
    this.#deliver(event, payload);
  }

  /** Tells of a failure that nobody waits for and that is no event: none is silent. */
  report(message: string, error: unknown): void {
    if (this.#logger) this.#logger.error(message, { error });
    else this.#reportUnheard(message, error);
  }

  #drain(): void {
    // Events emitted by listeners join this run, behind what is queued: order is kept.
    const queue = this.#queue ?? [];
    for (let at = 0; at < queue.length; at += 1) queue[at]?.();
    this.#queue = undefined;
  }

  #deliver<E extends EventName>(event: E, payload: Payload<E>): void {
    const listeners = this.#listeners?.get(event) ?? [];
    // A stall is raised and logged: it builds up, and whoever reads the log later did not hear the event.
    const log = listeners.length === 0 ? FAILURES.has(event) : event === 'ackStalled' && this.#logger !== undefined;
    if (log) this.#reportFailure(event, payload[0]);
    for (const listener of listeners) {
      if (listener.active) this.#call(event, listener, payload);
    }
  }

  #call(event: EventName, listener: Listener, payload: readonly unknown[]): void {
    try {
      // `on` put the listener into the list of its own event, so the payload is of its type.
      const returned = listener.call(...(payload as never[]));
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#reportThrow(event, error));
    } catch (error) {
      this.#reportThrow(event, error);
    }
  }

  #reportThrow(event: EventName, error: unknown): void {
    this.report(`A listener of "${event}" failed`, error);
  }

  #reportFailure(event: EventName, payload: unknown): void {
    const details = failureOf(event, payload);
    if (details === undefined) return;
    if (this.#logger) this.#logger.error(`mqtt: ${event}`, { details });
    else this.#reportUnheard(`mqtt: ${event} (no listener, no logger)`, details);
  }
}

/** What went wrong, without the message or subscription objects around it. A `close` without an error is no failure. */
function failureOf(event: EventName, payload: unknown): unknown {
  if (event === 'ackStalled') {
    const { message, heldBack, heldMs } = payload as Payload<'ackStalled'>[0];
    return `the message on ${message.topic} has held back ${heldBack} acknowledgements for ${heldMs} ms`;
  }
  if (event === 'storeError') return payload;
  return (payload as { readonly error?: unknown }).error;
}
