// SPDX-License-Identifier: Apache-2.0
import type { Dial, Logger, MaybePromise, MessageOptions, Payload, TlsOptions } from '@mqttv5/core';
import type { ConnackProperties, Packet, QoS, UserProperties } from '@mqttv5/wire';
import type { BrokerClock } from '../clock.ts';

/** What {@link startBroker} takes. Unknown keys are refused with `INVALID_OPTION`. */
export interface BrokerOptions {
  /**
   * Interface to listen on.
   * @defaultValue "127.0.0.1"
   */
  host?: string | undefined;
  /**
   * TCP port, TLS if `tls` is given; 0 is a free one.
   * @defaultValue 0
   */
  port?: number | undefined;
  /** Also listens for WebSocket connections there (wss with `tls`), at any path; 0 is a free port. Absent: not at all. */
  webSocketPort?: number | undefined;
  /**
   * Certificate and key of the broker; every listener then speaks TLS. `rejectUnauthorized: true` asks for a client
   * certificate and refuses clients without one that `ca` vouches for.
   */
  tls?: TlsOptions | undefined;
  /** Told about connections, refusals and violations. `console` fits. Absent: silent. */
  logger?: Logger | undefined;
  /**
   * Asked at every CONNECT without an Authentication Method. True or 0 accepts; false refuses with 0x86 (Bad User Name
   * or Password); a number of 0x80 or more refuses with that code, one of the CONNACK table. A throw refuses with 0x83.
   * Absent: everyone may connect.
   */
  authenticate?: ((connect: BrokerCredentials) => MaybePromise<boolean | number>) | undefined;
  /**
   * Asked at every PUBLISH, will and subscribed filter. True or 0 allows; false refuses with 0x87 (Not authorized); a
   * number of 0x80 or more refuses with that code. A throw refuses with 0x83. Refused QoS 0 messages and wills vanish.
   * For a shared subscription `topic` is the filter behind the share name. Absent: everything is allowed.
   */
  authorize?: ((access: BrokerAccess) => boolean | number) | undefined;
  /**
   * Enhanced authentication (§4.12), keyed by Authentication Method; each object is a {@link BrokerAuthMethod}. A
   * CONNECT with a method is decided by it alone, without `authenticate`; one with an unknown method is refused (0x8C).
   */
  enhancedAuth?: Readonly<Record<string, object>> | undefined;
  /**
   * Overrides what CONNACK announces, and is enforced: a client that breaks an announced limit is disconnected with the
   * code the standard gives. `sessionExpiryInterval` and `serverKeepAlive` replace what the client asked for,
   * `assignedClientIdentifier` is given to clients without one, `responseInformation` to those that asked for it,
   * `reasonString` and `userProperties` to everyone, `serverReference` with 0x9C and 0x9D only.
   */
  connackProperties?: ConnackProperties | undefined;
  /** Answers a CONNECT with a redirection instead of looking at it any further; undefined lets it in. */
  redirect?: ((connect: BrokerCredentials) => Redirection | undefined) | undefined;
  /** Sees, delays, changes, discards or answers any packet; see {@link Intercept}. */
  intercept?: Intercept | undefined;
  /**
   * How long a client may take from the opened connection to the CONNACK, in milliseconds.
   * @defaultValue 10000
   */
  connectTimeoutMs?: number | undefined;
  /**
   * QoS 1 and 2 messages a session keeps for a client that is away or slow; above it the newest are dropped and logged.
   * @defaultValue 1000000
   */
  maximumQueuedMessages?: number | undefined;
  /**
   * Bytes a connection keeps for a client that does not read. Above it QoS 0 messages to this client are dropped and
   * logged, above twice as many it is cut off.
   * @defaultValue 67108864 (64 MiB)
   */
  maximumUnsentBytes?: number | undefined;
  /** Where time comes from; a {@link ManualClock} lets a test move it. */
  clock?: BrokerClock | undefined;
}

/** What a CONNECT says about who it comes from. `clientId` is empty if the broker is to assign one. */
export interface BrokerCredentials {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
}

/** Who wants to do what. */
export interface BrokerAccess {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly action: 'publish' | 'subscribe';
  readonly topic: string;
}

/** Where a client is sent instead (§4.11): 0x9C Use another server (for now), 0x9D Server moved (for good). */
export interface Redirection {
  /** @defaultValue 0x9c */
  readonly reasonCode?: 0x9c | 0x9d | undefined;
  /** Space-separated list of servers; may be left out. */
  readonly serverReference?: string | undefined;
}

