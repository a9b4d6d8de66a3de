// SPDX-License-Identifier: Apache-2.0
//
// QoS 1 and 2 messages on their way to one client (§4.3, §4.4, §4.9). They are Session State (§4.1): the queue and the
// open exchanges outlive the connection. The send quota does not: every connection brings a new one, in its channel.
import type { QoS } from '@mqttv5/wire';
import { Fifo } from './fifo.ts';
import type { Message } from './message.ts';
import { isExpired } from './message.ts';
import type { SharedGroup } from './shared-group.ts';

/** A message for one client, before it is decided whether it is sent, queued or dropped. */
export interface Copy {
  readonly message: Message;
  /** The lower of published and granted [MQTT-3.8.4-8]. */
  readonly qos: QoS;
  /** The RETAIN flag of this copy, by Retain As Published. */
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** The group it was picked from, if it is another member's to have should this session end (§4.8.2). */
  readonly group: SharedGroup | undefined;
}

/** A copy with an exchange of acknowledgements. */
export interface Delivery extends Copy {
  readonly qos: 1 | 2;
  /** 0 until it was first sent. */
  packetIdentifier: number;
  /** `published`: PUBLISH went out, PUBACK or PUBREC awaited. `released`: PUBREL went out, PUBCOMP awaited. */
  state: 'queued' | 'published' | 'released' | 'done';
  /** A unit of the current connection's send quota is its own. */
  holdsQuota: boolean;
}

/** The connection, as far as deliveries need it. */
export interface DeliveryChannel {
  /** The client's Receive Maximum: how many may be open at once (§4.9). */
  readonly sendQuota: number;
  /** False if the message is too large for this client, and was dropped [MQTT-3.1.2-25]. */
  sendPublish(delivery: Delivery, dup: boolean): boolean;
  sendPubrel(packetIdentifier: number): void;
}

/** The answer to an acknowledgement: nothing, a PUBREL, or that the client broke the protocol. */
export type AckOutcome = 'done' | 'release' | 'unknown' | 'violation';

const maximumPacketIdentifier = 0xffff;

export class Deliveries {
  readonly #now: () => number;
  readonly #queued = new Fifo<Delivery>();
  /** Sent and not settled, by Packet Identifier, in the order their next packet has to be sent again. */
  readonly #open = new Map<number, Delivery>();
  /** Those of an earlier connection whose PUBLISH this one has not carried yet, in order. */
  #resend = new Fifo<Delivery>();
  #channel: DeliveryChannel | undefined;
  #quota = 0;
  #lastIdentifier = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Messages waiting to be sent for the first time. */
  get queued(): number {
    return this.#queued.size;
  }

  /** True if a message added now would leave at once. */
  get hasRoom(): boolean {
    return this.#channel !== undefined && this.#quota > 0 && this.#queued.size === 0;
  }

  add(delivery: Delivery): void {
    this.#queued.push(delivery);
    this.#pump();
  }

  /**
   * A connection resumes the session: PUBREL and PUBLISH packets without their acknowledgement are sent again, with their
   * identifiers [MQTT-4.4.0-1]. A PUBLISH takes quota like a new one and may have to wait for it; a PUBREL does not.
   */
  attach(channel: DeliveryChannel): void {
    this.#channel = channel;
    this.#quota = channel.sendQuota;
    this.#resend = new Fifo();
    for (const delivery of this.#open.values()) {
      delivery.holdsQuota = false;
      if (delivery.state === 'released') channel.sendPubrel(delivery.packetIdentifier);
      else this.#resend.push(delivery);
    }
    this.#pump();
  }

  detach(): void {
    this.#channel = undefined;
  }

  handlePuback(packetIdentifier: number): AckOutcome {
    const delivery = this.#open.get(packetIdentifier);
    if (delivery === undefined) return 'unknown';
    if (delivery.qos !== 1) return 'violation';
    this.#settle(delivery);
    return 'done';
  }

  handlePubrec(packetIdentifier: number, reasonCode: number): AckOutcome {
    const delivery = this.#open.get(packetIdentifier);
    if (delivery === undefined) return 'unknown';
    if (delivery.qos !== 2) return 'violation';
    if (reasonCode >= 0x80) {
      this.#settle(delivery);
      return 'done';
    }
    if (delivery.state === 'published') {
      delivery.state = 'released';
      // To the end of the line: PUBRELs are sent again in the order of the PUBRECs.
      this.#open.delete(packetIdentifier);
      this.#open.set(packetIdentifier, delivery);
    }
    return 'release';
  }

  handlePubcomp(packetIdentifier: number): AckOutcome {
    const delivery = this.#open.get(packetIdentifier);
    if (delivery === undefined) return 'unknown';
    if (delivery.state !== 'released') return 'violation';
    this.#settle(delivery);
    return 'done';
  }

  /**
   * The session is over. What came from a shared subscription and may go to another member is given back: everything not
   * sent yet, and QoS 1 not acknowledged. A QoS 2 delivery that was begun is lost with the session [MQTT-4.8.2-5].
   */
  end(): Delivery[] {
    this.#channel = undefined;
    const open = [...this.#open.values()].filter((delivery) => delivery.qos === 1);
    this.#open.clear();
    return [...open, ...this.#queued.drain()].filter((delivery) => delivery.group !== undefined);
  }

  #settle(delivery: Delivery): void {
    delivery.state = 'done';
    this.#open.delete(delivery.packetIdentifier);
    if (delivery.holdsQuota) this.#quota++;
    delivery.holdsQuota = false;
    this.#pump();
  }

  /** Sends what the quota allows: first what another connection left behind, then the queue, each in order. */
  #pump(): void {
    while (this.#channel !== undefined && this.#quota > 0) {
      const delivery = this.#resend.shift() ?? this.#takeQueued();
      if (delivery === undefined) return;
      if (delivery.state === 'done') continue;
      const dup = delivery.state === 'published';
      // Before it is sent: the acknowledgement may come while `sendPublish` runs, over an in-memory connection.
      delivery.state = 'published';
      delivery.holdsQuota = true;
      this.#quota--;
      this.#open.set(delivery.packetIdentifier, delivery);
      if (this.#channel.sendPublish(delivery, dup)) continue;
      delivery.state = 'done';
      this.#open.delete(delivery.packetIdentifier);
      this.#quota++;
    }
  }

  /** The oldest message that is not expired [MQTT-3.3.2-5], with an identifier; undefined if none of either is left. */
  #takeQueued(): Delivery | undefined {
    for (let next = this.#queued.peek(); next !== undefined; next = this.#queued.peek()) {
      if (next.message.expiryInterval !== undefined && isExpired(next.message, this.#now())) {
        this.#queued.shift();
        continue;
      }
      const packetIdentifier = this.#freeIdentifier();
      if (packetIdentifier === undefined) return undefined;
      next.packetIdentifier = packetIdentifier;
      return this.#queued.shift();
    }
    return undefined;
  }

  /** [MQTT-2.2.1-4]: not zero and not in use. Counts up, so that an identifier rests as long as possible. */
  #freeIdentifier(): number | undefined {
    if (this.#open.size >= maximumPacketIdentifier) return undefined;
    do {
      this.#lastIdentifier = (this.#lastIdentifier % maximumPacketIdentifier) + 1;
    } while (this.#open.has(this.#lastIdentifier));
    return this.#lastIdentifier;
  }
}
