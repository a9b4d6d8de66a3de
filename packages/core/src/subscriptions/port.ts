// SPDX-License-Identifier: Apache-2.0

import type { ClientState } from '../api/connect.ts';
import type { EventSink } from '../api/events.ts';
import type { AckReasonCode } from '../api/receive.ts';
import type { Clock } from '../clock.ts';
import type { ControlRequest, InboundExchange } from '../session/effects.ts';
import type { Counters } from '../stats.ts';

/** What the subscriptions layer needs from above. @internal */
export interface SubscriptionPort {
  /** Has the engine send SUBSCRIBE or UNSUBSCRIBE. Only called while connected. */
  request(request: ControlRequest): void;
  /** True: it is not on its way and will not be sent. */
  withdrawRequest(request: ControlRequest): boolean;
  acknowledge(exchange: InboundExchange, reasonCode: AckReasonCode): void;
  /** Undefined while not connected. */
  readonly canPause: boolean | undefined;
  /** Called on the edges only. */
  pauseReading(): void;
  resumeReading(): void;
  readonly state: ClientState;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly random: () => number;
}
