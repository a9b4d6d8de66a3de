// SPDX-License-Identifier: Apache-2.0
//
// Makes the parts of one client and ties them together. The only place that knows all of them.

import type { ClientOptions, DisconnectOptions } from './api/options.ts';
import type { Payload } from './api/common.ts';
import type { PublishOptions, PublishResult } from './api/publish.ts';
import type { ClientStats } from './api/stats.ts';
import type { BrokerAddress } from './broker-url.ts';
import { ClientPorts } from './supervisor/client-ports.ts';
import type { AnyMqttError } from './errors.ts';
import { resolveClientOptions, type ResolvedClientOptions } from './options/client-options.ts';
import { type PoolMember, PublisherPool } from './publisher-pool.ts';
import { Counters } from './stats.ts';
import { SubscriptionRegistry } from './subscriptions/registry.ts';
import type { Environment } from './supervisor/environment.ts';
import { EventHub } from './supervisor/event-hub.ts';
import { GuardedLogger } from './supervisor/guarded-logger.ts';
import { Producers } from './supervisor/producers.ts';
import { Publishing } from './supervisor/publishing.ts';
import { SessionHost } from './supervisor/session-host.ts';
import { Supervisor } from './supervisor/supervisor.ts';

/** What clients count that nobody asks for stats: one for all. */
const UNREAD = new Counters();
const NOBODY: readonly never[] = Object.freeze([]);

type MakeMember = (options: ClientOptions, environment: Environment) => PoolMember;

export class ClientParts {
  readonly options: ResolvedClientOptions;
  readonly environment: Environment;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly host: SessionHost;
  readonly registry: SubscriptionRegistry;
  readonly publishing: Publishing;
  readonly supervisor: Supervisor;
  readonly producers: Producers;
  readonly pool: PublisherPool | undefined;
  #whenEnded: readonly ((error: AnyMqttError) => void)[] = NOBODY;

  constructor(options: ClientOptions, environment: Environment, makeMember: MakeMember) {
    this.options = guarded(resolveClientOptions(options));
    this.pool = this.#publisherPool(options, makeMember);
    this.environment = environment;
    this.counters = this.options.stats ? (environment.counters ?? new Counters()) : UNREAD;
    this.events = new EventHub(this.options.logger, environment.reportUnheard);
    const ports = new ClientPorts(this);
    this.host = new SessionHost(this.options, environment, this.counters, ports);
    this.registry = new SubscriptionRegistry(ports, this.options);
    this.publishing = new Publishing(this.options, ports);
    this.producers = new Producers(ports);
    this.supervisor = new Supervisor(this);
  }

  /** Calls back each time the client has ended: what waits elsewhere for a message ends with it. */
  whenEnded(callback: (error: AnyMqttError) => void): void {
    this.#whenEnded = [...this.#whenEnded, callback];
  }

  /** The supervisor's word that there is a connection. */
  connected(broker: BrokerAddress, clientId: string): void {
    this.producers.connected();
    const unclaimed = this.producers.unclaimed();
    if (unclaimed.length > 0) {
      this.options.logger?.warn('mqtt: the session holds messages of a queue that nobody publishes', {
        refs: unclaimed,
      });
    }
    try {
      this.pool?.follow(broker, clientId);
    } catch (error) {
      // The connection is there and stays: what the pool cannot send goes over it.
      this.events.report('mqtt: publisherPool', error);
    }
  }

  /** Resolves when nothing is under way beside the client's own connection any more, or with `end`. */
  async drain(options: Pick<DisconnectOptions, 'drainTimeoutMs' | 'signal'>): Promise<void> {
    await this.pool?.drain(options);
  }

  /** The supervisor's word that the client has ended. Resolves when nothing of it is left beside its own connection. */
  async ended(error: AnyMqttError): Promise<void> {
    for (const callback of this.#whenEnded) callback(error);
    await this.pool?.end();
  }

  /** Over the pool where there is one; over the client's own connection where that could not send it at all. */
  publish(topic: string, payload: Payload, options: PublishOptions | undefined): Promise<PublishResult> {
    if (this.pool === undefined || this.supervisor.state !== 'connected')
      return this.publishing.publish(topic, payload, options);
    // The caller's bytes may have changed by the time another connection tries.
    const own = payload instanceof Uint8Array ? new Uint8Array(payload) : payload;
    return this.pool.publish(topic, own, options).then((result) => {
      if (result !== undefined) return result;
      this.counters.poolFallbacks += 1;
      return this.publishing.publish(topic, own, options);
    });
  }

  tryPublish(topic: string, payload: Payload, options: Omit<PublishOptions, 'qos' | 'signal'> | undefined): boolean {
    if (this.pool === undefined || this.supervisor.state !== 'connected')
      return this.publishing.tryPublish(topic, payload, options);
    if (this.pool.tryPublish(topic, payload, options)) return true;
    const sent = this.publishing.tryPublish(topic, payload, options);
    if (sent) this.counters.poolFallbacks += 1;
    return sent;
  }

  /** What is asked of the broker and awaited by the application: reading goes on meanwhile, in spite of "pause". */
  brokerWait<T>(operation: Promise<T>): Promise<T> {
    return this.registry.brokerWait(operation);
  }

  stats(): ClientStats {
    if (!this.options.stats) return new Counters().snapshot();
    const engine = this.host.engine;
    const own: ClientStats = {
      ...this.counters.snapshot(),
      publishesInflight: engine?.inflight ?? 0,
      publishesQueued: engine?.queued ?? 0,
      sendQuota: engine?.sendQuota ?? 0,
      subscriptions: this.registry.subscriptionCount,
    };
    return this.pool?.added(own) ?? own;
  }

  #publisherPool(options: ClientOptions, makeMember: MakeMember): PublisherPool | undefined {
    const settings = this.options.publisherPool;
    if (settings === undefined) return undefined;
    return new PublisherPool({
      settings,
      options: { ...options },
      makeMember: (own, counters) => makeMember(own, { ...this.environment, counters }),
      settled: (event) => this.events.emit('publishSettled', event),
      gaveUp: (error) => this.events.report('mqtt: publisherPool', error),
    });
  }
}

function guarded(options: ResolvedClientOptions): ResolvedClientOptions {
  const { logger } = options;
  return logger === undefined ? options : Object.freeze({ ...options, logger: new GuardedLogger(logger) });
}
