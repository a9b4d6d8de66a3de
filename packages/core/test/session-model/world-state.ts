// SPDX-License-Identifier: Apache-2.0
//
// What all parts of the world share: the process of now, the connection it has, the session it believes to be in, the time.

import type { Packet } from '@mqttv5/wire';
import { SessionEngine } from '../../src/session/engine.ts';
import { ModelApplication } from './model-application.ts';
import type { BrokerSession, Delivery } from './model-broker.ts';
import { type Link, ModelBrokers } from './model-brokers.ts';
import { ModelRunner, type RunnerHooks } from './model-runner.ts';
import type { Scenario } from './scenario.ts';
import { WireObserver } from './wire-observer.ts';

export class WorldState {
  readonly scenario: Scenario;
  readonly application: ModelApplication;
  readonly observer: WireObserver;
  readonly brokers: ModelBrokers;
  /** Engine and runner of the process of now. */
  runner: ModelRunner;
  engine: SessionEngine;
  link: Link | undefined;
  now = 1_000_000;
  /** The broker session the engine believes it is in. */
  session: BrokerSession | undefined;
  /** Deliveries that have to arrive, by topic. */
  readonly expected: Map<string, Delivery> = new Map();
  readonly trace: string[] | undefined;
  readonly #hooks: RunnerHooks;

  constructor(scenario: Scenario, hooks: RunnerHooks, trace: string[] | undefined) {
    this.scenario = scenario;
    this.trace = trace;
    this.#hooks = hooks;
    this.application = new ModelApplication(scenario.poison);
    this.observer = new WireObserver(this.application, () => this.engine.exchanges());
    this.brokers = new ModelBrokers(scenario, this.application);
    this.runner = this.#newRunner(new Map());
    this.engine = this.#newEngine();
  }

  /** The process is killed. The next one has what was committed, and nothing else. */
  restart(): void {
    const { store, committedSession } = this.runner;
    this.runner = this.#newRunner(new Map(store));
    this.runner.committedSession = committedSession;
    if (this.session !== committedSession) this.forgetDeliveries();
    this.session = committedSession as BrokerSession | undefined;
    this.engine = this.#newEngine();
  }

  #newRunner(store: Map<string, Uint8Array>): ModelRunner {
    return new ModelRunner(this.#hooks, this.scenario.settings.persistent, store);
  }

  #newEngine(): SessionEngine {
    const { settings, clientIdentifiers } = this.scenario;
    const store = settings.persistent ? {} : undefined;
    return new SessionEngine({ ...settings, store }, this.runner, clientIdentifiers);
  }

  /** What the engine says it does not need it is not given. */
  instant(): number {
    return this.engine.timed ? this.now : 0;
  }

  commitAll(): void {
    this.runner.commitAll(this.session);
  }

  /** Deliveries of a session that is gone are nobody's any more. */
  forgetDeliveries(): void {
    this.expected.clear();
  }

  endLink(link: Link): void {
    this.link = undefined;
    this.runner.link = undefined;
    if (link.connection !== undefined) link.connection.session.lostAt = this.now;
  }
}

/** A packet as the trace tells it. */
export function describe(packet: Packet): string {
  const { type } = packet;
  const identifier = 'packetIdentifier' in packet ? ` ${packet.packetIdentifier}` : '';
  if (type === 'publish')
    return `publish${identifier} ${packet.topicName} QoS ${packet.qos}${packet.dup ? ' DUP' : ''}`;
  return 'reasonCode' in packet && packet.reasonCode !== 0
    ? `${type}${identifier} 0x${packet.reasonCode.toString(16)}`
    : `${type}${identifier}`;
}
