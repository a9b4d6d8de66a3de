// SPDX-License-Identifier: Apache-2.0
//
// The end of a client: what it waits for (a drain, the store, a connection that a failed store has ended), and who ends with it.
// When a client ends, and in which state that leaves it, is the supervisor's business.

import { onAbort, orAborted, sleep } from '../abort.ts';
import type { DisconnectOptions } from '../api/options.ts';
import type { Link } from '../connection/link.ts';
import { type AnyMqttError, mqttError, type StoreError } from '../errors.ts';
import type { ResolvedClientOptions } from '../options/client-options.ts';
import type { ResolvedDisconnectOptions } from '../options/disconnect-options.ts';
import type { SubscriptionRegistry } from '../subscriptions/registry.ts';
import type { Environment } from './environment.ts';
import type { Publishing } from './publishing.ts';
import type { SessionHost } from './session-host.ts';

export interface EndingParts {
  readonly options: ResolvedClientOptions;
  readonly environment: Environment;
  readonly host: SessionHost;
  readonly registry: SubscriptionRegistry;
  readonly publishing: Publishing;
  /** Lets finish what is under way beside the client's own connection. */
  drain(options: Pick<DisconnectOptions, 'drainTimeoutMs' | 'signal'>): Promise<void>;
  /** The client has ended, by itself or by `disconnect()`: what waits for a message elsewhere ends too. Never rejects. */
  ended(error: AnyMqttError): Promise<void>;
}

export class Ending {
  readonly #parts: EndingParts;
  readonly #rejectWaiters: (error: AnyMqttError) => void;
  #closing: Promise<void> | undefined;
  #failing: Promise<void> | undefined;
  /** Ends a drain: nothing it waits for can come any more. */
  #onLinkLost: (() => void) | undefined;

  constructor(parts: EndingParts, rejectWaiters: (error: AnyMqttError) => void) {
    this.#parts = parts;
    this.#rejectWaiters = rejectWaiters;
  }

  /** Present while the client ends. */
  get closing(): Promise<void> | undefined {
    return this.#closing;
  }

  /** The end of a connection whose store failed. */
  get failing(): Promise<void> | undefined {
    return this.#failing;
  }

  /** Known before it begins: what ends raises `drop` at once, and its listeners may call disconnect() and connect(). */
  begin(close: () => Promise<void>): Promise<void> {
    let begin: (closed: Promise<void>) => void = () => undefined;
    const closing = new Promise<void>((resolve) => {
      begin = resolve;
    });
    this.#closing = closing;
    begin(
      close().finally(() => {
        if (this.#closing === closing) this.#closing = undefined;
      }),
    );
    return closing;
  }

  /** What was decided is in the store; but a store that never answers does not hold up the end for longer than the broker may. */
  async recorded(): Promise<void> {
    const { host, environment, options } = this.#parts;
    const recorded = host.runner.committed();
    if (recorded === undefined) return;
    const over = new AbortController();
    try {
      await Promise.race([recorded, sleep(environment.clock, options.disconnectTimeoutMs, over.signal)]);
    } finally {
      over.abort();
    }
  }

  /** Delivers nothing more and lets finish what is under way, as long as there is time, a connection, and the caller's patience. */
  async drain({ drainTimeoutMs, signal }: ResolvedDisconnectOptions): Promise<void> {
    const { registry, publishing, environment } = this.#parts;
    const over = new AbortController();
    const end = (): void => over.abort();
    const forget = onAbort(signal, end);
    this.#onLinkLost = end;
    try {
      const beside = this.#parts.drain({ drainTimeoutMs, signal: over.signal });
      const done = Promise.all([registry.drain(), publishing.whenIdle(), beside]);
      await Promise.race([orAborted(done, over.signal), sleep(environment.clock, drainTimeoutMs, over.signal)]);
    } catch {
      // The connection was lost or the caller has aborted: there is nothing more to wait for.
    } finally {
      over.abort();
      this.#onLinkLost = undefined;
      forget();
    }
  }

  /** A drain is over. */
  connectionLost(): void {
    this.#onLinkLost?.();
  }

  /** The store failed: the connection ends, and the end of the client waits for that. */
  storeFailed(link: Link | undefined, error: StoreError): void {
    link?.fail(0x80, error);
    this.#failing = link?.disconnect({ type: 'disconnect', reasonCode: 0x80 });
  }

  /** Everything that waits for the client ends with it. */
  endWaits(error: AnyMqttError | undefined): Promise<void> {
    const { registry, publishing, host } = this.#parts;
    registry.end(error);
    publishing.detachAll(error);
    if (error !== undefined) host.engine?.handleDisconnected(host.now());
    host.rest();
    const closed = mqttError('CLOSED', 'The client was closed', error && { cause: error });
    this.#rejectWaiters(closed);
    return Promise.all([this.#parts.ended(closed), this.#failing]).then(() => undefined);
  }
}
