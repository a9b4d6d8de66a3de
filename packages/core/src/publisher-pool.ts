// SPDX-License-Identifier: Apache-2.0
//
// Publish-only connections beside a client's own, to the same broker. A member has no session, no will, no store and nobody's
// listeners: it publishes. What it cannot send at all goes to the next member, and in the end to the client itself; what it
// has sent, or what the broker has refused, goes nowhere else.

import type { Payload } from './api/common.ts';
import type { ClientEvents } from './api/events.ts';
import type { ClientOptions, DisconnectOptions } from './api/options.ts';
import type { PublishOptions, PublishResult } from './api/publish.ts';
import type { ClientStats } from './api/stats.ts';
import type { BrokerAddress } from './broker-url.ts';
import { type ErrorCode, isMqttError } from './errors.ts';
import type { ResolvedPublisherPool } from './options/client-options.ts';
import { Counters } from './stats.ts';
import { byTopic, Turns } from './turns.ts';

/** What the pool needs of a client; `Client` fits. */
export interface PoolMember {
  readonly connected: boolean;
  stats(): ClientStats;
  on(event: 'publishSettled', listener: ClientEvents['publishSettled']): unknown;
  connect(): Promise<unknown>;
  disconnect(options?: DisconnectOptions): Promise<void>;
  setBrokers(broker: URL): void;
  publish(topic: string, payload: Payload, options?: PublishOptions): Promise<PublishResult>;
  tryPublish(topic: string, payload: Payload, options?: Omit<PublishOptions, 'qos' | 'signal'>): boolean;
}

export interface PublisherPoolSetup {
  readonly settings: ResolvedPublisherPool;
  /** The client's own options, as the application gave them. */
  readonly options: ClientOptions;
  /** A member counts into `counters`, if at all. */
  readonly makeMember: (options: ClientOptions, counters: Counters) => PoolMember;
  /** Of a message whose publisher does not wait any more: the application listens to the client, not to its members. */
  readonly settled: ClientEvents['publishSettled'];
  /** A member has given up before it was connected once. Later ends are told by the member itself. */
  readonly gaveUp: (error: unknown) => void;
}

export class PublisherPool {
  readonly #setup: PublisherPoolSetup;
  /** Of all members there ever were. */
  readonly #counters = new Counters();
  readonly #turns = new Turns();
  #members: PoolMember[] = [];
  /** Members that finish what they have begun at a broker the client has left. */
  readonly #leaving = new Map<PoolMember, Promise<void>>();
  #broker: string | undefined;

  constructor(setup: PublisherPoolSetup) {
    this.#setup = setup;
  }

  /**
   * The client is connected: so are the members soon, to the same broker. They keep trying by themselves.
   *
   * @throws what the application's function for identifiers throws, and the constructor of a client over what it returns
   */
  follow(broker: BrokerAddress, clientId: string): void {
    const moved = this.#broker !== broker.href;
    this.#broker = broker.href;
    const { settings } = this.#setup;
    for (let index = 0; index < settings.size; index += 1) {
      let member = this.#members[index];
      if (member?.connected && moved) {
        this.#leave(member);
        member = undefined;
      }
      if (moved) member?.setBrokers(urlOf(broker));
      member ??= this.#make(broker, settings.clientId(clientId, index + 1));
      this.#members[index] = member;
      // It may have given up; if not, ALREADY_CONNECTED says so. Once it gives up for good, publishes fall back.
      member.connect().catch((error: unknown) => {
        if (!isMqttError(error) || !EXPECTED.has(error.code)) this.#setup.gaveUp(error);
      });
    }
  }

