// SPDX-License-Identifier: Apache-2.0
//
// The PUBLISH packet that others of the tests are changes of.

import type { PublishPacket } from '../src/index.ts';

export const NONE: Uint8Array = new Uint8Array(0);
export const base: PublishPacket = {
  type: 'publish',
  topicName: 'a/b',
  payload: NONE,
  qos: 0,
  retain: false,
  dup: false,
  packetIdentifier: 0,
};
