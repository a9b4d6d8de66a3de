// SPDX-License-Identifier: Apache-2.0
import type { AckReasonCode, Bytes, Message, MessageProperties, Payload, QoS } from '@mqttv5/core';
import { assertKnownKeys, invalidOption } from './errors.ts';

/** What {@link fakeMessage} makes: a message that remembers how it was answered. */
export interface FakeMessage extends Message {
  /** The code of the first `ack`, 0 if it had none; undefined before it. Also at QoS 0, where a real ack does nothing. */
  readonly ackReasonCode: AckReasonCode | undefined;
}

/** What a client may answer a PUBLISH with (§3.4.2.1, §3.5.2.1). */
const ackReasonCodes: readonly number[] = [0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];

/**
 * A message for unit tests of a handler, without broker and client.
 *
 * @param fields - `topic` ["test"], `payload` [empty], `qos` [0], `retain` [false], `properties` [none]
 * @throws TestingError `INVALID_OPTION` for a field it has not; from `ack` for a code a client may not send
 *
 * @example
 * ```ts
 * const message = fakeMessage({ topic: 'jobs/1', payload: '{"n":1}', qos: 1 });
 * await handle(message);
 * expect(message.ackReasonCode).toBe(0);
 * ```
 */
export function fakeMessage(
  fields: Partial<Pick<Message, 'topic' | 'qos' | 'retain' | 'properties'>> & { payload?: Payload } = {},
): FakeMessage {
  assertKnownKeys('fakeMessage', fields, ['topic', 'payload', 'qos', 'retain', 'properties']);
  const { topic = 'test', payload = '', qos = 0, retain = false, properties = {} } = fields;
  return new MessageDouble(topic, toBytes(payload), qos, retain, properties);
}

class MessageDouble implements FakeMessage {
  readonly topic: string;
  readonly payload: Bytes;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup = false;
  readonly properties: MessageProperties;
  readonly subscriptionIdentifiers: readonly number[] = [];
  readonly packetIdentifier: number;
  #ackReasonCode: AckReasonCode | undefined;

  constructor(topic: string, payload: Bytes, qos: QoS, retain: boolean, properties: MessageProperties) {
    this.topic = topic;
    this.payload = payload;
    this.qos = qos;
    this.retain = retain;
    this.properties = properties;
    this.packetIdentifier = qos === 0 ? 0 : 1;
  }

  get ackReasonCode(): AckReasonCode | undefined {
    return this.#ackReasonCode;
  }

  get acknowledged(): boolean {
    return this.qos === 0 || this.#ackReasonCode !== undefined;
  }

  userProperty(name: string): string | undefined {
    return this.properties.userProperties?.find(([key]) => key === name)?.[1];
  }

  text(): string {
    // As a real message does: U+FFFD for what is no UTF-8, and no byte order mark.
    return new TextDecoder().decode(this.payload);
  }

  json<T = unknown>(): T {
    const value: unknown = JSON.parse(this.text());
    return value as T; // promised, not checked: as `Message.json` says
  }

  ack(reasonCode: AckReasonCode = 0x00): void {
    if (!ackReasonCodes.includes(reasonCode)) {
      throw invalidOption(`ack: a client may not answer a PUBLISH with ${String(reasonCode)}`);
    }
    this.#ackReasonCode ??= reasonCode;
  }

  detach(): this {
    return this;
  }
}

/** Always a copy, so that the message is the test's own. */
function toBytes(payload: Payload): Bytes {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : Uint8Array.from(payload);
}
