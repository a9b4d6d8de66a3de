// SPDX-License-Identifier: Apache-2.0
//
// Ask and answer (MQTT v5.0 §4.10): response topic and correlation data are the client's business.

import { connect, isMqttError } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';

const prefix = example('request-response');
const broker = await exampleBroker();

const service = await connect(broker.url);
await service.respond(
  `${prefix}/square`,
  async (request) => {
    const { value } = request.json<{ value: number }>();
    await new Promise((resolve) => {
      setTimeout(resolve, 20); // some work
    });
    return { payload: JSON.stringify({ value: value ** 2 }), contentType: 'application/json' };
  },
  { qos: 1, concurrency: 10 },
);
// A handler that throws gives no answer; the event has the error.
await service.respond(`${prefix}/broken`, () => Promise.reject(new RangeError('out of tea')), { qos: 1 });
service.on('handlerError', ({ error, message }) => console.log(`${message.topic}: ${String(error)}`));

const client = await connect(broker.url);
const answer = await client.request(`${prefix}/square`, '{"value":12}', { qos: 1, timeoutMs: 5000 });
console.log(`12² = ${answer.json<{ value: number }>().value} (${answer.properties.contentType})`);

// All share one response subscription; each gets its own answer, whatever the order.
const squares = await Promise.all(
  Array.from({ length: 10 }, async (_, value) => {
    const response = await client.request(`${prefix}/square`, JSON.stringify({ value }), { qos: 1 });
    return response.json<{ value: number }>().value;
  }),
);
console.log(squares.join(' '));
check(squares.join() === '0,1,4,9,16,25,36,49,64,81', 'each request got its own answer');

for (const topic of ['broken', 'nobody-there']) {
  try {
    await client.request(`${prefix}/${topic}`, '{}', { qos: 1, timeoutMs: 300 });
    check(false, `${topic} does not answer`);
  } catch (error) {
    check(isMqttError(error) && error.code === 'REQUEST_TIMEOUT', 'no answer is a timeout');
    console.log(`${topic}: ${error.message}`);
  }
}

await client.disconnect();
await service.disconnect();
await broker.close();