/**
 * Sees each packet a broker receives (`"in"`, before it is processed) and sends (`"out"`, before it is encoded), and
 * says what becomes of it:
 *
 * - nothing (`undefined`): it goes its way
 * - a packet: that one is processed or sent instead
 * - bytes, for an outgoing packet only: they are sent instead, whatever they are
 * - `"discard"`: it is thrown away. Of an outgoing PUBLISH the broker still waits for the acknowledgement
 * - a number: the client gets DISCONNECT with this Reason Code (before CONNACK: CONNACK) and the connection ends
 * - `"cut"`: the connection is cut off abruptly, and the packet with it
 * - `"cutAfter"`: the packet goes its way, then the connection is cut off
 * - a promise of any of these: an outgoing packet waits for it while later ones overtake it; an incoming one holds up
 *   everything that follows it on that connection. What is still held when the connection ends is dropped
 *
 * A throw, and a packet that cannot be encoded, are a number: 0x83.
 *
 * @example Acknowledge the third QoS 1 message only when told to, and never answer a PINGREQ
 * ```ts
 * const gate = Promise.withResolvers<void>();
 * const broker = await startBroker({
 *   intercept: (direction, packet) => {
 *     if (packet.type === 'puback' && packet.packetIdentifier === 3) return gate.promise;
 *     if (packet.type === 'pingresp') return 'discard';
 *   },
 * });
 * ```
 */
export type Intercept = (
  direction: 'in' | 'out',
  packet: Packet,
  client: BrokerClient,
) => MaybePromise<InterceptAction | void>;

/** See {@link Intercept}. */
export type InterceptAction = Packet | Uint8Array | number | 'discard' | 'cut' | 'cutAfter';

/**
 * The broker's side of one Authentication Method. One object serves all clients; what an exchange has to remember
 * belongs in `exchange.state`. A throw refuses with 0x83.
 *
 * @see MQTT v5.0 §4.12
 */
export interface BrokerAuthMethod {
  /** An exchange begins: CONNECT, or AUTH 0x19 in a re-authentication. `data` is its Authentication Data. */
  begin(exchange: BrokerAuthExchange, data: Uint8Array | undefined): MaybePromise<BrokerAuthStep>;
  /** The client's answer to a challenge. */
  continue(exchange: BrokerAuthExchange, data: Uint8Array | undefined): MaybePromise<BrokerAuthStep>;
}

/** One authentication exchange, from CONNECT or AUTH 0x19 to its end. */
export interface BrokerAuthExchange extends BrokerCredentials {
  /** True in a re-authentication. */
  readonly reauthentication: boolean;
  /** The method's own memory of this exchange; undefined at the beginning. */
  state: unknown;
}

/** What comes next in an exchange. */
export type BrokerAuthStep =
  /** AUTH 0x18 with this data; the client's answer comes to `continue`. */
  | { readonly type: 'challenge'; readonly data?: Uint8Array | undefined }
  /** CONNACK 0x00, or AUTH 0x00 in a re-authentication, with this data. */
  | { readonly type: 'success'; readonly data?: Uint8Array | undefined }
  /** CONNACK, or DISCONNECT in a re-authentication, with this code [0x87 Not authorized]; the connection ends. */
  | {
      readonly type: 'refuse';
      readonly reasonCode?: number | undefined;
      readonly reasonString?: string | undefined;
    };

/** A session the broker holds, its client connected or not. A snapshot. */
export interface BrokerClient {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly connected: boolean;
  /** As subscribed, shared ones with `$share/…/`, oldest first. */
  readonly filters: readonly string[];
}

/** What a DISCONNECT of the broker may carry. */
export interface BrokerDisconnectOptions {
  readonly reasonString?: string | undefined;
  readonly serverReference?: string | undefined;
  readonly userProperties?: UserProperties | undefined;
}

/** A running broker. It keeps the process alive until it is closed. */
export interface Broker extends AsyncDisposable {
  /** `mqtt://127.0.0.1:PORT`, or `mqtts://…` with `tls`. */
  readonly url: string;
  /** `ws://127.0.0.1:PORT/mqtt`, or `wss://…` with `tls`. */
  readonly webSocketUrl?: string;
  /** Connects to this broker in memory, whatever URL is dialled: give it to a client as its `dial`. */
  readonly dial: Dial;
  /** Every session the broker holds, oldest first. */
  readonly clients: readonly BrokerClient[];
  /**
   * Publishes as the broker itself, past `authorize`.
   *
   * @throws TestingError `INVALID_TOPIC`, `INVALID_OPTION`, `CLOSED`
   */
  publish(
    topic: string,
    payload: Payload,
    options?: MessageOptions & { qos?: QoS | undefined; retain?: boolean | undefined },
  ): void;
  /**
   * Sends DISCONNECT and closes the connection of a client; its session stays as its expiry says, its will is sent.
   * Redirects with 0x9C or 0x9D and a `serverReference`, by default that of `connackProperties`. A client that is not
   * connected is left alone.
   *
   * @param reasonCode - one a server may send. Default 0x98 (Administrative action)
   * @throws TestingError `INVALID_OPTION` if no DISCONNECT of a server may carry it
   */
  disconnect(clientId: string, reasonCode?: number, options?: BrokerDisconnectOptions): void;
  /** Cuts every connection abruptly, as a broken network does (RST, no DISCONNECT). Sessions stay. */
  dropConnections(): void;
  /**
   * Forgets the session of a client, or all of them, as a broker that lost its memory: no will, no expiry, nothing left.
   * Connected ones are cut off first. Retained messages stay.
   */
  forgetSessions(clientId?: string): void;
  /**
   * Sends DISCONNECT 0x8B to everyone, closes every connection and listener, and resolves when no handle is left.
   * Nothing is remembered. May be called again.
   */
  close(): Promise<void>;
}
