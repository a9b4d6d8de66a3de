// SPDX-License-Identifier: Apache-2.0
import { isValidTopicName, ReasonCode } from '@mqttv5/wire';
import type { Dial, MessageOptions, Payload } from '@mqttv5/core';
import type { PublishProperties, QoS } from '@mqttv5/wire';
import { assertKnownKeys, invalidOption, TestingError } from '../errors.ts';
import type { Link } from '../links/link.ts';
import { memoryConnection } from '../links/memory-link.ts';
import type { Broker, BrokerClient, BrokerDisconnectOptions } from './api.ts';
import type { BrokerState } from './broker-state.ts';
import { Channel } from './channel.ts';
import { isServerDisconnect } from './close-codes.ts';
import { assertLegal, disconnectPacket } from './legal.ts';
import { Handshake } from './handshake.ts';
import type { Listener } from './listeners.ts';
import { PlainPublishes } from './outbound-publishes.ts';
import { Router } from './router.ts';
import { Sessions } from './sessions.ts';
import type { Settings } from './settings.ts';

type BrokerPublishOptions = MessageOptions & { qos?: QoS | undefined; retain?: boolean | undefined };

/** How long `close` lets clients take to close their side, in real time; a client that does not read never would. */
const lingerMs = 1_000;

const publishOptionNames: readonly (keyof BrokerPublishOptions)[] = [
  'qos',
  'retain',
  'messageExpiryInterval',
  'contentType',
  'payloadFormatIndicator',
  'responseTopic',
  'correlationData',
  'userProperties',
];

/** The broker behind `startBroker`: what its listeners and connections share, and what the program does with it. */
export class EmbeddedBroker implements Broker {
  declare readonly webSocketUrl?: string;
  readonly #state: BrokerState;
  readonly #channels = new Set<Channel>();
  #listeners: readonly Listener[] = [];
  #closing: Promise<void> | undefined;

  constructor(settings: Settings) {
    const router = new Router();
    this.#state = {
      settings,
      router,
      sessions: new Sessions(settings, router),
      plainPublishes: new PlainPublishes(),
    };
  }

  get url(): string {
    return this.#listeners[0]?.url ?? '';
  }

  readonly dial: Dial = (_broker, { signal }) => {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#closing !== undefined) {
      return Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    }
    const { client, server } = memoryConnection();
    this.accept(server);
    return Promise.resolve(client);
  };

  get clients(): readonly BrokerClient[] {
    return [...this.#state.sessions].map((session) => session.snapshot());
  }

  /** The listeners of this broker, once they are open. @internal */
  listenOn(listeners: readonly Listener[], webSocketUrl: string | undefined): void {
    this.#listeners = listeners;
    if (webSocketUrl !== undefined)
      Object.defineProperty(this, 'webSocketUrl', { value: webSocketUrl, enumerable: true });
  }

  /** A client has opened a connection. @internal */
  accept(link: Link): void {
    const channel = new Channel(link, this.#state.settings, (made) => new Handshake(this.#state, made));
    this.#channels.add(channel);
    void channel.gone.then(() => this.#channels.delete(channel));
    if (this.#closing !== undefined) channel.cut();
  }

  publish(topic: string, payload: Payload, options: BrokerPublishOptions = {}): void {
    if (this.#closing !== undefined) throw new TestingError('CLOSED', 'the broker is closed');
    if (!isValidTopicName(topic)) throw new TestingError('INVALID_TOPIC', `${JSON.stringify(topic)} is no topic name`);
    assertKnownKeys('publish', options, publishOptionNames);
    const { qos = 0, retain = false, messageExpiryInterval } = options;
    if (qos !== 0 && qos !== 1 && qos !== 2) throw invalidOption(`qos has to be 0, 1 or 2, not ${String(qos)}`);
    const { clock, limits } = this.#state.settings;
    if (retain && !limits.retainAvailable) throw invalidOption('retain: this broker has no retained messages');
    if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) {
      throw invalidOption(`payload has to be a string or a Uint8Array, not ${typeof payload}`);
    }
    const properties = messageProperties(options);
    const message = {
      topicName: topic,
      payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : new Uint8Array(payload),
      qos: qos > limits.maximumQoS ? limits.maximumQoS : qos,
      retain,
      properties,
      expiryInterval: messageExpiryInterval,
      arrivedAt: clock.now(),
      publisher: undefined,
    };
    assertLegal('publish', {
      type: 'publish',
      topicName: topic,
      payload: message.payload,
      qos: 0,
      retain,
      dup: false,
      packetIdentifier: 0,
      properties: { ...properties, ...(messageExpiryInterval === undefined ? {} : { messageExpiryInterval }) },
    });
    this.#state.router.route(message);
  }

  disconnect(
    clientId: string,
    reasonCode: number = ReasonCode.AdministrativeAction,
    options: BrokerDisconnectOptions = {},
  ): void {
    if (!isServerDisconnect(reasonCode)) {
      throw invalidOption(`reasonCode 0x${reasonCode.toString(16)} is none a server may put in a DISCONNECT`);
    }
    assertKnownKeys('disconnect', options, ['reasonString', 'serverReference', 'userProperties']);
    const redirects = reasonCode === ReasonCode.UseAnotherServer || reasonCode === ReasonCode.ServerMoved;
    const { serverReference = redirects ? this.#state.settings.connack.serverReference : undefined } = options;
    const given = { ...options, serverReference };
    assertLegal('disconnect', disconnectPacket(reasonCode, given));
    this.#state.sessions.get(clientId)?.channel?.disconnect(reasonCode, given);
  }

  dropConnections(): void {
    for (const channel of this.#channels) channel.cut();
  }

  forgetSessions(clientId?: string): void {
    const { sessions } = this.#state;
    const forgotten = clientId === undefined ? [...sessions] : [sessions.get(clientId)];
    for (const session of forgotten) {
      if (session === undefined) continue;
      session.will = undefined;
      session.channel?.cut();
      sessions.forget(session);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const listenersClosed = this.#listeners.map((listener) => listener.close());
    const channels = [...this.#channels];
    const { sessions } = this.#state;
    for (const session of sessions) {
      session.will = undefined;
      session.channel?.disconnect(ReasonCode.ServerShuttingDown);
      sessions.forget(session);
    }
    // Those still in their handshake.
    for (const channel of channels) {
      channel.close();
      channel.giveUp();
    }
    const deadline = setTimeout(() => {
      for (const channel of channels) channel.cut();
    }, lingerMs);
    await Promise.all([...listenersClosed, ...channels.map((channel) => channel.gone)]);
    clearTimeout(deadline);
  }
}

function messageProperties(options: BrokerPublishOptions): PublishProperties | undefined {
  const { contentType, payloadFormatIndicator, responseTopic, correlationData, userProperties } = options;
  const properties: PublishProperties = {
    ...(contentType === undefined ? {} : { contentType }),
    ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(userProperties === undefined ? {} : { userProperties: toPairs(userProperties) }),
  };
  return Object.keys(properties).length === 0 ? undefined : properties;
}

function toPairs(init: NonNullable<MessageOptions['userProperties']>): readonly (readonly [string, string])[] {
  return isPairs(init) ? init : Object.entries(init);
}

function isPairs(
  init: NonNullable<MessageOptions['userProperties']>,
): init is readonly (readonly [name: string, value: string])[] {
  return Array.isArray(init);
}
