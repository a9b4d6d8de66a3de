// SPDX-License-Identifier: Apache-2.0
//
// From the opened connection to the CONNACK (§3.1.4): checks, redirection, authentication, session.
import { randomUUID } from 'node:crypto';
import { ReasonCode } from '@mqttv5/wire';
import type { ConnackProperties, ConnectPacket, Packet } from '@mqttv5/wire';
import type { BrokerAuthStep, BrokerClient, BrokerCredentials } from './api.ts';
import { askAuthenticate, failed } from './ask.ts';
import { AuthExchange, refusalCode } from './auth-exchange.ts';
import type { Channel, Stage } from './channel.ts';
import { ClientConnection } from './client-connection.ts';
import { connackRefusal } from './close-codes.ts';
import { reasonString } from './reason-string.ts';
import type { BrokerState } from './broker-state.ts';

/** First byte of a CONNECT. */
const connectByte = 0x10;

export class Handshake implements Stage {
  readonly #broker: BrokerState;
  readonly #channel: Channel;
  readonly #cancelTimeout: () => void;
  #connect: ConnectPacket | undefined;
  #exchange: AuthExchange | undefined;
  /** Who takes over once CONNACK has gone out. */
  #accepted: ClientConnection | undefined;

  constructor(broker: BrokerState, channel: Channel) {
    this.#broker = broker;
    this.#channel = channel;
    const { clock, connectTimeoutMs } = broker.settings;
    // §3.1.4: a client that does not connect in time is not kept.
    this.#cancelTimeout = clock.schedule(() => channel.close(), connectTimeoutMs);
  }

  get client(): BrokerClient {
    if (this.#accepted !== undefined) return this.#accepted.client;
    const { clientId = '', username } = this.#connect ?? {};
    return { clientId, username, connected: false, filters: [] };
  }

  handle(packet: Packet): void | Promise<void> {
    if (this.#connect === undefined) {
      // [MQTT-3.1.0-1] is the client's to keep; there is nothing a server may answer.
      if (packet.type !== 'connect') return this.#channel.close();
      this.#connect = packet;
      return this.#begin(packet);
    }
    if (packet.type === 'auth' && this.#exchange !== undefined) {
      const { authenticationMethod, authenticationData } = packet.properties ?? {};
      if (
        packet.reasonCode !== ReasonCode.ContinueAuthentication ||
        authenticationMethod !== this.#exchange.methodName
      ) {
        return this.#refuse(ReasonCode.ProtocolError, { reasonString: 'AUTH does not continue this authentication' });
      }
      return this.#follow(this.#connect, this.#exchange.continue(authenticationData));
    }
    if (packet.type === 'disconnect') return this.#channel.close();
    return this.#refuse(ReasonCode.ProtocolError, { reasonString: `${packet.type} before CONNACK` });
  }

  /** [MQTT-3.14.0-1]: a DISCONNECT is not allowed yet. Who does not even begin like MQTT gets no answer. */
  fail(reasonCode: number, message: string): void {
    this.#broker.settings.logger?.info(`CONNECT refused: ${message}`, { reasonCode });
    if (this.#channel.firstByte === connectByte) this.#refuse(reasonCode, { reasonString: reasonString(message) });
    else this.#channel.close();
  }

  sent(): void {}

  closed(): void {
    this.#cancelTimeout();
    this.#accepted?.closed();
  }

  #begin(connect: ConnectPacket): void | Promise<void> {
    const { settings } = this.#broker;
    this.#channel.limits = {
      maximumPacketSize: connect.properties?.maximumPacketSize,
      problemInformation: connect.properties?.requestProblemInformation ?? true,
    };
    const credentials: BrokerCredentials = {
      clientId: connect.clientId,
      username: connect.username,
      password: connect.password,
    };
    if (this.#redirect(credentials)) return undefined;
    if (connect.will !== undefined && connect.will.qos > settings.limits.maximumQoS) {
      return this.#refuse(ReasonCode.QoSNotSupported); // [MQTT-3.2.2-12]
    }
    if (connect.will?.retain === true && !settings.limits.retainAvailable) {
      return this.#refuse(ReasonCode.RetainNotSupported); // [MQTT-3.2.2-13]
    }
    const methodName = connect.properties?.authenticationMethod;
    if (methodName === undefined) {
      const answer = askAuthenticate(settings, credentials);
      return answer instanceof Promise
        ? answer.then((code) => this.#decide(connect, code))
        : this.#decide(connect, answer);
    }
    const method = settings.authMethods.get(methodName);
    if (method === undefined) return this.#refuse(ReasonCode.BadAuthenticationMethod); // [MQTT-4.12.0-1]
    this.#exchange = new AuthExchange(settings, methodName, method, credentials, false);
    return this.#follow(connect, this.#exchange.begin(connect.properties?.authenticationData));
  }

  #redirect(credentials: BrokerCredentials): boolean {
    const { settings } = this.#broker;
    try {
      const target = settings.redirect?.(credentials);
      if (target === undefined) return false;
      const { reasonCode = ReasonCode.UseAnotherServer, serverReference } = target;
      this.#refuse(reasonCode, serverReference === undefined ? {} : { serverReference });
    } catch (error) {
      this.#refuse(failed(settings, 'redirect', error));
    }
    return true;
  }

  #decide(connect: ConnectPacket, code: number): void | Promise<void> {
    return code === 0 ? this.#accept(connect, undefined) : this.#refuse(code);
  }

