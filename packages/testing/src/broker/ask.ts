// SPDX-License-Identifier: Apache-2.0
//
// The functions a program hands to the broker. They may throw and may answer with anything: what they say becomes a
// Reason Code, and a throw is logged and becomes 0x83 (Implementation specific error).
import { ReasonCode } from '@mqttv5/wire';
import type { MaybePromise } from '@mqttv5/core';
import type { Packet } from '@mqttv5/wire';
import type { BrokerAccess, BrokerClient, BrokerCredentials, InterceptAction } from './api.ts';
import type { Settings } from './settings.ts';

/** 0 if the client may connect, else the code to refuse it with. A promise only if the function gave one. */
export function askAuthenticate(settings: Settings, credentials: BrokerCredentials): MaybePromise<number> {
  const { authenticate } = settings;
  if (authenticate === undefined) return ReasonCode.Success;
  const code = (answer: boolean | number): number => toCode(answer, ReasonCode.BadUserNameOrPassword);
  try {
    const answer = authenticate(credentials);
    if (typeof answer === 'boolean' || typeof answer === 'number') return code(answer);
    return answer.then(code, (error: unknown) => failed(settings, 'authenticate', error));
  } catch (error) {
    return failed(settings, 'authenticate', error);
  }
}

/** 0 if it is allowed, else the code to refuse it with. */
export function askAuthorize(settings: Settings, access: BrokerAccess): number {
  const { authorize } = settings;
  if (authorize === undefined) return ReasonCode.Success;
  try {
    return toCode(authorize(access), ReasonCode.NotAuthorized);
  } catch (error) {
    return failed(settings, 'authorize', error);
  }
}

/** What becomes of a packet: undefined if it goes its way. A promise only if the function gave one. */
export function askIntercept(
  settings: Settings,
  direction: 'in' | 'out',
  packet: Packet,
  client: BrokerClient,
): MaybePromise<InterceptAction | undefined> {
  const onThrow = (error: unknown): InterceptAction => failed(settings, 'intercept', error);
  try {
    const answer = settings.intercept?.(direction, packet, client);
    return answer instanceof Promise ? answer.then((action) => action ?? undefined, onThrow) : (answer ?? undefined);
  } catch (error) {
    return onThrow(error);
  }
}

/** Logs what a function of the program threw. */
export function failed(settings: Settings, name: string, error: unknown): number {
  settings.logger?.error(`${name} threw`, { error });
  return ReasonCode.ImplementationSpecificError;
}

function toCode(answer: boolean | number, refusal: number): number {
  if (answer === true || answer === 0) return ReasonCode.Success;
  if (answer === false) return refusal;
  // A code that means success elsewhere (0x01, 0x10, …) is no refusal; it is a mistake, and the safe side is to refuse.
  return Number.isInteger(answer) && answer >= 0x80 && answer <= 0xff ? answer : ReasonCode.ImplementationSpecificError;
}
