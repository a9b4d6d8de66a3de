// SPDX-License-Identifier: Apache-2.0

import type { ConnackInfo } from '../api/connect.ts';
import type { SubscribeResult } from '../api/receive.ts';
import { type AnyMqttError, UnsubscribeError } from '../errors.ts';
import { type ControlRequest, newSuspicion, type RequestOutcome } from '../session/effects.ts';
import { type Deferred, deferred } from '../abort.ts';
import { tooLarge } from './capabilities.ts';
import { splitFilters } from './packet-splitting.ts';
import type { SubscriptionPort } from './port.ts';
import { resultOf } from './results.ts';

/** UNSUBSCRIBE, now or as soon as the session is resumed. */
export class Unsubscribing {
  readonly #port: SubscriptionPort;
  readonly #open = new Map<ControlRequest, { readonly filters: readonly string[]; readonly call: UnsubscribeCall }>();
  /** Filters given up while there was no connection. */
  readonly #owed = new Set<string>();

  constructor(port: SubscriptionPort) {
    this.#port = port;
  }

  /** Something of the session is still to be taken back. */
  get owing(): boolean {
    return this.#owed.size > 0;
  }

  owe(filters: readonly string[]): void {
    for (const filter of filters) this.#owed.add(filter);
  }

  /** Resolves with the answer of the broker. */
  ask(filters: readonly string[], broker: ConnackInfo): Promise<void> {
    const { maximumPacketSize } = broker;
    const split = splitFilters(filters, (filter) => filter, 0, NO_PROPERTIES, maximumPacketSize);
    const call = new UnsubscribeCall(split.packets.length);
    // The SUBSCRIBE did fit, so this takes a broker that has lowered its limit.
    for (const filter of split.tooLarge) call.fail(tooLarge(filter, maximumPacketSize).error);
    for (const packet of split.packets) {
      const request: ControlRequest = { type: 'unsubscribe', filters: packet.map(toFilter), suspicion: newSuspicion() };
      this.#open.set(request, { filters: packet, call });
      this.#port.request(request);
    }
    return call.done;
  }

  /** Nobody waits for the answer, and there is nothing to do about a refusal. */
  giveBack(filters: readonly string[], broker: ConnackInfo | undefined): void {
    if (broker === undefined) this.owe(filters);
    else if (filters.length > 0) this.ask(filters, broker).catch(() => undefined);
  }

  /** False: it is not one of these. */
  settle(request: ControlRequest, outcome: RequestOutcome): boolean {
    const open = this.#open.get(request);
    if (open === undefined) return false;
    this.#open.delete(request);
    if ('error' in outcome && outcome.error.code === 'PACKET_TOO_LARGE') {
      // Sent again on a connection with a lower limit: it follows in smaller packets, as if there had been none.
      this.owe(open.filters);
      open.call.settle([]);
    } else open.call.settle(answerTo(open.filters, outcome));
    return true;
  }

  openFilters(): readonly string[] {
    return [...this.#open.values()].flatMap(({ filters }) => filters);
  }

  handleResumed(broker: ConnackInfo): void {
    const filters = [...this.#owed];
    this.#owed.clear();
    this.giveBack(filters, broker);
  }

  handleSessionLost(): void {
    this.#owed.clear();
  }

  /** What is open is cut off by the end of the client, and owed to the session. */
  end(): void {
    for (const { filters } of this.#open.values()) this.owe(filters);
  }
}

const NO_PROPERTIES = { subscriptionIdentifier: undefined, userProperties: [] };

/** One `unsubscribe()`, over as many packets as it takes. */
class UnsubscribeCall {
  readonly #done: Deferred<void> = deferred();
  readonly #results: SubscribeResult[] = [];
  #unanswered: number;

  constructor(packets: number) {
    this.#unanswered = packets;
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  fail(error: AnyMqttError): void {
    this.#done.reject(error);
  }

  settle(answer: readonly SubscribeResult[] | AnyMqttError): void {
    this.#unanswered--;
    if (answer instanceof Error) {
      this.fail(answer);
      return;
    }
    this.#results.push(...answer);
    if (this.#unanswered > 0) return;
    const refused = this.#results.filter(({ reasonCode }) => reasonCode >= 0x80);
    if (refused.length === 0) this.#done.resolve();
    else this.fail(new UnsubscribeError(describe(refused), this.#results));
  }
}

function answerTo(filters: readonly string[], outcome: RequestOutcome): readonly SubscribeResult[] | AnyMqttError {
  if ('error' in outcome) return outcome.error;
  // In a new session there is nothing to take back.
  if ('sessionLost' in outcome) return filters.map((filter) => ({ filter, reasonCode: 0x00 }));
  return filters.map((filter, i) => resultOf(filter, outcome.packet, i));
}

function toFilter(topicFilter: string): ControlRequest['filters'][number] {
  return { topicFilter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 };
}

function describe(refused: readonly SubscribeResult[]): string {
  const names = refused.map(({ filter, reasonCode }) => `${filter} (0x${reasonCode.toString(16)})`);
  return `The broker refused to unsubscribe ${names.join(', ')}`;
}
