// SPDX-License-Identifier: Apache-2.0
//
// MQTT over WebSocket. In a browser the same lines work, without `headers`: there the platform's WebSocket is used.
// With a broker of yours: MQTT_BROKER=ws://127.0.0.1:8083/mqtt

import { connect } from '@mqttv5/core';
import { check, example, exampleBroker } from '@mqttv5/example-shared';
import { webSocketDial } from '@mqttv5/transport-ws';

const prefix = example('ws');
const broker = await exampleBroker({ webSocket: true });

const client = await connect(broker.url, {
  // A function is asked anew for every attempt, so that a token can be fresh.
  dial: webSocketDial({ headers: (url) => ({ 'x-asked-for': url.host }) }),
});
console.log(`connected to ${client.serverInfo?.broker.href}`);

const large = new Uint8Array(20_000).map((_, index) => index % 251);
const blobs = await client.subscribe(`${prefix}/blob`, { qos: 2 });
await client.publish(`${prefix}/blob`, large, { qos: 2 });

const message = await blobs.receive();
check(message !== undefined && Buffer.compare(message.payload, large) === 0, 'the bytes arrived as they were');
message.ack();
console.log(`${message.payload.length} bytes there and back, over as many frames as it took`);

await client.disconnect();
await broker.close();
