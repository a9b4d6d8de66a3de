// SPDX-License-Identifier: Apache-2.0
//
// Values instead of bytes. The schema is asked about everything that arrives; what it refuses never reaches the loop.

import { jsonCodec, ValidationError } from '@mqttv5/codec-json';
import { connect, topicTemplate, Typed } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';
import { z } from 'zod';

const Reading = z.object({
  celsius: z.number().min(-273.15),
  unit: z.literal('C').default('C'),
  takenAt: z.iso.datetime().transform((text) => new Date(text)),
});

const prefix = example('typed');
const broker = await exampleBroker();
const client = await connect(broker.url);

const topic = topicTemplate('sensors/{device}/reading');
const readings = new Typed(client, jsonCodec(Reading));

const refused: string[] = [];
const subscription = await readings.subscribe(`${prefix}/${topic.filter}`, {
  qos: 1,
  onDecodeError: (error, message) => {
    refused.push(message.text());
    console.log(`refused ${message.text()}: ${error instanceof ValidationError ? error.message : String(error)}`);
  },
});

// What is published is the schema's input: a text as the time, no unit. The compiler knows.
await readings.publish(`${prefix}/${topic.format({ device: 7 })}`, {
  celsius: 21.5,
  takenAt: '2026-01-01T12:00:00Z',
});
// Somebody else's mistakes.
await client.publish(`${prefix}/sensors/8/reading`, 'not JSON');
await client.publish(`${prefix}/sensors/8/reading`, '{"celsius":-300,"takenAt":"2026-01-01T12:00:00Z"}');
await readings.publish(`${prefix}/sensors/9/reading`, { celsius: 22, takenAt: '2026-01-01T12:00:01Z' });

const values: number[] = [];
for await (const { topic: name, value } of subscription) {
  // What arrives is its output: a Date, and the default filled in.
  const device = topic.match(name.slice(prefix.length + 1))?.device;
  console.log(`device ${device}: ${value.celsius} °${value.unit} at ${value.takenAt.toISOString()}`);
  values.push(value.celsius);
  if (values.length === 2) break;
}
check(values.join() === '21.5,22', 'the two good readings arrived');
check(refused.length === 2, 'the two bad ones were refused');

await client.disconnect();
await broker.close();
