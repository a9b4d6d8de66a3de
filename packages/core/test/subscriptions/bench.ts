// SPDX-License-Identifier: Apache-2.0
//
// Test collaborators: a session engine that records what the registry asks of it, and a client around it. For tests only.

import type { PublishPacket, PublishProperties, QoS } from '@mqttv5/wire';

import type { ClientState, ConnackInfo } from '../../src/api/connect.ts';
import type { ClientEvents, EventSink } from '../../src/api/events.ts';
import type {
  CallbackOptions,
  Filters,
  Message,
  MessageHandler,
  Subscription,
  SubscriptionHandle,
} from '../../src/api/receive.ts';
import type { AnyMqttError } from '../../src/errors.ts';
import { normalizeFilters, resolveSubscribeOptions } from '../../src/options/subscribe-options.ts';
import { type ControlRequest, InboundExchange } from '../../src/session/effects.ts';
import { Counters } from '../../src/stats.ts';
import { VirtualClock } from '../../src/virtual-clock.ts';
import {
  SubscriptionRegistry,
  type SubscriptionPort,
  type SubscriptionStart,
} from '../../src/subscriptions/registry.ts';

export interface Ack {
  readonly packetIdentifier: number;
  readonly reasonCode: number;
}

/** What the registry sees of the client it is in. */
export class FakePort implements SubscriptionPort {
  readonly requests: ControlRequest[] = [];
  readonly withdrawn: ControlRequest[] = [];
  readonly acks: Ack[] = [];
  readonly drops: Message[] = [];
  readonly unmatched: Message[] = [];
  readonly handlerErrors: { error: unknown; message: Message }[] = [];
  readonly subscribeErrors: { subscription: SubscriptionHandle; error: AnyMqttError }[] = [];
  readonly stalls: Parameters<ClientEvents['ackStalled']>[0][] = [];
  /** In order: everything that leaves or is reported. */
  readonly log: string[] = [];
  readonly clock: VirtualClock = new VirtualClock();
  readonly counters: Counters = new Counters();
  canPause: boolean | undefined = undefined;
  state: ClientState = 'idle';
  reading = true;
  /** Requests that `withdrawRequest` takes back. */
  withdrawable: (request: ControlRequest) => boolean = () => false;
  onDrop: (message: Message) => void = () => undefined;
  onUnmatched: (message: Message) => void = () => undefined;

  random = (): number => 0.25;

  request(request: ControlRequest): void {
    this.requests.push(request);
    this.log.push(`${request.type} ${request.filters.map(({ topicFilter }) => topicFilter).join(' ')}`);
  }

  withdrawRequest(request: ControlRequest): boolean {
    if (!this.withdrawable(request)) return false;
    this.withdrawn.push(request);
    return true;
  }

  acknowledge(exchange: InboundExchange, reasonCode: number): void {
    // As the engine does: once, and not after the session.
    if (exchange.phase !== 'held') return;
    exchange.phase = 'answered';
    this.acks.push({ packetIdentifier: exchange.packetIdentifier, reasonCode });
    this.log.push(`ack ${exchange.packetIdentifier} ${reasonCode}`);
  }

  pauseReading(): void {
    if (!this.reading) throw new Error('paused twice');
    this.reading = false;
  }

  resumeReading(): void {
    if (this.reading) throw new Error('resumed twice');
    this.reading = true;
  }

  readonly events: EventSink = {
    emit: (event, ...payload) => this.#note(event, payload[0]),
    emitNow: (event, ...payload) => this.#note(event, payload[0]),
  };

  /** `payload` is what `event` carries. */
  #note(event: keyof ClientEvents, payload: unknown): void {
    if (event === 'drop') {
      const { message } = payload as { message: Message };
      this.drops.push(message);
      this.log.push(`drop ${message.text()}`);
      this.onDrop(message);
    } else if (event === 'unmatched') {
      const message = payload as Message;
      this.unmatched.push(message);
      this.log.push(`unmatched ${message.topic}`);
      this.onUnmatched(message);
    } else if (event === 'handlerError') {
      const failure = payload as { error: unknown; message: Message };
      this.handlerErrors.push(failure);
      this.log.push(`handlerError ${failure.message.text()}`);
    } else if (event === 'subscribeError') {
      const failure = payload as { subscription: SubscriptionHandle; error: AnyMqttError };
      this.subscribeErrors.push(failure);
      this.log.push(`subscribeError ${failure.error.code}`);
    } else {
      this.stalls.push(payload as Parameters<ClientEvents['ackStalled']>[0]);
    }
  }
}

const DEFAULTS = { bufferSize: 65_536, bufferBytes: 64 * 1024 * 1024, overflow: 'dropNewest' } as const;
const LIMITS = { ackStallMs: 30_000, unmatchedHoldMs: 10_000, receiveMaximum: 16 };

