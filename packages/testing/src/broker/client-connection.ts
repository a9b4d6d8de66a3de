// SPDX-License-Identifier: Apache-2.0
//
// A connected client: what its packets do. Holds what dies with the Network Connection: aliases, the open inbound
// publishes, keep alive, a re-authentication under way.
import { ReasonCode } from '@mqttv5/wire';
import type { AuthPacket, ConnectPacket, DisconnectPacket, Packet, PublishPacket } from '@mqttv5/wire';
import type { BrokerAuthStep, BrokerClient, BrokerDisconnectOptions } from './api.ts';
import { askAuthorize } from './ask.ts';
import { AuthExchange, refusalCode } from './auth-exchange.ts';
import type { BrokerState } from './broker-state.ts';
import type { Channel, Stage } from './channel.ts';
import { serverDisconnect } from './close-codes.ts';
import type { AckOutcome, Copy, Delivery } from './deliveries.ts';
import { KeepAlive } from './keep-alive.ts';
import { disconnectPacket } from './legal.ts';
import { messageFromPublish } from './message.ts';
import { OutboundPublishes } from './outbound-publishes.ts';
import { reasonString } from './reason-string.ts';
import type { Session, SessionChannel } from './session.ts';
import { handleSubscribe, handleUnsubscribe } from './subscribing.ts';
import { InboundAliases } from './topic-aliases.ts';

export class ClientConnection implements Stage, SessionChannel {
  readonly sendQuota: number;
  readonly #broker: BrokerState;
  readonly #channel: Channel;
  readonly #session: Session;
  readonly #connect: ConnectPacket;
  readonly #aliases: InboundAliases;
  readonly #outbound: OutboundPublishes;
  readonly #keepAlive: KeepAlive;
  /** Packet Identifiers of publishes that came on this connection and have no final answer yet (§4.9). */
  readonly #open = new Set<number>();
  #reauthentication: AuthExchange | undefined;
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
    this.#aliases = new InboundAliases(settings.limits.topicAliasMaximum);
    this.#outbound = new OutboundPublishes(channel, settings.clock, broker.plainPublishes, topicAliasMaximum);
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
        return this.#handlePublish(packet);
      case 'puback':
        return this.#acknowledged('PUBACK', this.#session.deliveries.handlePuback(packet.packetIdentifier));
      case 'pubrec':
        return this.#handlePubrec(packet.packetIdentifier, packet.reasonCode);
      case 'pubrel':
        return this.#handlePubrel(packet.packetIdentifier);
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
        return this.#handleAuth(packet);
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

  /** A publish is open until its last answer has really gone out; a held acknowledgement keeps it open. */
  sent(packet: Packet): void {
    const isFinal =
      packet.type === 'puback' || packet.type === 'pubcomp' || (packet.type === 'pubrec' && packet.reasonCode >= 0x80);
    if (isFinal) this.#open.delete(packet.packetIdentifier);
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

  #handlePublish(packet: PublishPacket): void {
    const { settings, router } = this.#broker;
    const topicName = this.#admit(packet);
    if (topicName === undefined) return;
    const { packetIdentifier, qos } = packet;
    const { clientId, username, unreleased } = this.#session;
    if (qos === 2 && unreleased.has(packetIdentifier)) {
      // [MQTT-4.3.3-10]: seen before and not released; answered again, delivered once.
      this.#channel.send({ type: 'pubrec', packetIdentifier, reasonCode: ReasonCode.Success });
      return;
    }
    if (qos === 1 && unreleased.has(packetIdentifier)) {
      this.#channel.send({ type: 'puback', packetIdentifier, reasonCode: ReasonCode.PacketIdentifierInUse });
      return;
    }
    let reasonCode = askAuthorize(settings, { clientId, username, action: 'publish', topic: topicName });
    if (reasonCode === 0) {
      const receivers = router.route(messageFromPublish(packet, topicName, clientId, settings.clock));
      if (receivers === 0) reasonCode = ReasonCode.NoMatchingSubscribers;
    }
    if (qos === 0) return;
    const refused = reasonCode >= 0x80;
    const answer = {
      packetIdentifier,
      reasonCode: refused ? publishRefusal(reasonCode) : reasonCode,
      ...(refused ? { properties: { reasonString: reasonString(`refused: publishing to ${topicName}`) } } : {}),
    };
    if (qos === 1) {
      this.#channel.send({ type: 'puback', ...answer });
      return;
    }
    // [MQTT-4.3.3-9]: after a failing PUBREC the identifier is free.
    if (!refused) unreleased.add(packetIdentifier);
    this.#channel.send({ type: 'pubrec', ...answer });
  }

