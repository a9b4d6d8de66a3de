// SPDX-License-Identifier: Apache-2.0
import type { Will } from '@mqttv5/wire';
import type { BrokerClient, BrokerDisconnectOptions } from './api.ts';
import { Deliveries } from './deliveries.ts';
import type { Copy, DeliveryChannel } from './deliveries.ts';
import type { Settings } from './settings.ts';
import type { Subscription } from './subscription.ts';

/** The connection a session has at the moment. */
export interface SessionChannel extends DeliveryChannel {
  sendQoS0(copy: Copy): void;
  /** Sends DISCONNECT and closes. */
  disconnect(reasonCode: number, options?: BrokerDisconnectOptions): void;
  /** Ends the connection abruptly. */
  cut(): void;
}

/** Session Expiry Interval of a session that never ends by itself (§3.1.2.11.2). */
export const neverExpires = 0xffff_ffff;

/** Session State of one ClientID (§4.1), and the will, which is stored with it. Outlives connections. */
export class Session {
  readonly clientId: string;
  username: string | undefined;
  /** Seconds after the end of the connection; {@link neverExpires} for ever. */
  expiryInterval = 0;
  /** By filter as subscribed, oldest first. */
  readonly subscriptions: Map<string, Subscription> = new Map();
  /** QoS 2 messages received and not released: a repeat of these identifiers is no new message [MQTT-4.3.3-10]. */
  readonly unreleased: Set<number> = new Set();
  readonly deliveries: Deliveries;
  will: Will | undefined;
  /** Cancels the timer of a will that waits out its delay. */
  cancelWill: (() => void) | undefined;
  /** Cancels the timer that ends the session. */
  cancelExpiry: (() => void) | undefined;
  readonly #settings: Settings;
  #channel: SessionChannel | undefined;

  constructor(clientId: string, settings: Settings) {
    this.clientId = clientId;
    this.#settings = settings;
    this.deliveries = new Deliveries(() => settings.clock.now());
  }

  get connected(): boolean {
    return this.#channel !== undefined;
  }

  /** The connection it has now. */
  get channel(): SessionChannel | undefined {
    return this.#channel;
  }

  /** The session belongs to this connection; nothing is sent before {@link Session.resume}. */
  attach(channel: SessionChannel): void {
    this.#channel = channel;
  }

  /** CONNACK is out: what was left behind, and what waits, may follow. */
  resume(): void {
    if (this.#channel !== undefined) this.deliveries.attach(this.#channel);
  }

  detach(): void {
    this.#channel = undefined;
    this.deliveries.detach();
  }

  /** QoS 0 goes out now or never; QoS 1 and 2 when the client is there and its Receive Maximum allows [MQTT-4.5.0-1]. */
  deliver(copy: Copy): void {
    if (copy.qos === 0) {
      this.#channel?.sendQoS0(copy);
      return;
    }
    if (this.deliveries.queued >= this.#settings.maximumQueuedMessages) {
      this.#settings.logger?.warn(`queue of ${this.clientId} is full: message dropped`, {
        topicName: copy.message.topicName,
        queued: this.deliveries.queued,
      });
      return;
    }
    this.deliveries.add({ ...copy, qos: copy.qos, packetIdentifier: 0, state: 'queued', holdsQuota: false });
  }

  snapshot(): BrokerClient {
    return {
      clientId: this.clientId,
      username: this.username,
      connected: this.connected,
      filters: [...this.subscriptions.keys()],
    };
  }
}
