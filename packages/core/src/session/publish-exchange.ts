// SPDX-License-Identifier: Apache-2.0
//
// One outgoing message, from `publish` to its end. Fields are grouped by lifetime: what the message is, what the session knows
// of it (§4.1, survives connections), and what the Network Connection of now knows (numbers of connections, so that a new one
// invalidates all of it by being another number).

import type { QoS } from '@mqttv5/wire';
import type { PublishResult } from '../api/publish.ts';
import type { OutboundMessage } from './outbound-message.ts';
import type { ProducerRef } from './producer-ref.ts';

/** What the exchange waits for. `awaitRoom` is QoS 0 above the write high-water mark; the others are phases of a record. */
export type PublishPhase = 'awaitRoom' | 'awaitPuback' | 'awaitPubrec' | 'awaitPubcomp';

/** No connection: never, or not any more. Connections are numbered from 1. */
export const NEVER = 0;
/** `writtenOn` and `sentOn` of a restored exchange: an earlier process may have written it. */
export const BEFORE_RESTART = -1;

/** @internal */
export class PublishExchange {
  /** Tells owners of a packet identifier apart. */
  readonly kind: 'publish' = 'publish' as const;
  readonly message: OutboundMessage;
  /** The message's, or lower where `qosDowngrade` lowered it. */
  qos: QoS;
  /** The client's: promise, signal. Undefined: nobody waits. */
  waiter: unknown = undefined;
  /** It has left the engine: settled, withdrawn or rejected. */
  settled = false;

  // -- Session State
  /** 0 at QoS 0. A new one after the loss of the session. */
  packetIdentifier = 0;
  phase: PublishPhase;
  /** Send order: the order of resends and of republishing. Unique among publishes. */
  sequence = 0;
  /** Order of PUBREC arrival, drawn from the same counter; 0 before PUBREC. */
  pubrecSequence = 0;
  /** Instant, ms. */
  expiresAt: number = Number.POSITIVE_INFINITY;
  /** Written in this or an earlier session: some broker may have it. */
  everWritten = false;
  /** What PUBREC said (QoS 2). */
  result: PublishResult | undefined = undefined;
  /** Another record has been decided since its first: that one failing does not mean that there is none. */
  rewritten = false;
  /** How often the broker has ended a connection because of it. */
  blames = 0;

  // -- Network Connections, by number
  /** Handed to `send` last on this one. */
  sentOn: number = NEVER;
  /** Bytes handed to the outbox last on this one. */
  writtenOn: number = NEVER;
  /** Holds a slot of this one's send quota. */
  slotOn: number = NEVER;
  /** Known to be within this one's limits. */
  checkedOn: number = NEVER;
  /** Its PUBREL was sent again on this one, which resumed a session in doubt. */
  doubtOn: number = NEVER;

  // -- Places in the engine's structures
  previous: PublishExchange | undefined = undefined;
  next: PublishExchange | undefined = undefined;
  /** The line of QoS 0 messages it stands in. */
  waitsIn: object | undefined = undefined;
  /** In the expiry heap; -1 outside. */
  expiryIndex = -1;

  constructor(message: OutboundMessage, qos: QoS, phase: PublishPhase) {
    this.message = message;
    this.qos = qos;
    this.phase = phase;
  }

  get topic(): string {
    return this.message.topic;
  }

  get ref(): ProducerRef | undefined {
    return this.message.ref;
  }

  /** The PUBLISH has been handed to a connection in this session: it may be with the broker. */
  get written(): boolean {
    return this.writtenOn !== NEVER;
  }

  /** Called by whoever carries out `send`, when the bytes go to the connection's outbox. */
  markWritten(): void {
    this.writtenOn = this.sentOn;
    this.everWritten = true;
  }

  /** A new session knows nothing of it. */
  forgetSession(): void {
    this.phase = this.qos === 2 ? 'awaitPubrec' : 'awaitPuback';
    this.pubrecSequence = 0;
    this.result = undefined;
    this.sentOn = NEVER;
    this.writtenOn = NEVER;
    this.slotOn = NEVER;
    this.checkedOn = NEVER;
    this.doubtOn = NEVER;
  }
}
