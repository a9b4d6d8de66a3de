// SPDX-License-Identifier: Apache-2.0

import type { AckReasonCode } from '../api/receive.ts';
import type { InboundExchange } from '../session/effects.ts';
import type { ReceivedMessage } from './message.ts';

/**
 * One PUBLISH of QoS 1 or 2 that went to several subscriptions. Each has a handle of its own; the broker is answered when the
 * last one is, with 0x00 if any accepted, else with the code of the first refusal.
 */
export class SharedDelivery {
  readonly exchange: InboundExchange;
  readonly #handles: ReceivedMessage[] = [];
  #open: number;
  #accepted = false;
  #refusal: AckReasonCode | undefined;

  constructor(exchange: InboundExchange, handles: number) {
    this.exchange = exchange;
    this.#open = handles;
  }

  add(handle: ReceivedMessage): void {
    this.#handles.push(handle);
  }

  /** The broker waits for the answer. */
  get awaited(): boolean {
    return this.#open > 0 && !this.exchange.acknowledged;
  }

  /** The first handle that has not answered. */
  get oldestOpen(): ReceivedMessage | undefined {
    return this.#handles.find((handle) => !handle.acknowledged);
  }

  /** The answer of one handle, once each. Returns the broker's answer when it was the last one. */
  answer(reasonCode: AckReasonCode): AckReasonCode | undefined {
    if (reasonCode < 0x80) this.#accepted = true;
    else this.#refusal ??= reasonCode;
    this.#open--;
    if (this.#open > 0) return undefined;
    return this.#accepted ? 0x00 : (this.#refusal ?? 0x00);
  }
}
