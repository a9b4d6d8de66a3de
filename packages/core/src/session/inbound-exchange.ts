// SPDX-License-Identifier: Apache-2.0

import type { AckReasonCode } from '../api/receive.ts';

/**
 * - `held`: the application has it and has not answered.
 * - `answered`: answered; the acknowledgement waits for its turn, or for the broker to send the PUBLISH again. At QoS 2 only
 *   refusals stay here.
 * - `awaitPubrel`: QoS 2, accepted: PUBREC is due or sent, the message is not delivered again.
 * - `done`: acknowledged to the end, replaced by a new message, or its session is gone.
 */
export type InboundPhase = 'held' | 'answered' | 'awaitPubrel' | 'done';

/** One incoming QoS 1 or 2 message until it is acknowledged. @internal */
export class InboundExchange {
  readonly qos: 1 | 2;
  readonly packetIdentifier: number;
  phase: InboundPhase = 'held';
  reasonCode: AckReasonCode = 0x00;
  /** Connection on which its PUBLISH arrived last; 0 for one restored from a store. */
  arrivedOn: number;
  /** In-doubt resumptions of the session before that arrival. */
  doubts: number;
  /** Waits in the acknowledgement order of this connection; 0 in none. */
  orderedOn = 0;
  /** Next in that order. */
  next: InboundExchange | undefined = undefined;

  constructor(qos: 1 | 2, packetIdentifier: number, arrivedOn: number, doubts: number) {
    this.qos = qos;
    this.packetIdentifier = packetIdentifier;
    this.arrivedOn = arrivedOn;
    this.doubts = doubts;
  }

  /** The application has answered, or its answer would reach nobody any more. */
  get acknowledged(): boolean {
    return this.phase !== 'held';
  }
}
