// SPDX-License-Identifier: Apache-2.0
//
// Transcripts: the engine alone, in virtual time. Each input is followed by everything it had to cause, in order and nothing
// else:
//
//   const t = connected({ receiveMaximum: 1 })
//   t.publish({ topic: 'a', qos: 2 }).expect(sent('publish', { packetIdentifier: 1 }))
//   t.receive(pubrec(1, 0x97)).expect(settled('a', 0x97))

import type { Packet, PacketType, PublishPacket, QoS } from '@mqttv5/wire';
import { expect } from 'vitest';
import type { AckReasonCode } from '../../src/api/receive.ts';
import type { ClientStats } from '../../src/api/stats.ts';
import type { SessionOperation } from '../../src/api/store.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type {
  ConnectedVerdict,
  ConnectPlan,
  ControlRequest,
  InboundExchange,
  OutboundMessage,
  PublishExchange,
  PublishOutcome,
  RequestOutcome,
  ServerLimits,
  SessionEffects,
  SessionSettings,
} from '../../src/session/effects.ts';
import { newSuspicion } from '../../src/session/effects.ts';
import { SessionEngine } from '../../src/session/engine.ts';

/** One thing the engine did, as tests name it. */
export type Effect =
  | { readonly effect: 'sent'; readonly packet: object }
  | { readonly effect: 'stored' | 'removed'; readonly key: string }
  | { readonly effect: 'delivered'; readonly topic: string; readonly qos: QoS }
  | { readonly effect: 'settled'; readonly topic: string; readonly as: number | ErrorCode; readonly delivery?: string }
  | { readonly effect: 'answered'; readonly filter: string; readonly as: string }
  | { readonly effect: 'violated'; readonly reasonCode: number };

export const sent = (type: PacketType, fields: object = {}): Effect => ({
  effect: 'sent',
  packet: { type, ...fields },
});
export const stored = (key: string): Effect => ({ effect: 'stored', key });
export const removed = (key: string): Effect => ({ effect: 'removed', key });
export const delivered = (topic: string, qos: QoS): Effect => ({ effect: 'delivered', topic, qos });
/** `as`: the Reason Code of the result or of the refusal, or the code of the error. */
export const settled = (topic: string, as: number | ErrorCode, delivery?: string): Effect => ({
  effect: 'settled',
  topic,
  as,
  ...(delivery !== undefined && { delivery }),
});
/** `as`: 'suback', 'unsuback', 'sessionLost', or the code of an error. */
export const answered = (filter: string, as: string): Effect => ({ effect: 'answered', filter, as });
export const violated = (reasonCode: number): Effect => ({ effect: 'violated', reasonCode });

export const puback = (packetIdentifier: number, reasonCode = 0): Packet => ({
  type: 'puback',
  packetIdentifier,
  reasonCode,
});
export const pubrec = (packetIdentifier: number, reasonCode = 0): Packet => ({
  type: 'pubrec',
  packetIdentifier,
  reasonCode,
});
export const pubrel = (packetIdentifier: number, reasonCode = 0): Packet => ({
  type: 'pubrel',
  packetIdentifier,
  reasonCode,
});
export const pubcomp = (packetIdentifier: number, reasonCode = 0): Packet => ({
  type: 'pubcomp',
  packetIdentifier,
  reasonCode,
});
export const suback = (packetIdentifier: number, ...reasonCodes: number[]): Packet => ({
  type: 'suback',
  packetIdentifier,
  reasonCodes,
});
export const unsuback = (packetIdentifier: number, ...reasonCodes: number[]): Packet => ({
  type: 'unsuback',
  packetIdentifier,
  reasonCodes,
});
export function publish(topicName: string, qos: QoS, packetIdentifier = 0, more: Partial<PublishPacket> = {}): Packet {
  return {
    type: 'publish',
    topicName,
    payload: new Uint8Array(1),
    qos,
    retain: false,
    dup: false,
    packetIdentifier,
    ...more,
  };
}

/** `persistent`: there is a store. */
type Settings = Omit<SessionSettings, 'store'> & { readonly persistent: boolean };

const DEFAULTS: Settings = {
  clientId: 'client',
  cleanStart: undefined,
  cleanStartOnReconnect: false,
  sessionExpiryInterval: 300,
  sessionLoss: 'republish',
  resumeWithoutState: false,
  independentBrokers: false,
  receiveMaximum: 1024,
  topicAliasMaximum: 0,
  requestProblemInformation: true,
  outboundTopicAliases: false,
  qosDowngrade: false,
  writeOverflow: 'wait',
  maximumQueuedPublishes: 65_000,
  persistent: false,
};

