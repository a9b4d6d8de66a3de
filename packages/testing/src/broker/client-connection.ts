// SPDX-License-Identifier: Apache-2.0
//
// A connected client: what its packets do. It and what it holds die with the Network Connection; what outlives that is
// in the session.
import { ReasonCode } from '@mqttv5/wire';
import type { ConnectPacket, DisconnectPacket, Packet } from '@mqttv5/wire';
import type { BrokerClient, BrokerDisconnectOptions } from './api.ts';
import type { BrokerState } from './broker-state.ts';
import type { Channel, Stage } from './channel.ts';
import { serverDisconnect } from './close-codes.ts';
import type { AckOutcome, Copy, Delivery } from './deliveries.ts';
import { InboundPublishes } from './inbound-publishes.ts';
import { KeepAlive } from './keep-alive.ts';
import { disconnectPacket } from './legal.ts';
import { OutboundPublishes } from './outbound-publishes.ts';
import { Reauthentication } from './reauthentication.ts';
import { reasonString } from './reason-string.ts';
import type { Session, SessionChannel } from './session.ts';
import { handleSubscribe, handleUnsubscribe } from './subscribing.ts';

export class ClientConnection implements Stage, SessionChannel {
  readonly sendQuota: number;
  readonly #broker: BrokerState;
  readonly #channel: Channel;
  readonly #session: Session;
  readonly #connect: ConnectPacket;
  readonly #inbound: InboundPublishes;
  readonly #outbound: OutboundPublishes;
  readonly #keepAlive: KeepAlive;
  readonly #reauthentication: Reauthentication;
  /** CONNACK has gone out. */
  #begun = false;
  #closed = false;

  constructor(broker: BrokerState, channel: Channel, session: Session, connect: ConnectPacket) {
    const { settings } = broker;
    const { receiveMaximum = 0xffff, topicAliasMaximum = 0 } = connect.properties ?? {};
    this.sendQuota = receiveMaximum;
    this.#broker = broker;
    this.#channel = channel;
    this.#session = session;
    this.#connect = connect;
    this.#inbound = new InboundPublishes(broker, channel, session);
    this.#outbound = new OutboundPublishes(channel, settings.clock, broker.plainPublishes, topicAliasMaximum);
    this.#reauthentication = new Reauthentication(settings, channel, session.clientId, connect);
    // [MQTT-3.2.2-22]: the client's own unless CONNACK named another.
    const keepAlive = settings.connack.serverKeepAlive ?? connect.keepAlive;
    this.#keepAlive = new KeepAlive(settings.clock, channel, keepAlive, () => {
      this.fail(ReasonCode.KeepAliveTimeout, `nothing heard for 1.5 times the keep alive of ${keepAlive} s`);
    });
    session.attach(this);
  }

  get client(): BrokerClient {
    return this.#session.snapshot();
  }

  /** After CONNACK: what the session holds goes out. */
  begin(): void {
    this.#begun = true;
    this.#session.resume();
  }

  handle(packet: Packet): void | Promise<void> {
    switch (packet.type) {
      case 'publish':
        return this.#inbound.handlePublish(packet);
      case 'puback':
        return this.#acknowledged('PUBACK', this.#session.deliveries.handlePuback(packet.packetIdentifier));
      case 'pubrec':
        return this.#handlePubrec(packet.packetIdentifier, packet.reasonCode);
      case 'pubrel':
        return this.#inbound.handlePubrel(packet.packetIdentifier);
      case 'pubcomp':
        return this.#acknowledged('PUBCOMP', this.#session.deliveries.handlePubcomp(packet.packetIdentifier));
      case 'subscribe':
        return handleSubscribe(this.#broker, this.#channel, this.#session, packet);
      case 'unsubscribe':
        return handleUnsubscribe(this.#broker, this.#channel, this.#session, packet);
      case 'pingreq':
        return this.#channel.send({ type: 'pingresp' });
      case 'disconnect':
        return this.#handleDisconnect(packet);
      case 'auth':
        return this.#reauthentication.handleAuth(packet);
      case 'connect':
        return this.fail(ReasonCode.ProtocolError, 'a second CONNECT'); // [MQTT-3.1.0-2]
      case 'connack':
      case 'suback':
      case 'unsuback':
      case 'pingresp':
        return this.fail(ReasonCode.ProtocolError, `${packet.type} is a server's packet`);
    }
  }

  /** §4.13.1: the client hears why, then the connection is closed [MQTT-4.13.1-1]. */
  fail(reasonCode: number, message: string): void {
    this.#broker.settings.logger?.info(`disconnecting ${this.#session.clientId}: ${message}`, { reasonCode });
    this.disconnect(serverDisconnect(reasonCode), { reasonString: reasonString(message) });
  }

  sent(packet: Packet): void {
    this.#inbound.sent(packet);
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#keepAlive.stop();
    this.#broker.settings.logger?.debug(`connection of ${this.#session.clientId} ended`);
    this.#broker.sessions.connectionEnded(this.#session);
  }

  disconnect(reasonCode: number, options: BrokerDisconnectOptions = {}): void {
    // [MQTT-3.14.0-1]: not before CONNACK; a client whose CONNACK is being held learns nothing.
    if (!this.#begun) return this.#channel.close();
    return this.#channel.close(disconnectPacket(reasonCode, options));
  }

  cut(): void {
    this.#channel.cut();
  }

  sendQoS0(copy: Copy): void {
    if (this.#begun) this.#outbound.sendQoS0(copy);
  }

  sendPublish(delivery: Delivery, dup: boolean): boolean {
    return this.#outbound.send(delivery, dup);
  }

  sendPubrel(packetIdentifier: number): void {
    this.#channel.send({ type: 'pubrel', packetIdentifier, reasonCode: ReasonCode.Success });
  }

  #handlePubrec(packetIdentifier: number, reasonCode: number): void {
    const outcome = this.#session.deliveries.handlePubrec(packetIdentifier, reasonCode);
    if (outcome === 'release')
      this.sendPubrel(packetIdentifier); // [MQTT-4.3.3-4]
    else if (outcome === 'unknown' && reasonCode < 0x80) {
      this.#channel.send({ type: 'pubrel', packetIdentifier, reasonCode: ReasonCode.PacketIdentifierNotFound });
    } else this.#acknowledged('PUBREC', outcome);
  }

  #acknowledged(name: string, outcome: AckOutcome): void {
    if (outcome === 'violation')
      this.fail(ReasonCode.ProtocolError, `${name} for a publish that expects another packet`);
  }

  #handleDisconnect(packet: DisconnectPacket): void {
    const interval = packet.properties?.sessionExpiryInterval;
    if (interval !== undefined) {
      // §3.14.2.2.2: a session that was to end with the connection cannot be kept after all.
      if (interval > 0 && (this.#connect.properties?.sessionExpiryInterval ?? 0) === 0) {
        return this.fail(ReasonCode.ProtocolError, 'Session Expiry Interval raised from 0 in DISCONNECT');
      }
      const most = this.#broker.settings.connack.sessionExpiryInterval ?? interval;
      this.#session.expiryInterval = Math.min(interval, most);
    }
    // [MQTT-3.14.4-3]; any other code asks for the will.
    if (packet.reasonCode === ReasonCode.NormalDisconnection) this.#session.will = undefined;
    return this.#channel.close();
  }
}