const CONNACK: ConnackInfo = {
  broker: new URL('mqtt://localhost'),
  sessionPresent: false,
  clientId: 'test',
  keepAlive: 30,
  sessionExpiryInterval: 300,
  receiveMaximum: 65_535,
  maximumQoS: 2,
  retainAvailable: true,
  maximumPacketSize: undefined,
  topicAliasMaximum: 0,
  wildcardSubscriptionAvailable: true,
  subscriptionIdentifierAvailable: true,
  sharedSubscriptionAvailable: true,
  responseInformation: undefined,
  serverReference: undefined,
  reasonString: undefined,
  userProperties: [],
};

export interface Published {
  readonly qos?: QoS;
  readonly payload?: string | Uint8Array;
  readonly properties?: PublishProperties;
  readonly retain?: boolean;
  readonly dup?: boolean;
  /** Of QoS 1 and 2; counted up when not given. */
  readonly id?: number;
}

/** The receiving side of a client, with the broker in the test's hands. */
export class Bench {
  readonly port: FakePort = new FakePort();
  readonly registry: SubscriptionRegistry;
  #identifier = 0;

  constructor(limits: Partial<typeof LIMITS> = {}) {
    this.registry = new SubscriptionRegistry(this.port, { ...LIMITS, ...limits });
  }

  connect(start: Partial<Omit<SubscriptionStart, 'info'>> & { info?: Partial<ConnackInfo> } = {}): void {
    this.port.canPause ??= true;
    this.port.reading = true;
    this.registry.handleConnected({
      fate: start.fate ?? 'new',
      inDoubt: start.inDoubt ?? false,
      resumedForeign: start.resumedForeign ?? false,
      info: { ...CONNACK, ...start.info },
    });
    this.port.state = 'connected';
  }

  drop(): void {
    this.port.canPause = undefined;
    this.port.state = 'reconnecting';
    this.registry.handleConnectionLost();
  }

  declare(filters: Filters, options?: CallbackOptions): Subscription {
    return this.registry.declare(normalizeFilters(filters, pick(options)), resolved(options, 'stream'));
  }

  declareCallback(filters: Filters, handler: MessageHandler, options?: CallbackOptions): SubscriptionHandle {
    return this.registry.declare(normalizeFilters(filters, pick(options)), resolved(options, 'callback'), handler);
  }

  subscribe(filters: Filters, options?: CallbackOptions): Promise<Subscription> {
    return this.registry.subscribe(normalizeFilters(filters, pick(options)), resolved(options, 'stream'));
  }

  /** The newest request, or the one that is `back` before it. */
  request(back = 0): ControlRequest {
    const request = this.port.requests.at(-1 - back);
    if (request === undefined) throw new Error('nothing was requested');
    return request;
  }

  /** The broker's answer, by default that everything asked for is granted. */
  answer(codes?: readonly number[] | number, request: ControlRequest = this.request(), reasonString?: string): void {
    const list = typeof codes === 'number' ? request.filters.map(() => codes) : codes;
    const reasonCodes = list ?? request.filters.map(({ qos }) => (request.type === 'subscribe' ? qos : 0));
    const type = request.type === 'subscribe' ? 'suback' : 'unsuback';
    const packet = { type, packetIdentifier: 1, reasonCodes, ...(reasonString && { properties: { reasonString } }) };
    this.registry.handleRequestSettled(request, { packet: packet as never });
  }

  settle(error: AnyMqttError, request: ControlRequest = this.request()): void {
    this.registry.handleRequestSettled(request, { error });
  }

  publish(topic: string, message: Published = {}): InboundExchange | undefined {
    const { packet, exchange } = this.packet(topic, message);
    this.registry.deliver(packet, topic, exchange);
    return exchange;
  }

  packet(topic: string, message: Published): { packet: PublishPacket; exchange: InboundExchange | undefined } {
    const { qos = 0, payload = '', properties, retain = false, dup = false } = message;
    const packetIdentifier = qos === 0 ? 0 : (message.id ?? ++this.#identifier);
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    const packet: PublishPacket = {
      type: 'publish',
      topicName: topic,
      payload: bytes,
      qos,
      retain,
      dup,
      packetIdentifier,
    };
    if (properties !== undefined) packet.properties = properties;
    return { packet, exchange: qos === 0 ? undefined : new InboundExchange(qos, packetIdentifier, 1, 0) };
  }
}

/** Lets promise reactions run. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

export function texts(messages: readonly Message[]): string[] {
  return messages.map((message) => message.text());
}

function resolved(
  options: CallbackOptions | undefined,
  shape: 'stream' | 'callback',
): ReturnType<typeof resolveSubscribeOptions> {
  return resolveSubscribeOptions(options, DEFAULTS, shape);
}

function pick(options: CallbackOptions | undefined): CallbackOptions {
  const { qos, noLocal, retainAsPublished, retainHandling } = options ?? {};
  return { qos, noLocal, retainAsPublished, retainHandling };
}

/** The SUBSCRIBEs and UNSUBSCRIBEs that were asked for, in order. */
export function asked(bench: Bench): string[] {
  return bench.port.log.filter((entry) => /^(un)?subscribe /.test(entry));
}