const UNLIMITED: ServerLimits = {
  receiveMaximum: 65_535,
  maximumQoS: 2,
  retainAvailable: true,
  maximumPacketSize: undefined,
  topicAliasMaximum: 0,
  sessionExpiryInterval: 300,
};

export interface ConnectOptions extends Partial<ServerLimits> {
  readonly broker?: string;
  readonly sessionPresent?: boolean;
  readonly assignedClientIdentifier?: string;
  /** Leaves `startPublishing` to the test. */
  readonly hold?: boolean;
}

/** An engine, what it did, and a store that is as quick as the call. */
export class Transcript {
  now = 1_000_000;
  readonly engine: SessionEngine;
  readonly store: Map<string, Uint8Array>;
  readonly counters: Partial<Record<keyof ClientStats, number>> = {};
  /** By topic, the newest. */
  readonly exchanges: Map<string, PublishExchange> = new Map();
  readonly inbound: Map<string, InboundExchange> = new Map();
  readonly outcomes: Map<string, PublishOutcome> = new Map();
  /** Everything ever sent. */
  readonly packets: Packet[] = [];
  readonly firstPuts: Map<string, PublishExchange | undefined> = new Map();
  /** What `send` returns. */
  room = true;
  /** PUBLISH packets stay with the runner: not written. */
  holdWrites = false;
  /** Called from within `settlePublish`. */
  onSettled: (() => void) | undefined;
  #effects: Effect[] = [];

  constructor(
    settings: Partial<Settings> = {},
    store: Map<string, Uint8Array> = new Map(),
    largestIdentifier?: number,
  ) {
    this.store = store;
    const { persistent: stores, ...all } = { ...DEFAULTS, ...settings };
    this.engine = new SessionEngine({ ...all, store: stores ? {} : undefined }, this.#recorder(), largestIdentifier);
  }

  #recorder(): SessionEffects {
    return {
      send: (packet, exchange) => {
        if (!this.holdWrites) exchange?.markWritten();
        this.packets.push(packet);
        this.#effects.push({ effect: 'sent', packet });
        return this.room;
      },
      persist: (operation, firstPutOf) => this.#persist(operation, firstPutOf),
      deliver: (_packet, topic, exchange) => {
        this.#effects.push({ effect: 'delivered', topic, qos: exchange?.qos ?? 0 });
        if (exchange !== undefined) this.inbound.set(topic, exchange);
      },
      settlePublish: (exchange, outcome) => {
        this.outcomes.set(exchange.topic, outcome);
        this.#effects.push(settledEffect(exchange, outcome));
        this.onSettled?.();
      },
      settleRequest: (request, outcome) => this.#effects.push(answeredEffect(request, outcome)),
      violation: (reasonCode) => this.#effects.push({ effect: 'violated', reasonCode }),
      count: (counter, by = 1) => {
        this.counters[counter] = (this.counters[counter] ?? 0) + by;
      },
    };
  }

