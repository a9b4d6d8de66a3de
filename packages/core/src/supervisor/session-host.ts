// SPDX-License-Identifier: Apache-2.0
//
// Keeps the session engine over connections and over a failed store: makes it, restores it, wakes it, throws it away.

import type { PublishPacket } from '@mqttv5/wire';
import { StoreError } from '../errors.ts';
import type { ResolvedClientOptions } from '../options/client-options.ts';
import type {
  ControlRequest,
  InboundExchange,
  PublishExchange,
  PublishOutcome,
  RequestOutcome,
  RestoreReport,
} from '../session/effects.ts';
import { SessionEngine } from '../session/engine.ts';
import type { Scheduled } from '../clock.ts';
import type { Counters } from '../stats.ts';
import type { Environment } from './environment.ts';
import { type RunnerTargets, SessionRunner } from './runner.ts';

/** Who is told what the engine decides. */
export interface SessionListener {
  deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void;
  publishSettled(exchange: PublishExchange, outcome: PublishOutcome): void;
  requestSettled(request: ControlRequest, outcome: RequestOutcome): void;
  violation(reasonCode: number, detail: string): void;
  restored(report: RestoreReport): void;
  /** The engine is gone, with everything it knew; `open` makes the next one from the store. */
  crashed(error: StoreError): void;
}

export class SessionHost implements RunnerTargets {
  readonly #options: ResolvedClientOptions;
  readonly #environment: Environment;
  readonly #counters: Counters;
  readonly #listener: SessionListener;
  #engine: SessionEngine | undefined;
  #runner: SessionRunner;
  #opening: Promise<SessionEngine> | undefined;
  /** The store has failed since it was last read. */
  #failed = false;
  #timer: Scheduled | undefined;
  /** When `#timer` is due. */
  #wakeAt: number | undefined;

  constructor(options: ResolvedClientOptions, environment: Environment, counters: Counters, listener: SessionListener) {
    this.#options = options;
    this.#environment = environment;
    this.#counters = counters;
    this.#listener = listener;
    this.#runner = this.#newRunner();
    // Without a store there is nothing to wait for.
    if (options.store === undefined) this.#engine = this.#newEngine(this.#runner);
  }

  /** undefined until the store has been read. */
  get engine(): SessionEngine | undefined {
    return this.#engine;
  }

  get runner(): SessionRunner {
    return this.#runner;
  }

  now(): number {
    return this.#environment.clock.now();
  }

  /** Now, where anything depends on it: to read the clock is a tenth of what a message costs. */
  instant(): number {
    return this.#engine?.timed === false ? 0 : this.now();
  }

  /** The engine, read back from the store when there is none yet. Rejects with `STORE_FAILED`, or `INVALID_OPTION` for the store of another client identifier. */
  open(): SessionEngine | Promise<SessionEngine> {
    if (this.#engine) return this.#engine;
    this.#opening ??= this.#restore().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Looks again when the engine wants to be woken: after whatever may have given it a nearer deadline. */
  rearm(): void {
    const at = this.#engine?.pollTimeout();
    if (at === this.#wakeAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakeAt = at;
    if (at === undefined) return;
    this.#timer = this.#environment.clock.setTimer(Math.max(0, at - this.now()), () => {
      this.#wakeAt = undefined;
      this.#engine?.handleTimeout(this.now());
      this.rearm();
    });
  }

  /** No timer runs while the client is idle or closed; `rearm` starts it again. */
  rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakeAt = undefined;
  }

  async #restore(): Promise<SessionEngine> {
    // Who calls connect() at each failure would otherwise go round in promise reactions, and nothing else would run.
    if (this.#failed) await new Promise<void>((resolve) => void this.#environment.clock.nextTurn(resolve));
    this.#failed = false;
    const engine = this.#newEngine(this.#runner);
    let entries: readonly (readonly [key: string, value: Uint8Array])[];
    try {
      // Whole before the engine sees any of it: a store may also fail between two records.
      entries = [...((await this.#options.store?.load()) ?? [])];
    } catch (error) {
      this.#failed = true;
      this.#counters.storeErrors += 1;
      throw new StoreError('The session store could not be read', { cause: error });
    }
    const report = engine.restore(entries, this.now());
    this.#engine = engine;
    this.#listener.restored(report);
    this.rearm();
    return engine;
  }

  #newEngine(runner: SessionRunner): SessionEngine {
    return new SessionEngine(this.#options, runner);
  }

  #newRunner(): SessionRunner {
    return new SessionRunner(this.#options.store, this, this.#counters, this.#options.writeHighWaterMark);
  }

  // RunnerTargets

  deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void {
    this.#listener.deliver(packet, topic, exchange);
  }

  publishSettled(exchange: PublishExchange, outcome: PublishOutcome): void {
    this.#listener.publishSettled(exchange, outcome);
  }

  requestSettled(request: ControlRequest, outcome: RequestOutcome): void {
    this.#listener.requestSettled(request, outcome);
  }

  violation(reasonCode: number, detail: string): void {
    this.#listener.violation(reasonCode, detail);
  }

  room(): void {
    this.#engine?.handleRoom(this.now());
  }

  firstPutsFailed(exchanges: readonly PublishExchange[], cause: unknown): void {
    for (const exchange of exchanges) {
      const error = new StoreError(`The session store did not take the publish to ${exchange.topic}`, {
        cause,
        delivery: 'notSent',
      });
      this.#engine?.rejectFirstPut(exchange, error, this.now());
    }
  }

  /** What memory holds and the store does not is unknown to the next start: both must agree again, so memory goes. */
  storeFailed(cause: unknown, unsettled: readonly PublishExchange[]): void {
    const engine = this.#engine;
    const recorded = [...(engine?.exchanges() ?? [])].filter(({ qos }) => qos > 0);
    this.rest();
    this.#failed = true;
    this.#engine = undefined;
    this.#runner = this.#newRunner();
    for (const exchange of [...unsettled, ...recorded]) {
      const error = new StoreError('The session store failed while the publish was under way', {
        cause,
        delivery: 'unknown',
      });
      this.#listener.publishSettled(exchange, { error });
    }
    this.#listener.crashed(new StoreError('The session store failed; the client has stopped', { cause }));
    // Requests and QoS 0 that waits for room have no record: they end as at any other end of a connection.
    engine?.handleDisconnected(this.now());
  }
}