  #follow(connect: ConnectPacket, step: BrokerAuthStep | Promise<BrokerAuthStep>): void | Promise<void> {
    if (step instanceof Promise) return step.then((settled) => this.#follow(connect, settled));
    const exchange = this.#exchange;
    if (step.type === 'challenge' && exchange !== undefined) {
      return this.#channel.sendHeld(exchange.packet(ReasonCode.ContinueAuthentication, step.data)); // [MQTT-4.12.0-2]
    }
    if (step.type === 'success') return this.#accept(connect, step.data);
    if (step.type === 'refuse') {
      const reason = step.reasonString;
      this.#refuse(refusalCode(step), reason === undefined ? {} : { reasonString: reason }); // [MQTT-4.12.0-4]
    }
    return undefined;
  }

  #refuse(code: number, more: ConnackProperties = {}): void {
    const reasonCode = connackRefusal(code);
    const { reasonString: reason, userProperties, serverReference } = this.#broker.settings.connack;
    const redirects = reasonCode === ReasonCode.UseAnotherServer || reasonCode === ReasonCode.ServerMoved;
    const properties: ConnackProperties = {
      ...(reason === undefined ? {} : { reasonString: reason }),
      ...(userProperties === undefined ? {} : { userProperties }),
      ...(serverReference === undefined || !redirects ? {} : { serverReference }),
      ...more,
    };
    this.#broker.settings.logger?.info(`refused ${this.client.clientId}`, { reasonCode });
    // [MQTT-3.2.2-6]: no session with a refusal; [MQTT-3.2.2-7]: and no connection.
    this.#channel.close({ type: 'connack', sessionPresent: false, reasonCode, properties });
  }

  #accept(connect: ConnectPacket, authenticationData: Uint8Array | undefined): void | Promise<void> {
    if (!this.#channel.isOpen) return undefined;
    this.#cancelTimeout();
    const { sessions, settings } = this.#broker;
    const clientId = connect.clientId === '' ? this.#assignClientId() : connect.clientId;
    // [MQTT-3.1.4-3]: the older connection goes first, and its session as its expiry interval says.
    sessions.get(clientId)?.channel?.disconnect(ReasonCode.SessionTakenOver);
    const { session, present } = sessions.open(clientId, connect.cleanStart);
    const { sessionExpiryInterval = connect.properties?.sessionExpiryInterval ?? 0 } = settings.connack;
    session.expiryInterval = sessionExpiryInterval;
    session.username = connect.username;
    session.will = connect.will === undefined ? undefined : keptWill(connect.will);
    const connection = new ClientConnection(this.#broker, this.#channel, session, connect);
    this.#accepted = connection;
    settings.logger?.debug(`connected ${clientId}`, { sessionPresent: present });
    const begin = (): void => {
      if (!this.#channel.isOpen) return;
      this.#channel.stage = connection;
      connection.begin();
    };
    const held = this.#channel.sendHeld({
      type: 'connack',
      sessionPresent: present,
      reasonCode: ReasonCode.Success,
      properties: this.#welcome(connect, clientId, authenticationData),
    });
    // [MQTT-3.2.0-1]: nothing may overtake a CONNACK that the intercept hook holds.
    return held instanceof Promise ? held.then(begin) : begin();
  }

  #welcome(connect: ConnectPacket, clientId: string, authenticationData: Uint8Array | undefined): ConnackProperties {
    const {
      assignedClientIdentifier: _assigned,
      serverReference: _reference,
      responseInformation,
      ...properties
    } = this.#broker.settings.connack;
    const wantsResponses = connect.properties?.requestResponseInformation === true;
    return {
      ...properties,
      // [MQTT-3.1.3-7]
      ...(connect.clientId === '' ? { assignedClientIdentifier: clientId } : {}),
      // [MQTT-3.1.2-28]
      ...(wantsResponses && responseInformation !== undefined ? { responseInformation } : {}),
      ...(this.#exchange === undefined ? {} : { authenticationMethod: this.#exchange.methodName }),
      ...(authenticationData === undefined ? {} : { authenticationData }),
    };
  }

  /** [MQTT-3.2.2-16]: an identifier no session has. */
  #assignClientId(): string {
    const { sessions, settings } = this.#broker;
    const wanted = settings.connack.assignedClientIdentifier;
    if (wanted !== undefined && sessions.get(wanted) === undefined) return wanted;
    return `${wanted ?? 'assigned'}-${randomUUID()}`;
  }
}

/** The will outlives the chunk it came in. */
function keptWill(will: NonNullable<ConnectPacket['will']>): NonNullable<ConnectPacket['will']> {
  return { ...will, payload: will.payload.slice() };
}
