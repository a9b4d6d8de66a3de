// SPDX-License-Identifier: Apache-2.0
//
// How the parts of one client reach each other: one object with methods, made before what they call. As object literals with
// closures and getters these ports took 4 KB of every client, and V8 kept them as hash tables, on the path of every message.

import type { Clock } from '../clock.ts';
import type { ClientState } from '../api/connect.ts';
import type { PublishOptions } from '../api/publish.ts';
import type { AckReasonCode } from '../api/receive.ts';
import type { Link } from '../connection/link.ts';
import type { StoreError } from '../errors.ts';
import type {
  ControlRequest,
  InboundExchange,
  ProducerRef,
  PublishExchange,
  PublishOutcome,
  RequestOutcome,
  RestoreReport,
} from '../session/effects.ts';
import type { SessionEngine } from '../session/engine.ts';
import type { Counters } from '../stats.ts';
import type { ReceivedPublish } from '../subscriptions/message.ts';
import type { SubscriptionPort, SubscriptionRegistry } from '../subscriptions/registry.ts';
import type { Environment } from './environment.ts';
import type { EventHub } from './event-hub.ts';
import type { Producers, ProducersContext } from './producers.ts';
import type { Publishing, PublishingContext } from './publishing.ts';
import type { SessionHost, SessionListener } from './session-host.ts';
import type { Supervisor } from './supervisor.ts';

/** The parts that are reached. They may be made after the ports, as long as nothing is called before. */
export interface Reached {
  readonly environment: Environment;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly host: SessionHost;
  readonly registry: SubscriptionRegistry;
  readonly publishing: Publishing;
  readonly supervisor: Supervisor;
  readonly producers: Producers;
}

export class ClientPorts implements SessionListener, PublishingContext, ProducersContext, SubscriptionPort {
  readonly #parts: Reached;

  constructor(parts: Reached) {
    this.#parts = parts;
  }

  get clock(): Clock {
    return this.#parts.environment.clock;
  }

  get random(): () => number {
    return this.#parts.environment.random;
  }

  get counters(): Counters {
    return this.#parts.counters;
  }

  get events(): EventHub {
    return this.#parts.events;
  }

  get host(): SessionHost {
    return this.#parts.host;
  }

  get state(): ClientState {
    return this.#parts.supervisor.state;
  }

  get link(): Link | undefined {
    return this.#parts.supervisor.link;
  }

  // For the session host: what the engine decides

  deliver(packet: ReceivedPublish, topic: string, exchange: InboundExchange | undefined): void {
    this.#parts.registry.deliver(packet, topic, exchange);
  }

  publishSettled(exchange: PublishExchange, outcome: PublishOutcome): void {
    this.#parts.publishing.settled(exchange, outcome);
  }

  requestSettled(request: ControlRequest, outcome: RequestOutcome): void {
    this.#parts.registry.handleRequestSettled(request, outcome);
  }

  violation(reasonCode: number, detail: string): void {
    this.#parts.supervisor.violation(reasonCode, detail);
  }

  restored(report: RestoreReport): void {
    this.#parts.supervisor.restored(report);
  }

  crashed(error: StoreError): void {
    this.#parts.supervisor.crashed(error);
  }

  // For publishing

  producerSettled(ref: ProducerRef, outcome: PublishOutcome): void {
    this.#parts.producers.settled(ref, outcome);
  }

  brokerWaitBegin(): void {
    this.#parts.registry.brokerWaitBegin();
  }

  brokerWaitEnd(): void {
    this.#parts.registry.brokerWaitEnd();
  }

  // For producers

  get engine(): SessionEngine | undefined {
    return this.#parts.host.engine;
  }

  get isConnected(): boolean {
    return this.state === 'connected';
  }

  open(): SessionEngine | Promise<SessionEngine> {
    return this.#parts.host.open();
  }

  publish(ref: ProducerRef, topic: string, payload: Uint8Array, options: PublishOptions): void {
    this.#parts.publishing.publishRef(ref, topic, payload, options);
  }

  // For subscriptions

  request(request: ControlRequest): void {
    this.#parts.host.engine?.request(request);
  }

  withdrawRequest(request: ControlRequest): boolean {
    return this.#parts.host.engine?.withdrawRequest(request) ?? false;
  }

  acknowledge(exchange: InboundExchange, reasonCode: AckReasonCode): void {
    this.#parts.host.engine?.acknowledge(exchange, reasonCode);
  }

  get canPause(): boolean | undefined {
    return this.link?.canPause;
  }

  pauseReading(): void {
    this.link?.pause();
  }

  resumeReading(): void {
    this.link?.resume();
  }
}
