// SPDX-License-Identifier: Apache-2.0

import type { AnyMqttError, StoreError } from '../errors.ts';
import type { ClientState, ConnackInfo, ServerDisconnectInfo } from './connect.ts';
import type { Settled } from './publish.ts';
import type { Message, SubscriptionHandle } from './receive.ts';

/**
 * What `on` takes. Listeners are called in order, off the protocol path, and may call any method; only `drop` and `unmatched` run
 * synchronously, before the acknowledgement leaves. What a listener throws is logged and harms nothing. No event contains the user
 * info of a URL or a password.
 *
 * `handlerError`, `subscribeError`, `storeError`, `ackStalled`, and `close` with an error are written with `console.error` when there
 * is neither a listener nor a `logger`.
 */
export interface ClientEvents {
  /** For dashboards; not emitted for a state that did not change. */
  stateChange: (state: ClientState) => void;
  /** CONNACK 0x00, the first and every later one. */
  connect: (info: ConnackInfo) => void;
  /** An established connection was lost. Never emitted for the user's own `disconnect()`. */
  disconnect: (event: { readonly error: AnyMqttError; readonly willReconnect: boolean }) => void;
  /** One attempt failed: dial, refusal, authentication, timeout. Not emitted for an attempt that the user ended. */
  connectError: (event: { readonly error: AnyMqttError; readonly attempt: number; readonly broker: URL }) => void;
  /** At the start of the wait, so that a countdown can be shown. */
  reconnecting: (event: { readonly attempt: number; readonly broker: URL; readonly delayMs: number }) => void;
  /** The broker sent DISCONNECT. Comes before `disconnect`. @see MQTT v5.0 §3.14 */
  serverDisconnect: (info: ServerDisconnectInfo) => void;
  /** The broker pointed elsewhere, and whether the client goes there. @see MQTT v5.0 §4.11 */
  serverRedirect: (info: ServerDisconnectInfo & { readonly followed: boolean }) => void;
  /** Filters were refused that no pending call reports: after a session was lost, say. */
  subscribeError: (event: { readonly subscription: SubscriptionHandle; readonly error: AnyMqttError }) => void;
  /** `reauthenticate()` succeeded. */
  reauthenticated: () => void;
  /** The session store failed: by a write, or by a record that cannot be read back. */
  storeError: (error: StoreError) => void;
  /** A message was discarded. Synchronous: the last chance to look at it before it is acknowledged. */
  drop: (event: { readonly message: Message; readonly subscription: SubscriptionHandle }) => void;
  /** A message arrived for which there is no subscription. Synchronous, as `drop`. */
  unmatched: (message: Message) => void;
  /** A handler threw. With `onHandlerError: "refuse"` this is the last chance to keep the message. */
  handlerError: (event: { readonly error: unknown; readonly message: Message }) => void;
  /** An unanswered message has held back later answers for `ackStallMs`. Once for each such message. */
  ackStalled: (event: {
    readonly message: Message;
    readonly subscription: SubscriptionHandle;
    readonly heldBack: number;
    readonly heldMs: number;
  }) => void;
  /** The end of an exchange that has no promise any more. */
  publishSettled: (
    event: { readonly topic: string; readonly qos: 1 | 2; readonly packetIdentifier: number } & Settled,
  ) => void;
  /** The client has stopped: without `error` by `disconnect()`, with it by itself. */
  close: (event: { readonly error?: AnyMqttError }) => void;
}

/** Where events go. @internal */
export interface EventSink {
  /** No listener is called inside. */
  emit<E extends keyof ClientEvents>(event: E, ...payload: Parameters<ClientEvents[E]>): void;
  /** Synchronous, for `drop` and `unmatched`: the acknowledgement follows. */
  emitNow<E extends keyof ClientEvents>(event: E, ...payload: Parameters<ClientEvents[E]>): void;
}
