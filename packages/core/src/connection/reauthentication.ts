// SPDX-License-Identifier: Apache-2.0
//
// Re-authentication of an open connection (§4.12.1). Only the client starts one; other traffic goes on meanwhile.
//
//   idle ──reauthenticate()──▶ beginning ──AUTH 0x19 sent──▶ waiting ◀──AUTH 0x18 both ways──▶ answering
//                                                               └──AUTH 0x00──▶ verifying ──▶ idle
//
// An aborted call ends its wait and nothing else once AUTH is sent: the broker is in the middle of an exchange, so the slot
// stays taken until it has ended it.

import type { AuthPacket } from '@mqttv5/wire';
import type { Authenticator } from '../api/connect.ts';
import { CONTINUE_AUTHENTICATION, hexByte, RE_AUTHENTICATE, UNSPECIFIED_ERROR } from '../api/reason-codes.ts';
import { onAbort } from '../abort.ts';
import { mqttError } from '../errors.ts';
import type { AnyMqttError, ProtocolError } from '../errors.ts';
import { AuthenticationExchange, authPacket, authViolation } from './authentication.ts';
import { violation } from './connection-errors.ts';

const ANSWERS: ReadonlySet<number> = new Set([0x00, CONTINUE_AUTHENTICATION]);

export interface ReauthenticationPort {
  /** False: the packet is larger than the broker takes. */
  sendAuth(packet: AuthPacket): boolean;
  /** Ends the connection with DISCONNECT `reasonCode`. */
  fail(reasonCode: number, error: AnyMqttError): void;
  /** Once for each success. */
  reauthenticated(): void;
}

type Phase = 'idle' | 'beginning' | 'waiting' | 'answering' | 'verifying';

export class Reauthentication {
  readonly #authenticator: Authenticator | undefined;
  readonly #problemInformation: boolean;
  readonly #port: ReauthenticationPort;
  #phase: Phase = 'idle';
  #exchange: AuthenticationExchange | undefined;
  /** Settles the call, which may have ended before. */
  #settle: ((error?: unknown) => void) | undefined;

  constructor(authenticator: Authenticator | undefined, problemInformation: boolean, port: ReauthenticationPort) {
    this.#authenticator = authenticator;
    this.#problemInformation = problemInformation;
    this.#port = port;
  }

  /**
   * @throws MqttError `NO_AUTHENTICATOR`, `REAUTH_IN_PROGRESS`, `AUTH_FAILED`, what `end` is called with, or the signal's
   * reason
   */
  run(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const authenticator = this.#authenticator;
    if (!authenticator)
      return Promise.reject(mqttError('NO_AUTHENTICATOR', 'Re-authentication needs the option `authenticator`'));
    if (this.#phase !== 'idle')
      return Promise.reject(mqttError('REAUTH_IN_PROGRESS', 'The last re-authentication has not ended'));
    const exchange = new AuthenticationExchange(authenticator);
    this.#exchange = exchange;
    this.#phase = 'beginning';
    return new Promise<void>((resolve, reject) => {
      const forget = onAbort(signal, (reason) => this.#abort(exchange, reason));
      this.#settle = (...outcome) => {
        this.#settle = undefined;
        forget();
        if (outcome.length === 0) resolve();
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an AbortSignal's reason is passed on as it is.
        else reject(outcome[0]);
      };
      void this.#begin(exchange);
    });
  }

  handleAuth(packet: AuthPacket): void {
    const method = this.#authenticator?.method;
    const problem =
      authViolation(packet, method, ANSWERS, this.#problemInformation) ??
      // §4.12.1: the client starts it, and each side waits for the other.
      (this.#phase === 'waiting' ? undefined : outOfTurn(packet));
    if (problem) return this.#port.fail(problem.reasonCode, problem);
    const exchange = this.#exchange;
    if (!exchange) return;
    if (packet.reasonCode === CONTINUE_AUTHENTICATION) void this.#answer(exchange, packet);
    else void this.#conclude(exchange, packet);
  }

  /** The connection is over. */
  end(error: AnyMqttError): void {
    this.#exchange?.cancel(error);
    this.#release();
    this.#settle?.(error);
  }

  /** Whether a broker's DISCONNECT of now ends an exchange. */
  get active(): boolean {
    return this.#phase !== 'idle' && this.#phase !== 'beginning';
  }

  async #begin(exchange: AuthenticationExchange): Promise<void> {
    let data: Uint8Array | undefined;
    try {
      data = await exchange.begin();
    } catch (error) {
      // Nothing was sent: the connection is as good as before.
      if (this.#exchange !== exchange) return;
      this.#release();
      this.#settle?.(error);
      return;
    }
    if (this.#exchange !== exchange) return;
    this.#phase = 'waiting';
    this.#send(authPacket(RE_AUTHENTICATE, exchange.method, data));
  }

  async #answer(exchange: AuthenticationExchange, challenge: AuthPacket): Promise<void> {
    this.#phase = 'answering';
    try {
      const data = await exchange.continue(challenge);
      if (this.#exchange !== exchange) return;
      this.#phase = 'waiting';
      // [MQTT-4.12.0-3]
      this.#send(authPacket(CONTINUE_AUTHENTICATION, exchange.method, data));
    } catch (error) {
      this.#failed(exchange, error);
    }
  }

  async #conclude(exchange: AuthenticationExchange, final: AuthPacket): Promise<void> {
    this.#phase = 'verifying';
    try {
      if (exchange.verifies) await exchange.verify(final.properties?.authenticationData);
    } catch (error) {
      this.#failed(exchange, error);
      return;
    }
    if (this.#exchange !== exchange) return;
    this.#release();
    this.#settle?.();
    this.#port.reauthenticated();
  }

  #send(packet: AuthPacket): void {
    if (this.#port.sendAuth(packet)) return;
    const error = mqttError('AUTH_FAILED', "AUTH exceeds the broker's Maximum Packet Size");
    this.#port.fail(UNSPECIFIED_ERROR, error);
  }

  /** [MQTT-4.12.1-2]: the side that finds it failed closes the connection. */
  #failed(exchange: AuthenticationExchange, error: unknown): void {
    if (this.#exchange !== exchange) return;
    // Whatever the authenticator throws, an exchange makes AUTH_FAILED of it.
    this.#port.fail(UNSPECIFIED_ERROR, error as AnyMqttError);
  }

  #abort(exchange: AuthenticationExchange, reason: unknown): void {
    if (this.#exchange === exchange && this.#phase === 'beginning') {
      exchange.cancel(reason);
      this.#release();
    }
    this.#settle?.(reason);
  }

  #release(): void {
    this.#phase = 'idle';
    this.#exchange = undefined;
  }
}

function outOfTurn(packet: AuthPacket): ProtocolError {
  return violation(`AUTH ${hexByte(packet.reasonCode)} outside an exchange that waits for it`);
}
