// SPDX-License-Identifier: Apache-2.0
//
// The counters of a client in the text format of Prometheus, over HTTP. The program scrapes itself once.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Client, connect } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';

/** Levels of now; everything else only grows. */
const GAUGES = new Set(['publishesInflight', 'publishesQueued', 'sendQuota', 'subscriptions']);

function metricsOf(client: Client): string {
  return Object.entries(client.stats())
    .map(([name, value]) => {
      const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const [metric, type] = GAUGES.has(name) ? [`mqtt_${snake}`, 'gauge'] : [`mqtt_${snake}_total`, 'counter'];
      return `# TYPE ${metric} ${type}\n${metric} ${value}\n`;
    })
    .join('');
}

const prefix = example('stats');
const broker = await exampleBroker();
// Without `stats` everything is 0, and costs nothing.
const client = await connect(broker.url, { stats: true });

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(metricsOf(client));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo; // a TCP server that listens has one

await client.subscribeCallback(`${prefix}/#`, () => undefined, { qos: 1 });
await Promise.all(Array.from({ length: 100 }, (_, index) => client.publish(`${prefix}/${index % 5}`, 'x', { qos: 1 })));
while (client.stats().messagesReceived < 100) await client.ping();

const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
console.log(text);
const value = (metric: string): number => Number(new RegExp(`^${metric} (\\d+)$`, 'm').exec(text)?.[1]);
check(value('mqtt_publishes_acked_total') === 100, '100 publishes were acknowledged');
check(value('mqtt_messages_received_total') === 100, '100 messages were received');
check(value('mqtt_subscriptions') === 1, 'there is one subscription');

server.close();
await client.disconnect();
await broker.close();
