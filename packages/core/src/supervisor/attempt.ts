// SPDX-License-Identifier: Apache-2.0
//
// One attempt to connect: `prepareConnect`, CONNECT, the AUTH rounds and CONNACK, all within `connectTimeoutMs`.

import type { ConnackPacket, ConnectPacket } from '@mqttv5/wire';
import type { ConnectCredentials } from '../api/connect.ts';
import type { BrokerAddress } from '../broker-url.ts';
import { establish } from '../connection/establish.ts';
import type { Link } from '../connection/link.ts';
import { type AnyMqttError, mqttError } from '../errors.ts';
import type { ResolvedClientOptions } from '../options/client-options.ts';
import { connectPacket } from '../options/connect-packet.ts';
import { type ResolvedCredentials, resolveCredentials } from '../options/credentials.ts';
import type { ConnectPlan } from '../session/effects.ts';
import type { Counters } from '../stats.ts';
import type { Environment } from './environment.ts';
import type { Life } from './life.ts';
import { orAborted } from '../abort.ts';

export interface AttemptRequest {
  readonly broker: BrokerAddress;
  readonly attempt: number;
  readonly plan: ConnectPlan;
  /** Ends with the error to report: by `disconnect()`, or the signal given to `connect()`. */
  readonly life: Life;
  readonly beforeConnect: () => void | Promise<void>;
  readonly connectWritten: () => void;
}

export interface AttemptResult {
  readonly link: Link;
  readonly connect: ConnectPacket;
  readonly connack: ConnackPacket;
}

/**
 * @throws MqttError `CONNECT_TIMEOUT`, `PREPARE_CONNECT_FAILED` and everything `establish` throws; the signal's reason when
 * it aborts. Nothing is left open then.
 */
export async function attemptConnect(
  options: ResolvedClientOptions,
  environment: Environment,
  counters: Counters,
  request: AttemptRequest,
): Promise<AttemptResult> {
  const { broker, life } = request;
  const over = life.beginAttempt();
  const { signal } = over;
  const timer = environment.clock.setTimer(options.connectTimeoutMs, () =>
    over.abort(tooLate(broker, options.connectTimeoutMs)),
  );
  try {
    const credentials = await prepareCredentials(options, request, signal);
    const connect = connectPacket(options, {
      ...credentials,
      clientId: request.plan.clientId,
      cleanStart: request.plan.cleanStart,
      // `establish` fills these in: the authenticator belongs to the connection.
      authenticationMethod: undefined,
      authenticationData: undefined,
    });
    const { link, connack } = await establish(new URL(broker.href), connect, {
      ...options,
      ...request,
      dial: options.dial ?? environment.dial,
      clock: environment.clock,
      counters,
      signal,
    });
    return { link, connect, connack };
  } finally {
    timer.cancel();
    life.endAttempt();
  }
}

function tooLate(broker: BrokerAddress, timeoutMs: number): AnyMqttError {
  return mqttError('CONNECT_TIMEOUT', `No CONNACK from ${broker.shown} within ${timeoutMs} ms`);
}

/** What is in the URL counts when the options name none (api.md, "Broker and transport"). */
async function prepareCredentials(
  options: ResolvedClientOptions,
  { broker, attempt }: AttemptRequest,
  signal: AbortSignal,
): Promise<ResolvedCredentials> {
  const inOptions = options.username !== undefined || options.password !== undefined;
  const { username, password } = inOptions ? options : broker;
  const connect: ConnectCredentials = { username, password, userProperties: options.userProperties };
  const hook = options.prepareConnect;
  if (hook === undefined) return resolveCredentials(connect);
  // For this CONNECT only: what the hook does to these bytes must not be in the next one.
  if (password instanceof Uint8Array) connect.password = new Uint8Array(password);
  signal.throwIfAborted();
  try {
    const context = { signal, attempt, broker: new URL(broker.href) };
    // The hook may ignore its signal: the attempt does not wait for it.
    const returned = await orAborted((async () => hook(connect, context))(), signal);
    return resolveCredentials(connect, returned);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw mqttError('PREPARE_CONNECT_FAILED', 'prepareConnect failed', { cause: error });
  }
}
