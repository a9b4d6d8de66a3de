// SPDX-License-Identifier: Apache-2.0
import { ReasonCode } from '@mqttv5/wire';
import type { MaybePromise } from '@mqttv5/core';
import type { AuthPacket } from '@mqttv5/wire';
import type { BrokerAuthExchange, BrokerAuthMethod, BrokerAuthStep, BrokerCredentials } from './api.ts';
import { failed } from './ask.ts';
import type { Settings } from './settings.ts';

/** One enhanced authentication with one client, initial or repeated (§4.12). */
export class AuthExchange {
  /** Every AUTH and the CONNACK repeat it [MQTT-4.12.0-5]. */
  readonly methodName: string;
  readonly #method: BrokerAuthMethod;
  readonly #settings: Settings;
  readonly #exchange: BrokerAuthExchange;

  constructor(
    settings: Settings,
    methodName: string,
    method: BrokerAuthMethod,
    credentials: BrokerCredentials,
    reauthentication: boolean,
  ) {
    this.methodName = methodName;
    this.#method = method;
    this.#settings = settings;
    this.#exchange = { ...credentials, reauthentication, state: undefined };
  }

  begin(data: Uint8Array | undefined): MaybePromise<BrokerAuthStep> {
    return this.#step(() => this.#method.begin(this.#exchange, data));
  }

  continue(data: Uint8Array | undefined): MaybePromise<BrokerAuthStep> {
    return this.#step(() => this.#method.continue(this.#exchange, data));
  }

  /** AUTH 0x18 for a challenge [MQTT-4.12.0-2], 0x00 for the end of a re-authentication. */
  packet(reasonCode: number, data: Uint8Array | undefined): AuthPacket {
    return {
      type: 'auth',
      reasonCode,
      properties: {
        authenticationMethod: this.methodName,
        ...(data === undefined ? {} : { authenticationData: data }),
      },
    };
  }

  #step(call: () => MaybePromise<BrokerAuthStep>): MaybePromise<BrokerAuthStep> {
    const refuse = (error: unknown): BrokerAuthStep => ({
      type: 'refuse',
      reasonCode: failed(this.#settings, `the authentication method ${this.methodName}`, error),
    });
    try {
      const step = call();
      return step instanceof Promise ? step.catch(refuse) : step;
    } catch (error) {
      return refuse(error);
    }
  }
}

/** The code of a refusal: 0x87 unless the method named another one. */
export function refusalCode(step: Extract<BrokerAuthStep, { type: 'refuse' }>): number {
  return step.reasonCode ?? ReasonCode.NotAuthorized;
}
