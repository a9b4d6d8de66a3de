// SPDX-License-Identifier: Apache-2.0
//
// SUBSCRIBE and UNSUBSCRIBE: sent in call order without waiting for send quota, sent again after a resumed drop, ended by
// their answer (§3.8, §3.10).

import { encodedLength } from '@mqttv5/wire';
import type {
  SubackPacket,
  SubscribePacket,
  SubscribeProperties,
  UnsubackPacket,
  UnsubscribePacket,
} from '@mqttv5/wire';
import { PROTOCOL_ERROR } from '../api/reason-codes.ts';
import type { TopicFilter } from '../api/receive.ts';
import { mqttError, RejectedByDisconnectError } from '../errors.ts';
import type { AnyMqttError } from '../errors.ts';
import type { Blame } from './blame.ts';
import { MAXIMUM_BLAMES } from './blame.ts';
import type { ControlRequest } from './control-request.ts';
import type { RequestOutcome } from './effects.ts';
import type { Violation } from './inbound-aliases.ts';
import type { LiveConnection } from './live-connection.ts';
import { describe } from './outcomes.ts';
import type { SessionCore } from './session-core.ts';
import { TAKEN } from './session-core.ts';

const SUBACK_CODES: ReadonlySet<number> = new Set([0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]);
const UNSUBACK_CODES: ReadonlySet<number> = new Set([0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]);

/** No request was sent on it. */
const NO_CONNECTION = -1;

/** A request from call to answer. */
export class OpenRequest {
  readonly kind: 'request' = 'request' as const;
  readonly request: ControlRequest;
  /** 0 until it is sent first; kept over resumed drops. */
  packetIdentifier = 0;
  /** Number of the connection it was handed to last; 0 for none. */
  sentOn = 0;

  constructor(request: ControlRequest) {
    this.request = request;
  }
}

/** Shared by all that have asked for nothing yet, and never written to. */
const NONE: Map<ControlRequest, OpenRequest> = new Map();

