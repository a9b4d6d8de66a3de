// SPDX-License-Identifier: Apache-2.0
//
// A broker to be killed: says each message it is about to take over (`*ID`), before it acknowledges it. It remembers nothing.
//
// node broker.ts PORT

import process from 'node:process';
import { say } from '@mqttv5/support/say';
import { startBroker } from '@mqttv5/testing';

const decoder = new TextDecoder();

const broker = await startBroker({
  port: Number(process.argv[2]),
  authorize: ({ action, topic }) => action !== 'publish' || topic !== 'refused',
  intercept: (direction, packet) => {
    if (direction === 'in' && packet.type === 'publish' && packet.topicName === 'accepted')
      say(`*${decoder.decode(packet.payload)}`);
  },
});
say(`listening ${new URL(broker.url).port}`);
