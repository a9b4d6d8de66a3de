// SPDX-License-Identifier: Apache-2.0
import { encodedLength, WireError } from '@mqttv5/wire';
import type { DisconnectPacket, Packet } from '@mqttv5/wire';
import { TestingError } from '../errors.ts';
import type { BrokerDisconnectOptions } from './api.ts';

/**
 * Tells the program at once what could not be sent later, when nobody is there to be told.
 *
 * @throws TestingError `INVALID_OPTION`
 */
export function assertLegal(subject: string, packet: Packet): void {
  try {
    encodedLength(packet);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new TestingError('INVALID_OPTION', `${subject}: ${error.message}`, { cause: error });
  }
}

export function disconnectPacket(reasonCode: number, options: BrokerDisconnectOptions): DisconnectPacket {
  const { reasonString, serverReference, userProperties } = options;
  return {
    type: 'disconnect',
    reasonCode,
    properties: {
      ...(reasonString === undefined ? {} : { reasonString }),
      ...(serverReference === undefined ? {} : { serverReference }),
      ...(userProperties === undefined ? {} : { userProperties }),
    },
  };
}
