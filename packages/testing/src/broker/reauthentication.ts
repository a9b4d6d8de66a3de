// SPDX-License-Identifier: Apache-2.0
import { ReasonCode } from '@mqttv5/wire';
import type { AuthPacket, ConnectPacket } from '@mqttv5/wire';
import type { BrokerAuthStep } from './api.ts';
import { AuthExchange, refusalCode } from './auth-exchange.ts';
import type { Channel } from './channel.ts';
import type { Settings } from './settings.ts';

/** Re-authentication of a connected client (§4.12.1): begun by the client, with the method of its CONNECT. */
export class Reauthentication {
  readonly #settings: Settings;
  readonly #channel: Channel;
  readonly #clientId: string;
  readonly #connect: ConnectPacket;
  #exchange: AuthExchange | undefined;

  constructor(settings: Settings, channel: Channel, clientId: string, connect: ConnectPacket) {
    this.#settings = settings;
    this.#channel = channel;
    this.#clientId = clientId;
    this.#connect = connect;
  }

  handleAuth(packet: AuthPacket): void | Promise<void> {
    const { authenticationMethod, authenticationData } = packet.properties ?? {};
    const methodName = this.#connect.properties?.authenticationMethod;
    const method = methodName === undefined ? undefined : this.#settings.authMethods.get(methodName);
    if (methodName === undefined || method === undefined || authenticationMethod !== methodName) {
      return this.#violation('AUTH with another method than CONNECT, or without one');
    }
    const begins = packet.reasonCode === ReasonCode.ReAuthenticate;
    if (begins !== (this.#exchange === undefined)) return this.#violation('AUTH out of turn');
    const { username, password } = this.#connect;
    const credentials = { clientId: this.#clientId, username, password };
    this.#exchange ??= new AuthExchange(this.#settings, methodName, method, credentials, true);
    const exchange = this.#exchange;
    return this.#follow(exchange, begins ? exchange.begin(authenticationData) : exchange.continue(authenticationData));
  }

  /** Other packets go on meanwhile, but what the client sent after AUTH waits for a slow method. */
  #follow(exchange: AuthExchange, step: BrokerAuthStep | Promise<BrokerAuthStep>): void | Promise<void> {
    if (step instanceof Promise) return step.then((settled) => void this.#follow(exchange, settled));
    if (step.type === 'challenge') {
      this.#channel.send(exchange.packet(ReasonCode.ContinueAuthentication, step.data));
      return undefined;
    }
    this.#exchange = undefined;
    if (step.type === 'success') {
      this.#channel.send(exchange.packet(ReasonCode.Success, step.data));
    } else {
      // [MQTT-4.12.1-2]
      this.#channel.stage.fail(refusalCode(step), step.reasonString ?? 're-authentication refused');
    }
    return undefined;
  }

  #violation(message: string): void {
    this.#channel.stage.fail(ReasonCode.ProtocolError, message);
  }
}