  /** The topic of a PUBLISH that keeps the limits announced in CONNACK; undefined after a violation, which ends it all. */
  #admit(packet: PublishPacket): string | undefined {
    const { limits } = this.#broker.settings;
    if (packet.qos > limits.maximumQoS) {
      return this.#violation(ReasonCode.QoSNotSupported, `QoS ${packet.qos} is above ${limits.maximumQoS}`);
    }
    if (packet.retain && !limits.retainAvailable) {
      return this.#violation(ReasonCode.RetainNotSupported, 'RETAIN 1 without retained messages');
    }
    const topicName = this.#aliases.resolve(packet);
    if (typeof topicName === 'number') return this.#violation(topicName, 'Topic Alias out of range or unknown');
    if (packet.qos === 0) return topicName;
    this.#open.add(packet.packetIdentifier);
    if (this.#open.size > limits.receiveMaximum) {
      const message = `more than ${limits.receiveMaximum} publishes open`;
      return this.#violation(ReasonCode.ReceiveMaximumExceeded, message); // §3.3.4
    }
    return topicName;
  }

  #violation(reasonCode: number, message: string): undefined {
    this.fail(reasonCode, message);
    return undefined;
  }

  #handlePubrec(packetIdentifier: number, reasonCode: number): void {
    const outcome = this.#session.deliveries.handlePubrec(packetIdentifier, reasonCode);
    if (outcome === 'release')
      this.sendPubrel(packetIdentifier); // [MQTT-4.3.3-4]
    else if (outcome === 'unknown' && reasonCode < 0x80) {
      this.#channel.send({ type: 'pubrel', packetIdentifier, reasonCode: ReasonCode.PacketIdentifierNotFound });
    } else this.#acknowledged('PUBREC', outcome);
  }

  /** [MQTT-4.3.3-11]; an identifier nobody knows is normal after a lost PUBCOMP (§3.7.2.1). */
  #handlePubrel(packetIdentifier: number): void {
    const known = this.#session.unreleased.delete(packetIdentifier);
    const reasonCode = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    this.#channel.send({ type: 'pubcomp', packetIdentifier, reasonCode });
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

  #handleAuth(packet: AuthPacket): void | Promise<void> {
    const { settings } = this.#broker;
    const { authenticationMethod, authenticationData } = packet.properties ?? {};
    const methodName = this.#connect.properties?.authenticationMethod;
    const method = methodName === undefined ? undefined : settings.authMethods.get(methodName);
    if (methodName === undefined || method === undefined || authenticationMethod !== methodName) {
      return this.fail(ReasonCode.ProtocolError, 'AUTH with another method than CONNECT, or without one');
    }
    const begins = packet.reasonCode === ReasonCode.ReAuthenticate;
    if (begins !== (this.#reauthentication === undefined)) {
      return this.fail(ReasonCode.ProtocolError, 'AUTH out of turn');
    }
    const { username, password } = this.#connect;
    const credentials = { clientId: this.#session.clientId, username, password };
    this.#reauthentication ??= new AuthExchange(settings, methodName, method, credentials, true);
    const exchange = this.#reauthentication;
    return this.#follow(exchange, begins ? exchange.begin(authenticationData) : exchange.continue(authenticationData));
  }

  /** §4.12.1. Other packets go on meanwhile, but what the client sent after AUTH waits for a slow method. */
  #follow(exchange: AuthExchange, step: BrokerAuthStep | Promise<BrokerAuthStep>): void | Promise<void> {
    if (step instanceof Promise) return step.then((settled) => void this.#follow(exchange, settled));
    if (step.type === 'challenge') {
      this.#channel.send(exchange.packet(ReasonCode.ContinueAuthentication, step.data));
      return undefined;
    }
    this.#reauthentication = undefined;
    if (step.type === 'success') this.#channel.send(exchange.packet(ReasonCode.Success, step.data));
    else this.fail(refusalCode(step), step.reasonString ?? 're-authentication refused'); // [MQTT-4.12.1-2]
    return undefined;
  }
}

/** PUBACK and PUBREC codes that refuse (§3.4.2.1) [MQTT-3.4.2-1] [MQTT-3.5.2-1]. */
const publishRefusals: ReadonlySet<number> = new Set([0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);

function publishRefusal(code: number): number {
  return publishRefusals.has(code) ? code : ReasonCode.ImplementationSpecificError;
}
