// SPDX-License-Identifier: Apache-2.0
//
// One Network Connection after CONNACK: packets both ways, keep alive, re-authentication, and its end.
//
//   held ──start()──▶ open ──disconnect(), fail()──▶ ending ──▶ closed
//                      └──lost, destroy(), DISCONNECT received──┘
//
// However it ends, `closed` is called once, in a microtask, and nothing after it.

import type { AuthPacket, ConnackPacket, DisconnectPacket, Packet, WireError } from '@mqttv5/wire';
import { encodedLength } from '@mqttv5/wire';
import { LARGEST_PACKET } from '@mqttv5/wire/client-side';
import type { Authenticator } from '../api/connect.ts';
import type { Logger } from '../api/logger.ts';
import { hexByte, SESSION_TAKEN_OVER } from '../api/reason-codes.ts';
import { mqttError, ProtocolError } from '../errors.ts';
import type { AnyMqttError } from '../errors.ts';
import type { Counters } from '../stats.ts';
import { connectionLost, disconnected, lostBy, violation } from './connection-errors.ts';
import type { EstablishOptions } from './establish.ts';
import { effectivePingTimeoutMs } from './keep-alive-decision.ts';
import { KeepAlive, type KeepAliveOwner } from './keep-alive.ts';
import type { PacketConnection, PacketConnectionHandlers } from './packet-connection.ts';
import { Reauthentication } from './reauthentication.ts';

export interface LinkHandlers {
  /** Everything but CONNACK, PINGRESP, DISCONNECT and AUTH. */
  packet(packet: Packet): void;
  /** Unsent bytes fell below the high-water mark after `send()` had returned false. */
  room(): void;
  /** The last call. */
  closed(end: LinkEnd, link: Link): void;
  reauthenticated?(): void;
}

export interface LinkEnd {
  readonly error: AnyMqttError;
  /** The peer closed without an error and without a DISCONNECT. */
  readonly orderly: boolean;
  readonly serverDisconnect?: DisconnectPacket | undefined;
  /** `disconnect()`, `fail()` or `destroy()` was called, or this side gave the connection up. */
  readonly local: boolean;
}

type OpenOptions = Pick<
  EstablishOptions,
  'authenticator' | 'clock' | 'counters' | 'keepAlive' | 'logger' | 'pingTimeoutMs' | 'requestProblemInformation'
>;

export class Link implements PacketConnectionHandlers, KeepAliveOwner {
  readonly #packets: PacketConnection;
  readonly #counters: Counters;
  readonly #logger: Logger | undefined;
  readonly #authenticator: Authenticator | undefined;
  readonly #problemInformation: boolean;
  readonly #keepAlive: KeepAlive;
  /** Made with the first AUTH. */
  #reauthentication: Reauthentication | undefined;
  /** The broker's, for what this layer sends by itself. */
  readonly #maximumPacketSize: number;
  #handlers: LinkHandlers | undefined;
  #paused = false;
  /** Set when nothing more is handed out; reported when the connection is closed. */
  #end: LinkEnd | undefined;
  /** The peer has closed, and what was read before is still being handed out. */
  #lost: LinkEnd | undefined;
  /** The connection is closed, and told so if there was somebody to tell. */
  #done = false;
  #reported = false;
  #whenClosed: (() => void)[] | undefined;

  /** Takes `packets` over, whose reading is on hold. @internal */
  constructor(packets: PacketConnection, connack: ConnackPacket, options: OpenOptions) {
    this.#packets = packets;
    this.#counters = options.counters;
    this.#logger = options.logger;
    this.#authenticator = options.authenticator;
    this.#problemInformation = options.requestProblemInformation;
    this.#maximumPacketSize = connack.properties?.maximumPacketSize ?? LARGEST_PACKET;
    packets.setHandlers(this);
    // [MQTT-3.1.2-21], [MQTT-3.2.2-21]: the broker's value governs this connection.
    const intervalMs = (connack.properties?.serverKeepAlive ?? options.keepAlive) * 1000;
    const pingTimeoutMs = effectivePingTimeoutMs(options.pingTimeoutMs, intervalMs);
    this.#keepAlive = new KeepAlive(packets, this, options, { intervalMs, pingTimeoutMs });
  }

