// SPDX-License-Identifier: Apache-2.0
//
// What the session engine wants done. Calls instead of returned objects: as pure, recorded just as well, and nothing is
// allocated on the hot path. Their order is the order in which things have to happen.

import type { Packet, PublishPacket, SubackPacket, UnsubackPacket } from '@mqttv5/wire';
import type { Settled } from '../api/publish.ts';
import type { ClientStats } from '../api/stats.ts';
import type { SessionOperation } from '../api/store.ts';
import type { AnyMqttError } from '../errors.ts';
import type { ControlRequest } from './control-request.ts';
import type { InboundExchange } from './inbound-exchange.ts';
import type { PublishExchange } from './publish-exchange.ts';

export type { ControlRequest, Suspicion } from './control-request.ts';
export { newSuspicion } from './control-request.ts';
export { InboundExchange } from './inbound-exchange.ts';
export type { OutboundMessage } from './outbound-message.ts';
export type { ProducerRef } from './producer-ref.ts';
export { refKey } from './producer-ref.ts';
export { PublishExchange } from './publish-exchange.ts';
export type {
  ConnectedVerdict,
  ConnectPlan,
  RestoreReport,
  ServerLimits,
  SessionSettings,
} from './settings.ts';

/** The end of a publish. `error.delivery` is set. @internal */
export type PublishOutcome = Settled;

/** The answer to a SUBSCRIBE or UNSUBSCRIBE, or why there is none. @internal */
export type RequestOutcome =
  | { readonly packet: SubackPacket | UnsubackPacket }
  | { readonly error: AnyMqttError }
  /** A new session knows nothing of it: it has to be asked anew. */
  | { readonly sessionLost: true };

/** @internal */
export interface SessionEffects {
  /**
   * Sends a packet on the connection of now, after everything persisted before it is committed. False once the connection has
   * no room for further PUBLISH packets; `handleRoom` tells when there is room again. `exchange`: whose PUBLISH this is;
   * `exchange.markWritten()` is called when the bytes go to the connection's outbox, and never when the connection ended
   * before that.
   */
  send(packet: Packet, exchange?: PublishExchange): boolean;
  /** One operation of the next atomic commit. `firstPutOf`: the new publish whose first record this is. */
  persist(operation: SessionOperation, firstPutOf?: PublishExchange): void;
  /**
   * An application message: valid, alias resolved, not a repeat. `exchange` is undefined at QoS 0; otherwise it is answered
   * exactly once by `acknowledge`, now or later.
   */
  deliver(packet: PublishPacket, topic: string, exchange: InboundExchange | undefined): void;
  /** The end of a publish; at QoS 0 only of those that had to wait for room. After everything persisted before it is committed. */
  settlePublish(exchange: PublishExchange, outcome: PublishOutcome): void;
  settleRequest(request: ControlRequest, outcome: RequestOutcome): void;
  /** The peer broke the standard: end the connection with DISCONNECT `reasonCode`. */
  violation(reasonCode: number, detail: string): void;
  count(counter: keyof ClientStats, by?: number): void;
}