  /** Ends the members once their open publishes have ended; `end` finishes it in any case. */
  async drain(options: Pick<DisconnectOptions, 'drainTimeoutMs' | 'signal'>): Promise<void> {
    await Promise.all(this.#members.map((member) => member.disconnect(options)));
  }

  /** Ends the members; publishes under way end with them, as on a client that is closed. */
  async end(): Promise<void> {
    const members = this.#members;
    this.#members = [];
    this.#broker = undefined;
    await Promise.all([...members.map((member) => member.disconnect()), ...this.#leaving.values()]);
  }

  /** The client's own, and what its members have added. */
  added(stats: ClientStats): ClientStats {
    const sum = { ...stats };
    for (const name of SHARED_COUNTERS) sum[name] += this.#counters[name];
    for (const member of [...this.#members, ...this.#leaving.keys()]) {
      const { publishesInflight, publishesQueued } = member.stats();
      sum.publishesInflight += publishesInflight;
      sum.publishesQueued += publishesQueued;
    }
    return sum;
  }

  /** Resolves with undefined when no member could send it at all. @throws everything a publish throws */
  async publish(
    topic: string,
    payload: Payload,
    options: PublishOptions | undefined,
  ): Promise<PublishResult | undefined> {
    for (const member of this.#candidates(topic)) {
      try {
        return await member.publish(topic, payload, options);
      } catch (error) {
        if (!couldNotSend(error)) throw error;
      }
    }
    return undefined;
  }

  tryPublish(topic: string, payload: Payload, options?: Omit<PublishOptions, 'qos' | 'signal'>): boolean {
    for (const member of this.#candidates(topic)) if (member.tryPublish(topic, payload, options)) return true;
    return false;
  }

  /** The chosen member first, then the others; only those that are connected. */
  #candidates(topic: string): readonly PoolMember[] {
    const members = this.#members;
    if (members.length === 0) return members;
    const hashed = this.#setup.settings.routing === 'hashByTopic';
    const order = hashed ? byTopic(members, topic) : this.#turns.next(members);
    return order.filter((member) => member.connected);
  }

  #make(broker: BrokerAddress, clientId: string): PoolMember {
    const member = this.#setup.makeMember(this.#memberOptions(broker, clientId), this.#counters);
    member.on('publishSettled', this.#setup.settled);
    return member;
  }

  /** V-126: everything about how to connect and to publish; nothing about the session, the will, the store or the listeners. */
  #memberOptions(broker: BrokerAddress, clientId: string): ClientOptions {
    const { will: _will, store: _store, publisherPool: _pool, ...options } = this.#setup.options;
    return {
      ...options,
      brokers: urlOf(broker),
      clientId,
      cleanStart: true,
      cleanStartOnReconnect: true,
      sessionExpiryInterval: 0,
      resumeWithoutState: false,
      retryInitialConnect: true,
      // Its publishes must not wait for it: they fall back.
      offlinePublish: 'reject',
    };
  }

  #leave(member: PoolMember): void {
    const left = member.disconnect({ drainTimeoutMs: LEAVE_MS }).finally(() => this.#leaving.delete(member));
    this.#leaving.set(member, left);
  }
}

/** Why `connect()` of a member rejects when nothing is wrong with it: it is connected or trying, or the pool has ended. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set(['ALREADY_CONNECTED', 'CLOSED']);

/** What a client's publishes do to its connections. Connects, losses and the send quota are those of its own connection. */
const SHARED_COUNTERS = [
  'publishesSent',
  'publishesAcked',
  'publishesFailed',
  'acksIgnored',
  'bytesSent',
  'bytesReceived',
  'packetsSent',
  'packetsReceived',
  'pingsSent',
  'pingTimeouts',
  'protocolErrors',
] as const satisfies readonly (keyof ClientStats)[];

/** How long a member may take to finish its publishes at a broker the client has left. */
const LEAVE_MS = 2_000;

/** With the credentials of this broker; they are used where the options have none. */
function urlOf({ href, username, password }: BrokerAddress): URL {
  const own = new URL(href);
  own.username = encodeURIComponent(username ?? '');
  own.password = encodeURIComponent(password ?? '');
  return own;
}

const ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  'NOT_CONNECTED',
  'CLOSED',
  'WRITE_QUEUE_FULL',
  'PUBLISH_QUEUE_FULL',
]);

/** Another connection may try: nothing has left, and it was not the caller's mistake. */
function couldNotSend(error: unknown): boolean {
  return isMqttError(error) && ELSEWHERE.has(error.code) && error.delivery === 'notSent';
}
