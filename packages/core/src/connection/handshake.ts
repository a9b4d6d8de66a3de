// SPDX-License-Identifier: Apache-2.0
//
// From an open connection to CONNACK (§3.1.4, §3.2): CONNECT, the rounds of enhanced authentication (§4.12), the verdict.

import type { AuthPacket, ConnackPacket, ConnectPacket, Packet, WireError } from '@mqttv5/wire';
import { CONTINUE_AUTHENTICATION, PACKET_TOO_LARGE, UNSPECIFIED_ERROR } from '../api/reason-codes.ts';
import { deferred, onAbort } from '../abort.ts';
import { mqttError, ProtocolError } from '../errors.ts';
import { authPacket, authViolation, wrongMethod } from './authentication.ts';
import type { AuthenticationExchange } from './authentication.ts';
import { connectionLost, connectRefused, reasonCodeText, violation } from './connection-errors.ts';
import type { EstablishOptions } from './establish.ts';
import type { PacketConnection, PacketConnectionHandlers } from './packet-connection.ts';

const CHALLENGE: ReadonlySet<number> = new Set([CONTINUE_AUTHENTICATION]);

export class Handshake<T> implements PacketConnectionHandlers {
  readonly #packets: PacketConnection;
  readonly #connect: ConnectPacket;
  readonly #options: EstablishOptions;
  readonly #exchange: AuthenticationExchange | undefined;
  readonly #accept: (connack: ConnackPacket) => T;
  readonly #result = deferred<T>();
  #connectSent = false;
  #over = false;
  #closing = false;

  /** `accept` is called with CONNACK 0x00 and takes the connection over, as its handlers, in that call. */
  constructor(
    packets: PacketConnection,
    connect: ConnectPacket,
    options: EstablishOptions,
    exchange: AuthenticationExchange | undefined,
    accept: (connack: ConnackPacket) => T,
  ) {
    this.#packets = packets;
    this.#connect = connect;
    this.#options = options;
    this.#exchange = exchange;
    this.#accept = accept;
  }

  /** Resolves with what `accept` made of CONNACK 0x00; what stands behind it is held back. On rejection the connection is closed. */
  run(): Promise<T> {
    const { signal } = this.#options;
    const forget = onAbort(signal, (reason) => this.#fail(reason));
    if (!this.#over) {
      this.#packets.start(this);
      void this.#sendConnect();
    }
    return this.#result.promise.finally(forget);
  }

  packet(packet: Packet): void {
    if (this.#over) return;
    if (packet.type === 'connack') this.#handleConnack(packet);
    else if (packet.type === 'auth') this.#handleAuth(packet);
    else if (packet.type === 'disconnect') {
      // [MQTT-3.14.0-1] forbids it before CONNACK. Whoever receives a DISCONNECT does not answer with one (§3.14.4).
      const said = reasonCodeText(packet.reasonCode, 'disconnect');
      this.#options.counters.protocolErrors++;
      this.#fail(violation(`DISCONNECT before CONNACK: ${said}`));
    } else {
      // [MQTT-3.2.0-1]
      this.#violated(violation(`${packet.type.toUpperCase()} before CONNACK`));
    }
  }

  malformed(error: WireError): void {
    // A broker of MQTT 3.1.1 answers with a CONNACK of its own, a web server with a page, a TLS port with an alert.
    const hint = error.reasonCode === PACKET_TOO_LARGE ? '' : '; is it a broker of MQTT 5.0?';
    const detail = `${error.message}${hint}`;
    this.#violated(new ProtocolError(error.reasonCode, detail, { cause: error }));
  }

  lost(error: unknown): void {
    this.#fail(
      error === undefined
        ? mqttError('CONNECTION_LOST', 'The broker closed the connection before CONNACK')
        : connectionLost(error),
    );
  }

  room(): void {
    // CONNECT and AUTH are all there is.
  }

  acknowledgementsOverflow(): void {
    // Nothing is acknowledged before CONNACK.
  }

  async #sendConnect(): Promise<void> {
    try {
      await this.#options.beforeConnect?.();
      if (this.#over) return;
      this.#connectSent = true;
      this.#packets.send(this.#connect);
      this.#packets.flush();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (!this.#over) this.#options.connectWritten?.();
  }

  #handleConnack(packet: ConnackPacket): void {
    if (!this.#connectSent) return this.#violated(violation('CONNACK before CONNECT'));
    // The decoder has refused Session Present 1 in it [MQTT-3.2.2-6].
    if (packet.reasonCode >= 0x80) return this.#fail(connectRefused(packet));
    const method = this.#connect.properties?.authenticationMethod;
    const named = packet.properties?.authenticationMethod;
    if (named !== method) {
      // [MQTT-4.12.0-5], [MQTT-4.12.0-6]
      const detail =
        method === undefined
          ? 'CONNACK with an Authentication Method, CONNECT named none'
          : wrongMethod('CONNACK', named, method);
      return this.#violated(violation(detail));
    }
    // The session's packets wait until somebody is there to take them.
    this.#packets.hold(false);
    if (this.#exchange?.verifies) void this.#verify(this.#exchange, packet);
    else this.#succeed(packet);
  }

  async #verify(exchange: AuthenticationExchange, connack: ConnackPacket): Promise<void> {
    try {
      await exchange.verify(connack.properties?.authenticationData);
    } catch (error) {
      return this.#authenticationFailed(error);
    }
    this.#succeed(connack);
  }

  #handleAuth(packet: AuthPacket): void {
    const exchange = this.#exchange;
    const problem = authViolation(packet, exchange?.method, CHALLENGE, this.#options.requestProblemInformation);
    if (problem) return this.#violated(problem);
    // Without an exchange there is always a problem.
    if (exchange) void this.#answer(exchange, packet);
  }

  async #answer(exchange: AuthenticationExchange, challenge: AuthPacket): Promise<void> {
    // The broker waits for the answer; what it sends in the meantime is looked at afterwards.
    this.#packets.hold(false);
    try {
      const data = await exchange.continue(challenge);
      if (this.#over) return;
      // [MQTT-4.12.0-3]
      this.#packets.send(authPacket(CONTINUE_AUTHENTICATION, exchange.method, data));
    } catch (error) {
      return this.#authenticationFailed(error);
    }
    this.#packets.release();
  }

  #authenticationFailed(error: unknown): void {
    // No authentication code is the client's to send (§3.14.2.1).
    this.#fail(error, UNSPECIFIED_ERROR);
  }

  #violated(error: ProtocolError): void {
    if (this.#over) return;
    this.#options.counters.protocolErrors++;
    this.#fail(error, error.reasonCode);
  }

  #succeed(connack: ConnackPacket): void {
    if (this.#over) return;
    this.#over = true;
    this.#result.resolve(this.#accept(connack));
  }

  /** With a reason code the broker is told, within the time that a disconnect may take. */
  #fail(reason: unknown, reasonCode?: number): void {
    if (this.#over) {
      // The signal ends that time too.
      if (this.#closing && this.#options.signal.aborted) this.#packets.destroy();
      return;
    }
    this.#over = true;
    this.#exchange?.cancel(reason);
    if (reasonCode === undefined || !this.#connectSent) {
      this.#packets.destroy();
      this.#result.reject(reason);
    } else {
      this.#closing = true;
      this.#packets.end({ type: 'disconnect', reasonCode }, () => this.#result.reject(reason));
    }
  }
}