  #persist(operation: SessionOperation, firstPutOf: PublishExchange | undefined): void {
    const { key } = operation;
    if (operation.type === 'put') {
      this.store.set(key, operation.value);
      this.firstPuts.set(key, firstPutOf);
    } else {
      this.store.delete(key);
    }
    // When meta is written is a matter of its own; tests look into the store for what it says.
    if (key !== 'meta') this.#effects.push({ effect: operation.type === 'put' ? 'stored' : 'removed', key });
  }

  /** Exactly these, in this order, since the last time; of packets the named fields. */
  expect(...effects: readonly Effect[]): this {
    const actual = this.#effects;
    this.#effects = [];
    // oxlint-disable-next-line vitest/no-standalone-expect -- called by tests
    expect(actual).toMatchObject(effects);
    return this;
  }

  expectNothing(): this {
    return this.expect();
  }

  /** What happens is not the point here. */
  skip(): this {
    this.#effects = [];
    return this;
  }

  // -- Connections

  plan(broker = 'one'): ConnectPlan {
    return this.engine.planConnect(broker, this.now);
  }

  /** CONNECT, CONNACK 0x00, and everything may leave. */
  connect(options: ConnectOptions = {}): this {
    this.plan(options.broker);
    this.engine.handleConnectWritten();
    const verdict = this.connack(options);
    if ('error' in verdict) throw verdict.error;
    if (options.hold !== true) this.engine.startPublishing(this.now);
    return this;
  }

  connack(options: ConnectOptions = {}): ConnectedVerdict {
    const { broker: _broker, sessionPresent = false, assignedClientIdentifier, hold: _hold, ...limits } = options;
    const properties = assignedClientIdentifier === undefined ? {} : { assignedClientIdentifier };
    const connack = { type: 'connack', sessionPresent, reasonCode: 0, properties } as const;
    return this.engine.handleConnected(connack, { ...UNLIMITED, ...limits }, this.now);
  }

  /** CONNECT went out and nothing came back. */
  connectInVain(broker?: string): this {
    this.plan(broker);
    this.engine.handleConnectWritten();
    this.engine.handleConnectFailed({ written: true, connackReceived: false }, this.now);
    return this;
  }

  resume(options: ConnectOptions = {}): this {
    return this.connect({ ...options, sessionPresent: true });
  }

  drop(end: { orderly?: boolean; reasonCode?: number } = {}): this {
    this.engine.handleConnectionLost({ orderly: false, ...end }, this.now);
    return this;
  }

  // -- Calls

  publish(message: Partial<OutboundMessage> & { readonly topic: string }): this {
    const whole = { payload: new Uint8Array(1), qos: 1, retain: false, properties: undefined, ...message } as const;
    const instant = whole.properties?.messageExpiryInterval === undefined ? this.#instant() : this.now;
    const exchange = this.engine.publish(whole, instant);
    if (exchange !== undefined) this.exchanges.set(message.topic, exchange);
    return this;
  }

  exchange(topic: string): PublishExchange {
    const exchange = this.exchanges.get(topic);
    if (exchange === undefined) throw new Error(`no exchange for ${topic}`);
    return exchange;
  }

  receive(...packets: readonly Packet[]): this {
    for (const packet of packets) this.engine.handlePacket(packet, this.#instant());
    return this;
  }

  /** What the engine says it does not need it is not given. */
  #instant(): number {
    return this.engine.timed ? this.now : 0;
  }

  /** The application answers the newest message of the topic. */
  acknowledge(topic: string, reasonCode: AckReasonCode = 0x00): this {
    const exchange = this.inbound.get(topic);
    if (exchange === undefined) throw new Error(`nothing was delivered for ${topic}`);
    this.engine.acknowledge(exchange, reasonCode);
    return this;
  }

  request(request: ControlRequest): this {
    this.engine.request(request);
    return this;
  }

  /** Time passes, and the engine is woken as it asked to be. */
  wait(ms: number): this {
    const end = this.now + ms;
    for (let at = this.engine.pollTimeout(); at !== undefined && at <= end; at = this.engine.pollTimeout()) {
      this.now = Math.max(this.now, at);
      this.engine.handleTimeout(this.now);
    }
    this.now = end;
    return this;
  }

  roomAgain(): this {
    this.room = true;
    this.engine.handleRoom(this.now);
    return this;
  }

  /** The process is killed; the next one finds the store. */
  restart(settings: Partial<Settings> = {}): Transcript {
    const next = new Transcript({ persistent: true, ...settings }, new Map(this.store));
    next.now = this.now;
    next.engine.restore(next.store, next.now);
    return next;
  }
}

export function connected(settings: Partial<Settings> = {}, limits: ConnectOptions = {}): Transcript {
  return new Transcript(settings).connect(limits).skip();
}

/** Connected, with a store. */
export function persistent(): Transcript {
  return new Transcript({ persistent: true }).connect().skip();
}

export function subscribeRequest(...filters: readonly string[]): ControlRequest {
  return controlRequest('subscribe', filters);
}

export function unsubscribeRequest(...filters: readonly string[]): ControlRequest {
  return controlRequest('unsubscribe', filters);
}

function controlRequest(type: ControlRequest['type'], filters: readonly string[]): ControlRequest {
  return {
    type,
    filters: filters.map((topicFilter) => ({
      topicFilter,
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    })),
    suspicion: newSuspicion(),
  };
}

function settledEffect({ topic }: PublishExchange, outcome: PublishOutcome): Effect {
  if (outcome.error === undefined) return { effect: 'settled', topic, as: outcome.result.reasonCode };
  const { error } = outcome;
  const as = error.code === 'PUBLISH_REFUSED' && 'reasonCode' in error ? error.reasonCode : error.code;
  return { effect: 'settled', topic, as, ...(error.delivery !== undefined && { delivery: error.delivery }) };
}

function answeredEffect(request: ControlRequest, outcome: RequestOutcome): Effect {
  const filter = request.filters[0]?.topicFilter ?? '';
  if ('packet' in outcome) return { effect: 'answered', filter, as: outcome.packet.type };
  return { effect: 'answered', filter, as: 'error' in outcome ? outcome.error.code : 'sessionLost' };
}
