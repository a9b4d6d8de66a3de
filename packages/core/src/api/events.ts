// SPDX-License-Identifier: Apache-2.0

import type { AnyMqttError, StoreError } from '../errors.ts';
import type { ClientState, ConnackInfo, ServerDisconnectInfo } from './connect.ts';
import type { Settled } from './publish.ts';
import type { Message, SubscriptionHandle } from './receive.ts';

export interface ClientEvents {
  stateChange: (state: ClientState) => void;
  connect: (info: ConnackInfo) => void;
  disconnect: (event: { readonly error: AnyMqttError; readonly willReconnect: boolean }) => void;
  connectError: (event: { readonly error: AnyMqttError; readonly attempt: number; readonly broker: URL }) => void;
  /** At the start of the wait, so that a countdown can be shown. */
  reconnecting: (event: { readonly attempt: number; readonly broker: URL; readonly delayMs: number }) => void;
  serverDisconnect: (info: ServerDisconnectInfo) => void;
  serverRedirect: (info: ServerDisconnectInfo & { readonly followed: boolean }) => void;
  subscribeError: (event: { readonly subscription: SubscriptionHandle; readonly error: AnyMqttError }) => void;
  reauthenticated: () => void;
  storeError: (error: StoreError) => void;
  drop: (event: { readonly message: Message; readonly subscription: SubscriptionHandle }) => void;
  unmatched: (message: Message) => void;
  handlerError: (event: { readonly error: unknown; readonly message: Message }) => void;
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
  close: (event: { readonly error?: AnyMqttError }) => void;
}