export class ControlRequests {
  readonly #core: SessionCore;
  /** In call order: a Map keeps it, and lets any one go in constant time. */
  #open: Map<ControlRequest, OpenRequest> = NONE;
  /** Open and not yet sent on this connection. */
  #unsent = 0;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  add(request: ControlRequest): void {
    const open = new OpenRequest(request);
    if (this.#open === NONE) this.#open = new Map();
    this.#open.set(request, open);
    this.#unsent += 1;
    const { connection } = this.#core;
    // Nobody before it waits: it is not worth a walk over all that are open.
    if (this.#unsent === 1 && connection !== undefined && !connection.violated) this.#trySend(open, connection);
    else this.pump();
  }

  /**
   * A request can be taken back before it is sent, and between connections: then it is not sent again, whatever the broker
   * made of it.
   */
  withdraw(request: ControlRequest): boolean {
    const open = this.#open.get(request);
    const connection = this.#core.connection?.number ?? NO_CONNECTION;
    if (open === undefined || open.sentOn === connection) return false;
    this.#leave(open);
    return true;
  }

  /** Sends what is waiting, in call order. */
  pump(): void {
    const { connection } = this.#core;
    if (this.#unsent === 0 || connection === undefined || connection.violated) return;
    for (const open of this.#open.values()) {
      if (open.sentOn === connection.number) continue;
      // The order holds: nobody passes one that has to wait.
      if (!this.#trySend(open, connection)) return;
    }
  }

  /** False when it has to wait: for an identifier, or because a suspect travels alone. */
  #trySend(open: OpenRequest, connection: LiveConnection): boolean {
    if (!connection.admits(open.request.suspicion.blames > 0)) return false;
    if (open.packetIdentifier === 0) open.packetIdentifier = this.#core.identifiers.take(open);
    if (open.packetIdentifier === 0) return false;
    this.#send(open, connection);
    return true;
  }

  #send(open: OpenRequest, connection: LiveConnection): void {
    const { request } = open;
    const packet = request.type === 'subscribe' ? subscribePacket(open) : unsubscribePacket(open);
    const { maximumPacketSize } = connection.limits;
    const length = maximumPacketSize === undefined ? 0 : encodedLength(packet);
    if (maximumPacketSize !== undefined && length > maximumPacketSize) {
      const name = request.type.toUpperCase();
      const text = `${name} of ${length} bytes exceeds the broker's Maximum Packet Size of ${maximumPacketSize}`;
      this.#end(open, { error: mqttError('PACKET_TOO_LARGE', text) });
      return;
    }
    open.sentOn = connection.number;
    this.#unsent -= 1;
    connection.unansweredRequests += 1;
    connection.suspectAlone = request.suspicion.blames > 0;
    this.#core.effects.send(packet);
  }

  // -- Answers

  handleAnswer(packet: SubackPacket | UnsubackPacket, now: number): Violation | undefined {
    const open = this.#core.identifiers.owner(packet.packetIdentifier);
    const type = packet.type === 'suback' ? 'subscribe' : 'unsubscribe';
    const { connection } = this.#core;
    if (open?.kind !== 'request' || open.request.type !== type || open.sentOn !== connection?.number) {
      this.#core.effects.count('acksIgnored');
      return undefined;
    }
    const violation = checkCodes(packet, open.request);
    if (violation !== undefined) return violation;
    // Answered is not to blame.
    open.request.suspicion.blames = 0;
    this.#end(open, { packet });
    this.#core.queues.proceed(now);
    return undefined;
  }

  // -- Connections and sessions

  connectionLost(): void {
    this.#unsent = this.#open.size;
  }

  blame(connection: LiveConnection, { reasonCode }: Blame): void {
    for (const open of this.#open.values()) {
      if (open.sentOn !== connection.number) continue;
      const { suspicion } = open.request;
      suspicion.blames += 1;
      if (suspicion.blames < MAXIMUM_BLAMES) continue;
      const { packetIdentifier } = open;
      this.#end(open, { error: rejected(open.request, reasonCode) });
      this.#core.identifiers.assign(packetIdentifier, TAKEN);
    }
  }

  /** All open ones leave, without an end: their identifiers are free. The caller tells who asked, with `end`. */
  takeAll(): ControlRequest[] {
    const requests = [...this.#open.keys()];
    for (const open of this.#open.values()) this.#leave(open);
    return requests;
  }

  end(requests: readonly ControlRequest[], outcome: RequestOutcome): void {
    for (const request of requests) this.#core.effects.settleRequest(request, outcome);
  }

  #end(open: OpenRequest, outcome: RequestOutcome): void {
    this.#leave(open);
    this.#core.effects.settleRequest(open.request, outcome);
  }

  #leave(open: OpenRequest): void {
    this.#open.delete(open.request);
    if (open.packetIdentifier !== 0) this.#core.identifiers.release(open.packetIdentifier);
    const { connection } = this.#core;
    if (connection !== undefined && open.sentOn === connection.number) connection.unansweredRequests -= 1;
    else this.#unsent -= 1;
  }
}

/** §3.9.3, §3.11.3: one code for each filter, from the table. */
function checkCodes(packet: SubackPacket | UnsubackPacket, request: ControlRequest): Violation | undefined {
  const { reasonCodes, packetIdentifier } = packet;
  const name = packet.type.toUpperCase();
  if (reasonCodes.length !== request.filters.length) {
    const detail = `${name} ${packetIdentifier} has ${reasonCodes.length} Reason Codes for ${request.filters.length} filters`;
    return { reasonCode: PROTOCOL_ERROR, detail };
  }
  const legal = packet.type === 'suback' ? SUBACK_CODES : UNSUBACK_CODES;
  const undefinedCode = reasonCodes.find((code) => !legal.has(code));
  if (undefinedCode === undefined) return undefined;
  return {
    reasonCode: PROTOCOL_ERROR,
    detail: `${name} ${packetIdentifier} has the undefined Reason Code ${undefinedCode}`,
  };
}

function subscribePacket({ packetIdentifier, request }: OpenRequest): SubscribePacket {
  const { filters, subscriptionIdentifier, userProperties } = request;
  const packet: SubscribePacket = { type: 'subscribe', packetIdentifier, filters };
  if (subscriptionIdentifier === undefined && userProperties === undefined) return packet;
  const properties: SubscribeProperties = {};
  if (subscriptionIdentifier !== undefined) properties.subscriptionIdentifier = subscriptionIdentifier;
  if (userProperties !== undefined) properties.userProperties = userProperties;
  packet.properties = properties;
  return packet;
}

function unsubscribePacket({ packetIdentifier, request }: OpenRequest): UnsubscribePacket {
  const topicFilters = request.filters.map((filter) => filter.topicFilter);
  const packet: UnsubscribePacket = { type: 'unsubscribe', packetIdentifier, topicFilters };
  if (request.userProperties !== undefined) packet.properties = { userProperties: request.userProperties };
  return packet;
}

function rejected(request: ControlRequest, reasonCode: number): AnyMqttError {
  const filters = request.filters.map(
    ({ topicFilter, qos, noLocal, retainAsPublished, retainHandling }): TopicFilter => ({
      filter: topicFilter,
      qos,
      noLocal,
      retainAsPublished,
      retainHandling,
    }),
  );
  const names = filters.map(({ filter }) => filter).join(', ');
  const text = `The broker ended ${MAXIMUM_BLAMES} connections because of the ${request.type.toUpperCase()} of ${names}: ${describe(reasonCode)}`;
  return new RejectedByDisconnectError(text, reasonCode, filters);
}