  /** Packets that came with or after CONNACK are held back until now; they are handed out in this call. */
  start(handlers: LinkHandlers): void {
    this.#handlers = handlers;
    if (this.#end) return this.#reportSoon();
    if (this.#lost) return this.#concludeLossSoon();
    if (this.#paused) return;
    this.#keepAlive.resume();
    this.#packets.release();
  }

  /** True while there is room for a further PUBLISH. HOT PATH. */
  send(packet: Packet): boolean {
    return this.#packets.send(packet);
  }

  get unsentBytes(): number {
    return this.#packets.unsentBytes;
  }

  get hasRoom(): boolean {
    return this.#packets.hasRoom;
  }

  /** Calls back once all that was sent so far is written, or with the error that ended the connection. */
  flushed(callback: (error?: AnyMqttError) => void): void {
    this.#packets.flushed(callback);
  }

  get canPause(): boolean {
    return this.#packets.canPause;
  }

  /** Stops reading, and decoding what was read. */
  pause(): void {
    if (this.#paused || this.#end) return;
    this.#paused = true;
    this.#packets.hold(true);
    this.#keepAlive.pause();
  }

  resume(): void {
    if (!this.#paused || this.#end) return;
    this.#paused = false;
    if (!this.#handlers) return;
    this.#keepAlive.resume();
    // Not in this call, which may come from the middle of whatever a handler of these packets does.
    queueMicrotask(() => {
      if (!this.#paused && !this.#end) this.#packets.release();
    });
  }

  /** Milliseconds from PINGREQ to PINGRESP. @throws MqttError `CONNECTION_LOST`, `CLOSED` */
  ping(): Promise<number> {
    if (this.#end) return Promise.reject(lostBy(this.#end.error));
    return this.#keepAlive.ping();
  }

  /** @throws MqttError `NO_AUTHENTICATOR`, `REAUTH_IN_PROGRESS`, `REAUTH_REJECTED`, `AUTH_FAILED`, `CONNECTION_LOST`, `CLOSED` */
  reauthenticate(signal?: AbortSignal): Promise<void> {
    if (this.#end) return Promise.reject(lostBy(this.#end.error));
    return this.#openReauthentication().run(signal);
  }

  /** What was sent, DISCONNECT, FIN, within `disconnectTimeoutMs`. Never rejects. */
  disconnect(packet: DisconnectPacket): Promise<void> {
    if (this.#done) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenClosed ??= [];
      this.#whenClosed.push(resolve);
      this.#over({ error: mqttError('CLOSED', 'The client disconnected'), orderly: false, local: true }, packet);
    });
  }

  /** DISCONNECT `reasonCode` if it gets through, then the end with `error`. */
  fail(reasonCode: number, error: AnyMqttError): void {
    if (this.#end) return;
    if (error.code === 'PROTOCOL_ERROR') {
      this.#counters.protocolErrors++;
      this.#logger?.warn('protocol error', { reasonCode: hexByte(reasonCode), detail: error.detail });
    }
    this.#over({ error, orderly: false, local: true }, { type: 'disconnect', reasonCode });
  }

  /** Ends the connection as if the cable had been cut. */
  destroy(error: AnyMqttError): void {
    this.#over({ error, orderly: false, local: true });
    // Also one that is being closed.
    this.#packets.destroy(error);
  }

  get closed(): boolean {
    return this.#end !== undefined;
  }

  // PacketConnectionHandlers

  /** HOT PATH. */
  packet(packet: Packet): void {
    switch (packet.type) {
      case 'pingresp':
        return this.#keepAlive.handlePingresp();
      case 'auth':
        return this.#openReauthentication().handleAuth(packet);
      case 'disconnect':
        return this.#handleDisconnect(packet);
      case 'connack':
        // [MQTT-3.2.0-2]
        return this.#violated('a second CONNACK');
      default:
        // Packets are held back until there are handlers.
        this.#handlers?.packet(packet);
    }
  }

  malformed(error: WireError): void {
    this.fail(error.reasonCode, new ProtocolError(error.reasonCode, error.message, { cause: error }));
  }

  room(): void {
    this.#handlers?.room();
  }

  acknowledgementsOverflow(unsentBytes: number): void {
    const error = mqttError(
      'CONNECTION_LOST',
      `The broker does not read: ${unsentBytes} bytes of acknowledgements are unsent`,
    );
    this.#over({ error, orderly: false, local: true });
  }

  lost(cause: unknown): void {
    if (this.#end || this.#lost) return;
    const error =
      cause === undefined ? mqttError('CONNECTION_LOST', 'The broker closed the connection') : connectionLost(cause);
    this.#lost = { error, orderly: cause === undefined, local: false };
    if (this.#handlers) this.#concludeLossSoon();
  }

  // KeepAliveOwner

  pingTimedOut(pingTimeoutMs: number): void {
    const error = mqttError('PING_TIMEOUT', `Nothing came from the broker within ${pingTimeoutMs} ms of PINGREQ`);
    // No DISCONNECT: there is nobody to read it.
    this.#over({ error, orderly: false, local: true });
  }

  // ReauthenticationPort

  sendAuth(packet: AuthPacket): boolean {
    if (encodedLength(packet) > this.#maximumPacketSize) return false;
    this.#packets.send(packet);
    return true;
  }

  reauthenticated(): void {
    this.#handlers?.reauthenticated?.();
  }

  #openReauthentication(): Reauthentication {
    this.#reauthentication ??= new Reauthentication(this.#authenticator, this.#problemInformation, this);
    return this.#reauthentication;
  }

  #handleDisconnect(packet: DisconnectPacket): void {
    // The decoder has refused Session Expiry Interval [MQTT-3.14.2-2].
    const reauthenticating = this.#reauthentication?.active;
    const takenOver = packet.reasonCode === SESSION_TAKEN_OVER;
    const error = disconnected(packet, takenOver ? 'SESSION_TAKEN_OVER' : 'SERVER_DISCONNECTED');
    if (reauthenticating) this.#reauthentication?.end(disconnected(packet, 'REAUTH_REJECTED'));
    this.#over({ error, orderly: false, serverDisconnect: packet, local: false });
  }

  #violated(detail: string): void {
    const error = violation(detail);
    this.fail(error.reasonCode, error);
  }

  /** Hands out what had been read, then ends. In a microtask: the loss may be found in the middle of a `send`. */
  #concludeLossSoon(): void {
    queueMicrotask(() => {
      const end = this.#lost;
      if (!end || this.#end) return;
      // May hold a DISCONNECT that says why.
      this.#packets.readRest();
      this.#over(end);
    });
  }

  /** The one way into the end. With a packet the broker is told, and given time to close. */
  #over(end: LinkEnd, lastPacket?: DisconnectPacket): void {
    if (this.#end) return;
    this.#end = end;
    this.#keepAlive.stop(lostBy(end.error));
    this.#reauthentication?.end(end.error.code === 'AUTH_FAILED' ? end.error : lostBy(end.error));
    if (lastPacket && this.#packets.open) {
      this.#packets.end(fitting(lastPacket, this.#maximumPacketSize), () => this.#reportSoon());
    } else {
      this.#packets.destroy(lostBy(end.error));
      this.#reportSoon();
    }
  }

  #reportSoon(): void {
    queueMicrotask(() => this.#report());
  }

  #report(): void {
    // Also when `start` comes after the end.
    const handlers = this.#handlers;
    if (this.#end && handlers && !this.#reported) {
      this.#reported = true;
      handlers.closed(this.#end, this);
    }
    this.#done = true;
    const whenClosed = this.#whenClosed ?? [];
    this.#whenClosed = undefined;
    for (const resolve of whenClosed) resolve();
  }
}

/** [MQTT-3.14.2-3], [MQTT-3.14.2-4]: what explains is left out when the packet would be too large with it. */
function fitting(packet: DisconnectPacket, maximumPacketSize: number): DisconnectPacket {
  if (packet.properties === undefined || encodedLength(packet) <= maximumPacketSize) return packet;
  const { userProperties: _userProperties, ...properties } = packet.properties;
  const withoutUserProperties = { ...packet, properties };
  if (encodedLength(withoutUserProperties) <= maximumPacketSize) return withoutUserProperties;
  const { reasonString: _reasonString, ...rest } = properties;
  return { ...packet, properties: rest };
}
